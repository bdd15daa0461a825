//! An exchange whose content another wire reads: what the client says is that wire's client, what the target answers
//! its target.
//!
//! A wire that is its own record ([`Wire::is_record`](wiretape_core::Wire::is_record)) decides what goes on: the head of
//! the request waits until it is known whether anything of it does, and where the wire says something to the client
//! before the target was asked, the gateway makes the head for it. Of any other wire the content passes as it is.

mod onward;
mod reader;

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use wiretape_core::event::{HttpEvent, HttpVersion, StreamEvent};
use wiretape_core::limits::HELD_BYTES_MAX;
use wiretape_core::{ByteWire, Event, Fault, Finding, Kind, Lane, NestedWires, Reason, Side, Step, Unit, Verdict};

use reader::{is_expected, reader};

use crate::coding::{Coding, Gunzip, Undecodable};
use crate::surroundings::Surroundings;
use crate::{Content, Field, Part, RequestHead, ResponseHead, Route, duties, event};

/// How much of a request has gone to the target.
///
/// ```text
///            sent, released, or ended with nothing against it
///   ● ─► Head ──────────────────────────────────────► Asked ──── end ────► Ended
///          │                     released               ▲ │                  ▲
///          ├─── held ────► Held ────────────────────────┘ │ held             │ released
///          │               │  ▲───────────────────────────┘                  │
///          │ dropped       │  └──── end ───► (the end is held) ──────────────┘
///          ▼               ▼ dropped
///        Never ◄───────────┘
/// ```
enum Onward {
    /// Nothing of it; the head waits.
    Head(Box<RequestHead>),
    /// Some or all of it is held.
    Held,
    /// What the wire has given out.
    Asked,
    /// All of it.
    Ended,
    /// Nothing of it, and nothing ever will.
    Never,
}

/// How much of an answer has gone to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Back {
    /// Nothing.
    Awaited,
    /// A head that the gateway made.
    Own,
    /// The target's head; the wire reads what follows.
    Read,
    /// The target's head; what follows passes as it is.
    Plain,
    /// All of it.
    Ended,
}

/// The end of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RequestEnd {
    /// It was not said.
    Awaited,
    /// It was said, and has to go on.
    Due,
    /// It went on, or is held behind the rest.
    Passed,
}

/// Content that was coded, and what it comes to.
struct Decoding {
    gunzip: Gunzip,
    /// What goes on once its length is known.
    collected: BytesMut,
}

/// What becomes of an exchange after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It goes on.
    Open,
    /// The gateway has answered in the target's place.
    Answered,
    /// The wire let nothing pass, and said nothing to the client.
    Silent,
}

/// The wire that reads the content of an exchange, and where that stands.
pub(crate) struct Carried {
    lane: Lane,
    wire: ByteWire,
    /// Units of the session, and those of the wire that they stand for.
    units: Vec<(Unit, Unit)>,
    /// The same of what is examined.
    examined: Vec<(Unit, Unit)>,
    onward: Onward,
    /// Whether anything was sent to the target, or released.
    reached: bool,
    /// The target was told that the rest does not come.
    broken: bool,
    back: Back,
    decoding: Option<Decoding>,
    /// What the head that goes to the target declares of content, and was not given out yet.
    left_bytes: Option<u64>,
    end: RequestEnd,
    trailers: Option<Vec<Field>>,
    /// The same of the response.
    back_trailers: Option<Vec<Field>>,
    route: Arc<Route>,
    media_type: Bytes,
}

/// Why a request cannot be read by the wire that has to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unreadable;

/// Whether the exchange that `head` begins may only pass where a wire of the table reads it. What is asked for by CONNECT
/// (RFC 8441) is a GET to targets of HTTP/1.1.
fn has_to_be_read(lane: Lane, head: &RequestHead, route: &Route, nested: &dyn NestedWires) -> bool {
    let mut head = head.clone();
    if &head.method[..] == b"CONNECT" && head.protocol.is_some() {
        head.method = Bytes::from_static(b"GET");
    }
    let path = duties::named(&head.path, route);
    reader(lane, &head, path, route, nested).is_some_and(|(wire, _)| wire.is_record())
}

/// Whether a wire of the table might read what a request carries.
pub(crate) fn is_worth_reading(head: &RequestHead, nested: &dyn NestedWires) -> bool {
    let content_type = head.fields.iter().find(|field| field.name.eq_ignore_ascii_case(b"content-type"));
    nested.reads_content(&head.method, &head.path, content_type.map_or(b"", |field| &field.value))
}

