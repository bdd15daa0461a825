//! Tapes: written, read, verified; and the catalogue of sessions.
//!
//! A [`Store`] takes events in through [`Recording`]s and writes one tape a session; an [`Archive`] finds tapes; a
//! [`Tape`] reads one; [`verify`] says whether one is what the recorder wrote. `docs/TAPE.md` specifies the file.
//!
//! **What is absent here, on purpose:** sockets, protocols, policy, wall clocks (the time comes with the events) and an
//! async runtime. The work happens on threads of the store's own; of tokio only the things to wait on are used.
#![warn(clippy::indexing_slicing)]

mod archive;
mod budget;
mod catalogue;
mod chunks;
mod clock;
mod contexts;
mod cost;
mod day;
mod deck;
mod encoder;
mod error;
mod format;
mod ledger;
pub mod limits;
mod line;
mod liveness;
mod locked;
mod recording;
mod reel;
mod row;
mod settings;
mod store;
mod summary;
mod survey;
mod syncer;
mod table;
mod tape;
mod ticker;
mod torn;
mod unpack;
mod verify;
mod writer;

pub use archive::Archive;
pub use error::{FindError, Lost, StoreError, TapeError};
pub use format::header::Header;
pub use format::trailer::Trailer;
pub use recording::Recording;
pub use row::{Filter, Reindexed, SessionRow, SessionState};
pub use settings::{Durability, Settings};
pub use store::{Gauges, Store};
pub use summary::Summary;
pub use tape::{Ending, Events, Tape};
pub use verify::{Report, Verdict, verify};
