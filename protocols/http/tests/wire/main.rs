//! The wire of exchanges from outside: its cases, and the laws that hold for any conversation.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "failing is how a test speaks")]

mod cases;
mod content;
mod conversation;
mod grammar;
mod laws;
mod limits;
mod noise;
mod parcels;
mod script;
mod secrets;
mod seeds;
mod stage;
mod vocabulary;
mod words;
