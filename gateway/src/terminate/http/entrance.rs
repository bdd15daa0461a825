//! From the head of a request to the session that it belongs to: who asks, what for, and by which way it goes.

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};

use bytes::Bytes;
use wiretape_core::Reason;
use wiretape_core::event::SessionOpened;
use wiretape_http::{Content, Field, Problem, RequestHead, ResponseHead, Route, duties, refuse};

use wiretape_policy::Circumstances;

use super::client::{Client, Door, Inside, Recent, steps_up};
use super::credentials::{Credentials, LABEL_BYTES_MAX, is_label};
use super::sessions::{HttpSession, Key};
use crate::admission::{self, HELD_OFF, WRONG_TOKEN_TIME, cut};
use crate::clock::SessionClock;
use crate::config::{Config, HttpTarget, Origin, Target, TargetKind};
use crate::dial;
use crate::gateway::Gateway;
use crate::identity::Principal;
use crate::recognition;

/// The name of the gateway in `Via`.
const PSEUDONYM: &str = "wiretape";

/// Sessions of one connection: targets and labels.
const SESSIONS_MAX: usize = 64;

/// Targets that a refusal lists.
const TARGETS_LISTED_MAX: usize = 20;

/// What comes of a request.
pub(super) enum Entry {
    Exchange(Arc<HttpSession>, Arc<Route>),
    /// The tunnel is granted; what comes through it is for the gateway.
    Inside(Box<Inside>),
    Answer(Box<ResponseHead>, Bytes),
}

/// Why a request goes no further.
pub(super) struct Denial {
    status: u16,
    error: &'static str,
    rule: String,
    text: String,
    fields: Vec<Field>,
    /// What was asked for, where it leaves a record.
    recorded: Option<String>,
}

/// Who asks.
struct Asker {
    principal: Principal,
    label: Option<String>,
    /// The field by which that was said goes no further.
    consumed: Option<&'static str>,
}

/// What is asked for.
struct Wanted {
    target: Arc<Target>,
    route: Route,
}

/// Why a session did not begin.
enum Shut {
    /// The policy says no.
    Refused(Reason),
    /// It cannot be recorded.
    Unrecorded(anyhow::Error),
}

fn deny(status: u16, error: &'static str, text: impl Into<String>) -> Denial {
    Denial { status, error, rule: error.to_owned(), text: text.into(), fields: Vec::new(), recorded: None }
}

impl Denial {
    fn recorded(mut self, asked: &str) -> Self {
        self.recorded = Some(cut(asked));
        self
    }

    fn field(mut self, name: &'static str, value: &'static str) -> Self {
        self.fields
            .push(Field { name: Bytes::from_static(name.as_bytes()), value: Bytes::from_static(value.as_bytes()) });
        self
    }
}

impl Client {
    /// What comes of a request with this head.
    pub(super) async fn enter(&self, head: &RequestHead) -> Entry {
        let config = self.gateway.config();
        if let Some((session, route)) = self.recently(&config, head) {
            return Entry::Exchange(session, route);
        }
        let asker = match self.asker(&config, head).await {
            Ok(asker) => asker,
            Err(denial) => {
                let _doubt = match denial.recorded {
                    Some(_) => {
                        let doubt = self.doubt.lock().await;
                        tokio::time::sleep(WRONG_TOKEN_TIME).await;
                        Some(doubt)
                    }
                    None => None,
                };
                return self.denied(head, None, denial).await;
            }
        };
        match self.admit(&config, head, &asker) {
            Ok(entry) => {
                self.admitted();
                if let Entry::Exchange(session, route) = &entry {
                    self.remember(&config, head, &asker, session, route);
                }
                entry
            }
            Err(denial) => self.denied(head, Some(&asker.principal), denial).await,
        }
    }

    /// The session and the way of the request before, when everything that they were found by is the same.
    fn recently(&self, config: &Arc<Config>, head: &RequestHead) -> Option<(Arc<HttpSession>, Arc<Route>)> {
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let recent = recent.as_ref().filter(|recent| {
            self.asking_field(config, head).is_some_and(|asking| recent.holds(config, head, asking))
                && recognition::still(&self.gateway, &recent.principal).is_ok()
        })?;
        Some((Arc::clone(&recent.session), Arc::clone(&recent.route)))
    }