/// Why a request that may pass does not.
pub(crate) fn obstacle(
    lane: Lane,
    head: &RequestHead,
    route: &Route,
    nested: &dyn NestedWires,
) -> Option<&'static str> {
    if duties::ends_here(head) {
        return Some("the request may go no further than here (Max-Forwards)");
    }
    // A target may pass over the offer and answer what nobody has read, and judged by what it asks.
    let offers = head.protocol.is_some() || head.is_tunnel();
    let unread = offers && has_to_be_read(lane, head, route, nested);
    unread.then_some("what is asked for is read here, and offers no change of protocols")
}

impl Carried {
    /// The exchange that `head`, the client's, begins, where a wire of the table reads its content. `onward` is the head
    /// as it goes to the target.
    ///
    /// # Errors
    /// [`Unreadable`] when such a wire is there and cannot read the content, because it is coded.
    pub(crate) fn begin(
        lane: Lane,
        head: &RequestHead,
        onward: &mut Box<RequestHead>,
        route: &Arc<Route>,
        around: &mut Surroundings<'_>,
    ) -> Result<Option<Self>, Unreadable> {
        let path = duties::named(&head.path, route);
        let Some((wire, media_type)) = reader(lane, head, path, route, around.nested) else { return Ok(None) };
        let mut carried = Self {
            lane,
            wire,
            units: Vec::new(),
            examined: Vec::new(),
            onward: Onward::Asked,
            reached: true,
            broken: false,
            back: Back::Awaited,
            decoding: None,
            left_bytes: None,
            end: RequestEnd::Awaited,
            trailers: None,
            back_trailers: None,
            route: Arc::clone(route),
            media_type,
        };
        let coding = Coding::of(&head.fields);
        if !carried.wire.is_record() {
            if coding != Coding::Identity {
                return Ok(None);
            }
            let onward = onward.clone();
            around.outbox.send(Side::Upstream, lane, Part::Request(onward, Arc::clone(route)));
            return Ok(Some(carried));
        }
        match coding {
            Coding::Identity => {}
            Coding::Gzip => {
                carried.decoding = Some(Decoding { gunzip: Gunzip::new(), collected: BytesMut::new() });
                let coded = |name: &[u8]| is_one_of(name, &[b"content-encoding", b"content-length"]);
                onward.fields.retain(|field| !coded(&field.name));
                onward.content = Content::Streamed;
            }
            Coding::Other => return Err(Unreadable),
        }
        carried.tell_to_continue(head, around);
        // The target cannot ask for more of what waits here; what it answers has to be read.
        onward.fields.retain(|field| !is_one_of(&field.name, &[b"expect", b"accept-encoding"]));
        onward.fields.push(field(b"accept-encoding", b"identity"));
        carried.left_bytes = match onward.content {
            Content::Empty => Some(0),
            Content::Length(bytes) => Some(bytes),
            Content::Streamed | Content::Tunnel => None,
        };
        carried.onward = Onward::Head(onward.clone());
        carried.reached = false;
        Ok(Some(carried))
    }

    /// RFC 9110 section 10.1.1: a client that waits to be told so is told so by whom it would wait for.
    fn tell_to_continue(&self, head: &RequestHead, around: &mut Surroundings<'_>) {
        let expects = head.fields.iter().any(|field| {
            field.name.eq_ignore_ascii_case(b"expect") && field.value.eq_ignore_ascii_case(b"100-continue")
        });
        if expects && head.version != HttpVersion::Http10 && head.content != Content::Empty {
            let go_on = ResponseHead {
                version: HttpVersion::Http11,
                status: 100,
                reason: Bytes::new(),
                fields: Vec::new(),
                content: Content::Empty,
            };
            around.outbox.note(around.at, Side::Client, self.lane, event::informational(&go_on));
            around.outbox.send(Side::Client, self.lane, Part::Informational(Box::new(go_on)));
        }
    }

    /// True while an answer is waited for.
    fn is_waiting(&self) -> bool {
        !self.units.is_empty() || !self.examined.is_empty()
    }

    /// True once the target heard anything of the request.
    pub(crate) fn has_reached(&self) -> bool {
        self.reached
    }

    /// True while the target waits for what becomes of the request.
    pub(crate) fn is_known(&self) -> bool {
        self.reached && !self.broken
    }

