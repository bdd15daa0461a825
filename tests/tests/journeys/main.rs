//! Journeys: the real clients, the real gateway, the real servers. One program, so that it is linked once.

mod exec;
mod files;
mod forward;
mod refused;
mod shell;
mod stage;
