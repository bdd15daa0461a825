//! What is recorded of a pack: events, in their order, within limits.

use bytes::Bytes;
use wiretape_core::event::{GitEvent, ObjectId, ObjectKind, PackedObject};
use wiretape_core::limits::GIT_MESSAGE_BYTES_MAX;

use super::changes::CommitChanges;
use super::limits::{
    FILES_PER_EVENT_MAX, MESSAGES_BYTES_MAX, OBJECTS_PER_EVENT_MAX, PARENTS_RECORDED_MAX,
    PARENTS_RECORDED_TOGETHER_MAX, PATHS_PER_EVENT_BYTES_MAX, TAGS_RECORDED_MAX,
};
use super::objects::Objects;
use super::scan::Gathered;
use super::text;

/// The objects of a pack in numbers.
pub(super) fn contents(gathered: &Gathered, cut: &[String]) -> GitEvent {
    let (mut commits, mut trees, mut blobs, mut tags, mut unresolved) = (0, 0, 0, 0, 0);
    for (_, entry) in gathered.entries.iter() {
        let count = match entry.kind {
            Some(ObjectKind::Commit) => &mut commits,
            Some(ObjectKind::Tree) => &mut trees,
            Some(ObjectKind::Blob) => &mut blobs,
            Some(ObjectKind::Tag) => &mut tags,
            None => &mut unresolved,
        };
        *count += 1;
    }
    GitEvent::Contents { commits, trees, blobs, tags, unresolved, cut: cut.join("; ") }
}

/// Every object whose name is known.
pub(super) fn objects(gathered: &Gathered, events: &mut Vec<GitEvent>) {
    let mut objects = Vec::new();
    for (index, entry) in gathered.entries.iter() {
        if let (Some(id), Some(kind)) = (gathered.entries.id(index), entry.kind) {
            objects.push(PackedObject { id, kind, bytes: entry.bytes });
        }
        if objects.len() == OBJECTS_PER_EVENT_MAX {
            events.push(GitEvent::Objects { objects: std::mem::take(&mut objects) });
        }
    }
    if !objects.is_empty() {
        events.push(GitEvent::Objects { objects });
    }
}

/// Messages of commits and tags, names of tags, and parents, as far as there is room for them.
pub(super) struct Messages {
    left_bytes: usize,
    parents_left: usize,
    /// True when one was cut because there was no more room for all.
    pub(super) cut: bool,
    /// True when not every parent is said.
    pub(super) parents_cut: bool,
}

impl Messages {
    pub(super) fn new() -> Self {
        let parents_left = PARENTS_RECORDED_TOGETHER_MAX;
        Self { left_bytes: MESSAGES_BYTES_MAX, parents_left, cut: false, parents_cut: false }
    }

    fn parents(&mut self, mut parents: Vec<ObjectId>) -> Vec<ObjectId> {
        let within = parents.len().min(PARENTS_RECORDED_MAX).min(self.parents_left);
        self.parents_cut |= within < parents.len();
        self.parents_left -= within;
        parents.truncate(within);
        parents.shrink_to_fit();
        parents
    }

    fn message(&mut self, message: &[u8]) -> Bytes {
        let bytes = message.len().min(GIT_MESSAGE_BYTES_MAX);
        let within = bytes.min(self.left_bytes);
        self.cut |= within < bytes;
        self.left_bytes -= within;
        Bytes::copy_from_slice(message.get(..within).unwrap_or(message))
    }
}

/// The annotated tags of a pack, in its order. False: there are more than are recorded.
pub(super) fn tags(objects: &mut Objects<'_>, messages: &mut Messages, events: &mut Vec<GitEvent>) -> bool {
    let entries = objects.gathered.entries.iter();
    let tags: Vec<u32> = entries
        .filter(|(_, entry)| entry.kind == Some(ObjectKind::Tag) && entry.named)
        .map(|(index, _)| index)
        .take(TAGS_RECORDED_MAX + 1)
        .collect();
    for index in tags.iter().take(TAGS_RECORDED_MAX) {
        let Some(id) = objects.gathered.entries.id(*index) else { continue };
        let Ok(content) = objects.content(*index) else { continue };
        let Some(tag) = text::tag(&content) else { continue };
        events.push(GitEvent::Tag {
            id,
            target: tag.target,
            target_kind: tag.target_kind,
            name: messages.message(tag.name),
            tagger: tag.tagger.map(Box::new),
            message: messages.message(tag.message),
            signature: tag.signature,
        });
    }
    tags.len() <= TAGS_RECORDED_MAX
}

/// A commit and the files that it changes. False: it cannot be read again.
pub(super) fn commit(
    objects: &mut Objects<'_>,
    index: u32,
    changes: CommitChanges,
    messages: &mut Messages,
    events: &mut Vec<GitEvent>,
) -> bool {
    let Some(id) = objects.gathered.entries.id(index) else { return false };
    let Ok(content) = objects.content(index) else { return false };
    let Some(commit) = text::commit(&content) else { return false };
    events.push(GitEvent::Commit {
        id,
        tree: commit.tree,
        parents: messages.parents(commit.parents),
        author: Box::new(commit.author),
        committer: Box::new(commit.committer),
        message: messages.message(commit.message),
        signature: commit.signature,
    });
    files(id, changes, events);
    true
}

/// The files of one commit, in as many events as they take.
fn files(commit: ObjectId, changes: CommitChanges, events: &mut Vec<GitEvent>) {
    let CommitChanges { parent, files, complete } = changes;
    let mut rest = files.into_iter().peekable();
    loop {
        let mut files = Vec::new();
        let mut bytes = 0;
        while files.len() < FILES_PER_EVENT_MAX
            && bytes <= PATHS_PER_EVENT_BYTES_MAX
            && let Some(file) = rest.next()
        {
            bytes += file.path.len();
            files.push(file);
        }
        files.shrink_to_fit();
        let last = rest.peek().is_none();
        // Only with the last part is it known whether it is all.
        events.push(GitEvent::Files { commit, parent, files, complete: complete || !last });
        if last {
            return;
        }
    }
}
