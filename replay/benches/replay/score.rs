//! What is played, and how far a playing is from it.

use std::time::Duration;

use anyhow::ensure;

/// Outputs and when they are due.
pub(crate) struct Score {
    times: Vec<Duration>,
}

/// How far a playing was from the score.
pub(crate) struct Error {
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) max_us: f64,
    pub(crate) drift_ms: f64,
}

impl Score {
    /// `outputs` outputs, 1 to 40 ms apart; the same ones every time.
    pub(crate) fn new(outputs: usize) -> Self {
        // Knuth's MMIX generator: all that is asked of it is to be the same everywhere.
        let mut state: u64 = 20_261_122;
        let mut at = Duration::from_millis(100);
        let times = (0..outputs).map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            at += Duration::from_micros(1_000 + (state >> 33) % 39_000);
            at
        });
        Self { times: times.collect() }
    }

    pub(crate) fn outputs(&self) -> usize {
        self.times.len()
    }

    pub(crate) fn length(&self) -> Duration {
        self.times.last().copied().unwrap_or_default()
    }

    /// Each output and when it is due.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Duration, String)> {
        self.times.iter().enumerate().map(|(number, at)| (*at, format!("output {number:>6} of the session\r\n")))
    }

    /// Compares arrivals with the score: interval by interval, and the last one with the first.
    pub(crate) fn error(&self, arrivals: &[Duration]) -> anyhow::Result<Error> {
        ensure!(
            arrivals.len() == self.times.len(),
            "{} outputs were played instead of {}",
            arrivals.len(),
            self.times.len()
        );
        let signed = |played: Duration, due: Duration| (played.as_secs_f64() - due.as_secs_f64()) * 1e6;
        let mut errors: Vec<f64> = arrivals
            .windows(2)
            .zip(self.times.windows(2))
            .filter_map(|(played, due)| match (played, due) {
                ([p0, p1], [d0, d1]) => Some(signed(p1.saturating_sub(*p0), *d1 - *d0).abs()),
                _ => None,
            })
            .collect();
        errors.sort_by(f64::total_cmp);
        let rank = |part: f64| errors.get((errors.len() as f64 * part) as usize).or(errors.last()).copied();
        let drift = match (arrivals, self.times.as_slice()) {
            ([first, .., last], [due_first, .., due_last]) => {
                signed(last.saturating_sub(*first), *due_last - *due_first) / 1000.0
            }
            _ => 0.0,
        };
        Ok(Error {
            p50_us: rank(0.5).unwrap_or_default(),
            p99_us: rank(0.99).unwrap_or_default(),
            max_us: errors.last().copied().unwrap_or_default(),
            drift_ms: drift,
        })
    }
}

impl Error {
    /// Figure by figure, the median of several playings; `None` of none.
    pub(crate) fn median(playings: &[Self]) -> Option<Self> {
        let median = |figure: fn(&Self) -> f64| {
            let mut figures: Vec<f64> = playings.iter().map(figure).collect();
            figures.sort_by(f64::total_cmp);
            figures.get(figures.len() / 2).copied()
        };
        Some(Self {
            p50_us: median(|error| error.p50_us)?,
            p99_us: median(|error| error.p99_us)?,
            max_us: median(|error| error.max_us)?,
            drift_ms: median(|error| error.drift_ms)?,
        })
    }
}
