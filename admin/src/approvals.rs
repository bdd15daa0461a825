//! Questions that wait for people, and their answers.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::{IntoParams, PartialSchema, ToSchema};
use wiretape_approval::{Petition, Principal, Rejected, State as Standing};
use wiretape_core::event::Scope;
use wiretape_replay::wallclock::exact;

use crate::answers::{Conflict, Guarded, Misread, Missing, Usual};
use crate::desk::{Asked, Brought, Desk, Named, Who};
use crate::limits::PAGE_QUESTIONS_MAX;
use crate::office::{Caller, Task};
use crate::problem::Problem;
use crate::sessions::line;

/// Which questions to list.
#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct QuestionsAsked {
    /// With those that ended lately.
    ended: Option<bool>,
}

/// Somebody.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub(crate) struct Somebody {
    /// The name.
    pub(crate) name: String,
    /// `person`, `agent` or `service`.
    pub(crate) kind: String,
    /// Who vouches for it: an issuer's URL; empty for the users of the configuration.
    pub(crate) issuer: String,
    /// The issuer's own name for it; empty without an issuer.
    pub(crate) subject: String,
    /// Whom it acts for; empty when for itself.
    pub(crate) on_behalf_of: String,
}

impl From<&Principal> for Somebody {
    fn from(principal: &Principal) -> Self {
        let Principal { name, kind, issuer, subject, on_behalf_of } = principal.clone();
        Self { name, kind: kind.name().to_owned(), issuer, subject, on_behalf_of }
    }
}

/// How many of whom.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Several {
    /// A group.
    pub(crate) group: String,
    /// How many of its members.
    pub(crate) count: u32,
}

/// How far an approval reaches: `once`, for the rest of the session that asks, or for some minutes whatever session of
/// the same principal the same rule asks about the same target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Reach {
    /// What was asked, and nothing else.
    #[default]
    Once,
    /// What the same rule asks again in the same session.
    Session,
    /// What the same rule asks the same principal about the same target again, for so long.
    Minutes(Minutes),
}

/// A number of minutes, at most a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "f64")]
pub(crate) struct Minutes(u16);

/// The minutes of a day.
const DAY_MINUTES: u16 = 1440;

impl TryFrom<f64> for Minutes {
    type Error = String;

    /// To JSON `30.0` is the number 30.
    fn try_from(minutes: f64) -> Result<Self, String> {
        let whole = (1..=DAY_MINUTES).find(|whole| f64::from(*whole) == minutes);
        whole.map(Self).ok_or_else(|| format!("an approval reaches for 1 to {DAY_MINUTES} minutes"))
    }
}

/// Written by hand: a word or an object with one field and no other is more than can be derived.
impl PartialSchema for Reach {
    fn schema() -> RefOr<Schema> {
        let words = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(["once", "session"]));
        let minutes = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(1))
            .maximum(Some(DAY_MINUTES))
            .description(Some("So many minutes from now on, at most a day; the gateway's setting may allow less."));
        let span = ObjectBuilder::new()
            .property("minutes", minutes)
            .required("minutes")
            .additional_properties(Some(AdditionalProperties::FreeForm(false)));
        let description = "How far an approval reaches: what was asked and nothing else (`once`), what the same rule asks \
            again in the same session (`session`), or what the same rule asks the same principal about the same target \
            again, for some minutes.";
        OneOfBuilder::new().item(words).item(span).description(Some(description)).into()
    }
}

impl ToSchema for Reach {}

impl Reach {
    fn scope(self, now_unix_nanos: u64) -> Scope {
        match self {
            Self::Once => Scope::Once,
            Self::Session => Scope::Session,
            Self::Minutes(Minutes(minutes)) => {
                Scope::Until { unix_nanos: now_unix_nanos.saturating_add(u64::from(minutes) * 60_000_000_000) }
            }
        }
    }
}

/// What was answered.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Answered {
    /// By whom.
    pub(crate) by: Somebody,
    /// The groups, of those that were asked, for which it counts.
    pub(crate) groups: Vec<String>,
    /// Approved, or refused.
    pub(crate) approved: bool,
    /// Why.
    pub(crate) why: String,
    /// How far it is to reach: `once`, `session`, or until when.
    pub(crate) scope: String,
    /// When.
    pub(crate) at: String,
}

