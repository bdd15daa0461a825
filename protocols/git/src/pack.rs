//! Understanding a push: reading its pack where it is held, and deciding what it does to refs and files.

use std::sync::Arc;

use bytes::Bytes;
use wiretape_core::event::{GitEvent, RefUpdate};
use wiretape_core::{Asking, Examination, Finding, Held};

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
    fn examine(&self, held: &mut dyn Held, target: &mut dyn Asking) -> Finding {
        let _ = (held, target, &self.asked, self.format, self.pack_offset, self.listed);
        Finding(Arc::new(Understood { updates: self.updates.clone(), ..Understood::default() }))
    }
}
