//! The SFTP wire: file operations inside an SSH subsystem.
//!
//! It decodes version 3 as OpenSSH speaks it (`message`), joins requests, responses and handles (`state`,
//! `files`), and says what was done to files: which operations were asked and how they were answered, which runs of
//! bytes passed (`runs`), and a digest of each file that passed as a whole (`content`).
//!
//! **What is absent here, on purpose:** the raw bytes as events (the wire that carries this one records them), and any
//! rewriting: what was framed is what is sent on.
#![warn(clippy::indexing_slicing)]

mod command;
mod content;
mod event;
mod files;
mod limits;
mod message;
pub mod refuse;
mod runs;
mod state;
mod wire;

pub use command::is_server;
pub use wire::SftpWire;
