//! The end of the client's protocol: what it says comes out as plain messages.

pub(crate) mod admin;
pub(crate) mod http;
pub(crate) mod postgres;
pub(crate) mod ssh;
