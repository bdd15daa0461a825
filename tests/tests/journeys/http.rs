//! Journeys of HTTP: clients as people use them, straight to real servers and through the gateway, which stands in for
//! the servers or is a proxy.

mod abuse;
mod browser;
mod clients;
mod crash;
mod curl;
mod devtools;
mod frames;
mod grpc;
mod hostile;
mod proxy;
mod raw;
mod reading;
mod reverse;
mod smuggling;
mod stage;
mod streams;
mod upgrade;
mod upstream;
mod world;

use wiretape_tests::exchange::Exchange;
use wiretape_tests::gateway::Gateway;
use wiretape_tests::record::{Events, Session};

/// Waits until every session there is has ended well, verifies their tapes, and gives them with their events, oldest
/// first. A client may leave before it has said anything: those sessions are left out.
fn ended(gateway: &Gateway) -> Vec<(Session, Events)> {
    let said = |session: &Session| !session.reason().contains("tls handshake eof");
    let sessions = gateway.record().all_ended().into_iter().rev().filter(said).map(|session| {
        assert_eq!(session.state(), "closed", "{}", session.reason());
        session.verified().coded(0);
        let events = session.events();
        (session, events)
    });
    sessions.collect()
}

/// What was asked and answered in all sessions, without the tunnels that lead to it.
fn exchanges(gateway: &Gateway) -> Vec<Exchange> {
    let all = ended(gateway).into_iter().flat_map(|(_, events)| events.exchanges());
    all.filter(|exchange| exchange.method != "CONNECT" || exchange.protocol.is_some()).collect()
}
