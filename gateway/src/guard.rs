//! The guard of a session whose target is not chosen yet.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wiretape_core::{Action, Guard, Judgement, Moment, Unit, Verdict};

/// Where the guard is put once a target is chosen.
#[derive(Clone, Default)]
pub(crate) struct Choice {
    chosen: Arc<Mutex<Option<Box<dyn Guard>>>>,
}

impl Choice {
    /// From now on `guard` judges.
    pub(crate) fn set(&self, guard: Box<dyn Guard>) {
        *self.chosen() = Some(guard);
    }

    fn chosen(&self) -> MutexGuard<'_, Option<Box<dyn Guard>>> {
        self.chosen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Guard for Choice {
    fn looks_into(&mut self, at: Moment, action: &'static str) -> bool {
        self.chosen().as_mut().is_none_or(|guard| guard.looks_into(at, action))
    }

    fn judge(&mut self, at: Moment, unit: Unit, action: &Action) -> Judgement {
        match self.chosen().as_mut() {
            Some(guard) => guard.judge(at, unit, action),
            // Until then only the menu hears what is asked, and reaches nothing.
            None => Judgement::Ruled(Verdict::Allow),
        }
    }
}
