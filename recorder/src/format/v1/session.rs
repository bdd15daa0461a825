//! Events of the session itself, as version 1 writes them.

use bincode::{BorrowDecode, Decode, Encode};
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

#[derive(Encode, Decode)]
pub(super) enum Principal {
    Person,
    Agent,
    Service,
}

#[derive(Encode, Decode)]
pub(super) enum Scope {
    Once,
    Session,
    Until { unix_nanos: u64 },
}

#[derive(Encode, BorrowDecode)]
pub(super) struct Approvers<'a> {
    group: &'a str,
    count: u32,
}

/// [`Opened`], and whose word there is for the principal.
#[derive(Encode, BorrowDecode)]
pub(super) struct Vouched<'a> {
    opened: Opened<'a>,
    kind: Principal,
    issuer: &'a str,
    subject: &'a str,
    on_behalf_of: &'a str,
}

#[derive(Encode, BorrowDecode)]
pub(super) struct Asked<'a> {
    question: &'a str,
    action: &'a str,
    resource: &'a str,
    rule: &'a str,
    approvers: Vec<Approvers<'a>>,
    expires_unix_nanos: u64,
}

#[derive(Encode, BorrowDecode)]
pub(super) struct Answered<'a> {
    question: &'a str,
    verdict: Verdict<'a>,
    by: Vec<&'a str>,
    scope: Scope,
    nanos: u64,
}

#[derive(Encode, BorrowDecode)]
pub(super) enum Session<'a> {
    Opened(Box<Opened<'a>>),
    Decision {
        action: &'a str,
        resource: &'a str,
        rule: &'a str,
        verdict: Verdict<'a>,
    },
    Notice {
        text: &'a str,
    },
    Gap {
        events: u64,
        bytes: u64,
        reason: &'a str,
    },
    Marker {
        label: &'a str,
    },
    Fault {
        by: Side,
        expected: &'a str,
        got: &'a str,
    },
    Closed {
        reason: &'a str,
    },
    Labelled {
        label: &'a str,
    },
    /// A decision whose time was measured.
    Decided {
        action: &'a str,
        resource: &'a str,
        rule: &'a str,
        verdict: Verdict<'a>,
        nanos: u64,
    },
    /// `Opened` by somebody whom an issuer vouches for, or who is no person.
    Vouched(Box<Vouched<'a>>),
    Asked(Box<Asked<'a>>),
    Answered(Box<Answered<'a>>),
}

impl<'a> From<&'a words::event::SessionEvent> for Session<'a> {
    fn from(event: &'a words::event::SessionEvent) -> Self {
        use words::event::SessionEvent as Core;
        match event {
            Core::Opened(opened) if is_vouched(opened) => Self::Vouched(Box::new(opened.as_ref().into())),
            Core::Opened(opened) => Self::Opened(Box::new(opened.as_ref().into())),
            Core::Decision { action, resource, rule, verdict, nanos: 0 } => {
                Self::Decision { action, resource, rule, verdict: verdict.into() }
            }
            Core::Decision { action, resource, rule, verdict, nanos } => {
                Self::Decided { action, resource, rule, verdict: verdict.into(), nanos: *nanos }
            }
            Core::Notice { text } => Self::Notice { text },
            Core::Gap { events, bytes, reason } => Self::Gap { events: *events, bytes: *bytes, reason },
            Core::Marker { label } => Self::Marker { label },
            Core::Fault { by, expected, got } => Self::Fault { by: (*by).into(), expected, got },
            Core::Closed { reason } => Self::Closed { reason },
            Core::Labelled { label } => Self::Labelled { label },
            Core::Asked(asked) => Self::Asked(Box::new(asked.as_ref().into())),
            Core::Answered(answered) => Self::Answered(Box::new(answered.as_ref().into())),
        }
    }
}

/// Items of the longest list of `event`.
pub(super) fn list_items(event: &words::event::SessionEvent) -> usize {
    use words::event::SessionEvent as Core;
    match event {
        Core::Opened(opened) => opened.groups.len(),
        Core::Asked(asked) => asked.approvers.len(),
        Core::Answered(answered) => answered.by.len(),
        _ => 0,
    }
}

/// Whether the tape has to say more of the principal than `Opened` can.
fn is_vouched(opened: &words::event::SessionOpened) -> bool {
    let texts = [&opened.issuer, &opened.subject, &opened.on_behalf_of];
    opened.kind != words::event::PrincipalKind::Person || texts.iter().any(|text| !text.is_empty())
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
                nanos: 0,
            },
            Session::Decided { action, resource, rule, verdict, nanos } => Self::Decision {
                action: action.to_owned(),
                resource: resource.to_owned(),
                rule: rule.to_owned(),
                verdict: verdict.into(),
                nanos,
            },
            Session::Vouched(vouched) => Self::Opened(Box::new((*vouched).into())),
            Session::Asked(asked) => Self::Asked(Box::new((*asked).into())),
            Session::Answered(answered) => Self::Answered(Box::new((*answered).into())),
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
            ..Self::default()
        }
    }
}

