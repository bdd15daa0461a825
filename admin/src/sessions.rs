//! Sessions: which there are, and an end to those that run.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use wiretape_core::SessionId;
use wiretape_recorder::{Archive, Filter, FindError, SessionRow, SessionState};
use wiretape_replay::json;
use wiretape_replay::legible::legible;
use wiretape_replay::wallclock::parse_since;

use crate::answers::{Conflict, Guarded, Misread, Missing, Usual};
use crate::desk::{Asked, Brought, Desk, Named, Who};
use crate::limits::{PAGE_LOOKED_AT_MAX, PAGE_SESSIONS_MAX};
use crate::office::{Caller, Task};
use crate::problem::Problem;

/// Which sessions to list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SessionsAsked {
    /// Of this principal only.
    person: Option<String>,
    /// Of principals of this kind only.
    #[param(inline)]
    kind: Option<KindAsked>,
    /// To this target only.
    target: Option<String>,
    /// Over this protocol only.
    protocol: Option<String>,
    /// With this label only.
    label: Option<String>,
    /// In this state only.
    #[param(inline)]
    state: Option<StateAsked>,
    /// Opened at or after this: RFC 3339 in UTC.
    #[param(
        pattern = "^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])(T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?Z)?$"
    )]
    since: Option<String>,
    /// Opened before this: RFC 3339 in UTC.
    #[param(
        pattern = "^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])(T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?Z)?$"
    )]
    until: Option<String>,
    /// No more than this many; 100 where nothing is said.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// Those that come after this session in the list: `next` of the page before.
    #[param(pattern = "^[0-7][0-9a-hjkmnp-tv-z]{25}$")]
    after: Option<String>,
}

/// What a principal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum KindAsked {
    /// A human being.
    Person,
    /// An AI agent.
    Agent,
    /// A program.
    Service,
}

/// How a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
pub(crate) enum StateAsked {
    /// It runs.
    #[serde(rename = "live")]
    Live,
    /// It ended.
    #[serde(rename = "closed")]
    Closed,
    /// Its recording ends without a trailer.
    #[serde(rename = "cut off")]
    CutOff,
    /// It was refused.
    #[serde(rename = "refused")]
    Refused,
}

impl StateAsked {
    fn state(self) -> SessionState {
        match self {
            Self::Live => SessionState::Live,
            Self::Closed => SessionState::Closed,
            Self::CutOff => SessionState::CutOff,
            Self::Refused => SessionState::Refused,
        }
    }
}

/// A session.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Session {
    /// Its name: 26 letters and digits.
    pub(crate) id: String,
    /// Who; empty when nobody was recognised.
    pub(crate) person: String,
    /// `person`, `agent` or `service`.
    pub(crate) kind: String,
    /// Whom it acts for; empty when for nobody else.
    pub(crate) on_behalf_of: String,
    /// The target's name.
    pub(crate) target: String,
    /// The target's kind.
    pub(crate) target_kind: String,
    /// The login at the target.
    pub(crate) login: String,
    /// The protocol.
    pub(crate) protocol: String,
    /// The client's address.
    pub(crate) client_address: String,
    /// The work that it belongs to, as the client said; may be empty.
    pub(crate) label: String,
    /// What it was about; may be empty.
    pub(crate) what: String,
    /// When it opened.
    pub(crate) opened: String,
    /// When it ended; null while it is live.
    pub(crate) closed: Option<String>,
    /// How long it took; null while it is live.
    pub(crate) duration_seconds: Option<f64>,
    /// `live`, `closed`, `cut off` or `refused`.
    pub(crate) state: String,
    /// Why it ended; empty while it is live.
    pub(crate) reason: String,
    /// Events that are recorded.
    pub(crate) events: u64,
    /// Bytes that the client sent.
    pub(crate) client_bytes: u64,
    /// Bytes that the target sent.
    pub(crate) upstream_bytes: u64,
    /// The size of the recording, in bytes.
    pub(crate) tape_bytes: u64,
}

/// Sessions, newest first.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Sessions {
    /// The sessions.
    #[schema(value_type = Vec<Session>)]
    pub(crate) sessions: Vec<Value>,
    /// What to give as `after` for the next page; null on the last one. A page may be empty and not the last.
    pub(crate) next: Option<String>,
}

/// Why a session is to end.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EndAsked {
    /// What the client and the record are told.
    #[serde(default)]
    #[schema(max_length = 250)]
    pub(crate) why: String,
}

/// A session as the API shows it.
fn shown(row: &SessionRow) -> Result<Value, Problem> {
    serde_json::from_str(&json::session(row)).map_err(Problem::out_of_order)
}

