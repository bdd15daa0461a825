//! A small wire that reads content: each octet of a request is something to do.
//!
//! `h` is held, `r` releases what is held, `d` discards it, `a` is judged (and released or discarded), `e` has what is
//! held examined (and released or discarded), `t` tells the client something, `b` breaks the protocol; any other passes.
//! What the target answers passes with `+` before it.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use wiretape_core::event::GitEvent;
use wiretape_core::judge::ActionKind;
use wiretape_core::{
    Action, Asking, ByteWire, Event, Examination, Examiner, Fault, Finding, Held, Kind, Lane, Moment, Reason, Side,
    Step, Unit, Verdict, Wire,
};

/// The wire for a path that it is made for.
pub(crate) fn parcels(lane: Lane, path: &[u8]) -> Option<ByteWire> {
    let path = std::str::from_utf8(path).ok()?;
    let (path, asks) = match path.split_once('?') {
        Some((path, query)) => (path, query.contains("ask")),
        None => (path, false),
    };
    let style = match path {
        "/parcels" => Style::Talks,
        "/mute/parcels" => Style::Mute,
        "/watched/parcels" => Style::Watches,
        _ => return None,
    };
    Some(Box::new(Parcels { lane, style, asks, ..Parcels::default() }))
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Style {
    #[default]
    Talks,
    /// Takes its leave without a word.
    Mute,
    /// Is no record, and changes nothing.
    Watches,
}

#[derive(Default)]
struct Parcels {
    lane: Lane,
    style: Style,
    /// Whether the end of the request is judged.
    asks: bool,
    serial: u64,
    judged: Option<u64>,
    examined: Option<u64>,
    waiting: VecDeque<u8>,
    ended: bool,
    answered: bool,
    steps: VecDeque<Step<Bytes>>,
}

/// What nobody looks at: the tests say what was found.
struct Glance;

impl Examination for Glance {
    fn action(&self) -> &'static str {
        "git.push"
    }

    fn examine(&self, _: &mut dyn Held, _: &mut dyn Asking) -> Finding {
        Finding(Arc::new(String::new()))
    }
}

impl Parcels {
    fn note(&mut self, at: Moment, side: Side, bytes: Bytes) {
        let kind = Kind::Git(GitEvent::Data { bytes });
        self.steps.push_back(Step::Note(Event { at, side, lane: self.lane, kind }));
    }

    fn unit(&mut self) -> Unit {
        self.serial += 1;
        Unit { lane: Lane(77), serial: self.serial }
    }

    fn ask(&mut self, at: Moment) {
        let unit = self.unit();
        let kind = Kind::Git(GitEvent::Progress { bytes: "judged".into() });
        self.steps.push_back(Step::Judge {
            unit,
            action: Action { lane: Lane(77), kind: ActionKind::Line { text: "a risky parcel".into() } },
            event: Event { at, side: Side::Client, lane: Lane(77), kind },
        });
        self.judged = Some(unit.serial);
    }

    fn tell(&mut self, at: Moment, text: &str) {
        let bytes = Bytes::copy_from_slice(text.as_bytes());
        self.note(at, Side::Client, bytes.clone());
        self.steps.push_back(Step::Send { to: Side::Client, message: bytes });
    }

    fn advance(&mut self, at: Moment) -> Result<(), Fault> {
        let (to, lane) = (Side::Upstream, self.lane);
        while self.judged.is_none()
            && let Some(octet) = self.waiting.pop_front()
        {
            let message = Bytes::copy_from_slice(&[octet]);
            match octet {
                b'h' => self.steps.push_back(Step::Hold { to, lane, message }),
                b'r' => self.steps.push_back(Step::Release { to, lane }),
                b'd' => self.steps.push_back(Step::Discard { to, lane }),
                b'a' => self.ask(at),
                b'e' if self.examined.is_none() => {
                    let unit = self.unit();
                    self.examined = Some(unit.serial);
                    self.steps.push_back(Step::Examine { unit, examiner: Examiner(Arc::new(Glance)) });
                }
                b't' => self.tell(at, "told"),
                b'b' => return Err(Fault::new(Side::Client, "peace", "noise")),
                _ => self.steps.push_back(Step::Send { to, message }),
            }
        }
        if self.ended && self.judged.is_none() && std::mem::take(&mut self.asks) {
            self.ask(at);
        }
        Ok(())
    }

    fn decide(&mut self, at: Moment, refusal: Option<&str>) {
        let (to, lane) = (Side::Upstream, self.lane);
        match refusal {
            None => self.steps.push_back(Step::Release { to, lane }),
            Some(text) => {
                self.steps.push_back(Step::Discard { to, lane });
                // The target is told that it is over, where it heard anything.
                self.note(at, to, ".".into());
                self.steps.push_back(Step::Send { to, message: ".".into() });
                self.tell(at, text);
            }
        }
    }
}

impl Wire for Parcels {
    type Message = Bytes;

    fn feed(&mut self, side: Side, at: Moment, message: Bytes) -> Result<(), Fault> {
        if self.style == Style::Watches {
            self.steps.push_back(Step::Send { to: side.other(), message });
            return Ok(());
        }
        self.note(at, side, message.clone());
        if side == Side::Upstream {
            if !std::mem::replace(&mut self.answered, true) {
                self.note(at, side, "+".into());
                self.steps.push_back(Step::Send { to: Side::Client, message: "+".into() });
            }
            self.steps.push_back(Step::Send { to: Side::Client, message });
            return Ok(());
        }
        self.waiting.extend(&message);
        self.advance(at)
    }

    fn step(&mut self) -> Option<Step<Bytes>> {
        self.steps.pop_front()
    }

    fn rule(&mut self, at: Moment, unit: Unit, verdict: Verdict) {
        if self.judged.take_if(|serial| *serial == unit.serial).is_some() {
            match verdict {
                Verdict::Allow => self.decide(at, None),
                Verdict::Refuse(reason) => self.decide(at, Some(&reason.text)),
            }
            let _ = self.advance(at);
        }
    }

    fn found(&mut self, at: Moment, unit: Unit, finding: Finding) {
        if self.examined.take_if(|serial| *serial == unit.serial).is_some() {
            let text = finding.0.downcast_ref::<String>().expect("what the test found");
            self.decide(at, Some(text.as_str()).filter(|text| *text != "good"));
        }
    }

    fn end(&mut self, side: Side, at: Moment) -> Result<(), Fault> {
        if side == Side::Client {
            self.ended = true;
            self.advance(at)?;
        }
        Ok(())
    }

    fn farewell(&mut self, at: Moment, reason: &Reason) {
        if self.style == Style::Talks {
            self.tell(at, &reason.text);
        }
    }

    fn held_bytes(&self) -> usize {
        self.waiting.len()
    }

    fn is_record(&self) -> bool {
        self.style != Style::Watches
    }
}
