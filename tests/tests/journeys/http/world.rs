//! A gateway before one scripted target, for clients and targets that mean no good.

use std::net::SocketAddr;

use wiretape_tests::configuration::{Configuration, Target, User};
use wiretape_tests::conversation::Conversation;
use wiretape_tests::gateway::Gateway;
use wiretape_tests::processes;
use wiretape_tests::secrets::Token;
use wiretape_tests::stage::{Folder, PERSON};

/// The name by which the target is reached at the gateway.
pub(super) const NAME: &str = "a.gateway.example";

/// What the gateway may come to hold more than it did, in KiB, whatever one client does. It is a development build, and
/// an allocator keeps what it once had.
const GROWTH_KIB_MAX: u64 = 96 * 1024;

/// The gateway, and a person whom it lets in to the target.
pub(super) struct World {
    pub(super) gateway: Gateway,
    pub(super) token: Token,
    resident_kib: u64,
    _folder: Folder,
}

impl World {
    /// A world with `target`.
    pub(super) fn before(target: SocketAddr) -> Self {
        Self::speaking(target, "auto")
    }

    /// A world with `target`, to which `version` of HTTP is spoken.
    pub(super) fn speaking(target: SocketAddr, version: &str) -> Self {
        let folder = Folder::new();
        let token = Token::make(PERSON);
        let configuration = Configuration {
            users: vec![User::named(PERSON).line(&token.line)],
            targets: vec![Target::web("a", &format!("http://{target}")).line(&format!("http = {version:?}"))],
            http: true,
            http_settings: vec!["domain = \"gateway.example\"".to_owned()],
            ..Configuration::new(folder.join("data"))
        };
        let gateway = Gateway::start(&folder, configuration);
        let resident_kib = processes::resident_kib(gateway.number());
        Self { gateway, token, resident_kib, _folder: folder }
    }

    /// `bytes` with the target's name at the gateway in the place of `a.example`, and with the person's token wherever a
    /// head asks for it.
    pub(super) fn let_in(&self, bytes: &[u8]) -> Vec<u8> {
        let named = replaced(bytes, b"a.example", NAME.as_bytes());
        let host = format!("Host: {NAME}\r\n");
        let with_token = format!("{host}Authorization: Bearer {}\r\n", self.token.secret);
        replaced(&named, host.as_bytes(), with_token.as_bytes())
    }

    /// Asks for `path` on a new connection, and gives it.
    pub(super) fn ask(&self, path: &str) -> Conversation {
        let mut client = Conversation::with(self.gateway.http());
        client.say(self.let_in(format!("GET {path} HTTP/1.1\r\nHost: a.example\r\n\r\n").as_bytes()));
        client
    }

    /// The gateway runs, serves others, and holds not much more than when it began.
    pub(super) fn is_well(&self) {
        assert!(self.gateway.runs());
        let (head, content) = self.ask("/served").hear_response();
        assert!(head.starts_with("HTTP/1.1 200 ") && content == "served", "{head}{content}");
        let peak_kib = processes::resident_peak_kib(self.gateway.number());
        let grown_kib = peak_kib.saturating_sub(self.resident_kib);
        assert!(grown_kib < GROWTH_KIB_MAX, "the gateway came to hold {grown_kib} KiB more than when it began");
    }
}

fn replaced(bytes: &[u8], what: &[u8], by: &[u8]) -> Vec<u8> {
    let mut changed = Vec::new();
    let mut rest = bytes;
    while let Some(place) = rest.windows(what.len()).position(|window| window == what) {
        changed.extend_from_slice(&rest[..place]);
        changed.extend_from_slice(by);
        rest = &rest[place + what.len()..];
    }
    changed.extend_from_slice(rest);
    changed
}
