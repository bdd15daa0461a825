//! The clocks: the only place where this crate asks what time it is.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long before a deadline sleeping ends and watching the clock begins. Longer than a wake-up takes, nearly always.
pub const WATCH: Duration = Duration::from_micros(200);

/// The niceness that is asked for: a busy machine should rather be late with its other work.
#[cfg(target_os = "linux")]
const NICENESS: i32 = -15;

/// Now, on the monotonic clock.
#[must_use]
#[allow(clippy::disallowed_methods, reason = "this is the clock")]
pub fn now() -> Instant {
    Instant::now()
}

/// Now, in nanoseconds since 1970-01-01 UTC.
#[must_use]
#[allow(clippy::disallowed_methods, reason = "this is the clock")]
pub fn wall_nanos() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// Waits for `deadline`: sleeps until shortly before, then watches the clock.
///
/// The deadline is absolute: whatever one wait is late by, the next one does not inherit.
pub fn wait_until(deadline: Instant) {
    loop {
        let left = deadline.saturating_duration_since(now());
        if left <= WATCH {
            break;
        }
        std::thread::sleep(left - WATCH);
    }
    watch_until(deadline);
}

/// Watches the clock until `deadline`; only for the last moments before it.
pub fn watch_until(deadline: Instant) {
    while now() < deadline {
        std::hint::spin_loop();
    }
}

/// Asks the system to wake this thread punctually. What it does not grant is done without.
pub fn be_punctual() {
    #[cfg(target_os = "linux")]
    {
        // The kernel may put off a wake-up by the slack, usually 50 µs, to join it with others.
        let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1));
        // On Linux this is the priority of the calling thread; only a privileged user may raise it.
        let _ = rustix::process::setpriority_process(None, NICENESS);
    }
}