    /// True once nothing more of the request can go to the target.
    pub(crate) fn is_done(&self) -> bool {
        matches!(self.onward, Onward::Ended | Onward::Never)
    }

    /// True when the response was begun by the gateway.
    pub(crate) fn is_own(&self) -> bool {
        self.back == Back::Own
    }

    pub(crate) fn held_bytes(&self) -> usize {
        let collected = self.decoding.as_ref().map_or(0, |decoding| decoding.collected.len());
        self.wire.held_bytes().saturating_add(collected)
    }

    /// The client said content, which is declared to be as long as it says.
    pub(crate) fn content(&mut self, mut bytes: Bytes, around: &mut Surroundings<'_>) -> Result<Outcome, Trouble> {
        if self.decoding.is_none() {
            return self.feed(Side::Client, bytes, around);
        }
        around.outbox.note_body(around.at, Side::Client, self.lane, &bytes);
        while let Some(piece) = self.decoding.as_mut().and_then(|decoding| decoding.gunzip.next(&mut bytes)) {
            let piece = piece.map_err(Trouble::Undecodable)?;
            if !piece.is_empty() {
                let outcome = self.feed(Side::Client, piece, around)?;
                if outcome != Outcome::Open {
                    return Ok(outcome);
                }
            }
        }
        Ok(Outcome::Open)
    }

    /// `side` said trailers.
    pub(crate) fn trailers(
        &mut self,
        side: Side,
        fields: &[Field],
        around: &mut Surroundings<'_>,
    ) -> Result<Outcome, Trouble> {
        around.outbox.note(around.at, side, self.lane, event::trailers(fields));
        let fields = Some(duties::trailers(fields));
        match side {
            Side::Client => self.trailers = fields,
            Side::Upstream => self.back_trailers = fields,
        }
        Ok(Outcome::Open)
    }

    /// The client's message is complete.
    pub(crate) fn client_ended(&mut self, around: &mut Surroundings<'_>) -> Result<Outcome, Trouble> {
        if let Some(decoding) = &mut self.decoding {
            let rest = decoding.gunzip.finish().map_err(Trouble::Undecodable)?;
            if !rest.is_empty() {
                self.feed(Side::Client, rest, around)?;
            }
        }
        around.outbox.note(around.at, Side::Client, self.lane, HttpEvent::End);
        let outcome = self.wire.end(Side::Client, around.at);
        self.end = RequestEnd::Due;
        self.drain(around);
        outcome.map_err(Trouble::Fault)?;
        Ok(self.settle(around))
    }

    /// The target's head, which was recorded. Returns it as it goes to the client; `None` when one was made before.
    pub(crate) fn response(&mut self, head: &mut ResponseHead, around: &mut Surroundings<'_>) {
        let coding = Coding::of(&head.fields);
        let readable = head.status == 200 && coding == Coding::Identity && is_expected(&head.fields, &self.media_type);
        self.back = if readable { Back::Read } else { Back::Plain };
        if head.status == 200 && coding != Coding::Identity && self.wire.is_record() {
            let what = "content not understood: the target has coded it".to_owned();
            let kind = Kind::Stream(StreamEvent::Opaque { what });
            around.outbox.event(Event { at: around.at, side: Side::Upstream, lane: self.lane, kind });
        }
        // What the wire makes of the content may be longer or shorter.
        if self.back == Back::Read && self.wire.is_record() {
            head.fields.retain(|field| !field.name.eq_ignore_ascii_case(b"content-length"));
            head.content = Content::Streamed;
        }
    }

    /// The target said content.
    pub(crate) fn answered(&mut self, bytes: Bytes, around: &mut Surroundings<'_>) -> Result<Outcome, Trouble> {
        match self.back {
            Back::Read | Back::Own => self.feed(Side::Upstream, bytes, around),
            Back::Plain => {
                around.outbox.note_body(around.at, Side::Upstream, self.lane, &bytes);
                around.outbox.send(Side::Client, self.lane, Part::Body(bytes));
                Ok(Outcome::Open)
            }
            Back::Awaited | Back::Ended => Ok(Outcome::Open),
        }
    }

    /// The target's message is complete.
    pub(crate) fn upstream_ended(&mut self, around: &mut Surroundings<'_>) -> Result<Outcome, Trouble> {
        let outcome = if self.back == Back::Plain { Ok(()) } else { self.wire.end(Side::Upstream, around.at) };
        self.drain(around);
        outcome.map_err(Trouble::Fault)?;
        self.end_back(Side::Upstream, around);
        Ok(self.settle(around))
    }

