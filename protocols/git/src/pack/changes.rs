//! The files that the commits of a push change, and by how many lines.

use bytes::Bytes;
use std::collections::HashSet;
use wiretape_core::event::{FileChange, FileStatus, ObjectId, ObjectKind, TreeFile};
use wiretape_core::limits::GIT_FILES_MAX;

use super::entries::Lines;
use super::inquiry::Questions;
use super::limits::{
    BLOBS_ASKED_MAX, BOUNDARY_ASKED_MAX, COMPARED_BYTES_MAX, COMPARED_BYTES_OF_LARGE_MAX, LARGE_PACK_BYTES,
    LINES_COMPARED_MAX, LINES_MAX, PATHS_BYTES_MAX, TREE_ENTRIES_COMPARED_MAX, TREE_ROUNDS_MAX,
};
use super::lines;
use super::objects::{Lack, Objects};
use super::problem::Problem;
use super::text;
use super::trees::{Compared, Comparing, SUBMODULE, Tree};

/// What one commit changes.
pub(super) struct CommitChanges {
    pub(super) parent: Option<ObjectId>,
    pub(super) files: Vec<FileChange>,
    pub(super) complete: bool,
}

/// What all commits change, in the order in which they were given, and why not all of it is said.
pub(super) struct Changes {
    pub(super) commits: Vec<CommitChanges>,
    pub(super) paths: Vec<Bytes>,
    pub(super) cut: Vec<String>,
}

/// A commit whose trees are to be compared.
struct Pending {
    place: usize,
    tree: ObjectId,
    parent: Option<ObjectId>,
}

/// Finds what the commits of `entries` change.
pub(super) fn find(
    objects: &mut Objects<'_>,
    questions: &mut Questions<'_>,
    entries: &[u32],
) -> Result<Changes, Problem> {
    let mut commits = Vec::with_capacity(entries.len());
    let mut pending = Vec::new();
    let mut boundary = Vec::new();
    for (place, entry) in entries.iter().enumerate() {
        let content = match objects.content(*entry) {
            Ok(content) => content,
            Err(Lack::Problem(problem)) => return Err(problem),
            Err(_) => Bytes::new(),
        };
        let commit = text::commit(&content);
        let parent = commit.as_ref().and_then(|commit| commit.parents.first().copied());
        commits.push(CommitChanges { parent, files: Vec::new(), complete: false });
        if let Some(commit) = commit {
            pending.push(Pending { place, tree: commit.tree, parent });
        }
        boundary.extend(parent.filter(|parent| !objects.is_packed(parent)));
    }
    let mut seen = HashSet::new();
    boundary.retain(|id| seen.insert(*id));
    if !boundary.is_empty() {
        let asked = boundary.get(..BOUNDARY_ASKED_MAX).unwrap_or(&boundary);
        objects.fetch_commits(questions, asked);
    }
    let mut comparing =
        Comparing::new(objects.gathered.format, GIT_FILES_MAX, TREE_ENTRIES_COMPARED_MAX, PATHS_BYTES_MAX);
    for round in 0..=TREE_ROUNDS_MAX {
        let last = round == TREE_ROUNDS_MAX;
        let mut missing = HashSet::new();
        let mut again = Vec::new();
        for commit in pending {
            // What was found of it before is found again.
            comparing.files_left += commits.get(commit.place).map_or(0, |changes| changes.files.len());
            let compared = compare(objects, &mut comparing, &commit);
            if !last {
                missing.extend(compared.missing.iter().copied());
            }
            if let Some(changes) = commits.get_mut(commit.place) {
                (changes.files, changes.complete) = (compared.files, compared.complete);
            }
            if !compared.missing.is_empty() {
                again.push(commit);
            }
        }
        let mut missing: Vec<ObjectId> = missing.into_iter().collect();
        missing.sort_unstable();
        let before = objects.answered.len();
        if !missing.is_empty() && questions.abilities().version_2 {
            objects.fetch_trees(questions, &missing);
        }
        if objects.answered.len() == before {
            break;
        }
        pending = again;
    }
    let mut changes = Changes { commits, paths: Vec::new(), cut: Vec::new() };
    if comparing.is_spent() {
        changes.cut.push("more files are changed than are recorded".to_owned());
    }
    changes.paths = comparing.paths.into_iter().collect();
    changes.paths.sort_unstable();
    count_lines(objects, questions, &mut changes)?;
    Ok(changes)
}

fn compare(objects: &mut Objects<'_>, comparing: &mut Comparing, commit: &Pending) -> Compared {
    let old = match commit.parent {
        None => Tree::Absent,
        Some(parent) => match objects.named(&parent) {
            Ok((ObjectKind::Commit, content)) => {
                text::commit(&content).map_or(Tree::Unknown, |parent| Tree::Known(parent.tree))
            }
            _ => Tree::Unknown,
        },
    };
    comparing.compare(objects, old, Tree::Known(commit.tree))
}

