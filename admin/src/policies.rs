//! What the policy in force would decide.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use bytes::Bytes;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;
use wiretape_approval::{Answerer, Principal};
use wiretape_core::Decided;
use wiretape_core::event::{FileOperation, ObjectId, OpenMode, PrincipalKind, RefChange, RefUpdate};
use wiretape_core::judge::{ActionKind, Push};

use crate::answers::{Conflict, Guarded, Misread, Missing, Usual};
use crate::approvals::{Several, several};
use crate::desk::{Brought, Desk, Who, object, object_if_any, objects};
use crate::office::{Inquiry, Task, Unfit};
use crate::problem::Problem;

/// What to decide.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Check {
    /// Who would do it.
    #[serde(deserialize_with = "object")]
    pub(crate) subject: CheckSubject,
    /// The target's name.
    #[schema(min_length = 1, max_length = 250)]
    pub(crate) target: String,
    /// What would be done; without it the connection itself is decided.
    #[serde(default, deserialize_with = "object_if_any")]
    pub(crate) action: Option<CheckAction>,
    /// From where: an address of IPv4 or IPv6.
    #[serde(default)]
    #[schema(max_length = 250)]
    pub(crate) client_address: Option<String>,
    /// As whom, at the target.
    #[serde(default)]
    #[schema(max_length = 250)]
    pub(crate) login: String,
    /// The work that it would belong to.
    #[serde(default)]
    #[schema(max_length = 250)]
    pub(crate) label: Option<String>,
}

/// What a principal is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum CheckKind {
    /// A human being.
    #[default]
    Person,
    /// An AI agent.
    Agent,
    /// A program.
    Service,
}

/// Who would do something.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CheckSubject {
    /// The name.
    #[schema(min_length = 1, max_length = 250)]
    pub(crate) name: String,
    /// A person where nothing else is said.
    #[serde(default)]
    pub(crate) kind: CheckKind,
    /// The groups.
    #[serde(default)]
    #[schema(max_items = 1000)]
    pub(crate) groups: Vec<String>,
    /// Who vouches for it: an issuer's URL.
    #[serde(default)]
    pub(crate) issuer: String,
    /// Whom it acts for.
    #[serde(default)]
    pub(crate) on_behalf_of: String,
    /// What its token claims.
    #[serde(default)]
    pub(crate) claims: BTreeMap<String, BTreeSet<String>>,
}

/// What would be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "name", deny_unknown_fields)]
pub(crate) enum CheckAction {
    /// A terminal or a plain shell.
    #[serde(rename = "ssh.shell")]
    Shell {},
    /// One command line.
    #[serde(rename = "ssh.exec")]
    Exec {
        /// The command line.
        command: String,
    },
    /// A named subsystem.
    #[serde(rename = "ssh.subsystem")]
    Subsystem {
        /// Its name.
        subsystem: String,
    },
    /// A connection onward from the target.
    #[serde(rename = "ssh.forward")]
    Forward {
        /// Where to: `host:port` or the path of a socket.
        destination: String,
    },
    /// The client's agent, lent to the target.
    #[serde(rename = "ssh.agent")]
    Agent {},
    /// A file is read.
    #[serde(rename = "file.read")]
    FileRead {
        /// Its path.
        path: String,
    },
    /// A file is written.
    #[serde(rename = "file.write")]
    FileWrite {
        /// Its path.
        path: String,
    },
    /// A file is removed.
    #[serde(rename = "file.remove")]
    FileRemove {
        /// Its path.
        path: String,
    },
    /// A directory is listed.
    #[serde(rename = "file.list")]
    FileList {
        /// Its path.
        path: String,
    },
    /// SQL.
    #[serde(rename = "pg.query")]
    Query {
        /// The text.
        text: String,
    },
    /// A function of the database, called by its number.
    #[serde(rename = "pg.call")]
    Call {
        /// The object identifier of the function.
        #[serde(deserialize_with = "function_id")]
        #[schema(minimum = 0, maximum = 4_294_967_295_u32)]
        function: u32,
    },
    /// An HTTP request.
    #[serde(rename = "http.request")]
    Request {
        /// The method.
        method: String,
        /// The URL; for a tunnel `host:port`.
        url: String,
    },
    /// A clone or a fetch.
    #[serde(rename = "git.fetch")]
    Fetch {
        /// The path of the repository.
        repository: String,
    },
    /// A push.
    #[serde(rename = "git.push")]
    Push {
        /// The path of the repository.
        repository: String,
        /// What becomes of its refs.
        #[serde(deserialize_with = "objects")]
        #[schema(max_items = 1000)]
        updates: Vec<CheckUpdate>,
        /// The paths that its commits change.
        #[serde(default)]
        #[schema(max_items = 10000)]
        paths: Vec<String>,
        /// The options of the push.
        #[serde(default)]
        #[schema(max_items = 1000)]
        options: Vec<String>,
    },
}

/// What becomes of a ref.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CheckUpdate {
    /// The ref: `refs/heads/main`.
    #[serde(rename = "ref")]
    pub(crate) name: String,
    /// What is done to it.
    pub(crate) change: CheckChange,
}

/// What is done to a ref.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum CheckChange {
    /// It was not there.
    Created,
    /// It is removed.
    Deleted,
    /// It goes on.
    FastForward,
    /// Its history is rewritten.
    Forced,
    /// Nobody knows.
    Unknown,
}

