//! `export`: a session in a form that other programs take.

use std::io::{self, IsTerminal, Write, stderr, stdout};
use std::path::Path;

use anyhow::{Context, ensure};
use wiretape_core::Lane;

use super::args::{ExportArgs, FailedArg};
use super::catalogue;
use crate::export::sql::{self, Failed, Settings};
use crate::export::{bundle, har};
use crate::legible::{hex, legible};
use crate::source::Source;

/// Bytes of the key that nobody can guess.
const KEY_BYTES: usize = 16;

pub(super) fn export(data_dir: &Path, args: &ExportArgs, output: &mut dyn Write) -> anyhow::Result<()> {
    let archive = catalogue::open(data_dir)?;
    let row = catalogue::find(&archive, &args.session)?;
    let tape = catalogue::tape(&row)?;
    if args.bundle {
        let settings = bundle::Settings { refused: args.refused, lane: args.lane.map(Lane) };
        return bundled(&row.id.to_string(), &*tape, &settings, output);
    }
    let mut key = [0; KEY_BYTES];
    let taken = rustix::rand::getrandom(&mut key, rustix::rand::GetRandomFlags::empty())
        .context("the system gives no random numbers")?;
    ensure!(taken == KEY_BYTES, "the system gives no random numbers");
    let key = hex(&key);
    let failed = match args.failed {
        FailedArg::Comment => Failed::Comment,
        FailedArg::Keep => Failed::Keep,
    };
    let (id, settings) = (row.id.to_string(), Settings { failed, key: &key });
    let write = |output: &mut dyn Write| match args.har {
        true => har::write(&id, &*tape, output),
        false => sql::write(&id, &*tape, &settings, output),
    };
    // What was recorded is not for a person's terminal as it is.
    let written = if stdout().is_terminal() {
        let mut shown = Shown { output, line: Vec::new() };
        write(&mut shown).and_then(|()| Ok(shown.end()?))
    } else {
        write(output)
    };
    written.with_context(|| format!("session {id}"))
}

/// A bundle is for git, not for a person.
fn bundled(id: &str, tape: &dyn Source, settings: &bundle::Settings, output: &mut dyn Write) -> anyhow::Result<()> {
    ensure!(!stdout().is_terminal(), "a bundle is no text: write it into a file, with `> {id}.bundle`");
    let remarks = bundle::write(tape, settings, output).with_context(|| format!("session {id}"))?;
    for remark in remarks {
        writeln!(stderr(), "export: {remark}")?;
    }
    Ok(())
}

/// What is written, line by line, with nothing in it that a terminal acts on.
struct Shown<'w> {
    output: &'w mut dyn Write,
    line: Vec<u8>,
}

impl Shown<'_> {
    fn end(&mut self) -> io::Result<()> {
        let line = String::from_utf8_lossy(&self.line);
        let parts: Vec<_> = line.split('\t').map(legible).collect();
        self.output.write_all(parts.join("\t").as_bytes())?;
        self.line.clear();
        Ok(())
    }
}

impl Write for Shown<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            match part.strip_suffix(b"\n") {
                Some(end) => {
                    self.line.extend_from_slice(end);
                    self.end()?;
                    self.output.write_all(b"\n")?;
                }
                None => self.line.extend_from_slice(part),
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::Shown;

    #[test]
    fn what_a_terminal_acts_on_is_made_visible() {
        let mut output = Vec::new();
        let mut shown = Shown { output: &mut output, line: Vec::new() };
        for part in [&b"select '\x1b[2"[..], b"J';\n1\t\xc3", b"\xbc\r\n\xff"] {
            shown.write_all(part).unwrap();
        }
        shown.end().unwrap();
        assert_eq!(String::from_utf8(output).unwrap(), "select '␛[2J';\n1\tü␍\n�");
    }
}