/// Lines of a file of a tree, where they are known.
fn lines_of(objects: &Objects<'_>, file: &TreeFile) -> Option<Lines> {
    if file.mode == SUBMODULE {
        // Git shows it as a text of one line.
        return Some(Lines { count: 1, binary: false });
    }
    match objects.gathered.entries.find(&file.id) {
        Some(index) => objects.gathered.entries.get(index)?.lines(),
        None => objects.answered.get(&file.id).map(|(_, content)| lines::count(content)),
    }
}

/// The content of a file of a tree.
fn content_of(objects: &mut Objects<'_>, file: &TreeFile) -> Result<Bytes, Lack> {
    if file.mode == SUBMODULE {
        return Ok(format!("Subproject commit {}\n", file.id).into());
    }
    Ok(objects.named(&file.id)?.1)
}

/// Files whose lines cannot be told yet.
fn missing(objects: &Objects<'_>, changes: &Changes) -> Vec<ObjectId> {
    let mut seen = HashSet::new();
    let mut missing = Vec::new();
    for change in changes.commits.iter().flat_map(|commit| &commit.files) {
        if change.status == FileStatus::Written {
            continue;
        }
        for file in [&change.old, &change.new].into_iter().flatten() {
            if file.mode != SUBMODULE
                && !objects.is_packed(&file.id)
                && !objects.answered.contains_key(&file.id)
                && seen.insert(file.id)
            {
                missing.push(file.id);
            }
        }
    }
    missing
}

fn count_lines(objects: &mut Objects<'_>, questions: &mut Questions<'_>, changes: &mut Changes) -> Result<(), Problem> {
    let mut asked = missing(objects, changes);
    if !asked.is_empty() && objects.has_unnamed() {
        objects.settle(true)?;
        asked = missing(objects, changes);
    }
    if asked.len() > BLOBS_ASKED_MAX {
        changes.cut.push("more old files are changed than are asked for".to_owned());
        asked.truncate(BLOBS_ASKED_MAX);
    }
    if !asked.is_empty() && questions.abilities().version_2 {
        objects.fetch_objects(questions, &asked);
    }
    let large = objects.gathered.end > LARGE_PACK_BYTES;
    let bytes = if large { COMPARED_BYTES_OF_LARGE_MAX } else { COMPARED_BYTES_MAX };
    let mut budget = Budget { bytes, lines: LINES_MAX, spent: false, left_out: false };
    for change in changes.commits.iter_mut().flat_map(|commit| &mut commit.files) {
        count(objects, change, &mut budget)?;
    }
    if budget.spent {
        changes.cut.push("lines are not counted of the oldest commits, there is too much to compare".to_owned());
    }
    if budget.left_out {
        changes.cut.push("lines are not counted of some files that are large or cannot be had".to_owned());
    }
    Ok(())
}

/// What is left to spend on comparing contents.
struct Budget {
    bytes: u64,
    lines: usize,
    spent: bool,
    left_out: bool,
}

impl Budget {
    fn spend(&mut self, bytes: u64, lines: usize) -> bool {
        match (self.bytes.checked_sub(bytes), self.lines.checked_sub(lines)) {
            (Some(bytes), Some(lines)) => (self.bytes, self.lines) = (bytes, lines),
            _ => self.spent = true,
        }
        !self.spent
    }
}

/// Counts the lines of one file.
fn count(objects: &mut Objects<'_>, change: &mut FileChange, budget: &mut Budget) -> Result<(), Problem> {
    let old = change.old.map(|file| lines_of(objects, &file));
    let new = change.new.map(|file| lines_of(objects, &file));
    change.binary = [old, new].iter().flatten().flatten().any(|lines| lines.binary);
    if change.binary || change.status == FileStatus::Written {
        return Ok(());
    }
    change.lines = match (old, new) {
        (None, Some(Some(new))) => Some((new.count, 0)),
        (Some(Some(old)), None) => Some((0, old.count)),
        (Some(Some(old)), Some(Some(new))) => compared(objects, change, (old, new), budget)?,
        _ => None,
    };
    budget.left_out |= change.lines.is_none() && !budget.spent;
    Ok(())
}

/// Compares the contents of a file that is text before and after.
fn compared(
    objects: &mut Objects<'_>,
    change: &FileChange,
    (old_lines, new_lines): (Lines, Lines),
    budget: &mut Budget,
) -> Result<Option<(u32, u32)>, Problem> {
    let (Some(old), Some(new)) = (change.old, change.new) else { return Ok(None) };
    if old.id == new.id && (old.mode == SUBMODULE) == (new.mode == SUBMODULE) {
        return Ok(Some((0, 0)));
    }
    let both_lines = old_lines.count as usize + new_lines.count as usize;
    if both_lines > LINES_COMPARED_MAX || budget.spent {
        return Ok(None);
    }
    let contents = content_of(objects, &old).and_then(|old| Ok((old, content_of(objects, &new)?)));
    let (old, new) = match contents {
        Ok(contents) => contents,
        Err(Lack::Problem(problem)) => return Err(problem),
        Err(Lack::Spent) => {
            budget.spent = true;
            return Ok(None);
        }
        Err(Lack::Elsewhere | Lack::TooLarge) => return Ok(None),
    };
    let within = budget.spend((old.len() + new.len()) as u64, both_lines);
    Ok(within.then(|| lines::changed(&old, &new)))
}
