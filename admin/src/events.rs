//! The events of a session, one line of JSON each, as they are read from its recording.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body::Frame;
use serde::Deserialize;
use thiserror::Error;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::{OwnedSemaphorePermit, TryAcquireError};
use tokio::time::{sleep, timeout};
use utoipa::IntoParams;
use wiretape_recorder::{Archive, Events, SessionRow, SessionState, Tape, TapeError};
use wiretape_replay::json::Lines;

use crate::answers::{Conflict, Guarded, Missing, Usual};
use crate::clock::moment;
use crate::desk::{Asked, Desk, Named, Who};
use crate::limits::{FOLLOW_INTERVAL, FOLLOW_SILENCE_MAX, READ_BYTES, STALL_TIME_MAX};
use crate::office::Task;
use crate::problem::Problem;
use crate::sessions::{aside, found};

/// Which events, and how.
#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventsAsked {
    /// Goes on with what is recorded from now on, until the session ends. While nothing happens an empty line is sent
    /// from time to time.
    follow: Option<bool>,
    /// Only events after this number; they are counted from 0.
    #[param(minimum = 0, maximum = 9_007_199_254_740_991_i64)]
    after: Option<u64>,
}

/// The events of a session, in order: one JSON object a line.
///
/// That somebody reads them is recorded before the first line is sent. An answer that ends without its last chunk is not
/// whole: the recording is damaged, or the gateway stopped.
#[utoipa::path(
    get, path = "/v1/sessions/{id}/events", tag = "sessions",
    params(
        ("id" = String, Path, description = "The session's name, or the beginning of it.", pattern = "^[0-9a-zA-Z]{1,26}$"),
        EventsAsked,
    ),
    responses(
        (status = 200, description = "The events; docs/EVENTS.md says what each of them means.", body = String,
            content_type = "application/x-ndjson"),
        Guarded, Missing, Conflict, Usual,
    )
)]
pub(crate) async fn read(
    State(desk): State<Arc<Desk>>,
    who: Who,
    Named(id): Named,
    Asked(asked): Asked<EventsAsked>,
) -> Result<Response, Problem> {
    if asked.after.is_some_and(|after| after > NUMBER_MAX) {
        return Err(Problem::new(StatusCode::BAD_REQUEST, format!("after is at most {NUMBER_MAX}")));
    }
    let row = found(&desk, &who.caller, Task::SessionRead, id).await?;
    desk.may(&who.caller, Task::SessionRead, &row.target)?;
    let place = Arc::clone(&desk.readers).try_acquire_owned().map_err(|error| match error {
        TryAcquireError::NoPermits | TryAcquireError::Closed => Problem {
            retry_after: Some(5),
            ..Problem::new(StatusCode::SERVICE_UNAVAILABLE, "as many recordings as can be are being read")
        },
    })?;
    let archive = desk.office.archive();
    let follow = asked.follow.unwrap_or(false);
    let (id, target) = (row.id, row.target.clone());
    let reader = aside(move || Reader::open(archive, row, asked).map_err(Problem::out_of_order)).await?;
    let what = if follow { "events, followed" } else { "events" };
    desk.ask(desk.office.note_read(&who.caller, id, what)).await??;
    let (put, lines) = channel(1);
    let (theirs, caller) = (Arc::clone(&desk), who.caller);
    let may = move || theirs.office.still(&caller) && theirs.may(&caller, Task::SessionRead, &target).is_ok();
    tokio::spawn(send(reader, follow, may, put, place));
    let kind = [(header::CONTENT_TYPE, "application/x-ndjson")];
    Ok((kind, Body::new(Sent { lines })).into_response())
}

/// The greatest number that every reader of JSON reads as it is written (RFC 8259 section 6).
const NUMBER_MAX: u64 = (1 << 53) - 1;

/// What is on its way to the client: an error cuts the answer off.
type Part = Result<Bytes, Cut>;

/// Why an answer has no end.
#[derive(Debug, Error)]
enum Cut {
    /// The recording cannot be read on.
    #[error(transparent)]
    Tape(TapeError),
    /// Whoever reads it may not any more.
    #[error("whoever read this may not any more")]
    Out,
}

