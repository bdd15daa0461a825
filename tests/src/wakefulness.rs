//! Processors that are kept awake while something short is measured.

use std::fs::{File, OpenOptions};
use std::io::Write;

/// Keeps the processors from falling asleep as long as the file is open, by the kernel's `/dev/cpu_dma_latency`: a virtual
/// machine takes up to some hundred microseconds to wake one, which would be much of what a request takes. Where the
/// kernel does not allow that, it is said, and what is measured is measured so.
pub fn keep() -> Option<File> {
    let opened = OpenOptions::new().write(true).open("/dev/cpu_dma_latency");
    let asked = opened.and_then(|mut file| file.write_all(&0_i32.to_ne_bytes()).map(|()| file));
    asked
        .inspect_err(|error| println!("the processors may fall asleep between requests: /dev/cpu_dma_latency: {error}"))
        .ok()
}
