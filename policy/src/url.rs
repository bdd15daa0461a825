//! URLs of requests, as far as they say what is asked for.

use bytes::Bytes;

/// What a URL says. Of a URL that is not understood each part is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Url {
    /// The host in lower case, without a dot at its end.
    pub(crate) host: Option<String>,
    /// The port; the scheme's own where none is written.
    pub(crate) port: Option<u16>,
    /// The path as it was written, before the question mark; `None` for a tunnel.
    pub(crate) raw: Option<String>,
    /// The path in plain text: what is escaped without need is not escaped any more. `None` where it depends on the
    /// server what is meant: with `.`, `..` or nothing between slashes, with an escaped slash or backslash, with
    /// escapes that are none.
    pub(crate) path: Option<String>,
    /// What stands after the question mark, as it was written; empty without one.
    pub(crate) query: Option<String>,
    /// Whether it names a host and no path: a tunnel.
    pub(crate) is_tunnel: bool,
}

impl Url {
    /// Reads a URL with a scheme, a path alone, or `host:port`.
    pub(crate) fn parse(url: &Bytes) -> Self {
        let Ok(text) = std::str::from_utf8(url) else { return Self::default() };
        if text.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
            return Self::default();
        }
        let (authority, rest, default_port) = match text.split_once("://") {
            Some((scheme, rest)) => {
                let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
                let (authority, rest) = rest.split_at(end);
                let port = match scheme.to_ascii_lowercase().as_str() {
                    "http" | "ws" => Some(80),
                    "https" | "wss" => Some(443),
                    _ => None,
                };
                (Some(authority), rest, port)
            }
            None if text.starts_with('/') || text == "*" => (None, text, None),
            None => (Some(text), "", None),
        };
        let is_tunnel = !text.contains("://") && authority.is_some();
        let (host, port) = authority.and_then(self::authority).unwrap_or_default();
        let mut read = Self { host, port: port.or(default_port), is_tunnel, ..Self::default() };
        if is_tunnel {
            return read;
        }
        let rest = rest.split('#').next().unwrap_or_default();
        let (raw, query) = rest.split_once('?').unwrap_or((rest, ""));
        let raw = if raw.is_empty() { "/" } else { raw };
        read.path = plain(raw);
        read.raw = Some(raw.to_owned());
        read.query = Some(query.to_owned());
        read
    }
}

/// Host and port of `user@host:port`.
fn authority(text: &str) -> Option<(Option<String>, Option<u16>)> {
    let text = text.rsplit_once('@').map_or(text, |(_, host)| host);
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            (host, rest.strip_prefix(':'))
        }
        None => text.rsplit_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let port = match port {
        None | Some("") => None,
        Some(port) => Some(port.parse().ok()?),
    };
    Some((plain_host(host), port))
}

/// A host in the one form that policies know; `None` for what is none.
pub(crate) fn plain_host(host: &str) -> Option<String> {
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
    (!host.is_empty() && host.bytes().all(is_plain)).then_some(host)
}

/// A path without escapes that need not be, if it means one thing to every server.
fn plain(raw: &str) -> Option<String> {
    if raw == "*" {
        return Some("*".to_owned());
    }
    let mut bytes = Vec::new();
    let mut rest = raw.bytes();
    while let Some(byte) = rest.next() {
        let byte = match byte {
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                let (high, low) = (digit(rest.next())?, digit(rest.next())?);
                match u8::try_from(high << 4 | low).ok()? {
                    b'/' | b'\\' | 0..=0x1f | 0x7f | b'%' => return None,
                    byte => byte,
                }
            }
            b'\\' => return None,
            byte => byte,
        };
        bytes.push(byte);
    }
    let text = String::from_utf8(bytes).ok()?;
    let inner = text.strip_prefix('/')?;
    let inner = inner.strip_suffix('/').unwrap_or(inner);
    // What stands behind a semicolon belongs to the path for some servers and not for others.
    let is_plain = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(';');
    (inner.is_empty() && text == "/" || inner.split('/').all(is_plain)).then_some(text)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::Url;

    fn read(url: &'static str) -> Url {
        Url::parse(&Bytes::from_static(url.as_bytes()))
    }

    #[test]
    fn what_a_path_means_is_known_or_it_is_not_told() {
        for (url, path) in [
            ("https://api.example/v1/users?x=1", Some("/v1/users")),
            ("https://api.example", Some("/")),
            ("https://api.example?x", Some("/")),
            ("/v1/%75sers", Some("/v1/users")),
            ("/v1/users/", Some("/v1/users/")),
            ("/caf%C3%A9", Some("/café")),
            ("/a%20b", Some("/a b")),
            ("*", Some("*")),
            ("/v1/../admin", None),
            ("/v1/%2e%2E/admin", None),
            ("/v1/./admin", None),
            ("//admin", None),
            ("/admin//", None),
            ("/a%2fb", None),
            ("/a%5Cb", None),
            ("/a\\b", None),
            ("/a%00", None),
            ("/a%zz", None),
            ("/a%2", None),
            ("/a%252fb", None),
            ("/admin;x=1/users", None),
            ("/%ff", None),
        ] {
            assert_eq!(read(url).path.as_deref(), path, "{url}");
        }
    }

    #[test]
    fn a_host_is_one_text_however_it_is_written() {
        for (url, host, port) in [
            ("https://API.Example./x", Some("api.example"), Some(443)),
            ("http://api.example:8080/x", Some("api.example"), Some(8080)),
            ("http://user:password@api.example/x@y", Some("api.example"), Some(80)),
            ("http://[::1]:80/", Some("::1"), Some(80)),
            ("api.example:443", Some("api.example"), Some(443)),
            ("[::1]:443", Some("::1"), Some(443)),
            ("/x", None, None),
            ("http://a b/", None, None),
            ("http://a%2eb/", None, Some(80)),
            ("http://x:99999/", None, Some(80)),
        ] {
            let url = read(url);
            assert_eq!((url.host.as_deref(), url.port), (host, port), "{url:?}");
        }
        assert!(read("api.example:443").is_tunnel && !read("http://api.example:443").is_tunnel);
    }
}
