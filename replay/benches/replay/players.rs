//! The players, and the session in the form that each reads.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use bytes::Bytes;
use wiretape_core::event::{TerminalEvent, TerminalSize};
use wiretape_core::{Event, Kind, Lane, Moment, SessionId, Side};
use wiretape_recorder::{Durability, Settings, Store};

use crate::score::Score;

/// A player.
pub(crate) struct Player {
    pub(crate) name: &'static str,
    program: PathBuf,
    prepare: fn(&Score, &Path, &mut Command) -> anyhow::Result<()>,
}

/// All players that are compared; `replay` is the program of that name.
pub(crate) fn all(replay: &Path) -> anyhow::Result<Vec<Player>> {
    Ok(vec![
        Player { name: "replay", program: replay.to_owned(), prepare: tape },
        Player { name: "scriptreplay", program: "scriptreplay".into(), prepare: typescript },
        Player { name: "asciinema play", program: "asciinema".into(), prepare: asciicast },
        Player { name: "metronome", program: std::env::current_exe()?, prepare: times },
    ])
}

impl Player {
    /// How it is started on `score`; `None` when it is not installed.
    pub(crate) fn command(&self, score: &Score, folder: &Path) -> anyhow::Result<Option<Command>> {
        let installed = self.program.is_absolute()
            || std::env::var_os("PATH")
                .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(&self.program).exists()));
        if !installed {
            return Ok(None);
        }
        let mut command = Command::new(&self.program);
        (self.prepare)(score, folder, &mut command)?;
        Ok(Some(command))
    }
}

fn tape(score: &Score, folder: &Path, command: &mut Command) -> anyhow::Result<()> {
    let id = SessionId::from_bytes(*b"timing of replay");
    let store = Store::open(folder, Settings::default())?;
    let recording = store.begin(id, 1_795_314_485_000_000_000, Durability::Queued)?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let size = TerminalSize { columns: 80, rows: 24, width_px: 0, height_px: 0 };
    let start = (Moment::START, TerminalEvent::Start { term: "xterm".to_owned(), size, modes: Vec::new() });
    let outputs = score
        .iter()
        .map(|(at, text)| (Moment::START.plus(at), TerminalEvent::Output { error: false, bytes: Bytes::from(text) }));
    for (at, event) in std::iter::once(start).chain(outputs) {
        runtime.block_on(recording.room())?;
        recording.append(Event { at, side: Side::Upstream, lane: Lane(1), kind: Kind::Terminal(event) })?;
    }
    runtime.block_on(recording.finish())?;
    store.close();
    command.arg("--data-dir").arg(folder).arg(id.to_string());
    Ok(())
}

/// The files of `script`: seconds and bytes on each line, and a typescript whose first line is not played.
fn typescript(score: &Score, folder: &Path, command: &mut Command) -> anyhow::Result<()> {
    let (timing, typescript) = (folder.join("timing"), folder.join("typescript"));
    let mut times = String::new();
    let mut text = String::from("Script started\n");
    let mut before = 0.0;
    for (at, output) in score.iter() {
        writeln!(times, "{:.6} {}", at.as_secs_f64() - before, output.len())?;
        before = at.as_secs_f64();
        text.push_str(&output);
    }
    fs::write(&timing, times)?;
    fs::write(&typescript, text)?;
    command.arg("-t").arg(timing).arg(typescript);
    Ok(())
}

/// An asciicast of version 2.
fn asciicast(score: &Score, folder: &Path, command: &mut Command) -> anyhow::Result<()> {
    let file = folder.join("session.cast");
    let mut cast = String::from("{\"version\": 2, \"width\": 80, \"height\": 24}\n");
    for (at, output) in score.iter() {
        writeln!(cast, "[{:.6}, \"o\", {}]", at.as_secs_f64(), serde_json::to_string(&output)?)?;
    }
    fs::write(&file, cast)?;
    command.arg("play").arg(file).env("HOME", folder);
    Ok(())
}

fn times(score: &Score, folder: &Path, command: &mut Command) -> anyhow::Result<()> {
    let file = folder.join("times");
    let times: String = score.iter().map(|(at, _)| format!("{}\n", at.as_nanos())).collect();
    fs::write(&file, times)?;
    command.arg("--metronome").arg(file);
    Ok(())
}
