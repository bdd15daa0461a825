//! The WebSocket wire: what passes is what was said, and its payload is on the record without masks.

use wiretape_core::event::HttpEvent;
use wiretape_core::judge::AllowAll;
use wiretape_core::{Effect, Kind, Side};
use wiretape_websocket::WebSocketWire;

use crate::stage::{Frames, Performance, Turn, told};
use crate::{LANE, oracle, stage};

/// The most that is held back of both sides: two headers and control frames.
const HELD_BYTES_MAX: usize = 2 * (14 + 125);

/// The WebSocket wire; the first byte says how it is cut.
pub fn websocket(input: &[u8]) {
    let [first, conversation @ ..] = input else { return };
    let turns = stage::turns(conversation);
    let wire = || Box::new(WebSocketWire::new(LANE)) as _;
    for performance in oracle::twice(wire, || Box::new(AllowAll), &turns, *first) {
        assert!(performance.held_bytes_max <= HELD_BYTES_MAX, "too much is held");
        for side in [Side::Client, Side::Upstream] {
            passes(&performance, &turns, side);
        }
    }
}

fn passes(performance: &Performance, turns: &[Turn], side: Side) {
    let said = turns.iter().filter_map(|turn| match turn {
        Turn::Say(speaker, said) if *speaker == side => Some(said.as_ref()),
        _ => None,
    });
    let said = said.collect::<Vec<_>>().concat();
    let (mut frames, mut passed, mut payload, mut recorded) = (Frames::default(), 0, Vec::new(), Vec::new());
    // The turn in which the gateway took its leave of its own: that may happen to be what was said as well.
    let leave = match performance.effects.last() {
        Some((turn, Effect::Close(_))) if performance.fault().is_none() => Some(*turn),
        _ => None,
    };
    for (turn, effect) in &performance.effects {
        match effect {
            _ if leave == Some(*turn) => break,
            Effect::Append(event) if event.kind.name() == "session.fault" => break,
            Effect::Append(event) => {
                if let Kind::Http(HttpEvent::Message { .. } | HttpEvent::Control { .. }) = event.kind {
                    recorded.extend(told(event).filter(|(to, _)| *to != side).into_iter().flat_map(|(_, bytes)| bytes));
                }
            }
            Effect::Send { to, message } if *to != side => {
                assert!(said[passed..].starts_with(message), "what passes of the {side} is made up");
                passed += message.len();
                payload.extend(frames.read(message));
                assert!(recorded.starts_with(&payload), "something of the {side} passes that is not on the record");
            }
            _ => {}
        }
    }
}
