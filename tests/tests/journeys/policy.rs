//! Whether: every wire under policies, with people who are asked, and clients that wait or leave.

mod copies;
mod council;
mod database;
mod expired;
mod files;
mod menu;
mod postponed;
mod reload;
mod repositories;
mod retold;
mod shell;
mod trials;
mod visits;
mod web;