    fn remember(
        &self,
        config: &Arc<Config>,
        head: &RequestHead,
        asker: &Asker,
        session: &Arc<HttpSession>,
        route: &Arc<Route>,
    ) {
        let Some(asking) = self.asking_field(config, head) else { return };
        let recent = Recent {
            config: Arc::clone(config),
            asking: blake3::hash(asking),
            scheme: head.scheme.clone(),
            authority: head.authority.clone(),
            session: Arc::clone(session),
            route: Arc::clone(route),
            principal: asker.principal.clone(),
        };
        *self.recent.lock().unwrap_or_else(PoisonError::into_inner) = Some(recent);
    }

    /// What a request says of who asks; `None` when it has to be looked at whole, for what it asks or says besides.
    fn asking_field<'a>(&self, config: &Config, head: &'a RequestHead) -> Option<&'a [u8]> {
        if head.protocol.is_some() || matches!(head.method.as_ref(), b"CONNECT" | b"TRACE" | b"OPTIONS") {
            return None;
        }
        let name: &[u8] = match &self.door {
            Door::Reverse => b"authorization",
            Door::Proxy => b"proxy-authorization",
            Door::Inside(_) => b"",
        };
        let label = config.http_settings.label_header.as_bytes();
        let mut asking: &[u8] = b"";
        for field in &head.fields {
            if field.name.eq_ignore_ascii_case(label) {
                return None;
            }
            if asking.is_empty() && field.name.eq_ignore_ascii_case(name) {
                asking = &field.value;
            }
        }
        Some(asking)
    }

    fn admit(&self, config: &Config, head: &RequestHead, asker: &Asker) -> Result<Entry, Denial> {
        if duties::ends_here(head) && head.method.as_ref() == b"OPTIONS" {
            let content = Content::Empty;
            let answer =
                ResponseHead { version: head.version, status: 204, reason: Bytes::new(), fields: Vec::new(), content };
            return Ok(Entry::Answer(Box::new(answer), Bytes::new()));
        }
        if head.method.as_ref() == b"TRACE" {
            // It would show the client the target's credential.
            return Err(deny(405, "method_not_allowed", "TRACE is answered by nobody here"));
        }
        let label = match &asker.label {
            Some(label) => Some(label.clone()),
            None => label(config, head)?,
        };
        let bare_connect = head.method.as_ref() == b"CONNECT" && head.protocol.is_none();
        let wanted = match &self.door {
            Door::Reverse if bare_connect => {
                return Err(deny(405, "not_a_proxy", "this is no forward proxy: that one listens at listen.proxy"));
            }
            Door::Reverse => self.by_name(config, head, &asker.principal)?,
            Door::Inside(_) if bare_connect => {
                return Err(deny(405, "not_a_proxy", "inside of a tunnel there is no further one"));
            }
            Door::Inside(inside) => by_tunnel(config, head, inside)?,
            Door::Proxy => {
                let origin = asked_origin(head)?;
                let target = by_host(config, &origin, &asker.principal)?;
                if bare_connect && matches!(target.kind, TargetKind::Http(_)) {
                    let principal = asker.principal.clone();
                    return Ok(Entry::Inside(Box::new(Inside { origin, principal, label })));
                }
                if matches!(target.kind, TargetKind::Tunnel(_)) && !bare_connect {
                    let text = format!("{} is let through untouched, by CONNECT alone", target.name);
                    return Err(deny(405, "tunnel_only", text).recorded(&target.name));
                }
                Wanted { route: onward(&target, &origin), target }
            }
        };
        let mut route = wanted.route;
        route.consumed.extend(asker.consumed.map(str::to_owned));
        route.consumed.push(config.http_settings.label_header.clone());
        if head.path.as_ref() == b"*" && matches!(self.door, Door::Reverse) {
            return Err(deny(404, "unknown_target", "a path begins with the name of a target: /<target>/…"));
        }
        let session = self.session(&asker.principal, wanted.target, label, head)?;
        Ok(Entry::Exchange(session, Arc::new(route)))
    }

    async fn asker(&self, config: &Config, head: &RequestHead) -> Result<Asker, Denial> {
        let (name, status) = match &self.door {
            Door::Inside(inside) => {
                if let Err(unknown) = recognition::still(&self.gateway, &inside.principal) {
                    return Err(deny(403, "unauthenticated", unknown.text).recorded(""));
                }
                return Ok(Asker { principal: inside.principal.clone(), label: inside.label.clone(), consumed: None });
            }
            Door::Reverse => ("authorization", 401),
            Door::Proxy => ("proxy-authorization", 407),
        };
        let loopback = self.address.ip().to_canonical().is_loopback();
        if !self.secure && (config.tls.everywhere || (!loopback && matches!(self.door, Door::Reverse))) {
            return Err(deny(403, "clear_text", "this gateway takes no clear text: connect with https"));
        }
        let by_certificate = recognition::by_certificate(&self.gateway, &self.names);
        let value = head.fields.iter().find(|field| field.name.eq_ignore_ascii_case(name.as_bytes()));
        let credentials = value.and_then(|field| Credentials::parse(&field.value));
        if let Some(credentials) = credentials {
            let Credentials { person, label, token } = credentials;
            // With a certificate the field may be meant for the target, but for a token of the gateway's own: a wrong one,
            // or one that nobody looks at because too many were wrong, is not for the target to see.
            if by_certificate.is_none() || recognition::may_be_ours(&self.gateway, &token) {
                match recognition::by_bearer(&self.gateway, self.address.ip(), &[&person], &token).await {
                    Ok(principal) => return Ok(Asker { principal, label, consumed: Some(name) }),
                    Err(unknown) if by_certificate.is_none() || recognition::is_ours(&token) => {
                        let denial = match unknown.seconds {
                            Some(_) => deny(429, HELD_OFF, unknown.text),
                            None => challenge(deny(status, "unauthenticated", unknown.text), status),
                        };
                        return Err(if unknown.recorded { denial.recorded("") } else { denial });
                    }
                    Err(_) => {}
                }
            }
        }
        match by_certificate {
            Some(principal) => Ok(Asker { principal, label: None, consumed: None }),
            None => {
                let text = "say who you are: a token as bearer token, or as the password of basic credentials";
                Err(challenge(deny(status, "unauthenticated", text), status))
            }
        }
    }

    /// The target that the host name or the path names.
    fn by_name(&self, config: &Config, head: &RequestHead, principal: &Principal) -> Result<Wanted, Denial> {
        let authority = String::from_utf8_lossy(&head.authority);
        let asked = Origin::parse(self.secure, &authority);
        let by_host = asked
            .as_ref()
            .zip(config.http_settings.domain.as_ref())
            .and_then(|(asked, domain)| asked.host.strip_suffix(domain.as_str())?.strip_suffix('.').map(str::to_owned));
        let path = String::from_utf8_lossy(&head.path);
        let (name, prefix) = match by_host {
            Some(name) => (name, String::new()),
            None => {
                let name = path.strip_prefix('/').unwrap_or_default();
                let name = name.get(..name.find(['/', '?']).unwrap_or(name.len())).unwrap_or_default().to_owned();
                let prefix = format!("/{name}");
                (name, prefix)
            }
        };
        let target = config.targets.get(&name).filter(|target| target.permits(principal.groups()));
        let Some(target) = target else {
            return Err(unknown(config, principal, &name));
        };
        let TargetKind::Http(http) = &target.kind else {
            return Err(deny(404, "wrong_protocol", dial::other_way(target)).recorded(&target.name));
        };
        let Some(origin) = &http.origin else {
            let text = format!("{name} has no url of its own: it is reached by the forward proxy");
            return Err(deny(404, "proxy_only", text).recorded(&target.name));
        };
        if !http.base.is_empty() && steps_up(&path) {
            let text = format!("what is above {} at {name} is not open: write the path without '..'", http.base);
            return Err(deny(400, "malformed_request", text).recorded(&target.name));
        }
        let route = Route {
            pseudonym: PSEUDONYM.to_owned(),
            scheme: origin.scheme().to_owned(),
            authority: origin.authority(),
            prefix,
            base: http.base.clone(),
            consumed: Vec::new(),
            forwarded: Some(forwarded(self.address, &authority, self.secure)),
        };
        Ok(Wanted { target: Arc::new(target.clone()), route })
    }

    /// The session that a request belongs to; it begins with the first one.
    fn session(
        &self,
        principal: &Principal,
        target: Arc<Target>,
        label: Option<String>,
        head: &RequestHead,
    ) -> Result<Arc<HttpSession>, Denial> {
        let who = principal.identity().unproved();
        let key = Key { who, address: self.address.ip().to_canonical(), target: target.name.clone(), label };
        let mut sessions = self.sessions();
        if let Some((_, session)) = sessions.iter().find(|(known, session)| *known == key && !session.line.is_over()) {
            return Ok(Arc::clone(session));
        }
        if sessions.len() >= SESSIONS_MAX {
            let text = format!("more than {SESSIONS_MAX} targets and labels on one connection: open another one");
            return Err(deny(429, "too_many_sessions", text));
        }
        let open = || {
            let clock = SessionClock::start();
            let login = match &target.kind {
                TargetKind::Http(http) => login(http),
                _ => String::new(),
            };
            let circumstances = Circumstances {
                client_address: Some(self.address.ip()),
                protocol: "http".to_owned(),
                login: login.clone(),
                label: key.label.clone(),
            };
            let clearance =
                admission::clear(&self.gateway, clock, principal, &target, circumstances).map_err(Shut::Refused)?;
            let opened = SessionOpened {
                target: target.name.clone(),
                target_kind: target.kind_name().to_owned(),
                login,
                rule: clearance.rule.clone(),
                ..self.opened(clock, Some(principal), head)
            };
            let label = key.label.as_deref();
            HttpSession::open(&self.gateway, clock, principal, opened, clearance, Arc::clone(&target), label)
                .map_err(Shut::Unrecorded)
        };
        let session = match key.label {
            Some(_) => self.labelled.enter(&key, open),
            None => open(),
        };
        let session = session.map_err(|shut| match shut {
            Shut::Refused(reason) => {
                let mut denial = deny(403, "refused", reason.text).recorded(&target.name);
                denial.rule = reason.rule;
                denial
            }
            Shut::Unrecorded(error) => {
                tracing::error!("a session cannot be recorded: {error:#}");
                deny(
                    503,
                    "not_recorded",
                    "the session cannot be recorded, so there is none: ask the operator of the gateway",
                )
            }
        })?;
        sessions.push((key, Arc::clone(&session)));
        Ok(session)
    }

    async fn denied(&self, head: &RequestHead, principal: Option<&Principal>, denial: Denial) -> Entry {
        let mut session = None;
        if let Some(asked) = &denial.recorded {
            let clock = SessionClock::start();
            let mut opened = self.opened(clock, principal, head);
            opened.target.clone_from(asked);
            let reason = Reason::new(denial.rule, denial.text.clone());
            let id = admission::record_refusal(&self.gateway, clock, opened, reason).await;
            session = id.map(|id| id.to_string());
        } else {
            tracing::debug!(address = %self.address, "answered {}: {}", denial.status, denial.text);
        }
        let problem = Problem { status: denial.status, error: denial.error, reason: denial.text, place: None };
        let (head, content) = refuse::response(&problem, session.as_deref(), &denial.fields);
        Entry::Answer(Box::new(head), content)
    }
}

