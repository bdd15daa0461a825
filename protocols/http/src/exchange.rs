//! One lane: an exchange between its two sides.

mod content;

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use wiretape_core::event::{HttpEvent, HttpVersion, StreamEvent};
use wiretape_core::limits::{HELD_BYTES_MAX, HTTP_INFORMATIONAL_MAX};
use wiretape_core::{Event, Fault, Finding, Kind, Lane, Reason, Side, Unit, Verdict};

use crate::carried::{self, Carried};
use crate::limits::HELD_PART_BYTES;
use crate::nested::Tunnel;
use crate::state::{Phase, Progress, Violation, code};
use crate::surroundings::Surroundings;
use crate::{Content, Part, Problem, RequestHead, ResponseHead, Route, duties, event, refuse};

/// Where an exchange stands.
///
/// ```text
///            allowed             the target agrees to an upgrade
///   ● ─► Asked ─────► Passing ────────────────────────────────► Tunnel
///          │ refused     │ the target has no answer               │
///          ▼             ▼                                        ▼
///        Answered ◄──────┘                 both sides ended, or one broke it off ──► Over
/// ```
///
/// Where another wire reads the content of both messages, `Carried` stands in the place of `Passing`.
enum Stage {
    /// Whether the request may pass is not decided; the client's next parts wait.
    Asked { unit: Unit, head: Box<RequestHead> },
    /// What both sides say passes.
    Passing,
    /// What both sides say goes through another wire.
    Carried(Box<Carried>),
    /// The gateway answered in the target's place: what the client still says, and the target, is dropped.
    Answered,
    /// Both sides speak another protocol.
    Tunnel(Box<Tunnel>),
    /// Nothing more counts.
    Over,
}

/// A lane from its request to the end of both messages.
pub(crate) struct Exchange {
    lane: Lane,
    stage: Stage,
    request: Progress,
    response: Progress,
    route: Arc<Route>,
    version: HttpVersion,
    is_head: bool,
    upgrade: Option<Upgrade>,
    informational: usize,
    held: VecDeque<Part>,
    held_bytes: usize,
}

/// What the client wants the lane to become; `None` is a plain tunnel (CONNECT).
struct Upgrade {
    protocol: Option<Bytes>,
}

impl Upgrade {
    fn of(head: &RequestHead) -> Option<Self> {
        (head.protocol.is_some() || head.is_tunnel()).then(|| Self { protocol: head.protocol.clone() })
    }

    fn is_websocket(&self) -> bool {
        self.protocol.as_ref().is_some_and(|protocol| protocol.eq_ignore_ascii_case(b"websocket"))
    }
}

