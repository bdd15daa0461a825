//! The only place that reads a clock: how long a store has been open. Events bring their own moments.

use std::time::{Duration, Instant};

/// The time since it was started.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch {
    started: Instant,
}

impl Stopwatch {
    /// A stopwatch that starts now.
    pub(crate) fn start() -> Self {
        Self { started: Instant::now() }
    }

    /// The time since its start.
    pub(crate) fn elapsed(self) -> Duration {
        self.started.elapsed()
    }
}