/// A question.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Question {
    /// Its name: eight letters and digits.
    pub(crate) id: String,
    /// `open`, `approved`, `refused`, `expired` or `withdrawn`.
    pub(crate) state: String,
    /// When it was asked.
    pub(crate) asked: String,
    /// When it dies without enough answers.
    pub(crate) expires: String,
    /// When it ended; null while it is open.
    pub(crate) ended: Option<String>,
    /// The session that waits.
    pub(crate) session: String,
    /// Who asks.
    pub(crate) requester: Somebody,
    /// The target.
    pub(crate) target: String,
    /// The action, by its policy name.
    pub(crate) action: String,
    /// What it is done to, short.
    pub(crate) resource: String,
    /// All of what is asked: the whole statement or command, every update of a ref.
    pub(crate) detail: String,
    /// The rules that want it asked.
    pub(crate) rule: String,
    /// Why it is asked; may be empty.
    pub(crate) text: String,
    /// Who may answer: all of these have to approve, one of them can refuse.
    pub(crate) approvers: Vec<Several>,
    /// Who has not approved yet.
    pub(crate) missing: Vec<Several>,
    /// The answers.
    pub(crate) answers: Vec<Answered>,
    /// How far the approvals reach: `once`, `session`, or until when.
    pub(crate) scope: String,
    /// Whether whoever reads this may approve it now.
    pub(crate) yours: bool,
}

/// Questions.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Questions {
    /// The open ones, the oldest first; then those that ended, the latest first.
    pub(crate) approvals: Vec<Question>,
}

/// An approval.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Approving {
    /// How far it reaches.
    #[serde(default)]
    pub(crate) scope: Reach,
    /// Why; it is recorded.
    #[serde(default)]
    #[schema(max_length = 250)]
    pub(crate) why: String,
}

/// A refusal.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Refusing {
    /// Why; it is recorded, and the client is told.
    #[serde(default)]
    #[schema(max_length = 250)]
    pub(crate) why: String,
}

fn scope(scope: Scope) -> String {
    match scope {
        Scope::Once => "once".to_owned(),
        Scope::Session => "session".to_owned(),
        Scope::Until { unix_nanos } => exact(unix_nanos),
    }
}

pub(crate) fn several(approvers: &[wiretape_core::Approvers]) -> Vec<Several> {
    approvers.iter().map(|asked| Several { group: asked.group.clone(), count: asked.count }).collect()
}

fn shown(petition: &Petition, caller: &Caller) -> Question {
    let asking = &petition.asking;
    let answers = petition.answers.iter().map(|answer| Answered {
        by: Somebody::from(&answer.principal),
        groups: answer.groups.clone(),
        approved: answer.approve,
        why: answer.why.clone(),
        scope: scope(answer.scope),
        at: exact(answer.unix_nanos),
    });
    Question {
        id: petition.id.clone(),
        state: petition.state.name().to_owned(),
        asked: exact(petition.asked_unix_nanos),
        expires: exact(asking.expires_unix_nanos),
        ended: petition.ended_unix_nanos.map(exact),
        session: asking.session.to_string(),
        requester: Somebody::from(&asking.requester),
        target: asking.target.clone(),
        action: asking.action.clone(),
        resource: asking.resource.clone(),
        detail: asking.detail.clone(),
        rule: asking.rule.clone(),
        text: asking.text.clone(),
        approvers: several(&asking.approvers),
        missing: several(&petition.missing()),
        answers: answers.collect(),
        scope: scope(petition.scope()),
        yours: petition.admits(&caller.answerer, true).is_ok(),
    }
}

/// Whether somebody is asked: by a group that they belong to.
fn is_asked(petition: &Petition, caller: &Caller) -> bool {
    petition.asking.approvers.iter().any(|asked| caller.answerer.groups.contains(&asked.group))
}

/// Whether somebody may see a question: their own, one that they are asked, and others when the policy says so.
fn sees(desk: &Desk, caller: &Caller, petition: &Petition, all: bool) -> bool {
    let own = petition.asking.requester.is_one_with(&caller.answerer.principal);
    let seen = own || is_asked(petition, caller);
    seen || desk.shows(caller, Task::ApprovalList, &petition.asking.target, all)
}

/// Whether somebody may answer at all. To be asked is to be permitted; to be forbidden is stronger.
fn may_answer(desk: &Desk, caller: &Caller, petition: &Petition) -> Result<(), Problem> {
    match desk.may(caller, Task::ApprovalAnswer, &petition.asking.target) {
        Err(denied) if denied.is_forbidden() || !is_asked(petition, caller) => Err(denied.into()),
        _ => Ok(()),
    }
}

/// The question `id`, for somebody who may see it.
fn found(desk: &Desk, caller: &Caller, id: &str) -> Result<Petition, Problem> {
    let petition = desk.office.question(id).filter(|petition| sees(desk, caller, petition, false));
    petition.ok_or_else(|| Rejected::Unknown.into())
}

