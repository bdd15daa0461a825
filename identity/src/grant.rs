//! What a token endpoint gives: RFC 6749 section 5.

use anyhow::{Context, bail};
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::rejected::quoted;
use crate::settings::LoginToken;
use crate::token::Token;
use crate::web::{Proof, Web};

/// Tokens that were given.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) access: Option<SecretString>,
    pub(crate) id: Option<SecretString>,
    pub(crate) refresh: Option<SecretString>,
}

impl Grant {
    /// The one that is presented to the gateway.
    pub(crate) fn presented(&self, which: LoginToken) -> anyhow::Result<&SecretString> {
        match which {
            LoginToken::Id => self.id.as_ref().context("the issuer gave no ID token: is `openid` among the scopes?"),
            LoginToken::Access => {
                let token = self.access.as_ref().context("the issuer gave no access token")?;
                if !Token::is_one(token.expose_secret()) {
                    bail!("the issuer's access tokens are not JWTs: let the gateway take its ID tokens instead");
                }
                Ok(token)
            }
        }
    }
}

/// What a token endpoint answered.
pub(crate) enum Answered {
    Granted(Grant),
    /// One of the error codes of RFC 6749 section 5.2 and RFC 8628 section 3.5, and what the issuer says of it.
    Refused {
        code: String,
        text: String,
    },
}

impl Answered {
    /// The tokens, or the refusal as an error.
    pub(crate) fn granted(self) -> anyhow::Result<Grant> {
        match self {
            Self::Granted(grant) => Ok(grant),
            Self::Refused { code, text } if text.is_empty() => bail!("the issuer refused: {code}"),
            Self::Refused { code, text } => bail!("the issuer refused: {code}: {text}"),
        }
    }
}

#[derive(Deserialize)]
struct Body {
    access_token: Option<SecretString>,
    id_token: Option<SecretString>,
    refresh_token: Option<SecretString>,
    error: Option<String>,
    error_description: Option<String>,
}

/// Asks the token endpoint at `url`.
pub(crate) async fn ask(
    web: &Web,
    url: &Url,
    client_id: &str,
    proof: &Proof<'_>,
    form: &[(&str, &str)],
) -> anyhow::Result<Answered> {
    let answer = web.post_form(url, client_id, proof, form).await?;
    let body: Body = answer.json().with_context(|| format!("the issuer answered {}", answer.status))?;
    if let Some(code) = body.error {
        let text = body.error_description.map(|text| quoted(&text)).unwrap_or_default();
        let code = if code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') && code.len() <= 64 {
            code
        } else {
            quoted(&code)
        };
        return Ok(Answered::Refused { code, text });
    }
    if !answer.status.is_success() {
        bail!("the issuer answered {}", answer.status);
    }
    Ok(Answered::Granted(Grant { access: body.access_token, id: body.id_token, refresh: body.refresh_token }))
}