/// Does work that waits for the disk.
pub(crate) async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.map_err(Problem::out_of_order)?
}

/// The session that is called `name`, whole or by its beginning, for `caller` who wants to do `task` with it.
///
/// Whoever may do that with sessions of some targets alone is not told which other sessions there are.
pub(crate) async fn found(desk: &Desk, caller: &Caller, task: Task, name: String) -> Result<SessionRow, Problem> {
    let archive = desk.office.archive();
    let found = aside(move || {
        archive.find(&name).map_err(|error| match error {
            FindError::NotFound { .. } => Problem::not_found("session"),
            FindError::Ambiguous(_) => Problem::new(
                axum::http::StatusCode::CONFLICT,
                "more than one session is called so: give more of its name",
            ),
            FindError::Store(error) => Problem::out_of_order(error),
        })
    })
    .await;
    if found.is_err() {
        desk.may(caller, task, "")?;
    }
    found
}

/// Sessions, newest first.
///
/// Whoever may list the sessions of some targets only is shown those.
#[utoipa::path(
    get, path = "/v1/sessions", tag = "sessions", params(SessionsAsked),
    responses((status = 200, description = "The sessions.", body = Sessions), Guarded, Missing, Usual)
)]
pub(crate) async fn list(
    State(desk): State<Arc<Desk>>,
    who: Who,
    Asked(asked): Asked<SessionsAsked>,
) -> Result<Json<Sessions>, Problem> {
    let of_all = desk.may(&who.caller, Task::SessionList, "");
    if let Err(denied) = &of_all {
        let some =
            desk.office.targets().iter().any(|target| desk.may(&who.caller, Task::SessionList, &target.name).is_ok());
        if !some {
            return Err(denied.clone().into());
        }
    }
    let search = Search::new(&asked)?;
    let theirs = Arc::clone(&desk);
    aside(move || {
        let mut visible = Visible { desk: &theirs, caller: &who.caller, all: of_all.is_ok(), targets: BTreeMap::new() };
        search.page(&theirs.office.archive(), |row| visible.sees(&row.target))
    })
    .await
    .map(Json)
}

/// What a caller may see in a list.
struct Visible<'a> {
    desk: &'a Desk,
    caller: &'a Caller,
    all: bool,
    targets: BTreeMap<String, bool>,
}

impl Visible<'_> {
    fn sees(&mut self, target: &str) -> bool {
        // What was refused without a target is for those who see everything.
        if target.is_empty() {
            return self.all;
        }
        if let Some(&seen) = self.targets.get(target) {
            return seen;
        }
        let seen = self.desk.shows(self.caller, Task::SessionList, target, self.all);
        self.targets.insert(target.to_owned(), seen);
        seen
    }
}

/// What is looked for.
struct Search {
    filter: Filter,
    asked: SessionsAsked,
    after: Option<SessionId>,
    limit: usize,
}

/// Sessions that are read from the catalogue at once.
const BATCH_ROWS: usize = 500;

impl Search {
    fn new(asked: &SessionsAsked) -> Result<Self, Problem> {
        let refusal = |text: String| Problem::new(axum::http::StatusCode::BAD_REQUEST, text);
        let time = |text: &Option<String>| {
            // A span before now would mean something else on the next page.
            let time = text.as_deref().map(|text| match text.contains('-') {
                true => parse_since(text, 0),
                false => Err(format!("`{text}` is no time: write 2026-11-22 or 2026-11-22T08:30:00Z")),
            });
            time.transpose().map_err(refusal)
        };
        let after = asked.after.as_deref().map(|after| {
            SessionId::parse(after).ok_or_else(|| refusal(format!("{:?} names no session", legible(after))))
        });
        let limit = asked.limit.unwrap_or(100);
        if !(1..=PAGE_SESSIONS_MAX).contains(&limit) {
            return Err(refusal(format!("limit is 1 to {PAGE_SESSIONS_MAX}")));
        }
        Ok(Self {
            filter: Filter {
                person: asked.person.clone(),
                target: asked.target.clone(),
                label: asked.label.clone(),
                since_unix_nanos: time(&asked.since)?,
                until_unix_nanos: time(&asked.until)?,
                ..Filter::default()
            },
            asked: asked.clone(),
            after: after.transpose()?,
            limit: limit as usize,
        })
    }

