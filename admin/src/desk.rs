//! Where requests arrive: who sends them, and what they bring.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use data_encoding::BASE64;
use secrecy::SecretString;
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::limits::{ANSWER_TIME_MAX, BODY_BYTES_MAX, BODY_TIME_MAX, READERS_MAX};
use crate::metrics::{Family, Kind, Sample};
use crate::office::{Answer, Caller, Credentials, Denied, Office, Task};
use crate::problem::Problem;

/// What all requests share.
pub(crate) struct Desk {
    pub(crate) office: Arc<dyn Office>,
    /// Who may read a recording at this moment.
    pub(crate) readers: Arc<Semaphore>,
    answered: [AtomicU64; 4],
}

/// The classes of status that answers are counted by, from 2xx on.
const CLASSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];

/// Where the client of a connection is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// What is told when somebody was recognised on a connection.
#[derive(Clone)]
pub(crate) struct Recognised(pub(crate) Arc<dyn Fn() + Send + Sync>);

impl Desk {
    pub(crate) fn new(office: Arc<dyn Office>) -> Self {
        Self { office, readers: Arc::new(Semaphore::new(READERS_MAX)), answered: [const { AtomicU64::new(0) }; 4] }
    }

    /// What the office says, in time.
    pub(crate) async fn ask<T>(&self, answer: Answer<'_, T>) -> Result<T, Problem> {
        timeout(ANSWER_TIME_MAX, answer).await.map_err(|_elapsed| Problem::late())
    }

    /// Whether `caller` may do `task`, for `target` or, where that is empty, at all.
    pub(crate) fn may(&self, caller: &Caller, task: Task, target: &str) -> Result<(), Denied> {
        self.office.may(caller, task, target)
    }

    /// Whether `caller` is shown in a list what is of `target`: it is theirs to see, or everything is (`all`) and no rule
    /// forbids this.
    pub(crate) fn shows(&self, caller: &Caller, task: Task, target: &str, all: bool) -> bool {
        match self.may(caller, task, target) {
            Ok(()) => true,
            Err(denied) => all && !denied.is_forbidden(),
        }
    }

    /// Counts an answer.
    pub(crate) fn count(&self, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100).saturating_sub(2);
        if let Some(counter) = self.answered.get(class) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The figures of the API itself.
    pub(crate) fn figures(&self) -> Vec<Family> {
        let samples = CLASSES.iter().zip(&self.answered).map(|(class, count)| Sample {
            labels: vec![("status", (*class).to_owned())],
            value: count.load(Ordering::Relaxed) as f64,
        });
        let readers = READERS_MAX.saturating_sub(self.readers.available_permits());
        vec![
            Family {
                name: "wiretape_admin_answers_total",
                help: "Answers of the admin API, by class of status.",
                kind: Kind::Counter,
                samples: samples.collect(),
            },
            Family::gauge("wiretape_admin_readers", "Recordings that are read by the admin API now.", readers as f64),
        ]
    }
}

/// Whoever sent a request, recognised.
pub(crate) struct Who {
    pub(crate) caller: Caller,
    pub(crate) credentials: Credentials,
}

impl FromRequestParts<Arc<Desk>> for Who {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, desk: &Arc<Desk>) -> Result<Self, Problem> {
        let Some(Peer(peer)) = parts.extensions.get::<Peer>().copied() else {
            return Err(Problem::out_of_order("a request without a connection"));
        };
        let credentials = credentials(&parts.headers)?;
        let caller = desk.ask(desk.office.authenticate(credentials.clone(), peer)).await??;
        if let Some(Recognised(tell)) = parts.extensions.get::<Recognised>() {
            tell();
        }
        Ok(Self { caller, credentials })
    }
}

