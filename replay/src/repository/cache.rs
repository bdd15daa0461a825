//! Objects of a pack that are likely to be needed again.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;

use crate::limits::{PACK_CACHE_BYTES_KEPT, PACK_CACHE_BYTES_MAX};

/// The contents that were put last.
#[derive(Default)]
pub(super) struct Cache {
    contents: HashMap<u32, Bytes>,
    order: VecDeque<u32>,
    bytes: usize,
    /// Whether less is kept than at first.
    shrunk: bool,
}

impl Cache {
    /// The content of the object at `place`.
    pub(super) fn get(&self, place: u32) -> Option<Bytes> {
        self.contents.get(&place).cloned()
    }

    /// Puts the content of the object at `place`, and gives it back.
    pub(super) fn put(&mut self, place: u32, content: Vec<u8>) -> Bytes {
        let content = Bytes::from(content);
        self.bytes += content.len();
        self.order.push_back(place);
        if let Some(before) = self.contents.insert(place, content.clone()) {
            self.bytes = self.bytes.saturating_sub(before.len());
        }
        self.make_room();
        content
    }

    /// Keeps less from now on.
    pub(super) fn shrink(&mut self) {
        self.shrunk = true;
        self.make_room();
        self.contents.shrink_to_fit();
        self.order.shrink_to_fit();
    }

    fn make_room(&mut self) {
        let most = if self.shrunk { PACK_CACHE_BYTES_KEPT } else { PACK_CACHE_BYTES_MAX };
        while self.bytes > most {
            let Some(oldest) = self.order.pop_front() else { break };
            let gone = self.contents.remove(&oldest).map_or(0, |content| content.len());
            self.bytes = self.bytes.saturating_sub(gone);
        }
    }
}
