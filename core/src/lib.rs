//! The words of wiretape, and the line that every byte travels.
//!
//! **What is absent here, on purpose:** I/O, clocks, threads, async, serde, configuration. Time comes in as a
//! [`Moment`], bytes come in as [`bytes::Bytes`], and every effect goes out as a value. The floor test keeps the
//! dependencies of this crate to `bytes` and `thiserror`.
//!
//! Start with [`wire`] (what a protocol is), then [`session`] (the line that drives one), then [`event`] (what is
//! recorded).
#![warn(clippy::indexing_slicing)]

pub mod concealment;
pub mod decided;
pub mod event;
pub mod examination;
pub mod fault;
pub mod judge;
pub mod lane;
pub mod limits;
pub mod moment;
pub mod nest;
pub mod session;
pub mod session_id;
pub mod side;
pub mod wire;

pub use concealment::Concealment;
pub use decided::Decided;
pub use event::{Event, Kind};
pub use examination::{Asking, Examination, Examiner, Finding, Held, Inquiry, Lost, Unanswered};
pub use fault::Fault;
pub use judge::{Action, Approvers, Guard, Judgement, Question, Reason, Verdict};
pub use lane::Lane;
pub use moment::Moment;
pub use nest::{ByteWire, Carrier, NestedWires};
pub use session::{Effect, Input, Session};
pub use session_id::SessionId;
pub use side::Side;
pub use wire::{Step, Unit, Wire};
