//! The wire: packets are framed, noted, and sent on as they came.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use wiretape_core::{Fault, Lane, Moment, Reason, Side, Step, Unit, Verdict, Wire};

use crate::event::Notes;
use crate::message::{LENGTH_BYTES, packet_bytes};
use crate::refuse;
use crate::state::Conversation;

/// SFTP version 3 between a client and a server, inside one lane.
///
/// Its events are what was done to files; the bytes themselves are recorded by the wire that carries it.
pub struct SftpWire {
    notes: Notes,
    conversation: Conversation,
    /// The packet that each side has not finished.
    client: BytesMut,
    upstream: BytesMut,
    steps: VecDeque<Step<Bytes>>,
}

impl SftpWire {
    /// The wire of a subsystem that was started on `lane`.
    #[must_use]
    pub fn new(lane: Lane) -> Self {
        Self {
            notes: Notes::new(lane),
            conversation: Conversation::new(),
            client: BytesMut::new(),
            upstream: BytesMut::new(),
            steps: VecDeque::new(),
        }
    }

    fn half(&mut self, side: Side) -> &mut BytesMut {
        match side {
            Side::Client => &mut self.client,
            Side::Upstream => &mut self.upstream,
        }
    }

    fn take_in(&mut self, side: Side, mut said: Bytes) -> Result<(), Fault> {
        if !self.conversation.is_opaque() {
            self.finish_half(side, &mut said)?;
        }
        if !self.conversation.is_opaque() {
            self.hear_whole(side, &mut said)?;
        }
        if self.conversation.is_opaque() {
            self.pass_opaque(side, said);
        } else {
            self.half(side).extend_from_slice(&said);
        }
        Ok(())
    }

    /// Takes from `said` what finishes the packet that `side` began, and hears that packet.
    fn finish_half(&mut self, side: Side, said: &mut Bytes) -> Result<(), Fault> {
        while !self.half(side).is_empty() && !said.is_empty() {
            let half = self.half(side);
            let whole = size(side, half)?;
            let missing = whole.unwrap_or(LENGTH_BYTES).saturating_sub(half.len());
            half.reserve(missing);
            half.extend_from_slice(&said.split_to(missing.min(said.len())));
            if size(side, half)? == Some(half.len()) {
                let packet = half.split().freeze();
                self.conversation.hear(side, packet.get(LENGTH_BYTES..).unwrap_or_default(), &mut self.notes)?;
                self.send(side, packet);
            }
        }
        Ok(())
    }

    /// Hears the whole packets that `said` starts with; they are sent on as one slice of it.
    fn hear_whole(&mut self, side: Side, said: &mut Bytes) -> Result<(), Fault> {
        let mut whole_bytes = 0;
        let outcome = loop {
            let rest = said.get(whole_bytes..).unwrap_or_default();
            let packet = match size(side, rest) {
                Ok(Some(bytes)) => rest.get(LENGTH_BYTES..bytes),
                Ok(None) => None,
                Err(fault) => break Err(fault),
            };
            let Some(packet) = packet else { break Ok(()) };
            if let Err(fault) = self.conversation.hear(side, packet, &mut self.notes) {
                break Err(fault);
            }
            whole_bytes += LENGTH_BYTES + packet.len();
            if self.conversation.is_opaque() {
                break Ok(());
            }
        };
        let whole = said.split_to(whole_bytes);
        self.send(side, whole);
        outcome
    }

    /// Sends on what `side` said, behind all that was noted of it.
    fn send(&mut self, side: Side, message: Bytes) {
        self.flush_notes();
        if !message.is_empty() {
            self.steps.push_back(Step::Send { to: side.other(), message });
        }
    }

    fn flush_notes(&mut self) {
        self.steps.extend(self.notes.take().map(Step::Note));
    }

    /// Sends on everything, undecoded.
    fn pass_opaque(&mut self, side: Side, said: Bytes) {
        for side in [Side::Client, Side::Upstream] {
            let half = self.half(side).split().freeze();
            self.send(side, half);
        }
        self.send(side, said);
    }
}

fn size(side: Side, bytes: &[u8]) -> Result<Option<usize>, Fault> {
    packet_bytes(bytes)
        .map_err(|bad| Fault::new(side, "the length of an SFTP packet", format!("a length of {} bytes", bad.0)))
}

impl Wire for SftpWire {
    type Message = Bytes;

    fn feed(&mut self, side: Side, at: Moment, message: Bytes) -> Result<(), Fault> {
        self.notes.set_now(at);
        let outcome = self.take_in(side, message);
        // What was noted of a packet that does not pass is said all the same.
        self.flush_notes();
        outcome
    }

    fn step(&mut self) -> Option<Step<Bytes>> {
        self.steps.pop_front()
    }

    /// Nothing here asks yet. Where an operation is to be judged, it waits between `hear` and `send`, and
    /// [`refuse::denied`] answers in its place.
    fn rule(&mut self, _at: Moment, _unit: Unit, _verdict: Verdict) {}

    fn end(&mut self, side: Side, at: Moment) -> Result<(), Fault> {
        self.notes.set_now(at);
        if side == Side::Upstream {
            self.conversation.finish(&mut self.notes);
            self.flush_notes();
        }
        match self.half(side).len() {
            0 => Ok(()),
            half => Err(Fault::new(side, "the rest of an SFTP packet", format!("the end after {half} bytes of it"))),
        }
    }

    fn farewell(&mut self, at: Moment, reason: &Reason) {
        self.notes.set_now(at);
        self.conversation.finish(&mut self.notes);
        let unanswered = self.conversation.take_pending();
        if !unanswered.is_empty() {
            self.notes.told(reason.text.clone());
        }
        self.flush_notes();
        for request in unanswered {
            self.steps.push_back(Step::Send { to: Side::Client, message: refuse::overtaken(request, reason) });
        }
    }

    fn held_bytes(&self) -> usize {
        self.client.len() + self.upstream.len()
    }
}
