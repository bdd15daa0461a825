//! gRPC as it is: unary and streaming in every direction, errors, deadlines, what is cancelled.

use std::net::SocketAddr;

use serde_json::Value;
use wiretape_tests::authority::Authority;
use wiretape_tests::configuration::Target;
use wiretape_tests::exchange::recorded;
use wiretape_tests::program::{Program, Running};
use wiretape_tests::stage::{client_python, client_script};
use wiretape_tests::web::{OWN_NAMES, Road, Web};

/// A gateway before a gRPC server: the targets `calls` over TLS and `calls-clear` in clear text.
struct Stage {
    server: Running,
    web: Web,
}

impl Stage {
    fn new() -> Self {
        let mut server = None;
        let web = Web::with(|folder, _, configuration| {
            let authority = Authority::of(folder.path(), "authority");
            let certificate = authority.issue("grpc", &OWN_NAMES);
            let program = folder.program(client_python()).arg(client_script("grpc_server.py"));
            let started = program.arg(&certificate.certificate).arg(&certificate.key).start();
            let trusted = format!("tls_ca = {:?}", authority.certificate().display().to_string());
            let url = |scheme: &str, word: &str| format!("{scheme}://localhost:{}", port(&started, word));
            configuration.targets.push(Target::web("calls", &url("https", "secure")).line(&trusted));
            configuration.targets.push(Target::web("calls-clear", &url("http", "clear")).line("http = \"2\""));
            server = Some(started);
        });
        Self { server: server.expect("it was started"), web }
    }

    /// What the client sees on `road` to `target`.
    fn see(&self, road: Road, target: &str) -> Value {
        let scheme = if target == "calls" { "https" } else { "http" };
        let url = match road {
            Road::Reverse => self.web.url(road, target),
            _ => format!(
                "{scheme}://localhost:{}",
                port(&self.server, if target == "calls" { "secure" } else { "clear" })
            ),
        };
        // The library takes its roots from a variable of its own when it goes by a proxy.
        let program = self.web.shown(road, "plain", Program::new(client_python())).env("WEB_URL", url);
        let finished = program.arg(client_script("grpc_client.py")).succeed();
        serde_json::from_slice(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {}", finished.errors()))
    }
}

fn port(server: &Running, word: &str) -> u16 {
    let port: u16 = server.line(&format!("listen {word} ")).trim().parse().expect("a port");
    SocketAddr::from(([127, 0, 0, 1], port)).port()
}

#[test]
fn calls_pass_on_every_way() {
    let stage = Stage::new();
    for target in ["calls", "calls-clear"] {
        let direct = stage.see(Road::Direct, target);
        assert!(direct.as_object().is_some_and(|parts| parts.len() > 10), "{direct}");
        for road in [Road::Reverse, Road::Forward] {
            let seen = stage.see(road, target);
            for (part, direct) in direct.as_object().expect("parts by name") {
                assert_eq!(&seen[part], direct, "{road:?} to {target}: {part}");
            }
        }
    }
    let exchanges = super::exchanges(&stage.web.gateway);
    assert_eq!(exchanges.len(), 4 * 11, "each call is an exchange");
    let of = |method: &str| exchanges.iter().filter(|exchange| exchange.path.ends_with(method)).collect::<Vec<_>>();
    let status = |trailers: &[(String, String)]| {
        trailers.iter().find(|(name, _)| name == "grpc-status").map(|(_, status)| status.clone())
    };
    for exchange in of("/echo.Echo/Unary") {
        assert_eq!(status(&exchange.response.trailers).as_deref(), Some("0"), "{exchange:?}");
        assert!(exchange.request.complete && exchange.response.complete);
        // A message: a byte that says that it is not compressed, its length, itself.
        assert_eq!(exchange.request.content.len() + 9, exchange.response.content.len());
    }
    for exchange in of("/echo.Echo/Refuse") {
        // Without content, the trailers may stand in the head.
        let inline = recorded(&exchange.response_fields, "grpc-status").pop();
        assert_eq!(status(&exchange.response.trailers).or(inline).as_deref(), Some("9"), "FAILED_PRECONDITION");
    }
    for exchange in of("/echo.Echo/Sleep") {
        // The server knows the deadline too: it may be the first of the two to give up.
        let client = exchange.request.reset.as_ref().is_some_and(|(code, _)| *code == 8);
        let server = exchange.response.reset.is_some() || status(&exchange.response.trailers).as_deref() == Some("4");
        let inline = recorded(&exchange.response_fields, "grpc-status") == ["4"];
        assert!(client || server || inline, "{exchange:?}");
    }
    for exchange in of("/echo.Echo/Converse") {
        assert!(exchange.request.runs.len() >= 50, "a run of content for each message: {:?}", exchange.request.runs);
        assert!(exchange.response.runs[0].0 < exchange.request.runs[49].0, "both ways at once");
    }
    let broken_off = of("/echo.Echo/Count").into_iter().filter(|exchange| exchange.request.reset.is_some());
    assert_eq!(broken_off.count(), 4, "what was cancelled");
}
