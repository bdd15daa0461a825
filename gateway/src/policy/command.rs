//! `wiretape policy`: what policies would say, and what they would have said.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use wiretape_policy::Policies;

use super::{replay, sources, trial};
use crate::config::{Config, Target};
use crate::targets;

/// The exit code of what is allowed, or as before.
pub(super) const ALLOWED: u8 = 0;

/// The exit code of what is refused.
pub(super) const REFUSED: u8 = 1;

/// The exit code of what people are asked about, or decided otherwise than before.
pub(super) const ASKED: u8 = 2;

/// Questions to policies.
#[derive(Subcommand)]
pub(crate) enum PolicyCommand {
    /// Say whether somebody may do something, and by which rules: exit code 0 allows, 1 refuses, 2 asks people.
    Test(Box<trial::TestArgs>),
    /// Say what policies would have decided otherwise about recorded sessions: exit code 0 for nothing, else 2.
    Replay(replay::ReplayArgs),
}

/// The policies to ask.
#[derive(Args, Clone, Debug)]
pub(crate) struct PoliciesArgs {
    /// A folder of policies; else that of the configuration
    #[arg(long, value_name = "FOLDER")]
    pub(super) policies: Option<PathBuf>,
}

impl PolicyCommand {
    /// Answers with the configuration at `path`, where there is one.
    pub(crate) fn run(&self, path: &Path, data_dir: Option<&Path>) -> anyhow::Result<ExitCode> {
        let config = if path.exists() { Some(targets::read(path, data_dir)?) } else { None };
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

impl PoliciesArgs {
    /// The policies that were named, else those of the configuration, else the gateway's own.
    pub(super) fn compile(&self, config: Option<&Config>) -> anyhow::Result<Policies> {
        let folder = self.policies.as_ref().or_else(|| config.and_then(|config| config.policies.as_ref()));
        let sources = folder.map(|folder| sources(folder)).transpose()?;
        let targets: Vec<_> = config.iter().flat_map(|config| config.targets.values().map(Target::facts)).collect();
        let policies = Policies::compile(sources.as_deref(), &targets)
            .map_err(|faults| anyhow::anyhow!("{faults}"))
            .context("the policies are of no use")?;
        for warning in policies.warnings() {
            eprintln!("note: {warning}");
        }
        Ok(policies)
    }
}

/// A text of somebody else's for a terminal: one line, without anything that moves a cursor.
pub(super) fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(TEXT_CHARS_MAX).map(|c| if c.is_control() { '·' } else { c }).collect();
    if text.chars().nth(TEXT_CHARS_MAX).is_some() {
        shown.push('…');
    }
    shown
}

/// Characters of a command or a query that are shown.
const TEXT_CHARS_MAX: usize = 120;
