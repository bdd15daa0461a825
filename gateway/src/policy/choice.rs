//! Which policies a command asks, and how it says what they answered.

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;
use wiretape_policy::Policies;

use super::sources;
use crate::config::{Config, Target};

/// The exit code of what is allowed, or as before.
pub(super) const ALLOWED: u8 = 0;

/// The exit code of what is refused.
pub(super) const REFUSED: u8 = 1;

/// The exit code of what people are asked about, or decided otherwise than before.
pub(super) const ASKED: u8 = 2;

/// The policies to ask.
#[derive(Args, Clone, Debug)]
pub(crate) struct PoliciesArgs {
    /// A folder of policies; else that of the configuration
    #[arg(long, value_name = "FOLDER")]
    pub(super) policies: Option<PathBuf>,
}

impl PoliciesArgs {
    /// The policies that were named, else those of the configuration, else the gateway's own.
    pub(super) fn compile(&self, config: Option<&Config>) -> anyhow::Result<Policies> {
        let folder = self.policies.as_ref().or_else(|| config.and_then(|config| config.policies.as_ref()));
        if folder.is_none() && config.is_none() {
            bail!("there is neither a configuration nor a folder of policies: name one with --config or --policies");
        }
        let sources = folder.map(|folder| sources(folder)).transpose()?;
        let targets: Vec<_> = config.iter().flat_map(|config| config.targets.values().map(Target::facts)).collect();
        let policies = Policies::compile(sources.as_deref(), &targets)
            .map_err(|faults| anyhow::anyhow!("{faults}"))
            .context("the policies are of no use")?;
        for warning in policies.warnings() {
            eprintln!("note: {warning}");
        }
        Ok(policies.reading(super::is_read))
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
