//! What the target offers: `info/refs` of smart HTTP (gitprotocol-http(5), "Smart Server Response") and the beginning of
//! a command of SSH (gitprotocol-pack(5), "Reference Discovery"; gitprotocol-v2(5), "Capability Advertisement").
//!
//! ```text
//!   Preface ── # service=… flush ──► Start ─┬─ version 1 ──► Start
//!      (HTTP)                               ├─ version 2 ──► Capabilities ── flush ──► Over
//!                                           └─ first ref ──► Refs ────────── flush ──► Over
//! ```

use bytes::{Bytes, BytesMut};
use wiretape_core::event::{AdvertisedRef, GitEvent, ObjectId};

use crate::event::Gathered;
use crate::limits::SYMREFS_MAX;
use crate::pkt_line::{PKT_LINE_BYTES_MAX, Packet, text, write};

/// The capability that keeps clients from sending packs that only the target can read (gitprotocol-capabilities(5)).
const NO_THIN: &[u8] = b"no-thin";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Preface,
    /// Behind the line `# service=…`, up to its flush.
    PrefaceEnd,
    Start,
    Capabilities,
    Refs,
    Over,
}

/// What the target offers, as it comes.
#[derive(Debug)]
pub(crate) struct Advertisement {
    state: State,
    version: u8,
    capabilities: Gathered<Bytes>,
    refs: Gathered<AdvertisedRef>,
    shallow: Gathered<Bytes>,
    /// Symbolic refs, and what they stand for.
    symrefs: Vec<(Bytes, Bytes)>,
    /// Whether packs are to be whole: of receive-pack only.
    no_thin: bool,
}

/// What a packet of it means.
#[derive(Debug, Default)]
pub(crate) struct Offered {
    /// What to record.
    pub(crate) events: Vec<GitEvent>,
    /// What the client gets in the place of the packet.
    pub(crate) changed: Option<Bytes>,
}

impl Advertisement {
    /// Of an exchange of HTTP, or of a command; `no_thin`: the client is to be kept from sending thin packs.
    pub(crate) fn new(is_exchange: bool, no_thin: bool) -> Self {
        Self {
            state: if is_exchange { State::Preface } else { State::Start },
            version: 0,
            capabilities: Gathered::default(),
            refs: Gathered::default(),
            shallow: Gathered::default(),
            symrefs: Vec::new(),
            no_thin,
        }
    }

