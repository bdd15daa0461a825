//! Events of the session itself, as version 1 writes them.

use bincode::{BorrowDecode, Encode};
use wiretape_core as words;

use super::Side;

#[derive(Encode, BorrowDecode)]
pub(super) struct Opened<'a> {
    person: &'a str,
    groups: Vec<&'a str>,
    proof: &'a str,
    target: &'a str,
    target_kind: &'a str,
    login: &'a str,
    protocol: &'a str,
    client_address: &'a str,
    client_program: &'a str,
    rule: &'a str,
    gateway: &'a str,
    opened_unix_nanos: u64,
}

#[derive(Encode, BorrowDecode)]
pub(super) enum Verdict<'a> {
    Allow,
    Refuse { rule: &'a str, text: &'a str },
}

#[derive(Encode, BorrowDecode)]
pub(super) enum Session<'a> {
    Opened(Box<Opened<'a>>),
    Decision { action: &'a str, resource: &'a str, rule: &'a str, verdict: Verdict<'a> },
    Notice { text: &'a str },
    Gap { events: u64, bytes: u64, reason: &'a str },
    Marker { label: &'a str },
    Fault { by: Side, expected: &'a str, got: &'a str },
    Closed { reason: &'a str },
    Labelled { label: &'a str },
}

impl<'a> From<&'a words::event::SessionEvent> for Session<'a> {
    fn from(event: &'a words::event::SessionEvent) -> Self {
        use words::event::SessionEvent as Core;
        match event {
            Core::Opened(opened) => Self::Opened(Box::new(opened.as_ref().into())),
            Core::Decision { action, resource, rule, verdict } => {
                Self::Decision { action, resource, rule, verdict: verdict.into() }
            }
            Core::Notice { text } => Self::Notice { text },
            Core::Gap { events, bytes, reason } => Self::Gap { events: *events, bytes: *bytes, reason },
            Core::Marker { label } => Self::Marker { label },
            Core::Fault { by, expected, got } => Self::Fault { by: (*by).into(), expected, got },
            Core::Closed { reason } => Self::Closed { reason },
            Core::Labelled { label } => Self::Labelled { label },
        }
    }
}

impl From<Session<'_>> for words::event::SessionEvent {
    fn from(event: Session<'_>) -> Self {
        match event {
            Session::Opened(opened) => Self::Opened(Box::new((*opened).into())),
            Session::Decision { action, resource, rule, verdict } => Self::Decision {
                action: action.to_owned(),
                resource: resource.to_owned(),
                rule: rule.to_owned(),
                verdict: verdict.into(),
            },
            Session::Notice { text } => Self::Notice { text: text.to_owned() },
            Session::Gap { events, bytes, reason } => Self::Gap { events, bytes, reason: reason.to_owned() },
            Session::Marker { label } => Self::Marker { label: label.to_owned() },
            Session::Fault { by, expected, got } => {
                Self::Fault { by: by.into(), expected: expected.to_owned(), got: got.to_owned() }
            }
            Session::Closed { reason } => Self::Closed { reason: reason.to_owned() },
            Session::Labelled { label } => Self::Labelled { label: label.to_owned() },
        }
    }
}

impl<'a> From<&'a words::event::SessionOpened> for Opened<'a> {
    fn from(opened: &'a words::event::SessionOpened) -> Self {
        Self {
            person: &opened.person,
            groups: opened.groups.iter().map(String::as_str).collect(),
            proof: &opened.proof,
            target: &opened.target,
            target_kind: &opened.target_kind,
            login: &opened.login,
            protocol: &opened.protocol,
            client_address: &opened.client_address,
            client_program: &opened.client_program,
            rule: &opened.rule,
            gateway: &opened.gateway,
            opened_unix_nanos: opened.opened_unix_nanos,
        }
    }
}

impl From<Opened<'_>> for words::event::SessionOpened {
    fn from(opened: Opened<'_>) -> Self {
        Self {
            person: opened.person.to_owned(),
            groups: opened.groups.into_iter().map(str::to_owned).collect(),
            proof: opened.proof.to_owned(),
            target: opened.target.to_owned(),
            target_kind: opened.target_kind.to_owned(),
            login: opened.login.to_owned(),
            protocol: opened.protocol.to_owned(),
            client_address: opened.client_address.to_owned(),
            client_program: opened.client_program.to_owned(),
            rule: opened.rule.to_owned(),
            gateway: opened.gateway.to_owned(),
            opened_unix_nanos: opened.opened_unix_nanos,
        }
    }
}

impl<'a> From<&'a words::Verdict> for Verdict<'a> {
    fn from(verdict: &'a words::Verdict) -> Self {
        match verdict {
            words::Verdict::Allow => Self::Allow,
            words::Verdict::Refuse(reason) => Self::Refuse { rule: &reason.rule, text: &reason.text },
        }
    }
}

impl From<Verdict<'_>> for words::Verdict {
    fn from(verdict: Verdict<'_>) -> Self {
        match verdict {
            Verdict::Allow => Self::Allow,
            Verdict::Refuse { rule, text } => Self::Refuse(words::Reason::new(rule, text)),
        }
    }
}
