//! Examinations at work: on threads that may wait, a few at a time.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use wiretape_core::{Asking, Examiner, Finding, Inquiry, Unanswered};

use crate::hold::{Hold, Reader};

/// Examinations that work at the same time. Each may take some tens of MiB and a processor; the others wait.
const WORKING_MAX: usize = 4;

/// The places where examinations work.
#[derive(Clone)]
pub(crate) struct Examinations {
    places: Arc<Semaphore>,
}

impl Default for Examinations {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(WORKING_MAX)) }
    }
}

impl Examinations {
    /// Starts to examine what is held, and asks the target through `asking`.
    pub(crate) fn start<M>(
        &self,
        examiner: Examiner,
        hold: &Hold<M>,
        mut asking: Box<dyn Asking + Send>,
    ) -> JoinHandle<Finding> {
        let turn = Turn { places: Some((Arc::clone(&self.places), Handle::current())), place: None };
        let mut held: Reader = hold.reader(turn);
        tokio::task::spawn_blocking(move || examiner.0.examine(&mut held, asking.as_mut()))
    }
}

/// A place among those that work, which is given up while there is nothing to do.
pub(crate) struct Turn {
    places: Option<(Arc<Semaphore>, Handle)>,
    place: Option<OwnedSemaphorePermit>,
}

impl Turn {
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

/// Asks nobody: the target is of a kind that cannot be asked.
pub(crate) struct Mute;

impl Asking for Mute {
    fn ask(&mut self, _inquiry: &Inquiry, _hear: &mut dyn FnMut(&[u8]) -> bool) -> Result<(), Unanswered> {
        Err(Unanswered("this target cannot be asked".to_owned()))
    }
}
