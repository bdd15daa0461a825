//! From a client that knocks to a session that is recorded, or to a refusal that is.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use russh::keys::{HashAlg, PublicKey};
use tokio::sync::Notify;
use wiretape_core::event::{SessionEvent, SessionOpened};
use wiretape_core::{Guard, Reason, Side, Verdict};
use wiretape_git::Packs;
use wiretape_policy::Circumstances;
use wiretape_protocols::Table;
use wiretape_recorder::Durability;
use wiretape_ssh::{NestedFault, SshWire};

use super::ClientDoor;
use crate::admission::{self, begin, cut, of_session};
use crate::chance::session_id;
use crate::clock::SessionClock;
use crate::config::{Config, Target, TargetKind};
use crate::dial::{self, Chooser};
use crate::gateway::Gateway;
use crate::guard::Choice;
use crate::identity::Principal;
use crate::line::Line;
use crate::recognition::Unknown;

/// The user name that leads to the menu, beside the person's own.
const MENU: &str = "menu";

/// Offered keys that a refusal lists.
const OFFERED_KEYS_MAX: usize = 16;

/// What is said of a login by the browser that nobody waits for any more.
pub(super) const UNFINISHED_LOGIN: &str = "the client left before somebody had logged in, or its time was over";

/// What is known of a client before it is admitted.
pub(super) struct Attempt {
    clock: SessionClock,
    address: SocketAddr,
    program: String,
    asked: Option<String>,
    offered: Vec<String>,
    tokens: usize,
    /// What was wrong with the last of them.
    why: String,
    /// One of them leaves a record.
    recorded: bool,
    /// What became of a login by the browser that was begun.
    browser: Option<String>,
    line: Option<Line>,
    admitted: Arc<Notify>,
}

impl Attempt {
    pub(super) fn new(clock: SessionClock, address: SocketAddr) -> Self {
        Self {
            clock,
            address,
            program: String::new(),
            asked: None,
            offered: Vec::new(),
            tokens: 0,
            why: String::new(),
            recorded: false,
            browser: None,
            line: None,
            admitted: Arc::new(Notify::new()),
        }
    }

    /// The client named what it wants: `target`, `login@target`, or itself.
    pub(super) fn asked(&mut self, name: &str) {
        self.asked = Some(cut(name));
    }

    /// The client offered a key that nobody here owns.
    pub(super) fn offered(&mut self, key: &PublicKey) {
        let fingerprint = key.fingerprint(HashAlg::Sha256).to_string();
        if self.offered.len() < OFFERED_KEYS_MAX && !self.offered.contains(&fingerprint) {
            self.offered.push(fingerprint);
        }
    }

    /// The client gave a token that nobody here has, or that is good for nothing.
    pub(super) fn wrong_token(&mut self, unknown: Unknown) {
        self.tokens += 1;
        self.recorded |= unknown.recorded;
        self.why = unknown.text;
    }

    /// The client was shown where to log in by the browser.
    pub(super) fn began_login(&mut self) {
        self.browser = Some(UNFINISHED_LOGIN.to_owned());
    }

    /// What was wrong with a login by the browser.
    pub(super) fn wrong_login(&mut self, text: String) {
        self.browser = Some(text);
    }

    /// Where the client is.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The keys that were offered and are not known, for the person to read.
    pub(super) fn unknown_keys(&self) -> &[String] {
        &self.offered
    }

    fn opened(&self, principal: Option<&Principal>) -> SessionOpened {
        SessionOpened {
            target: self.asked.clone().unwrap_or_default(),
            protocol: "ssh".to_owned(),
            client_address: self.address.to_string(),
            client_program: self.program.clone(),
            gateway: env!("CARGO_PKG_VERSION").to_owned(),
            opened_unix_nanos: self.clock.opened_unix_nanos(),
            ..principal.map(Principal::opened).unwrap_or_default()
        }
    }
}

/// The line of the session, if the client was admitted.
pub(super) fn line(attempt: &Arc<Mutex<Attempt>>) -> Option<Line> {
    attempt.lock().unwrap_or_else(PoisonError::into_inner).line.clone()
}

/// Resolves when the client was admitted.
pub(super) async fn admitted(attempt: &Arc<Mutex<Attempt>>) -> Line {
    loop {
        let notify = {
            let attempt = attempt.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(line) = &attempt.line {
                return line.clone();
            }
            Arc::clone(&attempt.admitted)
        };
        // The permit of an earlier `notify_one` is kept: nothing is missed between the look and the wait.
        notify.notified().await;
    }
}

