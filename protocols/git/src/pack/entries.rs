//! What is remembered of the objects of a pack.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};

use wiretape_core::event::{ObjectId, ObjectKind};

use super::ObjectFormat;

/// An entry's base: it has none, it is whole.
pub(super) const WHOLE: u32 = u32::MAX;

/// An entry's base: an object by name, that was not in the pack so far.
pub(super) const ELSEWHERE: u32 = u32::MAX - 1;

/// Lines of a blob, and whether it is text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lines {
    /// Lines, the last of which may lack its end.
    pub(super) count: u32,
    /// Whether git takes it for something else than text.
    pub(super) binary: bool,
}

/// One object of a pack.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    /// Where it begins in what is held.
    pub(super) offset: u64,
    /// What it unpacks to, with its deltas resolved.
    pub(super) bytes: u64,
    /// The entry that it is a delta of, or [`WHOLE`], or [`ELSEWHERE`].
    pub(super) base: u32,
    /// Lines of a blob in 31 bits, and whether it is binary in the highest.
    lines: u32,
    /// Deltas that it stands on.
    pub(super) deep: u16,
    /// Its kind; for deltas it is known when that of the base is.
    pub(super) kind: Option<ObjectKind>,
    /// Whether its name is known.
    pub(super) named: bool,
}

impl Entry {
    pub(super) fn new(offset: u64, bytes: u64, base: u32, deep: u16, kind: Option<ObjectKind>) -> Self {
        Self { offset, bytes, base, lines: u32::MAX, deep, kind, named: false }
    }

    pub(super) fn set_lines(&mut self, lines: Lines) {
        self.lines = lines.count.min(0x7fff_fffe) | u32::from(lines.binary) << 31;
    }

    pub(super) fn lines(&self) -> Option<Lines> {
        (self.lines != u32::MAX).then_some(Lines { count: self.lines & 0x7fff_ffff, binary: self.lines >> 31 != 0 })
    }
}

/// The objects of a pack, in its order, and by name.
pub(super) struct Entries {
    entries: Vec<Entry>,
    /// The name of each, one behind the other; zeros where it is not known.
    ids: Vec<u8>,
    id_bytes: usize,
    /// Entries by the hash of their names, open addressing; free places hold `u32::MAX`.
    places: Vec<u32>,
    named: usize,
    // Names are chosen by who pushes: without a secret they could be made to fall into one place.
    secret: RandomState,
    /// What entries with the base [`ELSEWHERE`] are deltas of.
    pub(super) elsewhere: HashMap<u32, ObjectId>,
    /// Where the last of them ends.
    pub(super) end: u64,
}

impl Entries {
    pub(super) fn new(format: ObjectFormat) -> Self {
        Self {
            entries: Vec::new(),
            ids: Vec::new(),
            id_bytes: format.id_bytes(),
            places: Vec::new(),
            named: 0,
            secret: RandomState::new(),
            elsewhere: HashMap::new(),
            end: 0,
        }
    }

    pub(super) fn len(&self) -> u32 {
        self.entries.len() as u32
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Entry)> {
        (0..).zip(&self.entries)
    }

    pub(super) fn get(&self, index: u32) -> Option<&Entry> {
        self.entries.get(index as usize)
    }

    pub(super) fn get_mut(&mut self, index: u32) -> Option<&mut Entry> {
        self.entries.get_mut(index as usize)
    }

    /// Takes in the next one, and says its index.
    pub(super) fn push(&mut self, entry: Entry) -> u32 {
        let index = self.len();
        self.entries.push(entry);
        self.ids.resize(self.ids.len() + self.id_bytes, 0);
        index
    }

    /// Where the entry ends in what is held.
    pub(super) fn end_of(&self, index: u32) -> u64 {
        self.get(index + 1).map_or(self.end, |next| next.offset)
    }

    /// The entry that begins at `offset`.
    pub(super) fn at_offset(&self, offset: u64) -> Option<u32> {
        self.entries.binary_search_by_key(&offset, |entry| entry.offset).ok().map(|index| index as u32)
    }

    /// The name of an entry, where it is known.
    pub(super) fn id(&self, index: u32) -> Option<ObjectId> {
        self.get(index).filter(|entry| entry.named)?;
        ObjectId::from_bytes(self.id_slice(index))
    }

    fn id_slice(&self, index: u32) -> &[u8] {
        let start = index as usize * self.id_bytes;
        self.ids.get(start..start + self.id_bytes).unwrap_or_default()
    }

    /// Names an entry.
    pub(super) fn name(&mut self, index: u32, id: ObjectId) {
        let start = index as usize * self.id_bytes;
        let Some(place) = self.ids.get_mut(start..start + self.id_bytes) else { return };
        if place.len() != id.as_bytes().len() {
            return;
        }
        place.copy_from_slice(id.as_bytes());
        if let Some(entry) = self.get_mut(index) {
            entry.named = true;
        }
        self.named += 1;
        if self.named * 2 > self.places.len() {
            self.places = vec![u32::MAX; (self.named * 4).next_power_of_two().max(64)];
            for other in 0..self.len() {
                if self.get(other).is_some_and(|entry| entry.named) {
                    self.settle(other);
                }
            }
        } else {
            self.settle(index);
        }
    }

    fn first_place(&self, id: &[u8]) -> usize {
        let beginning = id.first_chunk::<8>().copied().unwrap_or_default();
        self.secret.hash_one(u64::from_ne_bytes(beginning)) as usize & (self.places.len().max(1) - 1)
    }

    /// Puts a named entry into its place, unless an entry of the same name has it.
    fn settle(&mut self, index: u32) {
        let mut place = self.first_place(self.id_slice(index));
        for _ in 0..self.places.len() {
            match self.places.get(place).copied() {
                Some(u32::MAX) => {
                    if let Some(free) = self.places.get_mut(place) {
                        *free = index;
                    }
                    return;
                }
                Some(other) if self.id_slice(other) == self.id_slice(index) => return,
                _ => place = (place + 1) & (self.places.len() - 1),
            }
        }
    }

    /// The entry of that name.
    pub(super) fn find(&self, id: &ObjectId) -> Option<u32> {
        let mut place = self.first_place(id.as_bytes());
        for _ in 0..self.places.len() {
            match self.places.get(place).copied()? {
                u32::MAX => return None,
                index if self.id_slice(index) == id.as_bytes() => return Some(index),
                _ => place = (place + 1) & (self.places.len() - 1),
            }
        }
        None
    }
}
