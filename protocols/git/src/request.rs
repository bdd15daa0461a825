//! What a client asks of upload-pack (gitprotocol-pack(5), "Packfile Negotiation"; gitprotocol-v2(5), "Command Request")
//! and of upload-archive.
//!
//! ```text
//!   Start ─┬─ want … ──► Wants ── flush ──► Haves ── done ──► Over            versions 0 and 1
//!          ├─ command= ──► Capabilities ── delim ──► Arguments ── flush ──► Start        version 2
//!          └─ flush: nothing is wanted
//!   Archive: argument … flush ──► Over
//! ```

use bytes::Bytes;
use wiretape_core::event::{GitEvent, ObjectId};

use crate::advertised::words;
use crate::event::Gathered;
use crate::pack::ObjectFormat;
use crate::pkt_line::{Packet, text};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Start,
    Wants,
    Haves,
    Capabilities,
    Arguments,
    Archive,
    Over,
}

/// What a response will be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// Refs, to a flush.
    Refs,
    /// Sections of a fetch of version 2; `all`: in a side band from the first on.
    Sections {
        /// `sideband-all`.
        all: bool,
    },
    /// Something else, to a flush.
    Other,
}

/// The requests of a client, as they come.
#[derive(Debug)]
pub(crate) struct Request {
    state: State,
    /// What is understood and not told yet.
    events: Vec<GitEvent>,
    name: Option<Bytes>,
    capabilities: Gathered<Bytes>,
    arguments: Gathered<Bytes>,
    wanted: Wanted,
    haves: Gathered<ObjectId>,
    /// Whether the command was told already, in part.
    told: bool,
    /// `done` of version 2.
    done: bool,
    banded: bool,
    banded_all: bool,
    format: ObjectFormat,
}

#[derive(Debug, Default)]
struct Wanted {
    ids: Gathered<ObjectId>,
    refs: Gathered<Bytes>,
    capabilities: Vec<Bytes>,
    shallow: Gathered<ObjectId>,
    deepen: Gathered<Bytes>,
    filter: Option<Bytes>,
}

/// What a packet of a request means.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    /// What stands before it is understood, with it, and may pass.
    pub(crate) passes: bool,
    /// It ends a command of version 2, which is answered so.
    pub(crate) answer: Option<Expected>,
}

impl Asked {
    fn passing() -> Self {
        Self { passes: true, answer: None }
    }
}

impl Request {
    /// Of upload-pack, or of upload-archive.
    pub(crate) fn new(is_archive: bool) -> Self {
        Self {
            state: if is_archive { State::Archive } else { State::Start },
            events: Vec::new(),
            name: None,
            capabilities: Gathered::default(),
            arguments: Gathered::default(),
            wanted: Wanted::default(),
            haves: Gathered::default(),
            told: false,
            done: false,
            banded: false,
            banded_all: false,
            format: ObjectFormat::Sha1,
        }
    }

    /// Whether the client of version 0 or 1 agreed to a side band.
    pub(crate) fn is_banded(&self) -> bool {
        self.banded
    }

    /// What names the objects that it asks for.
    pub(crate) fn format(&self) -> ObjectFormat {
        self.format
    }

