//! A message and its event say the same: each is made of the other, byte for byte.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Just, Strategy, any};
use proptest::test_runner::{Config, TestRunner};
use wiretape_core::Side;
use wiretape_core::event::{
    Acknowledged, Column, CopyDirection, Field, Parameter, Prepared, QueryEvent, TransactionStatus,
};

use super::{backend_key_data, message_of, parse};
use crate::limits::ERROR_FIELDS_MAX;

fn text() -> impl Strategy<Value = Bytes> {
    vec(1..=255u8, 0..12).prop_map(Bytes::from)
}

fn value() -> impl Strategy<Value = Option<Bytes>> {
    option::of(vec(any::<u8>(), 0..12).prop_map(Bytes::from))
}

fn formats() -> impl Strategy<Value = Vec<u16>> {
    vec(any::<u16>(), 0..4)
}

fn prepared() -> impl Strategy<Value = Prepared> {
    any::<bool>().prop_map(|statement| if statement { Prepared::Statement } else { Prepared::Portal })
}

fn fields() -> impl Strategy<Value = Vec<Field>> {
    vec((1..=255u8, text()).prop_map(|(letter, text)| Field { letter, text }), 0..6)
}

fn column() -> impl Strategy<Value = Column> {
    let numbers = (any::<u32>(), any::<i16>(), any::<u32>(), any::<i16>(), any::<i32>(), any::<u16>());
    (text(), numbers).prop_map(|(name, (table_id, attribute, type_id, type_size, type_modifier, format))| Column {
        name,
        table_id,
        attribute,
        type_id,
        type_size,
        type_modifier,
        format,
    })
}

/// Every kind of event that a whole message of the client has.
fn client() -> Vec<proptest::strategy::BoxedStrategy<QueryEvent>> {
    let parameters = || vec(value().prop_map(|value| Parameter { type_id: 0, value }), 0..4);
    vec![
        text().prop_map(|text| QueryEvent::Simple { text }).boxed(),
        (text(), text(), vec(any::<u32>(), 0..4))
            .prop_map(|(statement, text, types)| QueryEvent::Parse { statement, text, types })
            .boxed(),
        (text(), text(), formats(), parameters(), formats())
            .prop_map(|(portal, statement, formats, parameters, result_formats)| QueryEvent::Bind {
                portal,
                statement,
                formats,
                parameters,
                result_formats,
            })
            .boxed(),
        (prepared(), text()).prop_map(|(of, name)| QueryEvent::Describe { of, name }).boxed(),
        (text(), any::<u32>())
            .prop_map(|(portal, rows_max)| QueryEvent::Execute { portal, statement: None, rows_max })
            .boxed(),
        (prepared(), text()).prop_map(|(of, name)| QueryEvent::Close { of, name }).boxed(),
        Just(QueryEvent::Flush).boxed(),
        Just(QueryEvent::Sync).boxed(),
        (any::<u32>(), formats(), vec(value(), 0..4), any::<u16>())
            .prop_map(|(function_id, formats, arguments, result_format)| QueryEvent::Call {
                function_id,
                formats,
                arguments,
                result_format,
            })
            .boxed(),
        vec(any::<u8>(), 0..12).prop_map(|data| copied(&data)).boxed(),
        Just(QueryEvent::CopyDone).boxed(),
        text().prop_map(|message| QueryEvent::CopyFail { message }).boxed(),
        Just(QueryEvent::Terminate).boxed(),
    ]
}

/// Every kind of event that a whole message of the target has.
fn upstream() -> Vec<proptest::strategy::BoxedStrategy<QueryEvent>> {
    let acknowledged = [
        Acknowledged::Parse,
        Acknowledged::Bind,
        Acknowledged::Close,
        Acknowledged::NoData,
        Acknowledged::EmptyQuery,
        Acknowledged::PortalSuspended,
    ];
    let directions = [CopyDirection::In, CopyDirection::Out, CopyDirection::Both];
    let statuses = [TransactionStatus::Idle, TransactionStatus::InTransaction, TransactionStatus::Failed];
    let mut kinds = vec![
        (any::<u32>(), vec(text(), 0..4))
            .prop_map(|(version, unrecognised)| QueryEvent::Negotiated { version, unrecognised })
            .boxed(),
        (text(), text()).prop_map(|(name, value)| QueryEvent::Setting { name, value }).boxed(),
        (any::<u32>(), 4..=256u32)
            .prop_map(|(process_id, key_bytes)| QueryEvent::Key { process_id, key_bytes })
            .boxed(),
        value().prop_map(|value| QueryEvent::Returned { value }).boxed(),
        vec(any::<u32>(), 0..4).prop_map(|types| QueryEvent::Types { types }).boxed(),
        vec(column(), 0..4).prop_map(|columns| QueryEvent::Columns { columns }).boxed(),
        vec(value(), 0..4).prop_map(|values| row(&values)).boxed(),
        vec(any::<u8>(), 0..12).prop_map(|data| copied(&data)).boxed(),
        Just(QueryEvent::CopyDone).boxed(),
        any::<u32>().prop_map(|rows| completed(format!("INSERT 0 {rows}").into(), Some(rows.into()))).boxed(),
        Just(completed("CREATE TABLE".into(), None)).boxed(),
        fields().prop_map(|fields| QueryEvent::Error { fields }).boxed(),
        fields().prop_map(|fields| QueryEvent::Notice { fields }).boxed(),
        (any::<u32>(), text(), text())
            .prop_map(|(process_id, channel, payload)| QueryEvent::Notification { process_id, channel, payload })
            .boxed(),
    ];
    kinds.extend(acknowledged.map(|what| Just(QueryEvent::Acknowledged { what }).boxed()));
    kinds.extend(statuses.map(|status| Just(QueryEvent::Ready { status }).boxed()));
    kinds.extend(directions.map(|direction| {
        (any::<u8>(), formats())
            .prop_map(move |(format, formats)| QueryEvent::CopyStart { direction, format, formats })
            .boxed()
    }));
    kinds
}

