//! A browser, as it is, that opens a page by way of the proxy.

use serde_json::{Value, json};
use wiretape_core::Side;
use wiretape_core::event::HttpVersion;
use wiretape_tests::random;
use wiretape_tests::secrets;
use wiretape_tests::web::{Road, Web};

/// What the page says of itself on `road`.
fn open(web: &Web, road: Road) -> Value {
    // The browser's store of authorities is a person's own.
    let store = web.folder.home().join(".pki/nssdb");
    let _old_one = std::fs::remove_dir_all(&store);
    std::fs::create_dir_all(&store).expect("a folder can be made");
    let certutil = || web.folder.program("certutil").arg("-d").arg(format!("sql:{}", store.display()));
    certutil().args(["-N", "--empty-password"]).succeed();
    certutil().args(["-A", "-t", "C,,", "-n", "trusted", "-i"]).arg(web.trusted(road)).succeed();
    let finished = web.script(road, "secure", "node", "page_client.js").succeed();
    serde_json::from_slice(&finished.stdout).unwrap_or_else(|error| {
        panic!("{error}: {} {}", finished.text(), finished.errors());
    })
}

#[test]
fn a_page_with_a_socket_and_events_is_as_without_a_gateway() {
    let web = Web::new();
    let direct = open(&web, Road::Direct);
    let messages = ["message 1 of 3", "message 2 of 3", "message 3 of 3"];
    assert_eq!(
        direct,
        json!({
            "echo": random::digest_of(b"from the page"), "text": "line 0", "socket": [["one", 2], 1000],
            "events": messages, "protocol": "h2",
        })
    );
    assert_eq!(open(&web, Road::Forward), direct);

    let exchanges = super::exchanges(&web.gateway);
    let of = |path: &str| {
        exchanges.iter().find(|exchange| exchange.path.starts_with(path)).unwrap_or_else(|| panic!("{path}"))
    };
    assert_eq!((of("/page").version, of("/page").status), (HttpVersion::Http2, 200));
    assert_eq!(of("/echo").request.content, b"from the page");
    let events = String::from_utf8_lossy(&of("/events").response.content).into_owned();
    assert!(messages.iter().all(|message| events.contains(message)), "{events}");
    let socket = of("/socket");
    assert_eq!(socket.upgrade.as_deref(), Some("websocket"));
    let said = |side: Side| {
        socket.messages.iter().filter(|(of, ..)| *of == side).map(|(.., bytes)| &bytes[..]).collect::<Vec<_>>()
    };
    assert_eq!(said(Side::Client), [&b"one"[..], &[2, 2]]);
    assert_eq!(said(Side::Upstream), said(Side::Client));
    secrets::are_nowhere(&web.gateway, &[&web.token.secret]);
}
