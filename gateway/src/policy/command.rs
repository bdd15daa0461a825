//! `wiretape policy`: what policies would say, and what they would have said.

use std::path::Path;
use std::process::ExitCode;

use clap::Subcommand;

use super::{replay, trial};
use crate::targets;

/// Questions to policies.
#[derive(Subcommand)]
pub(crate) enum PolicyCommand {
    /// Say whether somebody may do something, and by which rules: exit code 0 allows, 1 refuses, 2 asks people.
    Test(Box<trial::TestArgs>),
    /// Say what policies would have decided otherwise about recorded sessions: exit code 0 for nothing, else 2.
    Replay(replay::ReplayArgs),
}

impl PolicyCommand {
    /// Answers with the configuration at `path`, where there is one.
    pub(crate) fn run(&self, path: Option<&Path>, data_dir: Option<&Path>) -> anyhow::Result<ExitCode> {
        let config = path.map(|path| targets::read(path, data_dir)).transpose()?;
        match self {
            Self::Test(args) => trial::run(args, config.as_ref()),
            Self::Replay(args) => {
                let folder =
                    data_dir.map(Path::to_owned).or_else(|| config.as_ref().map(|config| config.data_dir.clone()));
                replay::run(args, config.as_ref(), &folder.unwrap_or_else(|| crate::demo::DATA_DIR.into()))
            }
        }
    }
}
