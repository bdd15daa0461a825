//! wiretape: a layer-7 gateway that records sessions at the wire.
//!
//! A byte's way: `listen` takes the connection, `terminate` takes the client's protocol off, `line` feeds the session
//! and carries out what follows (record, then send), `dial` reaches the target.

mod admin;
mod admission;
mod antechamber;
mod authority;
mod cancel;
mod chance;
mod channel;
mod clock;
mod command;
mod config;
mod credentials;
mod demo;
mod dial;
mod examination;
mod exchange;
mod gateway;
mod guard;
mod hold;
mod host_keys;
mod identity;
mod line;
mod listen;
mod outlet;
mod patrol;
mod peer;
mod policy;
mod presence;
mod questions;
mod recognition;
mod relay;
mod runtime;
mod targets;
mod terminate;
mod tls;
mod transport;
mod turn;

use std::process::ExitCode;

fn main() -> ExitCode {
    match command::run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("wiretape: {}", wiretape_replay::legible::causes(&error));
            ExitCode::FAILURE
        }
    }
}
