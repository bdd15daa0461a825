//! The PostgreSQL wire, under guards that decide by what a text begins with, and the packets before it.

use bytes::Bytes;
use wiretape_core::judge::{ActionKind, Approvers};
use wiretape_core::{Action, Guard, Judgement, Moment, Question, Reason, Side, Unit, Verdict};
use wiretape_postgres::sasl::{self, Bearer};
use wiretape_postgres::startup::{Opening, Startup};
use wiretape_postgres::{PostgresWire, message_of, parse, startup};

use crate::stage::without_keys;
use crate::{LANE, oracle, stage};

/// Asks, refuses or allows.
struct ByFirstByte;

impl Guard for ByFirstByte {
    fn judge(&mut self, _at: Moment, _unit: Unit, action: &Action) -> Judgement {
        let first = match &action.kind {
            ActionKind::Query { text } => text.first().copied().unwrap_or_default(),
            ActionKind::Call { function_id } => *function_id as u8,
            other => panic!("a database is not asked for {other:?}"),
        };
        match first % 3 {
            0 => Judgement::Ruled(Verdict::Allow),
            1 => Judgement::Ruled(Verdict::Refuse(Reason::new("policy", "no\0such\nthing"))),
            _ => {
                let approvers = vec![Approvers { group: "elders".to_owned(), count: 1 }];
                let (rule, text) = ("risk".to_owned(), "why".to_owned());
                Judgement::Ask(Question { action: action.clone(), approvers, rule, text })
            }
        }
    }
}

/// The PostgreSQL wire.
pub fn postgres(input: &[u8]) {
    let [first, conversation @ ..] = input else { return };
    let turns = stage::turns(conversation);
    let wire = || Box::new(PostgresWire::new(LANE)) as _;
    oracle::check(wire, &turns, *first, true);
    for performance in oracle::twice(wire, || Box::new(ByFirstByte), &turns, *first) {
        oracle::recorded(&performance);
    }
    messages(&Bytes::copy_from_slice(conversation));
}

/// Whatever is a message is made of its event again.
fn messages(input: &Bytes) {
    for side in [Side::Client, Side::Upstream] {
        let length = u32::try_from(input.len() + 3).unwrap_or(u32::MAX).to_be_bytes();
        let (letter, fields) = input.split_at(input.len().min(1));
        let message = Bytes::from([letter, &length, fields].concat());
        if let Ok(event) = parse(side, &message) {
            assert_eq!(message_of(&event), without_keys(&message), "a message is not what its event says");
        }
    }
    if let Ok(Opening::Startup(opening)) = startup::read(input) {
        assert!(opening.parameters.len() <= 256, "too many settings");
    }
}

/// What the settings for the gateway begin with.
const OWN: &str = "wiretape.";

/// What a client sends before it is let in: the first byte says which message it is.
pub fn postgres_login(input: &[u8]) {
    let Some((kind, input)) = input.split_first() else { return };
    match kind % 3 {
        0 => {
            if let Ok(Opening::Startup(opening)) = startup::read(&Bytes::copy_from_slice(input)) {
                settings(opening);
            }
        }
        1 => settings(Startup {
            version: 3 << 16,
            parameters: vec![(Bytes::from_static(b"options"), Bytes::copy_from_slice(input))],
        }),
        _ => {
            response(input);
            if let Ok(Some(first)) = sasl::initial(input) {
                assert!(input.ends_with(first), "a response is the end of its message");
                response(first);
            }
        }
    }
}

/// The gateway's settings are taken out, all of them at once, and nothing else changes.
fn settings(mut opening: Startup) {
    let before = opening.clone();
    let taken = opening.withdraw(OWN);
    assert!(taken.iter().all(|(name, _)| name.starts_with(OWN)), "{taken:?}");
    if taken.is_empty() {
        assert_eq!(opening, before);
    }
    let left = opening.clone();
    assert!(opening.withdraw(OWN).is_empty(), "{before:?} leaves {left:?}");
    assert!(left.parameters.iter().all(|parameter| {
        let (name, value) = parameter;
        before.parameters.contains(parameter) || (name == "options" && value.len() <= 16_384)
    }));
}

/// A token is of the letters that one may have, and stands in the response as it is.
fn response(said: &[u8]) {
    if let Ok(Bearer::Token(token)) = sasl::bearer(said) {
        assert!(!token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()), "{token:?}");
        assert!(said.windows(token.len()).any(|part| part == token.as_bytes()));
        assert!(!sasl::is_acknowledgement(said));
    }
}