    /// The answer to a question of the wire.
    pub(crate) fn rule(
        &mut self,
        unit: Unit,
        verdict: Verdict,
        around: &mut Surroundings<'_>,
    ) -> Result<Outcome, Trouble> {
        let Some(inner) = take(&mut self.units, unit) else { return Ok(Outcome::Open) };
        self.wire.rule(around.at, inner, verdict);
        self.go_on(around)?;
        Ok(self.settle(around))
    }

    /// Says what follows from what the wire was told.
    fn go_on(&mut self, around: &mut Surroundings<'_>) -> Result<(), Trouble> {
        self.drain(around);
        self.wire.fault().map_or(Ok(()), |fault| Err(Trouble::Fault(fault)))
    }

    /// People are asked about a unit of the wire: what it has to say to its client is the beginning of the answer.
    pub(crate) fn waiting(&mut self, unit: Unit, text: &str, around: &mut Surroundings<'_>) -> Result<(), Trouble> {
        let Some((_, inner)) = self.units.iter().find(|(outer, _)| *outer == unit) else { return Ok(()) };
        self.wire.waiting(around.at, *inner, text);
        self.go_on(around)
    }

    /// Nobody wants an answer for what the wire asked any more.
    pub(crate) fn withdraw(&mut self, around: &mut Surroundings<'_>) {
        for (outer, _) in std::mem::take(&mut self.units) {
            around.outbox.withdraw(outer);
        }
    }

    /// What an examination of the wire found.
    pub(crate) fn found(
        &mut self,
        unit: Unit,
        finding: Finding,
        around: &mut Surroundings<'_>,
    ) -> Result<Outcome, Trouble> {
        let Some(inner) = take(&mut self.examined, unit) else { return Ok(Outcome::Open) };
        self.wire.found(around.at, inner, finding);
        self.go_on(around)?;
        Ok(self.settle(around))
    }

    /// The wire takes its leave, and what is held never goes. True when the client was told so by it: then the response
    /// is complete.
    pub(crate) fn farewell(&mut self, reason: &Reason, around: &mut Surroundings<'_>) -> bool {
        self.wire.farewell(around.at, reason);
        self.withdraw(around);
        self.discard(around);
        if !self.reached {
            self.onward = Onward::Never;
        }
        let mut told = false;
        while let Some(step) = self.wire.step() {
            match step {
                Step::Judge { event, .. } | Step::Note(event) => {
                    around.outbox.event(Event { lane: self.lane, ..event });
                }
                // Of content that is not its own, a wire has nothing to say but what was said.
                Step::Send { to: Side::Client, message } if self.wire.is_record() => {
                    told |= self.tell(message, around);
                }
                Step::Send { .. }
                | Step::Hold { .. }
                | Step::Release { .. }
                | Step::Discard { .. }
                | Step::Examine { .. }
                | Step::Withdraw { .. } => {}
            }
        }
        if told {
            self.end_back(Side::Client, around);
        }
        told
    }

    /// Drops what is held.
    pub(crate) fn discard(&mut self, around: &mut Surroundings<'_>) {
        if matches!(self.onward, Onward::Held) {
            around.outbox.discard(Side::Upstream, self.lane);
            self.onward = Onward::Never;
        }
    }

    fn feed(&mut self, side: Side, bytes: Bytes, around: &mut Surroundings<'_>) -> Result<Outcome, Trouble> {
        let outcome = self.wire.feed(side, around.at, bytes);
        self.drain(around);
        outcome.map_err(Trouble::Fault)?;
        if self.wire.held_bytes() > self.wire.held_bytes_max().min(2 * HELD_BYTES_MAX) {
            let got = format!("{} B", self.wire.held_bytes());
            return Err(Trouble::Fault(Fault::new(side, "no more than can be kept until it is decided", got)));
        }
        Ok(self.settle(around))
    }

