//! Settings of targets of the kinds `http` and `tunnel`, and of the doors that lead to them.

use std::path::Path;
use std::time::Duration;

use toml::Spanned;
use wiretape_credentials::Gives;

use super::faults::Faults;
use super::setting::{credential_source, is_loopback, tls_files, tls_mode};
use super::{CredentialSource, HttpTable, TargetTable, TlsFiles, TlsMode};

/// The header field that names the work that exchanges belong to, unless another is configured.
const LABEL_HEADER: &str = "wiretape-label";

/// How long the session of a label waits for the next connection, unless something else is configured.
const LABEL_LINGER: Duration = Duration::from_secs(60);

/// What holds for all HTTP clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HttpSettings {
    /// `<target>.<domain>` reaches the target.
    pub(crate) domain: Option<String>,
    /// The header field that names the work that exchanges belong to, in lower case.
    pub(crate) label_header: String,
    /// How long the session of a label waits for the next connection of its work.
    pub(crate) label_linger: Duration,
}

/// An HTTP server behind the gateway.
#[derive(Clone, Debug)]
pub(crate) struct HttpTarget {
    /// Where it is; `None`: at the host that the client of the forward proxy asked for.
    pub(crate) origin: Option<Origin>,
    /// What every path at the target begins with; without a `/` at its end.
    pub(crate) base: String,
    /// The hosts that clients of the forward proxy reach it by.
    pub(crate) hosts: Vec<HostPattern>,
    /// How the gateway proves to the target who it is.
    pub(crate) credential: Option<HttpCredential>,
    pub(crate) version: HttpChoice,
    /// What its certificate has to show.
    pub(crate) tls: TlsMode,
    pub(crate) tls_files: TlsFiles,
}

/// What a client of the forward proxy reaches without that the gateway looks into it.
#[derive(Clone, Debug)]
pub(crate) struct TunnelTarget {
    pub(crate) hosts: Vec<HostPattern>,
}

/// A scheme, a host and a port (RFC 9110 section 4.3).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Origin {
    pub(crate) secure: bool,
    /// A name in lower case, or an address; one of IPv6 without its brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// A host that clients ask for: a name or an address, or `*.` and the end of names; with a port, or with any that fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HostPattern {
    host: String,
    /// Any name that ends with it.
    wild: bool,
    port: Option<u16>,
}

/// A secret, and how an HTTP server is shown it.
#[derive(Clone, Debug)]
pub(crate) struct HttpCredential {
    pub(crate) source: CredentialSource,
    pub(crate) presentation: Presentation,
}

/// How an HTTP server is shown a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Presentation {
    /// `Authorization: Bearer …` (RFC 6750).
    Bearer,
    /// `Authorization: Basic …` with this user name (RFC 7617).
    Basic(String),
    /// As the value of this field, in lower case.
    Header(String),
}

/// Which version of HTTP a target is spoken to in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HttpChoice {
    /// What the target chooses over TLS; 1.1 in clear text.
    Auto,
    /// HTTP/1.1.
    One,
    /// HTTP/2, in clear text with prior knowledge.
    Two,
}

impl Origin {
    /// Reads `host`, `host:port`, `[v6]` or `[v6]:port`.
    pub(crate) fn parse(secure: bool, authority: &str) -> Option<Self> {
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, Some(port)),
            _ => (authority, None),
        };
        let port = match port {
            None => default_port(secure),
            Some(port) => port.parse::<u16>().ok().filter(|port| *port > 0)?,
        };
        let bare = match host.strip_prefix('[').map(|host| host.strip_suffix(']')) {
            Some(host) => host.filter(|host| host.parse::<std::net::Ipv6Addr>().is_ok())?,
            None => host,
        };
        let named = bare.len() == host.len();
        let fits =
            |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte) || (!named && b":".contains(&byte));
        (!bare.is_empty() && bare.len() <= 255 && bare.bytes().all(fits)).then(|| Self {
            secure,
            host: bare.to_ascii_lowercase(),
            port,
        })
    }

    /// The scheme.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.secure { "https" } else { "http" }
    }

    fn authority_with_port(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// Host and port as a URL has them: the port only where it is not the scheme's own.
    pub(crate) fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == default_port(self.secure) { host } else { format!("{host}:{}", self.port) }
    }
}

