//! The SSH wire from outside: its cases, and the laws that hold for any conversation.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cases;
mod conversation;
mod laws;
mod limits;
mod packets;
#[path = "../../../http/tests/wire/parcels.rs"]
mod parcels;
mod script;
mod stage;
mod vocabulary;
mod words;
