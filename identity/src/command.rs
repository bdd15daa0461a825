//! The commands of people's own machines: logging in, and what their unchanged clients then need.

mod gateway;
mod git;
mod home;
mod login;
mod pgpass;
mod session;
mod ssh;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use secrecy::SecretString;

pub use gateway::GatewayArgs;
pub use git::{GitCredentialArgs, git_credential};
pub use login::{LoginArgs, LogoutArgs, login, logout};
pub use pgpass::{PgpassArgs, pgpass};
pub use ssh::{SshConfigArgs, ssh_config};

use home::Home;
use session::run;

/// Print a token of the login that is kept, fresh enough to be used.
#[derive(Args, Debug)]
pub struct TokenArgs {
    #[command(flatten)]
    gateway: GatewayArgs,
}

/// Prints a token of the login that is kept.
///
/// # Errors
/// When nobody is logged in, or the login is over.
pub fn token(args: &TokenArgs) -> anyhow::Result<ExitCode> {
    let home = args.gateway.home()?;
    let kept = run(session::fresh(&home))?;
    print(&format!("{}\n", kept.token))?;
    Ok(ExitCode::SUCCESS)
}

/// Prints `text` to the standard output, whole. A reader that has seen enough is no failure.
fn print(text: &str) -> io::Result<()> {
    let mut output = io::stdout().lock();
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// The gateway's URL and a token for it, for other commands that ask its API: of the login at `gateway`, or of the only
/// one that is kept.
///
/// # Errors
/// When nobody is logged in, or the login is over.
pub fn kept(gateway: Option<&str>) -> anyhow::Result<(String, SecretString)> {
    let kept = run(session::fresh(&Home::of(gateway)?))?;
    Ok((kept.gateway, SecretString::from(kept.token)))
}

/// What this file adds to a program that has these commands as they are.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Log in at the gateway's issuer, and have what ssh, psql, git and curl need.
    Login(LoginArgs),
    /// Forget the login, here and at the issuer.
    Logout(LogoutArgs),
    /// Print what goes into ~/.ssh/config.
    SshConfig(SshConfigArgs),
    /// Answer git, which asks for a password: `git config credential.helper '!wiretape git-credential'`.
    GitCredential(GitCredentialArgs),
    /// Give PostgreSQL's clients the token as a password.
    Pgpass(PgpassArgs),
}

impl Command {
    /// Runs it.
    ///
    /// # Errors
    /// Whatever kept it from being done, with what to do about it.
    pub fn run(&self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Login(args) => login(args),
            Self::Logout(args) => logout(args),
            Self::SshConfig(args) => ssh_config(args),
            Self::GitCredential(args) => git_credential(args),
            Self::Pgpass(args) => pgpass(args),
        }
    }
}
