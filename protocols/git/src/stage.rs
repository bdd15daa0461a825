//! Where a push stands.

use wiretape_core::Unit;

/// Where a push stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Its list is not all there.
    List,
    /// Its pack is being read.
    Examined(Unit),
    /// It is understood, and waits for its judgement.
    Judged(Unit),
    /// It went.
    Released,
    /// It cannot be read, or is too large; what follows is swallowed.
    Refused,
}
