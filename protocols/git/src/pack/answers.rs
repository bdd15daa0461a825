//! Packs that the target answers with: what is needed of them, at hand by name.

use std::collections::HashMap;

use wiretape_core::event::{ObjectId, ObjectKind};
use wiretape_core::{Held, Lost};

use super::ObjectFormat;
use super::inflate::Inflater;
use super::inquiry::{Questions, Wanted};
use super::limits::{
    ANSWER_CACHE_BYTES_MAX, ANSWERED_BYTES_MAX, ANSWERS_KEPT_BYTES_MAX, INQUIRY_IDS_MAX, RUN_BYTES_MAX,
};
use super::objects::Objects;
use super::problem::Problem;
use super::scan::{EntryBase, Gathered, entry_head};
use super::stream::Stream;

/// A pack in memory; one that is not all there.
struct Memory(Vec<u8>);

impl Held for Memory {
    fn read(&mut self, offset: u64, into: &mut [u8]) -> Result<usize, Lost> {
        let rest = usize::try_from(offset).ok().and_then(|offset| self.0.get(offset..)).unwrap_or_default();
        let bytes = rest.len().min(into.len());
        if let (Some(from), Some(into)) = (rest.get(..bytes), into.get_mut(..bytes)) {
            into.copy_from_slice(from);
        }
        Ok(bytes)
    }
}

impl Objects<'_> {
    /// Asks for commits and their trees.
    pub(super) fn fetch_commits(&mut self, questions: &mut Questions<'_>, ids: &[ObjectId]) {
        let abilities = questions.abilities();
        let mut walk = Walk::new(self.gathered.format);
        // Where files cannot be left out, they come behind the trees: by then it is enough.
        let mut more = |pack: &[u8]| abilities.filter || !walk.finds_blob(pack);
        let pack = questions.fetch(Wanted::CommitsWithTrees, ids, ANSWERS_KEPT_BYTES_MAX, &mut more);
        self.take_in(pack);
    }

    /// Asks for trees or for files.
    pub(super) fn fetch_objects(&mut self, questions: &mut Questions<'_>, ids: &[ObjectId]) {
        for ids in ids.chunks(INQUIRY_IDS_MAX) {
            let pack = questions.fetch(Wanted::Objects, ids, ANSWERS_KEPT_BYTES_MAX, &mut |_| true);
            if pack.is_empty() {
                return;
            }
            self.take_in(pack);
        }
    }

    /// Takes in what a pack holds, as far as there is room.
    fn take_in(&mut self, pack: Vec<u8>) {
        let format = self.gathered.format;
        let mut memory = Memory(pack);
        let mut gathered = Gathered::new(format, ANSWER_CACHE_BYTES_MAX);
        // A pack that breaks off holds what it holds.
        let _ = gathered.scan(Stream::new(&mut memory, 0, format));
        let mut answer = Objects::new(gathered, &mut memory);
        if answer.settle(true).is_err() {
            return;
        }
        for index in 0..answer.gathered.entries.len() {
            let (Some(id), Some(kind)) =
                (answer.gathered.entries.id(index), answer.gathered.entries.get(index).and_then(|entry| entry.kind))
            else {
                continue;
            };
            if self.is_packed(&id) || self.answered.contains_key(&id) {
                continue;
            }
            if let Ok(content) = answer.content(index)
                && self.answered_bytes + content.len() <= ANSWERED_BYTES_MAX
            {
                self.answered_bytes += content.len();
                self.answered.insert(id, (kind, content));
            }
        }
    }
}

/// Looks through a pack that grows, for its first blob.
struct Walk {
    format: ObjectFormat,
    inflater: Inflater,
    run: Vec<u8>,
    /// Where the next entry begins.
    position: usize,
    /// How long the pack is to be before it is looked at again.
    again: usize,
    kinds: HashMap<u64, ObjectKind>,
}

impl Walk {
    fn new(format: ObjectFormat) -> Self {
        let run = vec![0; RUN_BYTES_MAX];
        Self { format, inflater: Inflater::new(), run, position: 12, again: 0, kinds: HashMap::new() }
    }

    fn finds_blob(&mut self, pack: &[u8]) -> bool {
        if pack.len() < self.again {
            return false;
        }
        // An entry that is not all there is begun anew: at most as often as the pack doubles.
        self.again = (pack.len() + RUN_BYTES_MAX).max(self.position + (pack.len() - self.position.min(pack.len())) * 2);
        while let Some(kind) = self.entry(pack) {
            if kind == ObjectKind::Blob {
                return true;
            }
        }
        false
    }

    /// The kind of the next entry; `None`: it is not all there.
    fn entry(&mut self, pack: &[u8]) -> Option<ObjectKind> {
        let mut rest = pack.get(self.position..)?;
        let head = entry_head(0, self.format, || {
            let (byte, behind) = rest.split_first().ok_or(Problem::Lost)?;
            rest = behind;
            Ok(*byte)
        });
        let head = head.ok()?;
        let base = match head.base {
            EntryBase::Distance(distance) => (self.position as u64).checked_sub(distance),
            EntryBase::None | EntryBase::Object(_) => None,
        };
        // What stands on an object by name is not asked for.
        let kind = head.kind.or_else(|| self.kinds.get(&base?).copied())?;
        if kind == ObjectKind::Blob {
            return Some(kind);
        }
        self.inflater.begin();
        loop {
            let progress = self.inflater.go_on(rest, &mut self.run).filter(|_| !rest.is_empty())?;
            rest = rest.get(progress.used..)?;
            if progress.ended {
                break;
            }
        }
        self.kinds.insert(self.position as u64, kind);
        self.position = pack.len() - rest.len();
        Some(kind)
    }
}
