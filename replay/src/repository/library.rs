//! The packs of a session, put aside so that objects can be looked up: what a push changes may have been fetched before.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use wiretape_core::Lane;
use wiretape_core::event::ObjectId;

use super::format::Format;
use super::pack::{Pack, Unreadable};
use super::spool::Part;
use crate::limits::{PACK_OBJECTS_MAX, PACKS_BYTES_MAX, PACKS_KEPT_MAX};

/// Packs by the lane on which they went by, and by their place in it. Copies share them.
#[derive(Clone, Default)]
pub(crate) struct Library(Arc<Mutex<Shelves>>);

#[derive(Default)]
struct Shelves {
    packs: BTreeMap<(Lane, u64), Shelf>,
    /// How much was put aside of each lane.
    bytes: BTreeMap<Lane, u64>,
}

enum Shelf {
    Unread(Part, Format),
    Read(Box<Pack>),
    Unreadable(String),
}

impl Library {
    /// Whether `bytes` in all may be put aside of `lane`.
    pub(crate) fn has_room(&self, lane: Lane, bytes: u64) -> bool {
        let mut shelves = self.shelves();
        let others: u64 = shelves.bytes.iter().filter(|(its, _)| **its != lane).map(|(_, bytes)| *bytes).sum();
        if others.saturating_add(bytes) > PACKS_BYTES_MAX {
            return false;
        }
        let its = shelves.bytes.entry(lane).or_default();
        *its = bytes.max(*its);
        true
    }

    /// Puts the pack that begins at `place` of what was put aside of `lane`. Of many the oldest is forgotten.
    pub(crate) fn put(&self, lane: Lane, place: u64, part: Part, format: Format) {
        let mut shelves = self.shelves();
        shelves.packs.entry((lane, place)).or_insert(Shelf::Unread(part, format));
        while shelves.packs.len() > PACKS_KEPT_MAX {
            let Some(((oldest, _), _)) = shelves.packs.pop_first() else { break };
            if shelves.packs.range((oldest, 0)..=(oldest, u64::MAX)).next().is_none() {
                shelves.bytes.remove(&oldest);
            }
        }
    }

    /// Reads the packs of `lane`.
    ///
    /// # Errors
    /// Why that cannot be done, in words.
    pub(crate) fn read(&self, lane: Lane) -> Result<(), String> {
        let mut shelves = self.shelves();
        let mut packs = shelves.packs.range_mut((lane, 0)..=(lane, u64::MAX)).peekable();
        if packs.peek().is_none() {
            return Err(Unreadable::Broken("it is not whole in the recording").to_string());
        }
        packs.try_for_each(|(_, shelf)| shelf.pack().map(|_| ()))
    }

    /// The content of an object, of the packs of `lane` or of others of the session; `None` when no pack holds it, or
    /// it is too large to be shown.
    ///
    /// # Errors
    /// What the pack that holds it cannot be read with.
    pub(crate) fn object(&self, lane: Lane, id: &ObjectId) -> Result<Option<Bytes>, Unreadable> {
        let mut shelves = self.shelves();
        let own: Vec<_> = shelves.packs.keys().filter(|(its, _)| *its == lane).copied().collect();
        let others: Vec<_> = shelves.packs.keys().rev().filter(|(its, _)| *its != lane).copied().collect();
        let mut objects = 0;
        for place in own.into_iter().chain(others) {
            let Some(Ok(pack)) = shelves.packs.get_mut(&place).map(Shelf::pack) else { continue };
            if pack.contains(id) {
                return pack.object(id);
            }
            objects += pack.objects();
            if objects > PACK_OBJECTS_MAX as usize {
                break;
            }
        }
        Ok(None)
    }

    fn shelves(&self) -> MutexGuard<'_, Shelves> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelf {
    /// The pack, read when it is needed first.
    fn pack(&mut self) -> Result<&mut Pack, String> {
        if let Self::Unread(part, format) = self {
            *self = match Pack::read(part.clone(), *format) {
                Ok(pack) => Self::Read(Box::new(pack)),
                Err(error) => Self::Unreadable(error.to_string()),
            };
        }
        match self {
            Self::Read(pack) => Ok(pack),
            Self::Unreadable(error) => Err(error.clone()),
            Self::Unread(..) => Err(String::new()),
        }
    }
}
