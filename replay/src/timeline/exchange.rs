//! An HTTP exchange in a timeline: what was asked for, what was answered, and what was in it.
//!
//! A request is told when it comes. A response is told when it is whole, in one line with its size and how long it all
//! took; one that takes longer is told by its head first. Events of a stream, framed messages and what is said behind
//! an upgrade are told as they come.

mod message;
mod teller;
mod tunnel;
mod words;

use std::time::Duration;

use wiretape_core::event::{HeaderField, HttpEvent, StreamEvent};
use wiretape_core::{Event, Lane, Moment, Side};

use self::message::Message;
pub use self::teller::Bodies;
use self::teller::Teller;
use self::tunnel::Tunnel;
use self::words::{field_lines, lasted};
use super::{Entry, Mark};
use crate::describe::{describe, label, reset, status_line};
use crate::exchange::framed::status_name;
use crate::exchange::head;
use crate::exchange::url;
use crate::legible::{excerpt, excerpt_bytes, size};
use crate::limits::LABEL_LETTERS_MAX;

/// How long the head of a response waits for its end.
const PATIENCE: Duration = Duration::from_secs(1);

/// Letters of an address that stand behind an answer which is not told right below its question.
const REMINDER_LETTERS: usize = 60;

/// What a timeline has told last, of whatever lane.
#[derive(Clone, Default)]
pub(super) struct Told {
    /// On which lane that was.
    pub(super) lane: Option<Lane>,
    /// To whom the last request went: `https://api.example.com`.
    pub(super) origin: String,
    /// How many lanes are open, which share the room for bodies.
    pub(super) lanes: usize,
}

/// What a timeline shows of exchanges.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Detail {
    pub(super) bodies: Bodies,
    pub(super) fields: bool,
}

/// What a timeline remembers of one exchange.
#[derive(Clone)]
pub(super) struct ExchangeLine {
    detail: Detail,
    asked: Moment,
    /// What was asked for, in short.
    name: String,
    request: Message,
    response: Message,
    /// What the head of the response says, until it is told.
    waiting: Option<Waiting>,
    answered: Option<Moment>,
    own: bool,
    tunnel: Option<Tunnel>,
    broken: bool,
}

/// The head of a response that waits to be told.
#[derive(Clone)]
struct Waiting {
    status: String,
    mark: Mark,
    location: String,
    fields: Vec<String>,
}

impl ExchangeLine {
    pub(super) fn new(asked: Moment, detail: Detail) -> Self {
        Self {
            detail,
            asked,
            name: String::new(),
            request: Message::new(detail.bodies),
            response: Message::new(detail.bodies),
            waiting: None,
            answered: None,
            own: false,
            tunnel: None,
            broken: false,
        }
    }

    /// Nothing more will come.
    pub(super) fn is_over(&self) -> bool {
        self.broken || (self.request.has_ended() && self.response.has_ended())
    }

