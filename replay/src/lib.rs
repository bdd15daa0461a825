//! What was recorded, shown again: players, timelines, renderings.
//!
//! **What is absent here, on purpose:** sockets, async, anything that writes to a tape. Events come from the
//! recorder's tapes and go to a terminal, a pipe or a file.
#![warn(clippy::indexing_slicing)]

mod calendar;
pub mod chooser;
pub mod clock;
pub mod command;
pub mod console;
pub mod database;
pub mod describe;
pub mod exchange;
pub mod export;
pub mod json;
pub mod keyboard;
pub mod keyframe;
pub mod legible;
pub mod limits;
pub mod lookahead;
pub mod needle;
pub mod outline;
pub mod pace;
pub mod painter;
pub mod pipe;
pub mod player;
pub mod repository;
pub mod screen;
pub mod script;
pub mod source;
pub mod stage;
pub mod svg;
pub mod table;
pub mod timecode;
pub mod timeline;
pub mod transcript;
pub mod typed;
pub mod utf8;
pub mod verdict;
pub mod view;
pub mod wallclock;
