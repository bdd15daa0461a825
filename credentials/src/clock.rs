//! The only place of this crate that reads a clock.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::limits::MARGIN_TIME_MAX;

/// What a clock shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Since the clock was made; never goes back.
    pub elapsed: Duration,
    /// The wall clock, in seconds since 1970-01-01 UTC.
    pub unix: u64,
}

/// A clock.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Now + Send + Sync>);

impl Clock {
    /// The clock of this machine.
    #[must_use]
    pub fn system() -> Self {
        let started = Instant::now();
        Self::by(move || Now {
            elapsed: started.elapsed(),
            unix: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs(),
        })
    }

    /// A clock that shows what `show` says.
    #[must_use]
    pub fn by(show: impl Fn() -> Now + Send + Sync + 'static) -> Self {
        Self(Arc::new(show))
    }

    /// What it shows.
    #[must_use]
    pub fn now(&self) -> Now {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// Until when something holds, by both clocks: one that is set back, or a machine that slept, lets nothing live longer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Until(Now);

impl Until {
    /// `time` from `now` on.
    pub(crate) fn after(now: Now, time: Duration) -> Self {
        let unix = now.unix.saturating_add(time.as_secs()).saturating_add(u64::from(time.subsec_nanos() > 0));
        Self(Now { elapsed: now.elapsed.saturating_add(time), unix })
    }

    /// What is left of it.
    pub(crate) fn left(self, now: Now) -> Duration {
        let wall = Duration::from_secs(self.0.unix.saturating_sub(now.unix));
        self.0.elapsed.saturating_sub(now.elapsed).min(wall)
    }

    /// Whether it still holds.
    pub(crate) fn holds(self, now: Now) -> bool {
        !self.left(now).is_zero()
    }
}

/// How long something that lives for `life` is used: until shortly before its end.
pub(crate) fn before_end(life: Duration) -> Duration {
    life.saturating_sub(MARGIN_TIME_MAX.min(life / 4))
}