impl Exchange {
    /// The exchange that begins with this request, which is judged first.
    pub(crate) fn ask(lane: Lane, head: Box<RequestHead>, route: Arc<Route>, around: &mut Surroundings<'_>) -> Self {
        let upgrade = Upgrade::of(&head);
        let (kind, action) = event::request(lane, &head, &route);
        let event = Event { at: around.at, side: Side::Client, lane, kind: Kind::Http(kind) };
        let unit = around.outbox.judge(action, event);
        Self {
            lane,
            // What is said before an upgrade is agreed on waits, and is no content.
            request: Progress::begun(if upgrade.is_some() { Content::Tunnel } else { head.content }),
            response: Progress::new(),
            route,
            version: head.version,
            is_head: head.is_head(),
            upgrade,
            informational: 0,
            held: VecDeque::new(),
            held_bytes: 0,
            stage: Stage::Asked { unit, head },
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        let both_ended = self.request.has_ended() && self.response.has_ended();
        match &self.stage {
            Stage::Over => true,
            Stage::Carried(carried) => both_ended && carried.is_done(),
            _ => both_ended,
        }
    }

    pub(crate) fn held_bytes(&self) -> usize {
        match &self.stage {
            Stage::Tunnel(tunnel) => self.held_bytes.saturating_add(tunnel.held_bytes()),
            Stage::Carried(carried) => self.held_bytes.saturating_add(carried.held_bytes()),
            _ => self.held_bytes,
        }
    }

    /// Takes in what `side` said on this lane.
    pub(crate) fn take(&mut self, side: Side, part: Part, around: &mut Surroundings<'_>) -> Result<(), Fault> {
        match (&self.stage, side, part) {
            (Stage::Over, ..) => {}
            (_, Side::Client, Part::Reset { code, reason }) => self.broken_off(Side::Client, code, reason, around),
            (_, Side::Client, Part::Request(..) | Part::Informational(_) | Part::Response(_) | Part::Failed(_)) => {
                return Err(Fault::new(side, "the parts of a request", "a head on a lane that is open"));
            }
            (Stage::Asked { .. }, Side::Client, part) => self.hold(part, around),
            (Stage::Asked { .. }, Side::Upstream, Part::Failed(problem)) => self.answer(&problem, around),
            (Stage::Asked { .. }, Side::Upstream, _) => {
                return Err(Fault::new(side, "nothing before it was asked", "an answer to a request that waits"));
            }
            (Stage::Answered, Side::Client, Part::End) => self.request.finish(),
            // Nobody hears the rest of the request: it is waited for no longer. The target has no part in it.
            (Stage::Answered, Side::Upstream, Part::Reset { .. }) => self.over(around),
            (Stage::Answered, ..) => {}
            (Stage::Passing, Side::Client, part) if self.awaits_upgrade() => self.hold(part, around),
            (Stage::Passing, Side::Client, part) => self.pass_request(part, around),
            (Stage::Carried(_), Side::Client, part) => self.carry_request(part, around),
            (Stage::Tunnel(tunnel), Side::Client, part) if tunnel.is_asking() && part == Part::End => {
                self.hold(part, around);
            }
            (Stage::Passing | Stage::Carried(_) | Stage::Tunnel(_), Side::Upstream, Part::Reset { code, reason }) => {
                self.broken_off(Side::Upstream, code, reason, around);
            }
            (Stage::Passing | Stage::Carried(_) | Stage::Tunnel(_), Side::Upstream, Part::Failed(problem)) => {
                self.failed(problem, around);
            }
            (Stage::Carried(_), Side::Upstream, part) => return self.carry_response(part, around),
            (Stage::Passing, Side::Upstream, part) => self.pass_response(part, around),
            (Stage::Tunnel(_), side, part) => self.pass_through(side, part, around),
        }
        Ok(())
    }

    /// The answer to a question of this lane.
    pub(crate) fn rule(&mut self, unit: Unit, verdict: Verdict, around: &mut Surroundings<'_>) {
        match std::mem::replace(&mut self.stage, Stage::Passing) {
            Stage::Asked { unit: asked, head } if asked == unit => match verdict {
                Verdict::Allow => match carried::obstacle(self.lane, &head, &self.route, around.nested) {
                    Some(reason) => {
                        let reason = reason.to_owned();
                        self.answer(&Problem { status: 501, error: "not_implemented", reason, place: None }, around);
                    }
                    None => {
                        self.send_request(head, around);
                        self.release(around);
                    }
                },
                Verdict::Refuse(reason) => {
                    let Reason { text, .. } = reason;
                    self.answer(&Problem { status: 403, error: "refused", reason: text, place: None }, around);
                }
            },
            Stage::Tunnel(mut tunnel) => {
                let outcome = tunnel.rule(around.at, unit, verdict, around.outbox);
                let asking = tunnel.is_asking();
                self.stage = Stage::Tunnel(tunnel);
                let goes_on = outcome.is_ok() && !asking;
                self.settle_tunnel(outcome, around);
                if goes_on {
                    self.release(around);
                }
            }
            Stage::Carried(mut carried) => {
                let outcome = carried.rule(unit, verdict, around);
                self.stage = Stage::Carried(carried);
                self.settle(outcome, around);
            }
            other => self.stage = other,
        }
    }

    /// People are asked about a unit of this lane.
    ///
    /// HTTP itself has no words for that which every client bears: the HTTP client of Python's library takes an interim
    /// `102 Processing` for the final answer. So the client waits, unless what its request carries has words of its own.
    pub(crate) fn waiting(&mut self, unit: Unit, text: &str, around: &mut Surroundings<'_>) {
        match &mut self.stage {
            Stage::Tunnel(tunnel) => {
                let outcome = tunnel.waiting(around.at, unit, text, around.outbox);
                self.settle_tunnel(outcome, around);
            }
            Stage::Carried(carried) => {
                if let Err(trouble) = carried.waiting(unit, text, around) {
                    self.settle(Err(trouble), around);
                }
            }
            Stage::Asked { .. } | Stage::Passing | Stage::Answered | Stage::Over => {}
        }
    }

    /// What an examination found that the nested wire asked for.
    pub(crate) fn found(&mut self, unit: Unit, finding: Finding, around: &mut Surroundings<'_>) {
        match &mut self.stage {
            Stage::Tunnel(tunnel) => {
                let outcome = tunnel.found(around.at, unit, finding, around.outbox);
                self.settle_tunnel(outcome, around);
            }
            Stage::Carried(carried) => {
                let outcome = carried.found(unit, finding, around);
                self.settle(outcome, around);
            }
            Stage::Asked { .. } | Stage::Passing | Stage::Answered | Stage::Over => {}
        }
    }

    /// The connection of `side` is gone.
    pub(crate) fn side_ended(&mut self, side: Side, around: &mut Surroundings<'_>) {
        let ended = match side {
            Side::Client => self.request.has_ended(),
            Side::Upstream => self.response.has_ended(),
        };
        if let (Stage::Tunnel(tunnel), Side::Client) = (&mut self.stage, side) {
            tunnel.withdraw(around.outbox);
        }
        match (&self.stage, side) {
            (Stage::Tunnel(_), _) if ended => {}
            (Stage::Tunnel(_), _) => self.pass_through(side, Part::End, around),
            // Nobody is there to hear an answer.
            (_, Side::Client) => self.broken_off(side, code::CANCEL, "the client left".to_owned(), around),
            (Stage::Passing | Stage::Carried(_), Side::Upstream) if !ended && self.is_known_to_target() => {
                let reason = "the target closed the connection".to_owned();
                self.failed(Problem { status: 502, error: "target_closed", reason, place: None }, around);
            }
            (_, Side::Upstream) => {}
        }
    }

    /// The gateway ends the session.
    pub(crate) fn farewell(&mut self, reason: &Reason, around: &mut Surroundings<'_>) {
        self.drop_held();
        let known = self.is_known_to_target();
        let text = || format!("the gateway ended the session: {}", reason.text);
        let told = match &mut self.stage {
            Stage::Tunnel(tunnel) => tunnel.farewell(around.at, reason, around.outbox),
            Stage::Carried(carried) => carried.farewell(reason, around),
            _ => false,
        };
        let unanswered = matches!(self.stage, Stage::Asked { .. } | Stage::Passing | Stage::Carried(_));
        if told {
            // The client was told in the words of the other protocol: a reset might overtake those.
        } else if unanswered && !self.is_answering() {
            let reason = reason.text.clone();
            self.answer(&Problem { status: 503, error: "session_ended", reason, place: None }, around);
        } else if !self.response.has_ended() {
            self.reset(Side::Client, code::INTERNAL_ERROR, text(), around);
        }
        if known {
            self.reset(Side::Upstream, code::CANCEL, text(), around);
        }
        self.stage = Stage::Over;
    }

    /// True while the client waits for the target to agree to an upgrade.
    fn awaits_upgrade(&self) -> bool {
        self.upgrade.is_some() && self.response.phase() == Phase::Head
    }

    fn is_known_to_target(&self) -> bool {
        match &self.stage {
            Stage::Passing | Stage::Tunnel(_) => true,
            Stage::Carried(carried) => carried.is_known(),
            Stage::Asked { .. } | Stage::Answered | Stage::Over => false,
        }
    }

    /// True once the client has the head of a final response.
    fn is_answering(&self) -> bool {
        self.response.phase() != Phase::Head || matches!(&self.stage, Stage::Carried(carried) if carried.is_own())
    }

    fn send_request(&mut self, mut head: Box<RequestHead>, around: &mut Surroundings<'_>) {
        // Of HEAD there is no content on either side.
        if self.upgrade.is_none() && !self.is_head && carried::is_worth_reading(&head, around.nested) {
            let mut onward = Box::new(duties::request(&head, &self.route));
            if !self.carry(&head, &mut onward, around) {
                around.outbox.send(Side::Upstream, self.lane, Part::Request(onward, Arc::clone(&self.route)));
            }
            return;
        }
        *head = duties::request(&head, &self.route);
        if self.upgrade.as_ref().is_some_and(Upgrade::is_websocket) {
            // Frames that an extension has changed could not be read (RFC 6455 section 9).
            head.fields.retain(|field| !field.name.eq_ignore_ascii_case(b"sec-websocket-extensions"));
        }
        around.outbox.send(Side::Upstream, self.lane, Part::Request(head, Arc::clone(&self.route)));
    }

    fn hold(&mut self, part: Part, around: &mut Surroundings<'_>) {
        let bytes = HELD_PART_BYTES.saturating_add(payload_bytes(&part));
        let all_bytes = around.held_bytes.saturating_add(bytes);
        if self.held_bytes.saturating_add(bytes) <= HELD_BYTES_MAX && all_bytes <= 2 * HELD_BYTES_MAX {
            self.held_bytes += bytes;
            self.held.push_back(part);
            return;
        }
        if let Stage::Asked { .. } = self.stage {
            let reason = "more was sent than is kept while the request waits to be allowed".to_owned();
            self.answer(&Problem { status: 413, error: "content_too_large", reason, place: None }, around);
            // Where the part that was too much is the last one, nothing more comes.
            if part == Part::End {
                self.request.finish();
            }
        } else {
            self.violated(Side::Client, Violation("more content than is kept before an upgrade"), around);
        }
    }

    fn drop_held(&mut self) {
        if self.held.iter().any(|part| *part == Part::End) {
            self.request.finish();
        }
        self.held = VecDeque::new();
        self.held_bytes = 0;
    }

    /// What waited takes its way.
    fn release(&mut self, around: &mut Surroundings<'_>) {
        if self.held.is_empty() {
            return;
        }
        self.held_bytes = 0;
        for part in std::mem::take(&mut self.held) {
            match (&self.stage, part) {
                (Stage::Passing, part) if self.awaits_upgrade() => self.hold(part, around),
                (Stage::Passing, part) => self.pass_request(part, around),
                (Stage::Tunnel(_), part) => self.pass_through(Side::Client, part, around),
                (Stage::Carried(_), part) => self.carry_request(part, around),
                (Stage::Asked { .. } | Stage::Answered | Stage::Over, _) => {}
            }
        }
    }

    fn pass_request(&mut self, part: Part, around: &mut Surroundings<'_>) {
        // Bytes of the other protocol, that the target did not agree to.
        if self.upgrade.is_some() && part != Part::End {
            return;
        }
        pass(&mut self.request, self.lane, Side::Client, part, around)
            .unwrap_or_else(|violation| self.violated(Side::Client, violation, around));
    }

    fn pass_response(&mut self, part: Part, around: &mut Surroundings<'_>) {
        let outcome = match part {
            Part::Informational(head) => self.pass_informational(head, around),
            Part::Response(head) => self.pass_head(head, around),
            part => pass(&mut self.response, self.lane, Side::Upstream, part, around),
        };
        outcome.unwrap_or_else(|violation| self.violated(Side::Upstream, violation, around));
    }

    fn pass_informational(
        &mut self,
        mut head: Box<ResponseHead>,
        around: &mut Surroundings<'_>,
    ) -> Result<(), Violation> {
        self.response.interim()?;
        self.informational += 1;
        if self.informational > HTTP_INFORMATIONAL_MAX {
            return Err(Violation("more interim responses than are taken"));
        }
        around.outbox.note(around.at, Side::Upstream, self.lane, event::informational(&head));
        // RFC 9110 section 15.2: an HTTP/1.0 client does not know them.
        if self.version != HttpVersion::Http10 {
            *head = duties::response(&head, &self.route);
            around.outbox.send(Side::Client, self.lane, Part::Informational(head));
        }
        Ok(())
    }

    fn pass_head(&mut self, mut head: Box<ResponseHead>, around: &mut Surroundings<'_>) -> Result<(), Violation> {
        if head.content == Content::Tunnel && self.upgrade.is_none() {
            // It was said, and does not pass.
            around.outbox.note(around.at, Side::Upstream, self.lane, event::response(&head));
            return Err(Violation("an upgrade that nobody asked for"));
        }
        // RFC 9110 section 6.4.1: none of these has content, whatever its head says.
        if self.is_head || matches!(head.status, 204 | 304) {
            head.content = Content::Empty;
        }
        self.response.begin(head.content)?;
        around.outbox.note(around.at, Side::Upstream, self.lane, event::response(&head));
        let agreed = head.content == Content::Tunnel;
        let tunnel = self.upgrade.as_ref().filter(|_| agreed).map(|upgrade| {
            let protocol = upgrade.protocol.clone().unwrap_or(Bytes::from_static(b"CONNECT"));
            let note = |kind| Event { at: around.at, side: Side::Upstream, lane: self.lane, kind };
            let tunnel = Tunnel::new(self.lane, upgrade.protocol.as_ref(), around.nested);
            let what = String::from_utf8_lossy(&protocol).into_owned();
            around.outbox.event(note(Kind::Http(HttpEvent::Upgrade { protocol })));
            if tunnel.is_opaque() {
                around.outbox.event(note(Kind::Stream(StreamEvent::Opaque { what })));
            }
            tunnel
        });
        *head = duties::response(&head, &self.route);
        if self.upgrade.as_ref().is_some_and(Upgrade::is_websocket) {
            head.fields.retain(|field| !field.name.eq_ignore_ascii_case(b"sec-websocket-extensions"));
        }
        around.outbox.send(Side::Client, self.lane, Part::Response(head));
        if let Some(tunnel) = tunnel {
            self.stage = Stage::Tunnel(Box::new(tunnel));
        }
        self.release(around);
        Ok(())
    }

    /// Passes on what is said behind an upgrade.
    fn pass_through(&mut self, side: Side, part: Part, around: &mut Surroundings<'_>) {
        let progress = match side {
            Side::Client => &mut self.request,
            Side::Upstream => &mut self.response,
        };
        let Stage::Tunnel(tunnel) = &mut self.stage else { return };
        let outcome = match part {
            Part::Body(bytes) if bytes.is_empty() => return,
            Part::Body(bytes) => match progress.content(bytes.len()) {
                Ok(()) => tunnel.feed(side, around.at, bytes, around.outbox),
                Err(violation) => return self.violated(side, violation, around),
            },
            Part::End => match progress.end() {
                Ok(()) => tunnel.end(side, around.at, around.outbox),
                Err(violation) => return self.violated(side, violation, around),
            },
            // A tunnel has no trailers, and no second head.
            _ => return self.violated(side, Violation("a part of a message behind an upgrade"), around),
        };
        self.settle_tunnel(outcome, around);
    }

    /// Where the nested wire was broken the lane ends, and says so in the words of the other protocol where it can.
    fn settle_tunnel(&mut self, outcome: Result<(), Fault>, around: &mut Surroundings<'_>) {
        let Err(fault) = outcome else { return };
        let text = fault.to_string();
        let reason = Reason::new("protocol", text.clone());
        let told = match &mut self.stage {
            Stage::Tunnel(tunnel) => tunnel.farewell(around.at, &reason, around.outbox),
            _ => false,
        };
        if !told {
            self.reset(Side::Client, code::PROTOCOL_ERROR, text.clone(), around);
        }
        self.reset(Side::Upstream, code::PROTOCOL_ERROR, text, around);
        self.over(around);
    }

    /// `side` said what does not fit what it said before.
    fn violated(&mut self, side: Side, violation: Violation, around: &mut Surroundings<'_>) {
        let text = violation.sentence(side);
        let known = self.is_known_to_target();
        if side == Side::Upstream && !self.is_answering() {
            // RFC 9110 section 15.6.3: the client hears of it in an answer, as there was none.
            let reason = text.clone();
            self.answer(&Problem { status: 502, error: "target_response_invalid", reason, place: None }, around);
        } else {
            self.reset(Side::Client, code::PROTOCOL_ERROR, text.clone(), around);
            self.over(around);
        }
        if known {
            self.reset(Side::Upstream, code::PROTOCOL_ERROR, text, around);
        }
    }

    /// `side` broke the exchange off.
    fn broken_off(&mut self, side: Side, code: u32, reason: String, around: &mut Surroundings<'_>) {
        let told = side == Side::Upstream || self.is_known_to_target();
        around.outbox.note(around.at, side, self.lane, HttpEvent::Reset { code, reason: reason.clone() });
        if told {
            around.outbox.send(side.other(), self.lane, Part::Reset { code, reason });
        }
        self.over(around);
    }

    /// The target has no answer, or none that is whole.
    fn failed(&mut self, problem: Problem, around: &mut Surroundings<'_>) {
        match self.response.phase() {
            Phase::Head if !self.is_answering() => self.answer(&problem, around),
            // The response is whole; only the rest of the request has nowhere to go.
            Phase::Ended => self.broken_off(Side::Upstream, code::NO_ERROR, problem.reason, around),
            Phase::Head | Phase::Content | Phase::Trailers => {
                self.broken_off(Side::Upstream, code::INTERNAL_ERROR, problem.reason, around);
            }
        }
    }

    /// The gateway says of its own that the exchange is broken off.
    fn reset(&self, to: Side, code: u32, reason: String, around: &mut Surroundings<'_>) {
        around.outbox.note(around.at, to, self.lane, HttpEvent::Reset { code, reason: reason.clone() });
        around.outbox.send(to, self.lane, Part::Reset { code, reason });
    }

    /// The gateway answers in the target's place.
    fn answer(&mut self, problem: &Problem, around: &mut Surroundings<'_>) {
        self.discard(around);
        answer(self.lane, problem, self.is_head, around);
        self.stage = Stage::Answered;
        self.response.finish();
        self.drop_held();
    }

    fn over(&mut self, around: &mut Surroundings<'_>) {
        self.discard(around);
        self.stage = Stage::Over;
        self.drop_held();
    }

    /// What is held for the target never goes, and what is asked is asked no longer.
    fn discard(&mut self, around: &mut Surroundings<'_>) {
        match &mut self.stage {
            Stage::Carried(carried) => {
                carried.withdraw(around);
                carried.discard(around);
            }
            Stage::Tunnel(tunnel) => {
                tunnel.withdraw(around.outbox);
                tunnel.discard(around.outbox);
            }
            Stage::Asked { unit, .. } => around.outbox.withdraw(*unit),
            Stage::Passing | Stage::Answered | Stage::Over => {}
        }
    }
}

/// The gateway's own response: it stands on the side that it is told to.
pub(crate) fn answer(lane: Lane, problem: &Problem, is_head: bool, around: &mut Surroundings<'_>) {
    let (mut head, body) = refuse::response(problem, Some(around.session), &[]);
    if is_head {
        head.content = Content::Empty;
    }
    around.outbox.note(around.at, Side::Client, lane, event::response(&head));
    around.outbox.send(Side::Client, lane, Part::Response(Box::new(head)));
    if !is_head {
        around.outbox.note_body(around.at, Side::Client, lane, &body);
        around.outbox.send(Side::Client, lane, Part::Body(body));
    }
    around.outbox.note(around.at, Side::Client, lane, HttpEvent::End);
    around.outbox.send(Side::Client, lane, Part::End);
}

/// Passes on what stands behind the head of a message.
fn pass(
    progress: &mut Progress,
    lane: Lane,
    side: Side,
    part: Part,
    around: &mut Surroundings<'_>,
) -> Result<(), Violation> {
    match part {
        Part::Body(bytes) if bytes.is_empty() => {}
        Part::Body(bytes) => {
            progress.content(bytes.len())?;
            around.outbox.note_body(around.at, side, lane, &bytes);
            around.outbox.send(side.other(), lane, Part::Body(bytes));
        }
        Part::Trailers(fields) => {
            progress.trailers()?;
            around.outbox.note(around.at, side, lane, event::trailers(&fields));
            around.outbox.send(side.other(), lane, Part::Trailers(duties::trailers(&fields)));
        }
        Part::End => {
            progress.end()?;
            around.outbox.note(around.at, side, lane, HttpEvent::End);
            around.outbox.send(side.other(), lane, Part::End);
        }
        Part::Request(..) | Part::Informational(_) | Part::Response(_) | Part::Reset { .. } | Part::Failed(_) => {
            return Err(Violation("a head inside a message"));
        }
    }
    Ok(())
}

/// Bytes that a held part keeps in memory, beside its own size.
fn payload_bytes(part: &Part) -> usize {
    match part {
        Part::Body(bytes) => bytes.len(),
        Part::Trailers(fields) => fields.iter().map(|field| field.name.len() + field.value.len() + 64).sum(),
        _ => 0,
    }
}
