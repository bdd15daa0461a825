//! Credentials in heads and trailers: the one list of what is never recorded.
//!
//! **Fields.** Of `Authorization` and `Proxy-Authorization` the scheme is recorded where it is a known one, of
//! `Set-Cookie` the cookie's name, of the other fields listed in [`treatment`] nothing but how long the value was. A
//! field whose name ends in `-token`, `-secret`, `-password`, `-apikey`, `-api-key`, `-access-key`, `-secret-key`,
//! `-authorization` or `-credentials` counts as listed.
//!
//! **URLs.** In the path of a request, and in the fields that carry URLs (`Referer`, `Location`, `Link`, …), the value of
//! a parameter is replaced by `***` when its name is one of [`PARAMETERS`]: in the query, in the fragment, behind a `;` of
//! the path, and in a URL that is itself the value of a parameter. Case, `-`, `_`, percent-encoding and nesting
//! (`user[password]`) do not matter. User information before the host is replaced too.
//!
//! **WebSocket.** Subprotocols of `Sec-WebSocket-Protocol` that carry a token, as browsers can send none elsewhere.
//!
//! Content is not looked at here.

use std::ops::Range;

use bytes::Bytes;
use wiretape_core::event::HeaderField;

use crate::Field;
use crate::limits::CREDENTIAL_NAME_BYTES_MAX;

/// What stands in the record in the place of a credential inside a value.
const STARS: &[u8] = b"***";

/// What is recorded of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Treatment {
    /// All of it.
    Shown,
    /// Its length.
    Concealed,
    /// The authentication scheme (RFC 9110 section 11.1).
    Scheme,
    /// The name of the cookie (RFC 6265 section 4.1).
    Cookie,
    /// All but credentials in a URL.
    Url,
    /// All but subprotocols that are tokens.
    Subprotocols,
}

/// The fields that carry credentials, in lower case.
fn treatment(name: &[u8]) -> Treatment {
    let mut buffer = [0; CREDENTIAL_NAME_BYTES_MAX];
    // The end of a name is what tells, should it be longer.
    let name = name.get(name.len().saturating_sub(buffer.len())..).unwrap_or(name);
    let Some(lower) = buffer.get_mut(..name.len()) else { return Treatment::Concealed };
    lower.copy_from_slice(name);
    lower.make_ascii_lowercase();
    match &*lower {
        b"authorization" | b"proxy-authorization" => Treatment::Scheme,
        b"set-cookie" | b"set-cookie2" => Treatment::Cookie,
        b"sec-websocket-protocol" => Treatment::Subprotocols,
        b"referer" | b"location" | b"content-location" | b"link" | b"refresh" | b"destination" | b"origin"
        | b"x-original-url" | b"x-original-uri" | b"x-rewrite-url" | b"x-forwarded-uri" => Treatment::Url,
        // Sessions, and what proves them.
        b"cookie" | b"cookie2" | b"x-session-id" | b"x-csrftoken" | b"x-xsrftoken" | b"dpop"
        | b"authentication-info" | b"proxy-authentication-info"
        // Keys of APIs, whoever gave them.
        | b"api-key" | b"apikey" | b"x-apikey" | b"x-auth" | b"x-auth-key" | b"x-token" | b"x-secret"
        | b"x-functions-key" | b"ocp-apim-subscription-key" | b"dd-application-key" | b"x-registry-auth"
        | b"x-registry-config" | b"x-ms-authorization-auxiliary"
        // Assertions about a person.
        | b"x-amzn-oidc-data" | b"x-amzn-oidc-accesstoken" | b"x-goog-iap-jwt-assertion" | b"x-jwt-assertion"
        | b"cf-access-jwt-assertion"
        // Keys that the storage encrypts with.
        | b"x-amz-server-side-encryption-customer-key" | b"x-amz-copy-source-server-side-encryption-customer-key"
        | b"x-ms-encryption-key" | b"x-goog-encryption-key" => Treatment::Concealed,
        other if ends_as_credential(other) => Treatment::Concealed,
        _ => Treatment::Shown,
    }
}

