//! What was recorded is what was said: a tap on each side of the gateway hears the same bytes, and the events on the
//! tape give them again, byte for byte.

use wiretape_core::event::{Kind, QueryEvent};
use wiretape_core::{Lane, Side};
use wiretape_postgres::message_of;
use wiretape_tests::configuration::Target;
use wiretape_tests::database::{Database, Way};
use wiretape_tests::gateway::Gateway;
use wiretape_tests::postgres::{DATABASE, Settings, Version};
use wiretape_tests::program::Program;
use wiretape_tests::record::Session;
use wiretape_tests::stage::{client_python, client_script};
use wiretape_tests::tap::{Passed, Tap};

/// The code of a `CancelRequest`, which comes on a connection of its own.
const CANCEL_CODE: [u8; 4] = 80_877_102_u32.to_be_bytes();

/// The messages after the login in one direction, without what the two sides of the gateway say differently: who is who,
/// and the key to cancel by.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Said {
    client: Vec<u8>,
    server: Vec<u8>,
}

/// The first message of `bytes` that has a type, and what follows it.
fn split(bytes: &[u8]) -> (&[u8], &[u8]) {
    let length = u32::from_be_bytes(bytes[1..5].try_into().expect("four bytes")) as usize;
    bytes.split_at(1 + length)
}

impl Said {
    /// What a tap heard on one connection; `None` when that was no session.
    fn heard(passed: &Passed) -> Option<Self> {
        if passed.client.get(4..8) == Some(&CANCEL_CODE[..]) {
            return None;
        }
        let length = u32::from_be_bytes(passed.client[..4].try_into().expect("four bytes")) as usize;
        let mut client = &passed.client[length..];
        while client.first() == Some(&b'p') {
            client = split(client).1;
        }
        let mut server = Vec::new();
        let mut rest = &passed.server[..];
        while !rest.is_empty() {
            let (message, next) = split(rest);
            match message[0] {
                b'R' | b'v' => {}
                b'K' => server.extend_from_slice(&without_key(message)),
                _ => server.extend_from_slice(message),
            }
            rest = next;
        }
        Some(Self { client: client.to_vec(), server })
    }

    /// What stands on a tape.
    fn recorded(session: &Session) -> Self {
        let mut said = Self { client: Vec::new(), server: Vec::new() };
        for event in session.events().0 {
            let Kind::Query(query) = &event.kind else { continue };
            assert_eq!(event.lane, Lane(1));
            let message = message_of(query);
            match (query, event.side) {
                (QueryEvent::Startup { .. } | QueryEvent::Negotiated { .. } | QueryEvent::Cancel { .. }, _) => {}
                (QueryEvent::Key { .. }, _) => said.server.extend_from_slice(&without_key(&message)),
                (_, Side::Client) => said.client.extend_from_slice(&message),
                (_, Side::Upstream) => said.server.extend_from_slice(&message),
            }
        }
        said
    }
}

/// `BackendKeyData` with zeros for the process and the key.
fn without_key(message: &[u8]) -> Vec<u8> {
    let mut blank = vec![0; message.len()];
    blank[..5].copy_from_slice(&message[..5]);
    blank
}

/// Runs `client` through a tap, the gateway, and another tap; what the taps heard and what the tapes hold is the same.
fn exact(version: Version, client: impl FnOnce(&Database) -> Program) {
    let mut far = None;
    let mut database = Database::with(
        |_| Settings { version, ..Settings::default() },
        |folder, server, configuration| {
            let tap = Tap::start(server.address());
            let target = Target::database(DATABASE, tap.address(), &folder.join("password"));
            *configuration.target(DATABASE) = target.line("tls = \"disable\"");
            far = Some(tap);
        },
    );
    let far = far.expect("it was started");
    let near = Tap::start(database.gateway.postgres());
    let client = client(&database).env("PGPORT", near.address().port().to_string());
    client.env("PGSSLMODE", "disable").succeed();
    // Who is still leaving would be told that the gateway stops.
    let _left = database.gateway.record().ended(near.passed().iter().filter_map(Said::heard).count());
    // The last bytes are on the tapes, and have passed the taps, when the gateway is gone.
    database.restart(Gateway::finish);
    let sorted = |mut said: Vec<Said>| {
        said.sort();
        said
    };
    let heard = |tap: &Tap| sorted(tap.passed().iter().filter_map(Said::heard).collect());
    let (near, far) = (heard(&near), heard(&far));
    let sessions = database.gateway.record().ended(near.len());
    let recorded = sorted(sessions.iter().map(Said::recorded).collect());
    assert!(near.iter().map(|said| said.client.len() + said.server.len()).sum::<usize>() > 100_000);
    same(&near, &far, "what the two sides of the gateway heard");
    same(&near, &recorded, "what was heard and what was recorded");
}

/// Says which session differs, and where, instead of printing megabytes.
fn same(left: &[Said], right: &[Said], what: &str) {
    assert_eq!(left.len(), right.len(), "{what}: sessions");
    for (number, (left, right)) in left.iter().zip(right).enumerate() {
        for (side, left, right) in [("client", &left.client, &right.client), ("server", &left.server, &right.server)] {
            let at = left.iter().zip(right.iter()).position(|(left, right)| left != right);
            let around = |bytes: &[u8]| {
                let start = at.unwrap_or(left.len().min(right.len())).saturating_sub(40);
                String::from_utf8_lossy(&bytes[start..bytes.len().min(start + 120)]).into_owned()
            };
            assert!(
                left == right,
                "{what}: session {number}, from the {side}, at byte {at:?} of {} and {}\n{:?}\n{:?}",
                left.len(),
                right.len(),
                around(left),
                around(right)
            );
        }
    }
}

#[test]
fn what_psycopg_says_and_hears_is_on_the_tape_byte_for_byte() {
    exact(Version::Packaged, |database| database.script(Way::Gateway, client_python(), "psycopg_client.py"));
}

#[test]
fn what_asyncpg_says_and_hears_is_on_the_tape_byte_for_byte() {
    exact(Version::Newer, |database| database.script(Way::Gateway, client_python(), "asyncpg_client.py"));
}

#[test]
fn what_psql_says_and_hears_is_on_the_tape_byte_for_byte() {
    exact(Version::Packaged, |database| database.psql(Way::Gateway).arg("-f").arg(client_script("psql_tour.sql")));
}
