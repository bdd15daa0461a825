//! The stage on which journeys are played: the real gateway, real servers behind it and real clients before it, each in
//! folders and on ports of its own, so that tests run side by side.
//!
//! **What is absent here, on purpose:** doubles of anything, and sleeps that hope. What starts says when it is ready,
//! what runs has a deadline, and what is still there when a [`stage::Stage`] goes is ended by its process id.

pub mod authority;
pub mod configuration;
pub mod conversation;
pub mod database;
pub mod echo;
pub mod exchange;
pub mod forge;
pub mod gateway;
pub mod git;
pub mod haproxy;
pub mod issuer;
pub mod keys;
pub mod moto;
pub mod nginx;
pub mod pgbouncer;
pub mod pkt;
pub mod ports;
pub mod postgres;
pub mod processes;
pub mod program;
pub mod random;
pub mod record;
pub mod relay;
pub mod repository;
pub mod secrets;
pub mod sshd;
pub mod stage;
pub mod talk;
pub mod tap;
pub mod terminal;
pub mod token_service;
pub mod vault;
pub mod wakefulness;
pub mod web;
pub mod workshop;
