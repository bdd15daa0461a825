//! The commands that both programs offer: `replay` itself, and `wiretape replay | sessions | show | export | verify`.

mod args;
mod catalogue;
mod export;
mod play;
mod sessions;
mod show;
#[cfg(test)]
mod tests;
mod verify;

use std::io::{self, BufWriter, Write, stdout};
use std::path::Path;
use std::process::ExitCode;

pub use args::{BodiesArg, ExportArgs, FailedArg, PlayArgs, SessionsArgs, ShowArgs, StateArg, VerifyArgs};

/// Plays a session of the archive in `data_dir`; without a session named, lets one be chosen.
///
/// # Errors
/// No such session, an unreadable tape, a terminal that cannot be used.
pub fn play(data_dir: &Path, args: &PlayArgs) -> anyhow::Result<ExitCode> {
    unless_nobody_reads(play::play(data_dir, args))
}

/// Lists the sessions of the archive in `data_dir`.
///
/// # Errors
/// An archive that cannot be read.
pub fn sessions(data_dir: &Path, args: &SessionsArgs) -> anyhow::Result<ExitCode> {
    unless_nobody_reads(printed(|output| sessions::sessions(data_dir, args, output).map(|()| 0)))
}

/// Shows all events of one session.
///
/// # Errors
/// No such session, an unreadable tape.
pub fn show(data_dir: &Path, args: &ShowArgs) -> anyhow::Result<ExitCode> {
    unless_nobody_reads(printed(|output| show::show(data_dir, args, output).map(|()| 0)))
}

/// Writes a session in a form that other programs take.
///
/// # Errors
/// No such session, nothing in it that the form could hold, an unreadable tape.
pub fn export(data_dir: &Path, args: &ExportArgs) -> anyhow::Result<ExitCode> {
    unless_nobody_reads(printed(|output| export::export(data_dir, args, output).map(|()| 0)))
}

/// Verifies one tape or all of them. The exit code is 0 for complete, 2 for an unsealed tail, 1 for anything worse.
///
/// # Errors
/// No such session or file.
pub fn verify(data_dir: &Path, args: &VerifyArgs) -> anyhow::Result<ExitCode> {
    unless_nobody_reads(printed(|output| verify::verify(data_dir, args, output)))
}

/// Prints `text` to the standard output, whole. A reader that has seen enough (`| head`) is no failure, so that an exit code
/// says what was found out and not who read it.
///
/// # Errors
/// Whatever else keeps it from being written, such as a full disk.
pub fn print(text: &str) -> io::Result<()> {
    let mut output = stdout().lock();
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

fn printed(print: impl FnOnce(&mut dyn Write) -> anyhow::Result<u8>) -> anyhow::Result<ExitCode> {
    let mut output = BufWriter::new(stdout().lock());
    let status = print(&mut output);
    // What was printed before something went wrong is worth reading too.
    let flushed = output.flush();
    let status = status?;
    flushed?;
    Ok(ExitCode::from(status))
}

/// A reader that has seen enough (`| head`) is no failure.
fn unless_nobody_reads(result: anyhow::Result<ExitCode>) -> anyhow::Result<ExitCode> {
    match result {
        Err(error) if error.downcast_ref::<io::Error>().is_some_and(|io| io.kind() == io::ErrorKind::BrokenPipe) => {
            Ok(ExitCode::SUCCESS)
        }
        other => other,
    }
}
