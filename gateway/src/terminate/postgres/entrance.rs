//! From a PostgreSQL client that knocks to one that is known and may go where it wants to.

use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use wiretape_core::Reason;
use wiretape_core::event::SessionOpened;
use wiretape_policy::Circumstances;
use wiretape_postgres::startup::{self, CancelRequest, Opening, STARTUP_BYTES_MAX, STARTUP_BYTES_MIN, Startup};

use super::login::{self, Method};
use super::stop::{Stop, refuse};
use super::{LOGIN_TIME_MAX, fatal};
use crate::admission::{self, Clearance, cut};
use crate::clock::SessionClock;
use crate::config::{Config, PostgresTarget, Target, TargetKind};
use crate::gateway::Gateway;
use crate::identity::Principal;
use crate::transport::Stream;

/// Offers of encryption that a client may make before it begins.
const OFFERS_MAX: usize = 3;

/// What the settings begin with that a client gives for the gateway itself.
const OWN_SETTINGS: &str = "wiretape.";

/// Targets that a refusal lists.
const TARGETS_LISTED_MAX: usize = 20;

/// The first byte of a TLS handshake (RFC 8446 section 5.1).
const TLS_HANDSHAKE: u8 = 0x16;

/// What is known of a client before it is let in.
pub(super) struct Attempt {
    clock: SessionClock,
    address: SocketAddr,
    startup: Option<Startup>,
    principal: Option<Principal>,
    knock: Knock,
}

/// What comes of an attempt.
pub(super) enum Entry {
    Entered(Box<Entered>),
    Refused(Refused),
    /// It asked where to log in, and was told: it will come again.
    Shown(Refused),
    /// Not a session, but a request about another one.
    Cancel(CancelRequest),
    /// The client left, or its connection broke.
    Gone,
    /// It did not log in in time.
    Late,
    /// It had to make room for others.
    Crowded,
}

/// A client that is known and may go where it wants to.
pub(super) struct Entered {
    pub(super) stream: Box<dyn Stream>,
    /// What it said first.
    pub(super) startup: Startup,
    /// What of it is for the target.
    pub(super) wanted: Startup,
    pub(super) target: Target,
    /// How that is reached.
    pub(super) upstream: PostgresTarget,
    /// The database to open there.
    pub(super) database: Bytes,
    pub(super) opened: SessionOpened,
    pub(super) principal: Principal,
    pub(super) clearance: Clearance,
}

/// A client that is not let in.
pub(super) struct Refused {
    /// Where it can be told.
    pub(super) stream: Option<Box<dyn Stream>>,
    /// What it is told.
    pub(super) message: Bytes,
    pub(super) reason: Reason,
}

impl Attempt {
    pub(super) fn new(clock: SessionClock, address: SocketAddr) -> Self {
        Self { clock, address, startup: None, principal: None, knock: Knock { stream: None, secure: false } }
    }

    /// Takes the client as far as it comes.
    pub(super) async fn enter(&mut self, gateway: &Gateway, socket: TcpStream) -> Entry {
        match self.pass(gateway, socket).await {
            Ok(entry) => entry,
            Err(Stop::Gone) => Entry::Gone,
            Err(Stop::Shown { text }) => Entry::Shown(self.refused("28000", "login", text, None)),
            Err(Stop::Refused { code, rule, text, hint }) => Entry::Refused(self.refused(code, rule, text, hint)),
        }
    }

    fn refused(&mut self, code: &str, rule: impl Into<String>, text: String, hint: Option<String>) -> Refused {
        let message = fatal(code, &text, hint.as_deref());
        Refused { stream: self.knock.stream.take(), message, reason: Reason::new(rule, text) }
    }

