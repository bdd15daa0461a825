//! The API in front of an office in memory, asked by a real client.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "failing is how a test speaks")]

mod approvals;
mod desk;
mod document;
mod office;
mod recordings;
mod targets;
mod webhook;
mod who;
