//! What holds for any conversation over any byte wire, however it was made up.

use bytes::Bytes;
use wiretape_core::event::SessionEvent;
use wiretape_core::judge::AllowAll;
use wiretape_core::{ByteWire, Effect, Guard, Kind, Side};

use crate::stage::{Performance, Turn, perform, told, without_keys};

const SIDES: [Side; 2] = [Side::Client, Side::Upstream];

/// Performs a conversation whole and in pieces, and holds both to the laws.
pub(crate) fn check(wire: impl Fn() -> ByteWire, turns: &[Turn], seed: u8, records: bool) {
    for performance in twice(wire, || Box::new(AllowAll), turns, seed) {
        passes(&performance, turns, records);
    }
}

/// Performs a conversation whole and in pieces: both come to the same, within bounds.
pub(crate) fn twice(
    wire: impl Fn() -> ByteWire,
    guard: impl Fn() -> Box<dyn Guard>,
    turns: &[Turn],
    seed: u8,
) -> [Performance; 2] {
    let whole = perform(wire(), guard(), turns);
    let pieces = perform(wire(), guard(), &cut(turns, seed));
    assert_eq!(whole.story(), pieces.story(), "cutting changes the record");
    for side in SIDES {
        assert_eq!(whole.sent(side), pieces.sent(side), "cutting changes what the {side} gets");
    }
    assert_eq!(whole.closed(), pieces.closed(), "cutting changes the end");
    bounds(&whole);
    bounds(&pieces);
    [whole, pieces]
}

/// What was sent to a side was recorded first, as it was sent.
pub(crate) fn recorded(performance: &Performance) {
    for side in SIDES {
        let (mut sent_bytes, mut recorded_bytes) = (0, 0);
        for (_, effect) in &performance.effects {
            match effect {
                Effect::Append(event) => {
                    recorded_bytes += told(event).filter(|(to, _)| *to == side).map_or(0, |(_, bytes)| bytes.len());
                }
                Effect::Send { to, message } if *to == side => {
                    sent_bytes += message.len();
                    assert!(sent_bytes <= recorded_bytes, "something passes to the {side} unrecorded");
                }
                _ => {}
            }
        }
    }
    let told = without_keys(&performance.sent(Side::Client));
    assert!(performance.recorded_to(Side::Client).starts_with(&told), "the record of what the client is told is other");
}

/// The same turns in small pieces, of sizes that the seed decides.
pub(crate) fn cut(turns: &[Turn], seed: u8) -> Vec<Turn> {
    let mut size = usize::from(seed % 7);
    let mut pieces = Vec::new();
    for turn in turns {
        let Turn::Say(side, said) = turn else {
            pieces.push(turn.clone());
            continue;
        };
        let mut rest = said.clone();
        while !rest.is_empty() {
            size = (size * 5 + 3) % 31;
            let piece = rest.split_to(rest.len().min(size + 1));
            pieces.push(Turn::Say(*side, piece));
        }
    }
    pieces
}

/// Limits, moments, and that the close is the end.
pub(crate) fn bounds(performance: &Performance) {
    // A turn says less than 64 KiB, and a session ends once it holds more than its limit.
    assert!(performance.held_bytes_max <= performance.held_bytes_limit + 65_536, "too much is held");
    let moments: Vec<_> = performance.events().map(|event| event.at).collect();
    assert!(moments.is_sorted(), "moments go back");
    if let Some(close) = performance.effects.iter().position(|(_, effect)| matches!(effect, Effect::Close(_))) {
        assert_eq!(close + 1, performance.effects.len(), "something follows the close");
    }
}

/// What passes is the start of what was said; where the wire records what is said, it was recorded first.
pub(crate) fn passes(performance: &Performance, turns: &[Turn], records: bool) {
    for side in SIDES {
        let said: Vec<u8> = turns.iter().filter_map(|turn| of(turn, side)).flatten().copied().collect();
        let (mut passed, mut recorded) = (0, 0);
        for (turn, effect) in &performance.effects {
            match effect {
                // What follows is the gateway's own farewell.
                Effect::Append(event) if matches!(event.kind, Kind::Session(SessionEvent::Fault { .. })) => break,
                Effect::Append(event) if !is_farewell(performance, *turn) => {
                    if let Some((_, bytes)) = told(event).filter(|(to, _)| *to != side) {
                        // A key is not on the record.
                        let key = event.kind.name() == "query.key";
                        assert!(key || said[recorded..].starts_with(&bytes), "the record of the {side} is made up");
                        recorded += bytes.len();
                    }
                }
                Effect::Send { to, message } if *to != side && !is_farewell(performance, *turn) => {
                    assert!(said[passed..].starts_with(message), "what passes of the {side} is made up");
                    passed += message.len();
                    assert!(!records || passed <= recorded, "something of the {side} passes unrecorded");
                }
                _ => {}
            }
        }
    }
}

fn of(turn: &Turn, side: Side) -> Option<&Bytes> {
    match turn {
        Turn::Say(speaker, said) if *speaker == side => Some(said),
        _ => None,
    }
}

/// True of the turn that ended the session.
fn is_farewell(performance: &Performance, turn: usize) -> bool {
    matches!(performance.effects.last(), Some((last, Effect::Close(_))) if *last == turn)
}
