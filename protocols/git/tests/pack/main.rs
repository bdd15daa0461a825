//! Pushes as real git makes them, understood, and compared with what real git says of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "failing is how a test speaks")]

mod generated;
mod oracle;
mod repository;

mod hostile;
mod lines;
mod updates;
