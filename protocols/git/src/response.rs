//! What upload-pack and upload-archive answer (gitprotocol-pack(5), "Packfile Negotiation" and "Packfile Data";
//! gitprotocol-v2(5), "Command Response").
//!
//! ```text
//!   versions 0 and 1:  shallow … flush, ACK and NAK lines, then a pack: in a side band to a flush, or bare to the end
//!   version 2:         each command in its turn, to a flush; of a fetch the sections, the last of which is `packfile`
//! ```

use std::collections::VecDeque;

use bytes::Bytes;
use wiretape_core::event::{AdvertisedRef, GitEvent, ObjectId};

use crate::event::Gathered;
use crate::limits::COMMANDS_PENDING_MAX;
use crate::pack::ObjectFormat;
use crate::passing::Passing;
use crate::pkt_line::{Expecting, Packet, text};
use crate::request::Expected;

/// The answers of the target, as they come.
#[derive(Debug)]
pub(crate) struct Response {
    /// What the side band carries is an archive, not a pack.
    is_archive: bool,
    /// Commands of version 2 that wait for their response, the oldest first. Empty before the first: version 0 or 1.
    commands: VecDeque<Expected>,
    /// Whether version 2 is spoken.
    has_commands: bool,
    /// In a side band: of version 2 in the section `packfile`.
    banded: bool,
    lines: Gathered<Bytes>,
    refs: Gathered<AdvertisedRef>,
    pack: Option<Passing>,
    /// A pack without a side band: it ends with the stream.
    raw: bool,
    /// Whether the last word was said: an error, or a flush behind the pack.
    over: bool,
}

/// What a packet of a response means.
#[derive(Debug, Default)]
pub(crate) struct Answered {
    /// What to record.
    pub(crate) events: Vec<GitEvent>,
    /// Whether it is part of a pack.
    pub(crate) is_pack: bool,
}

impl Response {
    /// Of upload-pack, or of upload-archive.
    pub(crate) fn new(is_archive: bool) -> Self {
        Self {
            is_archive,
            commands: VecDeque::new(),
            has_commands: false,
            banded: is_archive,
            lines: Gathered::default(),
            refs: Gathered::default(),
            pack: None,
            raw: false,
            over: false,
        }
    }

    /// A command of version 2 was asked, and is answered in its turn; false when too many wait.
    pub(crate) fn ask(&mut self, command: Expected) -> bool {
        self.has_commands = true;
        self.over = false;
        self.commands.push_back(command);
        self.commands.len() <= COMMANDS_PENDING_MAX
    }

    /// What comes next. `banded`: the client of version 0 or 1 agreed to a side band.
    pub(crate) fn expecting(&self, banded: bool) -> Expecting {
        match () {
            () if self.raw => Expecting::Pack,
            () if self.banded || (banded && !self.has_commands) => Expecting::Bands,
            () if self.has_commands => Expecting::Lines,
            () => Expecting::LinesOrPack,
        }
    }

    /// Whether a message to the person at the client can be said in a side band now.
    pub(crate) fn is_in_band(&self) -> bool {
        self.pack.is_some() && !self.raw
    }

    /// Whether the client waits for nothing more.
    pub(crate) fn is_over(&self) -> bool {
        self.over || self.raw
    }

    /// Takes the next packet.
    pub(crate) fn take(&mut self, packet: &Packet, format: ObjectFormat) -> Answered {
        let mut answered = Answered::default();
        match packet {
            Packet::Band => {
                answered.events.extend(self.told());
                answered.is_pack = !self.is_archive;
                self.pack.get_or_insert_default();
            }
            Packet::Run(run) => {
                answered.is_pack = !self.is_archive;
                if answered.is_pack
                    && let Some(pack) = &mut self.pack
                {
                    pack.take(run);
                }
            }
            Packet::Raw(run) => {
                answered.events.extend(self.told());
                answered.is_pack = true;
                self.raw = true;
                self.pack.get_or_insert_default().take(run);
            }
            Packet::Data(line) => self.line(line, &mut answered),
            Packet::Delim => answered.events.extend(self.told()),
            Packet::Flush => self.flush(format, &mut answered),
            Packet::ResponseEnd => {}
        }
        answered
    }

    fn line(&mut self, line: &Bytes, answered: &mut Answered) {
        let (line, band) = match (line.first(), self.commands.front()) {
            (Some(band @ 1..=3), Some(Expected::Sections { all: true })) => (line.slice(1..), *band),
            (Some(band @ (2 | 3)), _) => (line.slice(1..), *band),
            _ => (line.clone(), 1),
        };
        match band {
            2 => answered.events.push(GitEvent::Progress { bytes: line }),
            3 => {
                answered.events.push(GitEvent::Error { message: line });
                self.over = true;
            }
            _ => self.said(&text(&line), answered),
        }
    }

