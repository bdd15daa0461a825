//! Journeys of HTTP: clients as people use them, straight to real servers and through the gateway, which stands in for
//! the servers or is a proxy.

mod browser;
mod clients;
mod crash;
mod curl;
mod grpc;
mod proxy;
mod raw;
mod reading;
mod reverse;
mod smuggling;
mod stage;
mod streams;
mod upgrade;
mod upstream;

use wiretape_tests::exchange::Exchange;
use wiretape_tests::gateway::Gateway;
use wiretape_tests::record::{Events, Session};

/// Waits until every session there is has ended well, verifies their tapes, and gives them with their events, oldest
/// first.
fn ended(gateway: &Gateway) -> Vec<(Session, Events)> {
    let count = gateway.record().sessions().len();
    let sessions = gateway.record().ended(count).into_iter().rev().map(|session| {
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
