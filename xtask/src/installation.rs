//! What is installed once below the target folder, and again when what is wanted changes.

use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::workspace::target;

/// The folder of the client libraries.
pub(crate) fn clients() -> PathBuf {
    target().join("clients")
}

/// Does `work` unless it was done before, in `folder`, for the same content of the file `wanted`.
pub(crate) fn install_once(
    folder: &Path,
    wanted: &Path,
    work: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let text = std::fs::read(wanted).with_context(|| format!("cannot read {}", wanted.display()))?;
    install_unless(folder, &text, work)
}

/// Does `work` unless it was done before, in `folder`, for the same `text`.
pub(crate) fn install_unless(
    folder: &Path,
    text: &[u8],
    work: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mark = folder.join("installed");
    if std::fs::read(&mark).is_ok_and(|done| done == text) {
        eprintln!("nothing is missing");
        return Ok(());
    }
    work()?;
    std::fs::write(&mark, text).with_context(|| format!("cannot write {}", mark.display()))
}