    /// True once all of it was said.
    pub(crate) fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// Takes the next packet. An error says what was expected.
    pub(crate) fn take(&mut self, packet: &Packet) -> Result<Offered, &'static str> {
        let mut offered = Offered::default();
        match (self.state, packet) {
            (State::Over, _) => {}
            (State::Preface, Packet::Data(line)) if line.starts_with(b"# service=") => self.state = State::PrefaceEnd,
            (State::PrefaceEnd, Packet::Data(_)) => {}
            (State::PrefaceEnd, Packet::Flush) => self.state = State::Start,
            (_, Packet::Data(line)) if line.starts_with(b"ERR ") => {
                self.over(&mut offered);
                offered.events.push(GitEvent::Error { message: text(&line.slice(4..)) });
            }
            (State::Preface | State::Start, Packet::Data(line)) => self.start(line, &mut offered)?,
            (State::Capabilities, Packet::Data(line)) => {
                let line = text(line);
                let capabilities = self.capabilities.push(line.clone(), line.len());
                offered.events.extend(capabilities.map(|capabilities| self.advertised(capabilities)));
            }
            (State::Refs, Packet::Data(line)) => self.reference(&text(line), &mut offered)?,
            (State::Preface | State::Start, Packet::Flush) => {
                self.state = State::Over;
                offered.events.push(self.advertised(Vec::new()));
            }
            (_, Packet::Flush) => self.over(&mut offered),
            _ => return Err("refs or capabilities of the target"),
        }
        Ok(offered)
    }

    fn advertised(&self, capabilities: Vec<Bytes>) -> GitEvent {
        GitEvent::Advertised { version: self.version, capabilities }
    }

    /// The line that tells the version.
    fn start(&mut self, line: &Bytes, offered: &mut Offered) -> Result<(), &'static str> {
        match text(line).as_ref() {
            b"version 1" => {
                self.version = 1;
                self.state = State::Start;
            }
            b"version 2" => {
                self.version = 2;
                self.state = State::Capabilities;
            }
            _ => self.first(line, offered)?,
        }
        Ok(())
    }

    /// The first ref, with the capabilities behind it.
    fn first(&mut self, line: &Bytes, offered: &mut Offered) -> Result<(), &'static str> {
        self.state = State::Refs;
        let said = text(line);
        let end = said.iter().position(|byte| *byte == 0).unwrap_or(said.len());
        let behind = said.slice((end + 1).min(said.len())..);
        let capabilities = words(&behind);
        for capability in &capabilities {
            let symref = capability.strip_prefix(b"symref=").unwrap_or_default();
            let colon = symref.iter().position(|byte| *byte == b':');
            if let Some(colon) = colon.filter(|_| self.symrefs.len() < SYMREFS_MAX) {
                let (name, target) = symref.split_at(colon);
                let target = target.get(1..).unwrap_or_default();
                self.symrefs.push((capability.slice_ref(name), capability.slice_ref(target)));
            }
        }
        let has_no_thin = capabilities.iter().any(|capability| capability == NO_THIN);
        offered.events.push(self.advertised(capabilities));
        if self.no_thin && !has_no_thin && line.len() + NO_THIN.len() + 8 <= PKT_LINE_BYTES_MAX {
            let (separator, end): (&[u8], &[u8]) =
                (if end == said.len() { b"\0" } else { b" " }, if line.len() > said.len() { b"\n" } else { b"" });
            let mut changed = BytesMut::new();
            write(&mut changed, &[&said, separator, NO_THIN, end]);
            offered.changed = Some(changed.freeze());
        }
        self.reference(&said.slice(..end), offered)
    }

    /// `<id> <name>`, `<id> <name>^{}`, `shallow <id>`, and where there is no ref `<zeros> capabilities^{}`.
    fn reference(&mut self, line: &Bytes, offered: &mut Offered) -> Result<(), &'static str> {
        if line.starts_with(b"shallow ") {
            let lines = self.shallow.push(line.clone(), line.len());
            offered.events.extend(lines.map(|lines| GitEvent::Acknowledged { lines }));
            return Ok(());
        }
        let space = line.iter().position(|byte| *byte == b' ').unwrap_or(line.len());
        let (id, name) = line.split_at(space);
        let id = ObjectId::from_hex(id).ok_or("a ref of the target")?;
        let name = name.get(1..).ok_or("a ref of the target")?;
        if name == b"capabilities^{}" {
            return Ok(());
        }
        if let Some(tag) = name.strip_suffix(b"^{}") {
            if let Some(before) = self.refs.last_mut().filter(|before| before.name == tag) {
                before.peeled = Some(id);
            }
            return Ok(());
        }
        let name = line.slice_ref(name);
        let symref_target = self.symrefs.iter().find(|(symref, _)| *symref == name).map(|(_, target)| target.clone());
        let text_bytes = line.len();
        let refs = self.refs.push(AdvertisedRef { name, id: Some(id), peeled: None, symref_target }, text_bytes);
        offered.events.extend(refs.map(|refs| GitEvent::Refs { refs }));
        Ok(())
    }

    fn over(&mut self, offered: &mut Offered) {
        self.state = State::Over;
        let capabilities = self.capabilities.take();
        offered.events.extend(capabilities.map(|capabilities| self.advertised(capabilities)));
        offered.events.extend(self.refs.take().map(|refs| GitEvent::Refs { refs }));
        offered.events.extend(self.shallow.take().map(|lines| GitEvent::Acknowledged { lines }));
    }
}

/// The words of a list of capabilities.
pub(crate) fn words(list: &Bytes) -> Vec<Bytes> {
    list.split(|byte| *byte == b' ').filter(|word| !word.is_empty()).map(|word| list.slice_ref(word)).collect()
}

#[cfg(test)]
mod tests {
    use super::Advertisement;
    use crate::pkt_line::{Expecting, Packets};
    use bytes::Bytes;
    use wiretape_core::event::{AdvertisedRef, GitEvent, ObjectId};

    const ONE: &str = "1111111111111111111111111111111111111111";
    const TWO: &str = "2222222222222222222222222222222222222222";

    fn line(text: &str) -> String {
        format!("{:04x}{text}", text.len() + 4)
    }

    fn read(advertisement: &mut Advertisement, said: &str) -> (Vec<GitEvent>, Vec<u8>) {
        let (mut events, mut passed) = (Vec::new(), Vec::new());
        let mut packets = Packets::default();
        let mut bytes = Bytes::copy_from_slice(said.as_bytes());
        while let Some((raw, packet)) = packets.next(&mut bytes, Expecting::Lines).unwrap() {
            let offered = advertisement.take(&packet).unwrap();
            events.extend(offered.events);
            passed.extend(offered.changed.unwrap_or(raw));
        }
        (events, passed)
    }

