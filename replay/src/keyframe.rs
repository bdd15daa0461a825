//! Places in a session from which playing can be taken up.

use wiretape_core::Moment;

use crate::limits::{KEYFRAME_DISTANCE_BYTES, KEYFRAMES_KEPT_MAX};
use crate::screen::Frozen;
use crate::script::Script;
use crate::typed::Typed;

/// How far a stage has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Cues that were applied.
    pub cues: u64,
    /// The moment of the last one.
    pub at: Moment,
    /// The moment of the last event that was read.
    pub event_at: Moment,
    /// Events read that have this moment: so many are passed over when the events are read again from it.
    pub events_at: u64,
}

/// A stage at rest.
#[derive(Clone)]
pub struct Keyframe {
    /// How far it had come.
    pub progress: Progress,
    /// Its screen.
    pub screen: Frozen,
    /// What its script remembered.
    pub script: Script,
    /// What had been typed.
    pub typed: Typed,
}

/// The keyframes of a session, in order, as far as it was played or looked through.
#[derive(Default)]
pub struct Keyframes {
    kept: Vec<Keyframe>,
    /// By how much the distance between two has grown since the first ones.
    thinned: u32,
}

impl Keyframes {
    /// Whether one is due at `progress`, `bytes` of output after the last.
    #[must_use]
    pub fn is_due(&self, progress: &Progress, bytes: u64) -> bool {
        bytes >> self.thinned >= KEYFRAME_DISTANCE_BYTES
            && self.kept.last().is_none_or(|last| last.progress.cues < progress.cues)
    }

    /// Keeps one that was due.
    pub fn keep(&mut self, keyframe: Keyframe) {
        if self.kept.len() == KEYFRAMES_KEPT_MAX {
            let mut odd = false;
            self.kept.retain(|_| {
                odd = !odd;
                !odd
            });
            self.thinned += 1;
        }
        self.kept.push(keyframe);
    }

    /// The last one for which `reached` says that the goal lies no earlier.
    #[must_use]
    pub fn last(&self, reached: impl Fn(&Progress) -> bool) -> Option<&Keyframe> {
        let after = self.kept.partition_point(|keyframe| reached(&keyframe.progress));
        self.kept.get(after.checked_sub(1)?)
    }
}
