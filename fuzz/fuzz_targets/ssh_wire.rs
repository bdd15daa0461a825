//! The SSH wire under any messages in any order, with a guard and a gateway that decide anything at any time.
//!
//! Each turn is two bytes, what is said and on which lane, and for some a third with the length of what follows.
#![no_main]

#[path = "../../protocols/ssh/tests/wire/packets.rs"]
mod packets;

#[path = "../../protocols/http/tests/wire/parcels.rs"]
mod parcels;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use wiretape_core::event::{StreamEvent, StreamKind, TerminalSize};
use wiretape_core::limits::HELD_BYTES_MAX;
use wiretape_core::{
    Action, Effect, Event, Finding, Guard, Input, Judgement, Kind, Lane, Moment, Question, Reason, Session, Side, Unit,
    Verdict,
};
use wiretape_ssh::{Message, NestedFault, OpenFailure, Options, Request, SshWire};

/// Decides by what it is asked: the same for the same, and all three answers for some.
struct Moods;

impl Guard for Moods {
    fn judge(&mut self, _at: Moment, unit: Unit, action: &Action) -> Judgement {
        match (unit.serial + u64::from(action.lane.0)) % 4 {
            0 => Judgement::Ruled(Verdict::Refuse(Reason::new("moods", "no\nway"))),
            1 => Judgement::Ask(Question {
                action: action.clone(),
                approvers: Vec::new(),
                rule: String::new(),
                text: String::new(),
            }),
            _ => Judgement::Ruled(Verdict::Allow),
        }
    }
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn bytes(&mut self) -> Option<Bytes> {
        let length = usize::from(self.byte()?).min(self.0.len());
        let (bytes, rest) = self.0.split_at(length);
        self.0 = rest;
        Some(Bytes::copy_from_slice(bytes))
    }

    fn text(&mut self) -> Option<String> {
        Some(String::from_utf8_lossy(&self.bytes()?).into_owned())
    }

    fn kind(&mut self) -> Option<StreamKind> {
        let (originator, originator_port) = (String::new(), 0);
        Some(match self.byte()? % 7 {
            0 => StreamKind::DirectTcpip { host: self.text()?, port: 7, originator, originator_port },
            1 => StreamKind::ForwardedTcpip { host: self.text()?, port: 7, originator, originator_port },
            2 => StreamKind::DirectStreamlocal { path: self.text()? },
            3 => StreamKind::Agent,
            4 => StreamKind::X11 { originator, originator_port },
            _ => StreamKind::Session,
        })
    }

    fn request(&mut self) -> Option<Request> {
        Some(match self.byte()? % 12 {
            0 => Request::Pty { term: self.text()?, size: TerminalSize::default(), modes: Vec::new() },
            1 => Request::WindowChange { size: TerminalSize { columns: 9, ..TerminalSize::default() } },
            2 => Request::Env { name: self.text()?, value: Bytes::new() },
            3 => Request::Shell,
            4 => Request::Exec { command: self.bytes()? },
            5 => Request::Subsystem { name: self.text()? },
            6 => Request::Signal { name: self.text()? },
            7 => Request::Agent,
            8 => Request::ExitStatus { status: 0 },
            9 => Request::ExitSignal { name: self.text()?, core_dumped: true, message: String::new() },
            10 => Request::Exec { command: Bytes::from_static(b"/parcels") },
            _ => Request::Subsystem { name: "packets".to_owned() },
        })
    }

    fn message(&mut self, what: u8) -> Option<Message> {
        let lane = Lane(u32::from(self.byte()? % 6));
        Some(match what % 12 {
            0 | 1 => Message::Open { lane, kind: self.kind()? },
            2 | 3 => Message::Opened { lane },
            4 => Message::Rejected { lane, reason: OpenFailure::ConnectFailed, text: self.text()? },
            5 | 6 => Message::Data { lane, error: what & 64 != 0, bytes: self.bytes()? },
            7 => Message::Eof { lane },
            8 => Message::Close { lane },
            9 => Message::Request { lane, request: self.request()?, want_reply: what & 64 != 0 },
            10 => Message::Answer { lane, accepted: what & 64 != 0 },
            _ if what & 32 != 0 => Message::Listening { accepted: what & 64 != 0, port: None },
            _ => Message::Listen { listen: what & 64 != 0, address: self.text()?, port: Some(u32::from(lane.0) + 4) },
        })
    }
}

