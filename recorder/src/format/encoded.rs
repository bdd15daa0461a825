//! The encoded events of a chunk that is not cut yet.
//!
//! Long runs of payload stay where they are until they are compressed or written: copying them here first would be most
//! of the work of recording them.

use bincode::enc::write::Writer;
use bincode::error::EncodeError;
use bytes::Bytes;

/// Runs of payload from this length on are not copied.
const RUN_BYTES_MIN: usize = 8 * 1024;

/// Bytes in order, some of which are elsewhere.
#[derive(Default)]
pub(crate) struct Encoded {
    text: Vec<u8>,
    /// What stands between the bytes of `text`: at which of them, and what.
    runs: Vec<(usize, Bytes)>,
    runs_bytes: usize,
}

/// How long something was, to go back to.
#[derive(Clone, Copy)]
pub(crate) struct Mark {
    text: usize,
    runs: usize,
    runs_bytes: usize,
}

impl Encoded {
    /// How many bytes there are.
    pub(crate) fn len(&self) -> usize {
        self.text.len() + self.runs_bytes
    }

    /// The bytes, piece by piece; never an empty one.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.runs.iter().map(|(at, _)| *at));
        let ends = self.runs.iter().map(|(at, _)| *at).chain([self.text.len()]);
        let texts = starts.zip(ends).map(|(start, end)| self.text.get(start..end).unwrap_or_default());
        let runs = self.runs.iter().map(|(_, run)| run.as_ref()).chain([&[][..]]);
        texts.zip(runs).flat_map(|(text, run)| [text, run]).filter(|piece| !piece.is_empty())
    }

    /// Bytes from the middle of the longest piece, at most `bytes_max`.
    pub(crate) fn sample(&self, bytes_max: usize) -> &[u8] {
        let longest = self.pieces().max_by_key(|piece| piece.len()).unwrap_or_default();
        let start = (longest.len() / 2).min(longest.len().saturating_sub(bytes_max));
        let end = longest.len().min(start.saturating_add(bytes_max));
        longest.get(start..end).unwrap_or_default()
    }

    /// Forgets everything, and keeps room for at most `bytes_max`.
    pub(crate) fn clear(&mut self, bytes_max: usize) {
        self.text.clear();
        self.text.shrink_to(bytes_max);
        self.runs.clear();
        self.runs.shrink_to(bytes_max / size_of::<(usize, Bytes)>());
        self.runs_bytes = 0;
    }

    /// Where it stands.
    pub(crate) fn mark(&self) -> Mark {
        Mark { text: self.text.len(), runs: self.runs.len(), runs_bytes: self.runs_bytes }
    }

    /// Forgets what came after `mark`.
    pub(crate) fn go_back(&mut self, mark: Mark) {
        self.text.truncate(mark.text);
        self.runs.truncate(mark.runs);
        self.runs_bytes = mark.runs_bytes;
    }
}

/// Appends what is written; the bytes of `payload`, when they are many, by reference.
pub(crate) struct Appended<'a> {
    pub(crate) encoded: &'a mut Encoded,
    pub(crate) payload: Option<&'a Bytes>,
}

impl Writer for Appended<'_> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        let run =
            self.payload.filter(|payload| bytes.len() >= RUN_BYTES_MIN && std::ptr::eq::<[u8]>(&***payload, bytes));
        match run {
            Some(payload) => {
                self.encoded.runs.push((self.encoded.text.len(), payload.clone()));
                self.encoded.runs_bytes += payload.len();
            }
            None => self.encoded.text.extend_from_slice(bytes),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use bincode::enc::write::Writer;
    use bytes::Bytes;

    use super::{Appended, Encoded, RUN_BYTES_MIN};

    fn append(encoded: &mut Encoded, bytes: &[u8], payload: Option<&Bytes>) {
        Appended { encoded, payload }.write(bytes).unwrap();
    }

    #[test]
    fn long_payloads_stand_in_their_places_without_being_copied() {
        let (long, other) = (Bytes::from(vec![7; RUN_BYTES_MIN]), Bytes::from(vec![8; RUN_BYTES_MIN + 3]));
        let mut encoded = Encoded::default();
        append(&mut encoded, &long, Some(&long));
        append(&mut encoded, b"one", None);
        let mark = encoded.mark();
        append(&mut encoded, &other, Some(&other));
        append(&mut encoded, b"two", Some(&other));
        assert_eq!(encoded.pieces().collect::<Vec<_>>(), [&long[..], b"one", &other, b"two"]);
        assert_eq!(encoded.len(), 2 * RUN_BYTES_MIN + 9);
        assert!(encoded.pieces().any(|piece| std::ptr::eq(piece, &*other)), "it was copied");
        assert_eq!((encoded.sample(10), encoded.sample(usize::MAX)), (&[8; 10][..], &other[..]));
        encoded.go_back(mark);
        assert_eq!(
            (encoded.pieces().collect::<Vec<_>>().concat(), encoded.len()),
            ([&long[..], b"one"].concat(), RUN_BYTES_MIN + 3)
        );
        encoded.clear(0);
        assert_eq!((encoded.pieces().count(), encoded.len(), encoded.sample(9).len()), (0, 0, 0));
    }

    #[test]
    fn what_is_short_or_not_the_payload_is_copied() {
        let (short, long) = (Bytes::from(vec![7; RUN_BYTES_MIN - 1]), Bytes::from(vec![7; RUN_BYTES_MIN]));
        let mut encoded = Encoded::default();
        append(&mut encoded, &short, Some(&short));
        let same = vec![7; RUN_BYTES_MIN];
        append(&mut encoded, &same, Some(&long));
        assert_eq!(encoded.pieces().count(), 1);
        assert_eq!(encoded.len(), 2 * RUN_BYTES_MIN - 1);
    }
}
