//! How a PostgreSQL client proves who it is: by a token as its password, or, where it says that it wants to, by a SASL
//! exchange in which it gives one that it got from an issuer (OAUTHBEARER).
//!
//! The server of this protocol has to name the one way before it knows what the client can, and libpq speaks no other
//! way than that one. So the client names it: `options='-c wiretape.login=oauth'`, beside the settings by which libpq
//! finds the issuer. A client that says nothing is asked for a password, as every client can answer.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wiretape_identity::{IssuerOffer, Issuers};
use wiretape_postgres::sasl::{self, Bearer};
use wiretape_postgres::startup::{Malformed, Setting};
use zeroize::Zeroizing;

use super::stop::{Stop, refuse};
use crate::admission::{HELD_OFF, WRONG_TOKEN_TIME};
use crate::gateway::Gateway;
use crate::identity::Principal;
use crate::recognition::{self, Unknown};
use crate::transport::Stream;

/// A password or a SASL message, in bytes: tokens may be long.
const TOKEN_BYTES_MAX: usize = 64 * 1024;

/// How long a client may take to answer that it has heard of an error: what is told it does not depend on that.
const ACKNOWLEDGEMENT_TIME_MAX: Duration = Duration::from_secs(5);

/// `AuthenticationCleartextPassword`.
const ASK_PASSWORD: &[u8] = &[b'R', 0, 0, 0, 8, 0, 0, 0, 3];

/// The setting by which a client says how it logs in.
const LOGIN_SETTING: &str = "wiretape.login";

/// What a login asks an issuer for and a connection has no use for: nobody keeps what this would bring.
const OFFLINE_SCOPE: &str = "offline_access";

/// How a client wants to log in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Method {
    Password,
    /// By a token of an issuer: of this one, where it is named.
    OAuth(Option<String>),
}

impl Method {
    /// The one that the settings for the gateway name.
    pub(super) fn wanted(settings: &[Setting]) -> Result<Self, Stop> {
        let mut method = Self::Password;
        for (name, value) in settings {
            method = match (name.as_str(), value.split_once(':').unwrap_or((value, ""))) {
                (LOGIN_SETTING, ("password", "")) => Self::Password,
                (LOGIN_SETTING, ("oauth", "")) => Self::OAuth(None),
                (LOGIN_SETTING, ("oauth", issuer)) => Self::OAuth(Some(issuer.to_owned())),
                (LOGIN_SETTING, _) => {
                    let text = format!("{LOGIN_SETTING} is password, oauth, or oauth:<name of an issuer>");
                    return Err(refuse("22023", "startup", text));
                }
                _ => {
                    let text = format!("the gateway knows no such setting: there is {LOGIN_SETTING}");
                    return Err(refuse("42704", "startup", text));
                }
            };
        }
        Ok(method)
    }
}

/// Who is at the other end, and calls itself `user`.
pub(super) async fn principal(
    gateway: &Gateway,
    address: SocketAddr,
    stream: &mut dyn Stream,
    user: &str,
    method: &Method,
) -> Result<Principal, Stop> {
    match method {
        Method::Password => by_password(gateway, address.ip(), stream, user).await,
        Method::OAuth(issuer) => by_oauth(gateway, address.ip(), stream, user, issuer.as_deref()).await,
    }
}

/// By the token that is given as a password.
async fn by_password(
    gateway: &Gateway,
    address: IpAddr,
    stream: &mut dyn Stream,
    user: &str,
) -> Result<Principal, Stop> {
    say(stream, ASK_PASSWORD).await?;
    let said = answer(stream, "a password was expected").await?;
    let token = said.strip_suffix(&[0]).and_then(|token| std::str::from_utf8(token).ok()).unwrap_or_default();
    match recognition::by_bearer(gateway, address, &names(user), token).await {
        Ok(principal) => Ok(principal),
        Err(unknown) => {
            let hint = "the password is your token for this gateway, not that of the database";
            Err(refusal(unknown, "28P01", hint).await)
        }
    }
}

