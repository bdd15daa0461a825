//! The git wire: what git says to a repository, understood, judged and recorded, over SSH and HTTP alike.
//!
//! A conversation is a command of SSH (`git-upload-pack '/x.git'`) or an exchange of HTTP (`POST …/git-upload-pack`);
//! [`conversation`] tells which, and [`GitWire`] follows it.
//!
//! **What is absent here, on purpose:** I/O, clocks, threads, and any writing of objects. A push is read where it is
//! held; what it lacks is asked for through [`wiretape_core::Asking`].
#![warn(clippy::indexing_slicing)]

mod advertised;
mod conversation;
mod direction;
mod event;
mod held;
pub mod lfs;
mod limits;
pub mod pack;
mod passing;
pub mod pkt_line;
mod push;
mod refuse;
mod report;
mod request;
mod response;
mod stage;
mod state;
mod wire;

pub use conversation::{Conversation, Part, conversation, may_read};
pub use lfs::LfsWire;
pub use wire::GitWire;

/// How a conversation is recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// What is kept of packs.
    pub packs: Packs,
}

/// What is kept of packs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Packs {
    /// Every byte.
    #[default]
    Whole,
    /// Size, digest, and for a push the list of objects.
    Listed,
}
