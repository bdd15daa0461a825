//! An exchange whose content another wire reads: what each side may say, and what becomes of it.

use wiretape_core::event::StreamEvent;
use wiretape_core::{Event, Fault, Kind, Reason, Side};

use super::{Exchange, Stage, Surroundings};
use crate::carried::{Carried, Outcome, Trouble};
use crate::coding::Coding;
use crate::state::{Phase, Violation, code};
use crate::{Content, Part, Problem, ResponseHead, duties, event};

impl Exchange {
    /// Takes in a part of the request.
    pub(super) fn carry_request(&mut self, part: Part, around: &mut Surroundings<'_>) {
        let Stage::Carried(carried) = &mut self.stage else { return };
        let outcome = match part {
            Part::Body(bytes) if bytes.is_empty() => return,
            Part::Body(bytes) => self.request.content(bytes.len()).map(|()| carried.content(bytes, around)),
            Part::Trailers(fields) => self.request.trailers().map(|()| carried.trailers(Side::Client, &fields, around)),
            Part::End => self.request.end().map(|()| carried.client_ended(around)),
            _ => Err(Violation("a head inside a message")),
        };
        match outcome {
            Ok(outcome) => self.settle(outcome, around),
            Err(violation) => self.violated(Side::Client, violation, around),
        }
    }

    /// Takes in a part of the response.
    pub(super) fn carry_response(&mut self, part: Part, around: &mut Surroundings<'_>) -> Result<(), Fault> {
        let Stage::Carried(carried) = &mut self.stage else { return Ok(()) };
        if !carried.has_reached() {
            let expected = "nothing before it was asked";
            return Err(Fault::new(Side::Upstream, expected, "an answer to a request that waits"));
        }
        let outcome = match part {
            Part::Informational(head) => self.pass_informational(head, around).map(|()| Ok(Outcome::Open)),
            Part::Response(head) => self.carry_head(head, around),
            Part::Body(bytes) if bytes.is_empty() => return Ok(()),
            Part::Body(bytes) => self.response.content(bytes.len()).map(|()| carried.answered(bytes, around)),
            Part::Trailers(fields) => {
                self.response.trailers().map(|()| carried.trailers(Side::Upstream, &fields, around))
            }
            Part::End => self.response.end().map(|()| carried.upstream_ended(around)),
            _ => Err(Violation("a head inside a message")),
        };
        match outcome {
            Ok(outcome) => self.settle(outcome, around),
            Err(violation) => self.violated(Side::Upstream, violation, around),
        }
        Ok(())
    }

    fn carry_head(
        &mut self,
        mut head: Box<ResponseHead>,
        around: &mut Surroundings<'_>,
    ) -> Result<Result<Outcome, Trouble>, Violation> {
        let Stage::Carried(carried) = &mut self.stage else { return Ok(Ok(Outcome::Open)) };
        if matches!(head.status, 204 | 304) {
            head.content = Content::Empty;
        }
        around.outbox.note(around.at, Side::Upstream, self.lane, event::response(&head));
        if head.content == Content::Tunnel {
            return Err(Violation("an upgrade that nobody asked for"));
        }
        self.response.begin(head.content)?;
        if carried.is_own() {
            // The client has a head already: what the target says has to be the rest of that answer.
            if head.status != 200 || Coding::of(&head.fields) != Coding::Identity {
                let (expected, got) =
                    ("the answer of which the client has the head", format!("status {}", head.status));
                return Ok(Err(Trouble::Fault(Fault::new(Side::Upstream, expected, got))));
            }
            return Ok(Ok(Outcome::Open));
        }
        *head = duties::response(&head, &self.route);
        carried.response(&mut head, around);
        around.outbox.send(Side::Client, self.lane, Part::Response(head));
        Ok(Ok(Outcome::Open))
    }

    /// What becomes of the exchange after what the wire of its content did.
    pub(super) fn settle(&mut self, outcome: Result<Outcome, Trouble>, around: &mut Surroundings<'_>) {
        match outcome {
            Ok(Outcome::Open) => {}
            Ok(Outcome::Answered) => self.answered(),
            Ok(Outcome::Silent) => {
                let reason = "what was sent does not pass".to_owned();
                self.answer(&Problem { status: 403, error: "refused", reason, place: None }, around);
            }
            Err(Trouble::Fault(fault)) => {
                self.not_understood(fault.side, fault.to_string(), around);
            }
            Err(Trouble::Undecodable(undecodable)) => {
                self.not_understood(Side::Client, undecodable.sentence().to_owned(), around);
            }
        }
    }

    /// The content cannot be read: the client hears it in the words of its protocol where there are any.
    fn not_understood(&mut self, by: Side, text: String, around: &mut Surroundings<'_>) {
        let what = format!("content not understood: {text}");
        let kind = Kind::Stream(StreamEvent::Opaque { what });
        around.outbox.event(Event { at: around.at, side: by, lane: self.lane, kind });
        let Stage::Carried(carried) = &mut self.stage else { return };
        let told = carried.farewell(&Reason::new("protocol", text.clone()), around);
        let (known, begun) = (carried.is_known(), self.response.phase() != Phase::Head || carried.is_own());
        if told {
            self.answered();
        } else if begun {
            self.reset(Side::Client, code::PROTOCOL_ERROR, text.clone(), around);
            self.over(around);
        } else {
            let status = if by == Side::Client { 400 } else { 502 };
            self.answer(
                &Problem { status, error: "content_not_understood", reason: text.clone(), place: None },
                around,
            );
        }
        if known {
            self.reset(Side::Upstream, code::PROTOCOL_ERROR, text, around);
        }
    }

    /// The client has all of an answer that is not the target's.
    fn answered(&mut self) {
        self.stage = Stage::Answered;
        self.response.finish();
        self.drop_held();
    }

    /// The request is read by a wire from here on, if one reads its content; false when it is to go on as it is.
    pub(super) fn carry(
        &mut self,
        head: &crate::RequestHead,
        onward: &mut Box<crate::RequestHead>,
        around: &mut Surroundings<'_>,
    ) -> bool {
        match Carried::begin(self.lane, head, onward, &self.route, around) {
            Ok(None) => false,
            Ok(Some(carried)) => {
                self.stage = Stage::Carried(Box::new(carried));
                true
            }
            Err(_) => {
                let reason = "content in this coding cannot be read here, and has to be".to_owned();
                self.answer(&Problem { status: 415, error: "unsupported_coding", reason, place: None }, around);
                true
            }
        }
    }
}