/// The target that a tunnel was granted for.
fn by_tunnel(config: &Config, head: &RequestHead, inside: &Inside) -> Result<Wanted, Denial> {
    let authority = String::from_utf8_lossy(&head.authority);
    let asked = Origin::parse(inside.origin.secure, &authority);
    if asked.as_ref() != Some(&inside.origin) {
        let text = format!("this tunnel leads to {}, not to {:?}", inside.origin.authority(), cut(&authority));
        return Err(deny(421, "misdirected", text));
    }
    // Asked anew each time: what a person may reach can change while a tunnel stands.
    let target = by_host(config, &inside.origin, &inside.principal)?;
    Ok(Wanted { route: onward(&target, &inside.origin), target })
}

/// What a client of the forward proxy asks for.
fn asked_origin(head: &RequestHead) -> Result<Origin, Denial> {
    let authority = String::from_utf8_lossy(&head.authority);
    let tunnel = head.method.as_ref() == b"CONNECT" && head.protocol.is_none();
    if authority.is_empty() || (tunnel && !authority.contains(':')) {
        let text = "this is a forward proxy: ask for a whole URL, or CONNECT host:port";
        return Err(deny(400, "not_a_server", text));
    }
    let secure = tunnel || head.scheme.as_ref() == b"https";
    Origin::parse(secure, &authority)
        .ok_or_else(|| deny(400, "malformed_request", format!("{:?} names no host", cut(&authority))))
}

