//! Whether: every wire under policies, with people who are asked, and clients that wait or leave.

mod council;
mod database;
mod shell;
