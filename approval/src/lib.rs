//! Questions that wait for people: who may answer them, how they end, and what an answer is good for.
//!
//! ```text
//!            ask ──► open ──┬─ answer (approve, enough of everybody) ──► approved ──► grant, where the scope says so
//!                           ├─ answer (refuse, one is enough) ─────────► refused
//!                           ├─ expire ─────────────────────────────────► expired
//!                           └─ withdraw, withdraw_session ─────────────► withdrawn
//! ```
//!
//! A question is bound to what was asked: one unit of one session, with all of its text. It ends once, and what ended
//! is kept for a while, so that people can read what became of it.
//!
//! **What is absent here, on purpose:** I/O, clocks, randomness, threads. Time comes in as nanoseconds since 1970-01-01
//! UTC, random bytes come in where a question needs a name, and who answers was recognised elsewhere.
#![warn(clippy::indexing_slicing)]

mod approvals;
mod asking;
mod grant;
pub mod limits;
mod name;
mod petition;
mod principal;

pub use approvals::{Approvals, Settings};
pub use asking::{Asking, TooMany};
pub use grant::Granted;
pub use petition::{Answer, Petition, Rejected, Settled, State};
pub use principal::{Answerer, Principal};