/// The target that `host` belongs to; one that names it exactly before one that names its domain, and those of the
/// configuration file before all that were created at run time: none of these takes a host from them.
fn by_host(config: &Config, origin: &Origin, principal: &Principal) -> Result<Arc<Target>, Denial> {
    let covering = |target: &&Target| match &target.kind {
        TargetKind::Http(http) => http.covers(origin),
        TargetKind::Tunnel(tunnel) => tunnel.covers(origin),
        TargetKind::Ssh(_) | TargetKind::Command(_) | TargetKind::Postgres(_) => false,
    };
    let mut found: Vec<&Target> =
        config.targets.values().filter(|target| target.permits(principal.groups())).filter(covering).collect();
    found.sort_by_key(|target| {
        let names = match &target.kind {
            TargetKind::Http(http) => http.names(origin),
            TargetKind::Tunnel(tunnel) => tunnel.names(origin),
            TargetKind::Ssh(_) | TargetKind::Command(_) | TargetKind::Postgres(_) => false,
        };
        (config.created.contains(&target.name), !names)
    });
    match found.first() {
        Some(target) => Ok(Arc::new((*target).clone())),
        None => {
            let asked = format!("{}:{}", origin.host, origin.port);
            let text = format!("no target of yours has the host {asked}: ask the operator to add it to hosts of one");
            Err(deny(403, "unknown_target", text).recorded(&asked))
        }
    }
}

