//! The clocks: the only place where this crate asks what time it is.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The least time before a deadline at which sleeping ends and watching the clock begins.
const AHEAD_MIN: Duration = Duration::from_micros(200);

/// The most. A virtual machine may take a millisecond to wake a processor that it had put to rest.
const AHEAD_MAX: Duration = Duration::from_millis(3);

/// What is begun with, until it is known how late this machine wakes a thread.
const AHEAD_FIRST: Duration = Duration::from_millis(2);

/// One part in so many is given up at each punctual wake-up.
const RELAXATION: u32 = 512;

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

/// When to stop sleeping and to watch the clock: sooner on a machine that wakes a thread late.
#[derive(Debug)]
pub struct Watch {
    ahead: Duration,
}

impl Default for Watch {
    /// Knows nothing of the machine yet.
    fn default() -> Self {
        Self { ahead: AHEAD_FIRST }
    }
}

impl Watch {
    /// When the watch for `deadline` begins.
    #[must_use]
    pub fn begins(&self, deadline: Instant) -> Instant {
        deadline.checked_sub(self.ahead).unwrap_or(deadline)
    }

    /// A sleep ended this much too late: half as much again is allowed for, from now on.
    pub fn woke(&mut self, late: Duration) {
        let relaxed = self.ahead - self.ahead / RELAXATION;
        self.ahead = relaxed.max(late + late / 2).clamp(AHEAD_MIN, AHEAD_MAX);
    }

    /// Waits for `deadline`: sleeps until shortly before, then watches the clock.
    ///
    /// The deadline is absolute: whatever one wait is late by, the next one does not inherit.
    pub fn wait_until(&mut self, deadline: Instant) {
        let begins = self.begins(deadline);
        let left = begins.saturating_duration_since(now());
        if left > Duration::ZERO {
            std::thread::sleep(left);
            self.woke(now().saturating_duration_since(begins));
        }
        watch_until(deadline);
    }
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

/// Keeps the processors from the sleep out of which they wake late, for as long as it lives, where the system grants it.
///
/// On Linux this is a request to the power management's quality of service (`/dev/cpu_dma_latency`), which usually only
/// a privileged user may make. A processor that does not rest uses power: it is to be let go when nothing plays.
#[derive(Debug)]
pub struct Wakefulness {
    _request: Option<std::fs::File>,
}

impl Wakefulness {
    /// Asks for it. What the system does not grant is done without.
    #[must_use]
    pub fn ask() -> Self {
        #[cfg(target_os = "linux")]
        {
            use std::io::Write;
            // The longest wake-up that is accepted, in microseconds, as the kernel's own integer.
            let request = std::fs::OpenOptions::new().write(true).open("/dev/cpu_dma_latency").ok();
            let granted = request.and_then(|mut file| file.write_all(&0_i32.to_ne_bytes()).ok().map(|()| file));
            Self { _request: granted }
        }
        #[cfg(not(target_os = "linux"))]
        Self { _request: None }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{AHEAD_MAX, AHEAD_MIN, Watch, now};

    #[test]
    fn a_late_wake_up_makes_the_watch_begin_sooner_and_punctual_ones_later_again() {
        let mut watch = Watch::default();
        let due = now() + Duration::from_secs(60);
        watch.woke(Duration::from_millis(4));
        assert_eq!(due - watch.begins(due), AHEAD_MAX);
        watch.woke(Duration::ZERO);
        assert!(due - watch.begins(due) < AHEAD_MAX);
        for _ in 0..10_000 {
            watch.woke(Duration::ZERO);
        }
        assert_eq!(due - watch.begins(due), AHEAD_MIN);
    }
}