    fn drain(&mut self, around: &mut Surroundings<'_>) {
        while let Some(step) = self.wire.step() {
            match step {
                Step::Note(event) => around.outbox.event(Event { lane: self.lane, ..event }),
                Step::Judge { unit, mut action, event } => {
                    action.lane = self.lane;
                    let outer = around.outbox.judge(action, Event { lane: self.lane, ..event });
                    self.units.push((outer, unit));
                }
                Step::Examine { unit, examiner } => {
                    let outer = around.outbox.examine(self.lane, examiner);
                    self.examined.push((outer, unit));
                }
                Step::Withdraw { unit } => {
                    if let Some(place) = self.units.iter().position(|(_, inner)| *inner == unit) {
                        around.outbox.withdraw(self.units.swap_remove(place).0);
                    }
                }
                Step::Send { to: Side::Upstream, message } => self.pass(message, around),
                Step::Hold { to: Side::Upstream, message, .. } => self.hold(message, around),
                Step::Release { to: Side::Upstream, .. } => self.release(around),
                Step::Discard { to: Side::Upstream, .. } => self.drop_request(around),
                // Nothing is held for the client: it is told at once.
                Step::Send { to: Side::Client, message } | Step::Hold { to: Side::Client, message, .. } => {
                    self.tell(message, around);
                }
                Step::Release { to: Side::Client, .. } | Step::Discard { to: Side::Client, .. } => {}
            }
        }
    }

    /// The wire says something to the client; false when the client cannot be told any more.
    fn tell(&mut self, message: Bytes, around: &mut Surroundings<'_>) -> bool {
        match self.back {
            Back::Awaited => {
                let head = self.own_head();
                around.outbox.note(around.at, Side::Client, self.lane, event::response(&head));
                around.outbox.send(Side::Client, self.lane, Part::Response(Box::new(head)));
                self.back = Back::Own;
            }
            Back::Own | Back::Read => {}
            Back::Plain | Back::Ended => return false,
        }
        self.note(Side::Upstream, &message, around);
        around.outbox.send(Side::Client, self.lane, Part::Body(message));
        true
    }

    fn note(&self, side: Side, message: &Bytes, around: &mut Surroundings<'_>) {
        if !self.wire.is_record() {
            around.outbox.note_body(around.at, side, self.lane, message);
        }
    }

    /// The head of an answer that is the gateway's own, in the words of the protocol that the content is of.
    fn own_head(&self) -> ResponseHead {
        ResponseHead {
            version: HttpVersion::Http11,
            status: 200,
            reason: Bytes::new(),
            fields: vec![
                Field { name: Bytes::from_static(b"content-type"), value: self.media_type.clone() },
                field(b"cache-control", b"no-cache"),
            ],
            content: Content::Streamed,
        }
    }

    /// The response is complete; it stands on `side`.
    fn end_back(&mut self, side: Side, around: &mut Surroundings<'_>) {
        around.outbox.note(around.at, side, self.lane, HttpEvent::End);
        if let Some(trailers) = self.back_trailers.take() {
            around.outbox.send(Side::Client, self.lane, Part::Trailers(trailers));
        }
        around.outbox.send(Side::Client, self.lane, Part::End);
        self.back = Back::Ended;
    }

    /// Says what follows from what the wire did.
    fn settle(&mut self, around: &mut Surroundings<'_>) -> Outcome {
        self.settle_request(around);
        let nothing_passes = matches!(self.onward, Onward::Never | Onward::Head(_)) && !self.is_waiting();
        match self.back {
            Back::Own if nothing_passes => {
                self.end_back(Side::Client, around);
                Outcome::Answered
            }
            Back::Awaited
                if matches!(self.onward, Onward::Never) && !self.is_waiting() && self.end != RequestEnd::Awaited =>
            {
                Outcome::Silent
            }
            _ => Outcome::Open,
        }
    }
}

/// Why content cannot be read.
#[derive(Clone, Debug)]
pub(crate) enum Trouble {
    /// It is not what the protocol of the wire calls for.
    Fault(Fault),
    /// It is not what its coding calls for.
    Undecodable(Undecodable),
}

/// The unit of the wire that `unit` stands for; it waits no longer.
fn take(units: &mut Vec<(Unit, Unit)>, unit: Unit) -> Option<Unit> {
    let place = units.iter().position(|(outer, _)| *outer == unit)?;
    Some(units.swap_remove(place).1)
}

fn is_one_of(name: &[u8], names: &[&[u8]]) -> bool {
    names.iter().any(|one| name.eq_ignore_ascii_case(one))
}

fn field(name: &'static [u8], value: &'static [u8]) -> Field {
    Field { name: Bytes::from_static(name), value: Bytes::from_static(value) }
}
