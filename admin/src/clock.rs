//! The one clock of the API's sender and commands.

use std::time::{SystemTime, UNIX_EPOCH};

/// The wall clock, in nanoseconds since 1970-01-01 UTC.
pub(crate) fn unix_nanos() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
