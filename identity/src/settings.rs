//! What the configuration says of an issuer.

use std::time::Duration;

use jsonwebtoken::Algorithm;
use secrecy::{ExposeSecret, SecretString};
use wiretape_core::event::PrincipalKind;

/// The algorithms of issuers that say nothing of theirs: every asymmetric one.
pub const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// An OpenID Connect issuer, as the configuration describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerSettings {
    /// What the configuration calls it.
    pub name: String,
    /// Its URL, letter by letter as it stands in the `iss` of its tokens.
    pub url: String,
    /// Audiences that its tokens may be for, beside the client identifiers.
    pub audience: Vec<String>,
    /// The gateway's own name at the issuer.
    pub client_id: Option<String>,
    /// The gateway's secret at the issuer, where it has one.
    pub client_secret: Option<ClientSecret>,
    /// The name at the issuer by which `wiretape login` asks: that of a public client. `None`: `client_id`.
    pub login_client_id: Option<String>,
    /// Clients (`azp`, `client_id`) whose tokens are taken; empty: all that are for this gateway.
    pub clients: Vec<String>,
    /// The claim that names a principal, by its path; `None`: `preferred_username`, a verified `email`, `sub`.
    pub name_claim: Option<String>,
    /// The claim that names its groups, by its path.
    pub groups_claim: String,
    /// What its principals are where nothing else tells.
    pub kind: PrincipalKind,
    /// By what agents are known.
    pub agents: Vec<Sign>,
    /// What every token has to say.
    pub require: Vec<Sign>,
    /// Names of algorithms that its tokens may be signed by; empty: [`ALGORITHMS`].
    pub algorithms: Vec<String>,
    /// How far its clock and the gateway's may be apart.
    pub clock_skew: Duration,
    /// Certificates, in PEM, of the authorities by which the issuer's server is known; `None`: those of the system.
    pub ca_pem: Option<Vec<u8>>,
    /// What is asked for at a login.
    pub scopes: Vec<String>,
    /// Which token of a login is presented to the gateway.
    pub login_token: LoginToken,
    /// What the token shall be for (RFC 8707), where the issuer wants that said.
    pub resource: String,
}

impl IssuerSettings {
    /// The issuer `name` at `url`, all else as it is when the configuration says nothing.
    #[must_use]
    pub fn new(name: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            url: url.into(),
            audience: Vec::new(),
            client_id: None,
            client_secret: None,
            login_client_id: None,
            clients: Vec::new(),
            name_claim: None,
            groups_claim: "groups".to_owned(),
            kind: PrincipalKind::Person,
            agents: Vec::new(),
            require: Vec::new(),
            algorithms: Vec::new(),
            clock_skew: Duration::from_secs(60),
            ca_pem: None,
            scopes: ["openid", "profile", "email", "offline_access"].map(str::to_owned).to_vec(),
            login_token: LoginToken::Id,
            resource: String::new(),
        }
    }

    /// Every audience that its tokens may be for.
    pub(crate) fn audiences(&self) -> impl Iterator<Item = &str> {
        let clients = self.client_id.iter().chain(&self.login_client_id);
        self.audience.iter().chain(clients).map(String::as_str)
    }
}

/// The gateway's secret at an issuer. It is in no message.
#[derive(Clone, Debug)]
pub struct ClientSecret(pub SecretString);

/// Both are the configuration's own: how long it takes to tell them apart tells nobody anything.
impl PartialEq for ClientSecret {
    fn eq(&self, other: &Self) -> bool {
        self.0.expose_secret() == other.0.expose_secret()
    }
}

impl Eq for ClientSecret {}

/// A claim, and the values by which something is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sign {
    /// The claim, by its path.
    pub claim: String,
    /// One of these; one that ends in `*` stands for all that begin so.
    pub values: Vec<String>,
}

impl Sign {
    /// The first of `said` that is one of the values.
    pub(crate) fn found<'a>(&self, said: &[&'a str]) -> Option<&'a str> {
        said.iter().copied().find(|said| {
            self.values.iter().any(|value| match value.strip_suffix('*') {
                Some(beginning) => said.starts_with(beginning),
                None => said == value,
            })
        })
    }
}

/// Which of an issuer's tokens is presented to the gateway.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum LoginToken {
    /// The ID token: always for the client, always readable.
    #[default]
    #[serde(rename = "id_token")]
    Id,
    /// The access token, where the issuer makes ones that are JWTs (RFC 9068).
    #[serde(rename = "access_token")]
    Access,
}
