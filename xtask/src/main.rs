//! Every chore of the project, in one place: `cargo xtask --help`.
//!
//! **What is absent here, on purpose:** logic of the product. A chore starts cargo and the programs that cargo builds,
//! and says how long each part took.

mod apt;
mod bench;
mod check;
mod fuzz;
mod git;
mod installation;
mod newer;
mod packages;
mod parts;
mod postgres;
mod sources;
mod test;
mod workspace;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The chores of the project", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Runs every test: units and laws first, then the journeys with real peers
    Test(test::Arguments),
    /// Measures, and prints the bars beside what was measured
    Bench(bench::Arguments),
    /// Fuzzes the decoders, the session line and the tape reader
    Fuzz(fuzz::Arguments),
    /// Format, clippy, documentation, floors and (where cargo-deny is there) dependencies
    Check,
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().chore {
        Chore::Test(arguments) => test::run(&arguments),
        Chore::Bench(arguments) => bench::run(&arguments),
        Chore::Fuzz(arguments) => fuzz::run(&arguments),
        Chore::Check => check::run(),
    }
}
