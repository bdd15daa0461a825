//! A login by OAuth: the messages of a SASL exchange and what stands in them. Pure: no token is looked at here.
//!
//! ```text
//!   gateway  AuthenticationSASL [OAUTHBEARER] ─►        ◄─ SASLInitialResponse `n,,^Aauth=Bearer <token>^A^A`  client
//!            then AuthenticationOk, or
//!            AuthenticationSASLContinue {"status": …} ─► ◄─ SASLResponse `^A`
//!            ErrorResponse ─►
//! ```
//! `^A` is the byte 1. A client that has no token yet sends an empty `auth`, learns from the answer where to get one,
//! and comes again.
//!
//! Sources: PostgreSQL's documentation, "SASL Authentication", "OAUTHBEARER Authentication" and "Message Formats"; RFC
//! 7628 section 3 (the content), RFC 5801 section 4 (its beginning), RFC 6750 section 2.1 (the token).

use bytes::{BufMut, Bytes, BytesMut};

use crate::startup::Malformed;

/// The mechanism's name.
const MECHANISM: &[u8] = b"OAUTHBEARER";

/// What stands between the parts of a response.
const SEPARATOR: u8 = 1;

/// What a client answers to an error, so that the exchange can fail in order (RFC 7628 section 3.2.3).
const ACKNOWLEDGED: &[u8] = &[SEPARATOR];

/// Names with values in one response; `auth`, `host` and `port` are known.
const PAIRS_MAX: usize = 16;

/// The word before a token, with its space; in any case of letters.
const SCHEME: &[u8] = b"bearer ";

/// What a client gives.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Bearer<'a> {
    /// It has no token and asks where to get one.
    Nothing,
    /// A token of the letters that one may have. Nobody has looked at it.
    Token(&'a str),
}

/// `AuthenticationSASL`, which offers this mechanism and no other.
#[must_use]
pub fn offer() -> Bytes {
    authentication(10, &[MECHANISM, &[0, 0]].concat())
}

/// `AuthenticationSASLContinue` with `data`.
#[must_use]
pub fn challenge(data: &[u8]) -> Bytes {
    authentication(11, data)
}

fn authentication(code: u32, data: &[u8]) -> Bytes {
    let mut message = BytesMut::with_capacity(9 + data.len());
    message.put_u8(b'R');
    // Ours are short: the settings of an issuer.
    message.put_u32(u32::try_from(8 + data.len()).unwrap_or(u32::MAX));
    message.put_u32(code);
    message.put_slice(data);
    message.freeze()
}

/// Reads the body of a `SASLInitialResponse`: what the client says first, or `None` where it waits for an empty
/// challenge before it says something.
///
/// # Errors
/// When it is none, or chooses another mechanism than the one that was offered.
pub fn initial(body: &[u8]) -> Result<Option<&[u8]>, Malformed> {
    let mut parts = body.splitn(2, |byte| *byte == 0);
    let (Some(mechanism), Some(rest)) = (parts.next(), parts.next()) else {
        return Err(Malformed("a SASL exchange begins with the name of a mechanism"));
    };
    if mechanism != MECHANISM {
        return Err(Malformed("the client chose a SASL mechanism that was not offered: OAUTHBEARER was"));
    }
    let Some((length, response)) = rest.split_first_chunk::<4>() else {
        return Err(Malformed("a SASL exchange begins with a response and its length"));
    };
    match i32::from_be_bytes(*length) {
        -1 if response.is_empty() => Ok(None),
        length if usize::try_from(length) == Ok(response.len()) => Ok(Some(response)),
        _ => Err(Malformed("the first SASL response has another length than it says")),
    }
}

