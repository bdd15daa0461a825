//! The PostgreSQL frontend/backend protocol, version 3.
#![warn(clippy::indexing_slicing)]

pub mod startup;
