//! What a client says to receive-pack before the pack (gitprotocol-pack(5), "Pushing Data To a Server").
//!
//! ```text
//!   Updates ── push-cert ──► Certificate ── push-cert-end ──► Updates
//!      └─ flush ──► [Options ── flush ──►] Over: a pack follows, unless refs are only removed
//! ```
//!
//! What is read here is what receive-pack reads; where the two could read differently, it is not taken.

use bytes::{Bytes, BytesMut};
use wiretape_core::event::{GitEvent, ObjectId, RefChange, RefUpdate, SignatureKind};
use wiretape_core::limits::GIT_UPDATES_MAX;

use crate::advertised::words;
use crate::event::Gathered;
use crate::limits::LIST_BYTES_MAX;
use crate::pack::ObjectFormat;
use crate::pkt_line::{LENGTH_BYTES, Packet, text};

/// Lines that begin a signature, and of which kind.
const SIGNATURES: [(&[u8], SignatureKind); 4] = [
    (b"-----BEGIN PGP SIGNATURE-----", SignatureKind::OpenPgp),
    (b"-----BEGIN PGP MESSAGE-----", SignatureKind::OpenPgp),
    (b"-----BEGIN SIGNED MESSAGE-----", SignatureKind::X509),
    (b"-----BEGIN SSH SIGNATURE-----", SignatureKind::Ssh),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Updates,
    Certificate,
    Options,
    Over,
}

/// The list of updates, with what belongs to it.
#[derive(Debug)]
pub(crate) struct List {
    state: State,
    updates: Vec<RefUpdate>,
    certificate: BytesMut,
    options: Vec<Bytes>,
    /// Capabilities that the client chose, once they were said.
    chosen: Option<Chosen>,
    format: ObjectFormat,
    bytes: usize,
}

/// Capabilities of a client that pushes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Chosen {
    /// It wants to hear what became of its push.
    pub(crate) reports: bool,
    /// It takes that, and messages, in a side band.
    pub(crate) banded: bool,
    /// Options follow the updates.
    options: bool,
}

/// What a packet of the list means.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Listed {
    /// There is more of it to come.
    More,
    /// That was all of it.
    Over,
    /// It is longer than is taken.
    TooLong,
}

impl Default for List {
    fn default() -> Self {
        Self {
            state: State::Updates,
            updates: Vec::new(),
            certificate: BytesMut::new(),
            options: Vec::new(),
            chosen: None,
            format: ObjectFormat::Sha1,
            bytes: 0,
        }
    }
}

impl List {
    /// True before anything of it was said.
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// True once all of it was said.
    pub(crate) fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// The updates, each as far as zeros tell what it does.
    pub(crate) fn updates(&self) -> &[RefUpdate] {
        &self.updates
    }

    /// Options of the push.
    pub(crate) fn options(&self) -> &[Bytes] {
        &self.options
    }

    /// Capabilities that the client chose.
    pub(crate) fn chosen(&self) -> Chosen {
        self.chosen.unwrap_or_default()
    }

    /// What names the objects of the push.
    pub(crate) fn format(&self) -> ObjectFormat {
        self.format
    }

    /// Whether a pack follows: receive-pack reads none when refs are only removed.
    pub(crate) fn has_pack(&self) -> bool {
        self.updates.iter().any(|update| !update.new.is_null())
    }

