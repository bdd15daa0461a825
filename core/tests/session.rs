//! The session line, driven by a wire that does as it is told.

use std::collections::VecDeque;
use std::sync::Arc;

use wiretape_core::event::{SessionEvent, StreamEvent};
use wiretape_core::judge::{ActionKind, AllowAll};
use wiretape_core::{
    Action, Approvers, Asking, Effect, Event, Examination, Examiner, Fault, Finding, Guard, Held, Input, Judgement,
    Kind, Lane, Moment, Question, Reason, Session, Side, Step, Unit, Verdict, Wire, limits,
};

const LANE: Lane = Lane(7);

/// What the scripted wire is told, one step or more each.
#[derive(Clone, Debug, PartialEq)]
enum Said {
    /// Recorded, then sent across.
    Pass(&'static str),
    /// Judged; sent across when allowed, answered with "no" when refused.
    Ask(&'static str),
    /// Passes, and then breaks the protocol.
    PassAndBreak(&'static str),
    /// Kept back for ever.
    Hold(usize),
    /// Recorded, then held for the target.
    Later(&'static str),
    /// What is held goes.
    Release,
    /// What is held never goes.
    Discard,
    /// What is held is examined; what that finds is passed to the client.
    Examine,
}

/// A wire without a protocol: it does what the messages say.
#[derive(Default)]
struct Scripted {
    steps: VecDeque<Step<Said>>,
    asked: VecDeque<(Unit, &'static str)>,
    examined: Vec<Unit>,
    serial: u64,
    held_bytes: usize,
}

fn data(at: Moment, side: Side, text: &'static str) -> Event {
    let kind = Kind::Stream(StreamEvent::Data { error: false, bytes: text.into() });
    Event { at, side, lane: LANE, kind }
}

/// Looks at nothing: the tests say what is found.
struct Blind;

impl Examination for Blind {
    fn action(&self) -> &'static str {
        "line.say"
    }

    fn examine(&self, _: &mut dyn Held, _: &mut dyn Asking) -> Finding {
        Finding(Arc::new(""))
    }
}

fn examiner() -> Examiner {
    thread_local!(static ONE: Examiner = Examiner(Arc::new(Blind)));
    ONE.with(Clone::clone)
}

impl Scripted {
    fn pass(&mut self, at: Moment, side: Side, text: &'static str) {
        self.steps.push_back(Step::Note(data(at, side, text)));
        self.steps.push_back(Step::Send { to: side.other(), message: Said::Pass(text) });
    }
}

impl Wire for Scripted {
    type Message = Said;

    fn feed(&mut self, side: Side, at: Moment, message: Said) -> Result<(), Fault> {
        match message {
            Said::Pass(text) => self.pass(at, side, text),
            Said::Ask(text) => {
                self.serial += 1;
                let unit = Unit { lane: LANE, serial: self.serial };
                let action = Action { lane: LANE, kind: ActionKind::Line { text: text.into() } };
                self.steps.push_back(Step::Judge { unit, action, event: data(at, side, text) });
                self.asked.push_back((unit, text));
            }
            Said::PassAndBreak(text) => {
                self.pass(at, side, text);
                return Err(Fault::new(side, "peace", "noise"));
            }
            Said::Hold(bytes) => self.held_bytes += bytes,
            Said::Later(text) => {
                self.steps.push_back(Step::Note(data(at, side, text)));
                self.steps.push_back(Step::Hold { to: Side::Upstream, lane: LANE, message: Said::Pass(text) });
            }
            Said::Release => self.steps.push_back(Step::Release { to: Side::Upstream, lane: LANE }),
            Said::Discard => self.steps.push_back(Step::Discard { to: Side::Upstream, lane: LANE }),
            Said::Examine => {
                self.serial += 1;
                let unit = Unit { lane: LANE, serial: self.serial };
                self.steps.push_back(Step::Examine { unit, examiner: examiner() });
                self.examined.push(unit);
            }
        }
        Ok(())
    }

    fn step(&mut self) -> Option<Step<Said>> {
        self.steps.pop_front()
    }

    fn rule(&mut self, _at: Moment, unit: Unit, verdict: Verdict) {
        let place = self.asked.iter().position(|(waiting, _)| *waiting == unit);
        let Some((_, text)) = place.and_then(|place| self.asked.remove(place)) else { return };
        self.steps.push_back(match verdict {
            Verdict::Allow => Step::Send { to: Side::Upstream, message: Said::Pass(text) },
            Verdict::Refuse(_) => Step::Send { to: Side::Client, message: Said::Pass("no") },
        });
    }

    fn found(&mut self, at: Moment, unit: Unit, finding: Finding) {
        if let Some(place) = self.examined.iter().position(|waiting| *waiting == unit) {
            self.examined.remove(place);
            self.pass(at, Side::Upstream, finding.0.downcast_ref::<&str>().copied().unwrap_or("?"));
        }
    }

    fn end(&mut self, side: Side, at: Moment) -> Result<(), Fault> {
        self.pass(at, side, "end");
        Ok(())
    }

    fn farewell(&mut self, at: Moment, _reason: &Reason) {
        // What still waits is said as questions: the session must record them and ask nobody.
        while let Some((unit, text)) = self.asked.pop_front() {
            let action = Action { lane: LANE, kind: ActionKind::Line { text: text.into() } };
            self.steps.push_back(Step::Judge { unit, action, event: data(at, Side::Client, text) });
        }
        // So is what would be examined.
        if let Some(unit) = self.examined.pop() {
            self.steps.push_back(Step::Examine { unit, examiner: examiner() });
        }
        self.steps.push_back(Step::Send { to: Side::Client, message: Said::Pass("bye") });
    }

    fn held_bytes(&self) -> usize {
        self.held_bytes
    }
}

/// Allows, refuses or asks by what the line says.
struct ByWord;

impl Guard for ByWord {
    fn judge(&mut self, _at: Moment, _unit: Unit, action: &Action) -> Judgement {
        match action.kind.resource().as_str() {
            "bad" => Judgement::Ruled(Verdict::Refuse(Reason::new("words", "a bad word"))),
            "risky" => {
                let approvers = vec![Approvers { group: "elders".to_owned(), count: 1 }];
                let (rule, text) = ("risk".to_owned(), String::new());
                Judgement::Ask(Question { action: action.clone(), approvers, rule, text })
            }
            _ => Judgement::Ruled(Verdict::Allow),
        }
    }
}

fn session() -> Session<Scripted> {
    Session::new(Scripted::default(), Box::new(ByWord))
}

fn at(nanos: u64) -> Moment {
    Moment::from_nanos(nanos)
}

fn say(session: &mut Session<Scripted>, nanos: u64, side: Side, message: Said) -> Vec<Effect<Said>> {
    handle(session, nanos, Input::Message { side, message })
}

fn handle(session: &mut Session<Scripted>, nanos: u64, input: Input<Said>) -> Vec<Effect<Said>> {
    session.handle(at(nanos), input);
    std::iter::from_fn(|| session.act()).collect()
}

fn answer(serial: u64, verdict: Verdict) -> Input<Said> {
    Input::Answer { unit: Unit { lane: LANE, serial }, verdict }
}

fn sent(to: Side, text: &'static str) -> Effect<Said> {
    Effect::Send { to, message: Said::Pass(text) }
}

fn decision(nanos: u64, resource: &str, rule: &str, verdict: Verdict) -> Effect<Said> {
    let decision = SessionEvent::Decision {
        action: "line.say".to_owned(),
        resource: resource.to_owned(),
        rule: rule.to_owned(),
        verdict,
        nanos: 0,
    };
    Effect::Append(Event { at: at(nanos), side: Side::Client, lane: LANE, kind: Kind::Session(decision) })
}

fn refusal() -> Verdict {
    Verdict::Refuse(Reason::new("elders", "not today"))
}

#[test]
fn what_passes_is_appended_before_it_is_sent() {
    let mut session = session();
    for (nanos, side) in [(5, Side::Client), (9, Side::Upstream)] {
        let effects = say(&mut session, nanos, side, Said::Pass("hello"));
        assert_eq!(effects, [Effect::Append(data(at(nanos), side, "hello")), sent(side.other(), "hello")]);
    }
}

#[test]
fn what_the_guard_allows_is_appended_and_then_sent_without_a_decision() {
    let effects = say(&mut session(), 5, Side::Client, Said::Ask("good"));
    assert_eq!(effects, [Effect::Append(data(at(5), Side::Client, "good")), sent(Side::Upstream, "good")]);
}

#[test]
fn what_the_guard_refuses_is_on_the_record_and_never_sent() {
    let mut session = session();
    let effects = say(&mut session, 5, Side::Client, Said::Ask("bad"));
    let verdict = Verdict::Refuse(Reason::new("words", "a bad word"));
    assert_eq!(
        effects,
        [
            Effect::Append(data(at(5), Side::Client, "bad")),
            decision(5, "bad", "words", verdict),
            sent(Side::Client, "no"),
        ]
    );
    assert!(!session.is_closed(), "a refusal is of one thing, not of the session");
}

#[test]
fn a_question_is_asked_after_the_record_and_nothing_is_sent_until_its_answer() {
    let mut session = session();
    let effects = say(&mut session, 5, Side::Client, Said::Ask("risky"));
    let [Effect::Append(event), Effect::Ask { unit, question }] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    assert_eq!(*event, data(at(5), Side::Client, "risky"));
    assert_eq!((unit.lane, question.approvers[0].group.as_str(), question.rule.as_str()), (LANE, "elders", "risk"));
    assert_eq!(session.questions(), 1);

    let effects = handle(&mut session, 8, answer(1, Verdict::Allow));
    assert_eq!(effects, [decision(8, "risky", "risk", Verdict::Allow), sent(Side::Upstream, "risky")]);
    assert_eq!(session.questions(), 0);
}

#[test]
fn a_refusing_answer_is_on_the_record_and_the_client_is_told() {
    let mut session = session();
    say(&mut session, 5, Side::Client, Said::Ask("risky"));
    let effects = handle(&mut session, 8, answer(1, refusal()));
    assert_eq!(effects, [decision(8, "risky", "risk", refusal()), sent(Side::Client, "no")]);
}

#[test]
fn the_second_answer_to_a_question_decides_nothing() {
    let mut session = session();
    say(&mut session, 5, Side::Client, Said::Ask("risky"));
    handle(&mut session, 8, answer(1, refusal()));
    assert_eq!(handle(&mut session, 9, answer(1, Verdict::Allow)), []);
    assert_eq!(session.questions(), 0);
}

#[test]
fn an_answer_that_nobody_asked_for_decides_nothing() {
    let mut session = session();
    say(&mut session, 5, Side::Client, Said::Ask("risky"));
    assert_eq!(handle(&mut session, 8, answer(2, Verdict::Allow)), []);
    let elsewhere = Input::Answer { unit: Unit { lane: Lane(8), serial: 1 }, verdict: Verdict::Allow };
    assert_eq!(handle(&mut session, 8, elsewhere), []);
    assert_eq!(session.questions(), 1, "the real question still waits");
}

#[test]
fn an_answer_to_what_the_guard_decided_itself_changes_nothing() {
    let mut session = session();
    say(&mut session, 5, Side::Client, Said::Ask("bad"));
    assert_eq!(handle(&mut session, 8, answer(1, Verdict::Allow)), []);
}

#[test]
fn each_of_two_questions_gets_its_own_answer() {
    let mut session = session();
    say(&mut session, 5, Side::Client, Said::Ask("risky"));
    say(&mut session, 6, Side::Client, Said::Ask("risky"));
    assert_eq!(session.questions(), 2);
    let effects = handle(&mut session, 8, answer(2, Verdict::Allow));
    assert_eq!(effects, [decision(8, "risky", "risk", Verdict::Allow), sent(Side::Upstream, "risky")]);
    let effects = handle(&mut session, 9, answer(1, refusal()));
    assert_eq!(effects, [decision(9, "risky", "risk", refusal()), sent(Side::Client, "no")]);
}

#[test]
fn a_fault_is_on_the_record_after_what_passed_before_it_and_closes_the_session() {
    let mut session = session();
    let effects = say(&mut session, 5, Side::Upstream, Said::PassAndBreak("last"));
    let reason = Reason::new("protocol", "the upstream broke the protocol: expected peace, got noise");
    let fault = SessionEvent::Fault { by: Side::Upstream, expected: "peace".to_owned(), got: "noise".to_owned() };
    assert_eq!(
        effects,
        [
            Effect::Append(data(at(5), Side::Upstream, "last")),
            sent(Side::Client, "last"),
            Effect::Append(Event {
                at: at(5),
                side: Side::Upstream,
                lane: Lane::CONNECTION,
                kind: Kind::Session(fault)
            }),
            sent(Side::Client, "bye"),
            Effect::Close(reason),
        ]
    );
    assert!(session.is_closed());
}

#[test]
fn closing_tells_the_client_and_is_the_last_effect() {
    let mut session = session();
    let reason = Reason::new("admin", "time is up");
    let effects = handle(&mut session, 5, Input::Close { reason: reason.clone() });
    assert_eq!(effects, [sent(Side::Client, "bye"), Effect::Close(reason.clone())]);
    for input in [
        Input::Message { side: Side::Client, message: Said::Pass("late") },
        Input::End { side: Side::Client },
        Input::Close { reason },
    ] {
        assert_eq!(handle(&mut session, 6, input), [], "a closed session takes nothing in");
    }
}

#[test]
fn a_question_that_the_close_overtook_is_recorded_never_passed_and_cannot_be_answered() {
    let mut session = session();
    say(&mut session, 5, Side::Client, Said::Ask("risky"));
    let reason = Reason::new("admin", "time is up");
    let effects = handle(&mut session, 6, Input::Close { reason: reason.clone() });
    assert_eq!(
        effects,
        [Effect::Append(data(at(6), Side::Client, "risky")), sent(Side::Client, "bye"), Effect::Close(reason)]
    );
    assert_eq!(session.questions(), 0);
    assert_eq!(handle(&mut session, 7, answer(1, Verdict::Allow)), []);
}

#[test]
fn the_end_of_a_side_goes_through_the_wire() {
    let effects = handle(&mut session(), 5, Input::End { side: Side::Client });
    assert_eq!(effects, [Effect::Append(data(at(5), Side::Client, "end")), sent(Side::Upstream, "end")]);
}

#[test]
fn a_wire_that_holds_back_too_much_is_closed_and_not_before() {
    let mut session = session();
    let most = limits::HELD_BYTES_MAX * 2;
    assert_eq!(say(&mut session, 5, Side::Client, Said::Hold(most)), []);
    assert_eq!(session.held_bytes(), most);
    assert!(!session.is_closed());
    let effects = say(&mut session, 6, Side::Client, Said::Hold(1));
    assert!(matches!(effects.last(), Some(Effect::Close(reason)) if reason.rule == "limits"), "{effects:?}");
    assert!(session.is_closed());
}

#[test]
fn effects_keep_the_order_of_what_came_in() {
    let mut session = session();
    session.handle(at(1), Input::Message { side: Side::Client, message: Said::Pass("one") });
    session.handle(at(2), Input::Message { side: Side::Upstream, message: Said::Pass("two") });
    session.handle(at(3), Input::Message { side: Side::Client, message: Said::Ask("three") });
    let effects: Vec<_> = std::iter::from_fn(|| session.act()).collect();
    assert_eq!(
        effects,
        [
            Effect::Append(data(at(1), Side::Client, "one")),
            sent(Side::Upstream, "one"),
            Effect::Append(data(at(2), Side::Upstream, "two")),
            sent(Side::Client, "two"),
            Effect::Append(data(at(3), Side::Client, "three")),
            sent(Side::Upstream, "three"),
        ]
    );
}

fn held(text: &'static str) -> Effect<Said> {
    Effect::Hold { to: Side::Upstream, lane: LANE, message: Said::Pass(text) }
}

fn found(serial: u64, text: &'static str) -> Input<Said> {
    Input::Found { unit: Unit { lane: LANE, serial }, finding: Finding(Arc::new(text)) }
}

#[test]
fn what_is_held_is_appended_first_and_goes_or_never_does_in_its_place() {
    let mut session = session();
    let effects = say(&mut session, 5, Side::Client, Said::Later("one"));
    assert_eq!(effects, [Effect::Append(data(at(5), Side::Client, "one")), held("one")]);
    assert_eq!(session.held_bytes(), 0, "what is held for later is not held back by the wire");
    session.handle(at(6), Input::Message { side: Side::Client, message: Said::Release });
    session.handle(at(6), Input::Message { side: Side::Client, message: Said::Pass("two") });
    session.handle(at(7), Input::Message { side: Side::Client, message: Said::Later("three") });
    let effects = say(&mut session, 8, Side::Client, Said::Discard);
    assert_eq!(
        effects,
        [
            Effect::Release { to: Side::Upstream, lane: LANE },
            Effect::Append(data(at(6), Side::Client, "two")),
            sent(Side::Upstream, "two"),
            Effect::Append(data(at(7), Side::Client, "three")),
            held("three"),
            Effect::Discard { to: Side::Upstream, lane: LANE },
        ]
    );
}

#[test]
fn an_examination_is_run_beside_the_session_and_the_wire_hears_what_it_found() {
    let mut session = session();
    let effects = say(&mut session, 5, Side::Client, Said::Examine);
    let unit = Unit { lane: LANE, serial: 1 };
    assert_eq!(effects, [Effect::Examine { unit, examiner: examiner(), ahead: false }]);
    assert_eq!(session.questions(), 0, "nobody is asked");
    // The session goes on meanwhile.
    assert_eq!(say(&mut session, 6, Side::Client, Said::Pass("on")).len(), 2);
    let effects = handle(&mut session, 7, found(1, "good"));
    assert_eq!(effects, [Effect::Append(data(at(7), Side::Upstream, "good")), sent(Side::Client, "good")]);
}

#[test]
fn what_no_rule_looks_into_may_go_ahead_of_its_judgement() {
    let mut session = Session::new(Scripted::default(), Box::new(AllowAll));
    let effects = say(&mut session, 5, Side::Client, Said::Examine);
    let unit = Unit { lane: LANE, serial: 1 };
    assert_eq!(effects, [Effect::Examine { unit, examiner: examiner(), ahead: true }]);
}

#[test]
fn a_finding_that_nobody_asked_for_or_that_comes_twice_changes_nothing() {
    let mut session = session();
    say(&mut session, 5, Side::Client, Said::Examine);
    assert_eq!(handle(&mut session, 6, found(7, "made up")), []);
    assert_eq!(handle(&mut session, 7, found(1, "good")).len(), 2);
    assert_eq!(handle(&mut session, 8, found(1, "bad")), []);
    // An answer is no finding, and the other way round.
    say(&mut session, 9, Side::Client, Said::Ask("risky"));
    say(&mut session, 10, Side::Client, Said::Examine);
    assert_eq!(handle(&mut session, 11, found(2, "good")), []);
    assert_eq!(handle(&mut session, 12, answer(3, Verdict::Allow)), []);
    assert_eq!(session.questions(), 1);
}

#[test]
fn a_session_that_closes_examines_nothing_more_and_releases_nothing() {
    let mut session = session();
    say(&mut session, 5, Side::Client, Said::Later("one"));
    say(&mut session, 6, Side::Client, Said::Examine);
    let reason = Reason::new("admin", "time is up");
    let effects = handle(&mut session, 7, Input::Close { reason: reason.clone() });
    assert_eq!(effects, [sent(Side::Client, "bye"), Effect::Close(reason)]);
    assert_eq!(handle(&mut session, 8, found(1, "good")), [], "a closed session takes nothing in");
}
