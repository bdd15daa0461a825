//! `export`: a session in a form that other programs take.

use std::io::Write;
use std::path::Path;

use anyhow::Context;

use super::args::{ExportArgs, FailedArg};
use super::catalogue;
use crate::export::sql::{self, Failed, Settings};
use crate::legible::hex;

/// Bytes of the key that nobody can guess.
const KEY_BYTES: usize = 16;

pub(super) fn export(data_dir: &Path, args: &ExportArgs, output: &mut dyn Write) -> anyhow::Result<()> {
    let archive = catalogue::open(data_dir)?;
    let row = catalogue::find(&archive, &args.session)?;
    let tape = catalogue::tape(&row)?;
    let mut key = [0; KEY_BYTES];
    let taken = rustix::rand::getrandom(&mut key, rustix::rand::GetRandomFlags::empty());
    anyhow::ensure!(
        taken.context("the system gives no random numbers")? == KEY_BYTES,
        "the system gives no random numbers"
    );
    let failed = match args.failed {
        FailedArg::Comment => Failed::Comment,
        FailedArg::Keep => Failed::Keep,
    };
    let key = hex(&key);
    sql::write(&row.id.to_string(), &*tape, &Settings { failed, key: &key }, output)
        .with_context(|| format!("session {}", row.id))
}
