//! `wiretape pgpass`: the token as a password for PostgreSQL's clients (libpq, "The Password File").

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;

use super::gateway::GatewayArgs;
use super::home::{Kept, address, is_place, put};
use super::print;
use super::session::{self, run};
use crate::rejected::quoted;

/// Where the gateway listens for PostgreSQL's clients when it does not say.
const PORT: &str = "5433";

/// Give PostgreSQL's clients the token as a password.
#[derive(Args, Debug)]
pub struct PgpassArgs {
    #[command(flatten)]
    gateway: GatewayArgs,
    /// Where the gateway listens for PostgreSQL's clients, as they are told, when it does not say itself.
    #[arg(long, value_name = "HOST:PORT")]
    address: Option<String>,
    /// Put the line into PGPASSFILE, else ~/.pgpass, in the place of the last one.
    #[arg(long, conflicts_with = "env")]
    write: bool,
    /// Print `export PGPASSWORD=…` instead: eval "$(wiretape pgpass --env)".
    #[arg(long)]
    env: bool,
}

/// Prints or writes a line of a password file.
///
/// # Errors
/// When nobody is logged in, the login is over, or the file cannot be written.
pub fn pgpass(args: &PgpassArgs) -> anyhow::Result<ExitCode> {
    let home = args.gateway.home()?;
    let kept = run(session::fresh(&home))?;
    if kept.token.contains(['\'', '\n', '\0']) {
        bail!("the token cannot be a password");
    }
    if args.env {
        print(&format!("export PGPASSWORD='{}'\n", kept.token))?;
        return Ok(ExitCode::SUCCESS);
    }
    let place = place(&kept, args.address.as_deref())?;
    let line = format!("{place}:*:*:{}", escaped(&kept.token));
    if !args.write {
        print(&format!("{line}\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    let path = file()?;
    let before = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    // libpq passes over a file that others may read: this one is made with mode 0600.
    put(&path, replaced(&before, &place, &line).as_bytes())?;
    eprintln!("{} has a password for {place} now.", path.display());
    Ok(ExitCode::SUCCESS)
}

/// `text` with `line` in the place of the one for the same host and port; the first one counts for libpq, so it comes
/// before those that are for every host.
fn replaced(text: &str, place: &str, line: &str) -> String {
    let beginning = format!("{place}:*:*:");
    let mut lines = vec![line];
    lines.extend(text.lines().filter(|old| !old.starts_with(&beginning)));
    lines.join("\n") + "\n"
}

fn place(kept: &Kept, said: Option<&str>) -> anyhow::Result<String> {
    let api = address(&kept.gateway)?.host_str().unwrap_or_default().to_owned();
    let text = said.or(Some(&kept.postgres).filter(|text| is_place(text)).map(String::as_str));
    let Some(text) = text else { return Ok(format!("{}:{PORT}", escaped(&api))) };
    let (host, port) = text.rsplit_once(':').with_context(|| format!("{} is not host:port", quoted(text)))?;
    if port.parse::<u16>().is_err() {
        bail!("{} is not host:port", quoted(text));
    }
    let host = host.trim_matches(['[', ']']);
    let host = if host.is_empty() || host == "0.0.0.0" || host == "::" { api } else { host.to_owned() };
    Ok(format!("{}:{port}", escaped(&host)))
}

/// `text` as a field of the file.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace(':', "\\:")
}

fn file() -> anyhow::Result<PathBuf> {
    if let Some(path) = std::env::var_os("PGPASSFILE").filter(|path| !path.is_empty()) {
        return Ok(path.into());
    }
    Ok(PathBuf::from(std::env::var_os("HOME").context("HOME does not say where .pgpass is")?).join(".pgpass"))
}

#[cfg(test)]
mod tests {
    use super::{escaped, replaced};

    #[test]
    fn a_line_takes_the_place_of_the_last_one_and_comes_first() {
        let text = "*:*:*:*:x\ngw:5433:*:*:old\n# a note\ngw:5434:*:*:kept\n";
        assert_eq!(
            replaced(text, "gw:5433", "gw:5433:*:*:new"),
            "gw:5433:*:*:new\n*:*:*:*:x\n# a note\ngw:5434:*:*:kept\n"
        );
        assert_eq!(replaced("", "gw:5433", "gw:5433:*:*:new"), "gw:5433:*:*:new\n");
        assert_eq!(escaped("a:b\\c"), "a\\:b\\\\c");
    }
}