/// By a bearer token in a SASL exchange (RFC 7628).
async fn by_oauth(
    gateway: &Gateway,
    address: IpAddr,
    stream: &mut dyn Stream,
    user: &str,
    issuer: Option<&str>,
) -> Result<Principal, Stop> {
    let Some(place) = place(&gateway.issuers(), issuer) else {
        let text = match issuer {
            Some(_) => "the issuer that wiretape.login names is none at which one can log in for this gateway",
            None => "there is no issuer at which one can log in for this gateway: give a token as the password",
        };
        return Err(refuse("28000", "login", text));
    };
    say(stream, &sasl::offer()).await?;
    let begun = answer(stream, "a SASL exchange was expected").await?;
    let later;
    let response = match sasl::initial(&begun).map_err(malformed)? {
        Some(response) => response,
        None => {
            say(stream, &sasl::challenge(&[])).await?;
            later = answer(stream, "a SASL response was expected").await?;
            &later
        }
    };
    let Bearer::Token(token) = sasl::bearer(response).map_err(malformed)? else {
        let acknowledged = fail(stream, &place).await;
        let text = format!("no token was given: log in at {}", place.url);
        // Whoever does not keep to the exchange was not asking.
        return Err(if acknowledged { Stop::Shown { text } } else { refuse("28000", "login", text) });
    };
    match recognition::by_bearer(gateway, address, &names(user), token).await {
        Ok(principal) => Ok(principal),
        Err(unknown) => {
            // It is refused in any case.
            let _acknowledged = fail(stream, &place).await;
            let hint = "the token is one of an issuer of this gateway, for this gateway, and of the user you name";
            Err(refusal(unknown, "28000", hint).await)
        }
    }
}

/// What a client may mean to be called that connects as `user`: the name stands before the target, and both may have an
/// `@` in them.
fn names(user: &str) -> Vec<&str> {
    let before = user.match_indices('@').filter_map(|(at, _)| user.get(..at));
    before.chain([user]).collect()
}

/// Where a client is sent to log in: at the issuer called `name`, or the first that has a client.
fn place(issuers: &Issuers, name: Option<&str>) -> Option<IssuerOffer> {
    issuers.offer().issuers.into_iter().find(|issuer| name.is_none_or(|name| issuer.name == name))
}

/// Fails the exchange as RFC 7628 section 3.2 has it: says where a token is to be had, and waits until the client has
/// heard. Whether it has.
async fn fail(stream: &mut dyn Stream, place: &IssuerOffer) -> bool {
    let failing = async {
        say(stream, &sasl::challenge(directions(place).as_bytes())).await?;
        answer(stream, "the end of a SASL exchange was expected").await
    };
    let heard = tokio::time::timeout(ACKNOWLEDGEMENT_TIME_MAX, failing).await;
    matches!(heard, Ok(Ok(heard)) if sasl::is_acknowledgement(&heard))
}

/// What a client without a good token is told (RFC 7628 section 3.2.2).
fn directions(place: &IssuerOffer) -> String {
    let scopes: Vec<&str> = place.scopes.iter().map(String::as_str).filter(|scope| *scope != OFFLINE_SCOPE).collect();
    let document = format!("{}/.well-known/openid-configuration", place.url.trim_end_matches('/'));
    json!({"status": "invalid_token", "openid-configuration": document, "scope": scopes.join(" ")}).to_string()
}

/// The refusal of somebody who is not known, after the time that a wrong guess takes.
async fn refusal(unknown: Unknown, code: &'static str, hint: &str) -> Stop {
    if unknown.seconds.is_none() {
        tokio::time::sleep(WRONG_TOKEN_TIME).await;
    }
    let rule = if unknown.recorded { "unknown-user" } else { HELD_OFF };
    Stop::Refused { code, rule: rule.to_owned(), text: unknown.text, hint: Some(hint.to_owned()) }
}

