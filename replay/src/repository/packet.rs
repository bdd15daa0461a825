//! Pkt-lines (gitprotocol-common(5)), as they come in runs of any length.

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Packet {
    /// `0000`: a section ends.
    Flush,
    /// `0001` or `0002`: a part of a section, or a response, ends.
    Mark,
    /// What it carries.
    Data(Vec<u8>),
    /// No pkt-line stands here: these four bytes begin something else.
    Other([u8; 4]),
}

/// Takes pkt-lines out of a stream.
#[derive(Clone, Debug, Default)]
pub(super) struct Packets {
    /// The start of one whose end has not come; 65,535 bytes at most.
    waiting: Vec<u8>,
}

impl Packets {
    /// Takes the next from the start of `bytes`; `None` when more is needed.
    pub(super) fn next(&mut self, bytes: &mut &[u8]) -> Option<Packet> {
        let head = *self.filled(4, bytes)?.first_chunk::<4>()?;
        let packet = match length(head) {
            Some(0) => Packet::Flush,
            Some(1 | 2) => Packet::Mark,
            Some(length @ 4..) => Packet::Data(self.filled(length, bytes)?.get(4..length)?.to_vec()),
            Some(_) | None => Packet::Other(head),
        };
        self.waiting.clear();
        Some(packet)
    }

    /// Waits for `length` bytes in all.
    fn filled(&mut self, length: usize, bytes: &mut &[u8]) -> Option<&[u8]> {
        let missing = length.saturating_sub(self.waiting.len()).min(bytes.len());
        let (taken, rest) = bytes.split_at(missing);
        self.waiting.extend_from_slice(taken);
        *bytes = rest;
        Some(&self.waiting).filter(|waiting| waiting.len() >= length).map(Vec::as_slice)
    }
}

fn length(head: [u8; 4]) -> Option<usize> {
    head.iter().try_fold(0, |length, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(length << 4 | digit as usize)
    })
}
