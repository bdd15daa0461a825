//! The wire: packets are framed, judged where they name a file, noted, and sent on as they came.
//!
//! What waits to be judged holds what the client says behind it; responses go on meanwhile.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use wiretape_core::judge::ActionKind;
use wiretape_core::{Action, Fault, Lane, Moment, Reason, Side, Step, Unit, Verdict, Wire};

use crate::event::Notes;
use crate::message::{LENGTH_BYTES, STATUS_PERMISSION_DENIED, packet_bytes};
use crate::refuse;
use crate::state::{Ask, Conversation};

/// What a piece that is held counts for beside its bytes.
const PIECE_BYTES: usize = 64;

/// A request that waits to be judged.
struct Asked {
    unit: Unit,
    ask: Ask,
    /// The whole packet.
    packet: Bytes,
}

/// SFTP version 3 between a client and a server, inside one lane.
///
/// Its events are what was done to files; the bytes themselves are recorded by the wire that carries it.
pub struct SftpWire {
    lane: Lane,
    notes: Notes,
    conversation: Conversation,
    /// The packet that each side has not finished.
    client: BytesMut,
    upstream: BytesMut,
    serial: u64,
    asked: Option<Asked>,
    /// What the client said behind what waits.
    behind: VecDeque<Bytes>,
    behind_bytes: usize,
    /// The client ends behind that.
    ends: bool,
    /// What was wrong with what waited.
    fault: Option<Fault>,
    steps: VecDeque<Step<Bytes>>,
}

impl SftpWire {
    /// The wire of a subsystem that was started on `lane`.
    #[must_use]
    pub fn new(lane: Lane) -> Self {
        Self {
            lane,
            notes: Notes::new(lane),
            conversation: Conversation::new(),
            client: BytesMut::new(),
            upstream: BytesMut::new(),
            serial: 0,
            asked: None,
            behind: VecDeque::new(),
            behind_bytes: 0,
            ends: false,
            fault: None,
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
        self.finish_half(side, &mut said)?;
        if !self.holds(side) {
            self.hear_whole(side, &mut said)?;
        }
        if self.holds(side) {
            self.hold(said);
        } else {
            self.half(side).extend_from_slice(&said);
        }
        Ok(())
    }

    /// True while what `side` says stands behind what waits to be judged.
    fn holds(&self, side: Side) -> bool {
        side == Side::Client && self.asked.is_some()
    }

    fn hold(&mut self, said: Bytes) {
        if !said.is_empty() {
            self.behind_bytes = self.behind_bytes.saturating_add(said.len() + PIECE_BYTES);
            self.behind.push_back(said);
        }
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
                let body = packet.get(LENGTH_BYTES..).unwrap_or_default();
                match self.conversation.hear(side, body, &mut self.notes)? {
                    Some(ask) => self.judge(ask, packet),
                    None => self.send(side, packet),
                }
            }
        }
        Ok(())
    }

    /// Hears the whole packets that `said` starts with, up to one that has to be judged; they are sent on as one slice of
    /// it.
    fn hear_whole(&mut self, side: Side, said: &mut Bytes) -> Result<(), Fault> {
        let mut whole_bytes = 0;
        let mut asked = None;
        let outcome = loop {
            let rest = said.get(whole_bytes..).unwrap_or_default();
            let packet = match size(side, rest) {
                Ok(Some(bytes)) => rest.get(LENGTH_BYTES..bytes),
                Ok(None) => None,
                Err(fault) => break Err(fault),
            };
            let Some(packet) = packet else { break Ok(()) };
            match self.conversation.hear(side, packet, &mut self.notes) {
                Ok(None) => whole_bytes += LENGTH_BYTES + packet.len(),
                Ok(Some(ask)) => {
                    asked = Some((ask, LENGTH_BYTES + packet.len()));
                    break Ok(());
                }
                Err(fault) => break Err(fault),
            }
        };
        let whole = said.split_to(whole_bytes);
        self.send(side, whole);
        if let Some((ask, bytes)) = asked {
            let packet = said.split_to(bytes);
            self.judge(ask, packet);
        }
        outcome
    }

    fn judge(&mut self, ask: Ask, packet: Bytes) {
        self.flush_notes();
        self.serial += 1;
        let unit = Unit { lane: self.lane, serial: self.serial };
        let action = Action { lane: self.lane, kind: ActionKind::File(Box::new(ask.judged.clone())) };
        let event = self.notes.asking(ask.id, ask.operation.clone());
        self.asked = Some(Asked { unit, ask, packet });
        self.steps.push_back(Step::Judge { unit, action, event });
    }

    /// What stood behind what was judged takes its turn, up to the next that has to be.
    fn go_on(&mut self) -> Result<(), Fault> {
        while self.asked.is_none()
            && let Some(said) = self.behind.pop_front()
        {
            self.behind_bytes = self.behind_bytes.saturating_sub(said.len() + PIECE_BYTES);
            // What is left of a piece when the next request has to be judged stands before the others.
            let before = std::mem::take(&mut self.behind);
            let outcome = self.take_in(Side::Client, said);
            self.behind.extend(before);
            outcome?;
        }
        if self.asked.is_none() && std::mem::take(&mut self.ends) { self.check_end(Side::Client) } else { Ok(()) }
    }

    fn check_end(&mut self, side: Side) -> Result<(), Fault> {
        match self.half(side).len() {
            0 => Ok(()),
            half => Err(Fault::new(side, "the rest of an SFTP packet", format!("the end after {half} bytes of it"))),
        }
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
}

