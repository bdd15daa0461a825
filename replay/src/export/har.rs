//! HTTP exchanges as an HTTP archive, which the developer tools of browsers open: HAR 1.2
//! (<http://www.softwareishard.com/blog/har-12-spec/>), with the fields beside it that Chromium writes.
//!
//! One entry is one exchange. Of a body at most 16 MiB are in it; where something is left out the comment of the entry
//! says so; gaps that the recording declares stand at the end. Nothing is waited for: the archive is written while the tape is read, and what is kept meanwhile is bounded.

mod content;
mod entry;

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::ensure;
use wiretape_core::event::{HttpEvent, SessionEvent};
use wiretape_core::{Event, Kind, Lane, Moment};

use self::entry::{Entry, Room};
use crate::describe;
use crate::json::Object;
use crate::limits::{HAR_BODIES_BYTES_MAX, HAR_ENTRIES_OPEN_MAX, HAR_WAITING_BYTES_MAX, MARKERS_KEPT_MAX};
use crate::source::Source;

/// Writes the exchanges of a session to `output`; `id` names the session in it.
///
/// # Errors
/// When the session has no HTTP exchanges, when it cannot be read, or when `output` cannot be written.
pub fn write(id: &str, source: &dyn Source, output: &mut dyn Write) -> anyhow::Result<()> {
    let mut archive = Archive::new(id, output);
    for event in source.events_from(Moment::START)? {
        archive.take(&event?)?;
    }
    archive.finish()
}

/// An archive that is being written.
struct Archive<'a> {
    id: &'a str,
    output: &'a mut dyn Write,
    opened_unix_nanos: u64,
    who: String,
    label: Option<String>,
    open: BTreeMap<Lane, Entry>,
    /// Entries that are complete and wait for older ones; in the order in which they began.
    waiting: BTreeMap<Lane, String>,
    waiting_bytes: usize,
    room: Room,
    last: Moment,
    begun: bool,
    entries: u64,
    gaps: Vec<String>,
}

impl<'a> Archive<'a> {
    fn new(id: &'a str, output: &'a mut dyn Write) -> Self {
        Self {
            id,
            output,
            opened_unix_nanos: 0,
            who: String::new(),
            label: None,
            open: BTreeMap::new(),
            waiting: BTreeMap::new(),
            waiting_bytes: 0,
            room: Room::new(HAR_BODIES_BYTES_MAX),
            last: Moment::START,
            begun: false,
            entries: 0,
            gaps: Vec::new(),
        }
    }

    fn take(&mut self, event: &Event) -> anyhow::Result<()> {
        self.last = self.last.max(event.at);
        match &event.kind {
            Kind::Session(SessionEvent::Opened(opened)) => {
                self.opened_unix_nanos = opened.opened_unix_nanos;
                self.who = describe::opened(opened);
            }
            Kind::Session(SessionEvent::Labelled { label }) => {
                self.label.get_or_insert_with(|| describe::label(label));
            }
            Kind::Session(SessionEvent::Gap { .. }) if self.gaps.len() < MARKERS_KEPT_MAX => {
                self.gaps.push(describe::describe(event));
            }
            Kind::Http(HttpEvent::Request { .. }) => self.begin(event)?,
            Kind::Http(said) => {
                if let Some(entry) = self.open.get_mut(&event.lane) {
                    entry.take(event, said, &mut self.room);
                }
                self.settle(event.lane)?;
            }
            Kind::Git(said) => {
                if let Some(entry) = self.open.get_mut(&event.lane) {
                    entry.git(event, said, &mut self.room);
                }
            }
            Kind::Stream(said) => {
                if let Some(entry) = self.open.get_mut(&event.lane) {
                    entry.stream(event, said);
                }
                self.settle(event.lane)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn begin(&mut self, event: &Event) -> anyhow::Result<()> {
        let (Kind::Http(said), lane) = (&event.kind, event.lane) else { return Ok(()) };
        // A lane is opened once; whatever the tape says, nothing is lost.
        if self.open.contains_key(&lane) {
            self.complete(lane)?;
        }
        if self.open.len() >= HAR_ENTRIES_OPEN_MAX
            && let Some(oldest) = self.open.keys().next().copied()
        {
            self.complete(oldest)?;
        }
        let mut entry = Entry::new(event.at);
        entry.take(event, said, &mut self.room);
        self.open.insert(lane, entry);
        Ok(())
    }

    /// Writes the entry of `lane` if nothing more will come of it.
    fn settle(&mut self, lane: Lane) -> anyhow::Result<()> {
        match self.open.get(&lane) {
            Some(entry) if entry.is_over() => self.complete(lane),
            _ => Ok(()),
        }
    }

    fn complete(&mut self, lane: Lane) -> anyhow::Result<()> {
        let Some(entry) = self.open.remove(&lane) else { return Ok(()) };
        let json = entry.finish(lane, self.opened_unix_nanos, self.last, &mut self.room);
        self.waiting_bytes = self.waiting_bytes.saturating_add(json.len());
        if let Some(before) = self.waiting.insert(lane, json) {
            self.waiting_bytes = self.waiting_bytes.saturating_sub(before.len());
            self.put(&before)?;
        }
        // Older entries stand before younger ones, as long as that does not cost too much.
        while let Some((lane, _)) = self.waiting.first_key_value() {
            let older = self.open.keys().next().is_some_and(|open| open < lane);
            if older && self.waiting_bytes <= HAR_WAITING_BYTES_MAX {
                break;
            }
            let Some((_, json)) = self.waiting.pop_first() else { break };
            self.waiting_bytes = self.waiting_bytes.saturating_sub(json.len());
            self.put(&json)?;
        }
        Ok(())
    }

    fn put(&mut self, json: &str) -> anyhow::Result<()> {
        self.head()?;
        self.output.write_all(if self.entries > 0 { b",\n" } else { b"\n" })?;
        self.output.write_all(json.as_bytes())?;
        self.entries += 1;
        Ok(())
    }

    fn head(&mut self) -> anyhow::Result<()> {
        if std::mem::replace(&mut self.begun, true) {
            return Ok(());
        }
        let mut creator = Object::default();
        creator.put("name", "wiretape");
        creator.put("version", env!("CARGO_PKG_VERSION"));
        let mut comment = format!("session {}", describe::label(self.id));
        if !self.who.is_empty() {
            comment.push_str(&format!(", {}", self.who));
        }
        if let Some(label) = &self.label {
            comment.push_str(&format!(", {label}"));
        }
        let mut log = Object::default();
        log.put("version", "1.2");
        log.put_json("creator", &creator.finish());
        log.put("comment", comment);
        log.put_json("pages", "[]");
        let log = log.finish();
        let open = log.strip_suffix('}').unwrap_or(&log);
        write!(self.output, "{{\"log\":{open},\"entries\":[")?;
        Ok(())
    }

    fn finish(mut self) -> anyhow::Result<()> {
        while let Some(lane) = self.open.keys().next().copied() {
            self.complete(lane)?;
        }
        ensure!(self.begun, "the session has no HTTP exchanges: there is nothing to write into a HAR");
        self.output.write_all(b"\n]")?;
        if !self.gaps.is_empty() {
            write!(self.output, ",\"_gaps\":{}", serde_json::Value::from(self.gaps))?;
        }
        self.output.write_all(b"}}\n")?;
        Ok(())
    }
}
