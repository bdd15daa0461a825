//! What a client says of who it is: `Bearer` and `Basic` credentials (RFC 6750, RFC 7617).

use data_encoding::BASE64;
use zeroize::Zeroizing;

use crate::identity::TOKEN_PREFIX;

/// Bytes of a label.
pub(super) const LABEL_BYTES_MAX: usize = 128;

/// What a client says of who it is.
pub(super) struct Credentials {
    /// Empty where no name was given.
    pub(super) person: String,
    pub(super) label: Option<String>,
    pub(super) token: Zeroizing<String>,
}

impl Credentials {
    /// Reads `Bearer …` and `Basic …` (RFC 6750, RFC 7617).
    pub(super) fn parse(value: &[u8]) -> Option<Self> {
        let value = std::str::from_utf8(value).ok()?;
        let (scheme, rest) = value.split_once(' ')?;
        let rest = rest.trim_matches(' ');
        if scheme.eq_ignore_ascii_case("bearer") {
            return Some(Self { person: String::new(), label: None, token: Zeroizing::new(rest.to_owned()) });
        }
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let pair = Zeroizing::new(BASE64.decode(rest.as_bytes()).ok()?);
        let (user, password) = std::str::from_utf8(&pair).ok()?.split_once(':')?;
        // Some programs have room for one word only.
        if password.is_empty() && user.starts_with(TOKEN_PREFIX) {
            return Some(Self { person: String::new(), label: None, token: Zeroizing::new(user.to_owned()) });
        }
        let (person, label) = match user.split_once('+') {
            Some((person, label)) => (person, Some(label.to_owned()).filter(|label| is_label(label))),
            None => (user, None),
        };
        Some(Self { person: person.to_owned(), label, token: Zeroizing::new(password.to_owned()) })
    }
}

/// Whether the work of a client can be called so.
pub(super) fn is_label(label: &str) -> bool {
    (1..=LABEL_BYTES_MAX).contains(&label.len()) && label.chars().all(|character| !character.is_control())
}

#[cfg(test)]
mod tests {
    use data_encoding::BASE64;

    use super::Credentials;

    fn basic(pair: &str) -> Option<Credentials> {
        Credentials::parse(format!("Basic {}", BASE64.encode(pair.as_bytes())).as_bytes())
    }

    #[test]
    fn credentials_are_read_as_people_write_them() {
        let credentials = Credentials::parse(b"bearer wt_1").unwrap();
        assert_eq!((credentials.person.as_str(), credentials.token.as_str()), ("", "wt_1"));
        let credentials = basic("ana:wt_1").unwrap();
        assert_eq!((credentials.person.as_str(), credentials.token.as_str()), ("ana", "wt_1"));
        let credentials = basic("ana+run 7:wt_1").unwrap();
        assert_eq!((credentials.person.as_str(), credentials.label.as_deref()), ("ana", Some("run 7")));
        assert_eq!(basic("wt_1:").unwrap().token.as_str(), "wt_1");
        assert!(Credentials::parse(b"AWS4-HMAC-SHA256 Credential=x").is_none());
        assert!(Credentials::parse(b"Basic !").is_none());
    }
}
