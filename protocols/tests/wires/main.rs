//! The wires of the table, held to their cases and to the six laws.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "failing is how a test speaks")]

mod cases;
mod hostility;
mod laws;
mod playbook;
mod refusals;
mod seeds;
mod speakers;
mod stage;
mod table;
