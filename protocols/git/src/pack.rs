//! Understanding a push: reading its pack where it is held, and deciding what it does to refs and files.

mod answers;
mod cache;
mod changes;
mod decide;
mod delta;
mod digest;
mod entries;
mod history;
mod inflate;
mod inquiry;
mod limits;
mod lines;
mod objects;
mod problem;
mod report;
mod scan;
mod settle;
mod stream;
mod text;
mod trees;

use std::sync::Arc;

use bytes::Bytes;
use wiretape_core::event::{GitEvent, ObjectKind, RefUpdate};
use wiretape_core::limits::GIT_COMMITS_MAX;
use wiretape_core::{Asking, Examination, Finding, Held};

use inquiry::Questions;
use limits::{CACHE_BYTES_MAX, ENTRIES_REMEMBERED_MAX};
use objects::Objects;
use problem::Problem;
use report::Messages;
use scan::Gathered;
use stream::{Stream, Sums};

/// The name of the action that a push is ([`ActionKind::Push`](wiretape_core::judge::ActionKind::Push)).
const PUSH: &str = "git.push";

/// How to open a `git-upload-pack` beside the push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// As a command of SSH.
    Exec {
        /// The repository as it stood in the command, quotes and all.
        repository: Bytes,
    },
    /// As exchanges of HTTP.
    Content {
        /// The path of the repository: what stood before `/git-receive-pack`.
        base: Bytes,
    },
}

/// What names the objects of a repository.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ObjectFormat {
    /// SHA-1.
    #[default]
    Sha1,
    /// SHA-256.
    Sha256,
}

/// What is found out about a push: the [`Finding`] of a [`PushExamination`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Understood {
    /// The updates, with what each of them does.
    pub updates: Vec<RefUpdate>,
    /// What to record of the pack, in that order.
    pub events: Vec<GitEvent>,
    /// Every path that a commit of the push changes, in order, each once.
    pub paths: Vec<Bytes>,
    /// Whether `paths` names them all.
    pub complete: bool,
    /// Where the pack ends in what is held; where it has a problem, as far as it was read.
    pub end: u64,
    /// Why the pack cannot be passed on: it is malformed, too large, or not what its checksum says.
    pub problem: Option<String>,
}

/// Reads the pack of one push.
#[derive(Clone, Debug)]
pub struct PushExamination {
    asked: Asked,
    format: ObjectFormat,
    pack_offset: u64,
    updates: Vec<RefUpdate>,
    listed: bool,
}

impl PushExamination {
    /// An examination of the pack that begins at `pack_offset` of what is held, and of what `updates` do; their changes
    /// are [`Created`](wiretape_core::event::RefChange::Created) and
    /// [`Deleted`](wiretape_core::event::RefChange::Deleted) where zeros say so already. With `listed` every object of
    /// the pack is named.
    #[must_use]
    pub fn new(asked: Asked, format: ObjectFormat, pack_offset: u64, updates: Vec<RefUpdate>, listed: bool) -> Self {
        Self { asked, format, pack_offset, updates, listed }
    }
}

impl Examination for PushExamination {
    fn action(&self) -> &'static str {
        PUSH
    }

    fn examine(&self, held: &mut dyn Held, target: &mut dyn Asking) -> Finding {
        let mut understood = Understood { updates: self.updates.clone(), ..Understood::default() };
        let mut gathered = Gathered::new(self.format, CACHE_BYTES_MAX);
        let scanned = gathered.scan(Stream::new(held, self.pack_offset, self.format));
        understood.end = gathered.end;
        let understanding = scanned.and_then(|sums| {
            let mut objects = Objects::new(gathered, held);
            let mut questions = Questions::new(&self.asked, self.format, target);
            self.understand(&mut objects, &mut questions, &sums, &mut understood)
        });
        if let Err(problem) = understanding {
            understood.events.clear();
            understood.paths.clear();
            understood.complete = false;
            understood.problem = Some(problem.to_string());
        }
        Finding(Arc::new(understood))
    }
}

impl PushExamination {
    /// Says what a pack means that was read to its end.
    fn understand(
        &self,
        objects: &mut Objects<'_>,
        questions: &mut Questions<'_>,
        sums: &Sums,
        understood: &mut Understood,
    ) -> Result<(), Problem> {
        objects.settle(self.listed)?;
        let bases = objects.bases_missing();
        if !bases.is_empty() {
            if questions.abilities().version_2 {
                objects.fetch_objects(questions, &bases);
            }
            objects.settle(self.listed)?;
        }
        let gathered = &mut objects.gathered;
        gathered.history.link(&gathered.entries);
        decide::decide(objects, questions, &mut understood.updates);

        let mut order = objects.gathered.history.newest_first();
        let mut cut = self.cut(&objects.gathered);
        if order.len() > GIT_COMMITS_MAX {
            cut.push(format!("only the newest {GIT_COMMITS_MAX} commits are recorded"));
            order.truncate(GIT_COMMITS_MAX);
        }
        let commits_cut = !cut.is_empty();
        let changes = changes::find(objects, questions, &order)?;
        cut.extend(changes.cut);
        understood.complete = !commits_cut && changes.commits.iter().all(|commit| commit.complete);
        understood.paths = changes.paths;

        let mut messages = Messages::new();
        let mut events = Vec::new();
        if self.listed {
            report::objects(&objects.gathered, &mut events);
        }
        if !report::tags(objects, &mut messages, &mut events) {
            cut.push("only the first tags are recorded".to_owned());
        }
        let mut unread = 0;
        for (index, commit) in order.into_iter().zip(changes.commits) {
            unread += usize::from(!report::commit(objects, index, commit, &mut messages, &mut events));
        }
        if unread > 0 {
            cut.push(format!("{unread} commits are not recorded, as much was unpacked as is allowed"));
            understood.complete = false;
        }
        if messages.parents_cut {
            cut.push("commits have more parents than are recorded".to_owned());
        }
        if messages.cut {
            cut.push("messages are cut, they are too much together".to_owned());
        }
        understood.events.push(GitEvent::Pack {
            objects: objects.gathered.objects,
            bytes: understood.end - self.pack_offset,
            checksum: sums.said,
            sha256: sums.sha256,
            intact: Some(true),
        });
        understood.events.push(report::contents(&objects.gathered, &cut));
        understood.events.append(&mut events);
        Ok(())
    }

    /// Why not everything that the pack holds was looked into.
    fn cut(&self, gathered: &Gathered) -> Vec<String> {
        let mut cut = Vec::new();
        if gathered.forgotten > 0 {
            cut.push(format!("only the first {ENTRIES_REMEMBERED_MAX} objects are looked into"));
        }
        if gathered.unread_commits > 0 {
            cut.push(format!("{} commits cannot be read", gathered.unread_commits));
        }
        if gathered.history.cut {
            cut.push("commits have too many parents".to_owned());
        }
        let looked_into = |kind: Option<ObjectKind>| kind.is_some_and(|kind| kind != ObjectKind::Blob);
        if gathered.entries.iter().any(|(_, entry)| !entry.named && looked_into(entry.kind)) {
            cut.push("as much was unpacked as is allowed".to_owned());
        }
        if gathered.entries.iter().any(|(_, entry)| entry.kind.is_none()) {
            cut.push("the pack is thin, and what it stands on could not be had".to_owned());
        }
        cut
    }
}
