//! The parser of event streams: `text/event-stream`, as the HTML standard of WHATWG has it (section 9.2, "Server-sent
//! events").
//!
//! It takes bytes as they come, cut anywhere, and keeps no more of an event than it is told to. Where the standard
//! throws something away that a reader may want to see (comments, an event whose end never came), it is said.

use std::mem;

/// What stands before the first line of some streams.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// One thing that a stream said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// An event, which a page would be given.
    Event(StreamedEvent),
    /// A comment, without the colon before it; many servers send them so that the connection stays open.
    Comment(String),
    /// How long to wait before the connection is made again, in milliseconds.
    Retry(u64),
}

/// An event of an event stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamedEvent {
    /// Its type; `message` when none was named.
    pub event: String,
    /// Its data; lines are joined by line feeds.
    pub data: String,
    /// The last id that was given, by this event or one before it; empty when none was.
    pub id: String,
    /// Bytes of it that were not kept.
    pub cut_bytes: u64,
}

/// Reads a stream.
#[derive(Clone, Debug)]
pub struct Parser {
    bytes_max: usize,
    /// The line that is coming, without its end.
    line: Vec<u8>,
    line_cut_bytes: u64,
    /// Whether anything stands before the line.
    begun: bool,
    /// The last byte was a carriage return: a line feed behind it ends nothing.
    returned: bool,
    event: String,
    data: String,
    has_data: bool,
    id: String,
    cut_bytes: u64,
}

