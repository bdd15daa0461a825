//! The API of the gateway for its operators, auditors and approvers, and the commands that use it.
//!
//! The gateway stands behind [`office::Office`]: who somebody is and what they may do is decided there; what is asked and
//! answered over HTTP is decided here, and described by the OpenAPI document that the API serves.
//!
//! [`webhook`] tells others of new questions, and [`command`] is what people answer them with.
//!
//! **What is absent here, on purpose:** listeners, TLS, policies, files that are written. A connection comes in
//! as a stream; recordings are read through the recorder's archive.
#![warn(clippy::indexing_slicing)]

mod answers;
mod approvals;
mod certificates;
mod clock;
pub mod command;
mod desk;
pub mod document;
pub mod door;
mod events;
mod health;
pub mod limits;
pub mod metrics;
pub mod office;
mod policies;
mod problem;
mod revocations;
mod router;
mod sessions;
mod targets;
pub mod webhook;
