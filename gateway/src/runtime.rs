//! What runs the gateway's tasks.

use anyhow::Context;

/// The runtime of the gateway: the library's work is short, so a thread a core is enough.
pub(crate) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start the runtime")
}
