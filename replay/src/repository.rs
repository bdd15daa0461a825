//! Conversations of Git, for reading: their words, what a pack holds, what a push changed.

pub(crate) mod words;