/// The body of an answer.
struct Sent {
    lines: Receiver<Part>,
}

impl http_body::Body for Sent {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        self.lines.poll_recv(context).map(|part| part.map(|part| part.map(Frame::data)))
    }
}

/// Reads on a thread that may wait, and hands on what was read, until the recording ends, nobody takes it, or whoever does
/// may not any more.
async fn send(
    mut reader: Reader,
    follow: bool,
    may: impl Fn() -> bool + Send + 'static,
    put: Sender<Part>,
    place: OwnedSemaphorePermit,
) {
    let mut spoke = moment();
    loop {
        // Whoever was let in may be revoked while they read, and a recording can go on for days.
        if !may() {
            tracing::info!(session = %reader.row.id, "whoever read this recording may not any more");
            // Whoever does not even take that is cut off all the same.
            let _taken = timeout(STALL_TIME_MAX, put.send(Err(Cut::Out))).await;
            break;
        }
        let (read, back) = match tokio::task::spawn_blocking(move || (reader.read(), reader)).await {
            Ok(read) => read,
            Err(error) => {
                tracing::error!("a recording was not read: {error}");
                return;
            }
        };
        reader = back;
        let part = match read {
            Ok(Read::Lines(lines)) => Ok(lines),
            Ok(Read::Over) => break,
            Ok(Read::Nothing) if !follow => break,
            Ok(Read::Nothing) => {
                tokio::select! {
                    () = sleep(FOLLOW_INTERVAL) => {}
                    () = put.closed() => break,
                }
                if spoke.elapsed() < FOLLOW_SILENCE_MAX {
                    continue;
                }
                Ok(Bytes::from_static(b"\n"))
            }
            Err(error) => {
                tracing::error!(session = %reader.row.id, "a recording cannot be read to its end: {error}");
                Err(Cut::Tape(error))
            }
        };
        let failed = part.is_err();
        match timeout(STALL_TIME_MAX, put.send(part)).await {
            Ok(Ok(())) if !failed => spoke = moment(),
            _ => break,
        }
    }
    drop(place);
}

/// What a look at a recording brought.
enum Read {
    /// These lines.
    Lines(Bytes),
    /// Nothing more for now: the session is live.
    Nothing,
    /// The end.
    Over,
}

/// Reads a recording once, from its first event, also while it grows.
struct Reader {
    archive: Arc<Archive>,
    row: SessionRow,
    after: Option<u64>,
    lines: Lines,
    events: Events,
    /// The number of the next event.
    number: u64,
    /// Whether the session is known to have ended: what is on the tape by now is all of it.
    ended: bool,
}

impl Reader {
    fn open(archive: Arc<Archive>, row: SessionRow, asked: EventsAsked) -> Result<Self, TapeError> {
        let ended = row.state != SessionState::Live;
        let events = Tape::open(&row.tape)?.events();
        Ok(Self { archive, row, after: asked.after, lines: Lines::default(), events, number: 0, ended })
    }

    /// Reads on.
    fn read(&mut self) -> Result<Read, TapeError> {
        loop {
            let lines = self.batch()?;
            if !lines.is_empty() {
                return Ok(Read::Lines(Bytes::from(lines)));
            }
            if self.events.is_over() {
                return Ok(Read::Over);
            }
            if self.events.go_on()? {
                continue;
            }
            if self.ended {
                return Ok(Read::Over);
            }
            // Whether the session goes on is asked before the tape is looked at for the last time.
            let live = self.archive.find(&self.row.id.to_string()).is_ok_and(|row| row.state == SessionState::Live);
            if live {
                return Ok(Read::Nothing);
            }
            self.ended = true;
        }
    }

    /// Some lines; none at the end of what there is.
    fn batch(&mut self) -> Result<String, TapeError> {
        let mut lines = String::new();
        while lines.len() < READ_BYTES {
            let Some(event) = self.events.next().transpose()? else { break };
            // Lines explain each other: those that are not wanted are made all the same.
            let line = self.lines.event(self.number, &event);
            if self.after.is_none_or(|after| self.number > after) {
                lines.push_str(&line);
                lines.push('\n');
            }
            self.number += 1;
        }
        Ok(lines)
    }
}
