//! What is recorded of a line.

use bytes::Bytes;
use wiretape_core::event::{SessionEvent, StreamEvent};
use wiretape_core::{Event, Kind, Lane, Moment, Side};

/// Lines that `side` said, verbatim.
pub(crate) fn said(at: Moment, side: Side, lane: Lane, bytes: Bytes) -> Event {
    Event { at, side, lane, kind: Kind::Stream(StreamEvent::Data { error: false, bytes }) }
}

/// A line that the gateway itself says to the client.
pub(crate) fn told(at: Moment, lane: Lane, line: &str) -> Event {
    Event { at, side: Side::Client, lane, kind: Kind::Session(SessionEvent::Notice { text: line.to_owned() }) }
}
