//! Why somebody was not recognised.

use thiserror::Error;

/// Why a token or a certificate was not taken.
///
/// The text is for the record and the log. It names nothing secret, and what it quotes is short and harmless.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Rejected {
    /// It is longer than any is taken.
    #[error("the token is longer than {} bytes", crate::limits::TOKEN_BYTES_MAX)]
    TooLong,
    /// It is no signed token.
    #[error("the token cannot be read: {0}")]
    Malformed(&'static str),
    /// Its header asks for what is not done.
    #[error("the token's header is not accepted: {0}")]
    Header(&'static str),
    /// Its algorithm is not one of those that its issuer may use.
    #[error("the token is signed by {0}, which its issuer is not configured for")]
    Algorithm(String),
    /// It is by nobody whom the configuration knows.
    #[error("the token is by {0}, which is no issuer of this gateway")]
    UnknownIssuer(String),
    /// Its issuer cannot be asked for its keys, and none are kept.
    #[error("the issuer {0} cannot be asked for its keys: {1}")]
    Unavailable(String, String),
    /// None of its issuer's keys is the one it names.
    #[error("the token is signed by a key that its issuer {0} does not have")]
    UnknownKey(String),
    /// Its signature is wrong.
    #[error("the token's signature is wrong")]
    Signature,
    /// It is for somebody else.
    #[error("the token is for {0}, not for this gateway")]
    Audience(String),
    /// It was given to a client that may not use it here.
    #[error("the token was given to {0}, which is none of the issuer's `clients`")]
    Client(String),
    /// Its time is over.
    #[error("the token ended {0} seconds ago: log in again")]
    Expired(u64),
    /// Its time has not come.
    #[error("the token begins in {0} seconds: are the clocks right?")]
    Early(u64),
    /// It says nothing that names its bearer.
    #[error("the token names nobody: {0}")]
    Unnamed(String),
    /// It lacks what the configuration requires.
    #[error("the token's {0:?} is not what the issuer's `require` says")]
    Requirement(String),
    /// It says more of its bearer than is kept.
    #[error("the token has more than {} claims, or one with a long name", crate::limits::CLAIMS_MAX)]
    TooMuch,
    /// It names a user of the configuration, who does not say that the issuer may vouch for him or her.
    #[error("{0:?} is a user of the configuration, and not one of {1}")]
    NameTaken(String, String),
    /// It names a user whom the configuration no longer knows.
    #[error("{0:?} is no user of the configuration")]
    UnknownUser(String),
    /// It was taken back.
    #[error("the {0} was revoked")]
    Revoked(String),
    /// The certificate is not one of this gateway, or not for this.
    #[error("the certificate is not accepted: {0}")]
    Certificate(&'static str),
}

impl Rejected {
    /// Whether it may have been a guess, which counts among the wrong logins ([`crate::Attempts::failed`]). That an
    /// issuer does not answer, or that a token which it signed has ended or is for others, is nobody's guess.
    #[must_use]
    pub fn is_guess(&self) -> bool {
        !matches!(
            self,
            Self::Unavailable(..)
                | Self::Audience(_)
                | Self::Client(_)
                | Self::Expired(_)
                | Self::Early(_)
                | Self::Revoked(_)
        )
    }
}

/// `text` for a message: short, in quotes, nothing in it that a terminal takes for an order.
pub(crate) fn quoted(text: &str) -> String {
    const BYTES_MAX: usize = 128;
    let mut end = text.len().min(BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let cut = text.get(..end).unwrap_or_default();
    if end < text.len() { format!("{cut:?}…") } else { format!("{cut:?}") }
}
