//! What receive-pack says of a push (gitprotocol-pack(5), "Report Status"), in a side band or bare.

use bytes::Bytes;
use wiretape_core::event::{GitEvent, RefReport};

use crate::event::Gathered;
use crate::pkt_line::{Expecting, Malformed, Packet, Packets, text};

/// The report, as it comes.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// Of the lines inside of side band 1.
    inner: Packets,
    unpack: Option<Bytes>,
    refs: Gathered<RefReport>,
    /// Whether all was said.
    over: bool,
}

impl Report {
    /// True once the client waits for nothing more.
    pub(crate) fn is_over(&self) -> bool {
        self.over
    }

    /// Takes the next packet of the target, whole: a report ends where it ends in one.
    pub(crate) fn take(&mut self, packet: &Packet, banded: bool) -> Result<Vec<GitEvent>, Malformed> {
        let mut events = Vec::new();
        match packet {
            Packet::Data(line) if banded => match line.split_first() {
                Some((1, said)) => {
                    let mut rest = line.slice_ref(said);
                    while let Some((_, packet)) = self.inner.next(&mut rest, Expecting::Lines)? {
                        self.packet(&packet, &mut events);
                    }
                }
                Some((2, bytes)) => events.push(GitEvent::Progress { bytes: line.slice_ref(bytes) }),
                Some((3, message)) => {
                    events.push(GitEvent::Error { message: line.slice_ref(message) });
                    self.over = true;
                }
                _ => self.packet(packet, &mut events),
            },
            Packet::Flush if banded => {
                events.extend(self.told());
                self.over = true;
            }
            packet => self.packet(packet, &mut events),
        }
        Ok(events)
    }

    fn packet(&mut self, packet: &Packet, events: &mut Vec<GitEvent>) {
        match packet {
            Packet::Data(line) => self.line(&text(line), events),
            Packet::Flush => {
                events.extend(self.told());
                self.over = true;
            }
            _ => {}
        }
    }

    /// `unpack …`, `ok <name>`, `ng <name> <why>`, `option …`.
    fn line(&mut self, line: &Bytes, events: &mut Vec<GitEvent>) {
        if let Some(message) = line.strip_prefix(b"ERR ") {
            events.push(GitEvent::Error { message: line.slice_ref(message) });
            self.over = true;
        } else if let Some(result) = line.strip_prefix(b"unpack ") {
            self.unpack = Some(line.slice_ref(result));
        } else if let Some(name) = line.strip_prefix(b"ok ") {
            self.reference(line.slice_ref(name), None, events);
        } else if let Some(said) = line.strip_prefix(b"ng ") {
            let space = said.iter().position(|byte| *byte == b' ').unwrap_or(said.len());
            let (name, why) = said.split_at(space);
            let why = why.get(1..).map_or(Bytes::new(), |why| line.slice_ref(why));
            self.reference(line.slice_ref(name), Some(why), events);
        } else if let (Some(option), Some(last)) = (line.strip_prefix(b"option "), self.refs.last_mut()) {
            // As many as git has (`refname`, `old-oid`, `new-oid`, `forced-update`), and room for more.
            if last.options.len() < 16 {
                last.options.push(line.slice_ref(option));
            }
        }
    }

    fn reference(&mut self, name: Bytes, error: Option<Bytes>, events: &mut Vec<GitEvent>) {
        let text_bytes = name.len().saturating_add(error.as_ref().map_or(0, Bytes::len));
        let refs = self.refs.push(RefReport { name, error, options: Vec::new() }, text_bytes);
        if let Some(refs) = refs {
            events.push(GitEvent::Report { unpack: self.unpack.clone().unwrap_or_default(), refs });
        }
    }

    /// What was gathered and not told yet.
    pub(crate) fn told(&mut self) -> Option<GitEvent> {
        let refs = self.refs.take();
        if self.unpack.is_none() && refs.is_none() {
            return None;
        }
        Some(GitEvent::Report { unpack: self.unpack.take().unwrap_or_default(), refs: refs.unwrap_or_default() })
    }
}

#[cfg(test)]
mod tests {
    use super::Report;
    use crate::pkt_line::{Expecting, Packets, write, write_band};
    use bytes::{Bytes, BytesMut};
    use wiretape_core::event::{GitEvent, RefReport};

    fn read(said: &[u8], piece_bytes: usize, banded: bool) -> Vec<GitEvent> {
        let (mut packets, mut report, mut events) = (Packets::default(), Report::default(), Vec::new());
        for piece in said.chunks(piece_bytes) {
            let mut bytes = Bytes::copy_from_slice(piece);
            while let Some((_, packet)) = packets.next(&mut bytes, Expecting::Lines).unwrap() {
                events.extend(report.take(&packet, banded).unwrap());
            }
        }
        assert!(report.is_over());
        events
    }

    #[test]
    fn a_report_is_the_same_in_a_side_band() {
        let mut bare = BytesMut::new();
        for line in ["unpack ok\n", "ok refs/heads/a\n", "option refname refs/heads/b\n", "option forced-update\n"] {
            write(&mut bare, &[line.as_bytes()]);
        }
        write(&mut bare, &[b"ng refs/heads/c non-fast forward\n"]);
        bare.extend_from_slice(b"0000");
        let refs = vec![
            RefReport {
                name: "refs/heads/a".into(),
                error: None,
                options: vec!["refname refs/heads/b".into(), "forced-update".into()],
            },
            RefReport { name: "refs/heads/c".into(), error: Some("non-fast forward".into()), options: Vec::new() },
        ];
        let expected = GitEvent::Report { unpack: "ok".into(), refs };
        let mut banded = BytesMut::new();
        write_band(&mut banded, 2, b"hello\n");
        // In two packets, cut in the middle of a line.
        write_band(&mut banded, 1, &bare[..30]);
        write_band(&mut banded, 1, &bare[30..]);
        banded.extend_from_slice(b"0000");
        for piece_bytes in [1, 7, 1000] {
            assert_eq!(read(&bare, piece_bytes, false), std::slice::from_ref(&expected));
            let progress = GitEvent::Progress { bytes: "hello\n".into() };
            assert_eq!(read(&banded, piece_bytes, true), [progress, expected.clone()]);
        }
    }
}
