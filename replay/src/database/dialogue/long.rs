//! Messages that came in pieces.

use bytes::Bytes;
use wiretape_core::event::{Parameter, QueryEvent};

use crate::database::message;

/// Bytes of a message's header: its letter and its length.
const HEADER_BYTES: usize = 5;

/// The message that is coming in pieces from one side.
#[derive(Clone, Debug, Default)]
pub(super) struct Pieces {
    start: Vec<u8>,
    bytes: u64,
}

/// A message that came in pieces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Long {
    /// Its letter.
    pub letter: u8,
    /// The start of its content, or all of it.
    pub start: Bytes,
    /// How long its content is, in bytes.
    pub bytes: u64,
}

impl Pieces {
    /// Takes in a piece; the message, of which at most `bytes_max` are kept, when it is the last.
    pub(super) fn feed(&mut self, letter: u8, bytes: &[u8], last: bool, bytes_max: usize) -> Option<Long> {
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        let room = bytes_max.saturating_add(HEADER_BYTES).saturating_sub(self.start.len());
        self.start.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        if !last {
            return None;
        }
        let whole = std::mem::take(self);
        let start = Bytes::from(whole.start);
        let start = start.slice(HEADER_BYTES.min(start.len())..);
        Some(Long { letter, start, bytes: whole.bytes.saturating_sub(HEADER_BYTES as u64) })
    }
}

impl Long {
    /// All of the content, when all of it is kept.
    #[must_use]
    pub fn whole(&self) -> Option<&Bytes> {
        (self.start.len() as u64 == self.bytes).then_some(&self.start)
    }

    /// The text of a `Query`: as much of it as is kept, and how long it is.
    #[must_use]
    pub fn query(&self) -> (Bytes, u64) {
        let text = self.start.strip_suffix(&[0]).map_or(&self.start[..], |text| text);
        (self.start.slice_ref(text), self.bytes.saturating_sub(1))
    }

    /// The name and the text of a `Parse`: as much of it as is kept, and about how long it is.
    #[must_use]
    pub fn parse(&self) -> (Bytes, Bytes, u64) {
        let (name, rest) = until_nul(&self.start);
        let (text, behind) = until_nul(rest);
        let bytes = match self.whole() {
            Some(_) => text.len() as u64,
            // The count and the types behind the text are few.
            None => self.bytes.saturating_sub(name.len() as u64 + 4).max((text.len() + behind.len()) as u64),
        };
        (self.start.slice_ref(name), self.start.slice_ref(text), bytes)
    }

    /// A `Bind`, as far as it is kept; its values only when all of it is.
    #[must_use]
    pub fn bind(&self) -> QueryEvent {
        let (portal, rest) = until_nul(&self.start);
        let (statement, rest) = until_nul(rest);
        let values = self.whole().and_then(|_| self.values(rest));
        let (formats, parameters, result_formats) = values.unwrap_or_default();
        QueryEvent::Bind {
            portal: self.start.slice_ref(portal),
            statement: self.start.slice_ref(statement),
            formats,
            parameters,
            result_formats,
        }
    }

    /// Whether all values of a `Bind` are there.
    #[must_use]
    pub fn has_values(&self) -> bool {
        self.whole().is_some()
    }

    fn values(&self, content: &[u8]) -> Option<(Vec<u16>, Vec<Parameter>, Vec<u16>)> {
        let (formats, rest) = numbers(content)?;
        let mut values = message::values(rest);
        let mut parameters = Vec::new();
        for value in values.by_ref() {
            parameters.push(Parameter { type_id: 0, value: value.map(|value| self.start.slice_ref(value)) });
        }
        let (result_formats, _) = numbers(values.rest())?;
        Some((formats, parameters, result_formats))
    }
}

/// A count, and so many numbers.
fn numbers(content: &[u8]) -> Option<(Vec<u16>, &[u8])> {
    let (count, rest) = content.split_first_chunk::<2>()?;
    let (numbers, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*count)) * 2)?;
    let (numbers, _) = numbers.as_chunks::<2>();
    Some((numbers.iter().map(|number| u16::from_be_bytes(*number)).collect(), rest))
}

/// What stands before the first NUL, and behind it.
fn until_nul(content: &[u8]) -> (&[u8], &[u8]) {
    let end = content.iter().position(|byte| *byte == 0).unwrap_or(content.len());
    let (text, rest) = content.split_at(end);
    (text, rest.get(1..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use wiretape_core::event::QueryEvent;

    use super::{Long, Pieces};

    fn long(letter: u8, content: &[u8], bytes_max: usize) -> Long {
        let mut message = vec![letter];
        message.extend(u32::try_from(content.len() + 4).unwrap().to_be_bytes());
        message.extend(content);
        let mut pieces = Pieces::default();
        let (last, first) = message.split_last().unwrap();
        for byte in first {
            assert_eq!(pieces.feed(letter, &[*byte], false, bytes_max), None);
        }
        pieces.feed(letter, &[*last], true, bytes_max).unwrap()
    }

    #[test]
    fn pieces_are_put_together() {
        assert_eq!(long(b'Q', b"select 1\0", 100).query(), ("select 1".into(), 8));
        assert_eq!(long(b'Q', b"select 1\0", 3).query(), ("sel".into(), 8));
        assert_eq!(long(b'P', b"S\0select 1\0\0\0", 100).parse(), ("S".into(), "select 1".into(), 8));
        assert_eq!(long(b'P', b"S\0select 1\0\0\0", 5).parse(), ("S".into(), "sel".into(), 8));
        let content = b"C\0S\0\0\x01\0\x01\0\x02\0\0\0\x01x\xff\xff\xff\xff\0\x01\0\x00";
        let QueryEvent::Bind { portal, statement, formats, parameters, result_formats } =
            long(b'B', content, 100).bind()
        else {
            panic!("no Bind");
        };
        assert_eq!((&portal[..], &statement[..]), (&b"C"[..], &b"S"[..]));
        assert_eq!((formats, result_formats), (vec![1], vec![0]));
        assert_eq!(parameters.len(), 2);
        assert!(!long(b'B', content, 5).has_values());
    }
}
