//! Unpacked objects, kept at hand while there is room.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;

/// What keeping an object takes beside its bytes.
const OVERHEAD_BYTES: usize = 192;

/// The objects used last, by the index of their entry.
pub(super) struct Cache {
    bytes: usize,
    bytes_max: usize,
    use_count: u64,
    objects: HashMap<u32, (Bytes, u64)>,
    /// Uses in order; of each object only the last one counts.
    uses: VecDeque<(u32, u64)>,
}

impl Cache {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { bytes: 0, bytes_max, use_count: 0, objects: HashMap::new(), uses: VecDeque::new() }
    }

    pub(super) fn get(&mut self, index: u32) -> Option<Bytes> {
        let (object, used) = self.objects.get_mut(&index)?;
        self.use_count += 1;
        *used = self.use_count;
        self.uses.push_back((index, self.use_count));
        let object = object.clone();
        if self.uses.len() > self.objects.len() * 4 + 64 {
            self.uses.retain(|(index, at)| self.objects.get(index).is_some_and(|(_, used)| used == at));
        }
        Some(object)
    }

    /// Takes it in, unless it alone would take much of the room.
    pub(super) fn insert(&mut self, index: u32, object: Bytes) {
        if object.len() > self.bytes_max / 4 {
            return;
        }
        self.bytes += object.len() + OVERHEAD_BYTES;
        self.use_count += 1;
        self.uses.push_back((index, self.use_count));
        if let Some((before, _)) = self.objects.insert(index, (object, self.use_count)) {
            self.bytes -= before.len() + OVERHEAD_BYTES;
        }
        self.shrink(self.bytes_max);
    }

    /// Lets go of what was used longest ago until no more than `bytes_max` are left.
    pub(super) fn shrink(&mut self, bytes_max: usize) {
        while self.bytes > bytes_max {
            let Some((index, at)) = self.uses.pop_front() else { return };
            if self.objects.get(&index).is_some_and(|(_, used)| *used == at)
                && let Some((object, _)) = self.objects.remove(&index)
            {
                self.bytes -= object.len() + OVERHEAD_BYTES;
            }
        }
    }
}