impl<'a> From<&'a words::event::SessionOpened> for Vouched<'a> {
    fn from(opened: &'a words::event::SessionOpened) -> Self {
        Self {
            opened: opened.into(),
            kind: opened.kind.into(),
            issuer: &opened.issuer,
            subject: &opened.subject,
            on_behalf_of: &opened.on_behalf_of,
        }
    }
}

impl From<Vouched<'_>> for words::event::SessionOpened {
    fn from(vouched: Vouched<'_>) -> Self {
        Self {
            kind: vouched.kind.into(),
            issuer: vouched.issuer.to_owned(),
            subject: vouched.subject.to_owned(),
            on_behalf_of: vouched.on_behalf_of.to_owned(),
            ..vouched.opened.into()
        }
    }
}

impl From<words::event::PrincipalKind> for Principal {
    fn from(kind: words::event::PrincipalKind) -> Self {
        match kind {
            words::event::PrincipalKind::Person => Self::Person,
            words::event::PrincipalKind::Agent => Self::Agent,
            words::event::PrincipalKind::Service => Self::Service,
        }
    }
}

impl From<Principal> for words::event::PrincipalKind {
    fn from(kind: Principal) -> Self {
        match kind {
            Principal::Person => Self::Person,
            Principal::Agent => Self::Agent,
            Principal::Service => Self::Service,
        }
    }
}

impl<'a> From<&'a words::event::QuestionAsked> for Asked<'a> {
    fn from(asked: &'a words::event::QuestionAsked) -> Self {
        let approvers = asked.approvers.iter();
        Self {
            question: &asked.question,
            action: &asked.action,
            resource: &asked.resource,
            rule: &asked.rule,
            approvers: approvers.map(|its| Approvers { group: &its.group, count: its.count }).collect(),
            expires_unix_nanos: asked.expires_unix_nanos,
        }
    }
}

impl From<Asked<'_>> for words::event::QuestionAsked {
    fn from(asked: Asked<'_>) -> Self {
        let approvers = asked.approvers.into_iter();
        Self {
            question: asked.question.to_owned(),
            action: asked.action.to_owned(),
            resource: asked.resource.to_owned(),
            rule: asked.rule.to_owned(),
            approvers: approvers
                .map(|its| words::Approvers { group: its.group.to_owned(), count: its.count })
                .collect(),
            expires_unix_nanos: asked.expires_unix_nanos,
        }
    }
}

impl<'a> From<&'a words::event::QuestionAnswered> for Answered<'a> {
    fn from(answered: &'a words::event::QuestionAnswered) -> Self {
        Self {
            question: &answered.question,
            verdict: (&answered.verdict).into(),
            by: answered.by.iter().map(String::as_str).collect(),
            scope: answered.scope.into(),
            nanos: answered.nanos,
        }
    }
}

impl From<Answered<'_>> for words::event::QuestionAnswered {
    fn from(answered: Answered<'_>) -> Self {
        Self {
            question: answered.question.to_owned(),
            verdict: answered.verdict.into(),
            by: answered.by.into_iter().map(str::to_owned).collect(),
            scope: answered.scope.into(),
            nanos: answered.nanos,
        }
    }
}

impl From<words::event::Scope> for Scope {
    fn from(scope: words::event::Scope) -> Self {
        match scope {
            words::event::Scope::Once => Self::Once,
            words::event::Scope::Session => Self::Session,
            words::event::Scope::Until { unix_nanos } => Self::Until { unix_nanos },
        }
    }
}

impl From<Scope> for words::event::Scope {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::Once => Self::Once,
            Scope::Session => Self::Session,
            Scope::Until { unix_nanos } => Self::Until { unix_nanos },
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
