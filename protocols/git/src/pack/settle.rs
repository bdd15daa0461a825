//! Objects whose names were not known when the pack had gone by: deltas whose bases were no longer at hand, came later,
//! or are not in the pack.

use wiretape_core::event::{ObjectId, ObjectKind};

use super::entries::ELSEWHERE;
use super::limits::SETTLED_BYTES_MAX;
use super::objects::{Lack, Objects};
use super::problem::Problem;

/// Times that the rest is gone through: once for each time that a delta names a base that comes later in the pack and
/// is itself a delta like that.
const ROUNDS_MAX: usize = 16;

impl Objects<'_> {
    /// Entries without a name, among those that are `wanted` by their kind; a kind that is not known may be any.
    fn unnamed(&self, blobs: bool) -> Vec<u32> {
        let wanted = |kind: Option<ObjectKind>| blobs || kind != Some(ObjectKind::Blob);
        let entries = self.gathered.entries.iter();
        entries.filter(|(_, entry)| !entry.named && wanted(entry.kind)).map(|(index, _)| index).collect()
    }

    /// True when there are objects whose names are not known.
    pub(super) fn has_unnamed(&self) -> bool {
        self.gathered.entries.iter().any(|(_, entry)| !entry.named)
    }

    /// Names what can be named: all but blobs, or blobs too. What was spent before the end is no failure: the rest
    /// stays without names.
    ///
    /// # Errors
    /// The pack is broken.
    pub(super) fn settle(&mut self, blobs: bool) -> Result<(), Problem> {
        for _ in 0..ROUNDS_MAX {
            let unnamed = self.unnamed(blobs);
            let mut by_base: Vec<(u32, u32)> =
                unnamed.iter().filter_map(|index| Some((self.base_of(*index)?, *index))).collect();
            by_base.sort_unstable();
            let mut named = false;
            for index in unnamed {
                // A base, then all that stands on it: so bases are at hand when they are needed.
                let mut waiting = vec![index];
                while let Some(index) = waiting.pop() {
                    if self.spent > SETTLED_BYTES_MAX {
                        return Ok(());
                    }
                    match self.settle_one(index) {
                        Ok(true) => named = true,
                        Ok(false) | Err(Lack::Elsewhere | Lack::TooLarge | Lack::Spent) => continue,
                        Err(Lack::Problem(problem)) => return Err(problem),
                    }
                    let begin = by_base.partition_point(|(base, _)| *base < index);
                    let behind = by_base.get(begin..).unwrap_or_default();
                    let count = behind.partition_point(|(base, _)| *base == index);
                    waiting.extend(behind.iter().take(count).rev().map(|(_, delta)| *delta));
                }
            }
            if !named {
                break;
            }
        }
        Ok(())
    }

    /// The entry that a delta stands on.
    fn base_of(&self, index: u32) -> Option<u32> {
        match self.gathered.entries.get(index)?.base {
            ELSEWHERE => self.gathered.entries.find(self.gathered.entries.elsewhere.get(&index)?),
            base => Some(base),
        }
    }

    /// Names one object if its base has a name.
    fn settle_one(&mut self, index: u32) -> Result<bool, Lack> {
        let entry = *self.gathered.entries.get(index).ok_or(Lack::Elsewhere)?;
        if entry.named {
            return Ok(false);
        }
        let kind = if entry.base == ELSEWHERE {
            let base = self.gathered.entries.elsewhere.get(&index).copied().ok_or(Lack::Elsewhere)?;
            match self.gathered.entries.find(&base) {
                Some(base) => self.gathered.entries.get(base).and_then(|base| base.kind),
                None => self.answered.get(&base).map(|(kind, _)| *kind),
            }
        } else {
            self.gathered.entries.get(entry.base).filter(|base| base.named).and_then(|base| base.kind)
        };
        let Some(kind) = kind else { return Ok(false) };
        let content = self.content(index)?;
        if let Some(entry) = self.gathered.entries.get_mut(index) {
            entry.kind = Some(kind);
        }
        self.gathered.take(index, kind, content);
        Ok(true)
    }

    /// What deltas of the pack stand on that is neither in the pack nor answered.
    pub(super) fn bases_missing(&self) -> Vec<ObjectId> {
        let entries = &self.gathered.entries;
        let mut missing: Vec<ObjectId> = entries.elsewhere.values().copied().collect();
        missing.retain(|id| entries.find(id).is_none() && !self.answered.contains_key(id));
        missing.sort_unstable();
        missing.dedup();
        missing
    }
}
