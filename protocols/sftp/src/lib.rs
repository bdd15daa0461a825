//! The SFTP wire: file operations inside an SSH subsystem.
//!
//! **What is absent here, on purpose:** the raw bytes of the stream as events (the wire that carries this one records
//! them), I/O, and any rewriting: what was framed is what is sent on.

mod limits;
mod message;
mod wire;

pub use wire::SftpWire;
