//! What was offered, wanted and had, joined: each is often said in many pieces.

use bytes::Bytes;
use wiretape_core::Moment;
use wiretape_core::event::{AdvertisedRef, GitEvent, ObjectId};

use super::Told;
use crate::describe;
use crate::legible::count;
use crate::repository::words::{short, short_ref};

/// Names that one line says.
const NAMED_MAX: usize = 6;

/// What waits for more of its kind.
#[derive(Clone, Default)]
pub(super) struct Fetch {
    /// When the first of what waits was said.
    since: Moment,
    version: Option<u8>,
    offered: Names,
    wanted: Names,
    conditions: Vec<String>,
    haves: u64,
    common: u64,
    answers: Vec<String>,
}

/// The first of some, and how many there are.
#[derive(Clone, Default)]
struct Names {
    first: Vec<String>,
    count: u64,
}

impl Names {
    fn add(&mut self, name: impl FnOnce() -> String) {
        self.count = self.count.saturating_add(1);
        if self.first.len() < NAMED_MAX {
            self.first.push(name());
        }
    }

    /// Says them, and forgets them.
    fn take(&mut self) -> String {
        let Self { first, count } = std::mem::take(self);
        let left = count.saturating_sub(first.len() as u64);
        let more = if left == 0 { String::new() } else { format!(" and {left} more") };
        first.join(", ") + &more
    }
}

impl Fetch {
    /// Whether `said` is told here.
    pub(super) fn takes(&self, said: &GitEvent) -> bool {
        matches!(
            said,
            GitEvent::Advertised { .. }
                | GitEvent::Refs { .. }
                | GitEvent::Command { .. }
                | GitEvent::Wanted { .. }
                | GitEvent::Haves { .. }
                | GitEvent::Acknowledged { .. }
        )
    }

    pub(super) fn feed(&mut self, said: &GitEvent, told: &mut Told<'_>) {
        if !self.waits() {
            self.since = told.at;
        }
        match said {
            GitEvent::Advertised { version, .. } => {
                self.flush(told);
                self.version = Some(*version);
            }
            GitEvent::Refs { refs } => {
                for its in refs {
                    self.offered.add(|| offered(its));
                }
            }
            GitEvent::Command { name, arguments, .. } => {
                self.flush(told);
                // What is fetched is told by what is wanted.
                if name.as_ref() != b"fetch" {
                    told.git(command(name, arguments));
                }
            }
            GitEvent::Wanted { ids, refs, shallow, deepen, filter, .. } => {
                self.flush_offered(told);
                for id in ids {
                    self.wanted.add(|| short(id));
                }
                for name in refs {
                    self.wanted.add(|| describe::path(name));
                }
                if !shallow.is_empty() {
                    self.note(format!("shallow at {}", count(shallow.len() as u64, "commit")));
                }
                for line in deepen.iter().take(NAMED_MAX) {
                    self.note(describe::path(line));
                }
                if let Some(filter) = filter {
                    self.note(format!("filter {}", describe::path(filter)));
                }
            }
            GitEvent::Haves { ids, .. } => {
                self.flush_offered(told);
                self.haves = self.haves.saturating_add(ids.len() as u64);
            }
            GitEvent::Acknowledged { lines } => {
                self.flush_offered(told);
                for line in lines {
                    self.answer(line);
                }
            }
            _ => {}
        }
    }

    /// Tells what waits.
    pub(super) fn flush(&mut self, told: &mut Told<'_>) {
        let now = std::mem::replace(&mut told.at, self.since);
        self.tell_offered(told);
        self.tell_wanted(told);
        told.at = now;
        self.since = now;
    }

    fn waits(&self) -> bool {
        let names = self.offered.count + self.wanted.count + self.haves + self.common;
        names > 0 || self.version.is_some() || !self.conditions.is_empty() || !self.answers.is_empty()
    }

    fn flush_offered(&mut self, told: &mut Told<'_>) {
        if self.offered.count > 0 || self.version.is_some() {
            let now = std::mem::replace(&mut told.at, self.since);
            self.tell_offered(told);
            told.at = now;
            self.since = now;
        }
    }

    fn tell_wanted(&mut self, told: &mut Told<'_>) {
        if self.wanted.count > 0 || !self.conditions.is_empty() {
            let mut line = format!("wants {}", self.wanted.take());
            for condition in std::mem::take(&mut self.conditions) {
                line.push_str(&format!("; {condition}"));
            }
            told.git(line);
        }
        match (std::mem::take(&mut self.haves), std::mem::take(&mut self.common)) {
            (0, 0) => {}
            (0, common) => told.git(format!("of them the target knows {common}")),
            (haves, 0) => told.git(format!("has {}", count(haves, "commit"))),
            (haves, common) => told.git(format!("has {}, of which the target knows {common}", count(haves, "commit"))),
        }
        for answer in std::mem::take(&mut self.answers) {
            told.git(answer);
        }
    }

    fn tell_offered(&mut self, told: &mut Told<'_>) {
        let version = self.version.take().map(|version| format!("version {version}"));
        match (self.offered.count, version) {
            (0, None) => {}
            (0, Some(version)) => told.git(format!("the target speaks {version}")),
            (refs, version) => {
                let version = version.map(|version| format!(" ({version})")).unwrap_or_default();
                let refs = count(refs, "ref");
                told.git(format!("{refs} offered{version}: {}", self.offered.take()));
            }
        }
    }

    fn note(&mut self, condition: String) {
        if self.conditions.len() < NAMED_MAX {
            self.conditions.push(condition);
        }
    }

    fn answer(&mut self, line: &[u8]) {
        if line.starts_with(b"ACK ") {
            self.common = self.common.saturating_add(1);
        } else if !matches!(line.trim_ascii_end(), b"NAK" | b"ready") && self.answers.len() < NAMED_MAX {
            self.answers.push(describe::path(line.trim_ascii_end()));
        }
    }
}

fn offered(its: &AdvertisedRef) -> String {
    let name = describe::path(short_ref(&its.name));
    let id = |id: &ObjectId| format!(" {}", short(id));
    let id = its.id.as_ref().map(id).unwrap_or_default();
    match &its.symref_target {
        Some(target) => format!("{name}{id} ({})", describe::path(short_ref(target))),
        None => name + &id,
    }
}

fn command(name: &[u8], arguments: &[Bytes]) -> String {
    let prefixes: Vec<_> = arguments.iter().filter_map(|line| line.strip_prefix(b"ref-prefix ")).collect();
    let mut named = Names::default();
    if name == b"ls-refs" {
        for prefix in prefixes {
            named.add(|| describe::path(prefix));
        }
        let prefixes = named.take();
        return if prefixes.is_empty() { "asks for refs".to_owned() } else { format!("asks for refs: {prefixes}") };
    }
    for argument in arguments {
        named.add(|| describe::path(argument));
    }
    format!("{} {}", describe::path(name), named.take()).trim_end().to_owned()
}
