//! A conversation of Git in a timeline: what was offered and wanted in a few lines; a push as `git push` tells of it, and
//! what it brings as `git log --stat` does.

mod aside;
mod commit;
mod fetch;
mod progress;
mod push;

use std::time::Duration;

use wiretape_core::event::GitEvent;
use wiretape_core::{Event, Lane, Moment, Side};

use self::commit::{Commits, Patches};
use self::fetch::Fetch;
use self::progress::Progress;
use super::{Entry, Mark};
use crate::describe::{self, describe, label};
use crate::legible::{count, hex, size};
use crate::repository::library::Library;

/// How long what was said waits for more of its kind.
const PATIENCE: Duration = Duration::from_secs(1);

/// What a timeline remembers of one conversation.
#[derive(Clone)]
pub(super) struct GitLine {
    lane: Lane,
    /// When something was said last.
    at: Moment,
    fetch: Fetch,
    commits: Commits,
    progress: Progress,
    /// A pack whose contents have not been told.
    pack: Option<(Moment, String)>,
}

impl GitLine {
    /// One of `lane`, of whose commits the patches are told from the packs of a library, or are not.
    pub(super) fn new(lane: Lane, patches: Option<&Library>) -> Self {
        Self {
            lane,
            at: Moment::START,
            fetch: Fetch::default(),
            commits: Commits::new(patches.map(|library| Patches::new(lane, library.clone()))),
            progress: Progress::default(),
            pack: None,
        }
    }

    pub(super) fn feed(&mut self, event: &Event, said: &GitEvent, entries: &mut Vec<Entry>) {
        self.at = event.at;
        let mut told = Told { at: event.at, lane: self.lane, entries };
        match said {
            GitEvent::Data { bytes } => return self.commits.data(event.side, bytes),
            GitEvent::Omitted { .. } => return self.commits.omitted(),
            GitEvent::Progress { bytes } => return self.progress.feed(bytes, &mut told),
            _ => self.progress.flush(&mut told),
        }
        if !matches!(said, GitEvent::Files { .. }) {
            self.commits.flush(&mut told);
        }
        if self.fetch.takes(said) {
            return self.fetch.feed(said, &mut told);
        }
        self.fetch.flush(&mut told);
        if !matches!(said, GitEvent::Contents { .. }) {
            self.tell_pack("", &mut told);
        }
        match said {
            GitEvent::Pack { objects, bytes, checksum, sha256, intact } => {
                self.commits.pack(*bytes, checksum);
                let intact = if *intact == Some(false) { ", NOT what its checksum says" } else { "" };
                let pack = format!("pack of {}, {}{intact}", count(u64::from(*objects), "object"), size(*bytes));
                let sha256 = if self.commits.is_kept() { String::new() } else { format!(", SHA-256 {}", hex(sha256)) };
                self.pack = Some((event.at, pack + &sha256));
            }
            GitEvent::Contents { .. } => {
                let contents = push::contents(said);
                self.tell_pack(&contents, &mut told);
            }
            GitEvent::Update(update) => {
                if self.commits.were_told() {
                    told.git(String::new());
                }
                told.git(push::update(update));
            }
            GitEvent::Options { options } => {
                for option in options {
                    told.git(format!("push option {}", describe::path(option)));
                }
            }
            GitEvent::Commit { .. } => self.commits.commit(said, &mut told),
            GitEvent::Files { files, complete, .. } => self.commits.files(files, *complete),
            GitEvent::Tag { .. } => self.commits.tag(said, &mut told),
            GitEvent::Report { unpack, refs } => push::report(event.side, unpack, refs, &mut told),
            GitEvent::Error { message } => {
                let who = if event.side == Side::Client { "the gateway" } else { "the target" };
                let message = label(String::from_utf8_lossy(message).trim_end());
                told.put(Mark::Warning, format!("ERROR, says {who}: {message}"));
            }
            GitEvent::Certificate { .. } | GitEvent::Objects { .. } => {
                told.git(describe(event));
            }
            GitEvent::LfsBatch { .. } | GitEvent::LfsObject { .. } => told.git(describe(event)),
            // The exchange or the command says to whom.
            GitEvent::Service { service, .. } => self.commits.service(*service),
            // It was told above.
            GitEvent::Data { .. }
            | GitEvent::Omitted { .. }
            | GitEvent::Progress { .. }
            | GitEvent::Advertised { .. }
            | GitEvent::Refs { .. }
            | GitEvent::Command { .. }
            | GitEvent::Wanted { .. }
            | GitEvent::Haves { .. }
            | GitEvent::Acknowledged { .. } => {}
        }
    }

    /// Tells what has waited long enough for more.
    pub(super) fn settle(&mut self, now: Moment, entries: &mut Vec<Entry>) {
        if now.since(self.at) >= PATIENCE {
            let mut told = Told { at: self.at, lane: self.lane, entries };
            self.flush_told(&mut told);
        }
    }

    /// Tells what waits for more.
    pub(super) fn flush(&mut self, entries: &mut Vec<Entry>) {
        let mut told = Told { at: self.at, lane: self.lane, entries };
        self.progress.flush(&mut told);
        self.flush_told(&mut told);
    }

    fn flush_told(&mut self, told: &mut Told<'_>) {
        self.fetch.flush(told);
        self.tell_pack("", told);
        self.commits.flush(told);
    }

    fn tell_pack(&mut self, contents: &str, told: &mut Told<'_>) {
        let Some((at, pack)) = self.pack.take() else {
            if !contents.is_empty() {
                told.git(contents.to_owned());
            }
            return;
        };
        let now = std::mem::replace(&mut told.at, at);
        told.git(if contents.is_empty() { pack } else { format!("{pack}: {contents}") });
        told.at = now;
    }
}

/// Where lines are told to.
struct Told<'e> {
    at: Moment,
    lane: Lane,
    entries: &'e mut Vec<Entry>,
}

impl Told<'_> {
    fn put(&mut self, mark: Mark, text: String) {
        self.entries.push(Entry { at: self.at, lane: self.lane, mark, text });
    }

    fn git(&mut self, text: String) {
        self.put(Mark::Git, text);
    }
}
