//! `wiretape git-credential`: what git calls to have a password (gitcredentials(7), git-credential(1)).

use std::io::{BufRead, Write};
use std::process::ExitCode;

use anyhow::ensure;
use clap::{Args, ValueEnum};

use super::gateway::GatewayArgs;
use super::home::{Kept, address};
use super::session::{self, run};
use crate::web::vetted;

/// What git writes, all of it.
const QUESTION_BYTES_MAX: u64 = 64 * 1024;

/// Answer git, which asks for a password.
#[derive(Args, Debug)]
pub struct GitCredentialArgs {
    #[command(flatten)]
    gateway: GatewayArgs,
    /// A further host that is the gateway, as it stands in URLs: with its port, if it has one there.
    #[arg(long = "host", value_name = "HOST[:PORT]")]
    hosts: Vec<String>,
    /// What git wants.
    #[arg(value_enum)]
    operation: Operation,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Operation {
    Get,
    Store,
    Erase,
    Capability,
}

/// Answers git. For a host that is not the gateway there is no answer, and git asks elsewhere.
///
/// # Errors
/// When the question cannot be read. That nobody is logged in is said, and git goes on without an answer.
pub fn git_credential(args: &GitCredentialArgs) -> anyhow::Result<ExitCode> {
    let question = question(std::io::stdin().lock())?;
    if args.operation != Operation::Get {
        // Nothing is stored here: a token is had anew each time.
        return Ok(ExitCode::SUCCESS);
    }
    let home = args.gateway.home()?;
    let kept = home.read()?;
    if !is_for(&question, &kept, &args.hosts) {
        return Ok(ExitCode::SUCCESS);
    }
    let kept = run(session::fresh(&home))?;
    std::io::stdout().write_all(answer(&kept, question.takes_bearer)?.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// The token as a bearer's, for a git that knows these (2.46); else as the password of the principal.
fn answer(kept: &Kept, takes_bearer: bool) -> anyhow::Result<String> {
    let (token, ends) = (&kept.token, session::ends(&kept.token));
    ensure!(!token.contains(['\n', '\0']), "the token has a line end");
    let mut answer = if takes_bearer {
        format!("capability[]=authtype\nauthtype=Bearer\ncredential={token}\n")
    } else {
        ensure!(
            !kept.name.is_empty() && !kept.name.contains([':', '+', '\n', '\0']),
            "this git sends names, and yours cannot be sent so: use git 2.46 or newer"
        );
        format!("username={}\npassword={token}\n", kept.name)
    };
    if ends > 0 {
        answer += &format!("password_expiry_utc={ends}\n");
    }
    Ok(answer)
}

/// What git asks for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Question {
    protocol: String,
    host: String,
    /// Whether it knows of more than passwords.
    takes_bearer: bool,
}

fn question(reader: impl BufRead) -> anyhow::Result<Question> {
    let mut question = Question::default();
    for line in reader.take(QUESTION_BYTES_MAX).lines() {
        let line = line?;
        match line.split_once('=') {
            Some(("protocol", value)) => value.clone_into(&mut question.protocol),
            Some(("host", value)) => value.clone_into(&mut question.host),
            Some(("capability[]", "authtype")) => question.takes_bearer = true,
            _ if line.is_empty() => break,
            _ => {}
        }
    }
    Ok(question)
}

/// Whether the question is about the gateway: where its API is, where it listens for HTTP, below that name, or what
/// the person named. The token is told to nobody else, and to nobody over a way that others can read.
fn is_for(question: &Question, kept: &Kept, hosts: &[String]) -> bool {
    if vetted(&format!("{}://{}", question.protocol, question.host)).is_err() {
        return false;
    }
    if hosts.iter().any(|host| host.eq_ignore_ascii_case(&question.host)) {
        return true;
    }
    let bare = |host: &str| {
        let name = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
        name.map_or(host, |(name, _)| name).to_ascii_lowercase()
    };
    let asked = bare(&question.host);
    let api = address(&kept.gateway).ok().and_then(|url| Some(url.host_str()?.to_ascii_lowercase()));
    let http = Some(bare(&kept.http)).filter(|host| !host.is_empty() && host != "0.0.0.0" && host != "[::]");
    [api, http].into_iter().flatten().any(|known| asked == known || asked.ends_with(&format!(".{known}")))
}

#[cfg(test)]
mod tests {
    use super::{Question, answer, is_for, question};
    use crate::command::home::{Kept, Way};
    use crate::offer::IssuerOffer;

    fn kept() -> Kept {
        Kept {
            gateway: "https://gw.example.com:8080/".to_owned(),
            ca: None,
            issuer: IssuerOffer::default(),
            way: Way::Nothing,
            token: "t".to_owned(),
            name: "ana".to_owned(),
            ssh: String::new(),
            postgres: String::new(),
            http: "git.example.net:8443".to_owned(),
        }
    }

    #[test]
    fn the_token_is_for_the_gateway_and_for_nobody_else() {
        let asks = |protocol: &str, host: &str, hosts: &[&str]| {
            let question = Question { protocol: protocol.to_owned(), host: host.to_owned(), takes_bearer: false };
            is_for(&question, &kept(), &hosts.iter().map(|host| (*host).to_owned()).collect::<Vec<_>>())
        };
        for (protocol, host) in [
            ("https", "gw.example.com"),
            ("https", "GW.example.com:8443"),
            ("https", "forge.gw.example.com:8443"),
            ("https", "git.example.net:8443"),
            ("https", "forge.git.example.net"),
        ] {
            assert!(asks(protocol, host, &[]), "{host}");
        }
        for (protocol, host) in [
            ("https", "github.com"),
            ("https", "example.com"),
            ("https", "evilgw.example.com.attacker.net"),
            ("https", "evil-gw.example.com"),
            ("http", "gw.example.com"),
            ("ssh", "gw.example.com"),
            ("https", ""),
            ("", ""),
        ] {
            assert!(!asks(protocol, host, &[]), "{protocol} {host}");
        }
        assert!(asks("http", "localhost:1234", &["localhost:1234"]));
        assert!(!asks("http", "plain.example.org", &["plain.example.org"]), "not over a way that others can read");
    }

    #[test]
    fn a_question_is_read_to_its_empty_line() {
        let text = "capability[]=authtype\nprotocol=https\nhost=a:1\nwwwauth[]=Basic realm=\"x\"\n\nhost=b\n";
        let expected = Question { protocol: "https".to_owned(), host: "a:1".to_owned(), takes_bearer: true };
        assert_eq!(question(text.as_bytes()).unwrap(), expected);
    }

    #[test]
    fn an_older_git_is_told_a_name_and_a_newer_one_none() {
        assert_eq!(answer(&kept(), false).unwrap(), "username=ana\npassword=t\n");
        let bearer = "capability[]=authtype\nauthtype=Bearer\ncredential=t\n";
        assert_eq!(answer(&kept(), true).unwrap(), bearer);
        for name in ["repo:acme/shop", "a+b", ""] {
            assert!(answer(&Kept { name: name.to_owned(), ..kept() }, false).is_err(), "{name}");
        }
        assert!(answer(&Kept { token: "t\nhost=x".to_owned(), ..kept() }, true).is_err());
    }
}
