//! The data of a copy to the target, as a script can hold it: behind the statement, up to a line `\.`.

/// Looks at data that comes in pieces for a line `\.`, with which data ends in a script, wherever it stands.
#[derive(Clone, Debug)]
pub(super) struct LineWatch {
    /// How much of `\.` and the end of its line stands at the end of what came; `None` inside of another line.
    matched: Option<u8>,
    ended: bool,
}

impl Default for LineWatch {
    fn default() -> Self {
        Self { matched: Some(0), ended: false }
    }
}

impl LineWatch {
    /// Takes in `bytes`: how many of them stand before a line `\.`, that line included.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> usize {
        if self.ended {
            return 0;
        }
        for (place, byte) in bytes.iter().enumerate() {
            self.matched = match (self.matched, byte) {
                (Some(2 | 3), b'\n') => {
                    self.ended = true;
                    return place + 1;
                }
                (_, b'\n') => Some(0),
                (Some(0), b'\\') => Some(1),
                (Some(1), b'.') => Some(2),
                (Some(2), b'\r') => Some(3),
                _ => None,
            };
        }
        bytes.len()
    }

    /// Whether a line `\.` came, be it without its end.
    pub(super) fn has_ended(&self) -> bool {
        self.ended || matches!(self.matched, Some(2 | 3))
    }

    /// Whether a line `\.` came, and its end.
    pub(super) fn has_whole_end(&self) -> bool {
        self.ended
    }

    /// Whether what came ends in the middle of a line.
    pub(super) fn in_line(&self) -> bool {
        self.matched != Some(0)
    }
}

/// What is known of the data of a copy.
#[derive(Clone, Debug)]
pub(super) struct CopyIn {
    /// Statements of the request that were done before it.
    pub(super) after: usize,
    /// It is text, not binary.
    pub(super) text: bool,
    /// How much there is, in bytes.
    pub(super) bytes: u64,
    /// A byte 0 stands in it.
    pub(super) has_nul: bool,
    /// The lines of it.
    pub(super) watch: LineWatch,
}

impl CopyIn {
    pub(super) fn new(after: usize, format: u8) -> Self {
        Self { after, text: format == 0, bytes: 0, has_nul: false, watch: LineWatch::default() }
    }

    pub(super) fn take(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.has_nul |= bytes.contains(&0);
        self.watch.feed(bytes);
    }
}

/// The content of a piece of a long message.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pieces {
    inside: bool,
}

impl Pieces {
    /// The content of a piece: without the header with which the first begins.
    pub(super) fn content<'a>(&mut self, bytes: &'a [u8], last: bool) -> &'a [u8] {
        const HEADER_BYTES: usize = 5;
        let content = if self.inside { bytes } else { bytes.get(HEADER_BYTES..).unwrap_or_default() };
        self.inside = !last;
        content
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::proptest;

    use super::LineWatch;

    fn watched(parts: &[&[u8]]) -> (usize, bool, bool) {
        let mut watch = LineWatch::default();
        let taken = parts.iter().map(|part| watch.feed(part)).sum();
        (taken, watch.has_ended(), watch.in_line())
    }

    #[test]
    fn the_line_that_ends_data_is_found() {
        assert_eq!(watched(&[b"1\t2\n3\\.\n", b"\\.x\n", b"a\\.\n"]), (16, false, false));
        assert_eq!(watched(&[b"1\n\\", b".", b"\r\n", b"\\! evil\n"]), (6, true, true));
        assert_eq!(watched(&[b"\\.\n", b"more"]), (3, true, true));
        assert_eq!(watched(&[b"1\n\\."]), (4, true, true));
        assert_eq!(watched(&[b"1"]), (1, false, true));
        assert_eq!(watched(&[]), (0, false, false));
    }

    proptest! {
        #[test]
        fn it_does_not_matter_where_data_is_cut(data in "[a\\\\.\r\n]{0,12}", cuts in vec(0..12_usize, 0..4)) {
            let whole = watched(&[data.as_bytes()]);
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(data.len())).collect();
            cuts.extend([0, data.len()]);
            cuts.sort_unstable();
            let parts: Vec<&[u8]> = cuts.windows(2).map(|pair| &data.as_bytes()[pair[0]..pair[1]]).collect();
            let cut = watched(&parts);
            assert_eq!((whole.0, whole.1), (cut.0, cut.1));
        }
    }
}
