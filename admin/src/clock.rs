//! The clocks of the API: what time it is, and how long something takes.

use std::time::{SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// The wall clock, in nanoseconds since 1970-01-01 UTC.
pub(crate) fn unix_nanos() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// A moment that others are measured from.
pub(crate) fn moment() -> Instant {
    Instant::now()
}
