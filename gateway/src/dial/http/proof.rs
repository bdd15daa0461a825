//! What shows a target who the gateway is: a field on each request, or a signature over it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use bytes::Bytes;
use data_encoding::BASE64;
use secrecy::ExposeSecret;
use wiretape_core::Moment;
use wiretape_credentials::sigv4::{self, Demand, Payload};
use wiretape_credentials::{AwsKeys, Gives};
use wiretape_http::{Content, Field, RequestHead};
use zeroize::Zeroizing;

use crate::clock::{SessionClock, unix_seconds};
use crate::config::{CredentialSource, HttpCredential, HttpTarget, Presentation};
use crate::credentials::{self, Credential};

/// How long a target's credential is used before it is asked for again, where nothing says how long it holds.
const CREDENTIAL_AGE_MAX: Duration = Duration::from_secs(300);

/// A credential that a target refuses is asked for again when it is older than this.
const REFUSED_AGE_MIN: Duration = Duration::from_secs(10);

/// The field that states the hash of the content.
const CONTENT_HASH: &[u8] = b"x-amz-content-sha256";

/// What was made of a target's credential.
#[derive(Default)]
pub(super) struct Proof {
    kept: tokio::sync::Mutex<Option<Kept>>,
}

struct Kept {
    since: Moment,
    fresh_for: Duration,
    shown: Shown,
}

#[derive(Clone)]
enum Shown {
    /// A field that each request gets.
    Field(Field),
    /// Keys that sign each request.
    Keys(Arc<AwsKeys>),
}

impl Proof {
    /// Puts on `head`, which goes to `http`, what shows who the gateway is. `content` is what is known of the content.
    pub(super) async fn put(
        &self,
        http: &HttpTarget,
        head: &mut RequestHead,
        content: Option<Payload>,
        clock: SessionClock,
    ) -> anyhow::Result<()> {
        let Some(credential) = &http.credential else { return Ok(()) };
        match self.shown(credential, clock).await? {
            Shown::Field(field) => {
                head.fields.retain(|own| !own.name.eq_ignore_ascii_case(&field.name));
                head.fields.push(field);
                Ok(())
            }
            Shown::Keys(keys) => sign(head, &keys, content),
        }
    }

    async fn shown(&self, credential: &HttpCredential, clock: SessionClock) -> anyhow::Result<Shown> {
        let mut kept = self.kept.lock().await;
        let now = clock.now();
        if let Some(kept) = &*kept
            && now.since(kept.since) < kept.fresh_for
        {
            return Ok(kept.shown.clone());
        }
        let (secret, fresh_for) = credentials::lease(&credential.source).await?;
        let shown = match secret {
            Credential::Password(secret) => Shown::Field(field(&credential.presentation, secret.expose_secret())?),
            Credential::Key(_) => return Err(anyhow!("an SSH key is no credential for HTTP")),
            Credential::Aws(keys) => Shown::Keys(keys),
        };
        let fresh_for = fresh_for.unwrap_or(CREDENTIAL_AGE_MAX).min(CREDENTIAL_AGE_MAX);
        *kept = Some(Kept { since: now, fresh_for, shown: shown.clone() });
        Ok(shown)
    }

    /// Notes that the target refused the credential: it is asked for again, but not each time.
    pub(super) fn refused(&self, source: &CredentialSource, clock: SessionClock) {
        // Others may have had it for long when this session has it for the first time.
        let forgotten = credentials::forget(source, REFUSED_AGE_MIN);
        let Ok(mut kept) = self.kept.try_lock() else { return };
        if forgotten || kept.as_ref().is_some_and(|kept| clock.now().since(kept.since) >= REFUSED_AGE_MIN) {
            *kept = None;
        }
    }
}

/// Whether the content has to be known before `head` can go to `http`: keys sign it too.
///
/// # Errors
/// It cannot be signed in the client's place.
pub(super) fn demands_content(http: &HttpTarget, head: &RequestHead) -> anyhow::Result<bool> {
    match &http.credential {
        Some(HttpCredential { source: CredentialSource::Aws(aws), .. }) => {
            Ok(demand(&aws.service, head)? == Demand::Content)
        }
        _ => Ok(false),
    }
}

fn demand(service: &str, head: &RequestHead) -> anyhow::Result<Demand> {
    let stated = head.fields.iter().find(|field| field.name.eq_ignore_ascii_case(CONTENT_HASH));
    let stated = stated.and_then(|field| std::str::from_utf8(&field.value).ok());
    let empty = head.content == Content::Empty;
    Ok(sigv4::demand(service, head.scheme.as_ref() == b"https", empty, stated)?)
}

/// Signs `head` with `keys`; `content` is what is known of the content.
fn sign(head: &mut RequestHead, keys: &AwsKeys, content: Option<Payload>) -> anyhow::Result<()> {
    let payload = match (demand(&keys.service, head)?, content) {
        (Demand::Met(payload), _) | (Demand::Content, Some(payload)) => payload,
        (Demand::Content, None) => {
            return Err(anyhow!("the content of the request is not known, and cannot be signed"));
        }
    };
    let text = |bytes| std::str::from_utf8(bytes).context("a request that is not UTF-8 cannot be signed");
    let (method, host, target) = (text(&head.method)?, text(&head.authority)?, text(&head.path)?);
    // What is not UTF-8 is none of the fields that are signed, or the signature is wrong: the service refuses it then.
    let fields: Vec<(&str, &str)> = head
        .fields
        .iter()
        .filter_map(|field| Some((std::str::from_utf8(&field.name).ok()?, std::str::from_utf8(&field.value).ok()?)))
        .collect();
    let request = sigv4::Request { method, host, target, fields: &fields, payload: &payload };
    let signed = sigv4::sign(&request, keys, unix_seconds())?;
    head.path = Bytes::from(signed.target);
    head.fields.retain(|field| !signed.remove.iter().any(|name| field.name.eq_ignore_ascii_case(name.as_bytes())));
    for (name, value) in &signed.set {
        head.fields.push(checked(name, value.expose_secret())?);
    }
    Ok(())
}

/// The field that shows `secret`.
fn field(presentation: &Presentation, secret: &str) -> anyhow::Result<Field> {
    let (name, value) = match presentation {
        Presentation::Bearer => ("authorization", Zeroizing::new(format!("Bearer {secret}"))),
        Presentation::Basic(login) => {
            let pair = Zeroizing::new(format!("{login}:{secret}"));
            let encoded = Zeroizing::new(BASE64.encode(pair.as_bytes()));
            ("authorization", Zeroizing::new(format!("Basic {}", encoded.as_str())))
        }
        Presentation::Header(name) => (name.as_str(), Zeroizing::new(secret.to_owned())),
    };
    checked(name, &value)
}

/// A field with a secret in it, which is wiped when nobody needs it any more.
fn checked(name: &str, value: &str) -> anyhow::Result<Field> {
    if value.bytes().any(|byte| byte < 0x20 || byte == 0x7f) {
        return Err(anyhow!("the credential has a line end or a control character in it, which HTTP cannot carry"));
    }
    let value = Bytes::from_owner(Zeroizing::new(value.as_bytes().to_vec()));
    let field = Field { name: Bytes::copy_from_slice(name.as_bytes()), value };
    wiretape_http::check::fields(std::slice::from_ref(&field))
        .map_err(|_| anyhow!("the credential cannot stand in a header field"))?;
    Ok(field)
}

/// Whether what shows who the gateway is depends on the whole request.
pub(super) fn signs(http: &HttpTarget) -> bool {
    http.credential.as_ref().is_some_and(|own| own.source.gives() == Gives::Signature)
}