/// How the names of fields end that carry credentials: `X-Auth-Token`, `X-Vault-Token`, `X-CSRF-Token`,
/// `Private-Token`, `Job-Token`, `X-GitHub-Token`, `X-Amz-Security-Token`, `X-API-Key`, `X-Goog-API-Key`, …
fn ends_as_credential(name: &[u8]) -> bool {
    let mut words = name.rsplitn(3, |byte| *byte == b'-');
    match (words.next(), words.next()) {
        (Some(b"token" | b"secret" | b"password" | b"apikey" | b"authorization" | b"credentials"), Some(_)) => true,
        // A key may be of many kinds.
        (Some(b"key"), Some(b"api" | b"access" | b"secret")) => true,
        _ => false,
    }
}

/// Authentication schemes whose name is recorded, in lower case: those that IANA lists, and those in wide use.
const SCHEMES: &[&[u8]] = &[
    b"apikey",
    b"aws",
    b"aws4-hmac-sha256",
    b"basic",
    b"bearer",
    b"bot",
    b"concealed",
    b"digest",
    b"dpop",
    b"gnap",
    b"hawk",
    b"hoba",
    b"key",
    b"mutual",
    b"negotiate",
    b"ntlm",
    b"oauth",
    b"privatetoken",
    b"scram-sha-1",
    b"scram-sha-256",
    b"sharedkey",
    b"signature",
    b"splunk",
    b"ssws",
    b"token",
    b"vapid",
];

/// Parameters of URLs whose value is a credential: in lower case, without `-` and `_`.
const PARAMETERS: &[&[u8]] = &[
    b"accesskey",
    b"accesstoken",
    b"apikey",
    b"apitoken",
    b"assertion",
    b"auth",
    b"authenticitytoken",
    b"authkey",
    b"authorization",
    b"authtoken",
    b"bearer",
    b"bearertoken",
    b"clientassertion",
    b"clientsecret",
    b"code",
    b"codeverifier",
    b"credential",
    b"credentials",
    b"csrf",
    b"csrftoken",
    b"devicecode",
    b"feedtoken",
    b"idtoken",
    b"idtokenhint",
    b"jobtoken",
    b"jsessionid",
    b"jwt",
    b"key",
    b"oauthsignature",
    b"oauthtoken",
    b"oauthverifier",
    b"otp",
    b"passphrase",
    b"passwd",
    b"password",
    b"phpsessid",
    b"privatekey",
    b"privatetoken",
    b"pwd",
    b"refreshtoken",
    b"rsstoken",
    b"samlresponse",
    b"secret",
    b"secretaccesskey",
    b"secretkey",
    b"securitytoken",
    b"sessionid",
    b"sessionkey",
    b"sessiontoken",
    b"sig",
    b"signature",
    b"subscriptionkey",
    b"ticket",
    b"token",
    b"uploadtoken",
    b"xamzsecuritytoken",
    b"xamzsignature",
    b"xapikey",
    b"xgoogsignature",
    b"xsrftoken",
];

/// What is recorded of a field.
pub(crate) fn field(said: &Field) -> HeaderField {
    let Field { name, value } = said;
    let shown = |value: Bytes| HeaderField { name: name.clone(), value, concealed_bytes: 0 };
    match treatment(name) {
        Treatment::Shown => shown(value.clone()),
        Treatment::Url => shown(url(value)),
        Treatment::Subprotocols => shown(replaced(value, &tokens_of_subprotocols(value))),
        Treatment::Concealed => behind(said, 0),
        Treatment::Scheme => behind(said, scheme_bytes(value)),
        Treatment::Cookie => behind(said, value.iter().position(|byte| *byte == b'=').map_or(0, |at| at + 1)),
    }
}

/// The field with the first `shown` bytes of its value.
fn behind(said: &Field, shown: usize) -> HeaderField {
    let concealed = said.value.len().saturating_sub(shown);
    HeaderField {
        name: said.name.clone(),
        value: said.value.slice(..said.value.len() - concealed),
        concealed_bytes: u32::try_from(concealed).unwrap_or(u32::MAX),
    }
}