    async fn pass(&mut self, gateway: &Gateway, socket: TcpStream) -> Result<Entry, Stop> {
        let startup = match self.knock.opening(gateway, socket).await? {
            Opening::Cancel(request) => return Ok(Entry::Cancel(request)),
            Opening::Startup(startup) => startup,
            Opening::Ssl | Opening::Gss => {
                return Err(refuse("08P01", "startup", "encryption was offered again and again"));
            }
        };
        let startup = self.startup.insert(startup).clone();
        let config = gateway.config();
        let loopback = self.address.ip().to_canonical().is_loopback();
        if !self.knock.secure && (config.tls.everywhere || !loopback) {
            return Err(Stop::Refused {
                code: "28000",
                rule: "tls".to_owned(),
                text: "this gateway takes no clear text".to_owned(),
                hint: Some("connect with sslmode=require, or verify-full".to_owned()),
            });
        }
        let user = text(startup.get("user"));
        if user.is_empty() || user.starts_with('@') {
            return Err(refuse("28000", "startup", "a session begins with a user: user=<your name>"));
        }
        let mut wanted = startup.clone();
        let method = Method::wanted(&wanted.withdraw(OWN_SETTINGS))?;
        let Some(stream) = &mut self.knock.stream else { return Err(Stop::Gone) };
        let principal = login::principal(gateway, self.address, &mut **stream, &user, &method).await?;
        self.principal = Some(principal.clone());
        let wish = Wish::of(&startup, principal.name());
        let target = permitted(&config, &principal, &wish.target)?;
        let TargetKind::Postgres(upstream) = &target.kind else {
            let text = format!("the target {} is no database: it is of kind {}", target.name, target.kind_name());
            return Err(refuse("3D000", "wrong-protocol", text));
        };
        let database = wish.database.unwrap_or_else(|| Bytes::from(upstream.database.clone()));
        let mut opened = self.opened();
        opened.target.clone_from(&target.name);
        opened.target_kind = target.kind_name().to_owned();
        opened.login.clone_from(&upstream.login);
        let circumstances = Circumstances {
            client_address: Some(self.address.ip()),
            protocol: "postgres".to_owned(),
            login: upstream.login.clone(),
            label: None,
        };
        let clearance = match admission::clear(gateway, self.clock, &principal, target, circumstances) {
            Ok(clearance) => clearance,
            Err(Reason { rule, text }) => return Err(Stop::Refused { code: "42501", rule, text, hint: None }),
        };
        opened.rule.clone_from(&clearance.rule);
        let Some(stream) = self.knock.stream.take() else { return Err(Stop::Gone) };
        let (target, upstream) = (target.clone(), (**upstream).clone());
        Ok(Entry::Entered(Box::new(Entered {
            stream,
            startup,
            wanted,
            target,
            upstream,
            database,
            opened,
            principal,
            clearance,
        })))
    }

    fn opened(&self) -> SessionOpened {
        let startup = self.startup.as_ref();
        let name = self.principal.as_ref().map(Principal::name).unwrap_or_default();
        let setting = |name: &str| cut(&text(startup.and_then(|startup| startup.get(name))));
        SessionOpened {
            target: startup.map(|startup| cut(&Wish::of(startup, name).target)).unwrap_or_default(),
            protocol: "postgres".to_owned(),
            client_address: self.address.to_string(),
            client_program: setting("application_name"),
            gateway: env!("CARGO_PKG_VERSION").to_owned(),
            opened_unix_nanos: self.clock.opened_unix_nanos(),
            ..self.principal.as_ref().map(Principal::opened).unwrap_or_default()
        }
    }

    /// Records that the client was not let in.
    pub(super) async fn record(&mut self, gateway: &Gateway, reason: Reason) {
        let mut text = reason.text;
        if self.principal.is_none()
            && let Some(startup) = &self.startup
        {
            text = format!("{text}; it called itself {:?}", cut(&self::text(startup.get("user"))));
        }
        admission::record_refusal(gateway, self.clock, self.opened(), Reason::new(reason.rule, text)).await;
    }

    /// Its time is up: the client is told, where it can be, and a client that began leaves a record.
    pub(super) async fn expire(&mut self, gateway: &Gateway) {
        let text = format!("no login within {} s", LOGIN_TIME_MAX.as_secs());
        self.tell(&fatal("57014", &text, None)).await;
        if self.startup.is_some() {
            self.record(gateway, Reason::new("login-time", text)).await;
        }
    }