fn malformed(malformed: Malformed) -> Stop {
    refuse("08P01", "startup", malformed.0)
}

async fn say(stream: &mut dyn Stream, message: &[u8]) -> std::io::Result<()> {
    stream.write_all(message).await?;
    stream.flush().await
}

/// The body of the client's answer to a question about who it is: a message of type `p`.
async fn answer(stream: &mut dyn Stream, expected: &'static str) -> Result<Zeroizing<Vec<u8>>, Stop> {
    let mut head = [0; 5];
    stream.read_exact(&mut head).await?;
    let [letter, length @ ..] = head;
    let length = u32::from_be_bytes(length) as usize;
    if letter != b'p' || !(5..=TOKEN_BYTES_MAX).contains(&length) {
        return Err(refuse("08P01", "startup", expected));
    }
    let mut body = Zeroizing::new(vec![0; length - 4]);
    stream.read_exact(&mut body).await?;
    Ok(body)
}

#[cfg(test)]
mod tests {
    use wiretape_identity::{IssuerOffer, IssuerSettings, Issuers};

    use super::{Method, Stop, directions, place};

    fn wanted(settings: &[(&str, &str)]) -> Result<Method, String> {
        let settings: Vec<_> = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Method::wanted(&settings).map_err(|stop| match stop {
            Stop::Refused { text, .. } => text,
            _ => panic!("it is refused in words"),
        })
    }

    #[test]
    fn the_client_says_how_it_logs_in() {
        let oauth = |issuer: Option<&str>| Ok(Method::OAuth(issuer.map(str::to_owned)));
        assert_eq!(wanted(&[]), Ok(Method::Password));
        assert_eq!(wanted(&[("wiretape.login", "password")]), Ok(Method::Password));
        assert_eq!(wanted(&[("wiretape.login", "oauth")]), oauth(None));
        assert_eq!(wanted(&[("wiretape.login", "oauth:corp")]), oauth(Some("corp")));
        assert_eq!(wanted(&[("wiretape.login", "oauth"), ("wiretape.login", "password")]), Ok(Method::Password));
        for bad in [("wiretape.login", ""), ("wiretape.login", "OAuth"), ("wiretape.login", "password:corp")] {
            assert!(wanted(&[bad]).is_err_and(|text| text.contains("oauth:<name")), "{bad:?}");
        }
        assert!(wanted(&[("wiretape.logins", "oauth")]).is_err_and(|text| text.contains("no such setting")));
    }

    #[test]
    fn the_first_issuer_with_a_client_is_the_place_where_none_is_named() {
        let settings = ["machines", "corp", "other"].map(|name| {
            let mut settings = IssuerSettings::new(name, format!("https://{name}.example.com/"));
            settings.audience.push("wiretape".to_owned());
            settings.client_id = (name != "machines").then(|| "wiretape".to_owned());
            settings
        });
        let issuers = Issuers::new(settings.to_vec()).expect("they are good");
        let named = |name: Option<&str>| place(&issuers, name).map(|place| place.name);
        assert_eq!(named(None).as_deref(), Some("corp"));
        assert_eq!(named(Some("other")).as_deref(), Some("other"));
        assert_eq!((named(Some("machines")), named(Some("nobody"))), (None, None));
        assert!(place(&Issuers::default(), None).is_none());
    }

    #[test]
    fn directions_are_a_document_and_scopes() {
        let place = IssuerOffer {
            url: "https://id.example.com/".to_owned(),
            scopes: ["openid", "offline_access", "email"].map(str::to_owned).to_vec(),
            ..IssuerOffer::default()
        };
        let expected = r#"{"status":"invalid_token","openid-configuration":"https://id.example.com/.well-known/openid-configuration","scope":"openid email"}"#;
        assert_eq!(directions(&place), expected);
    }
}
