//! What an SSH connection's wire can be told.

use wiretape_core::NestedWires;
use wiretape_core::nest::NoNestedWires;

/// What becomes of a lane whose nested wire does not understand what the lane carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NestedFault {
    /// The bytes pass on undecoded, and the record says so. A lane on which something was refused, changed or still
    /// waits for an answer is closed all the same.
    #[default]
    PassOn,
    /// The lane is closed.
    Close,
}

/// How an [`SshWire`](crate::SshWire) behaves.
pub struct Options {
    /// The wires that lanes may carry.
    pub nested: Box<dyn NestedWires>,
    /// Whether what is typed at a terminal without echo is recorded by its length only.
    pub conceal: bool,
    /// What becomes of a lane that its nested wire does not understand.
    pub nested_fault: NestedFault,
}

impl Default for Options {
    fn default() -> Self {
        Self { nested: Box::new(NoNestedWires), conceal: true, nested_fault: NestedFault::default() }
    }
}