/// The way of a request that names its target's host itself.
fn onward(target: &Target, origin: &Origin) -> Route {
    let own = match &target.kind {
        TargetKind::Http(http) => http.origin.as_ref(),
        _ => None,
    };
    let scheme = own.unwrap_or(origin).scheme();
    Route { pseudonym: PSEUDONYM.to_owned(), scheme: scheme.to_owned(), ..Route::default() }
}

/// The login at a target that has one.
fn login(http: &HttpTarget) -> String {
    match http.credential.as_ref().map(|credential| &credential.presentation) {
        Some(crate::config::Presentation::Basic(login)) => login.clone(),
        _ => String::new(),
    }
}

/// That there is no such target for somebody, and which there are.
fn unknown(config: &Config, principal: &Principal, name: &str) -> Denial {
    let mut names: Vec<&str> = config
        .targets
        .values()
        .filter(|target| matches!(target.kind, TargetKind::Http(_)) && target.permits(principal.groups()))
        .map(|target| target.name.as_str())
        .collect();
    let more = names.len() > TARGETS_LISTED_MAX;
    names.truncate(TARGETS_LISTED_MAX);
    let yours = match (names.is_empty(), more) {
        (true, _) => "you have none".to_owned(),
        (false, false) => format!("yours are {}", names.join(", ")),
        (false, true) => format!("yours are {}, …", names.join(", ")),
    };
    let text = match name {
        "" => format!("a path begins with the name of a target, /<target>/…: {yours}"),
        name => format!("there is no target {:?} for you here: {yours}", cut(name)),
    };
    let denial = deny(404, "unknown_target", text);
    if name.is_empty() { denial } else { denial.recorded(name) }
}

fn challenge(denial: Denial, status: u16) -> Denial {
    let name = if status == 407 { "proxy-authenticate" } else { "www-authenticate" };
    denial.field(name, "Basic realm=\"wiretape\", charset=\"UTF-8\"").field(name, "Bearer realm=\"wiretape\"")
}

/// The label that the client gives its work.
fn label(config: &Config, head: &RequestHead) -> Result<Option<String>, Denial> {
    let name = config.http_settings.label_header.as_bytes();
    let Some(field) = head.fields.iter().find(|field| field.name.eq_ignore_ascii_case(name)) else { return Ok(None) };
    match std::str::from_utf8(&field.value) {
        Ok(label) if is_label(label) => Ok(Some(label.to_owned())),
        _ => {
            let text = format!("{} is 1 to {LABEL_BYTES_MAX} printable characters", config.http_settings.label_header);
            Err(deny(400, "malformed_label", text))
        }
    }
}

/// What `Forwarded` tells a target (RFC 7239).
fn forwarded(address: SocketAddr, authority: &str, secure: bool) -> String {
    let client = match address.ip().to_canonical() {
        std::net::IpAddr::V4(ip) => ip.to_string(),
        std::net::IpAddr::V6(ip) => format!("\"[{ip}]\""),
    };
    // An authority has neither quotes nor backslashes.
    format!("for={client};host=\"{authority}\";proto={}", if secure { "https" } else { "http" })
}

/// Records that a client did not take the gateway's word for a target's.
pub(super) async fn record_distrust(
    gateway: &Gateway,
    client: &Client,
    head: &RequestHead,
    inside: &Inside,
    error: &str,
) {
    let clock = SessionClock::start();
    let mut opened = client.opened(clock, Some(&inside.principal), head);
    opened.target = inside.origin.authority();
    let text = format!(
        "no TLS with the client in the place of {}: {error}; does it trust what `wiretape ca` prints?",
        inside.origin.authority()
    );
    let _recorded = admission::record_refusal(gateway, clock, opened, Reason::new("tls", text)).await;
}
