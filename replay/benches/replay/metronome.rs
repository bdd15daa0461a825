//! The most punctual player there can be: it never sleeps. What it is late by, the machine took.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;

/// Writes one output at each of the times in the file, which are nanoseconds, one a line.
pub(crate) fn play(times: &Path) -> anyhow::Result<()> {
    let times = fs::read_to_string(times)?;
    let times: Vec<u64> =
        times.lines().map(|line| line.parse().context("a time is no number")).collect::<Result<_, _>>()?;
    let mut output = std::io::stdout().lock();
    let start = Instant::now();
    for time in times {
        let due = start + Duration::from_nanos(time);
        while Instant::now() < due {
            std::hint::spin_loop();
        }
        output.write_all(b"tick\r\n")?;
        output.flush()?;
    }
    Ok(())
}
