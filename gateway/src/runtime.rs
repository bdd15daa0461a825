//! What runs the gateway's tasks.

use std::future::{Future, pending};
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::Context;
use tokio::runtime::{Builder, Handle};
use tokio::task::JoinHandle;

/// The runtime of the gateway: the library's work is short, so a thread a core is enough.
pub(crate) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Builder::new_multi_thread().enable_all().build().context("cannot start the runtime")
}

/// Threads that each serve connections by themselves.
///
/// A connection of HTTP says little at a time, and often: what it costs to hand tasks from thread to thread, and to wake
/// threads for them, would be more than the work itself. So a connection stays on the thread that it was given to.
pub(crate) struct Threads {
    handles: Vec<Handle>,
    next: AtomicUsize,
}

impl Threads {
    /// Starts a thread for each core.
    ///
    /// # Errors
    /// When the system gives none.
    pub(crate) fn start() -> anyhow::Result<Self> {
        let count = thread::available_parallelism().map_or(1, NonZero::get);
        let mut handles = Vec::with_capacity(count);
        for number in 0..count {
            let runtime = Builder::new_current_thread().enable_all().build().context("cannot start a runtime")?;
            handles.push(runtime.handle().clone());
            thread::Builder::new()
                .name(format!("connections-{number}"))
                .spawn(move || runtime.block_on(pending::<()>()))
                .context("cannot start a thread")?;
        }
        Ok(Self { handles, next: AtomicUsize::new(0) })
    }

    /// Runs `task` on one of the threads, the next in turn; `None` when there is none.
    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> Option<JoinHandle<T>> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let handle = self.handles.get(turn.checked_rem(self.handles.len())?)?;
        Some(handle.spawn(task))
    }
}
