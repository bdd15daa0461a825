//! A token for now, of a login that is kept.

use anyhow::{Context, bail};
use secrecy::{ExposeSecret, SecretString};

use super::home::{Home, Kept, Way};
use crate::clock::unix_seconds;
use crate::grant::{self, Grant};
use crate::issuer::Issuer;
use crate::offer::IssuerOffer;
use crate::settings::IssuerSettings;
use crate::token::Token;
use crate::web::{Proof, Web};

/// What is left of a token when a new one is fetched, in seconds: programs take a while from asking to using it.
const REST_SECONDS_MIN: u64 = 60;

/// The issuer that `offer` describes, as a client sees it.
pub(crate) fn issuer(offer: &IssuerOffer) -> anyhow::Result<Issuer> {
    let mut settings = IssuerSettings::new(&offer.name, &offer.url);
    settings.client_id = Some(offer.client_id.clone());
    // Whether the issuer is open to all is for the gateway to care.
    settings.require = vec![crate::Sign { claim: "iss".to_owned(), values: vec!["*".to_owned()] }];
    let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
    Issuer::new(settings)
}

/// A client of the gateway's API.
pub(crate) fn web(kept: &Kept) -> anyhow::Result<Web> {
    let url = super::home::address(&kept.gateway)?;
    let ca = match &kept.ca {
        Some(path) => Some(std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?),
        None => None,
    };
    Web::new(&url, ca.as_deref())
}

/// When `token` ends, by its own word, in seconds since 1970-01-01 UTC; 0 when it does not say.
pub(crate) fn ends(token: &str) -> u64 {
    Token::read(token).ok().and_then(|token| token.ends()).unwrap_or(0)
}

/// A token that is good for a while; a new one, which is kept, where the last one is not.
pub(crate) async fn fresh(home: &Home) -> anyhow::Result<Kept> {
    let kept = home.read()?;
    if ends(&kept.token) > unix_seconds() + REST_SECONDS_MIN && !matches!(kept.way, Way::File(_)) {
        return Ok(kept);
    }
    let _lock = home.lock()?;
    let mut kept = home.read()?;
    if ends(&kept.token) > unix_seconds() + REST_SECONDS_MIN && !matches!(kept.way, Way::File(_)) {
        return Ok(kept);
    }
    renew(&mut kept).await?;
    home.write(&kept)?;
    Ok(kept)
}

async fn renew(kept: &mut Kept) -> anyhow::Result<()> {
    match kept.way.clone() {
        Way::Nothing => bail!("the login is over: run `wiretape login` again"),
        Way::File(path) => kept.token = file(&path)?,
        Way::Client { id, secret_file } => {
            let secret = SecretString::from(file(&secret_file)?);
            let grant = client(&kept.issuer, &id, &secret).await?;
            kept.token = grant.presented(crate::LoginToken::Access)?.expose_secret().to_owned();
        }
        Way::Refresh(refresh) => {
            let issuer = issuer(&kept.issuer)?;
            let discovery = issuer.discovery().await?;
            let form = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
            let answered =
                grant::ask(issuer.web(), discovery.token()?, &kept.issuer.client_id, &Proof::Public, &form).await?;
            let grant = answered.granted().context("the login is over: run `wiretape login` again")?;
            kept.token = grant.presented(kept.issuer.token)?.expose_secret().to_owned();
            if let Some(refresh) = grant.refresh {
                kept.way = Way::Refresh(refresh.expose_secret().to_owned());
            }
        }
    }
    Ok(())
}

/// A client's own token (RFC 6749 section 4.4).
pub(crate) async fn client(offer: &IssuerOffer, id: &str, secret: &SecretString) -> anyhow::Result<Grant> {
    let issuer = issuer(offer)?;
    let discovery = issuer.discovery().await?;
    let by = |method: &str| discovery.token_proofs.iter().any(|known| known == method);
    let post = by("client_secret_post") && !by("client_secret_basic");
    let proof = if post { Proof::Post(secret) } else { Proof::Basic(secret) };
    let mut form = vec![("grant_type", "client_credentials")];
    if !offer.resource.is_empty() {
        form.push(("resource", &offer.resource));
    }
    grant::ask(issuer.web(), discovery.token()?, id, &proof, &form).await?.granted()
}

/// The content of a file that holds a secret, without its last line end.
pub(crate) fn file(path: &std::path::Path) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// Runs `work` to its end.
pub(crate) fn run<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("the program cannot begin its work")?.block_on(work)
}