impl HostPattern {
    fn parse(text: &str) -> Option<Self> {
        let (wild, rest) = text.strip_prefix("*.").map_or((false, text), |rest| (true, rest));
        let origin = Origin::parse(true, rest)?;
        let port = rest.rsplit_once(':').is_some_and(|(_, port)| !port.contains(']')).then_some(origin.port);
        Some(Self { host: origin.host, wild, port })
    }

    /// Whether some host fits both equally well.
    pub(crate) fn rivals(&self, other: &Self) -> bool {
        let ports = self.port.is_none() || other.port.is_none() || self.port == other.port;
        self.host == other.host && self.wild == other.wild && ports
    }

    /// The pattern that only `origin` matches.
    fn of(origin: &Origin) -> Self {
        Self { host: origin.host.clone(), wild: false, port: Some(origin.port) }
    }

    /// Whether `host`, in lower case, is meant; a pattern without a port means `port_else`.
    fn matches(&self, host: &str, port: u16, port_else: u16) -> bool {
        let named = if self.wild {
            host.strip_suffix(self.host.as_str()).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
        } else {
            host == self.host
        };
        named && port == self.port.unwrap_or(port_else)
    }
}

impl HttpTarget {
    /// Whether its credential leaves this host in clear text.
    pub(crate) fn bares_credential(&self) -> bool {
        let clear =
            self.origin.as_ref().is_some_and(|origin| !origin.secure && !is_loopback(&origin.authority_with_port()));
        self.credential.as_ref().is_some_and(|own| own.source.gives() != Gives::Signature) && clear
    }

    /// Whether `origin` is one of its hosts by its whole name.
    pub(crate) fn names(&self, origin: &Origin) -> bool {
        self.hosts.iter().any(|pattern| !pattern.wild && pattern.host == origin.host)
    }

    /// Whether a client that asks the forward proxy for `origin` means this target.
    pub(crate) fn covers(&self, origin: &Origin) -> bool {
        let secure = self.origin.as_ref().map_or(origin.secure, |own| own.secure);
        self.hosts.iter().any(|pattern| pattern.matches(&origin.host, origin.port, default_port(secure)))
    }
}

impl TunnelTarget {
    /// Whether `origin` is one of its hosts by its whole name.
    pub(crate) fn names(&self, origin: &Origin) -> bool {
        self.hosts.iter().any(|pattern| !pattern.wild && pattern.host == origin.host)
    }

    /// Whether a client that asks the forward proxy for `origin` means this target.
    pub(crate) fn covers(&self, origin: &Origin) -> bool {
        self.hosts.iter().any(|pattern| pattern.matches(&origin.host, origin.port, default_port(true)))
    }
}

/// The port of a scheme.
fn default_port(secure: bool) -> u16 {
    if secure { 443 } else { 80 }
}

pub(super) fn settings(table: HttpTable, faults: &mut Faults<'_>) -> HttpSettings {
    let domain = table.domain.and_then(|domain| {
        let fits = Origin::parse(true, domain.get_ref()).is_some_and(|origin| origin.host.contains('.'))
            && !domain.get_ref().contains(':');
        if !fits {
            let fault = format!("domain = {:?} is no domain: write it as \"gateway.example\"", domain.get_ref());
            faults.add(&domain.span(), fault);
        }
        fits.then(|| domain.into_inner().to_ascii_lowercase())
    });
    let label_header = table.label_header.map_or_else(
        || LABEL_HEADER.to_owned(),
        |name| {
            if !is_field_name(name.get_ref()) {
                faults.add(&name.span(), format!("label_header = {:?} is no name of a header field", name.get_ref()));
            }
            name.into_inner().to_ascii_lowercase()
        },
    );
    let label_linger = table.label_linger.map_or(LABEL_LINGER, Duration::from_secs);
    HttpSettings { domain, label_header, label_linger }
}