    /// Takes the next packet. An error says what was expected.
    pub(crate) fn take(&mut self, packet: &Packet) -> Result<Listed, &'static str> {
        if let Packet::Data(line) = packet {
            self.bytes = self.bytes.saturating_add(line.len());
        }
        self.bytes = self.bytes.saturating_add(LENGTH_BYTES);
        if self.bytes > LIST_BYTES_MAX || self.updates.len() > GIT_UPDATES_MAX {
            return Ok(Listed::TooLong);
        }
        match (self.state, packet) {
            (State::Updates, Packet::Data(line)) => self.line(line)?,
            (State::Updates, Packet::Flush) => {
                self.state = if self.chosen().options { State::Options } else { State::Over };
            }
            (State::Certificate, Packet::Data(line)) => self.certify(line)?,
            (State::Options, Packet::Data(line)) => self.options.push(text(line)),
            (State::Options, Packet::Flush) => self.state = State::Over,
            (State::Updates, _) => return Err("an update or a flush-pkt"),
            (State::Certificate, _) => return Err("a line of the certificate"),
            (State::Options, _) => return Err("an option of the push or a flush-pkt"),
            (State::Over, _) => return Err("nothing but a pack"),
        }
        Ok(if self.is_over() { Listed::Over } else { Listed::More })
    }

    /// `<old> <new> <name>`, with capabilities behind the first; `shallow <id>`; `push-cert`.
    fn line(&mut self, line: &Bytes) -> Result<(), &'static str> {
        let line = text(line);
        let end = line.iter().position(|byte| *byte == 0).unwrap_or(line.len());
        let said = line.slice(..end);
        if said.starts_with(b"shallow ") {
            let id = said.get(8..).and_then(ObjectId::from_hex);
            return if id.is_some() && end == line.len() { Ok(()) } else { Err("a commit that is shallow") };
        }
        if end < line.len() {
            // receive-pack takes capabilities behind any line; clients say them behind the first.
            if self.chosen.is_some() {
                return Err("capabilities only once");
            }
            self.choose(&line.slice(end + 1..));
        }
        if said == "push-cert" {
            self.state = State::Certificate;
            return Ok(());
        }
        self.update(&said)
    }

    fn choose(&mut self, capabilities: &Bytes) {
        let mut chosen = Chosen::default();
        for capability in words(capabilities) {
            match capability.as_ref() {
                b"report-status" | b"report-status-v2" => chosen.reports = true,
                b"side-band-64k" => chosen.banded = true,
                b"push-options" => chosen.options = true,
                b"object-format=sha256" => self.format = ObjectFormat::Sha256,
                _ => {}
            }
        }
        self.chosen = Some(chosen);
    }

    fn update(&mut self, said: &Bytes) -> Result<(), &'static str> {
        const EXPECTED: &str = "an update: old, new, name";
        let mut words = said.splitn(3, |byte| *byte == b' ');
        let mut id = || words.next().and_then(ObjectId::from_hex).ok_or(EXPECTED);
        let (old, new) = (id()?, id()?);
        let name = words.next().filter(|name| !name.is_empty()).ok_or(EXPECTED)?;
        let same = std::mem::discriminant(&old) == std::mem::discriminant(&new);
        if !same || (old.as_bytes().len() == 32) != (self.format == ObjectFormat::Sha256) {
            return Err("names of objects in the format that was agreed");
        }
        let change = match (old.is_null(), new.is_null()) {
            (_, true) => RefChange::Deleted,
            (true, false) => RefChange::Created,
            (false, false) => RefChange::Unknown,
        };
        self.updates.push(RefUpdate { name: said.slice_ref(name), old, new, change });
        Ok(())
    }

    /// The next line of the certificate, as it stands.
    fn certify(&mut self, line: &Bytes) -> Result<(), &'static str> {
        if line == "push-cert-end\n" || line == "push-cert-end" {
            self.state = State::Updates;
            return self.certified();
        }
        if line.contains(&0) {
            return Err("text in the certificate");
        }
        self.certificate.extend_from_slice(line);
        Ok(())
    }

    /// The updates that the certificate lists: between its first empty line and its signature.
    fn certified(&mut self) -> Result<(), &'static str> {
        let certificate = self.certificate.clone().freeze();
        let empty = certificate.windows(2).position(|pair| pair == b"\n\n").ok_or("a certificate with updates")?;
        let mut rest = certificate.slice(empty + 2..);
        while !rest.is_empty() {
            let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
            let line = rest.split_to(end);
            if SIGNATURES.iter().any(|(start, _)| line.starts_with(start)) {
                return Ok(());
            }
            self.update(&line)?;
            if self.updates.len() > GIT_UPDATES_MAX {
                break;
            }
            let _ = rest.split_to(rest.len().min(1));
        }
        Ok(())
    }

    /// What to record of the list beside its updates.
    pub(crate) fn events(&self) -> Vec<GitEvent> {
        let mut events = Vec::new();
        if !self.certificate.is_empty() {
            let text = self.certificate.clone().freeze();
            let signature = text
                .split(|byte| *byte == b'\n')
                .find_map(|line| SIGNATURES.iter().find(|(start, _)| line.starts_with(start)))
                .map_or(SignatureKind::Other, |(_, kind)| *kind);
            events.push(GitEvent::Certificate { text: certificate_part(&text), signature });
        }
        let mut options = Gathered::default();
        let parts = self.options.iter().filter_map(|option| options.push(option.clone(), option.len()));
        events.extend(parts.collect::<Vec<_>>().into_iter().map(|options| GitEvent::Options { options }));
        events.extend(options.take().map(|options| GitEvent::Options { options }));
        events
    }
}

/// As much of a certificate as one event takes; all of it stands in the record as it was said.
fn certificate_part(text: &Bytes) -> Bytes {
    text.slice(..text.len().min(wiretape_core::limits::EVENT_PAYLOAD_BYTES_MAX / 2))
}

#[cfg(test)]
mod tests {
    use super::{List, Listed};
    use crate::limits::LIST_BYTES_MAX;
    use crate::pack::ObjectFormat;
    use crate::pkt_line::Packet;
    use bytes::Bytes;
    use wiretape_core::event::{GitEvent, RefChange, SignatureKind};

    fn data(text: &str) -> Packet {
        Packet::Data(Bytes::copy_from_slice(text.as_bytes()))
    }

    fn id(digit: char) -> String {
        digit.to_string().repeat(40)
    }

