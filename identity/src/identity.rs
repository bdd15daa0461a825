//! Who was recognised.

use std::collections::{BTreeMap, BTreeSet};

use wiretape_core::event::PrincipalKind;

/// Somebody or something that has proved who it is, by a token or by a certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Identity {
    /// The name by which policies, records and people call it.
    pub name: String,
    /// What it is.
    pub kind: PrincipalKind,
    /// Its groups, each once, in the order of the token.
    pub groups: Vec<String>,
    /// The URL of the issuer that vouches for it; empty for a user of the configuration.
    pub issuer: String,
    /// The issuer's own name for it (`sub`); empty without an issuer.
    pub subject: String,
    /// The name of whom it acts for; empty when it acts for itself.
    pub on_behalf_of: String,
    /// What else its token says: texts, lists of texts and truth values, by their path (`realm_access.roles`).
    pub claims: BTreeMap<String, BTreeSet<String>>,
    /// When the proof ends, in seconds since 1970-01-01 UTC.
    pub expires_unix: Option<u64>,
    /// The name of the proof, for revocation: the `jti` of a token, `sha256:…` of what is signed of a token without
    /// one, or `certificate:17`.
    pub token_id: String,
    /// The `token_id` of the token for which a certificate was given; empty otherwise. Who revokes that token revokes
    /// the certificate with it.
    pub derived_from: String,
    /// How it was proved, for the record: `token <token_id>` or `certificate <serial> SHA256:…`.
    pub proof: String,
}

impl Identity {
    /// The same without its proof: what rules judge, and by which principals are told apart.
    #[must_use]
    pub fn unproved(&self) -> Self {
        Self {
            expires_unix: None,
            token_id: String::new(),
            derived_from: String::new(),
            proof: String::new(),
            ..self.clone()
        }
    }

    /// Whether the proof is over at `now_unix` (seconds).
    #[must_use]
    pub fn is_over(&self, now_unix: u64) -> bool {
        self.expires_unix.is_some_and(|expires| now_unix >= expires)
    }
}

/// Whether `text` can be the name of a principal or a group: neither empty nor long, nothing in it that does not show
/// or that moves what stands beside it, no space at its ends.
pub(crate) fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= crate::limits::NAME_BYTES_MAX
        && text.trim() == text
        && !text.chars().any(|letter| letter.is_control() || is_invisible(letter))
}

/// Letters that change how others are shown, or show nothing: marks of direction, joiners, fillers, line ends.
fn is_invisible(letter: char) -> bool {
    matches!(
        letter,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use super::is_name;

    #[test]
    fn names_that_could_pass_for_others_are_none() {
        for name in ["ana", "Ana Müller", "ana@example.com", "repo:acme/shop", "system:serviceaccount:ci:builder", "安"]
        {
            assert!(is_name(name), "{name}");
        }
        for name in ["", " ana", "ana ", "an\u{200b}a", "\u{202e}ana", "ana\n", "ana\0", "a\u{7f}", "ana\u{feff}"] {
            assert!(!is_name(name), "{name:?}");
        }
        assert!(!is_name(&"a".repeat(257)));
    }
}