/// What a person asked for, judged.
enum Admission<'a> {
    Target { target: &'a Target, login: String },
    Menu,
    Refused { target: String, rule: String, text: String },
}

/// Opens the session of a recognised client: the tape first, then the way to the target.
///
/// # Errors
/// When the session cannot be recorded: then there is none.
pub(super) fn admit(
    gateway: &Arc<Gateway>,
    attempt: &Arc<Mutex<Attempt>>,
    principal: &Principal,
    name: &str,
    program: &[u8],
    handle: russh::server::Handle,
) -> anyhow::Result<Line> {
    let config = gateway.config();
    let mut admission = judge(&config, principal, name);
    let (clock, mut opened) = {
        let mut attempt = attempt.lock().unwrap_or_else(PoisonError::into_inner);
        attempt.asked(name);
        attempt.program = cut(&String::from_utf8_lossy(program));
        (attempt.clock, attempt.opened(Some(principal)))
    };
    let mut durability = Durability::Queued;
    let mut cleared = None;
    if let Admission::Target { target, login } = &admission {
        let circumstances = circumstances_of(attempt, login);
        match admission::clear(gateway, clock, principal, target, circumstances) {
            Ok(clearance) => cleared = Some(clearance),
            Err(reason) => {
                let target = target.name.clone();
                admission = Admission::Refused { target, rule: reason.rule, text: reason.text };
            }
        }
    }
    let mut verdict = Verdict::Allow;
    match &admission {
        Admission::Target { target, login } => {
            opened.target.clone_from(&target.name);
            opened.target_kind = target.kind_name().to_owned();
            opened.login.clone_from(login);
            opened.rule = cleared.as_ref().map(|clearance| clearance.rule.clone()).unwrap_or_default();
            durability = target.durability;
        }
        Admission::Menu => {
            opened.target = MENU.to_owned();
            opened.rule = "menu".to_owned();
            durability = strictest(&config, principal);
        }
        Admission::Refused { target, rule, text } => {
            opened.target.clone_from(target);
            opened.rule.clone_from(rule);
            verdict = Verdict::Refuse(Reason::new(rule.clone(), text.clone()));
        }
    }
    let session = match &cleared {
        Some(clearance) => clearance.session,
        None => session_id()?,
    };
    let recording = begin(gateway, session, clock, opened.clone(), durability)?;
    let decision = match &cleared {
        Some(clearance) => clearance.decision(&opened.target),
        None => SessionEvent::Decision {
            action: "connect".to_owned(),
            resource: opened.target.clone(),
            rule: opened.rule.clone(),
            verdict,
            nanos: 0,
        },
    };
    recording.append(of_session(clock.now(), decision)).context("the tape takes no events")?;
    let person = principal.name();
    let choice = Choice::default();
    let table = match &admission {
        Admission::Target { target, .. } => target.table(),
        // From the menu one may come to any of them, and what one of them does not keep is not kept.
        Admission::Menu => {
            let mut permitted = config.targets.values().filter(|target| target.permits(principal.groups()));
            let listed = permitted.find(|target| target.packs == Packs::Listed);
            listed.map_or_else(Table::default, |target| target.table())
        }
        Admission::Refused { .. } => Table::default(),
    };
    let is_asked = cleared.as_ref().is_some_and(|clearance| clearance.is_asked);
    let (guard, asker): (Box<dyn Guard>, _) = match cleared {
        Some(clearance) => (clearance.guard, clearance.asker),
        None => (Box::new(choice.clone()), gateway.asker(session, principal, &opened.target)),
    };
    // What breaks a protocol inside is judged by nobody any more: it passes only where there is nothing to judge.
    let judged =
        !gateway.policies().current().1.is_embedded() || config.targets.values().any(|one| !one.refuse.is_empty());
    let nested_fault = if judged { NestedFault::Close } else { NestedFault::default() };
    let options = wiretape_ssh::Options { nested: Box::new(table), nested_fault, ..wiretape_ssh::Options::default() };
    let wire = SshWire::new(options);
    let line = Line::new(gateway, clock, recording, wire, guard, asker.clone());
    let end = Box::new(line.end_from_elsewhere());
    line.keep(gateway.presence().enter(session, principal, opened, end));
    line.set_door(Side::Client, Arc::new(ClientDoor { handle }));
    let upstream = match admission {
        Admission::Target { target, login } if is_asked => {
            dial::reach_when_asked(gateway, &config, target, login, person)
        }
        Admission::Target { target, login } => dial::reach(gateway, &line, target, login, person),
        Admission::Menu => dial::menu(Arc::clone(gateway), principal.clone(), Chooser { choice, asker, clock }),
        Admission::Refused { rule, text, .. } => dial::refused(&line, Reason::new(rule, text)),
    };
    line.set_door(Side::Upstream, upstream);
    tracing::info!(session = %line.recording().id(), person, asked = name, "session opened");
    let mut attempt = attempt.lock().unwrap_or_else(PoisonError::into_inner);
    attempt.line = Some(line.clone());
    attempt.admitted.notify_one();
    Ok(line)
}

