//! Taking turns: a few work at a time.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A place among those that work, which is given up while there is nothing to do.
pub(crate) struct Turn {
    places: Option<(Arc<Semaphore>, Handle)>,
    place: Option<OwnedSemaphorePermit>,
}

impl Turn {
    /// A turn among those that share `places`; called where the runtime is.
    pub(crate) fn among(places: &Arc<Semaphore>) -> Self {
        Self { places: Some((Arc::clone(places), Handle::current())), place: None }
    }

    /// A turn that need not wait for others.
    #[cfg(test)]
    pub(crate) fn free() -> Self {
        Self { places: None, place: None }
    }

    /// Lets another one work.
    pub(crate) fn pause(&mut self) {
        self.place = None;
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.place.is_none() && self.places.is_some()
    }

    /// Waits for a place.
    pub(crate) fn resume(&mut self) {
        if let Some((places, handle)) = &self.places {
            // They are never closed.
            self.place = handle.block_on(Arc::clone(places).acquire_owned()).ok();
        }
    }
}