    fn read(lines: &[String]) -> Result<List, &'static str> {
        let mut list = List::default();
        for line in lines {
            let packet = if line.is_empty() { Packet::Flush } else { data(line) };
            list.take(&packet)?;
        }
        Ok(list)
    }

    #[test]
    fn updates_are_read_with_what_zeros_tell() {
        let (zero, one, two) = (id('0'), id('1'), id('2'));
        let list = read(&[
            format!("shallow {one}\n"),
            format!("{zero} {one} refs/heads/new\0 report-status-v2 side-band-64k push-options agent=git/2\n"),
            format!("{one} {two} refs/heads/a b"),
            format!("{one} {zero} refs/heads/gone"),
            String::new(),
            "ci.skip".to_owned(),
            "two words\n".to_owned(),
            String::new(),
        ])
        .unwrap();
        let changes: Vec<_> = list.updates().iter().map(|update| (update.name.as_ref(), update.change)).collect();
        let expected: [(&[u8], _); 3] = [
            (b"refs/heads/new", RefChange::Created),
            (b"refs/heads/a b", RefChange::Unknown),
            (b"refs/heads/gone", RefChange::Deleted),
        ];
        assert_eq!(changes, expected);
        assert!(list.is_over() && list.has_pack() && list.chosen().reports && list.chosen().banded);
        assert_eq!(list.options(), ["ci.skip", "two words"]);
        assert_eq!(list.events(), [GitEvent::Options { options: vec!["ci.skip".into(), "two words".into()] }]);
    }

    #[test]
    fn a_list_that_only_removes_has_no_pack() {
        let list = read(&[format!("{} {} refs/heads/x\0delete-refs", id('1'), id('0')), String::new()]).unwrap();
        assert!(list.is_over() && !list.has_pack());
        let nothing = read(&[String::new()]).unwrap();
        assert!(nothing.is_over() && !nothing.has_pack());
    }

    #[test]
    fn longer_names_go_with_their_format_only() {
        let long = "3".repeat(64);
        let agreed = format!("{long} {long} refs/heads/x\0report-status object-format=sha256");
        assert_eq!(read(&[agreed]).unwrap().format(), ObjectFormat::Sha256);
        let expected = "names of objects in the format that was agreed";
        assert_eq!(read(&[format!("{long} {long} refs/heads/x\0report-status")]).unwrap_err(), expected);
        assert_eq!(read(&[format!("{} {long} refs/heads/x\0", id('1'))]).unwrap_err(), expected);
    }

    #[test]
    fn a_certificate_lists_the_updates() {
        let lines = [
            "push-cert\0report-status\n".to_owned(),
            "certificate version 0.1\n".to_owned(),
            "pusher ana <ana@example.com> 1700000000 +0000\n".to_owned(),
            "nonce 1-2\n".to_owned(),
            "\n".to_owned(),
            format!("{} {} refs/heads/main\n", id('1'), id('2')),
            "-----BEGIN SSH SIGNATURE-----\n".to_owned(),
            "AAAA\n".to_owned(),
            "-----END SSH SIGNATURE-----\n".to_owned(),
            "push-cert-end\n".to_owned(),
            String::new(),
        ];
        let list = read(&lines).unwrap();
        assert_eq!(list.updates().len(), 1);
        let text = lines[1..9].concat().into();
        assert_eq!(list.events(), [GitEvent::Certificate { text, signature: SignatureKind::Ssh }]);
        let mut unsigned = lines.clone();
        unsigned[6] = "-----BEGIN NOTHING-----\n".to_owned();
        assert_eq!(read(&unsigned).unwrap_err(), "an update: old, new, name");
        assert_eq!(read(&[lines[0].clone(), String::new()]).unwrap_err(), "a line of the certificate");
    }

    #[test]
    fn what_receive_pack_could_read_otherwise_is_not_taken() {
        let (one, two) = (id('1'), id('2'));
        for (lines, expected) in [
            (vec![format!("{one} {two}")], "an update: old, new, name"),
            (vec![format!("{one} {two} ")], "an update: old, new, name"),
            (vec![format!("{one}  {two} refs/heads/x")], "an update: old, new, name"),
            (vec![String::from("\n")], "an update: old, new, name"),
            (vec![format!("{one} {two} a\0x"), format!("{one} {two} b\0report-status")], "capabilities only once"),
            (vec![format!("shallow {one}\0report-status")], "a commit that is shallow"),
            (vec!["push-cert\0".into(), "certificate\0x".into()], "text in the certificate"),
        ] {
            assert_eq!(read(&lines).unwrap_err(), expected, "{lines:?}");
        }
        let mut list = List::default();
        assert_eq!(list.take(&Packet::Delim), Err("an update or a flush-pkt"));
    }

    #[test]
    fn a_list_has_an_end() {
        let mut list = List::default();
        let line = data(&format!("{} {} refs/heads/{}", id('1'), id('2'), "x".repeat(60_000)));
        let taken = (0..1000).take_while(|_| list.take(&line) == Ok(Listed::More)).count();
        assert!(taken * 60_000 <= LIST_BYTES_MAX && taken * 61_000 > LIST_BYTES_MAX - 122_000, "{taken}");
        let mut list = List::default();
        let line = data(&format!("{} {} r", id('1'), id('2')));
        assert_eq!((0..100_000).take_while(|_| list.take(&line) == Ok(Listed::More)).count(), 16 * 1024 + 1);
    }
}
