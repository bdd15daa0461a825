//! Who somebody is: a real issuer, the gateway, and unchanged clients.

mod beside;
mod clients;
mod device;
mod ended;
mod guesses;
mod login;
mod oauth;
mod revoked;
mod stage;
mod tokens;

use std::time::{SystemTime, UNIX_EPOCH};

/// Runs `work` to its end.
fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime can be made").block_on(work)
}

/// The wall clock, in seconds since 1970-01-01 UTC.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is set").as_secs()
}
