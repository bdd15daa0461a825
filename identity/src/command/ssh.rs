//! A certificate for SSH, and what `ssh` needs to know of it.

use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, bail};
use clap::Args;
use reqwest::StatusCode;
use serde::Deserialize;
use ssh_key::private::{Ed25519Keypair, KeypairData};
use ssh_key::{Certificate, LineEnding, PrivateKey};
use zeroize::Zeroizing;

use super::gateway::GatewayArgs;
use super::home::{CERTIFICATE, Home, KEY, Kept, PUBLIC_KEY, address, is_place};
use super::print;
use super::session::{self, run};
use crate::clock::unix_seconds;
use crate::offer::{CertificateGrant, CertificateRequest};
use crate::rejected::quoted;

/// What is left of a certificate when a new one is fetched, in seconds.
const REST_SECONDS_MIN: u64 = 120;

/// Where the gateway listens for SSH when it does not say.
const PORT: u16 = 2222;

/// Print what goes into `~/.ssh/config`.
#[derive(Args, Debug)]
pub struct SshConfigArgs {
    #[command(flatten)]
    gateway: GatewayArgs,
    /// What ssh shall call the gateway: `ssh web@wiretape`.
    #[arg(long, default_value = "wiretape")]
    host: String,
    /// Where the gateway listens for SSH, when it does not say itself.
    #[arg(long, value_name = "HOST:PORT")]
    address: Option<String>,
    /// Print nothing, and fetch a new certificate when the last one ends soon: what the printed lines have ssh run.
    #[arg(long)]
    renew: bool,
}

/// Prints lines for `~/.ssh/config`, or has a fresh certificate.
///
/// # Errors
/// When nobody is logged in, or the gateway gives no certificate.
pub fn ssh_config(args: &SshConfigArgs) -> anyhow::Result<ExitCode> {
    let home = args.gateway.home()?;
    if args.renew {
        run(renew(&home))?;
        return Ok(ExitCode::SUCCESS);
    }
    print(&lines(&home, &home.read()?, args)?)?;
    Ok(ExitCode::SUCCESS)
}

/// The lines for `kept`, a login in `home`.
fn lines(home: &Home, kept: &Kept, args: &SshConfigArgs) -> anyhow::Result<String> {
    let (name, port) = place(kept, args.address.as_deref())?;
    let program = std::env::current_exe().ok().map(|path| path.display().to_string());
    let program = program.filter(|path| is_plain(path)).unwrap_or_else(|| "wiretape".to_owned());
    if !is_plain(&args.host) || !is_plain(&name) {
        bail!("{} and {} have to be names of hosts", quoted(&args.host), quoted(&name));
    }
    let (host, gateway) = (&args.host, &kept.gateway);
    // ssh has a shell run it: a name of a host may hold what a shell takes for an order.
    if !is_plain(gateway) {
        bail!("the gateway's address {} cannot stand in ssh's configuration", quoted(gateway));
    }
    let (key, certificate) = (home.path(KEY), home.path(CERTIFICATE));
    let (key, certificate) = (key.display(), certificate.display());
    Ok(format!(
        "\
Host {host}
  HostName {name}
  Port {port}
  IdentityFile \"{key}\"
  CertificateFile \"{certificate}\"
  IdentitiesOnly yes
# Has a fresh certificate at each connection; ssh runs it, and goes on whatever comes of it.
Match host {host} exec \"{program} ssh-config --renew --gateway {gateway}\"
"
    ))
}

/// Whether `text` can stand in ssh's configuration, and in a command line there, as it is.
fn is_plain(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:/[]".contains(&byte))
        && !text.starts_with('-')
}

/// Host and port for SSH: as the person says, as the gateway says, or on the host of its API.
fn place(kept: &Kept, said: Option<&str>) -> anyhow::Result<(String, u16)> {
    let api = address(&kept.gateway)?.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let text = said.or(Some(&kept.ssh).filter(|text| is_place(text)).map(String::as_str));
    let Some(text) = text else { return Ok((api, PORT)) };
    let (host, port) = text.rsplit_once(':').with_context(|| format!("{} is not host:port", quoted(text)))?;
    let port = port.parse().with_context(|| format!("{} is not host:port", quoted(text)))?;
    let host = host.trim_matches(['[', ']']);
    // An address that means "all" is none that a client can use.
    let host = if host.is_empty() || host == "0.0.0.0" || host == "::" { api } else { host.to_owned() };
    Ok((host, port))
}

async fn renew(home: &Home) -> anyhow::Result<()> {
    let last = std::fs::read_to_string(home.path(CERTIFICATE)).ok();
    let ends = last.and_then(|text| Some(Certificate::from_openssh(&text).ok()?.valid_before())).unwrap_or(0);
    if ends > unix_seconds() + REST_SECONDS_MIN {
        return Ok(());
    }
    let kept = session::fresh(home).await?;
    let _lock = home.lock()?;
    certify(home, &kept).await.map(drop)
}

