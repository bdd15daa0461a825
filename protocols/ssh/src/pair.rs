//! One thing for each side.

use wiretape_core::Side;

/// One `T` for each side of the gateway.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pair<T> {
    client: T,
    upstream: T,
}

impl<T> Pair<T> {
    pub(crate) fn of(&self, side: Side) -> &T {
        match side {
            Side::Client => &self.client,
            Side::Upstream => &self.upstream,
        }
    }

    pub(crate) fn of_mut(&mut self, side: Side) -> &mut T {
        match side {
            Side::Client => &mut self.client,
            Side::Upstream => &mut self.upstream,
        }
    }
}