/// Reads what the client says first of itself (RFC 7628 section 3.1).
///
/// # Errors
/// When it is not that, is bound to a channel, speaks for another identity, or holds anything but one bearer token.
pub fn bearer(response: &[u8]) -> Result<Bearer<'_>, Malformed> {
    let Some(pairs) = [&b"n,,"[..], b"y,,"].into_iter().find_map(|header| response.strip_prefix(header)) else {
        return Err(Malformed(match response {
            [b'p', ..] => "OAUTHBEARER is not bound to a channel here",
            [b'n' | b'y', b',', b'a', ..] => "nobody logs in as somebody else: the name is that of the startup packet",
            _ => "an OAUTHBEARER response begins with n,,",
        }));
    };
    let Some(pairs) = pairs.strip_prefix(&[SEPARATOR]).and_then(|pairs| pairs.strip_suffix(&[SEPARATOR])) else {
        return Err(Malformed("an OAUTHBEARER response is a list between two separators"));
    };
    let mut authorization = None;
    let mut rest = pairs;
    for _ in 0..PAIRS_MAX {
        let Some(end) = rest.iter().position(|byte| *byte == SEPARATOR) else { break };
        let (pair, behind) = rest.split_at(end);
        rest = behind.strip_prefix(&[SEPARATOR]).unwrap_or_default();
        let Some(at) = pair.iter().position(|byte| *byte == b'=') else {
            return Err(Malformed("an OAUTHBEARER response has names with values"));
        };
        let (name, value) = pair.split_at(at);
        let value = value.strip_prefix(b"=").unwrap_or_default();
        if name.is_empty() || !name.iter().all(u8::is_ascii_alphabetic) {
            return Err(Malformed("a name in an OAUTHBEARER response is of letters"));
        }
        if !value.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\t' | b'\r' | b'\n')) {
            return Err(Malformed("a value in an OAUTHBEARER response is printable"));
        }
        // Others, known or not, say nothing that matters here: section 3.1 has them ignored.
        if name == b"auth" && authorization.replace(value).is_some() {
            return Err(Malformed("an OAUTHBEARER response says auth once"));
        }
    }
    if !rest.is_empty() {
        return Err(Malformed("an OAUTHBEARER response has at most 16 values, each with its end"));
    }
    match authorization {
        None => Err(Malformed("an OAUTHBEARER response says auth")),
        Some([]) => Ok(Bearer::Nothing),
        Some(value) => token(value).map(Bearer::Token),
    }
}

/// The token behind its scheme (RFC 6750 section 2.1, `b64token`).
fn token(value: &[u8]) -> Result<&str, Malformed> {
    const FAULT: Malformed = Malformed("auth in an OAUTHBEARER response is Bearer and a token");
    let (scheme, rest) = value.split_at_checked(SCHEME.len()).ok_or(FAULT)?;
    let token = std::str::from_utf8(rest.trim_ascii_start()).map_err(|_| FAULT)?;
    let core = token.trim_end_matches('=');
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    if !scheme.eq_ignore_ascii_case(SCHEME) || core.is_empty() || !core.bytes().all(allowed) {
        return Err(FAULT);
    }
    Ok(token)
}

/// Whether `response` is what a client has to answer to an error.
#[must_use]
pub fn is_acknowledgement(response: &[u8]) -> bool {
    response == ACKNOWLEDGED
}

#[cfg(test)]
mod tests {
    use super::{Bearer, bearer, challenge, initial, is_acknowledgement, offer};