pub(super) fn target(table: TargetTable, folder: &Path, faults: &mut Faults<'_>) -> Option<HttpTarget> {
    let name = table.name.get_ref().clone();
    let span = table.name.span();
    let place = match &table.url {
        Some(url) => match place(url.get_ref()) {
            Ok(place) => Some(place),
            Err(fault) => {
                faults.add(&url.span(), format!("url {:?} {fault}", url.get_ref()));
                return None;
            }
        },
        None => None,
    };
    let mut hosts = host_patterns(&table.hosts, faults);
    let (origin, base) = place.map_or((None, String::new()), |(origin, base)| (Some(origin), base));
    match &origin {
        Some(origin) if table.hosts.is_empty() => hosts.push(HostPattern::of(origin)),
        None if table.hosts.is_empty() => {
            let fault = format!("target {name:?} needs url = \"https://…\", or hosts = [\"…\"] for the forward proxy");
            faults.add(&span, fault);
            return None;
        }
        _ => {}
    }
    let version = match table.http.as_ref().map(|http| http.get_ref().as_str()) {
        None | Some("auto") => HttpChoice::Auto,
        Some("1.1") => HttpChoice::One,
        Some("2") => HttpChoice::Two,
        Some(other) => {
            if let Some(http) = &table.http {
                faults.add(&http.span(), format!("http = {other:?} is unknown: it is \"auto\", \"1.1\" or \"2\""));
            }
            HttpChoice::Auto
        }
    };
    let secure = origin.as_ref().is_none_or(|origin| origin.secure);
    if let (false, Some(tls)) = (secure, &table.tls) {
        faults.add(&tls.span(), "tls is of no use with a url that begins with http: write https");
    }
    let tls = if secure { tls_mode(table.tls.as_ref(), TlsMode::VerifyFull, faults) } else { TlsMode::Disable };
    if let (true, TlsMode::Disable, Some(span)) = (secure, tls, table.tls.as_ref().map(Spanned::span)) {
        faults.add(&span, "tls = \"disable\" and a url that begins with https contradict each other: write http");
    }
    let tls_files = tls_files(&table, secure, folder, faults);
    let credential = credential(table, &name, folder, faults);
    Some(HttpTarget { origin, base, hosts, credential, version, tls, tls_files })
}

pub(super) fn tunnel(table: &TargetTable, faults: &mut Faults<'_>) -> Option<TunnelTarget> {
    let hosts = host_patterns(&table.hosts, faults);
    if table.hosts.is_empty() {
        let fault = format!("target {:?} needs hosts = [\"host:443\", \"*.domain\", …]", table.name.get_ref());
        faults.add(&table.name.span(), fault);
        return None;
    }
    Some(TunnelTarget { hosts })
}

fn host_patterns(texts: &[Spanned<String>], faults: &mut Faults<'_>) -> Vec<HostPattern> {
    let mut patterns = Vec::new();
    for text in texts {
        match HostPattern::parse(text.get_ref()) {
            Some(pattern) => patterns.push(pattern),
            None => {
                let fault =
                    format!("{:?} names no host: write \"host\", \"host:port\" or \"*.domain\"", text.get_ref());
                faults.add(&text.span(), fault);
            }
        }
    }
    patterns
}

