//! Conversations of Git, for reading: their words, what a pack holds, what a push changed.

mod cache;
pub(crate) mod conversation;
pub(crate) mod date;
mod delta;
pub(crate) mod diff;
pub(crate) mod format;
pub(crate) mod library;
pub(crate) mod pack;
mod packet;
pub(crate) mod patch;
pub(crate) mod spool;
pub(crate) mod stat;
pub(crate) mod words;