    fn said(&mut self, line: &Bytes, answered: &mut Answered) {
        if let Some(message) = line.strip_prefix(b"ERR ") {
            answered.events.extend(self.told());
            answered.events.push(GitEvent::Error { message: line.slice_ref(message) });
            self.over = true;
            return;
        }
        match self.commands.front() {
            Some(Expected::Refs) => {
                if let Some(reference) = reference(line) {
                    let refs = self.refs.push(reference, line.len());
                    answered.events.extend(refs.map(|refs| GitEvent::Refs { refs }));
                }
            }
            Some(Expected::Sections { .. }) => match line.as_ref() {
                b"packfile" => {
                    answered.events.extend(self.told());
                    self.banded = true;
                }
                b"acknowledgments" | b"shallow-info" | b"wanted-refs" | b"packfile-uris" => {
                    answered.events.extend(self.told());
                }
                _ => self.acknowledged(line, answered),
            },
            Some(Expected::Other) => {}
            None if self.has_commands => {}
            None => self.acknowledged(line, answered),
        }
    }

    fn acknowledged(&mut self, line: &Bytes, answered: &mut Answered) {
        let lines = self.lines.push(line.clone(), line.len());
        answered.events.extend(lines.map(|lines| GitEvent::Acknowledged { lines }));
    }

    fn flush(&mut self, format: ObjectFormat, answered: &mut Answered) {
        answered.events.extend(self.told());
        // The first flush of an archive stands before what its side band carries.
        self.over |= self.pack.is_some();
        answered.events.extend(self.pack_over(format));
        if self.has_commands {
            self.commands.pop_front();
            self.banded = false;
            self.over = self.commands.is_empty();
        }
    }

    fn pack_over(&mut self, format: ObjectFormat) -> Option<GitEvent> {
        self.pack.take().filter(|_| !self.is_archive)?.over(format)
    }

    /// What was gathered, now that something else is said.
    pub(crate) fn told(&mut self) -> impl Iterator<Item = GitEvent> + use<> {
        let lines = self.lines.take().map(|lines| GitEvent::Acknowledged { lines });
        lines.into_iter().chain(self.refs.take().map(|refs| GitEvent::Refs { refs }))
    }

    /// Nothing more comes.
    pub(crate) fn end(&mut self, format: ObjectFormat) -> Vec<GitEvent> {
        let mut events: Vec<_> = self.told().collect();
        // A pack in a side band that was not ended is cut: it is no whole pack.
        events.extend(self.pack_over(format).filter(|_| self.raw));
        self.over = true;
        events
    }
}

/// `<id or unborn> <name>[ symref-target:<name>][ peeled:<id>]` (gitprotocol-v2(5), "ls-refs").
fn reference(line: &Bytes) -> Option<AdvertisedRef> {
    let mut words = line.split(|byte| *byte == b' ');
    let id = words.next()?;
    let id = if id == b"unborn" { None } else { Some(ObjectId::from_hex(id)?) };
    let mut reference = AdvertisedRef { name: line.slice_ref(words.next()?), id, peeled: None, symref_target: None };
    for word in words {
        if let Some(target) = word.strip_prefix(b"symref-target:") {
            reference.symref_target = Some(line.slice_ref(target));
        } else if let Some(peeled) = word.strip_prefix(b"peeled:") {
            reference.peeled = ObjectId::from_hex(peeled);
        }
    }
    Some(reference)
}

#[cfg(test)]
mod tests {
    use super::reference;
    use bytes::Bytes;
    use wiretape_core::event::{AdvertisedRef, ObjectId};

    #[test]
    fn refs_of_version_2_are_read() {
        let hex = "12".repeat(20);
        let id = ObjectId::from_hex(hex.as_bytes());
        let read = |line: &str| reference(&Bytes::copy_from_slice(line.as_bytes()));
        let named = |name: &'static str| AdvertisedRef { name: name.into(), id, peeled: None, symref_target: None };
        assert_eq!(read(&format!("{hex} refs/heads/main")), Some(named("refs/heads/main")));
        let head = AdvertisedRef { symref_target: Some("refs/heads/main".into()), ..named("HEAD") };
        assert_eq!(read(&format!("{hex} HEAD symref-target:refs/heads/main")), Some(head.clone()));
        assert_eq!(read("unborn HEAD symref-target:refs/heads/main"), Some(AdvertisedRef { id: None, ..head }));
        let tag = AdvertisedRef { peeled: id, ..named("refs/tags/v1") };
        assert_eq!(read(&format!("{hex} refs/tags/v1 peeled:{hex}")), Some(tag));
        assert_eq!(read("refs/heads/main"), None);
        assert_eq!(read(&hex), None);
    }
}
