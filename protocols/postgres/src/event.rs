//! What is recorded, and what it costs to hold it.

use bytes::Bytes;
use wiretape_core::event::{Parameter, QueryEvent};
use wiretape_core::limits::EVENT_PAYLOAD_BYTES_MAX;
use wiretape_core::{Event, Kind, Lane, Moment, Side};

/// What a held message costs beside its bytes, from its event to its place in a queue.
const MESSAGE_COST_BYTES: usize = 256;

/// `side` said `event`.
pub(crate) fn said(at: Moment, side: Side, lane: Lane, event: QueryEvent) -> Event {
    Event { at, side, lane, kind: Kind::Query(event) }
}

/// The events that say `event`, whose message is `message`: pieces of it where it is too long for one.
pub(crate) fn recorded(event: QueryEvent, message: &Bytes) -> Vec<QueryEvent> {
    let is_judged = matches!(event, QueryEvent::Simple { .. } | QueryEvent::Parse { .. } | QueryEvent::Call { .. });
    let Some(letter) = message.first().copied().filter(|_| is_judged && message.len() > EVENT_PAYLOAD_BYTES_MAX) else {
        return vec![event];
    };
    let mut rest = message.clone();
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        let bytes = rest.split_to(rest.len().min(EVENT_PAYLOAD_BYTES_MAX));
        pieces.push(QueryEvent::Long { letter, bytes, last: rest.is_empty() });
    }
    pieces
}

/// Bytes of memory that holding `event` takes, whose message is `message_bytes` long.
pub(crate) fn held_bytes(message_bytes: usize, event: &QueryEvent) -> usize {
    let lists = match event {
        QueryEvent::Parse { types, .. } => size_of_val(types.as_slice()),
        QueryEvent::Bind { formats, parameters, result_formats, .. } => {
            parameters.len() * size_of::<Parameter>() + 2 * (formats.len() + result_formats.len())
        }
        QueryEvent::Call { formats, arguments, .. } => 2 * formats.len() + size_of_val(arguments.as_slice()),
        _ => 0,
    };
    MESSAGE_COST_BYTES + message_bytes + lists
}
