//! Examinations at work: on threads that may wait, a few at a time.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use wiretape_core::{Asking, Examiner, Finding, Inquiry, Unanswered};

use crate::hold::{Hold, Reader};
use crate::turn::Turn;

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
        asking: Box<dyn Asking + Send>,
    ) -> JoinHandle<Finding> {
        let turn = Turn::among(&self.places);
        let mut held: Reader = hold.reader(turn.clone());
        let mut asking = Patient { asking, turn };
        tokio::task::spawn_blocking(move || examiner.0.examine(&mut held, &mut asking))
    }
}

/// Asks, and lets others work until the answer is there: one target's slowness is not another's.
struct Patient {
    asking: Box<dyn Asking + Send>,
    turn: Turn,
}

impl Asking for Patient {
    fn ask(&mut self, inquiry: &Inquiry, hear: &mut dyn FnMut(&[u8]) -> bool) -> Result<(), Unanswered> {
        self.turn.pause();
        let answered = self.asking.ask(inquiry, hear);
        self.turn.resume();
        answered
    }
}

/// Asks nobody: the target is of a kind that cannot be asked.
pub(crate) struct Mute;

impl Asking for Mute {
    fn ask(&mut self, _inquiry: &Inquiry, _hear: &mut dyn FnMut(&[u8]) -> bool) -> Result<(), Unanswered> {
        Err(Unanswered("this target cannot be asked".to_owned()))
    }
}
