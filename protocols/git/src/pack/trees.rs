//! Trees, and what changes from one to another.

use std::cmp::Ordering;
use std::collections::HashSet;

use bytes::Bytes;
use wiretape_core::event::{FileChange, FileStatus, ObjectId, ObjectKind, TreeFile};

use super::ObjectFormat;
use super::digest::object_id;
use super::limits::{PATH_BYTES_MAX, TREES_DEEP_MAX};
use super::objects::{Lack, Objects};

/// The mode of a directory.
const DIRECTORY: u32 = 0o040_000;

/// The mode of a commit of another repository.
pub(super) const SUBMODULE: u32 = 0o160_000;

/// One entry of a tree.
#[derive(Clone, Copy)]
struct TreeEntry<'a> {
    name: &'a [u8],
    file: TreeFile,
}

impl TreeEntry<'_> {
    fn is_directory(&self) -> bool {
        self.file.mode == DIRECTORY
    }

    /// The order of git: as if the name of a directory ended with `/`.
    fn order(&self, other: &Self) -> Ordering {
        let common = self.name.len().min(other.name.len());
        let next = |entry: &Self| match entry.name.get(common) {
            Some(byte) => *byte,
            None if entry.is_directory() => b'/',
            None => 0,
        };
        self.name.get(..common).cmp(&other.name.get(..common)).then_with(|| next(self).cmp(&next(other)))
    }
}

/// Reads a tree, entry by entry.
struct Entries<'a> {
    rest: &'a [u8],
    id_bytes: usize,
    /// True when it does not go on as a tree does.
    broken: bool,
}

impl<'a> Entries<'a> {
    fn entry(&mut self) -> Option<TreeEntry<'a>> {
        let blank = memchr::memchr(b' ', self.rest.get(..8).unwrap_or(self.rest))?;
        let (digits, behind) = self.rest.split_at_checked(blank)?;
        let mode = u32::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok()?;
        let behind = behind.get(1..)?;
        let (name, behind) = behind.split_at_checked(memchr::memchr(0, behind)?)?;
        let (id, rest) = behind.get(1..)?.split_at_checked(self.id_bytes)?;
        self.rest = rest;
        // What git makes of modes that it would not write today.
        let mode = match mode & 0o170_000 {
            0o100_000 if mode & 0o100 != 0 => 0o100_755,
            0o100_000 => 0o100_644,
            0o120_000 => 0o120_000,
            0o040_000 => DIRECTORY,
            _ => SUBMODULE,
        };
        Some(TreeEntry { name, file: TreeFile { mode, id: ObjectId::from_bytes(id)? } })
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = TreeEntry<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() || self.broken {
            return None;
        }
        let entry = self.entry();
        self.broken = entry.is_none();
        entry
    }
}

/// One side of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tree {
    /// There is none.
    Absent,
    /// There is one, but which is not known.
    Unknown,
    /// This one.
    Known(ObjectId),
}

/// What comparing the trees of one commit found.
pub(super) struct Compared {
    pub(super) files: Vec<FileChange>,
    /// Trees that were needed and are not at hand.
    pub(super) missing: Vec<ObjectId>,
    /// Whether `files` are all that changed.
    pub(super) complete: bool,
}

/// Compares trees, within what is left of the limits.
pub(super) struct Comparing {
    pub(super) format: ObjectFormat,
    pub(super) files_left: usize,
    pub(super) entries_left: usize,
    pub(super) paths_bytes_left: usize,
    /// Paths, each once.
    pub(super) paths: HashSet<Bytes>,
    empty: ObjectId,
}

impl Comparing {
    pub(super) fn new(format: ObjectFormat, files_max: usize, entries_max: usize, paths_bytes_max: usize) -> Self {
        Self {
            format,
            files_left: files_max,
            entries_left: entries_max,
            paths_bytes_left: paths_bytes_max,
            paths: HashSet::new(),
            empty: object_id(format, ObjectKind::Tree, b""),
        }
    }

    /// True when a limit was reached.
    pub(super) fn is_spent(&self) -> bool {
        self.files_left == 0 || self.entries_left == 0 || self.paths_bytes_left == 0
    }

    /// What changes from one tree to another.
    pub(super) fn compare(&mut self, objects: &mut Objects<'_>, old: Tree, new: Tree) -> Compared {
        let mut compared = Compared { files: Vec::new(), missing: Vec::new(), complete: true };
        self.trees(objects, &mut compared, &mut Vec::new(), 0, old, new);
        compared.files.shrink_to_fit();
        compared
    }

