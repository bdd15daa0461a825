//! HTTP exchanges, read: what the fields of a head say, and what a body holds.
//!
//! What stands on a tape is what the peers said; here it is decoded for reading only. Everything is bounded, and nothing
//! that a peer said makes it fail: what cannot be read is shown as the bytes that it is.

pub mod body;
pub mod coding;
pub mod event_stream;
pub mod framed;
pub mod head;
pub mod layout;
pub mod protobuf;
pub mod url;