/// Bytes of a known scheme and the space behind it. A word alone may be the credential itself.
fn scheme_bytes(value: &[u8]) -> usize {
    let Some(length) = value.iter().position(|byte| *byte == b' ') else { return 0 };
    let word = value.get(..length).unwrap_or_default();
    if SCHEMES.iter().any(|scheme| scheme.eq_ignore_ascii_case(word)) { length + 1 } else { 0 }
}

/// A URL, or a text with URLs in it, without the credentials that it carries.
pub(crate) fn url(value: &Bytes) -> Bytes {
    let mut found = Vec::new();
    user_information(value, &mut found);
    parameters(value, &mut found);
    found.sort_unstable_by_key(|range| range.start);
    replaced(value, &found)
}

/// `value` with stars in the place of each of `ranges`, which are in order.
fn replaced(value: &Bytes, ranges: &[Range<usize>]) -> Bytes {
    if ranges.is_empty() {
        return value.clone();
    }
    let mut shown = Vec::with_capacity(value.len());
    let mut at = 0;
    for range in ranges.iter().filter(|range| !range.is_empty()) {
        // What stands inside a range that was replaced before is gone with it.
        if range.start >= at {
            shown.extend_from_slice(value.get(at..range.start).unwrap_or_default());
            shown.extend_from_slice(STARS);
        }
        at = at.max(range.end);
    }
    shown.extend_from_slice(value.get(at..).unwrap_or_default());
    Bytes::from(shown)
}

/// What stands between `://` and the `@` before a host (RFC 3986 section 3.2.1).
fn user_information(value: &[u8], found: &mut Vec<Range<usize>>) {
    let mut at = 0;
    while let Some(rest) = value.get(at..) {
        let Some(mark) = rest.windows(3).position(|window| window == b"://") else { return };
        let start = at + mark + 3;
        let authority = value.get(start..).unwrap_or_default();
        let length = authority.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#' | b'>' | b'"' | b' '));
        let authority = authority.get(..length.unwrap_or(authority.len())).unwrap_or_default();
        if let Some(end) = authority.iter().rposition(|byte| *byte == b'@') {
            found.push(start..start + end);
        }
        at = start + authority.len();
    }
}

/// One letter of a URL, or one that is percent-encoded (RFC 3986 section 2.1).
#[derive(Clone, Copy)]
struct Letter {
    byte: u8,
    width: usize,
}

impl Letter {
    fn at(value: &[u8], at: usize) -> Option<Self> {
        let byte = *value.get(at)?;
        let digit = |place: usize| value.get(place).and_then(|byte| char::from(*byte).to_digit(16));
        let encoded = if byte == b'%' { digit(at + 1).zip(digit(at + 2)) } else { None };
        Some(match encoded {
            Some((high, low)) => Self { byte: (high * 16 + low) as u8, width: 3 },
            None => Self { byte, width: 1 },
        })
    }

    fn is_encoded(self) -> bool {
        self.width > 1
    }

    /// Whether a parameter may begin behind it.
    fn begins(self) -> bool {
        matches!(self.byte, b'?' | b'&' | b';' | b'#')
    }

    /// Whether it ends a value. One in a URL that is a value itself ends where that value's own parameters do.
    fn ends(self, inside: bool, in_path: bool) -> bool {
        match self.byte {
            b'&' | b'#' => inside || !self.is_encoded(),
            b'>' | b'"' | b' ' => !self.is_encoded(),
            b'/' | b'?' | b';' => in_path && !self.is_encoded(),
            _ => false,
        }
    }
}

/// The values of parameters that are credentials.
fn parameters(value: &[u8], found: &mut Vec<Range<usize>>) {
    let mut at = 0;
    let mut in_path = true;
    while let Some(letter) = Letter::at(value, at) {
        at += letter.width;
        if !letter.begins() {
            continue;
        }
        in_path &= letter.byte == b';';
        let start = at;
        let end = loop {
            match Letter::at(value, at) {
                Some(letter) if letter.byte == b'=' || letter.begins() => break letter,
                Some(letter) => at += letter.width,
                None => return,
            }
        };
        if end.byte != b'=' {
            continue;
        }
        let secret = value.get(start..at).is_some_and(is_secret);
        at += end.width;
        if secret {
            let start = at;
            while let Some(letter) = Letter::at(value, at).filter(|letter| !letter.ends(end.is_encoded(), in_path)) {
                at += letter.width;
            }
            found.push(start..at);
        }
    }
}