/// Has the gateway certify the key of this machine, made at the first time, and gives both to the agent. What the
/// gateway calls the principal.
pub(crate) async fn certify(home: &Home, kept: &Kept) -> anyhow::Result<String> {
    let key = key(home)?;
    let request = CertificateRequest { public_key: key.public_key().to_openssh()? };
    let url = address(&kept.gateway)?.join("/v1/certificates")?;
    let answer = session::web(kept)?.post_json(&url, &request, &kept.token).await?;
    if !answer.status.is_success() {
        /// How the gateway's API says what is wrong (RFC 9457).
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Problem {
            detail: String,
            title: String,
            error: String,
        }
        let problem: Problem = answer.json().unwrap_or_default();
        let said = [problem.detail, problem.error, problem.title].into_iter().find(|text| !text.is_empty());
        let said = said.map(|text| format!(": {}", quoted(&text))).unwrap_or_default();
        if answer.status == StatusCode::UNAUTHORIZED {
            bail!("the gateway does not take the token{said}");
        }
        bail!("the gateway answered {}{said}", answer.status);
    }
    let grant: CertificateGrant = answer.json()?;
    let certificate = Certificate::from_openssh(&grant.certificate).context("the gateway gave no certificate")?;
    if certificate.public_key() != key.public_key().key_data() {
        bail!("the gateway certified another key");
    }
    home.put(CERTIFICATE, format!("{}\n", grant.certificate.trim_end()).as_bytes())?;
    let left = certificate.valid_before().saturating_sub(unix_seconds());
    let added = to_agent(home, left);
    eprintln!(
        "Logged in as {} ({}); the certificate for SSH is good for {} minutes{}.",
        quoted(&grant.name),
        quoted(&grant.kind),
        left / 60,
        if added { " and in your agent" } else { "" }
    );
    Ok(grant.name)
}

/// The key of this machine for this gateway.
fn key(home: &Home) -> anyhow::Result<PrivateKey> {
    let path = home.path(KEY);
    match std::fs::read(&path) {
        Ok(text) => {
            let text = Zeroizing::new(text);
            PrivateKey::from_openssh(text.as_slice())
                .with_context(|| format!("{} is not an OpenSSH private key: remove it", path.display()))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let mut seed = Zeroizing::new([0; 32]);
            getrandom::fill(seed.as_mut())
                .map_err(|error| anyhow::anyhow!("the system gives no random bytes: {error}"))?;
            let pair = KeypairData::Ed25519(Ed25519Keypair::from_seed(&seed));
            let key = PrivateKey::new(pair, format!("wiretape {}", home.name()))?;
            home.put(KEY, key.to_openssh(LineEnding::LF)?.as_bytes())?;
            home.put(PUBLIC_KEY, format!("{}\n", key.public_key().to_openssh()?).as_bytes())?;
            Ok(key)
        }
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// Gives key and certificate to the person's agent, if one runs, for as long as the certificate is good.
fn to_agent(home: &Home, seconds: u64) -> bool {
    std::env::var_os("SSH_AUTH_SOCK").is_some()
        && quietly(Command::new("ssh-add").args(["-q", "-t", &seconds.max(1).to_string()]).arg(home.path(KEY)))
}

/// Takes them back.
pub(crate) fn forget(home: &Home) {
    if std::env::var_os("SSH_AUTH_SOCK").is_some() && home.path(PUBLIC_KEY).exists() {
        quietly(Command::new("ssh-add").args(["-q", "-d"]).arg(home.path(PUBLIC_KEY)));
    }
}

fn quietly(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::{Home, Kept, SshConfigArgs, lines};
    use crate::command::gateway::GatewayArgs;
    use crate::command::home::{Way, address};
    use crate::offer::IssuerOffer;

    #[test]
    fn an_address_that_a_shell_would_take_for_an_order_stands_in_no_configuration() {
        let lines = |gateway: &str| {
            let home = Home::of(Some(gateway))?;
            let kept = Kept {
                gateway: address(gateway)?.to_string(),
                ca: None,
                issuer: IssuerOffer::default(),
                way: Way::Nothing,
                token: String::new(),
                name: String::new(),
                ssh: "gw.example.com:2222".to_owned(),
                postgres: String::new(),
                http: String::new(),
            };
            let gateway = GatewayArgs { gateway: None };
            lines(&home, &kept, &SshConfigArgs { gateway, host: "wiretape".to_owned(), address: None, renew: false })
        };
        for good in ["https://gw.example.com:8080", "http://127.0.0.1:1/", "https://[::1]:8080"] {
            assert!(lines(good).unwrap().contains("--renew --gateway http"), "{good}");
        }
        for bad in ["https://$(id).example.com", "https://a`id`.example.com", "https://gw/;id", "https://gw/?a&id"] {
            assert!(lines(bad).is_err(), "{bad}");
        }
    }
}
