//! Journeys: the real clients, the real gateway, the real servers. One program, so that it is linked once.

mod admin;
mod bulk;
mod clients;
mod command;
mod crash;
mod credential;
mod demo;
mod exec;
mod files;
mod forward;
mod git;
mod http;
mod identity;
mod peers;
mod policy;
mod postgres;
mod reading;
mod refused;
mod secrets;
mod shell;
mod stage;
