//! Whether: every wire under policies, with people who are asked, and clients that wait or leave.

mod council;
mod database;
mod expired;
mod files;
mod repositories;
mod shell;
mod web;
