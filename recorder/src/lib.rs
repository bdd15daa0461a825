//! Tapes: written, read, verified; and the catalogue of sessions.
//!
//! A [`Store`] takes events in through [`Recording`]s and writes one tape a session; an [`Archive`] finds tapes; a
//! [`Tape`] reads one; [`verify`] says whether one is what the recorder wrote. `docs/TAPE.md` specifies the file.
//!
//! **What is absent here, on purpose:** sockets, protocols, policy, wall clocks (the time comes with the events) and an
//! async runtime. The work happens on threads of the store's own; of tokio only the things to wait on are used.
#![warn(clippy::indexing_slicing)]

mod archive;
mod error;
pub mod limits;
mod recording;
mod row;
mod settings;
mod store;
mod tape;
mod verify;

pub use archive::Archive;
pub use error::{FindError, Lost, StoreError, TapeError};
pub use recording::{Recording, Summary};
pub use row::{Filter, Reindexed, SessionRow, SessionState};
pub use settings::{Durability, Settings};
pub use store::Store;
pub use tape::{Ending, Events, Header, Tape, Trailer};
pub use verify::{Report, Verdict, verify};
