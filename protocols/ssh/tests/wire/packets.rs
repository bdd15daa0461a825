//! A small wire to be nested: packets of a length byte and as many bytes, of which the first is what is done.
//!
//! `o` opens a file, `d` removes one and is judged, anything else passes.

use std::collections::VecDeque;

use bytes::{Buf, Bytes, BytesMut};
use wiretape_core::event::{FileEvent, FileOperation, OpenMode};
use wiretape_core::judge::ActionKind;
use wiretape_core::{
    Action, ByteWire, Carrier, Event, Fault, Kind, Lane, Moment, NestedWires, Reason, Side, Step, Unit, Verdict, Wire,
};

use crate::parcels::parcels;

/// Hands out [`Packets`] for the subsystem `packets` and for port 7, and parcels for the commands called so.
#[derive(Debug)]
pub(crate) struct PacketTable;

impl NestedWires for PacketTable {
    fn wire(&self, lane: Lane, carrier: &Carrier) -> Option<ByteWire> {
        if let Carrier::Exec { command } = carrier
            && let Some(wire) = parcels(lane, command)
        {
            return Some(wire);
        }
        let carried = match carrier {
            Carrier::Subsystem { name } => name == "packets",
            Carrier::Exec { command } => command.starts_with(b"packets"),
            Carrier::Forward { port, .. } => *port == 7,
            Carrier::Connection { .. } | Carrier::Content(_) | Carrier::Upgrade { .. } => false,
        };
        carried.then(|| Box::new(Packets::new(lane)) as ByteWire)
    }
}

struct Packets {
    lane: Lane,
    client: BytesMut,
    upstream: BytesMut,
    waiting: Option<(Unit, Bytes)>,
    fault: Option<Fault>,
    steps: VecDeque<Step<Bytes>>,
    serial: u64,
}

impl Packets {
    fn new(lane: Lane) -> Self {
        let (client, upstream) = (BytesMut::new(), BytesMut::new());
        Self { lane, client, upstream, waiting: None, fault: None, steps: VecDeque::new(), serial: 0 }
    }

    fn note(&mut self, at: Moment, side: Side, event: FileEvent) {
        self.steps.push_back(Step::Note(Event { at, side, lane: self.lane, kind: Kind::File(event) }));
    }

    fn advance(&mut self, at: Moment) -> Result<(), Fault> {
        while self.waiting.is_none()
            && let Some(packet) = packet(&mut self.client, Side::Client)?
        {
            self.serial += 1;
            let path = packet.slice(2..);
            match packet[1] {
                b'd' => {
                    let unit = Unit { lane: self.lane, serial: self.serial };
                    let event = FileEvent::Asked {
                        request: self.serial as u32,
                        operation: FileOperation::Remove { path: path.clone() },
                    };
                    self.steps.push_back(Step::Judge {
                        unit,
                        action: Action { lane: self.lane, kind: ActionKind::Line { text: path } },
                        event: Event { at, side: Side::Client, lane: self.lane, kind: Kind::File(event) },
                    });
                    self.waiting = Some((unit, packet));
                    break;
                }
                b'o' => {
                    let operation = FileOperation::Open { path, mode: OpenMode::default() };
                    self.note(at, Side::Client, FileEvent::Asked { request: self.serial as u32, operation });
                }
                _ => {}
            }
            self.steps.push_back(Step::Send { to: Side::Upstream, message: packet });
        }
        while let Some(packet) = packet(&mut self.upstream, Side::Upstream)? {
            self.steps.push_back(Step::Send { to: Side::Client, message: packet });
        }
        Ok(())
    }
}

fn packet(bytes: &mut BytesMut, side: Side) -> Result<Option<Bytes>, Fault> {
    let Some(&length) = bytes.first() else { return Ok(None) };
    if length == 0 {
        return Err(Fault::new(side, "a packet with something in it", "an empty one"));
    }
    let whole = usize::from(length) + 1;
    Ok((bytes.len() >= whole).then(|| bytes.copy_to_bytes(whole)))
}

impl Wire for Packets {
    type Message = Bytes;

    fn feed(&mut self, side: Side, at: Moment, message: Bytes) -> Result<(), Fault> {
        match side {
            Side::Client => self.client.extend_from_slice(&message),
            Side::Upstream => self.upstream.extend_from_slice(&message),
        }
        self.advance(at)
    }

    fn step(&mut self) -> Option<Step<Bytes>> {
        self.steps.pop_front()
    }

    fn rule(&mut self, at: Moment, unit: Unit, verdict: Verdict) {
        let Some((_, packet)) = self.waiting.take_if(|(waiting, _)| *waiting == unit) else { return };
        match verdict {
            Verdict::Allow => self.steps.push_back(Step::Send { to: Side::Upstream, message: packet }),
            Verdict::Refuse(reason) => {
                let request = self.serial as u32;
                self.note(at, Side::Client, FileEvent::Answered { request, status: 3, message: reason.text });
                self.steps.push_back(Step::Send { to: Side::Client, message: Bytes::from_static(b"\x02no") });
            }
        }
        self.fault = self.advance(at).err();
    }

    fn fault(&mut self) -> Option<Fault> {
        self.fault.take()
    }

    fn end(&mut self, side: Side, at: Moment) -> Result<(), Fault> {
        let (rest, path) = match side {
            Side::Client => (&self.client, "client"),
            Side::Upstream => (&self.upstream, "upstream"),
        };
        if !rest.is_empty() {
            return Err(Fault::new(side, "the rest of a packet", "the end"));
        }
        let path = Bytes::from_static(path.as_bytes());
        self.note(at, side, FileEvent::Closed { path, read_bytes: 0, written_bytes: 0, content_sha256: None });
        Ok(())
    }

    fn farewell(&mut self, at: Moment, reason: &Reason) {
        self.waiting = None;
        self.note(at, Side::Client, FileEvent::Answered { request: 0, status: 4, message: reason.text.clone() });
        self.steps.push_back(Step::Send { to: Side::Client, message: Bytes::from_static(b"\x03bye") });
    }

    fn held_bytes(&self) -> usize {
        self.client.len() + self.upstream.len() + self.waiting.as_ref().map_or(0, |(_, packet)| packet.len())
    }
}
