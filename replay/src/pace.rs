//! How recorded time becomes time now.

use std::time::{Duration, Instant};

use wiretape_core::Moment;

/// Maps the moments of a session to deadlines, at a speed and with a limit on pauses.
///
/// Deadlines are counted from one start, never from the deadline before, so that rounding and lateness do not add up.
#[derive(Clone, Debug)]
pub struct Pace {
    speed: f64,
    pause_max: Option<Duration>,
    /// When it was started or started anew, and where in the session that was.
    origin: Instant,
    /// Recorded time that was played since, without what pauses were cut by, in nanoseconds.
    played: u64,
    /// Up to where in the session that reaches.
    reached: Moment,
}

impl Pace {
    /// Starts at `reached` in the session, `now`.
    #[must_use]
    pub fn new(speed: f64, pause_max: Option<Duration>, now: Instant, reached: Moment) -> Self {
        Self { speed, pause_max, origin: now, played: 0, reached }
    }

    /// When what happened at `next` is due.
    #[must_use]
    pub fn deadline(&self, next: Moment) -> Instant {
        self.origin + self.scaled(self.played.saturating_add(self.pause(next)))
    }

    /// What happened at `moment` was played.
    pub fn reach(&mut self, moment: Moment) {
        self.played = self.played.saturating_add(self.pause(moment));
        self.reached = self.reached.max(moment);
    }

    /// Where in the session `now` is, when `next` is the next thing that happens.
    #[must_use]
    pub fn position(&self, now: Instant, next: Moment) -> Moment {
        let real = now.saturating_duration_since(self.origin).as_secs_f64() * self.speed;
        let since = Duration::try_from_secs_f64(real).unwrap_or(Duration::MAX);
        let ahead = since.saturating_sub(Duration::from_nanos(self.played));
        self.reached.plus(ahead.min(Duration::from_nanos(self.pause(next))))
    }

    /// Goes on from `reached`, from `now` on.
    pub fn restart(&mut self, now: Instant, reached: Moment) {
        self.origin = now;
        self.played = 0;
        self.reached = reached;
    }

    /// The speed.
    #[must_use]
    pub fn speed(&self) -> f64 {
        self.speed
    }

    /// Another speed, from `now` on, at `reached`.
    pub fn set_speed(&mut self, speed: f64, now: Instant, reached: Moment) {
        self.speed = speed;
        self.restart(now, reached);
    }

    fn pause(&self, next: Moment) -> u64 {
        let pause = next.since(self.reached);
        let pause = self.pause_max.map_or(pause, |most| pause.min(most));
        u64::try_from(pause.as_nanos()).unwrap_or(u64::MAX)
    }

    fn scaled(&self, nanos: u64) -> Duration {
        /// A century: later than that is as good as never, and an `Instant` still holds it.
        const NEVER: Duration = Duration::from_secs(100 * 365 * 86_400);
        if self.speed == 1.0 {
            return Duration::from_nanos(nanos).min(NEVER);
        }
        Duration::try_from_secs_f64(nanos as f64 / 1e9 / self.speed).unwrap_or(NEVER).min(NEVER)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use wiretape_core::Moment;

    use super::Pace;
    use crate::clock;

    fn at(millis: u64) -> Moment {
        Moment::from_nanos(millis * 1_000_000)
    }

    #[test]
    fn deadlines_are_counted_from_the_start() {
        let start = clock::now();
        let mut pace = Pace::new(1.0, None, start, at(100));
        for millis in [101, 150, 3_000, 3_000, 86_400_000] {
            assert_eq!(pace.deadline(at(millis)) - start, Duration::from_millis(millis - 100));
            pace.reach(at(millis));
        }
    }

    #[test]
    fn a_pause_is_cut_to_the_limit_and_what_follows_moves_up() {
        let start = clock::now();
        let mut pace = Pace::new(1.0, Some(Duration::from_millis(500)), start, at(0));
        pace.reach(at(100));
        assert_eq!(pace.deadline(at(60_100)) - start, Duration::from_millis(600));
        pace.reach(at(60_100));
        assert_eq!(pace.deadline(at(60_300)) - start, Duration::from_millis(800));
    }

    #[test]
    fn twice_as_fast_takes_half_as_long() {
        let start = clock::now();
        let mut pace = Pace::new(2.0, None, start, at(0));
        assert_eq!(pace.deadline(at(3_000)) - start, Duration::from_millis(1_500));
        pace.reach(at(3_000));
        let later = start + Duration::from_millis(1_700);
        assert_eq!(pace.position(later, at(9_000)), at(3_400));
        pace.set_speed(1.0, later, at(3_400));
        assert_eq!(pace.deadline(at(4_400)) - later, Duration::from_millis(1_000));
    }

    #[test]
    fn the_position_never_runs_past_what_comes_next() {
        let start = clock::now();
        let pace = Pace::new(1.0, Some(Duration::from_millis(500)), start, at(0));
        let later = start + Duration::from_secs(10);
        assert_eq!(pace.position(later, at(200)), at(200));
        assert_eq!(pace.position(later, at(60_000)), at(500));
        assert_eq!(pace.position(start, at(60_000)), at(0));
    }

    #[test]
    fn the_end_of_time_is_no_problem() {
        let start = clock::now();
        let mut pace = Pace::new(0.01, None, start, at(0));
        let end = Moment::from_nanos(u64::MAX);
        assert!(pace.deadline(end) > start);
        pace.reach(end);
        assert!(pace.deadline(end) > start);
        assert_eq!(pace.position(start, end), end);
    }
}