/// Whether a parameter of this name, as it stands in the URL, is a credential: one part of `user[password]` suffices.
fn is_secret(name: &[u8]) -> bool {
    let mut buffer = [0; CREDENTIAL_NAME_BYTES_MAX];
    let mut length = 0;
    let mut at = 0;
    loop {
        let letter = Letter::at(name, at);
        match letter.map(|letter| letter.byte) {
            None | Some(b'[' | b']' | b'.' | b':') => {
                let part = buffer.get(..length).unwrap_or_default();
                if PARAMETERS.binary_search(&part).is_ok() {
                    return true;
                }
                length = 0;
            }
            Some(b'-' | b'_' | b' ' | b'+') => {}
            Some(byte) => {
                if let Some(place) = buffer.get_mut(length) {
                    *place = byte.to_ascii_lowercase();
                }
                length += 1;
            }
        }
        match letter {
            Some(letter) => at += letter.width,
            None => return false,
        }
    }
}

/// Subprotocols that carry a token: by a prefix (Kubernetes, OpenAI), by the word before them, or by their look (a JSON
/// Web Token).
fn tokens_of_subprotocols(value: &[u8]) -> Vec<Range<usize>> {
    const PREFIXES: &[&[u8]] =
        &[b"base64url.bearer.authorization.k8s.io.", b"openai-insecure-api-key.", b"bearer.", b"token.", b"jwt."];
    const WORDS: &[&[u8]] = &[b"access_token", b"authorization", b"auth", b"bearer", b"jwt", b"token"];
    let mut found = Vec::new();
    let mut start = 0;
    let mut announced = false;
    for part in value.split(|byte| *byte == b',') {
        let word = part.trim_ascii();
        let begin = start + (part.len() - part.trim_ascii_start().len());
        let prefix = PREFIXES
            .iter()
            .find(|prefix| word.get(..prefix.len()).is_some_and(|beginning| beginning.eq_ignore_ascii_case(prefix)));
        let shown = match prefix {
            _ if announced || word.starts_with(b"eyJ") => 0,
            Some(prefix) => prefix.len(),
            None => word.len(),
        };
        if shown < word.len() {
            found.push(begin + shown..begin + word.len());
        }
        announced = WORDS.iter().any(|known| known.eq_ignore_ascii_case(word));
        start += part.len() + 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{PARAMETERS, SCHEMES, field, url};
    use crate::Field;

    fn recorded(name: &str, value: &str) -> (String, u32) {
        let said = Field { name: Bytes::from(name.to_owned()), value: Bytes::from(value.to_owned()) };
        let recorded = field(&said);
        assert_eq!(recorded.name, said.name);
        (String::from_utf8(recorded.value.to_vec()).unwrap(), recorded.concealed_bytes)
    }

    #[test]
    fn the_lists_are_in_order_and_in_the_letters_that_are_looked_for() {
        assert!(PARAMETERS.is_sorted());
        let plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        assert!(PARAMETERS.iter().all(|name| name.iter().all(plain)));
        assert!(SCHEMES.iter().all(|name| name.iter().all(|byte| plain(byte) || *byte == b'-')));
    }

    #[test]
    fn of_a_credential_the_scheme_or_the_name_is_recorded() {
        for (name, value, shown, concealed) in [
            ("Authorization", "Bearer abc.def", "Bearer ", 7),
            ("proxy-authorization", "basic YTpi", "basic ", 4),
            ("AUTHORIZATION", "abcdef", "", 6),
            ("Authorization", "sk-secret and more", "", 18),
            ("Authorization", "", "", 0),
            ("Cookie", "a=b; c=d", "", 8),
            ("Set-Cookie", "sid=31d4; Path=/; HttpOnly", "sid=", 22),
            ("set-cookie", "nameless", "", 8),
            ("X-Api-Key", "k", "", 1),
            ("X-CSRF-Token", "k1", "", 2),
            ("x-amz-security-token", "k1", "", 2),
            ("X-Whatever-Somebody-Calls-Their-Own-Most-Secret-And-Very-Long-Access-Token", "k1", "", 2),
            ("WWW-Authenticate", "Basic realm=\"a\"", "Basic realm=\"a\"", 0),
            ("Content-Type", "text/plain", "text/plain", 0),
            ("Next-Tokens", "5", "5", 0),
            ("", "empty", "empty", 0),
        ] {
            assert_eq!(recorded(name, value), (shown.to_owned(), concealed), "{name}: {value}");
        }
    }

    #[test]
    fn of_a_url_the_parameters_stay_and_their_secrets_go() {
        for (said, shown) in [
            ("/a?b=c&d=e", "/a?b=c&d=e"),
            ("/a?token=s&page=2", "/a?token=***&page=2"),
            ("/a?ACCESS_token=s#t", "/a?ACCESS_token=***#t"),
            ("/a?api-key=s;x&y=z", "/a?api-key=***&y=z"),
            ("/a?%74oken=s", "/a?%74oken=***"),
            ("/a?to%6ben=s%26t&y", "/a?to%6ben=***&y"),
            ("/a?user%5Bpassword%5D=s&user[name]=ana", "/a?user%5Bpassword%5D=***&user[name]=ana"),
            ("/a?user.password=s", "/a?user.password=***"),
            ("/a?pageToken=n&next_token=n", "/a?pageToken=n&next_token=n"),
            ("/a?token=&b=c", "/a?token=&b=c"),
            ("/a?token", "/a?token"),
            ("/a?b=c;sig=s=s", "/a?b=c;sig=***"),
            ("/a;jsessionid=s/b?c=d", "/a;jsessionid=***/b?c=d"),
            ("/a;jsessionid=s?c=d&e", "/a;jsessionid=***?c=d&e"),
            ("/key=visible?key=s", "/key=visible?key=***"),
            ("/l?next=%2Fx%3Ftoken%3Ds%26b%3Dc&d=e", "/l?next=%2Fx%3Ftoken%3D***%26b%3Dc&d=e"),
            ("https://ana:s@host/x?y=z", "https://***@host/x?y=z"),
            ("https://host/x@y?y=z", "https://host/x@y?y=z"),
            ("https://host/cb#access_token=s&state=t", "https://host/cb#access_token=***&state=t"),
            ("<https://h/?page=2&access_token=s>; rel=\"next\"", "<https://h/?page=2&access_token=***>; rel=\"next\""),
            ("5; url=https://a:s@h/?key=s", "5; url=https://***@h/?key=***"),
            ("https://u:token?key=s@h/", "https://u:token?key=***"),
            ("/a?%", "/a?%"),
            ("/a?key=%", "/a?key=***"),
        ] {
            let value = Bytes::from(said.to_owned());
            assert_eq!(url(&value), shown, "{said}");
        }
    }

    #[test]
    fn subprotocols_that_are_tokens_are_not_recorded() {
        for (said, shown) in [
            ("v4.channel.k8s.io, chat", "v4.channel.k8s.io, chat"),
            (
                "base64url.bearer.authorization.k8s.io.c2VjcmV0, v4.channel.k8s.io",
                "base64url.bearer.authorization.k8s.io.***, v4.channel.k8s.io",
            ),
            ("realtime, openai-insecure-api-key.sk-1,beta", "realtime, openai-insecure-api-key.***,beta"),
            ("access_token, abc", "access_token, ***"),
            ("graphql-ws,eyJhbGciOi.e30.x", "graphql-ws,***"),
            ("", ""),
        ] {
            assert_eq!(recorded("Sec-WebSocket-Protocol", said), (shown.to_owned(), 0));
        }
    }
}
