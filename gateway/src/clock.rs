//! The only place that reads a clock.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use wiretape_core::Moment;

/// The clock of one session: monotonic, started when the client connected.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SessionClock {
    started: Instant,
    opened_unix_nanos: u64,
}

impl SessionClock {
    /// A clock that starts now.
    pub(crate) fn start() -> Self {
        Self { started: Instant::now(), opened_unix_nanos: unix_nanos() }
    }

    /// The time since the session opened.
    pub(crate) fn now(&self) -> Moment {
        Moment::START.plus(self.started.elapsed())
    }

    /// The wall clock at moment 0, in nanoseconds since 1970-01-01 UTC.
    pub(crate) fn opened_unix_nanos(&self) -> u64 {
        self.opened_unix_nanos
    }
}

/// The wall clock, in nanoseconds since 1970-01-01 UTC; 0 for a clock set before that.
pub(crate) fn unix_nanos() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// The wall clock, in whole seconds since 1970-01-01 UTC.
pub(crate) fn unix_seconds() -> u64 {
    unix_nanos() / 1_000_000_000
}

/// The instant that is `time` from now, for timers.
pub(crate) fn after(time: Duration) -> tokio::time::Instant {
    tokio::time::Instant::now() + time
}