    /// Takes the next packet. An error says what was expected.
    pub(crate) fn take(&mut self, packet: &Packet) -> Result<Asked, &'static str> {
        match (self.state, packet) {
            (State::Start, Packet::Flush) => Ok(Asked::passing()),
            (State::Start, Packet::Data(line)) => self.start(&text(line)),
            (State::Wants, Packet::Data(line)) => self.want(&text(line)),
            (State::Wants, Packet::Flush) => {
                self.state = State::Haves;
                self.tell_wanted();
                Ok(Asked::passing())
            }
            (State::Haves, Packet::Data(line)) => self.have(&text(line)),
            (State::Haves, Packet::Flush) => {
                self.tell_haves(false);
                Ok(Asked::passing())
            }
            (State::Capabilities, Packet::Data(line)) => self.capability(&text(line)),
            (State::Capabilities, Packet::Delim) => {
                self.state = State::Arguments;
                Ok(Asked::default())
            }
            (State::Arguments, Packet::Data(line)) => self.argument(&text(line)),
            (State::Capabilities | State::Arguments, Packet::Flush) => self.command(),
            (State::Archive, Packet::Data(line)) => {
                let line = text(line);
                let line = line.strip_prefix(b"argument ").map_or(line.clone(), |argument| line.slice_ref(argument));
                let text_bytes = line.len();
                let arguments = self.arguments.push(line, text_bytes);
                if arguments.is_some() {
                    self.tell_command(arguments);
                }
                Ok(Asked::default())
            }
            (State::Archive, Packet::Flush) => {
                let arguments = self.arguments.take();
                self.tell_command(arguments);
                self.state = State::Over;
                Ok(Asked::passing())
            }
            (State::Over, Packet::Flush) => Ok(Asked::passing()),
            _ => Err(self.expected()),
        }
    }

    fn expected(&self) -> &'static str {
        match self.state {
            State::Start => "want, command= or a flush-pkt",
            State::Wants => "want, shallow, deepen, filter or a flush-pkt",
            State::Haves => "have, done or a flush-pkt",
            State::Capabilities => "a capability, a delim-pkt or a flush-pkt",
            State::Arguments => "an argument or a flush-pkt",
            State::Archive => "an argument of the archive or a flush-pkt",
            State::Over => "nothing more",
        }
    }

    /// What was understood since this was last asked; in full where it is `all`, for a request that is passed on in parts.
    pub(crate) fn take_events(&mut self, all: bool) -> Vec<GitEvent> {
        if all {
            match self.state {
                State::Start | State::Over => {}
                State::Wants => self.tell_wanted(),
                State::Haves => self.tell_haves(false),
                State::Capabilities | State::Arguments | State::Archive => {
                    let arguments = self.arguments.take();
                    self.tell_command(arguments);
                    self.tell_wanted();
                    self.tell_haves(false);
                }
            }
        }
        std::mem::take(&mut self.events)
    }

    fn start(&mut self, line: &Bytes) -> Result<Asked, &'static str> {
        if line.starts_with(b"want ") {
            self.state = State::Wants;
            // Capabilities stand behind the first want.
            let end = line.iter().skip(5).position(|byte| *byte == b' ').map_or(line.len(), |at| at + 5);
            let capabilities = words(&line.slice(end..));
            for capability in &capabilities {
                self.banded |= matches!(capability.as_ref(), b"side-band" | b"side-band-64k");
                self.choose_format(capability);
            }
            self.wanted.capabilities = capabilities;
            return self.want(&line.slice(..end));
        }
        let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
        if line.iter().position(|byte| !is_word(byte)).is_some_and(|at| at > 0 && line.get(at) == Some(&b'=')) {
            self.state = State::Capabilities;
            return self.capability(line);
        }
        Err(self.expected())
    }

    fn choose_format(&mut self, capability: &[u8]) {
        if capability == b"object-format=sha256" {
            self.format = ObjectFormat::Sha256;
        }
    }

    fn id(&mut self, hex: &[u8]) -> Result<ObjectId, &'static str> {
        let id = ObjectId::from_hex(hex).ok_or("the name of an object")?;
        if matches!(id, ObjectId::Sha256(_)) {
            self.format = ObjectFormat::Sha256;
        }
        Ok(id)
    }

    fn want(&mut self, line: &Bytes) -> Result<Asked, &'static str> {
        if self.want_line(line)? { Ok(Asked::default()) } else { Err(self.expected()) }
    }

    /// Takes a line of what is wanted; false when it is none.
    fn want_line(&mut self, line: &Bytes) -> Result<bool, &'static str> {
        if let Some(hex) = line.strip_prefix(b"want ") {
            let id = self.id(hex)?;
            let ids = self.wanted.ids.push(id, 0);
            self.tell_more(|wanted| &mut wanted.0, ids);
        } else if let Some(name) = line.strip_prefix(b"want-ref ") {
            let refs = self.wanted.refs.push(line.slice_ref(name), name.len());
            self.tell_more(|wanted| &mut wanted.1, refs);
        } else if let Some(hex) = line.strip_prefix(b"shallow ") {
            let id = self.id(hex)?;
            let shallow = self.wanted.shallow.push(id, 0);
            self.tell_more(|wanted| &mut wanted.2, shallow);
        } else if line.starts_with(b"deepen") {
            let deepen = self.wanted.deepen.push(line.clone(), line.len());
            self.tell_more(|wanted| &mut wanted.3, deepen);
        } else if let Some(filter) = line.strip_prefix(b"filter ") {
            self.wanted.filter = Some(line.slice_ref(filter));
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// A list of what is wanted is long enough for an event.
    fn tell_more<T>(&mut self, place: impl Fn(&mut Lists) -> &mut Vec<T>, items: Option<Vec<T>>) {
        let Some(items) = items else { return };
        let mut lists = Lists::default();
        *place(&mut lists) = items;
        let arguments = self.arguments.take();
        self.tell_command(arguments);
        let capabilities = std::mem::take(&mut self.wanted.capabilities);
        self.events.push(lists.told(capabilities, None));
    }

    fn tell_wanted(&mut self) {
        let lists = Lists(
            self.wanted.ids.take().unwrap_or_default(),
            self.wanted.refs.take().unwrap_or_default(),
            self.wanted.shallow.take().unwrap_or_default(),
            self.wanted.deepen.take().unwrap_or_default(),
        );
        let capabilities = std::mem::take(&mut self.wanted.capabilities);
        let filter = self.wanted.filter.take();
        if lists != Lists::default() || !capabilities.is_empty() || filter.is_some() {
            self.events.push(lists.told(capabilities, filter));
        }
    }

    fn have(&mut self, line: &Bytes) -> Result<Asked, &'static str> {
        if line == "done" {
            self.tell_haves(true);
            self.state = State::Over;
            return Ok(Asked::passing());
        }
        if self.have_line(line)? { Ok(Asked::default()) } else { Err(self.expected()) }
    }

    fn have_line(&mut self, line: &Bytes) -> Result<bool, &'static str> {
        let Some(hex) = line.strip_prefix(b"have ") else { return Ok(false) };
        let id = self.id(hex)?;
        if let Some(ids) = self.haves.push(id, 0) {
            let arguments = self.arguments.take();
            self.tell_command(arguments);
            self.tell_wanted();
            self.events.push(GitEvent::Haves { ids, done: false });
        }
        Ok(true)
    }

    fn tell_haves(&mut self, done: bool) {
        let ids = self.haves.take().unwrap_or_default();
        if done || !ids.is_empty() {
            self.events.push(GitEvent::Haves { ids, done });
        }
    }

    /// `command=…`, and what goes with it.
    fn capability(&mut self, line: &Bytes) -> Result<Asked, &'static str> {
        match line.strip_prefix(b"command=") {
            Some(_) if self.name.is_some() => return Err("one command at a time"),
            Some(name) => self.name = Some(line.slice_ref(name)),
            None => {
                self.choose_format(line);
                if let Some(capabilities) = self.capabilities.push(line.clone(), line.len()) {
                    self.push_command(capabilities, Vec::new());
                }
            }
        }
        Ok(Asked::default())
    }

    fn argument(&mut self, line: &Bytes) -> Result<Asked, &'static str> {
        let fetches = self.name.as_ref().is_some_and(|name| name == "fetch");
        if fetches && (self.want_line(line)? || self.have_line(line)?) {
            return Ok(Asked::default());
        }
        if fetches && line == "done" {
            self.done = true;
            return Ok(Asked::default());
        }
        self.banded_all |= fetches && line == "sideband-all";
        let arguments = self.arguments.push(line.clone(), line.len());
        if arguments.is_some() {
            self.tell_command(arguments);
        }
        Ok(Asked::default())
    }

    /// The command of version 2, or the arguments of an archive; of a long list only the first part has its capabilities.
    fn tell_command(&mut self, arguments: Option<Vec<Bytes>>) {
        if self.state == State::Wants
            || self.state == State::Haves
            || (self.told && arguments.is_none() && self.capabilities.is_empty())
        {
            return;
        }
        let capabilities = self.capabilities.take().unwrap_or_default();
        self.push_command(capabilities, arguments.unwrap_or_default());
    }

    fn push_command(&mut self, capabilities: Vec<Bytes>, arguments: Vec<Bytes>) {
        let name = match self.state {
            State::Archive => Bytes::from_static(b"upload-archive"),
            _ => self.name.clone().unwrap_or_default(),
        };
        self.told = true;
        self.events.push(GitEvent::Command { name, capabilities, arguments });
    }

    /// The end of a command of version 2.
    fn command(&mut self) -> Result<Asked, &'static str> {
        let name = self.name.clone().ok_or("a command")?;
        let arguments = self.arguments.take();
        self.tell_command(arguments);
        self.tell_wanted();
        let done = std::mem::take(&mut self.done);
        self.tell_haves(done);
        let answer = match name.as_ref() {
            b"ls-refs" => Expected::Refs,
            b"fetch" => Expected::Sections { all: self.banded_all },
            _ => Expected::Other,
        };
        (self.state, self.name, self.told, self.banded_all) = (State::Start, None, false, false);
        Ok(Asked { passes: true, answer: Some(answer) })
    }
}

/// The lists of [`GitEvent::Wanted`]: objects, refs, shallow commits, deepening.
#[derive(Debug, Default, PartialEq, Eq)]
struct Lists(Vec<ObjectId>, Vec<Bytes>, Vec<ObjectId>, Vec<Bytes>);

impl Lists {
    fn told(self, capabilities: Vec<Bytes>, filter: Option<Bytes>) -> GitEvent {
        let Self(ids, refs, shallow, deepen) = self;
        GitEvent::Wanted { ids, refs, capabilities, shallow, deepen, filter }
    }
}