    /// One page of what is visible. The catalogue is read in batches: how a session stands is known only then.
    fn page(mut self, archive: &Archive, mut visible: impl FnMut(&SessionRow) -> bool) -> Result<Sessions, Problem> {
        let mut after = match self.after {
            Some(id) => Some(archive.find(&id.to_string()).map_err(|error| match error {
                FindError::Store(error) => Problem::out_of_order(error),
                FindError::NotFound { .. } | FindError::Ambiguous(_) => Problem::not_found("session to come after"),
            })?),
            None => None,
        };
        let mut sessions = Vec::new();
        let mut looked_at = 0;
        loop {
            if let Some(after) = &after {
                let until = after.opened_unix_nanos.saturating_add(1);
                self.filter.until_unix_nanos = Some(self.filter.until_unix_nanos.map_or(until, |set| set.min(until)));
            }
            self.filter.limit = Some(BATCH_ROWS);
            let rows = archive.sessions(&self.filter).map_err(Problem::out_of_order)?;
            let count = rows.len();
            let mut advanced = false;
            for row in rows {
                // Newest first, and those of one moment by their names.
                let seen = after.as_ref().is_some_and(|after| {
                    row.opened_unix_nanos > after.opened_unix_nanos
                        || (row.opened_unix_nanos == after.opened_unix_nanos
                            && row.id.to_string() <= after.id.to_string())
                });
                if seen {
                    continue;
                }
                advanced = true;
                looked_at += 1;
                if self.fits(&row) && visible(&row) {
                    sessions.push(shown(&row)?);
                }
                let id = row.id;
                after = Some(row);
                if sessions.len() >= self.limit || looked_at >= PAGE_LOOKED_AT_MAX {
                    return Ok(Sessions { sessions, next: Some(id.to_string()) });
                }
            }
            if count < BATCH_ROWS || !advanced {
                return Ok(Sessions { sessions, next: None });
            }
        }
    }

    fn fits(&self, row: &SessionRow) -> bool {
        let kind = |kind: KindAsked| match kind {
            KindAsked::Person => "person",
            KindAsked::Agent => "agent",
            KindAsked::Service => "service",
        };
        self.asked.protocol.as_ref().is_none_or(|protocol| *protocol == row.protocol)
            && self.asked.state.is_none_or(|state| state.state() == row.state)
            && self.asked.kind.is_none_or(|asked| kind(asked) == row.kind.name())
    }
}

/// One session.
#[utoipa::path(
    get, path = "/v1/sessions/{id}", tag = "sessions",
    params(("id" = String, Path, description = "Its name, or the beginning of it.", pattern = "^[0-9a-zA-Z]{1,26}$")),
    responses((status = 200, description = "The session.", body = Session), Guarded, Missing, Conflict, Usual)
)]
pub(crate) async fn one(State(desk): State<Arc<Desk>>, who: Who, Named(id): Named) -> Result<Json<Value>, Problem> {
    let row = found(&desk, &who.caller, Task::SessionList, id).await?;
    let may = desk.may(&who.caller, Task::SessionList, &row.target);
    may.or_else(|_| desk.may(&who.caller, Task::SessionRead, &row.target))?;
    shown(&row).map(Json)
}

/// Ends a live session.
#[utoipa::path(
    post, path = "/v1/sessions/{id}/end", tag = "sessions", request_body = EndAsked,
    params(("id" = String, Path, description = "Its name, or the beginning of it.", pattern = "^[0-9a-zA-Z]{1,26}$")),
    responses(
        (status = 202, description = "It is being ended.", body = Session),
        Guarded, Missing, Misread, Conflict, Usual,
    )
)]
pub(crate) async fn end(
    State(desk): State<Arc<Desk>>,
    who: Who,
    Named(id): Named,
    Brought(asked): Brought<EndAsked>,
) -> Result<(axum::http::StatusCode, Json<Value>), Problem> {
    let why = line(&asked.why, "why")?;
    let row = found(&desk, &who.caller, Task::SessionEnd, id).await?;
    desk.may(&who.caller, Task::SessionEnd, &row.target)?;
    if !desk.office.end_session(&who.caller, row.id, &why) {
        return Err(Problem::new(axum::http::StatusCode::CONFLICT, "the session is not live"));
    }
    Ok((axum::http::StatusCode::ACCEPTED, Json(shown(&row)?)))
}

/// Letters of a text that somebody gives as a reason.
const WHY_LETTERS_MAX: usize = 250;

/// A short text for people, without anything that a terminal would act on.
pub(crate) fn line(text: &str, name: &str) -> Result<String, Problem> {
    if text.chars().count() > WHY_LETTERS_MAX {
        let refusal = format!("{name} may have {WHY_LETTERS_MAX} letters");
        return Err(Problem::new(axum::http::StatusCode::BAD_REQUEST, refusal));
    }
    Ok(legible(text).into_owned())
}