    /// Others want to log in who have not stood there as long. There may be thousands: they leave no record.
    pub(super) async fn make_room(&mut self) {
        tracing::info!(address = %self.address, "left out: too many connections have not logged in");
        self.tell(&fatal("53300", "too many connections have not logged in", Some("try again"))).await;
    }

    async fn tell(&mut self, message: &Bytes) {
        if let Some(mut stream) = self.knock.stream.take() {
            super::tell(&mut *stream, message).await;
        }
    }
}

/// What a client wants to reach.
///
/// The target stands before the database, `dbname=<target>[/<database>]`, or behind the person, `user=<person>@<target>`:
/// then the database's name is the server's own, for programs that set it by themselves.
struct Wish {
    target: String,
    /// `None`: the one that the configuration names.
    database: Option<Bytes>,
}

impl Wish {
    /// That of `name`, which may have an `@` in it as addresses of mail have; empty while nobody knows who it is.
    fn of(startup: &Startup, name: &str) -> Self {
        let user = text(startup.get("user"));
        // A client that is told no database asks for the one that is called as its user.
        let database = startup.get("database").filter(|database| !database.is_empty() && *database != user.as_bytes());
        let behind = match user.strip_prefix(name) {
            Some("") => None,
            Some(rest) if !name.is_empty() => rest.strip_prefix('@'),
            _ => user.split_once('@').map(|(_, target)| target),
        };
        if let Some(target) = behind {
            return Self { target: target.to_owned(), database: database.cloned() };
        }
        let asked = database.map_or_else(|| user.clone(), |database| text(Some(database)));
        let (target, database) = asked.split_once('/').unwrap_or((&asked, ""));
        let database = (!database.is_empty()).then(|| Bytes::copy_from_slice(database.as_bytes()));
        Self { target: target.to_owned(), database }
    }
}

/// The connection while it is not known who is at the other end.
struct Knock {
    stream: Option<Box<dyn Stream>>,
    secure: bool,
}

impl Knock {
    /// The first packet that counts, after encryption was settled.
    async fn opening(&mut self, gateway: &Gateway, socket: TcpStream) -> Result<Opening, Stop> {
        let mut first = [0; 1];
        if socket.peek(&mut first).await? == 0 {
            return Err(Stop::Gone);
        }
        if first == [TLS_HANDSHAKE] {
            let stream = encrypt(gateway, socket).await?;
            // Without the protocol's name this could be a connection that was meant for another server.
            if stream.get_ref().1.alpn_protocol().is_none() {
                return Err(Stop::Gone);
            }
            self.secure = true;
            return packet(self.stream.insert(Box::new(stream))).await;
        }
        let mut socket = socket;
        for _ in 0..OFFERS_MAX {
            let opening = match packet(&mut socket).await {
                Ok(opening) => opening,
                Err(stop) => {
                    self.stream = Some(Box::new(socket));
                    return Err(stop);
                }
            };
            match opening {
                Opening::Gss => socket.write_all(b"N").await?,
                Opening::Ssl => {
                    socket.write_all(b"S").await?;
                    let stream = encrypt(gateway, socket).await?;
                    self.secure = true;
                    return packet(self.stream.insert(Box::new(stream))).await;
                }
                other => {
                    self.stream = Some(Box::new(socket));
                    return Ok(other);
                }
            }
        }
        Err(Stop::Gone)
    }
}

async fn encrypt(gateway: &Gateway, socket: TcpStream) -> Result<TlsStream<TcpStream>, Stop> {
    let address = socket.peer_addr();
    gateway.tls().accept(socket).await.map_err(|error| {
        // Mostly a client that does not trust the certificate.
        tracing::info!(?address, "no TLS with a PostgreSQL client: {error}");
        Stop::Gone
    })
}

