//! What an update does to its ref: whether what it pointed to is in the history of what it is to point to.

use wiretape_core::event::{ObjectId, ObjectKind, RefChange, RefUpdate};

use super::inquiry::Questions;
use super::limits::{HAVES_MAX, HISTORY_STEPS_MAX, TAGS_DEEP_MAX};
use super::objects::Objects;
use super::text;

/// What a tag names in the end.
enum Peeled {
    /// A commit of the pack, by its entry.
    Packed(u32),
    /// An object that is not in the pack.
    Behind(ObjectId),
    /// A tree or a blob.
    NoCommit,
    /// Too many tags on tags, or one that cannot be read.
    Unclear,
}

/// Decides the updates, one by one, within the steps and questions that are allowed.
pub(super) fn decide(objects: &mut Objects<'_>, questions: &mut Questions<'_>, updates: &mut [RefUpdate]) {
    let mut steps = HISTORY_STEPS_MAX;
    for update in updates {
        update.change = match (update.old.is_null(), update.new.is_null()) {
            (_, true) => RefChange::Deleted,
            (true, false) => RefChange::Created,
            _ if update.old == update.new => RefChange::FastForward,
            _ => moved(objects, questions, update, &mut steps),
        };
    }
}

/// What `id` names in the end, and how many tags stand before that.
fn peel(objects: &mut Objects<'_>, id: &ObjectId) -> (Peeled, u32) {
    let mut id = *id;
    for tags in 0..TAGS_DEEP_MAX {
        let index = objects.gathered.entries.find(&id);
        let kind = match index {
            Some(index) => objects.gathered.entries.get(index).and_then(|entry| entry.kind),
            None => objects.answered.get(&id).map(|(kind, _)| *kind),
        };
        match (kind, index) {
            (None, None) | (Some(ObjectKind::Commit), None) => return (Peeled::Behind(id), tags),
            (Some(ObjectKind::Commit), Some(index)) => return (Peeled::Packed(index), tags),
            (Some(ObjectKind::Tree | ObjectKind::Blob), _) => return (Peeled::NoCommit, tags),
            (None, Some(_)) => return (Peeled::Unclear, tags),
            (Some(ObjectKind::Tag), _) => {
                let Ok((_, content)) = objects.named(&id) else { return (Peeled::Unclear, tags) };
                let Some(tag) = text::tag(&content) else { return (Peeled::Unclear, tags) };
                id = tag.target;
            }
        }
    }
    (Peeled::Unclear, TAGS_DEEP_MAX)
}

fn moved(objects: &mut Objects<'_>, questions: &mut Questions<'_>, update: &RefUpdate, steps: &mut usize) -> RefChange {
    let (entry, mut haves) = match peel(objects, &update.new).0 {
        Peeled::Packed(entry) => (Some(entry), Vec::new()),
        Peeled::Behind(id) => (None, vec![id]),
        // Nothing descends from anything there.
        Peeled::NoCommit => return RefChange::Forced,
        Peeled::Unclear => return RefChange::Unknown,
    };
    // A branch points to a commit; what other refs point to can be a tag, which has no place in a history.
    let mut old = update.old;
    let mut tags = 0;
    let mut certain = update.name.starts_with(b"refs/heads/");
    for _ in 0..2 {
        if let Some(entry) = entry {
            let gathered = &objects.gathered;
            let Some(reached) = gathered.history.reach(&gathered.entries, entry, &old, steps) else {
                return RefChange::Unknown;
            };
            if reached.found {
                return RefChange::FastForward;
            }
            haves = reached.boundary;
        } else if haves.first() == Some(&old) {
            return RefChange::FastForward;
        }
        if certain {
            break;
        }
        if objects.gathered.entries.find(&old).is_none() && !objects.answered.contains_key(&old) {
            objects.fetch_commits(questions, &[old]);
        }
        let (peeled, old_tags) = peel(objects, &old);
        tags = old_tags;
        match peeled {
            Peeled::Packed(packed) => {
                let Some(id) = objects.gathered.entries.id(packed) else { return RefChange::Unknown };
                (old, certain) = (id, true);
            }
            Peeled::Behind(id) => {
                certain = objects.answered.contains_key(&old) || id != old;
                old = id;
            }
            Peeled::NoCommit => return RefChange::Forced,
            Peeled::Unclear => return RefChange::Unknown,
        }
    }
    if haves.is_empty() {
        // All of the history came with the pack.
        return if certain { RefChange::Forced } else { RefChange::Unknown };
    }
    let some = haves.get(..HAVES_MAX).unwrap_or(&haves);
    // It is asked by the name that the target shows. What it would give of that history is the tags alone, where the
    // commit that they name is behind one of the others.
    match questions.ancestry(&update.old, some) {
        // What is known of some of them is enough to descend from it, not to tell that none does.
        Some(ancestry) if ancestry.objects == tags && ancestry.any_known => RefChange::FastForward,
        Some(ancestry) if certain && ancestry.all_known && some.len() == haves.len() => RefChange::Forced,
        _ => RefChange::Unknown,
    }
}
