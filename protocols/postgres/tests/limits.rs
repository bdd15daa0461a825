//! What a session of PostgreSQL holds back is counted, bounded, and no larger than it says.
#![allow(clippy::unwrap_used, clippy::panic, reason = "failing is how a test speaks")]

use bytes::Bytes;
use wiretape_core::limits::{HELD_BYTES_MAX, POSTGRES_REQUESTS_PENDING_MAX, POSTGRES_TEXT_BYTES_MAX};
use wiretape_core::{Lane, Moment, Reason, Side, Step, Unit, Verdict, Wire};
use wiretape_postgres::PostgresWire;

fn message(letter: u8, fields: &[u8]) -> Vec<u8> {
    [&[letter][..], &(fields.len() as u32 + 4).to_be_bytes(), fields].concat()
}

fn query(text: &[u8]) -> Bytes {
    message(b'Q', &[text, b"\0"].concat()).into()
}

/// Feeds the wire and takes its steps; gives the unit that it asks about, which waits.
fn feed(wire: &mut PostgresWire, side: Side, said: Bytes) -> Option<Unit> {
    wire.feed(side, Moment::START, said).unwrap();
    steps(wire).1
}

/// Bytes that are sent to the target, and the unit that is asked about.
fn steps(wire: &mut PostgresWire) -> (usize, Option<Unit>) {
    let (mut sent, mut asked) = (0, None);
    while let Some(step) = wire.step() {
        match step {
            Step::Judge { unit, .. } => asked = Some(unit),
            Step::Send { to: Side::Upstream, message } => sent += message.len(),
            _ => {}
        }
    }
    (sent, asked)
}

/// A session in which somebody is asked about a query.
fn asked(text: &[u8]) -> (PostgresWire, Unit) {
    let mut wire = PostgresWire::new(Lane(1));
    feed(&mut wire, Side::Upstream, message(b'Z', b"I").into());
    let unit = feed(&mut wire, Side::Client, query(text)).unwrap();
    (wire, unit)
}

#[test]
fn what_waits_for_an_answer_is_counted() {
    let (mut wire, unit) = asked(&[b'x'; 5_000_000]);
    assert!(wire.held_bytes() >= 5_000_000);
    feed(&mut wire, Side::Client, query(&[b'y'; 3_000_000]));
    assert!(wire.held_bytes() >= 8_000_000);
    feed(&mut wire, Side::Client, query(&[b'z'; 1000]).slice(..500));
    let before = wire.held_bytes();
    wire.rule(Moment::START, unit, Verdict::Allow);
    // The second query is asked about now.
    assert_eq!(steps(&mut wire), (5_000_006, Some(Unit { lane: Lane(1), serial: 2 })));
    assert!((3_000_500..before - 5_000_000).contains(&wire.held_bytes()));
    wire.rule(Moment::START, Unit { lane: Lane(1), serial: 2 }, Verdict::Refuse(Reason::new("r", "no")));
    steps(&mut wire);
    assert_eq!(wire.held_bytes(), 500);
}

#[test]
fn small_messages_are_not_free() {
    let (mut wire, _) = asked(b"select 1");
    let syncs = Bytes::from(message(b'S', b"").repeat(1000));
    let held = |wire: &PostgresWire| wire.held_bytes();
    let before = held(&wire);
    feed(&mut wire, Side::Client, syncs);
    assert!(held(&wire) - before > 200 * 1000, "{} bytes for 1000 messages", held(&wire) - before);
    // Neither are parameters without a value.
    let nulls = [&b"\0\0\0\0\xff\xff"[..], &[0xff; 4 * 65_535], b"\0\0"].concat();
    let before = held(&wire);
    feed(&mut wire, Side::Client, message(b'B', &nulls).into());
    assert!(held(&wire) - before > 2_500_000, "{} bytes for 65535 parameters", held(&wire) - before);
}

#[test]
fn the_longest_text_may_wait_with_others_behind_it() {
    let wire = PostgresWire::new(Lane(1));
    assert!(wire.held_bytes_max() >= POSTGRES_TEXT_BYTES_MAX + HELD_BYTES_MAX);
}

#[test]
fn what_waits_keeps_no_more_memory_than_its_own() {
    let (mut wire, _) = asked(b"select 1");
    // One small message at the end of a large buffer.
    let buffer = Bytes::from([vec![0; 100_000], message(b'S', b"")].concat());
    feed(&mut wire, Side::Client, buffer.slice(100_000..));
    assert!(buffer.is_unique(), "the whole buffer is kept");
}

#[test]
fn names_keep_no_more_memory_than_their_own() {
    let mut wire = PostgresWire::new(Lane(1));
    feed(&mut wire, Side::Upstream, message(b'Z', b"I").into());
    let group = [message(b'B', b"portal\0statement\0\0\0\0\0\0\0"), message(b'S', b"")].concat();
    let buffer = Bytes::from(group);
    feed(&mut wire, Side::Client, buffer.clone());
    assert!(buffer.is_unique(), "a name keeps the buffer that it came in");
}

#[test]
fn requests_without_an_answer_are_bounded() {
    let mut wire = PostgresWire::new(Lane(1));
    let syncs = Bytes::from(message(b'S', b"").repeat(65_536));
    let mut outcome = Ok(());
    let mut rounds = 0;
    while outcome.is_ok() && rounds < 100 {
        outcome = wire.feed(Side::Client, Moment::START, syncs.clone());
        steps(&mut wire);
        rounds += 1;
    }
    let fault = outcome.unwrap_err();
    assert_eq!((fault.side, fault.expected), (Side::Client, "to wait for answers"));
    assert_eq!(rounds, POSTGRES_REQUESTS_PENDING_MAX / 65_536);
}

#[test]
fn a_long_name_of_a_refused_statement_is_not_said_again() {
    let mut wire = PostgresWire::new(Lane(1));
    feed(&mut wire, Side::Upstream, message(b'Z', b"I").into());
    feed(&mut wire, Side::Client, message(b'E', b"\0\0\0\0\0").into());
    let name = vec![b'n'; 5_000_000];
    let unit = feed(&mut wire, Side::Client, message(b'P', &[&name[..], b"\0secret\0\0\0"].concat()).into()).unwrap();
    wire.rule(Moment::START, unit, Verdict::Refuse(Reason::new("r", "no")));
    let (mut sent, mut noted) = (0, 0);
    while let Some(step) = wire.step() {
        match step {
            Step::Send { to: Side::Upstream, message } => sent += message.len(),
            Step::Note(event) if event.side == Side::Upstream => noted += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((sent, noted), (31, 1), "a statement without a name that fails");
}