    pub(super) fn feed(&mut self, event: &Event, said: &HttpEvent, told: &mut Told, entries: &mut Vec<Entry>) {
        let mut teller = Teller::of(event, entries);
        match said {
            HttpEvent::Request { method, scheme, authority, path, protocol, fields, .. } => {
                let origin = url::origin(scheme, authority);
                let address = match told.origin == origin && !path.is_empty() {
                    true => excerpt_bytes(path, LABEL_LETTERS_MAX),
                    false => excerpt(&url::address(scheme, authority, path), LABEL_LETTERS_MAX),
                };
                told.origin = origin;
                let method = excerpt_bytes(method, LABEL_LETTERS_MAX);
                let short = if path.is_empty() { authority } else { path };
                self.name = format!("{method} {}", excerpt_bytes(short, REMINDER_LETTERS));
                self.request.begin(fields);
                let mut text = format!("{method} {address}");
                let becomes = protocol.as_ref().map(|name| excerpt_bytes(name, LABEL_LETTERS_MAX));
                text.extend(becomes.map(|name| format!(" · to become {name}")));
                text.extend(self.request.declared().map(|content| format!(" · {content}")));
                teller.tell(Mark::Asked, text);
                self.tell_fields(Mark::In, fields, &mut teller);
            }
            HttpEvent::Informational { .. } => teller.tell(Mark::Answered, describe(event)),
            HttpEvent::Response { status, reason, fields, .. } => {
                self.own = event.side == Side::Client;
                self.answered = Some(event.at);
                self.response.begin(fields);
                let by = if self.own { ", by the gateway" } else { "" };
                self.waiting = Some(Waiting {
                    status: status_line(*status, reason) + by,
                    mark: match (self.own, status) {
                        (true, 300..) => Mark::AnsweredByGateway,
                        (_, 400..) => Mark::Failed,
                        _ => Mark::Answered,
                    },
                    location: match (status, head::field(fields, "location")) {
                        (201 | 300..=399, Some(to)) => format!(" · to {}", excerpt_bytes(to, LABEL_LETTERS_MAX)),
                        _ => String::new(),
                    },
                    fields: if self.detail.fields { field_lines(fields) } else { Vec::new() },
                });
                if self.response.is_streamed() || *status == 101 {
                    self.tell_head(told, &mut teller);
                }
            }
            HttpEvent::Body { bytes } => {
                let side = self.side(event.side);
                self.message(side).body(side, bytes, told.lanes, &mut teller);
            }
            HttpEvent::Trailers { fields } => {
                let side = self.side(event.side);
                self.message(side).trailers(fields);
            }
            HttpEvent::End if self.tunnel.is_some() => self.leave(event.side, &mut teller),
            HttpEvent::End => match self.side(event.side) {
                Side::Client => {
                    self.request.end(Side::Client, &mut teller);
                    self.tell_trailers(Side::Client, &mut teller);
                }
                Side::Upstream => self.end_response(told, &mut teller),
            },
            HttpEvent::Upgrade { protocol } => {
                self.tell_head(told, &mut teller);
                teller.tell(Mark::Lane, describe(event));
                self.tunnel = Some(Tunnel::new(protocol, event.at, self.detail.bodies));
            }
            HttpEvent::Reset { code, reason } => {
                self.tell_head(told, &mut teller);
                self.request.break_off(Side::Client, &mut teller);
                self.response.break_off(Side::Upstream, &mut teller);
                let text =
                    format!("{}{}{}", reset(event.side, *code, reason), self.sums(), self.reminder(told, &teller));
                teller.tell(Mark::Warning, text);
                self.end_tunnel(&mut teller);
                self.broken = true;
            }
            HttpEvent::Message { kind, bytes, first, last } => {
                let tunnel = self.tunnel.get_or_insert_with(|| Tunnel::new(b"websocket", event.at, self.detail.bodies));
                tunnel.message(event.side, *kind, bytes, *first, *last, &mut teller);
            }
            HttpEvent::Control { kind, bytes } => tunnel::control(event.side, *kind, bytes, &mut teller),
        }
    }

    /// Counts content that is told by events of another family.
    pub(super) fn carried(&mut self, side: Side, bytes: u64) {
        let side = self.side(side);
        self.message(side).carried(bytes);
    }

    /// What is said of a stream of bytes behind an upgrade.
    pub(super) fn stream(&mut self, event: &Event, said: &StreamEvent, entries: &mut Vec<Entry>) {
        let mut teller = Teller::of(event, entries);
        match said {
            StreamEvent::Data { bytes, .. } => {
                let tunnel = self.tunnel.get_or_insert_with(|| Tunnel::new(b"", event.at, self.detail.bodies));
                tunnel.data(event.side, bytes.len());
            }
            StreamEvent::Eof | StreamEvent::Close => self.leave(event.side, &mut teller),
            StreamEvent::Opaque { what } => {
                teller.tell(Mark::Lane, format!("what is said now is recorded and not read: {}", label(what)));
            }
            _ => teller.tell(Mark::Lane, describe(event)),
        }
    }

    /// Tells the head of a response that has waited long enough.
    pub(super) fn settle(&mut self, lane: Lane, now: Moment, told: &mut Told, entries: &mut Vec<Entry>) {
        let due = self.waiting.is_some() && self.answered.is_some_and(|at| now.since(at) >= PATIENCE);
        if due {
            let at = self.answered.unwrap_or(now);
            self.tell_head(told, &mut Teller { at, lane, entries });
        }
    }

    /// Says what is left to say when the events are over.
    pub(super) fn end(&mut self, lane: Lane, at: Moment, told: &mut Told, entries: &mut Vec<Entry>) {
        let mut teller = Teller { at, lane, entries };
        if self.is_over() {
            return;
        }
        self.tell_head(told, &mut teller);
        self.request.break_off(Side::Client, &mut teller);
        self.response.break_off(Side::Upstream, &mut teller);
        if self.tunnel.is_some() {
            self.end_tunnel(&mut teller);
        } else {
            let what = match (self.answered, self.response.has_ended()) {
                (None, _) => "no answer",
                (Some(_), true) => "the request never ended",
                (Some(_), false) => "the response never ended",
            };
            let text = format!("{what}{} · {}", self.sums(), self.name);
            teller.tell(Mark::Warning, text);
        }
    }

