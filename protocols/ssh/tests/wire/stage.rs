//! A session over the SSH wire, its guard, and what comes of what is said.

use std::sync::Arc;

use wiretape_core::{
    Action, Approvers, Effect, Event, Finding, Guard, Input, Judgement, Moment, Question, Reason, Session, Side, Unit,
    Verdict,
};
use wiretape_ssh::{Message, Options, SshWire};

use crate::packets::PacketTable;

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
                _ => {}
            }
        }
        Judgement::Ruled(Verdict::Allow)
    }
}

/// A session on the stage.
pub(crate) struct Stage {
    session: Session<SshWire>,
    asked: Vec<Unit>,
    examined: Vec<Unit>,
    turns: u64,
}

impl Stage {
    pub(crate) fn new(options: Options, rules: Rules) -> Self {
        let options = Options { nested: Box::new(PacketTable), ..options };
        let session = Session::new(SshWire::new(options), Box::new(rules));
        Self { session, asked: Vec::new(), examined: Vec::new(), turns: 0 }
    }

    /// Plays one turn, a millisecond after the one before.
    pub(crate) fn play(&mut self, turn: Turn) -> Vec<Effect<Message>> {
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
        let effects: Vec<Effect<Message>> = std::iter::from_fn(|| self.session.act()).collect();
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

    pub(crate) fn held_bytes(&self) -> usize {
        self.session.held_bytes()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.session.is_closed()
    }
}

/// The events among effects.
pub(crate) fn events(effects: &[Effect<Message>]) -> impl Iterator<Item = &Event> {
    effects.iter().filter_map(|effect| match effect {
        Effect::Append(event) => Some(event),
        _ => None,
    })
}
