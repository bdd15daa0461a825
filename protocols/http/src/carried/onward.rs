//! The way of a request to the target: what of it goes, what is held, and what never does.

use std::sync::Arc;

use bytes::Bytes;
use wiretape_core::Side;
use wiretape_core::event::HttpEvent;

use super::{Back, Carried, Onward, RequestEnd};
use crate::limits::COLLECTED_BYTES_MAX;
use crate::state::code;
use crate::surroundings::Surroundings;
use crate::{Content, Field, Part};

impl Carried {
    /// Takes notice of content that is given out; false where it does not go on: it is more than the head declares, or
    /// comes behind the end.
    fn count(&mut self, message: &Bytes, around: &mut Surroundings<'_>) -> bool {
        self.note(Side::Client, message, around);
        let rest = self.left_bytes.map(|left| left.checked_sub(message.len() as u64));
        if rest == Some(None) || self.end == RequestEnd::Passed {
            self.drop_request(around);
        }
        self.left_bytes = rest.flatten();
        !matches!(self.onward, Onward::Never)
    }

    /// Content goes to the target.
    pub(super) fn pass(&mut self, message: Bytes, around: &mut Surroundings<'_>) {
        if !self.count(&message, around) {
            return;
        }
        if let (Onward::Head(_), Some(decoding)) = (&self.onward, &mut self.decoding) {
            // Once its length is known, or would be too much to wait for.
            decoding.collected.extend_from_slice(&message);
            if decoding.collected.len() > COLLECTED_BYTES_MAX {
                self.ask(around);
            }
            return;
        }
        match self.onward {
            Onward::Head(_) | Onward::Asked => {
                self.ask(around);
                around.outbox.send(Side::Upstream, self.lane, Part::Body(message));
            }
            // Behind what is held: it may not overtake that.
            Onward::Held => around.outbox.hold(Side::Upstream, self.lane, Part::Body(message)),
            Onward::Ended | Onward::Never => {}
        }
    }

    /// Content is held for the target, behind the head.
    pub(super) fn hold(&mut self, message: Bytes, around: &mut Surroundings<'_>) {
        if !self.count(&message, around) {
            return;
        }
        match std::mem::replace(&mut self.onward, Onward::Held) {
            Onward::Head(head) => {
                around.outbox.hold(Side::Upstream, self.lane, Part::Request(head, Arc::clone(&self.route)));
                if let Some(decoding) = self.decoding.as_mut().filter(|decoding| !decoding.collected.is_empty()) {
                    let collected = decoding.collected.split().freeze();
                    around.outbox.hold(Side::Upstream, self.lane, Part::Body(collected));
                }
            }
            Onward::Held | Onward::Asked => {}
            over @ (Onward::Ended | Onward::Never) => {
                self.onward = over;
                return;
            }
        }
        around.outbox.hold(Side::Upstream, self.lane, Part::Body(message));
    }

    /// What is held may go, or the head, where nothing else is.
    pub(super) fn release(&mut self, around: &mut Surroundings<'_>) {
        match self.onward {
            Onward::Held => {
                around.outbox.release(Side::Upstream, self.lane);
                self.reached = true;
                self.onward = if self.end == RequestEnd::Passed { Onward::Ended } else { Onward::Asked };
            }
            Onward::Head(_) if self.decoding.is_none() => self.ask(around),
            _ => {}
        }
    }

    /// The head goes, and what was collected behind it.
    fn ask(&mut self, around: &mut Surroundings<'_>) {
        if !matches!(self.onward, Onward::Head(_)) {
            return;
        }
        if let Onward::Head(head) = std::mem::replace(&mut self.onward, Onward::Asked) {
            self.reached = true;
            around.outbox.send(Side::Upstream, self.lane, Part::Request(head, Arc::clone(&self.route)));
        }
        if let Some(decoding) = self.decoding.as_mut().filter(|decoding| !decoding.collected.is_empty()) {
            let collected = decoding.collected.split().freeze();
            around.outbox.send(Side::Upstream, self.lane, Part::Body(collected));
        }
    }

    /// Nothing of the request goes on.
    pub(super) fn drop_request(&mut self, around: &mut Surroundings<'_>) {
        if self.is_done() {
            return;
        }
        self.discard(around);
        self.onward = Onward::Never;
        if self.reached {
            self.broken = true;
            let (code, reason) = (code::CANCEL, "the rest of the request does not pass".to_owned());
            let kind = HttpEvent::Reset { code, reason: reason.clone() };
            around.outbox.note(around.at, Side::Upstream, self.lane, kind);
            around.outbox.send(Side::Upstream, self.lane, Part::Reset { code, reason });
        }
    }

    /// The end of the request, where its turn has come.
    pub(super) fn settle_request(&mut self, around: &mut Surroundings<'_>) {
        if self.end != RequestEnd::Due {
            return;
        }
        let waiting = self.is_waiting();
        if self.left_bytes.is_some_and(|left| left > 0) && !waiting {
            // The wire kept something back: what is left is no whole request.
            return self.drop_request(around);
        }
        match &mut self.onward {
            Onward::Head(_) if waiting || self.back != Back::Awaited => return,
            Onward::Head(head) => {
                if let Some(decoding) = &self.decoding {
                    let length = decoding.collected.len() as u64;
                    head.content = Content::Length(length);
                    let name = Bytes::from_static(b"content-length");
                    head.fields.push(Field { name, value: length.to_string().into() });
                }
                self.ask(around);
            }
            Onward::Asked if waiting => return,
            Onward::Held | Onward::Asked => {}
            Onward::Ended | Onward::Never => return,
        }
        let held = matches!(self.onward, Onward::Held);
        for part in self.trailers.take().map(Part::Trailers).into_iter().chain([Part::End]) {
            if held {
                around.outbox.hold(Side::Upstream, self.lane, part);
            } else {
                around.outbox.send(Side::Upstream, self.lane, part);
            }
        }
        self.end = RequestEnd::Passed;
        if !held {
            self.onward = Onward::Ended;
        }
    }
}