    /// A side says nothing more behind an upgrade.
    fn leave(&mut self, side: Side, teller: &mut Teller<'_>) {
        self.message(side).finish();
        if self.is_over() {
            self.end_tunnel(teller);
        }
    }

    /// Whose message it is: what the gateway answers of its own stands on the side of the client.
    fn side(&self, side: Side) -> Side {
        if self.own { Side::Upstream } else { side }
    }

    fn message(&mut self, side: Side) -> &mut Message {
        match side {
            Side::Client => &mut self.request,
            Side::Upstream => &mut self.response,
        }
    }

    /// The response is whole.
    fn end_response(&mut self, told: &Told, teller: &mut Teller<'_>) {
        let lasted = lasted(teller.at.since(self.asked));
        let reminder = self.reminder(told, teller);
        let sent = self.request.undeclared().map(|sent| format!(" · sent {sent}")).unwrap_or_default();
        match self.waiting.take() {
            Some(Waiting { status, mark, location, fields }) => {
                let content = self.response.whole().map(|content| format!(" · {content}")).unwrap_or_default();
                let first = self.answered.map(|at| at.since(self.asked)).unwrap_or_default();
                let slow = teller.at.since(self.asked).saturating_sub(first) >= Duration::from_millis(100);
                let first = if slow { format!(", the head after {}", words::lasted(first)) } else { String::new() };
                teller.tell(mark, format!("{status}{location}{content}{sent} · {lasted}{first}{reminder}"));
                for line in fields {
                    teller.tell(Mark::Out, line);
                }
                self.response.end(Side::Upstream, teller);
                self.tell_trailers(Side::Upstream, teller);
            }
            None => {
                self.response.end(Side::Upstream, teller);
                let content = self.response.summed().map(|content| format!(" · {content}")).unwrap_or_default();
                let (mark, status) = match self.grpc_status(Side::Upstream) {
                    Some(told) => told,
                    None => {
                        self.tell_trailers(Side::Upstream, teller);
                        (Mark::Answered, "complete".to_owned())
                    }
                };
                teller.tell(mark, format!("{status}{content}{sent} · {lasted} · {}", self.name));
            }
        }
        if self.own {
            // What the client still says is not forwarded, and not recorded.
            self.request.finish();
        }
    }

    fn tell_head(&mut self, told: &Told, teller: &mut Teller<'_>) {
        let Some(Waiting { status, mark, location, fields }) = self.waiting.take() else { return };
        let content = self.response.declared().map(|content| format!(" · {content}")).unwrap_or_default();
        let after = self.answered.map(|at| format!(" · {}", lasted(at.since(self.asked)))).unwrap_or_default();
        let reminder = self.reminder(told, teller);
        teller.tell(mark, format!("{status}{location}{content}{after}{reminder}"));
        for line in fields {
            teller.tell(Mark::Out, line);
        }
    }

    fn tell_fields(&self, mark: Mark, fields: &[HeaderField], teller: &mut Teller<'_>) {
        if self.detail.fields {
            for line in field_lines(fields) {
                teller.tell(mark, line);
            }
        }
    }

    fn tell_trailers(&mut self, side: Side, teller: &mut Teller<'_>) {
        if let Some(line) = self.message(side).trailers_line() {
            teller.tell(if side == Side::Client { Mark::In } else { Mark::Out }, line);
        }
    }

    /// How a call of gRPC ended, in words.
    fn grpc_status(&mut self, side: Side) -> Option<(Mark, String)> {
        let (status, text) = self.message(side).grpc_status()?;
        let mark = if status == "0" { Mark::Answered } else { Mark::Failed };
        let text = if text.is_empty() { text } else { format!(": {text}") };
        let line = format!("grpc-status {} {}{text}", excerpt(&status, LABEL_LETTERS_MAX), status_name(&status));
        Some((mark, line.trim_end().to_owned()))
    }

    fn end_tunnel(&mut self, teller: &mut Teller<'_>) {
        if let Some(tunnel) = self.tunnel.take() {
            tunnel.end(teller);
        }
    }

    /// How much had been said until it was broken off.
    fn sums(&self) -> String {
        let mut text = String::new();
        for (word, bytes) in [("sent", self.request.bytes()), ("received", self.response.bytes())] {
            if bytes > 0 {
                text.push_str(&format!(" · {word} {}", size(bytes)));
            }
        }
        text
    }

    /// What was asked for, where something else was told since.
    fn reminder(&self, told: &Told, teller: &Teller<'_>) -> String {
        let last = teller.entries.last().map(|entry| entry.lane).or(told.lane);
        let apart = last != Some(teller.lane) && !self.name.is_empty();
        if apart { format!(" · {}", self.name) } else { String::new() }
    }
}