fn size(side: Side, bytes: &[u8]) -> Result<Option<usize>, Fault> {
    packet_bytes(bytes)
        .map_err(|bad| Fault::new(side, "the length of an SFTP packet", format!("a length of {} bytes", bad.0)))
}

impl Wire for SftpWire {
    type Message = Bytes;

    fn feed(&mut self, side: Side, at: Moment, message: Bytes) -> Result<(), Fault> {
        self.notes.set_now(at);
        if self.holds(side) {
            // It may wait for long: it keeps no more memory than its own length.
            self.hold(Bytes::copy_from_slice(&message));
            return Ok(());
        }
        let outcome = self.take_in(side, message);
        // What was noted of a packet that does not pass is said all the same.
        self.flush_notes();
        outcome
    }

    fn step(&mut self) -> Option<Step<Bytes>> {
        self.steps.pop_front()
    }

    /// A request that may not pass has its answer from the gateway.
    fn rule(&mut self, at: Moment, unit: Unit, verdict: Verdict) {
        let Some(asked) = self.asked.take_if(|asked| asked.unit == unit) else { return };
        self.notes.set_now(at);
        match verdict {
            Verdict::Allow => {
                self.conversation.admit(asked.ask);
                self.send(Side::Client, asked.packet);
            }
            Verdict::Refuse(reason) => {
                self.notes.denied(asked.ask.id, STATUS_PERMISSION_DENIED, reason.text.clone());
                self.send(Side::Upstream, refuse::denied(asked.ask.id, &reason));
            }
        }
        self.fault = self.go_on().err();
        self.flush_notes();
    }

    fn fault(&mut self) -> Option<Fault> {
        self.fault.take()
    }

    fn end(&mut self, side: Side, at: Moment) -> Result<(), Fault> {
        self.notes.set_now(at);
        if side == Side::Upstream {
            self.conversation.finish(&mut self.notes);
            self.flush_notes();
        }
        self.ends |= self.holds(side);
        if self.holds(side) { Ok(()) } else { self.check_end(side) }
    }

    fn farewell(&mut self, at: Moment, reason: &Reason) {
        self.notes.set_now(at);
        self.conversation.finish(&mut self.notes);
        let mut unanswered = self.conversation.take_pending();
        unanswered.extend(self.asked.take().map(|asked| asked.ask.id));
        (self.behind, self.behind_bytes) = (VecDeque::new(), 0);
        if !unanswered.is_empty() {
            self.notes.told(reason.text.clone());
        }
        self.flush_notes();
        for request in unanswered {
            self.steps.push_back(Step::Send { to: Side::Client, message: refuse::overtaken(request, reason) });
        }
    }

    fn held_bytes(&self) -> usize {
        let asked = self.asked.as_ref().map_or(0, |asked| asked.packet.len());
        self.client.len() + self.upstream.len() + self.behind_bytes + asked
    }
}
