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

use std::cell::Cell;
use std::time::Duration;

use wiretape_tests::exchange::Exchange;
use wiretape_tests::gateway::Gateway;
use wiretape_tests::record::{Events, Session};
use wiretape_tests::stage::wait_until;

/// How long the list of sessions stays as it is before a test believes it.
const SETTLING: Duration = Duration::from_millis(50);

/// Waits until every session there is has ended well, verifies their tapes, and gives them with their events, oldest
/// first. A client may leave before it has said anything: those sessions are left out.
fn ended(gateway: &Gateway) -> Vec<(Session, Events)> {
    let count = settled(gateway);
    let said = |session: &Session| !session.reason().contains("tls handshake eof");
    let sessions = gateway.record().ended(count).into_iter().rev().filter(said).map(|session| {
        assert_eq!(session.state(), "closed", "{}", session.reason());
        session.verified().coded(0);
        let events = session.events();
        (session, events)
    });
    sessions.collect()
}

/// How many sessions are listed, once their number no longer grows: a session is listed a moment after it began.
fn settled(gateway: &Gateway) -> usize {
    let seen = Cell::new(0);
    wait_until("sessions that are listed", || {
        let before = seen.replace(gateway.record().sessions().len());
        std::thread::sleep(SETTLING);
        before > 0 && before == seen.get()
    });
    seen.get()
}

/// What was asked and answered in all sessions, without the tunnels that lead to it.
fn exchanges(gateway: &Gateway) -> Vec<Exchange> {
    let all = ended(gateway).into_iter().flat_map(|(_, events)| events.exchanges());
    all.filter(|exchange| exchange.method != "CONNECT" || exchange.protocol.is_some()).collect()
}