    fn tree(&self, objects: &mut Objects<'_>, compared: &mut Compared, tree: Tree) -> Option<Bytes> {
        match tree {
            Tree::Absent => Some(Bytes::new()),
            Tree::Unknown => None,
            Tree::Known(id) if id == self.empty => Some(Bytes::new()),
            Tree::Known(id) => match objects.named(&id) {
                Ok((ObjectKind::Tree, content)) => Some(content),
                Ok(_) => None,
                Err(lack) => {
                    if lack == Lack::Elsewhere && !objects.is_packed(&id) {
                        compared.missing.push(id);
                    }
                    None
                }
            },
        }
    }

    fn trees(
        &mut self,
        objects: &mut Objects<'_>,
        compared: &mut Compared,
        path: &mut Vec<u8>,
        deep: usize,
        old: Tree,
        new: Tree,
    ) {
        if old == new && old != Tree::Unknown {
            return;
        }
        let new_content = self.tree(objects, compared, new);
        let old_content = self.tree(objects, compared, old);
        let Some(new_content) = new_content.filter(|_| deep <= TREES_DEEP_MAX) else {
            compared.complete = false;
            return;
        };
        let old_known = old_content.is_some();
        compared.complete &= old_known;
        let old_content = old_content.unwrap_or_default();
        let id_bytes = self.format.id_bytes();
        let mut old_entries = Entries { rest: &old_content, id_bytes, broken: false };
        let mut new_entries = Entries { rest: &new_content, id_bytes, broken: false };
        let (mut old_next, mut new_next) = (old_entries.next(), new_entries.next());
        while old_next.is_some() || new_next.is_some() {
            if self.is_spent() {
                compared.complete = false;
                return;
            }
            self.entries_left -= 1;
            let order = match (&old_next, &new_next) {
                (Some(old), Some(new)) => old.order(new),
                (Some(_), None) => Ordering::Less,
                _ => Ordering::Greater,
            };
            let old = old_next.filter(|_| order != Ordering::Greater);
            let new = new_next.filter(|_| order != Ordering::Less);
            self.entry(objects, compared, path, deep, (old, old_known), new);
            if order != Ordering::Greater {
                old_next = old_entries.next();
            }
            if order != Ordering::Less {
                new_next = new_entries.next();
            }
        }
        compared.complete &= !old_entries.broken && !new_entries.broken;
    }

    /// One name on one or both sides.
    fn entry(
        &mut self,
        objects: &mut Objects<'_>,
        compared: &mut Compared,
        path: &mut Vec<u8>,
        deep: usize,
        (old, old_known): (Option<TreeEntry<'_>>, bool),
        new: Option<TreeEntry<'_>>,
    ) {
        let (old_file, new_file) = (old.map(|entry| entry.file), new.map(|entry| entry.file));
        if old_file == new_file {
            return;
        }
        // Where it is not known what was there before, what the pack brings is what is new.
        if !old_known && !new_file.is_some_and(|file| objects.is_packed(&file.id)) {
            return;
        }
        let Some(entry) = new.or(old) else { return };
        let begin = path.len();
        path.extend_from_slice(entry.name);
        if path.len() > PATH_BYTES_MAX {
            compared.complete = false;
        } else if entry.is_directory() {
            path.push(b'/');
            let side = |file: Option<TreeFile>| file.map_or(Tree::Absent, |file| Tree::Known(file.id));
            let old = if old_known { side(old_file) } else { Tree::Unknown };
            self.trees(objects, compared, path, deep + 1, old, side(new_file));
        } else {
            self.files_left -= 1;
            let status = match (old_known, old_file, new_file) {
                (false, ..) => FileStatus::Written,
                (_, None, _) => FileStatus::Added,
                (_, _, None) => FileStatus::Deleted,
                _ => FileStatus::Modified,
            };
            let path = self.path(path);
            compared.files.push(FileChange { path, status, old: old_file, new: new_file, lines: None, binary: false });
        }
        path.truncate(begin);
    }

    /// A path that shares its bytes with all that are the same.
    fn path(&mut self, path: &[u8]) -> Bytes {
        if let Some(path) = self.paths.get(path) {
            return path.clone();
        }
        self.paths_bytes_left = self.paths_bytes_left.saturating_sub(path.len());
        let path = Bytes::copy_from_slice(path);
        self.paths.insert(path.clone());
        path
    }
}