fn credential(table: TargetTable, name: &str, folder: &Path, faults: &mut Faults<'_>) -> Option<HttpCredential> {
    let presentation = match (&table.login, &table.header) {
        (Some(login), Some(header)) => {
            let fault = format!("header = {:?} and login exclude each other: login is for Basic", header.get_ref());
            faults.add(&header.span(), fault);
            Presentation::Basic(login.get_ref().clone())
        }
        (Some(login), None) => {
            if login.get_ref().contains(':') {
                faults.add(&login.span(), "a login for Basic has no colon (RFC 7617)");
            }
            Presentation::Basic(login.get_ref().clone())
        }
        (None, Some(header)) => {
            if !is_field_name(header.get_ref()) {
                faults.add(&header.span(), format!("{:?} is no name of a header field", header.get_ref()));
            }
            Presentation::Header(header.get_ref().to_ascii_lowercase())
        }
        (None, None) => Presentation::Bearer,
    };
    match table.credential {
        None => {
            for setting in [&table.login, &table.header].into_iter().flatten() {
                faults.add(&setting.span(), format!("target {name:?} has nothing to show there: add a credential"));
            }
            None
        }
        Some(source) if source.get_ref().gives() == Gives::Key => {
            let fault =
                "an HTTP server takes no SSH key: use password_file, env, vault and the like, or tls_certificate";
            faults.add(&source.span(), fault);
            None
        }
        Some(source) => {
            if source.get_ref().gives() == Gives::Signature {
                for setting in [&table.login, &table.header].into_iter().flatten() {
                    faults.add(&setting.span(), "keys of AWS sign a request: they are shown in no other way");
                }
            }
            let source = credential_source(source, name, folder, faults);
            Some(HttpCredential { source, presentation })
        }
    }
}

/// The origin and the base path of a URL.
fn place(url: &str) -> Result<(Origin, String), &'static str> {
    let (secure, rest) = if let Some(rest) = url.strip_prefix("https://") {
        (true, rest)
    } else if let Some(rest) = url.strip_prefix("http://") {
        (false, rest)
    } else {
        return Err("begins with neither https:// nor http://");
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if authority.contains('@') {
        return Err("has a user name in it: use login and credential");
    }
    if path.contains(['?', '#']) || path.bytes().any(|byte| !(0x21..0x7f).contains(&byte)) {
        return Err("ends with more than a path");
    }
    let origin = Origin::parse(secure, authority).ok_or("names no host")?;
    Ok((origin, path.trim_end_matches('/').to_owned()))
}

/// A token (RFC 9110 section 5.6.2).
fn is_field_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::{HostPattern, Origin, place};

    fn matches(pattern: &str, host: &str, port: u16) -> bool {
        HostPattern::parse(pattern).unwrap().matches(host, port, 443)
    }

    #[test]
    fn patterns_mean_what_they_say() {
        assert!(matches("api.example.com", "api.example.com", 443));
        assert!(!matches("api.example.com", "api.example.com", 80));
        assert!(matches("API.example.com:80", "api.example.com", 80));
        assert!(matches("*.example.com", "a.b.example.com", 443));
        assert!(!matches("*.example.com", "example.com", 443));
        assert!(!matches("*.example.com", "badexample.com", 443));
        assert!(!matches("*.example.com", ".example.com", 443));
        assert!(matches("[::1]:8443", "::1", 8443));
        assert!(HostPattern::parse("a b").is_none());
        assert!(HostPattern::parse("host:").is_none());
        assert!(HostPattern::parse("*").is_none());
    }

    #[test]
    fn origins_and_their_authorities() {
        let origin = Origin::parse(true, "Api.Example.com:443").unwrap();
        assert_eq!(origin.authority(), "api.example.com");
        assert_eq!(Origin::parse(false, "[::1]").unwrap().authority(), "[::1]");
        assert_eq!(Origin::parse(false, "[::1]:81").unwrap().authority(), "[::1]:81");
        assert!(Origin::parse(false, "::1").is_none());
        assert!(Origin::parse(false, "a:0").is_none());
        assert!(Origin::parse(false, "user@host").is_none());
    }

    #[test]
    fn urls_have_an_origin_and_a_base() {
        let (origin, base) = place("https://h:8443/v1/").unwrap();
        assert_eq!((origin.authority().as_str(), base.as_str()), ("h:8443", "/v1"));
        assert_eq!(place("http://h").unwrap().1, "");
        for bad in ["ftp://h", "https://", "https://u:p@h", "https://h/?q"] {
            assert!(place(bad).is_err(), "{bad}");
        }
    }
}
