//! Events of the session itself in words: who, what was decided, what people were asked and answered.

use std::time::Duration;

use wiretape_core::Verdict;
use wiretape_core::event::{PrincipalKind, QuestionAnswered, QuestionAsked, Scope, SessionEvent, SessionOpened};
use wiretape_core::judge::Approvers;

use super::label;
use crate::legible::{count, size};
use crate::{timecode, wallclock};

/// Who opened the session, from where, to what.
#[must_use]
pub fn opened(opened: &SessionOpened) -> String {
    let mut text = principal(&opened.person, opened.kind, &opened.on_behalf_of);
    if !opened.groups.is_empty() {
        text.push_str(&format!(" ({})", label(&opened.groups.join(", "))));
    }
    text.push_str(&format!(" from {} by {}", label(&opened.client_address), label(&opened.protocol)));
    match (opened.target.as_str(), opened.login.as_str()) {
        ("", _) => text.push_str(", no target named"),
        (target, "") => text.push_str(&format!(" to {}", label(target))),
        (target, login) => text.push_str(&format!(" to {} as {}", label(target), label(login))),
    }
    text
}

pub(super) fn session(event: &SessionEvent) -> String {
    match event {
        SessionEvent::Opened(event) => opened(event),
        SessionEvent::Decision { action, resource, rule, verdict, nanos: _ } => {
            let what = deed(action, resource);
            match verdict {
                Verdict::Allow => format!("allowed: {what}, by {}", label(rule)),
                Verdict::Refuse(reason) => format!("REFUSED: {what}, by {}: {}", label(rule), label(&reason.text)),
            }
        }
        SessionEvent::Notice { text } => format!("the gateway said: {}", label(text.trim_end())),
        SessionEvent::Gap { events, bytes, reason } => {
            format!("GAP: {} and {} are missing: {}", count(*events, "event"), size(*bytes), label(reason))
        }
        SessionEvent::Marker { label: text } => format!("marker: {}", label(text)),
        SessionEvent::Fault { by, expected, got } => {
            format!("FAULT: the {by} broke the protocol: expected {}, got {}", label(expected), label(got))
        }
        SessionEvent::Closed { reason } => format!("session ended: {}", label(reason)),
        SessionEvent::Labelled { label: text } => format!("label: {}", label(text)),
        SessionEvent::Asked(question) => asked(question),
        SessionEvent::Answered(answer) => answered(answer),
    }
}

/// Who it is, so that a person, an agent and a service are told apart: `ana`, `agent coder for ana`.
#[must_use]
pub fn principal(name: &str, kind: PrincipalKind, on_behalf_of: &str) -> String {
    let name = if name.is_empty() { "somebody unknown".to_owned() } else { label(name) };
    let mut text = match kind {
        PrincipalKind::Person => name,
        PrincipalKind::Agent | PrincipalKind::Service => format!("{} {name}", kind.name()),
    };
    if !on_behalf_of.is_empty() {
        text.push_str(&format!(" for {}", label(on_behalf_of)));
    }
    text
}

/// A question as it is put: what, to whom, by which rule, until when.
pub(crate) fn asked(question: &QuestionAsked) -> String {
    let QuestionAsked { question, action, resource, rule, approvers, expires_unix_nanos } = question;
    let whom = match approvers.as_slice() {
        [] => "nobody".to_owned(),
        approvers => approvers.iter().map(approver).collect::<Vec<_>>().join(" and "),
    };
    format!(
        "ASKED {}: {}, of {whom}, by {}, until {}",
        label(question),
        deed(action, resource),
        label(rule),
        wallclock::short(*expires_unix_nanos),
    )
}

fn approver(approvers: &Approvers) -> String {
    match approvers.count {
        0 | 1 => label(&approvers.group),
        count => format!("{count} of {}", label(&approvers.group)),
    }
}

/// How a question ended: by whom, after how long, and how far that reaches.
pub(crate) fn answered(answer: &QuestionAnswered) -> String {
    let QuestionAnswered { question, verdict, by, scope, nanos } = answer;
    let by = match by.as_slice() {
        [] => String::new(),
        names => format!(" by {}", label(&names.join(", "))),
    };
    let after = timecode::span(Duration::from_nanos(*nanos));
    let scope = match scope {
        Scope::Once => String::new(),
        Scope::Session => ", for the whole session".to_owned(),
        Scope::Until { unix_nanos } => format!(", until {}", wallclock::short(*unix_nanos)),
    };
    match verdict {
        Verdict::Allow => format!("APPROVED {}{by} after {after}{scope}", label(question)),
        Verdict::Refuse(reason) => {
            format!("NOT APPROVED {}{by} after {after}: {}", label(question), label(&reason.text))
        }
    }
}

/// An action and what it was asked of.
fn deed(action: &str, resource: &str) -> String {
    match resource {
        "" => label(action),
        resource => format!("{} `{}`", label(action), label(resource)),
    }
}
