//! Taking turns: a few work at a time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A place among those that work, which is given up while there is nothing to do. Clones are the same place.
#[derive(Clone)]
pub(crate) struct Turn {
    places: Option<(Arc<Semaphore>, Handle)>,
    place: Arc<Mutex<Option<OwnedSemaphorePermit>>>,
}

impl Turn {
    /// A turn among those that share `places`; called where the runtime is.
    pub(crate) fn among(places: &Arc<Semaphore>) -> Self {
        Self { places: Some((Arc::clone(places), Handle::current())), place: Arc::default() }
    }

    /// A turn that need not wait for others.
    #[cfg(test)]
    pub(crate) fn free() -> Self {
        Self { places: None, place: Arc::default() }
    }

    /// Lets another one work.
    pub(crate) fn pause(&self) {
        *self.place() = None;
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.places.is_some() && self.place().is_none()
    }

    /// Waits for a place.
    pub(crate) fn resume(&self) {
        if let Some((places, handle)) = &self.places {
            // They are never closed.
            let place = handle.block_on(Arc::clone(places).acquire_owned()).ok();
            *self.place() = place;
        }
    }

    fn place(&self) -> MutexGuard<'_, Option<OwnedSemaphorePermit>> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
