//! The wire: packets are framed, noted and sent on as they came.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use wiretape_core::{Fault, Lane, Moment, Reason, Side, Step, Unit, Verdict, Wire};

use crate::message::{LENGTH_BYTES, packet_bytes};

/// SFTP version 3 between a client and a server, inside one lane.
pub struct SftpWire {
    lane: Lane,
    client: BytesMut,
    upstream: BytesMut,
    steps: VecDeque<Step<Bytes>>,
}

impl SftpWire {
    /// The wire of a subsystem that was started on `lane`.
    #[must_use]
    pub fn new(lane: Lane) -> Self {
        Self { lane, client: BytesMut::new(), upstream: BytesMut::new(), steps: VecDeque::new() }
    }

    /// The lane that the wire runs on.
    #[must_use]
    pub fn lane(&self) -> Lane {
        self.lane
    }

    fn half(&mut self, side: Side) -> &mut BytesMut {
        match side {
            Side::Client => &mut self.client,
            Side::Upstream => &mut self.upstream,
        }
    }

    fn send(&mut self, from: Side, message: Bytes) {
        if !message.is_empty() {
            self.steps.push_back(Step::Send { to: from.other(), message });
        }
    }
}

fn size(side: Side, bytes: &[u8]) -> Result<Option<usize>, Fault> {
    packet_bytes(bytes)
        .map_err(|bad| Fault::new(side, "the length of an SFTP packet", format!("a length of {} bytes", bad.0)))
}

impl Wire for SftpWire {
    type Message = Bytes;

    fn feed(&mut self, side: Side, _at: Moment, mut message: Bytes) -> Result<(), Fault> {
        while !self.half(side).is_empty() && !message.is_empty() {
            let half = self.half(side);
            let whole = size(side, half)?.unwrap_or(LENGTH_BYTES);
            let missing = whole.saturating_sub(half.len()).min(message.len());
            half.extend_from_slice(&message.split_to(missing));
            if size(side, half)? == Some(half.len()) {
                let packet = half.split().freeze();
                self.send(side, packet);
            }
        }
        let mut whole = 0;
        let outcome = loop {
            let rest = message.get(whole..).unwrap_or_default();
            match size(side, rest) {
                Ok(Some(bytes)) if bytes <= rest.len() => whole += bytes,
                Ok(_) => break Ok(()),
                Err(fault) => break Err(fault),
            }
        };
        let packets = message.split_to(whole);
        self.send(side, packets);
        if outcome.is_ok() {
            self.half(side).extend_from_slice(&message);
        }
        outcome
    }

    fn step(&mut self) -> Option<Step<Bytes>> {
        self.steps.pop_front()
    }

    fn rule(&mut self, _at: Moment, _unit: Unit, _verdict: Verdict) {}

    fn end(&mut self, side: Side, _at: Moment) -> Result<(), Fault> {
        match self.half(side).len() {
            0 => Ok(()),
            held => Err(Fault::new(side, "the rest of an SFTP packet", format!("the end after {held} bytes"))),
        }
    }

    fn farewell(&mut self, _at: Moment, _reason: &Reason) {}

    fn held_bytes(&self) -> usize {
        self.client.len() + self.upstream.len()
    }
}
