//! The commits of a pack and what they descend from.

use std::collections::{BinaryHeap, HashMap, HashSet};

use wiretape_core::event::ObjectId;

use super::ObjectFormat;
use super::entries::Entries;
use super::limits::PARENTS_REMEMBERED_MAX;

struct Row {
    entry: u32,
    /// When it was committed, in seconds since 1970.
    date: i64,
    /// Where its parents end in the list of all parents; they begin where those of the row before end.
    parents_end: u32,
}

/// A parent: a commit of the pack, by its row, or one behind the pack, by its place among those.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Parent {
    Inside(u32),
    Outside(u32),
}

/// The history that a pack holds.
pub(super) struct History {
    rows: Vec<Row>,
    id_bytes: usize,
    /// Names of parents, until they are linked.
    parent_ids: Vec<u8>,
    parents: Vec<Parent>,
    /// Commits that the pack's commits descend from and that are not in it.
    outside: Vec<ObjectId>,
    /// Rows by their entries, once parents are linked.
    rows_by_entry: HashMap<u32, u32>,
    /// True when it holds more parents than are remembered.
    pub(super) cut: bool,
}

/// What the history of one commit holds, as far as the pack goes.
pub(super) struct Reached {
    /// Whether it holds the commit that was looked for.
    pub(super) found: bool,
    /// The commits at which the pack ends.
    pub(super) boundary: Vec<ObjectId>,
}

impl History {
    pub(super) fn new(format: ObjectFormat) -> Self {
        Self {
            rows: Vec::new(),
            id_bytes: format.id_bytes(),
            parent_ids: Vec::new(),
            parents: Vec::new(),
            outside: Vec::new(),
            rows_by_entry: HashMap::new(),
            cut: false,
        }
    }

    /// Takes in a commit of the pack.
    pub(super) fn add(&mut self, entry: u32, date: i64, parents: &[ObjectId]) {
        for parent in parents {
            if self.parent_ids.len() >= PARENTS_REMEMBERED_MAX * self.id_bytes
                || parent.as_bytes().len() != self.id_bytes
            {
                self.cut = true;
                break;
            }
            self.parent_ids.extend_from_slice(parent.as_bytes());
        }
        let parents_end = (self.parent_ids.len() / self.id_bytes) as u32;
        self.rows.push(Row { entry, date, parents_end });
    }

    /// Finds parents among the commits, once all are there.
    pub(super) fn link(&mut self, entries: &Entries) {
        self.rows_by_entry = (0..).zip(&self.rows).map(|(row, commit)| (commit.entry, row)).collect();
        let mut outside = HashMap::new();
        for id in self.parent_ids.chunks_exact(self.id_bytes) {
            let Some(id) = ObjectId::from_bytes(id) else { continue };
            let inside = entries.find(&id).and_then(|entry| self.rows_by_entry.get(&entry));
            self.parents.push(inside.map_or_else(
                || {
                    Parent::Outside(*outside.entry(id).or_insert_with(|| {
                        self.outside.push(id);
                        (self.outside.len() - 1) as u32
                    }))
                },
                |row| Parent::Inside(*row),
            ));
        }
        self.parent_ids = Vec::new();
    }

    fn parents_of(&self, row: u32) -> &[Parent] {
        let begin =
            row.checked_sub(1).and_then(|before| self.rows.get(before as usize)).map_or(0, |row| row.parents_end);
        let end = self.rows.get(row as usize).map_or(begin, |row| row.parents_end);
        self.parents.get(begin as usize..end as usize).unwrap_or_default()
    }

    /// The entries of all commits: children before parents, and where that leaves a choice the newest first.
    pub(super) fn newest_first(&self) -> Vec<u32> {
        let mut children = vec![0_u32; self.rows.len()];
        let mut insides = (0..self.rows.len() as u32).flat_map(|row| self.parents_of(row));
        for parent in insides.by_ref() {
            if let Parent::Inside(row) = parent
                && let Some(count) = children.get_mut(*row as usize)
            {
                *count += 1;
            }
        }
        // Among commits of one second the one that was met first goes first.
        let mut ready = BinaryHeap::new();
        let mut met = u32::MAX;
        for (row, commit) in (0_u32..).zip(&self.rows) {
            if children.get(row as usize) == Some(&0) {
                ready.push((commit.date, met, row));
                met -= 1;
            }
        }
        let mut order = Vec::with_capacity(self.rows.len());
        while let Some((_, _, row)) = ready.pop() {
            order.extend(self.rows.get(row as usize).map(|commit| commit.entry));
            for parent in self.parents_of(row) {
                if let Parent::Inside(parent) = parent
                    && let Some(count) = children.get_mut(*parent as usize)
                {
                    *count = count.saturating_sub(1);
                    if *count == 0
                        && let Some(commit) = self.rows.get(*parent as usize)
                    {
                        ready.push((commit.date, met, *parent));
                        met = met.saturating_sub(1);
                    }
                }
            }
        }
        order
    }

    /// Walks the history of the commit at `entry` as far as the pack goes, in at most `steps` steps, which are taken
    /// off; `None`: they do not reach, or the history is not known as a whole.
    pub(super) fn reach(&self, entries: &Entries, entry: u32, sought: &ObjectId, steps: &mut usize) -> Option<Reached> {
        if self.cut {
            return None;
        }
        let row = *self.rows_by_entry.get(&entry)?;
        let mut seen = vec![false; self.rows.len()];
        let mut waiting = vec![row];
        let mut boundary = HashSet::new();
        let sought_row = entries.find(sought).and_then(|entry| self.rows_by_entry.get(&entry)).copied();
        let mut found = false;
        while let Some(row) = waiting.pop() {
            match seen.get_mut(row as usize) {
                Some(seen) if !*seen => *seen = true,
                _ => continue,
            }
            *steps = steps.checked_sub(1)?;
            found |= sought_row == Some(row);
            for parent in self.parents_of(row) {
                *steps = steps.checked_sub(1)?;
                match parent {
                    Parent::Inside(parent) => waiting.push(*parent),
                    Parent::Outside(place) => {
                        boundary.insert(*place);
                    }
                }
            }
        }
        let mut boundary: Vec<u32> = boundary.into_iter().collect();
        boundary.sort_unstable();
        let boundary: Vec<ObjectId> =
            boundary.into_iter().filter_map(|place| self.outside.get(place as usize).copied()).collect();
        found |= boundary.contains(sought);
        Some(Reached { found, boundary })
    }
}
