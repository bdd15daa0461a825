//! `wiretape login` and `wiretape logout`.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, bail};
use clap::Args;
use secrecy::{ExposeSecret, SecretString};

use super::gateway::GatewayArgs;
use super::home::{Home, Kept, Way, absolute, address};
use super::session::{self, run};
use super::ssh;
use crate::browser::Visit;
use crate::clock::unix_seconds;
use crate::device::Request;
use crate::grant::{self, Grant};
use crate::issuer::Issuer;
use crate::limits::DOCUMENT_BYTES_MAX;
use crate::offer::{IssuerOffer, LoginOffer};
use crate::settings::LoginToken;
use crate::token::Token;
use crate::web::{Proof, Web};

/// Log in at the gateway's issuer.
#[derive(Args, Debug)]
pub struct LoginArgs {
    #[command(flatten)]
    gateway: GatewayArgs,
    /// Which of the gateway's issuers, by the name that the gateway has for it.
    #[arg(long)]
    issuer: Option<String>,
    /// By a browser on this machine.
    #[arg(long, conflicts_with = "device")]
    browser: bool,
    /// By a code that is entered in a browser anywhere.
    #[arg(long)]
    device: bool,
    /// As a program and not as a person: by this client's own secret.
    #[arg(long, requires = "client_secret_file", conflicts_with_all = ["browser", "device", "token_file"])]
    client_id: Option<String>,
    /// The file of that secret.
    #[arg(long, requires = "client_id", value_name = "FILE")]
    client_secret_file: Option<PathBuf>,
    /// By the token in this file, which the platform keeps fresh: one of Kubernetes, for example.
    #[arg(long, conflicts_with_all = ["browser", "device"], value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// PEM file of the authorities by which the gateway is known, where the system does not know them.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Have no certificate for SSH.
    #[arg(long)]
    no_certificate: bool,
}

/// Forget the login.
#[derive(Args, Debug)]
pub struct LogoutArgs {
    #[command(flatten)]
    gateway: GatewayArgs,
}