/// By what a request says who sends it.
fn credentials(headers: &HeaderMap) -> Result<Credentials, Problem> {
    let refusal = |text: &str| Problem::new(StatusCode::UNAUTHORIZED, text);
    let mut fields = headers.get_all(header::AUTHORIZATION).iter();
    let Some(field) = fields.next() else {
        return Err(refusal("say who you are: give a token as Authorization: Bearer, or as the password of Basic"));
    };
    if fields.next().is_some() {
        return Err(refusal("there are two Authorization fields"));
    }
    let text = field.to_str().map_err(|_| refusal("the Authorization field is no text"))?;
    let (scheme, value) = text.split_once(' ').unwrap_or((text, ""));
    let value = value.trim();
    if scheme.eq_ignore_ascii_case("bearer") && !value.is_empty() {
        return Ok(Credentials::Bearer(SecretString::from(value)));
    }
    if scheme.eq_ignore_ascii_case("basic") {
        let pair = BASE64.decode(value.as_bytes()).ok().and_then(|pair| String::from_utf8(pair).ok());
        let pair = pair.ok_or_else(|| refusal("what stands behind Basic is no name and password"))?;
        let (name, password) = pair.split_once(':').unwrap_or((pair.as_str(), ""));
        return Ok(Credentials::Basic { name: name.to_owned(), password: SecretString::from(password) });
    }
    Err(refusal("give a token as Authorization: Bearer, or as the password of Basic"))
}

/// The query of a request; a word that is not known is a fault.
pub(crate) struct Asked<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<Arc<Desk>> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _desk: &Arc<Desk>) -> Result<Self, Problem> {
        match Query::try_from_uri(&parts.uri) {
            Ok(Query(asked)) => Ok(Self(asked)),
            Err(rejection) => Err(Problem::new(StatusCode::BAD_REQUEST, rejection.body_text())),
        }
    }
}

/// The one name in the path of a request.
pub(crate) struct Named<T = String>(pub(crate) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Arc<Desk>> for Named<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, desk: &Arc<Desk>) -> Result<Self, Problem> {
        match Path::from_request_parts(parts, desk).await {
            Ok(Path(name)) => Ok(Self(name)),
            Err(rejection) => Err(Problem::new(StatusCode::BAD_REQUEST, rejection.body_text())),
        }
    }
}

/// The JSON that a request brings.
///
/// Its type has to be said: a page of another site cannot send it behind the back of whoever looks at that page.
pub(crate) struct Brought<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<Arc<Desk>> for Brought<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _desk: &Arc<Desk>) -> Result<Self, Problem> {
        let is_json =
            request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).is_some_and(|kind| {
                kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
            });
        if !is_json {
            let text = "send JSON, with Content-Type: application/json";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, text));
        }
        let body = whole(request.into_body()).await?;
        // A list of values would be read as the fields in their order.
        if body.trim_ascii_start().first() != Some(&b'{') {
            return Err(Problem::new(StatusCode::BAD_REQUEST, "send a JSON object"));
        }
        serde_json::from_slice(&body)
            .map(Self)
            .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, format!("that is not what is asked for: {error}")))
    }
}

/// The whole of a body, within its limits.
async fn whole(body: Body) -> Result<bytes::Bytes, Problem> {
    match timeout(BODY_TIME_MAX, axum::body::to_bytes(body, BODY_BYTES_MAX)).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(_)) => {
            let text = format!("a body may have {BODY_BYTES_MAX} bytes and has to arrive whole");
            Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, text))
        }
        Err(_elapsed) => Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time")),
    }
}

/// Reads an object inside of what a request brings by its names alone: not as a list of values in the order of the
/// fields.
pub(crate) fn object<'de, T: DeserializeOwned, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    T::deserialize(Value::Object(Map::deserialize(deserializer)?)).map_err(D::Error::custom)
}

/// As [`object`], where it may be missing or null.
pub(crate) fn object_if_any<'de, T: DeserializeOwned, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let Some(fields) = Option::<Map<String, Value>>::deserialize(deserializer)? else { return Ok(None) };
    T::deserialize(Value::Object(fields)).map(Some).map_err(D::Error::custom)
}

/// As [`object`], for each item of a list.
pub(crate) fn objects<'de, T: DeserializeOwned, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let items = Vec::<Map<String, Value>>::deserialize(deserializer)?;
    items.into_iter().map(|fields| T::deserialize(Value::Object(fields)).map_err(D::Error::custom)).collect()
}
