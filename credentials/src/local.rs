//! Secrets on this machine: in files, in the environment, from programs.

use std::path::Path;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process_group};
use secrecy::SecretString;
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncReadExt};
use zeroize::Zeroizing;

use crate::environment;
use crate::failure::Failure;
use crate::limits::{COMMAND_TIME_MAX, SECRET_BYTES_MAX};

/// A program that prints a secret: `["pass", "show", "orders"]`, or a table with the environment that it needs.
#[derive(Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(from = "Written")]
pub struct Command {
    /// The program and its arguments.
    pub run: Vec<String>,
    /// Variables of the gateway's environment that it gets beside `PATH`, `HOME` and `LANG`.
    pub environment: Vec<String>,
}

/// A command as the configuration has it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Words(Vec<String>),
    Table(Table),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    run: Vec<String>,
    #[serde(default)]
    environment: Vec<String>,
}

impl From<Written> for Command {
    fn from(written: Written) -> Self {
        match written {
            Written::Words(run) => Self { run, environment: Vec::new() },
            Written::Table(Table { run, environment }) => Self { run, environment },
        }
    }
}

impl From<Vec<String>> for Command {
    fn from(run: Vec<String>) -> Self {
        Self { run, environment: Vec::new() }
    }
}

/// The arguments may be secrets themselves.
impl std::fmt::Debug for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Command({:?}, …)", self.run.first())
    }
}

/// The text of the file at `path`.
pub(crate) async fn text(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let cannot = |error: std::io::Error| Failure::new(format!("cannot read {}: {error}", path.display()));
    let file = tokio::fs::File::open(path).await.map_err(cannot)?;
    let bytes = bounded(file).await.map_err(cannot)?;
    let bytes = bytes.ok_or_else(|| {
        Failure::new(format!("{} is larger than a secret can be ({SECRET_BYTES_MAX} bytes)", path.display()))
    })?;
    utf8(bytes).ok_or_else(|| Failure::new(format!("{} is not UTF-8", path.display())))
}

/// All that `reader` gives; `None` when that is too much for a secret.
async fn bounded(reader: impl AsyncRead + Unpin) -> std::io::Result<Option<Zeroizing<Vec<u8>>>> {
    // Large enough from the start: a buffer that grows leaves copies of what it held behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(SECRET_BYTES_MAX + 1));
    reader.take(SECRET_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).await?;
    Ok((bytes.len() <= SECRET_BYTES_MAX).then_some(bytes))
}

fn utf8(mut bytes: Zeroizing<Vec<u8>>) -> Option<Zeroizing<String>> {
    match String::from_utf8(std::mem::take(&mut *bytes)) {
        Ok(text) => Some(Zeroizing::new(text)),
        Err(error) => {
            drop(Zeroizing::new(error.into_bytes()));
            None
        }
    }
}

/// A password in the file at `path`; its last line end does not count.
pub(crate) async fn password(path: &Path) -> Result<SecretString, Failure> {
    Ok(line(&text(path).await?))
}

/// A password in the environment variable `name`.
pub(crate) fn variable(name: &str) -> Result<SecretString, Failure> {
    match std::env::var(name) {
        Ok(value) => Ok(line(&Zeroizing::new(value))),
        Err(std::env::VarError::NotPresent) => Err(Failure::new(format!(
            "the environment variable {name} is not set: set it where the gateway is started"
        ))),
        Err(std::env::VarError::NotUnicode(_)) => {
            Err(Failure::new(format!("the environment variable {name} is not UTF-8")))
        }
    }
}

/// What `command` prints.
pub(crate) async fn printed(command: &Command) -> Result<SecretString, Failure> {
    let Some((program, arguments)) = command.run.split_first() else {
        return Err(Failure::new("the credential command is empty: name a program"));
    };
    let mut child = tokio::process::Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(environment::of_child(&command.environment))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| Failure::new(format!("cannot run the credential command {program:?}: {error}")))?;
    let mut family = Family(child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)));
    let Some(output) = child.stdout.take() else {
        return Err(Failure::new(format!("the credential command {program:?} has no output")));
    };
    let run = async {
        let bytes = bounded(output).await?;
        let status = match &bytes {
            Some(_) => Some(child.wait().await?),
            None => None,
        };
        std::io::Result::Ok((bytes, status))
    };
    let (bytes, status) = tokio::time::timeout(COMMAND_TIME_MAX, run)
        .await
        .map_err(|_| {
            let seconds = COMMAND_TIME_MAX.as_secs();
            Failure::new(format!("the credential command {program:?} did not end within {seconds} s"))
        })?
        .map_err(|error| Failure::new(format!("the credential command {program:?} cannot be heard: {error}")))?;
    let (Some(bytes), Some(status)) = (bytes, status) else {
        return Err(Failure::new(format!(
            "the credential command {program:?} prints more than a secret can be ({SECRET_BYTES_MAX} bytes)"
        )));
    };
    family.0 = None;
    if !status.success() {
        return Err(Failure::new(format!("the credential command {program:?} failed ({status})")));
    }
    let text = utf8(bytes).ok_or_else(|| {
        Failure::new(format!("the credential command {program:?} printed something that is not UTF-8"))
    })?;
    Ok(line(&text))
}

/// A program and all that it started, which end with it when nobody waits for them any more.
struct Family(Option<Pid>);

impl Drop for Family {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // It may have ended already.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// `text` without its last line end.
fn line(text: &str) -> SecretString {
    let line = text.strip_suffix('\n').unwrap_or(text);
    SecretString::from(line.strip_suffix('\r').unwrap_or(line))
}

#[cfg(test)]
mod tests;