    fn said(response: &[u8]) -> Result<Option<&str>, &'static str> {
        match bearer(response) {
            Ok(Bearer::Nothing) => Ok(None),
            Ok(Bearer::Token(token)) => Ok(Some(token)),
            Err(malformed) => Err(malformed.0),
        }
    }

    #[test]
    fn the_gateways_messages_are_those_of_the_protocol() {
        assert_eq!(offer().as_ref(), b"R\0\0\0\x15\0\0\0\x0aOAUTHBEARER\0\0");
        assert_eq!(challenge(b"{}").as_ref(), b"R\0\0\0\x0a\0\0\0\x0b{}");
    }

    #[test]
    fn a_token_is_taken_as_it_stands() {
        assert_eq!(said(b"n,,\x01auth=Bearer a.b-c_d~e+f/g==\x01\x01"), Ok(Some("a.b-c_d~e+f/g==")));
        assert_eq!(said(b"y,,\x01auth=bEARER  abc\x01\x01"), Ok(Some("abc")));
        let others = b"n,,\x01host=gateway\x01port=5433\x01auth=Bearer abc\x01x=a=b\r\n\x01\x01";
        assert_eq!(said(others), Ok(Some("abc")));
        assert_eq!(said(b"n,,\x01auth=\x01\x01"), Ok(None));
    }

    #[test]
    fn what_is_no_response_is_refused_in_words() {
        for (bad, words) in [
            (&b""[..], "begins with n,,"),
            (b"auth=Bearer abc", "begins with n,,"),
            (b"p=tls-unique,,\x01auth=Bearer abc\x01\x01", "bound to a channel"),
            (b"n,a=root,\x01auth=Bearer abc\x01\x01", "somebody else"),
            (b"n,,auth=Bearer abc\x01\x01", "between two separators"),
            (b"n,,\x01", "between two separators"),
            (b"n,,\x01\x01", "says auth"),
            (b"n,,\x01auth=Bearer abc\x01", "each with its end"),
            (b"n,,\x01auth=Bearer abc\x01\x01\x01", "names with values"),
            (b"n,,\x01auth=Bearer abc\x01auth=Bearer def\x01\x01", "once"),
            (b"n,,\x01auth\x01\x01", "names with values"),
            (b"n,,\x01=x\x01\x01", "of letters"),
            (b"n,,\x01a1=x\x01auth=Bearer abc\x01\x01", "of letters"),
            (b"n,,\x01host=\0\x01auth=Bearer abc\x01\x01", "printable"),
            (b"n,,\x01auth=Basic YW5h\x01\x01", "Bearer and a token"),
            (b"n,,\x01auth=Bearer\x01\x01", "Bearer and a token"),
            (b"n,,\x01auth=Bearer \x01\x01", "Bearer and a token"),
            (b"n,,\x01auth=Bearer ==\x01\x01", "Bearer and a token"),
            (b"n,,\x01auth=Bearer a b\x01\x01", "Bearer and a token"),
            (b"n,,\x01auth=Bearer a=b\x01\x01", "Bearer and a token"),
            (b"n,,\x01AUTH=Bearer abc\x01\x01", "says auth"),
        ] {
            let text = said(bad).expect_err("it is refused");
            assert!(text.contains(words), "{bad:?}: {text}");
        }
        let many = [&b"n,,\x01"[..], &b"x=y\x01".repeat(16), b"auth=Bearer abc\x01\x01"].concat();
        assert!(said(&many).is_err(), "more values than anybody has");
    }

    #[test]
    fn every_cut_of_a_good_response_is_refused() {
        let good = b"n,,\x01host=gateway\x01auth=Bearer abc\x01\x01";
        for end in 0..good.len() {
            assert!(said(&good[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn the_first_message_names_the_mechanism_and_the_length() {
        assert_eq!(initial(b"OAUTHBEARER\0\0\0\0\x03n,,"), Ok(Some(&b"n,,"[..])));
        assert_eq!(initial(b"OAUTHBEARER\0\0\0\0\0"), Ok(Some(&b""[..])));
        assert_eq!(initial(b"OAUTHBEARER\0\xff\xff\xff\xff"), Ok(None));
        for bad in [
            &b""[..],
            b"a password\0",
            b"OAUTHBEARER",
            b"OAUTHBEARER\0",
            b"OAUTHBEARER\0\0\0\0",
            b"OAUTHBEARER\0\0\0\0\x04n,,",
            b"OAUTHBEARER\0\0\0\0\x02n,,",
            b"OAUTHBEARER\0\xff\xff\xff\xffn,,",
            b"OAUTHBEARER\0\xff\xff\xff\xfe",
            b"OAUTHBEARER\0\x7f\xff\xff\xff",
            b"SCRAM-SHA-256\0\0\0\0\x03n,,",
            b"oauthbearer\0\0\0\0\x03n,,",
        ] {
            assert!(initial(bad).is_err(), "{bad:?}");
        }
        assert!(is_acknowledgement(b"\x01"));
        assert!(!is_acknowledgement(b"") && !is_acknowledgement(b"\x01\x01"));
    }
}