fn completed(tag: Bytes, rows: Option<u64>) -> QueryEvent {
    QueryEvent::Complete { tag, rows }
}

fn message(letter: u8, fields: &[u8]) -> Bytes {
    Bytes::from([&[letter][..], &(fields.len() as u32 + 4).to_be_bytes(), fields].concat())
}

fn copied(data: &[u8]) -> QueryEvent {
    QueryEvent::CopyData { count: 1, bytes: message(b'd', data) }
}

fn row(values: &[Option<Bytes>]) -> QueryEvent {
    let mut fields = (values.len() as u16).to_be_bytes().to_vec();
    for value in values {
        fields.extend(value.as_ref().map_or(-1, |value| value.len() as i32).to_be_bytes());
        fields.extend(value.iter().flatten());
    }
    QueryEvent::Rows { count: 1, bytes: message(b'D', &fields) }
}

/// The same message with something else in its fields, and a length that fits.
fn changed(message: &Bytes, place: usize, byte: u8, how: u8) -> Bytes {
    let (letter, mut fields) = (message[0], message[5..].to_vec());
    let place = place % (fields.len() + 1);
    match how % 4 {
        0 => fields.truncate(place),
        1 => fields.insert(place, byte),
        2 if place < fields.len() => drop(fields.remove(place)),
        _ if place < fields.len() => fields[place] = byte,
        _ => fields.push(byte),
    }
    self::message(letter, &fields)
}

#[test]
fn an_event_is_its_message_and_a_message_its_event() {
    for (side, kinds) in [(Side::Client, client()), (Side::Upstream, upstream())] {
        for kind in kinds {
            let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(100) });
            let change = (any::<usize>(), proptest::sample::select(vec![0, 1, 4, 0x7f, 0xff, b'x']), any::<u8>());
            let outcome = runner.run(&(kind, change), |(event, (place, byte, how))| {
                let message = message_of(&event);
                assert_eq!(parse(side, &message), Ok(event.clone()));
                // What reads like a message although it is another says what it is.
                let changed = changed(&message, place, byte, how);
                match parse(side, &changed) {
                    Ok(QueryEvent::Key { key_bytes, .. }) => assert_eq!(changed.len(), 9 + key_bytes as usize),
                    Ok(event) => assert_eq!(message_of(&event), changed),
                    Err(_) => {}
                }
                Ok(())
            });
            if let Err(error) = outcome {
                panic!("{error}");
            }
        }
    }
}

#[test]
fn what_is_left_over_or_missing_is_malformed() {
    for (side, message) in [
        (Side::Client, message(b'Q', b"select 1\0; drop table t\0")),
        (Side::Client, message(b'Q', b"select 1")),
        (Side::Client, message(b'P', b"s\0select 1\0\0\x01\0\0\0")),
        (Side::Client, message(b'P', b"s\0select 1\0\0\0\0")),
        (Side::Client, message(b'D', b"Xname\0")),
        (Side::Client, message(b'B', b"\0\0\0\0\0\x01\xff\xff\xff\xfe\0\0")),
        (Side::Client, message(b'B', b"\0\0\xff\xff")),
        (Side::Client, Bytes::from_static(b"S\0\0\0\x05")),
        (Side::Client, Bytes::from_static(b"S\0\0\0")),
        (Side::Upstream, message(b'Z', b"X")),
        (Side::Upstream, message(b'E', b"SERROR\0")),
        (Side::Upstream, message(b'E', b"SERROR\0\0\0")),
        (Side::Upstream, message(b'E', &[&b"Mx\0".repeat(ERROR_FIELDS_MAX + 1)[..], b"\0"].concat())),
        (Side::Upstream, message(b'v', b"\0\x03\0\0\0\0\0\x02_pq_.x\0")),
        (Side::Upstream, message(b't', b"\0\x02\0\0\0\x17")),
        (Side::Upstream, message(b'D', b"\0\x01")),
    ] {
        assert!(parse(side, &message).is_err(), "{message:?}");
    }
    assert!(parse(Side::Upstream, &message(b'E', &[&b"Mx\0".repeat(ERROR_FIELDS_MAX)[..], b"\0"].concat())).is_ok());
}

#[test]
fn secrets_are_in_no_event() {
    let message = backend_key_data(1234, b"a secret");
    let event = parse(Side::Upstream, &message).unwrap();
    assert_eq!(event, QueryEvent::Key { process_id: 1234, key_bytes: 8 });
    assert_eq!(message_of(&event), backend_key_data(1234, &[0; 8]));
    assert_eq!(message_of(&QueryEvent::Cancel { address: "10.0.0.1".to_owned() }), "");
}

#[test]
fn a_startup_message_has_no_type() {
    let parameters = vec![("user".into(), "ana".into()), ("database".into(), "orders".into())];
    let message = message_of(&QueryEvent::Startup { version: 0x3_0000, parameters });
    assert_eq!(message, &b"\0\0\0\x22\0\x03\0\0user\0ana\0database\0orders\0\0"[..]);
}
