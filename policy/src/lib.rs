//! What may pass, as Cedar policies say: compiled, sliced for each session, and asked.
//!
//! **What is absent here, on purpose:** I/O, files, clocks, threads, async. Policies come in as text, the time comes in
//! as nanoseconds since 1970, and what is decided goes out as a value.
//!
//! [`Policies::compile`] checks policies against the schema that is shipped with this crate. [`Policies::session`] keeps
//! of them what can matter to one principal and one target. [`Bench::decide`] asks what remains about one action: it
//! says as much of the action as the remaining policies look at (SQL and shell lines are read only then).
//!
//! What cannot be understood is left out of what the policies are told. Cedar reports a policy that looks at what is
//! not there as failed, and a failed policy never helps to let something pass: a failed `permit` permits nothing, a
//! failed `forbid` forbids, and a failed `permit` that wants an approval refuses.
#![warn(clippy::indexing_slicing)]

mod action;
mod bench;
mod case;
mod circumstances;
mod compile;
mod context;
mod decided;
mod faults;
mod limits;
mod moment;
mod objection;
mod path;
mod policies;
mod resource;
mod rule;
mod scope;
mod shell;
mod slice;
mod sql;
mod url;

pub use action::{office_actions, session_actions};
pub use bench::Bench;
pub use circumstances::{Circumstances, Source, Subject, TargetFacts};
pub use faults::{Fault, Faults};
pub use objection::check_refusal;
pub use policies::Policies;
pub use shell::CommandLine;
pub use sql::{Part, Sql, Table};

/// The schema that policies are written against, in Cedar's own language.
pub const SCHEMA: &str = include_str!("schema.cedarschema");

/// The policies that hold where nobody wrote any.
pub const DEFAULT: &str = include_str!("default.cedar");