/// Reads one packet, and not a byte more: what follows in clear text behind an offer of TLS must not be taken for a part
/// of what was encrypted.
async fn packet(stream: &mut (impl Stream + ?Sized)) -> Result<Opening, Stop> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).await?;
    let length = u32::from_be_bytes(length) as usize;
    if !(STARTUP_BYTES_MIN..=STARTUP_BYTES_MAX).contains(&length) {
        let text = format!(
            "a startup packet has {STARTUP_BYTES_MIN} to {STARTUP_BYTES_MAX} bytes: this port speaks PostgreSQL"
        );
        return Err(refuse("08P01", "startup", text));
    }
    let mut body = BytesMut::zeroed(length - 4);
    stream.read_exact(&mut body).await?;
    startup::read(&body.freeze()).map_err(|malformed| match malformed.0 {
        text if text.contains("version") => refuse("0A000", "startup", text),
        text => refuse("08P01", "startup", text),
    })
}

/// The target that was asked for, if the person may use it.
fn permitted<'a>(config: &'a Config, principal: &Principal, name: &str) -> Result<&'a Target, Stop> {
    if let Some(target) = config.targets.get(name).filter(|target| target.permits(principal.groups())) {
        return Ok(target);
    }
    let permitted: Vec<&str> = config
        .targets
        .values()
        .filter(|target| matches!(target.kind, TargetKind::Postgres(_)) && target.permits(principal.groups()))
        .map(|target| target.name.as_str())
        .take(TARGETS_LISTED_MAX)
        .collect();
    let hint = match permitted.as_slice() {
        [] => "there is no database for you here".to_owned(),
        names => format!("connect with dbname=<target> or dbname=<target>/<database>; yours are: {}", names.join(", ")),
    };
    // Whether it exists is no business of somebody who may not use it.
    Err(Stop::Refused {
        code: "3D000",
        rule: "unknown-target".to_owned(),
        text: format!("there is no target {:?} for you here", cut(name)),
        hint: Some(hint),
    })
}

fn text(bytes: Option<&Bytes>) -> String {
    bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use wiretape_postgres::startup::Startup;

    use super::Wish;

    fn wish(user: &'static str, name: &str, database: Option<&'static str>) -> (String, Option<String>) {
        let mut startup = Startup { version: 3 << 16, parameters: Vec::new() };
        startup.set("user", Bytes::from(user));
        if let Some(database) = database {
            startup.set("database", Bytes::from(database));
        }
        let Wish { target, database } = Wish::of(&startup, name);
        (target, database.map(|database| String::from_utf8(database.to_vec()).unwrap()))
    }

    fn wanted(target: &str, database: Option<&str>) -> (String, Option<String>) {
        (target.to_owned(), database.map(str::to_owned))
    }

    #[test]
    fn the_target_stands_before_the_database_or_behind_the_person() {
        for name in ["ana", ""] {
            assert_eq!(wish("ana", name, Some("orders")), wanted("orders", None));
            assert_eq!(wish("ana", name, Some("orders/")), wanted("orders", None));
            assert_eq!(wish("ana", name, Some("orders/a/b")), wanted("orders", Some("a/b")));
            assert_eq!(wish("ana", name, None), wanted("ana", None));
            assert_eq!(wish("ana@orders", name, Some("postgres")), wanted("orders", Some("postgres")));
            assert_eq!(wish("ana@orders", name, Some("ana@orders")), wanted("orders", None));
            assert_eq!(wish("ana@orders", name, Some("a/b")), wanted("orders", Some("a/b")));
            assert_eq!(wish("ana@orders", name, None), wanted("orders", None));
            assert_eq!(wish("", name, Some("orders")), wanted("orders", None));
        }
    }

    #[test]
    fn a_person_may_be_called_as_an_address_of_mail() {
        let name = "ana@example.com";
        assert_eq!(wish(name, name, Some("orders")), wanted("orders", None));
        assert_eq!(wish("ana@example.com@orders", name, Some("postgres")), wanted("orders", Some("postgres")));
        // Whoever is called so is no other.
        assert_eq!(wish(name, "ana", Some("orders")), wanted("example.com", Some("orders")));
    }
}
