//! An OpenID Connect issuer: the library oidc-provider, run by `tests/clients/identity_provider.js`, with people who log
//! in by its pages, clients with secrets, and keys that change.

use std::sync::Mutex;

use serde_json::{Value, json};

use crate::program::Running;
use crate::stage::{Folder, client_script};

/// An issuer that runs.
pub struct Issuer {
    url: String,
    server: Mutex<(Running, u64)>,
}

impl Issuer {
    /// Starts one whose tokens last an hour.
    #[must_use]
    pub fn start(folder: &Folder) -> Self {
        Self::start_with(folder, 3600)
    }

    /// Starts one whose tokens last for `seconds`.
    #[must_use]
    pub fn start_with(folder: &Folder, seconds: u64) -> Self {
        let modules = std::env::var_os("NODE_PATH").unwrap_or_default();
        let server = folder.program("node").env("NODE_PATH", modules).env("NODE_ENV", "test");
        let server = server.arg(client_script("identity_provider.js")).arg(seconds.to_string()).input_held().start();
        let url = server.line("issuer ");
        Self { url, server: Mutex::new((server, 0)) }
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The lines of its `[[issuer]]` table: `wiretape` is the client of persons, `coding-agent` an agent.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        vec![
            format!("url = {:?}", self.url),
            "client_id = \"wiretape\"".to_owned(),
            "agents = { claim = \"client_id\", values = [\"coding-agent\"] }".to_owned(),
        ]
    }

    /// A token as `order` wants it: `header`, `claims`, `alg`, and `key`, which is `issuer`, `other`, `none` or
    /// `public` (an HMAC by the public key). What it does not say is as in a good token of Ana's.
    #[must_use]
    pub fn mint(&self, order: &Value) -> String {
        self.ask("mint", order).as_str().expect("a token").to_owned()
    }

    /// A person with a browser goes to `url` and logs in as `login`; what the last page was.
    pub fn person(&self, url: &str, login: &str) -> String {
        let page = self.ask("person", &json!({"url": url, "login": login}));
        page["page"].as_str().unwrap_or_else(|| panic!("{page}")).to_owned()
    }

    /// A person goes to `url`, logs in and refuses.
    pub fn refuse(&self, url: &str, login: &str) {
        let _ = self.ask("person", &json!({"url": url, "login": login, "refuse": true}));
    }

    /// Has it sign by new keys from now on, and forget the old ones.
    pub fn rotate(&self) {
        self.ask("rotate", &json!({}));
    }

    /// Has it answer nothing but errors, or well again.
    pub fn set_down(&self, down: bool) {
        self.ask(if down { "down" } else { "up" }, &json!({}));
    }

    /// How often `path` was asked for.
    #[must_use]
    pub fn asked(&self, path: &str) -> u64 {
        self.ask("asked", &json!({"path": path})).as_u64().expect("a number")
    }

    /// The secret of `client`.
    #[must_use]
    pub fn secret(&self, client: &str) -> String {
        self.ask("secret", &json!({"client": client})).as_str().expect("a secret").to_owned()
    }

    fn ask(&self, what: &str, order: &Value) -> Value {
        let mut server = self.server.lock().expect("no panic under this lock");
        server.1 += 1;
        let number = server.1;
        let mut order = order.clone();
        order["number"] = json!(number);
        order["what"] = json!(what);
        server.0.say(format!("{order}\n").as_bytes()).expect("the issuer listens");
        let answer: Value = serde_json::from_str(&server.0.line(&format!("answer {number} "))).expect("JSON");
        assert!(answer.get("error").is_none(), "{what}: {answer}");
        answer
    }
}