fuzz_target!(|input: &[u8]| {
    let mut reader = Reader(input);
    let Some(first) = reader.byte() else { return };
    let nested_fault = if first & 1 == 0 { NestedFault::PassOn } else { NestedFault::Close };
    let options = Options { nested: Box::new(packets::PacketTable), conceal: first & 2 == 0, nested_fault };
    let mut session = Session::new(SshWire::new(options), Box::new(Moods));
    let mut asked: Vec<Unit> = Vec::new();
    let mut examined: Vec<Unit> = Vec::new();
    let mut closes = Closes::default();
    let mut at = 0;
    while let Some(what) = reader.byte() {
        at += 1;
        let side = if what & 128 == 0 { Side::Client } else { Side::Upstream };
        let turn = match what & 127 {
            120..=123 => match asked.pop() {
                Some(unit) if what & 1 == 0 => Input::Answer { unit, verdict: Verdict::Allow },
                Some(unit) => Input::Answer { unit, verdict: Verdict::Refuse(Reason::new("later", "no")) },
                None => continue,
            },
            118 | 119 => match examined.pop() {
                Some(unit) => {
                    let found = if what & 1 == 0 { "good" } else { "bad" };
                    Input::Found { unit, finding: Finding(Arc::new(found.to_owned())) }
                }
                None => continue,
            },
            124 => Input::End { side },
            126 | 127 => match asked.last() {
                Some(unit) => Input::Waiting { unit: *unit, text: "the elders\nare asked".to_owned() },
                None => continue,
            },
            125 => Input::Close { reason: Reason::new("admin", "enough") },
            _ => match reader.message(what) {
                Some(message) => Input::Message { side, message },
                None => break,
            },
        };
        let over = session.is_closed();
        session.handle(Moment::from_nanos(at), turn);
        while let Some(effect) = session.act() {
            assert!(!over, "something follows the end");
            match &effect {
                Effect::Ask { unit, .. } => asked.push(*unit),
                Effect::Withdraw { unit } => {
                    let place = asked.iter().position(|asked| asked == unit);
                    asked.remove(place.expect("what is withdrawn was asked"));
                }
                Effect::Examine { unit, .. } => examined.push(*unit),
                _ => {}
            }
            closes.take(&effect);
        }
        assert!(session.held_bytes() <= HELD_BYTES_MAX, "too much is held");
    }
});

/// Nothing follows a close towards a side, and nothing but the close goes to a side that left.
#[derive(Default)]
struct Closes {
    closed: BTreeSet<(Lane, Side)>,
    left: BTreeSet<(Lane, Side)>,
    held: BTreeMap<(Lane, Side), Vec<Message>>,
}

impl Closes {
    fn take(&mut self, effect: &Effect<Message>) {
        match effect {
            Effect::Append(Event { side, lane, kind: Kind::Stream(StreamEvent::Close), .. }) => {
                assert!(self.left.insert((*lane, *side)), "closed twice");
            }
            Effect::Send { to, message } => {
                let data = matches!(message, Message::Data { error: false, .. });
                assert!(
                    data || !self.held.contains_key(&(message.lane(), *to)),
                    "{message:?} goes before what is held"
                );
                self.sent(*to, message);
            }
            Effect::Hold { to, lane, message } => {
                assert_eq!(message.lane(), *lane);
                self.held.entry((*lane, *to)).or_default().push(message.clone());
            }
            Effect::Release { to, lane } => {
                let held = self.held.remove(&(*lane, *to)).expect("something is held");
                held.iter().for_each(|message| self.sent(*to, message));
            }
            Effect::Discard { to, lane } => {
                self.held.remove(&(*lane, *to)).expect("something is held");
            }
            Effect::Close(_) => assert!(self.held.is_empty(), "something is held for ever"),
            Effect::Append(_) | Effect::Ask { .. } | Effect::Withdraw { .. } | Effect::Examine { .. } => {}
        }
    }

    fn sent(&mut self, to: Side, message: &Message) {
        let place = (message.lane(), to);
        let close = matches!(message, Message::Close { .. });
        assert!(!self.closed.contains(&place), "{message:?} after the close");
        assert!(close || !self.left.contains(&place), "{message:?} to a side that left");
        if close || matches!(message, Message::Rejected { .. }) {
            self.closed.insert(place);
        }
    }
}