fn circumstances_of(attempt: &Arc<Mutex<Attempt>>, login: &str) -> Circumstances {
    let attempt = attempt.lock().unwrap_or_else(PoisonError::into_inner);
    Circumstances {
        client_address: Some(attempt.address.ip()),
        protocol: "ssh".to_owned(),
        login: login.to_owned(),
        label: None,
    }
}

/// Records that somebody was not let in: a session that holds only that. A client that tried nothing leaves none.
pub(super) async fn record_refusal(gateway: &Gateway, attempt: &Arc<Mutex<Attempt>>) {
    let (clock, opened, text) = {
        let attempt = attempt.lock().unwrap_or_else(PoisonError::into_inner);
        if attempt.offered.is_empty() && !attempt.recorded && attempt.browser.is_none() {
            return;
        }
        let mut text = "not recognised".to_owned();
        if !attempt.offered.is_empty() {
            text.push_str(&format!("; unknown keys: {}", attempt.offered.join(", ")));
        }
        if attempt.tokens > 0 {
            text.push_str(&format!("; wrong tokens: {} ({})", attempt.tokens, attempt.why));
        }
        if let Some(browser) = &attempt.browser {
            text.push_str(&format!("; login by the browser: {browser}"));
        }
        (attempt.clock, attempt.opened(None), text)
    };
    admission::record_refusal(gateway, clock, opened, Reason::new("unknown-user", text)).await;
}

fn judge<'a>(config: &'a Config, principal: &Principal, name: &str) -> Admission<'a> {
    if name == MENU || name == principal.name() {
        return Admission::Menu;
    }
    let (login, target_name) = match name.rsplit_once('@') {
        Some((login, target)) => (Some(login), target),
        None => (None, name),
    };
    let Some(target) = config.targets.get(target_name).filter(|target| target.permits(principal.groups())) else {
        // Whether it exists is no business of somebody who may not use it.
        return Admission::Refused {
            target: cut(target_name),
            rule: "unknown-target".to_owned(),
            text: format!(
                "there is no target {:?} for you here; `ssh {MENU}@<gateway>` on a terminal lists yours",
                cut(target_name)
            ),
        };
    };
    match &target.kind {
        TargetKind::Ssh(ssh) => match login {
            None => Admission::Target { target, login: ssh.login.clone() },
            Some(login) if login == ssh.login || ssh.logins.iter().any(|known| known == login) => {
                Admission::Target { target, login: login.to_owned() }
            }
            Some(login) => Admission::Refused {
                target: target.name.clone(),
                rule: "unknown-login".to_owned(),
                text: format!(
                    "the login {:?} is not open on {}; leave it out, or ask the operator",
                    cut(login),
                    target.name
                ),
            },
        },
        TargetKind::Postgres(_) | TargetKind::Http(_) | TargetKind::Tunnel(_) => Admission::Refused {
            target: target.name.clone(),
            rule: "wrong-protocol".to_owned(),
            text: dial::other_way(target),
        },
        TargetKind::Command(_) => match login {
            None => Admission::Target { target, login: String::new() },
            Some(_) => Admission::Refused {
                target: target.name.clone(),
                rule: "unknown-login".to_owned(),
                text: format!("the target {} has no logins: connect as ssh {}@<gateway>", target.name, target.name),
            },
        },
    }
}

/// A menu leads to any target of the person: its tape is kept as the strictest of them wants it.
fn strictest(config: &Config, principal: &Principal) -> Durability {
    let mut strictest = Durability::Queued;
    for target in config.targets.values().filter(|target| target.permits(principal.groups())) {
        strictest = match (strictest, target.durability) {
            (Durability::Synced, _) | (_, Durability::Synced) => Durability::Synced,
            (Durability::Written, _) | (_, Durability::Written) => Durability::Written,
            (Durability::Queued, Durability::Queued) => Durability::Queued,
        };
    }
    strictest
}
