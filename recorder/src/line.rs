//! A line of work: threads wait at its head until something comes or it closes.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, PoisonError};

use crate::locked::locked;

/// Its owners see to it that nothing stands on it twice, so that it is no longer than there are things.
pub(crate) struct Line<T> {
    inner: Mutex<Inner<T>>,
    came: Condvar,
}

struct Inner<T> {
    waiting: VecDeque<T>,
    closed: bool,
}

impl<T> Line<T> {
    pub(crate) fn new() -> Self {
        Self { inner: Mutex::new(Inner { waiting: VecDeque::new(), closed: false }), came: Condvar::new() }
    }

    pub(crate) fn push(&self, item: T) {
        locked(&self.inner).waiting.push_back(item);
        self.came.notify_one();
    }

    /// The next item; `None` once the line is closed and empty.
    pub(crate) fn pop(&self) -> Option<T> {
        let mut inner = locked(&self.inner);
        loop {
            if let Some(item) = inner.waiting.pop_front() {
                return Some(item);
            }
            if inner.closed {
                return None;
            }
            inner = self.came.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Lets those who wait go once everything is taken.
    pub(crate) fn close(&self) {
        locked(&self.inner).closed = true;
        self.came.notify_all();
    }
}