    fn reference(
        name: &'static str,
        id: Option<&str>,
        peeled: Option<&str>,
        symref: Option<&'static str>,
    ) -> AdvertisedRef {
        let id_of = |hex: &str| ObjectId::from_hex(hex.as_bytes()).unwrap();
        AdvertisedRef {
            name: name.into(),
            id: id.map(id_of),
            peeled: peeled.map(id_of),
            symref_target: symref.map(Bytes::from),
        }
    }

    #[test]
    fn refs_of_version_0_are_told_with_what_they_stand_for() {
        let said = [
            line("# service=git-upload-pack\n"),
            "0000".to_owned(),
            line(&format!("{ONE} HEAD\0multi_ack symref=HEAD:refs/heads/main agent=git/2\n")),
            line(&format!("{ONE} refs/heads/main\n")),
            line(&format!("{TWO} refs/tags/v1\n")),
            line(&format!("{ONE} refs/tags/v1^{{}}\n")),
            line(&format!("shallow {TWO}\n")),
            "0000".to_owned(),
        ]
        .concat();
        let mut advertisement = Advertisement::new(true, false);
        let (events, passed) = read(&mut advertisement, &said);
        assert_eq!(passed, said.as_bytes());
        assert!(advertisement.is_over());
        let capabilities = ["multi_ack", "symref=HEAD:refs/heads/main", "agent=git/2"].map(Bytes::from).to_vec();
        let refs = vec![
            reference("HEAD", Some(ONE), None, Some("refs/heads/main")),
            reference("refs/heads/main", Some(ONE), None, None),
            reference("refs/tags/v1", Some(TWO), Some(ONE), None),
        ];
        let lines = vec![Bytes::from(format!("shallow {TWO}"))];
        let expected = [
            GitEvent::Advertised { version: 0, capabilities },
            GitEvent::Refs { refs },
            GitEvent::Acknowledged { lines },
        ];
        assert_eq!(events, expected);
    }

    #[test]
    fn versions_are_told() {
        let refs = [line("version 1\n"), line(&format!("{ONE} HEAD\0a b\n")), "0000".to_owned()].concat();
        let mut advertisement = Advertisement::new(false, false);
        let (events, _) = read(&mut advertisement, &refs);
        assert!(matches!(events.as_slice(), [GitEvent::Advertised { version: 1, .. }, GitEvent::Refs { .. }]));
        let said = [line("version 2\n"), line("agent=x\n"), line("fetch=shallow filter\n"), "0000".to_owned()].concat();
        for is_exchange in [true, false] {
            let mut advertisement = Advertisement::new(is_exchange, true);
            let (events, passed) = read(&mut advertisement, &said);
            let capabilities = ["agent=x", "fetch=shallow filter"].map(Bytes::from).to_vec();
            assert_eq!(events, [GitEvent::Advertised { version: 2, capabilities }]);
            assert_eq!((advertisement.is_over(), passed.as_slice()), (true, said.as_bytes()));
        }
    }

    #[test]
    fn clients_are_kept_from_thin_packs() {
        for (first, expected) in [
            (format!("{ONE} refs/heads/main\0report-status atomic\n"), " no-thin\n"),
            (format!("{ONE} refs/heads/main\0report-status"), " no-thin"),
            (format!("{ONE} refs/heads/main"), "\0no-thin"),
            ("0".repeat(40) + " capabilities^{}\0delete-refs", " no-thin"),
        ] {
            let said = line(&first) + "0000";
            let (_, passed) = read(&mut Advertisement::new(false, true), &said);
            let changed = first.trim_end_matches('\n').to_owned() + expected;
            assert_eq!(String::from_utf8(passed).unwrap(), line(&changed) + "0000");
        }
        let has = line(&format!("{ONE} refs/heads/main\0no-thin atomic\n")) + "0000";
        assert_eq!(read(&mut Advertisement::new(false, true), &has).1, has.as_bytes());
    }

    #[test]
    fn a_repository_without_refs_is_told_too() {
        let nothing = GitEvent::Advertised { version: 0, capabilities: Vec::new() };
        assert_eq!(read(&mut Advertisement::new(false, true), "0000").0, [nothing]);
        let said = line(&("0".repeat(64) + " capabilities^{}\0object-format=sha256\n")) + "0000";
        let capabilities = vec![Bytes::from("object-format=sha256")];
        assert_eq!(
            read(&mut Advertisement::new(false, false), &said).0,
            [GitEvent::Advertised { version: 0, capabilities }]
        );
    }
}