/// Logs in and keeps the login.
///
/// # Errors
/// When gateway or issuer cannot be asked, the login is refused or not finished, or it cannot be kept.
pub fn login(args: &LoginArgs) -> anyhow::Result<ExitCode> {
    run(async {
        let gateway = args.gateway.gateway.as_deref();
        let gateway =
            gateway.context("say which gateway: `wiretape login --gateway https://…` (or WIRETAPE_GATEWAY)")?;
        let url = address(gateway)?;
        let home = Home::of(Some(gateway))?;
        let ca = args.ca.as_deref().map(absolute).transpose()?;
        let pem = ca.as_ref().map(std::fs::read).transpose().context("cannot read the file of --ca")?;
        let web = Web::new(&url, pem.as_deref())?;
        let answer = web.get(&url.join("/v1/login")?, DOCUMENT_BYTES_MAX, None).await;
        let offer: LoginOffer = answer.context("the gateway does not say where to log in")?.json()?;
        let issuer = choose(&offer, args.issuer.as_deref())?;
        let (token, way) = obtain(args, &issuer).await?;
        let mut kept = Kept {
            gateway: url.to_string(),
            name: String::new(),
            ca,
            issuer,
            way,
            token,
            ssh: offer.ssh,
            postgres: offer.postgres,
            http: offer.http,
        };
        let _lock = home.lock()?;
        home.write(&kept)?;
        if args.no_certificate {
            eprintln!("Logged in; `wiretape token` prints the token.");
        } else {
            let certified = ssh::certify(&home, &kept).await;
            kept.name = certified.context("the login is kept, but there is no certificate for SSH")?;
            home.write(&kept)?;
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// Forgets the login, and has the issuer forget it too where it can.
///
/// # Errors
/// When nobody is logged in, or a file cannot be removed.
pub fn logout(args: &LogoutArgs) -> anyhow::Result<ExitCode> {
    let home = args.gateway.home()?;
    let _lock = home.lock()?;
    let kept = home.read();
    if let Ok(kept) = &kept
        && let Way::Refresh(refresh) = &kept.way
        && let Err(error) = run(give_back(&kept.issuer, refresh))
    {
        eprintln!("The issuer was not told: {error:#}");
    }
    ssh::forget(&home);
    home.remove()?;
    kept?;
    eprintln!("Logged out.");
    Ok(ExitCode::SUCCESS)
}

/// Has the issuer forget a refresh token (RFC 7009).
async fn give_back(offer: &IssuerOffer, refresh: &str) -> anyhow::Result<()> {
    let issuer = session::issuer(offer)?;
    let discovery = issuer.discovery().await?;
    let Some(url) = &discovery.revocation else { return Ok(()) };
    let form = [("token", refresh), ("token_type_hint", "refresh_token")];
    let answer = issuer.web().post_form(url, &offer.client_id, &Proof::Public, &form).await?;
    anyhow::ensure!(answer.status.is_success(), "it answered {}", answer.status);
    Ok(())
}

fn choose(offer: &LoginOffer, name: Option<&str>) -> anyhow::Result<IssuerOffer> {
    let names: Vec<&str> = offer.issuers.iter().map(|issuer| issuer.name.as_str()).collect();
    let found = match name {
        Some(name) => offer.issuers.iter().find(|issuer| issuer.name == name),
        None => offer.issuers.first(),
    };
    match found {
        Some(issuer) => Ok(issuer.clone()),
        None if names.is_empty() => {
            bail!("the gateway has no issuer to log in at: ask who runs it for a token (`wiretape token <you>`)")
        }
        None => bail!("the gateway has no such issuer; it has {}", names.join(", ")),
    }
}

async fn obtain(args: &LoginArgs, offer: &IssuerOffer) -> anyhow::Result<(String, Way)> {
    if let Some(path) = &args.token_file {
        let path = absolute(path)?;
        return Ok((session::file(&path)?, Way::File(path)));
    }
    if let (Some(id), Some(secret_file)) = (&args.client_id, &args.client_secret_file) {
        let secret_file = absolute(secret_file)?;
        let secret = SecretString::from(session::file(&secret_file)?);
        let grant = session::client(offer, id, &secret).await?;
        let token = grant.presented(LoginToken::Access)?.expose_secret().to_owned();
        return Ok((token, Way::Client { id: id.clone(), secret_file }));
    }
    let issuer = session::issuer(offer)?;
    let discovery = issuer.discovery().await.with_context(|| format!("the issuer {} cannot be asked", offer.name))?;
    let by_browser = args.browser || (!args.device && (has_browser() || discovery.device_authorization.is_none()));
    let (grant, nonce) =
        if by_browser { browser(&issuer, offer).await? } else { (device(&issuer, offer).await?, None) };
    if let Some(id) = &grant.id {
        let token = Token::read(id.expose_secret())?;
        issuer.validate_with_nonce(token, nonce.as_deref(), unix_seconds()).await.context("what the issuer gave")?;
    } else if nonce.is_some() {
        bail!("the issuer gave no ID token: is `openid` among the scopes?");
    }
    let token = grant.presented(offer.token)?.expose_secret().to_owned();
    let way = match grant.refresh {
        Some(refresh) => Way::Refresh(refresh.expose_secret().to_owned()),
        None => Way::Nothing,
    };
    Ok((token, way))
}

async fn device(issuer: &Issuer, offer: &IssuerOffer) -> anyhow::Result<Grant> {
    let discovery = issuer.discovery().await?;
    let url = discovery.device_authorization.as_ref().context("the issuer knows no login by device: try --browser")?;
    let request = Request { web: issuer.web(), client_id: &offer.client_id, proof: Proof::Public };
    let pending = request.begin(url, &offer.scopes.join(" "), &offer.resource).await?;
    eprintln!("To log in, {}", pending.text());
    request.poll(discovery.token()?, &pending).await
}

async fn browser(issuer: &Issuer, offer: &IssuerOffer) -> anyhow::Result<(Grant, Option<String>)> {
    let discovery = issuer.discovery().await?;
    let visit = Visit::begin(&discovery, &offer.url, &offer.client_id, &offer.scopes, &offer.resource).await?;
    eprintln!("To log in, open {}", visit.address);
    show(visit.address.as_str());
    let nonce = visit.nonce.clone();
    let code = visit.end().await?;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.code.expose_secret()),
        ("redirect_uri", code.redirect.as_str()),
        ("code_verifier", code.verifier.expose_secret()),
    ];
    let grant = grant::ask(issuer.web(), discovery.token()?, &offer.client_id, &Proof::Public, &form).await?;
    Ok((grant.granted()?, Some(nonce)))
}

/// Whether there is probably a browser that shows pages to the person here.
fn has_browser() -> bool {
    let said = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let here = std::io::stderr().is_terminal() && !said("SSH_CONNECTION");
    said("BROWSER") || (here && (cfg!(target_os = "macos") || said("DISPLAY") || said("WAYLAND_DISPLAY")))
}

/// Has a browser show `address`, if one can be found. The person can open the address by hand all the same.
fn show(address: &str) {
    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let program = std::env::var_os("BROWSER").filter(|program| !program.is_empty()).unwrap_or(opener.into());
    let _ = Command::new(program).arg(address).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
}