/// What is decided.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Decision {
    /// `allow`, `refuse`, or `ask`: people are asked.
    pub(crate) verdict: String,
    /// The rules that decide; empty where nothing permits it.
    pub(crate) rules: Vec<String>,
    /// What the client is told; may be empty.
    pub(crate) text: String,
    /// Who is asked; empty where nobody is.
    pub(crate) approvers: Vec<Several>,
}

/// To JSON `17.0` is the number 17.
fn function_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let number = f64::deserialize(deserializer)?;
    // Every number of 32 bits is a number of this kind: none is rounded to another.
    let id = number as u32;
    if f64::from(id) == number {
        Ok(id)
    } else {
        Err(D::Error::custom("the identifier of a function is 0 to 4294967295"))
    }
}

impl CheckKind {
    fn kind(self) -> PrincipalKind {
        match self {
            Self::Person => PrincipalKind::Person,
            Self::Agent => PrincipalKind::Agent,
            Self::Service => PrincipalKind::Service,
        }
    }
}

impl CheckUpdate {
    fn update(self) -> RefUpdate {
        let (nothing, something) = (ObjectId::Sha1([0; 20]), ObjectId::Sha1([0x11; 20]));
        let (old, new, change) = match self.change {
            CheckChange::Created => (nothing, something, RefChange::Created),
            CheckChange::Deleted => (something, nothing, RefChange::Deleted),
            CheckChange::FastForward => (something, something, RefChange::FastForward),
            CheckChange::Forced => (something, something, RefChange::Forced),
            CheckChange::Unknown => (something, something, RefChange::Unknown),
        };
        RefUpdate { name: Bytes::from(self.name), old, new, change }
    }
}

impl CheckAction {
    fn action(self) -> ActionKind {
        let file = |operation: FileOperation| ActionKind::File(Box::new(operation));
        let all = |texts: Vec<String>| texts.into_iter().map(Bytes::from).collect::<Vec<_>>();
        match self {
            Self::Shell {} => ActionKind::Shell,
            Self::Exec { command } => ActionKind::Exec { command: Bytes::from(command) },
            Self::Subsystem { subsystem } => ActionKind::Subsystem { name: subsystem },
            Self::Forward { destination } => ActionKind::Forward { destination },
            Self::Agent {} => ActionKind::Agent,
            Self::FileRead { path } => {
                let mode = OpenMode { read: true, ..OpenMode::default() };
                file(FileOperation::Open { path: Bytes::from(path), mode })
            }
            Self::FileWrite { path } => {
                let mode = OpenMode { write: true, create: true, ..OpenMode::default() };
                file(FileOperation::Open { path: Bytes::from(path), mode })
            }
            Self::FileRemove { path } => file(FileOperation::Remove { path: Bytes::from(path) }),
            Self::FileList { path } => file(FileOperation::List { path: Bytes::from(path) }),
            Self::Query { text } => ActionKind::Query { text: Bytes::from(text) },
            Self::Call { function } => ActionKind::Call { function_id: function },
            Self::Request { method, url } => ActionKind::Request { method: Bytes::from(method), url: Bytes::from(url) },
            Self::Fetch { repository } => ActionKind::Fetch { repository: Bytes::from(repository) },
            Self::Push { repository, updates, paths, options } => {
                let mut paths = all(paths);
                paths.sort_unstable();
                paths.dedup();
                ActionKind::Push(Box::new(Push {
                    repository: Bytes::from(repository),
                    updates: updates.into_iter().map(CheckUpdate::update).collect(),
                    options: all(options),
                    paths,
                    complete: true,
                }))
            }
        }
    }
}

impl Decision {
    fn of(decided: Decided) -> Self {
        let verdict = decided.name().to_owned();
        let (rules, text, approvers) = match decided {
            Decided::Allow { rules } => (rules, String::new(), Vec::new()),
            Decided::Refuse { rules, text } => (rules, text, Vec::new()),
            Decided::Ask { rules, approvers, text } => (rules, text, several(&approvers)),
        };
        Self { verdict, rules, text, approvers }
    }
}

/// Decides as the policy in force would, and does nothing.
#[utoipa::path(
    post, path = "/v1/policy/check", tag = "policy", request_body = Check,
    responses(
        (status = 200, description = "The decision.", body = Decision),
        Guarded, Missing, Misread, Conflict, Usual,
    )
)]
pub(crate) async fn check(
    State(desk): State<Arc<Desk>>,
    who: Who,
    Brought(check): Brought<Check>,
) -> Result<Json<Decision>, Problem> {
    desk.may(&who.caller, Task::PolicyCheck, &check.target)?;
    let subject = check.subject;
    if subject.name.is_empty() || check.target.is_empty() {
        return Err(Problem::new(StatusCode::BAD_REQUEST, "a subject and a target have names"));
    }
    let address = check.client_address.map(|address| address.parse::<IpAddr>()).transpose().map_err(|_| {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "client_address is an address of IPv4 or IPv6, without a port")
    })?;
    let principal = Principal {
        name: subject.name,
        kind: subject.kind.kind(),
        issuer: subject.issuer,
        subject: String::new(),
        on_behalf_of: subject.on_behalf_of,
    };
    let inquiry = Inquiry {
        who: Answerer { principal, groups: subject.groups, login: String::new() },
        claims: subject.claims,
        target: check.target,
        action: check.action.map(CheckAction::action),
        client_address: address,
        login: check.login,
        label: check.label,
    };
    let decided = desk.office.check(&inquiry).ok_or(Unfit::Unknown(inquiry.target))?;
    Ok(Json(Decision::of(decided)))
}