/// Questions: one's own, those that one is asked, and all where the policy says so.
#[utoipa::path(
    get, path = "/v1/approvals", tag = "approvals", params(QuestionsAsked),
    responses((status = 200, description = "The questions.", body = Questions), Guarded, Usual)
)]
pub(crate) async fn list(
    State(desk): State<Arc<Desk>>,
    who: Who,
    Asked(asked): Asked<QuestionsAsked>,
) -> Json<Questions> {
    let caller = who.caller;
    let all = desk.may(&caller, Task::ApprovalList, "").is_ok();
    let questions = desk.office.questions(asked.ended.unwrap_or(false));
    let seen = questions.iter().filter(|petition| sees(&desk, &caller, petition, all)).take(PAGE_QUESTIONS_MAX);
    Json(Questions { approvals: seen.map(|petition| shown(petition, &caller)).collect() })
}

/// One question, also when it ended lately.
#[utoipa::path(
    get, path = "/v1/approvals/{id}", tag = "approvals",
    params(("id" = String, Path, description = "Its name.", pattern = "^[0-9a-zA-Z]{8}$")),
    responses((status = 200, description = "The question.", body = Question), Guarded, Missing, Usual)
)]
pub(crate) async fn one(State(desk): State<Arc<Desk>>, who: Who, Named(id): Named) -> Result<Json<Question>, Problem> {
    found(&desk, &who.caller, &id).map(|petition| Json(shown(&petition, &who.caller)))
}

fn answer(
    desk: &Desk,
    caller: &Caller,
    id: &str,
    approve: bool,
    why: &str,
    reach: Reach,
) -> Result<Json<Question>, Problem> {
    let why = line(why, "why")?;
    let petition = found(desk, caller, id)?;
    if petition.asking.requester.is_one_with(&caller.answerer.principal) {
        return Err(Rejected::OwnQuestion.into());
    }
    may_answer(desk, caller, &petition)?;
    let scope = reach.scope(desk.office.now_unix_nanos());
    let petition = desk.office.answer(caller, &petition.id, approve, why, scope)?;
    Ok(Json(shown(&petition, caller)))
}

/// Approves what is asked. Nobody approves their own question.
#[utoipa::path(
    post, path = "/v1/approvals/{id}/approve", tag = "approvals", request_body = Approving,
    params(("id" = String, Path, description = "The question's name.", pattern = "^[0-9a-zA-Z]{8}$")),
    responses(
        (status = 200, description = "The question as it stands now.", body = Question),
        Guarded, Missing, Misread, Conflict, Usual,
    )
)]
pub(crate) async fn approve(
    State(desk): State<Arc<Desk>>,
    who: Who,
    Named(id): Named,
    Brought(approving): Brought<Approving>,
) -> Result<Json<Question>, Problem> {
    answer(&desk, &who.caller, &id, true, &approving.why, approving.scope)
}

/// Refuses what is asked. One refusal is enough.
#[utoipa::path(
    post, path = "/v1/approvals/{id}/refuse", tag = "approvals", request_body = Refusing,
    params(("id" = String, Path, description = "The question's name.", pattern = "^[0-9a-zA-Z]{8}$")),
    responses(
        (status = 200, description = "The question as it stands now.", body = Question),
        Guarded, Missing, Misread, Conflict, Usual,
    )
)]
pub(crate) async fn refuse(
    State(desk): State<Arc<Desk>>,
    who: Who,
    Named(id): Named,
    Brought(refusing): Brought<Refusing>,
) -> Result<Json<Question>, Problem> {
    answer(&desk, &who.caller, &id, false, &refusing.why, Reach::Once)
}

/// Takes back what an approval grants beyond what was asked: for whoever may answer the question, and for whoever asked
/// it. What passed has passed.
#[utoipa::path(
    delete, path = "/v1/approvals/{id}/grant", tag = "approvals",
    params(("id" = String, Path, description = "The question's name.", pattern = "^[0-9a-zA-Z]{8}$")),
    responses(
        (status = 204, description = "It grants nothing any more."),
        Guarded, Missing, Conflict, Usual,
    )
)]
pub(crate) async fn take_back(
    State(desk): State<Arc<Desk>>,
    who: Who,
    Named(id): Named,
) -> Result<StatusCode, Problem> {
    let petition = found(&desk, &who.caller, &id)?;
    if !petition.asking.requester.is_one_with(&who.caller.answerer.principal) {
        may_answer(&desk, &who.caller, &petition)?;
    }
    if petition.state != Standing::Approved || !desk.office.take_back(&who.caller, &petition.id) {
        return Err(Problem::new(StatusCode::CONFLICT, "the question grants nothing beyond itself"));
    }
    Ok(StatusCode::NO_CONTENT)
}
