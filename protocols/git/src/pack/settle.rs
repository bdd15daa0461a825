//! Objects whose names were not known when the pack had gone by: deltas whose bases were no longer at hand, came later,
//! or are not in the pack.

use wiretape_core::event::{ObjectId, ObjectKind};

use super::entries::ELSEWHERE;
use super::objects::{Lack, Objects};
use super::problem::Problem;

/// Times that the rest is gone through: from the front and from the back in turn, so that chains in either order take
/// one or two.
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
        let mut rest = self.unnamed(blobs);
        for _ in 0..ROUNDS_MAX {
            let before = rest.len();
            let mut left = Vec::new();
            for index in rest {
                match self.settle_one(index) {
                    Ok(true) => {}
                    Ok(false) | Err(Lack::Elsewhere | Lack::TooLarge | Lack::Spent) => left.push(index),
                    Err(Lack::Problem(problem)) => return Err(problem),
                }
            }
            if left.is_empty() || left.len() == before {
                break;
            }
            left.reverse();
            rest = left;
        }
        Ok(())
    }

    /// Names one object if its base has a name.
    fn settle_one(&mut self, index: u32) -> Result<bool, Lack> {
        let entry = *self.gathered.entries.get(index).ok_or(Lack::Elsewhere)?;
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
