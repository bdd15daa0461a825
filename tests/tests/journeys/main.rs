//! Journeys: the real clients, the real gateway, the real servers. One program, so that it is linked once.

mod bulk;
mod command;
mod credential;
mod exec;
mod files;
mod forward;
mod peers;
mod refused;
mod shell;
mod stage;
