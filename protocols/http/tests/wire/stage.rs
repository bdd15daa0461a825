//! A session over exchanges, its guard, and what comes of what is said.

use std::sync::Arc;

use bytes::Bytes;
use wiretape_core::{
    Action, Approvers, ByteWire, Carrier, Effect, Event, Finding, Guard, Input, Judgement, Lane, Moment, NestedWires,
    Question, Reason, Session, Side, Unit, Verdict,
};
use wiretape_http::{HttpWire, Message, Part};
use wiretape_line::LineWire;
use wiretape_websocket::WebSocketWire;

use crate::parcels::parcels;

/// Something that happens to a session.
#[derive(Clone, Debug)]
pub(crate) enum Turn {
    Say(Side, Message),
    End(Side),
    /// The oldest question that stands is answered.
    Answer(Verdict),
    /// People are asked about the newest question that stands.
    Waiting(String),
    /// The oldest examination is over, and found this.
    Found(String),
    Close(Reason),
}

/// What to say of actions whose name or resource holds a word; the rest is allowed.
#[derive(Clone, Debug)]
pub(crate) enum Rule {
    Refuse { word: String, rule: String, text: String },
    Ask { word: String, rule: String, group: String },
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Rules(pub(crate) Vec<Rule>);

impl Guard for Rules {
    fn judge(&mut self, _at: Moment, _unit: Unit, action: &Action) -> Judgement {
        let said = format!("{} {}", action.kind.name(), action.kind.resource());
        for rule in &self.0 {
            match rule {
                Rule::Refuse { word, rule, text } if said.contains(word.as_str()) => {
                    return Judgement::Ruled(Verdict::Refuse(Reason::new(rule, text)));
                }
                Rule::Ask { word, rule, group } if said.contains(word.as_str()) => {
                    let approvers = vec![Approvers { group: group.clone(), count: 1 }];
                    let (rule, text) = (rule.clone(), String::new());
                    return Judgement::Ask(Question { action: action.clone(), approvers, rule, text });
                }
                Rule::Refuse { .. } | Rule::Ask { .. } => {}
            }
        }
        Judgement::Ruled(Verdict::Allow)
    }
}

/// WebSocket, which asks nothing, lines, which are judged, and parcels, which are content.
struct Protocols;

impl NestedWires for Protocols {
    fn wire(&self, lane: Lane, carrier: &Carrier) -> Option<ByteWire> {
        match carrier {
            Carrier::Upgrade { protocol } if protocol == "websocket" => Some(Box::new(WebSocketWire::new(lane))),
            Carrier::Upgrade { protocol } if protocol == "line" => Some(Box::new(LineWire::new(lane))),
            Carrier::Content(content) => parcels(lane, &content.path),
            _ => None,
        }
    }

    fn reads_content(&self, _: &[u8], path: &[u8], _: &[u8]) -> bool {
        path.split(|octet| *octet == b'?').next().is_some_and(|path| path.ends_with(b"/parcels"))
    }
}

/// A session on the stage.
pub(crate) struct Stage {
    session: Session<HttpWire>,
    asked: Vec<Unit>,
    examined: Vec<Unit>,
    turns: u64,
}

impl Stage {
    pub(crate) fn new(rules: Rules) -> Self {
        let wire = HttpWire::new("7Q".to_owned(), Box::new(Protocols));
        Self { session: Session::new(wire, Box::new(rules)), asked: Vec::new(), examined: Vec::new(), turns: 0 }
    }

    /// Plays one turn, a millisecond after the one before.
    pub(crate) fn play(&mut self, turn: Turn) -> Effects {
        self.turns += 1;
        let input = match turn {
            Turn::Say(side, message) => Input::Message { side, message },
            Turn::End(side) => Input::End { side },
            Turn::Answer(_) if self.asked.is_empty() => return Vec::new(),
            Turn::Answer(verdict) => Input::Answer { unit: self.asked.remove(0), verdict },
            Turn::Waiting(text) => match self.asked.last() {
                Some(unit) => Input::Waiting { unit: *unit, text },
                None => return Vec::new(),
            },
            Turn::Found(_) if self.examined.is_empty() => return Vec::new(),
            Turn::Found(text) => Input::Found { unit: self.examined.remove(0), finding: Finding(Arc::new(text)) },
            Turn::Close(reason) => Input::Close { reason },
        };
        self.session.handle(Moment::from_nanos(self.turns * 1_000_000), input);
        let effects: Effects = std::iter::from_fn(|| self.session.act()).collect();
        for effect in &effects {
            match effect {
                Effect::Ask { unit, .. } => self.asked.push(*unit),
                Effect::Withdraw { unit } => self.asked.retain(|asked| asked != unit),
                Effect::Examine { unit, .. } => self.examined.push(*unit),
                _ => {}
            }
        }
        effects
    }

    pub(crate) fn say(&mut self, side: Side, lane: u32, part: Part) -> Effects {
        self.play(Turn::Say(side, Message { lane: Lane(lane), part }))
    }

    pub(crate) fn body(&mut self, side: Side, lane: u32, bytes: impl Into<Bytes>) -> Effects {
        self.say(side, lane, Part::Body(bytes.into()))
    }

    /// The lanes on which a question stands, oldest first.
    pub(crate) fn asked(&self) -> impl Iterator<Item = Lane> {
        self.asked.iter().map(|unit| unit.lane)
    }

    pub(crate) fn held_bytes(&self) -> usize {
        self.session.held_bytes()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.session.is_closed()
    }
}

pub(crate) type Effects = Vec<Effect<Message>>;

/// The events among effects.
pub(crate) fn events(effects: &[Effect<Message>]) -> impl Iterator<Item = &Event> {
    effects.iter().filter_map(|effect| match effect {
        Effect::Append(event) => Some(event),
        _ => None,
    })
}

/// What is sent to a side.
pub(crate) fn sent(effects: &[Effect<Message>], to: Side) -> impl Iterator<Item = &Message> {
    effects.iter().filter_map(move |effect| match effect {
        Effect::Send { to: side, message } if *side == to => Some(message),
        _ => None,
    })
}