impl Parser {
    /// Reads a stream; of a line, and of the data of an event, at most `bytes_max` bytes are kept.
    #[must_use]
    pub fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            line: Vec::new(),
            line_cut_bytes: 0,
            begun: false,
            returned: false,
            event: String::new(),
            data: String::new(),
            has_data: false,
            id: String::new(),
            cut_bytes: 0,
        }
    }

    /// Takes in the next bytes; what they complete.
    #[must_use]
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Said> {
        let mut said = Vec::new();
        let mut rest = bytes;
        if mem::take(&mut self.returned) {
            match rest.split_first() {
                Some((b'\n', behind)) => rest = behind,
                Some(_) => {}
                None => self.returned = true,
            }
        }
        while let Some(end) = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')) {
            let (line, behind) = rest.split_at_checked(end).unwrap_or_default();
            self.keep(line);
            said.extend(self.take_line());
            rest = match behind {
                [b'\r', b'\n', behind @ ..] | [_, behind @ ..] => behind,
                [] => behind,
            };
            self.returned = behind == b"\r";
        }
        self.keep(rest);
        said
    }

    /// What was begun and not ended when the stream ended: the standard throws it away.
    #[must_use]
    pub fn unfinished(&mut self) -> Option<StreamedEvent> {
        if !self.line.is_empty() {
            // What a comment or a retry says is of no more use.
            let _ = self.take_line();
        }
        (self.has_data || !self.event.is_empty()).then(|| self.dispatched())
    }

    fn keep(&mut self, part: &[u8]) {
        let taken = part.len().min(self.bytes_max.saturating_sub(self.line.len()));
        self.line.extend_from_slice(part.get(..taken).unwrap_or_default());
        self.line_cut_bytes = self.line_cut_bytes.saturating_add((part.len() - taken) as u64);
    }

    fn take_line(&mut self) -> Option<Said> {
        let mut bytes = mem::take(&mut self.line);
        let cut_bytes = mem::take(&mut self.line_cut_bytes);
        if !mem::replace(&mut self.begun, true) && bytes.starts_with(BYTE_ORDER_MARK) {
            bytes.drain(..BYTE_ORDER_MARK.len());
        }
        let line = String::from_utf8_lossy(&bytes);
        if line.is_empty() {
            return self.dispatch();
        }
        let (name, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "" => return Some(Said::Comment(value.to_owned())),
            "event" => {
                value.clone_into(&mut self.event);
                self.cut_bytes = self.cut_bytes.saturating_add(cut_bytes);
            }
            "data" => self.add(value, cut_bytes),
            "id" if !value.contains('\0') => value.clone_into(&mut self.id),
            "retry" if !value.is_empty() && value.bytes().all(|digit| digit.is_ascii_digit()) => {
                return Some(Said::Retry(value.parse().unwrap_or(u64::MAX)));
            }
            _ => {}
        }
        None
    }

    fn add(&mut self, value: &str, cut_bytes: u64) {
        // A line feed stands behind each line; the last is taken off, so it stands before all but the first.
        let line_end = usize::from(mem::replace(&mut self.has_data, true));
        let room = self.bytes_max.saturating_sub(self.data.len()).saturating_sub(line_end);
        let kept = value.floor_char_boundary(room.min(value.len()));
        if kept > 0 || (line_end > 0 && self.data.len() < self.bytes_max) {
            if line_end > 0 {
                self.data.push('\n');
            }
            self.data.push_str(value.get(..kept).unwrap_or_default());
        }
        self.cut_bytes = self.cut_bytes.saturating_add(cut_bytes).saturating_add((value.len() - kept) as u64);
    }

    fn dispatch(&mut self) -> Option<Said> {
        let whole = self.has_data.then(|| self.dispatched());
        self.event.clear();
        self.cut_bytes = 0;
        whole.map(Said::Event)
    }

    fn dispatched(&mut self) -> StreamedEvent {
        self.has_data = false;
        let event = mem::take(&mut self.event);
        StreamedEvent {
            event: if event.is_empty() { "message".to_owned() } else { event },
            data: mem::take(&mut self.data),
            id: self.id.clone(),
            cut_bytes: mem::take(&mut self.cut_bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop, proptest};

    use super::{Parser, Said, StreamedEvent};

    fn event(event: &str, data: &str, id: &str) -> Said {
        let (event, data, id) = (event.to_owned(), data.to_owned(), id.to_owned());
        Said::Event(StreamedEvent { event, data, id, cut_bytes: 0 })
    }

    fn read(stream: &[u8]) -> Vec<Said> {
        Parser::new(1000).feed(stream)
    }

    #[test]
    fn the_examples_of_the_standard_are_read_as_it_says() {
        assert_eq!(read(b"data: YHOO\ndata: +2\ndata: 10\n\n"), [event("message", "YHOO\n+2\n10", "")]);
        assert_eq!(
            read(b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n"),
            [
                Said::Comment("test stream".to_owned()),
                event("message", "first event", "1"),
                event("message", "second event", ""),
            ]
        );
        // An event without a value, one with an empty line in it, and one that is not ended.
        assert_eq!(read(b"data\n\ndata\ndata\n\ndata:"), [event("message", "", ""), event("message", "\n", "")]);
        assert_eq!(read(b"data:test\n\ndata: test\n\n"), [event("message", "test", ""), event("message", "test", "")]);
    }

    #[test]
    fn lines_end_in_three_ways() {
        let expected = [event("add", "1\n2", "7"), event("message", "3", "7")];
        for end in ["\n", "\r", "\r\n"] {
            let stream = ["event: add", "data: 1", "data: 2", "id: 7", "", "data: 3", "", ""].join(end);
            assert_eq!(read(stream.as_bytes()), expected, "{end:?}");
        }
        assert_eq!(read(b"data: a\r\n\rdata: b\n\r"), [event("message", "a", ""), event("message", "b", "")]);
    }

    #[test]
    fn a_mark_of_byte_order_is_passed_over_once() {
        assert_eq!(read(b"\xef\xbb\xbfdata: a\n\n"), [event("message", "a", "")]);
        assert_eq!(read(b"\n\xef\xbb\xbfdata: a\n\n"), []);
        assert_eq!(read(b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\n"), []);
    }

    #[test]
    fn fields_are_taken_as_the_standard_says() {
        assert_eq!(read(b"retry: 250\nretry: 2s\nretry\nretry: -1\n"), [Said::Retry(250)]);
        assert_eq!(read(b"retry: 99999999999999999999999\n"), [Said::Retry(u64::MAX)]);
        assert_eq!(read(b"id: a\nid: b\0c\ndata\n\n"), [event("message", "", "a")]);
        assert_eq!(read(b"event: x\n\ndata: y\n\n"), [event("message", "y", "")]);
        assert_eq!(read(b"Data: a\nother: b\n\n"), []);
        assert_eq!(read(b"data: \xff\xc3\n\n"), [event("message", "\u{fffd}\u{fffd}", "")]);
    }

    #[test]
    fn what_never_ended_is_told() {
        let mut stream = Parser::new(1000);
        assert_eq!(stream.feed(b"id: 3\nevent: x\ndata: half"), []);
        let half = StreamedEvent { event: "x".into(), data: "half".into(), id: "3".into(), cut_bytes: 0 };
        assert_eq!(stream.unfinished(), Some(half));
        assert_eq!(stream.unfinished(), None);
        let mut stream = Parser::new(1000);
        assert_eq!(stream.feed(b"data: whole\n\n: so"), [event("message", "whole", "")]);
        assert_eq!(stream.unfinished(), None);
    }

    #[test]
    fn what_is_long_is_cut_and_counted() {
        let mut stream = Parser::new(10);
        let said = stream.feed(b"data: 0123456789\ndata: 0123\ndata: 0123\ndata: 0123\n\ndata: a\n\n");
        let first =
            StreamedEvent { event: "message".into(), data: "0123\n0123\n".into(), id: String::new(), cut_bytes: 14 };
        assert_eq!(said, [Said::Event(first), event("message", "a", "")]);
    }

    proptest! {
        #[test]
        fn wherever_a_stream_is_cut_it_says_the_same(
            parts in prop::collection::vec(prop::sample::select(vec![
                "data", ":", " ", "\r", "\n", "\r\n", "id", "event", "retry", "12", "ü", "\u{feff}", "\0", "long text",
            ]), 0..60),
            noise in any::<Vec<u8>>(),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
            bytes_max in 1_usize..40,
        ) {
            let stream = [parts.concat().as_bytes(), &noise].concat();
            let mut whole = Parser::new(bytes_max);
            let mut expected = whole.feed(&stream);
            expected.extend(whole.unfinished().map(Said::Event));
            let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
            places.sort_unstable();
            let mut pieces = Parser::new(bytes_max);
            let mut said = Vec::new();
            let mut from = 0;
            for place in places.into_iter().chain([stream.len()]) {
                said.extend(pieces.feed(&stream[from..place]));
                from = place;
            }
            said.extend(pieces.unfinished().map(Said::Event));
            assert_eq!(said, expected);
            for one in said {
                if let Said::Event(event) = one {
                    assert!(event.data.len() <= bytes_max, "{event:?}");
                }
            }
        }
    }
}
