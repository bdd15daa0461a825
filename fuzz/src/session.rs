//! The session line, with a guard that decides by chance and a gateway that answers out of turn.

use bytes::Bytes;
use wiretape_core::judge::ActionKind;
use wiretape_core::{
    Action, Approvers, Effect, Guard, Input, Judgement, Moment, Question, Reason, Session, Side, Unit, Verdict,
};
use wiretape_line::LineWire;

use crate::stage::Turn;
use crate::{LANE, stage};

/// What the guard says of a line, by its first byte.
fn judgement(text: &[u8]) -> u8 {
    text.first().map_or(0, |byte| byte % 3)
}

struct ByFirstByte;

impl Guard for ByFirstByte {
    fn judge(&mut self, _at: Moment, _unit: Unit, action: &Action) -> Judgement {
        let ActionKind::Line { text } = &action.kind else { panic!("a line wire asks about {action:?}") };
        match judgement(text) {
            0 => Judgement::Ruled(Verdict::Allow),
            1 => Judgement::Ruled(Verdict::Refuse(Reason::new("policy", "no\nsuch\nthing"))),
            _ => {
                let approvers = vec![Approvers { group: "elders".to_owned(), count: 1 }];
                let (rule, text) = ("risk".to_owned(), String::new());
                Judgement::Ask(Question { action: action.clone(), approvers, rule, text })
            }
        }
    }
}

/// What is known from outside: which lines may have passed, and which line waits.
#[derive(Default)]
struct Observer {
    allowed: Vec<u8>,
    passed: Vec<u8>,
    waiting: Option<(Unit, Vec<u8>)>,
    closed: bool,
}

impl Observer {
    fn see(&mut self, effect: Effect<Bytes>, lines: &mut impl Iterator<Item = Vec<u8>>, closing: bool) {
        assert!(!self.closed, "something follows the close");
        match effect {
            Effect::Append(_) => {}
            Effect::Ask { unit, question } => {
                assert!(self.waiting.is_none(), "a second question on a lane that waits");
                let line = self.skip_to_question(lines);
                assert_eq!(question.action.lane, LANE);
                self.waiting = Some((unit, line));
            }
            Effect::Send { to, message } => {
                let told = to == Side::Client && message.starts_with(b"waiting: ");
                assert!(self.waiting.is_none() || closing || told, "something leaves while a question stands");
                if to == Side::Upstream {
                    self.passed.extend_from_slice(&message);
                }
            }
            Effect::Close(_) => self.closed = true,
            other => panic!("{other:?}"),
        }
    }

    /// The line that is asked about: the first of its kind that no question was about; those before it are decided.
    fn skip_to_question(&mut self, lines: &mut impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
        for line in lines {
            match judgement_of(&line) {
                0 => self.allowed.extend(line),
                1 => {}
                _ => return line,
            }
        }
        panic!("a question about nothing that was said");
    }
}

fn judgement_of(line: &[u8]) -> u8 {
    let text = line.strip_suffix(b"\n").unwrap_or(line);
    judgement(text.strip_suffix(b"\r").unwrap_or(text))
}

/// A session over the line wire. The first byte is not used.
pub fn session_line(input: &[u8]) {
    let [_, conversation @ ..] = input else { return };
    let turns = stage::turns(conversation);
    let mut session = Session::new(LineWire::new(LANE), Box::new(ByFirstByte));
    let mut observer = Observer::default();
    let said: Vec<u8> = turns.iter().filter_map(client_says).flatten().copied().collect();
    let mut lines = said.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec);
    for (number, turn) in turns.iter().enumerate() {
        let at = Moment::from_nanos(number as u64);
        let answers = match turn {
            Turn::Answer(verdict) => answers(&mut observer, verdict),
            Turn::Say(side, message) => vec![Input::Message { side: *side, message: message.clone() }],
            Turn::End(side) => vec![Input::End { side: *side }],
            Turn::Waiting(text) => waiting(&observer, text),
            Turn::Close(reason) => vec![Input::Close { reason: reason.clone() }],
        };
        for input in answers {
            session.handle(at, input);
            let closing = session.is_closed();
            while let Some(effect) = session.act() {
                observer.see(effect, &mut lines, closing);
            }
            assert_eq!(observer.closed, session.is_closed());
            assert_eq!(session.questions(), usize::from(observer.waiting.is_some() && !observer.closed));
        }
    }
    // Lines behind the last question may have been allowed as well: what passed can be longer than what is known.
    for line in lines.filter(|line| line.ends_with(b"\n") && judgement_of(line) == 0) {
        observer.allowed.extend(line);
    }
    assert!(observer.allowed.starts_with(&observer.passed), "a line passed that nobody allowed");
}

/// Word that people are asked, of the question that waits and of one that does not.
fn waiting(observer: &Observer, text: &str) -> Vec<Input<Bytes>> {
    let nobody = Unit { lane: LANE, serial: u64::MAX };
    let units = observer.waiting.iter().map(|(unit, _)| *unit).chain([nobody]);
    units.map(|unit| Input::Waiting { unit, text: text.to_owned() }).collect()
}

/// The answer to the question that waits, among answers to questions that do not.
fn answers(observer: &mut Observer, verdict: &Verdict) -> Vec<Input<Bytes>> {
    let answer = |unit, verdict: &Verdict| Input::Answer { unit, verdict: verdict.clone() };
    let Some((unit, line)) = observer.waiting.take() else {
        return vec![answer(Unit { lane: LANE, serial: 1 }, &Verdict::Allow)];
    };
    if *verdict == Verdict::Allow {
        observer.allowed.extend(line);
    }
    // The second answer always allows: it must not.
    vec![answer(unit, verdict), answer(unit, &Verdict::Allow)]
}

fn client_says(turn: &Turn) -> Option<&Bytes> {
    match turn {
        Turn::Say(Side::Client, said) => Some(said),
        _ => None,
    }
}
