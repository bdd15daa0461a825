//! Conversations of Git, for reading: their words, what a pack holds, what a push changed.

mod cache;
pub(crate) mod conversation;
mod delta;
pub(crate) mod format;
pub(crate) mod pack;
mod packet;
pub(crate) mod spool;
pub(crate) mod words;
