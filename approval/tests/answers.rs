//! Who may answer, and how a question ends.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test fails where it cannot go on")]

use wiretape_approval::{Answerer, Approvals, Asking, Principal, Rejected, Settings, State, TooMany, limits};
use wiretape_core::event::{PrincipalKind, Scope};
use wiretape_core::{Approvers, Lane, SessionId, Unit, Verdict};

const NOW: u64 = 1_800_000_000_000_000_000;
const MINUTE: u64 = 60_000_000_000;

fn person(name: &str) -> Principal {
    Principal { name: name.to_owned(), ..Principal::default() }
}

fn of(principal: Principal, groups: &[&str]) -> Answerer {
    Answerer { principal, groups: groups.iter().map(|group| (*group).to_owned()).collect(), login: String::new() }
}

fn session(number: u8) -> SessionId {
    SessionId::from_bytes([number; 16])
}

fn unit(serial: u64) -> Unit {
    Unit { lane: Lane(1), serial }
}

fn asking(requester: Principal, approvers: &[(&str, u32)]) -> Asking {
    Asking {
        session: session(1),
        unit: unit(1),
        requester,
        target: "orders".to_owned(),
        action: "pg.query".to_owned(),
        resource: "delete from orders".to_owned(),
        detail: "delete from orders".to_owned(),
        rule: "no-where".to_owned(),
        approvers: approvers
            .iter()
            .map(|(group, count)| Approvers { group: (*group).to_owned(), count: *count })
            .collect(),
        text: "everything would go".to_owned(),
        expires_unix_nanos: NOW + 15 * MINUTE,
    }
}

fn asked(approvers: &[(&str, u32)]) -> (Approvals, String) {
    let mut approvals = Approvals::default();
    let id = approvals.ask(NOW, asking(person("ana"), approvers), *b"question").expect("there is room");
    (approvals, id)
}

fn approve(approvals: &mut Approvals, id: &str, answerer: &Answerer) -> Result<Option<State>, Rejected> {
    approve_for(approvals, id, answerer, Scope::Once)
}

fn approve_for(
    approvals: &mut Approvals,
    id: &str,
    answerer: &Answerer,
    scope: Scope,
) -> Result<Option<State>, Rejected> {
    let settled = approvals.answer(NOW + MINUTE, id, answerer, true, String::new(), scope)?;
    Ok(settled.map(|settled| settled.state))
}

#[test]
fn a_member_of_the_group_approves() {
    let (mut approvals, id) = asked(&[("leads", 1)]);
    let ben = of(person("ben"), &["dev", "leads"]);
    let settled = approvals.answer(NOW + MINUTE, &id, &ben, true, "go".to_owned(), Scope::Once).unwrap().unwrap();
    assert_eq!(settled.verdict, Verdict::Allow);
    assert_eq!((settled.session, settled.unit, settled.state), (session(1), unit(1), State::Approved));
    assert_eq!((settled.by.as_slice(), settled.nanos), (["ben".to_owned()].as_slice(), MINUTE));
    let event = settled.event();
    assert_eq!((event.question, event.by, event.nanos), (id.clone(), vec!["ben".to_owned()], MINUTE));
    let kept = approvals.get(&id).expect("what ended is kept");
    assert_eq!((kept.state, kept.answers[0].why.as_str()), (State::Approved, "go"));
    assert!(approvals.open().is_empty());
    assert_eq!(approve(&mut approvals, &id, &ben), Err(Rejected::Over(State::Approved)));
}

#[test]
fn who_is_in_no_group_that_was_asked_answers_nothing() {
    let (mut approvals, id) = asked(&[("leads", 1), ("security", 2)]);
    let eve = of(person("eve"), &["dev", "Leads", "leads "]);
    let entitled = vec!["leads".to_owned(), "security".to_owned()];
    assert_eq!(approve(&mut approvals, &id, &eve), Err(Rejected::NotEntitled(entitled.clone())));
    let refusal = approvals.answer(NOW, &id, &eve, false, String::new(), Scope::Once);
    assert_eq!(refusal, Err(Rejected::NotEntitled(entitled)));
    assert_eq!(approvals.get(&id).unwrap().answers, []);
}

#[test]
fn a_question_for_nobody_is_approved_by_nobody() {
    let (mut approvals, id) = asked(&[]);
    assert_eq!(approve(&mut approvals, &id, &of(person("ben"), &["leads"])), Err(Rejected::NotEntitled(Vec::new())));
    assert_eq!(approvals.expire(NOW + 15 * MINUTE)[0].state, State::Expired);
}

/// Requester, who answers.
fn one_human_being() -> Vec<(Principal, Principal)> {
    let agent = |owner: &str| Principal {
        name: "coder".to_owned(),
        kind: PrincipalKind::Agent,
        issuer: "https://id".to_owned(),
        subject: "agent-7".to_owned(),
        on_behalf_of: owner.to_owned(),
    };
    let with = |name: &str, issuer: &str, subject: &str| Principal {
        issuer: issuer.to_owned(),
        subject: subject.to_owned(),
        ..person(name)
    };
    vec![
        (person("ana"), person("ana")),
        (person("ana"), person("ANA")),
        (person("ana"), with("ana", "https://id", "1")),
        (with("ana", "https://id", "1"), with("ana@example.com", "https://id", "1")),
        (agent("ana"), person("ana")),
        (agent("1"), with("ana", "https://id", "1")),
        (person("ana"), agent("ana")),
        (agent("ana"), Principal { name: "other".to_owned(), subject: "agent-8".to_owned(), ..agent("ana") }),
    ]
}

#[test]
fn nobody_answers_their_own_question_by_any_name() {
    for (requester, answerer) in one_human_being() {
        let mut approvals = Approvals::default();
        let id = approvals.ask(NOW, asking(requester.clone(), &[("leads", 1)]), [0; 8]).unwrap();
        let answerer = of(answerer, &["leads"]);
        let outcome = approve(&mut approvals, &id, &answerer);
        assert_eq!(outcome, Err(Rejected::OwnQuestion), "{requester:?} {answerer:?}");
        let refusal = approvals.answer(NOW, &id, &answerer, false, String::new(), Scope::Once);
        assert_eq!(refusal, Err(Rejected::OwnQuestion), "{requester:?} {answerer:?}");
    }
}

#[test]
fn one_human_being_counts_once_by_any_name() {
    for (first, second) in one_human_being() {
        let mut approvals = Approvals::default();
        let id = approvals.ask(NOW, asking(person("zoe"), &[("leads", 2)]), [0; 8]).unwrap();
        assert_eq!(approve(&mut approvals, &id, &of(first, &["leads"])), Ok(None));
        let again = approve(&mut approvals, &id, &of(second.clone(), &["leads"]));
        assert_eq!(again, Err(Rejected::AlreadyAnswered), "{second:?}");
        assert_eq!(approve(&mut approvals, &id, &of(person("ben"), &["leads"])), Ok(Some(State::Approved)));
    }
}

#[test]
fn people_of_two_issuers_with_one_subject_are_two() {
    let of_issuer =
        |name: &str, issuer: &str| Principal { issuer: issuer.to_owned(), subject: "1".to_owned(), ..person(name) };
    let mut approvals = Approvals::default();
    let id = approvals.ask(NOW, asking(of_issuer("ana", "https://one"), &[("leads", 1)]), [0; 8]).unwrap();
    let ben = of(of_issuer("ben", "https://two"), &["leads"]);
    assert_eq!(approve(&mut approvals, &id, &ben), Ok(Some(State::Approved)));
}

#[test]
fn a_member_of_two_groups_counts_for_both_but_only_once_for_each() {
    let (mut approvals, id) = asked(&[("leads", 1), ("security", 2)]);
    assert_eq!(approve(&mut approvals, &id, &of(person("ben"), &["leads", "security"])), Ok(None));
    let missing = approvals.get(&id).unwrap().missing();
    assert_eq!(missing, [Approvers { group: "security".to_owned(), count: 1 }]);
    let kim = approve(&mut approvals, &id, &of(person("kim"), &["leads"]));
    assert_eq!(kim, Err(Rejected::NotNeeded(vec!["security".to_owned()])));
    assert_eq!(approve(&mut approvals, &id, &of(person("lee"), &["security"])), Ok(Some(State::Approved)));
}

#[test]
fn a_group_asked_for_twice_is_asked_for_by_the_greater_number() {
    let (mut approvals, id) = asked(&[("leads", 1), ("leads", 2), ("leads", 0)]);
    assert_eq!(approve(&mut approvals, &id, &of(person("ben"), &["leads"])), Ok(None));
    assert_eq!(approve(&mut approvals, &id, &of(person("kim"), &["leads"])), Ok(Some(State::Approved)));
}

#[test]
fn one_refusal_is_enough_also_by_who_approved_before() {
    for first in ["ben", "kim"] {
        let (mut approvals, id) = asked(&[("leads", 2)]);
        assert_eq!(approve(&mut approvals, &id, &of(person(first), &["leads"])), Ok(None));
        let ben = of(person("ben"), &["leads"]);
        let settled = approvals.answer(NOW + MINUTE, &id, &ben, false, "not today".to_owned(), Scope::Session);
        let settled = settled.unwrap().expect("it ends the question");
        let Verdict::Refuse(reason) = &settled.verdict else { panic!("refused") };
        assert_eq!((reason.rule.as_str(), reason.text.as_str()), ("no-where", "ben refused it: not today"));
        assert_eq!((settled.state, settled.scope), (State::Refused, Scope::Once));
        assert_eq!(approvals.granted(NOW, session(1), &person("ana"), "orders", "no-where"), None);
    }
}

#[test]
fn what_nobody_answers_in_time_expires_and_takes_no_answer_from_then_on() {
    let (mut approvals, id) = asked(&[("leads", 1)]);
    assert_eq!(approvals.next_expiry(), Some(NOW + 15 * MINUTE));
    assert_eq!(approvals.expire(NOW + 15 * MINUTE - 1), []);
    let ben = of(person("ben"), &["leads"]);
    let late = approvals.answer(NOW + 15 * MINUTE, &id, &ben, true, String::new(), Scope::Once);
    assert_eq!(late, Err(Rejected::Over(State::Expired)), "late is late, swept or not");
    let settled = approvals.expire(NOW + 15 * MINUTE);
    assert_eq!((settled.len(), settled[0].state, settled[0].nanos), (1, State::Expired, 15 * MINUTE));
    assert!(matches!(settled[0].verdict, Verdict::Refuse(_)));
    assert_eq!(approve(&mut approvals, &id, &ben), Err(Rejected::Over(State::Expired)));
    assert_eq!(approvals.next_expiry(), None);
}

#[test]
fn what_is_withdrawn_is_over() {
    let (mut approvals, first) = asked(&[("leads", 1)]);
    let mut other = asking(person("ana"), &[("leads", 1)]);
    other.unit = unit(2);
    let second = approvals.ask(NOW, other.clone(), *b"question").unwrap();
    other.session = session(2);
    let third = approvals.ask(NOW, other, *b"question").unwrap();
    assert_eq!(approvals.open().len(), 3, "three questions have three names: {first} {second} {third}");
    assert_eq!(approvals.withdraw(NOW, session(1), unit(3)), None);
    let settled = approvals.withdraw(NOW, session(1), unit(1)).expect("its question ends");
    assert_eq!((settled.question.as_str(), settled.state), (first.as_str(), State::Withdrawn));
    let settled = approvals.withdraw_session(NOW, session(1));
    assert_eq!((settled.len(), settled[0].question.as_str()), (1, second.as_str()));
    let ben = of(person("ben"), &["leads"]);
    assert_eq!(approve(&mut approvals, &first, &ben), Err(Rejected::Over(State::Withdrawn)));
    assert_eq!(approve(&mut approvals, &third, &ben), Ok(Some(State::Approved)));
    assert_eq!(approve(&mut approvals, "zzzzzzzz", &ben), Err(Rejected::Unknown));
}

#[test]
fn a_unit_that_asks_anew_takes_back_what_it_asked() {
    let (mut approvals, first) = asked(&[("leads", 1)]);
    let second = approvals.ask(NOW, asking(person("ana"), &[("leads", 1)]), *b"again...").unwrap();
    assert_ne!(first, second);
    assert_eq!(approvals.get(&first).unwrap().state, State::Withdrawn);
    assert_eq!(approvals.get(&second).unwrap().state, State::Open);
}

#[test]
fn an_approval_for_a_session_ends_with_it() {
    let (mut approvals, id) = asked(&[("leads", 1)]);
    let ana = person("ana");
    let ben = of(person("ben"), &["leads"]);
    assert_eq!(approve_for(&mut approvals, &id, &ben, Scope::Session), Ok(Some(State::Approved)));
    let granted = approvals.granted(NOW, session(1), &ana, "orders", "no-where").expect("granted");
    assert_eq!((granted.question, granted.by, granted.scope), (id, vec!["ben".to_owned()], Scope::Session));
    for (of_session, person, target, rule) in [
        (session(2), &ana, "orders", "no-where"),
        (session(1), &person("eve"), "orders", "no-where"),
        (session(1), &ana, "stock", "no-where"),
        (session(1), &ana, "orders", "no-where, drop"),
    ] {
        assert_eq!(approvals.granted(NOW, of_session, person, target, rule), None);
    }
    approvals.withdraw_session(NOW, session(1));
    assert_eq!(approvals.granted(NOW, session(1), &ana, "orders", "no-where"), None);
}

#[test]
fn an_approval_for_a_while_covers_one_principal_whole() {
    let (mut approvals, id) = asked(&[("leads", 1)]);
    let until = NOW + 30 * MINUTE;
    let ben = of(person("ben"), &["leads"]);
    approve_for(&mut approvals, &id, &ben, Scope::Until { unix_nanos: until }).unwrap();
    let granted =
        |principal: &Principal, at: u64| approvals.granted(at, session(9), principal, "orders", "no-where").is_some();
    assert!(granted(&person("ana"), until - 1));
    assert!(!granted(&person("ana"), until));
    assert!(!granted(&Principal { kind: PrincipalKind::Agent, ..person("ana") }, NOW));
    assert!(!granted(&Principal { issuer: "https://id".to_owned(), ..person("ana") }, NOW));
    assert!(!granted(&Principal { on_behalf_of: "eve".to_owned(), ..person("ana") }, NOW));
    assert_eq!(approvals.grants(NOW).count(), 1);
    assert_eq!(approvals.next_expiry(), Some(until));
    approvals.expire(until);
    assert_eq!((approvals.grants(NOW).count(), approvals.next_expiry()), (0, None));
}

#[test]
fn an_approval_counts_no_more_when_whoever_gave_it_is_out_of_the_group_before_the_last_one_approves() {
    let (mut approvals, id) = asked(&[("leads", 2), ("security", 1)]);
    let ben = Answerer { login: "token-1".to_owned(), ..of(person("ben"), &["leads", "security"]) };
    assert_eq!(approve(&mut approvals, &id, &ben), Ok(None));
    let missing = |approvals: &Approvals| {
        let missing = approvals.get(&id).unwrap().missing();
        missing.into_iter().map(|left| (left.group, left.count)).collect::<Vec<_>>()
    };
    assert_eq!(missing(&approvals), [("leads".to_owned(), 1)]);
    approvals.recount(|answer| answer.groups.clone());
    assert_eq!(missing(&approvals), [("leads".to_owned(), 1)]);
    // Of one group still, and of one that he did not approve for.
    approvals.recount(|_| vec!["security".to_owned(), "dev".to_owned()]);
    assert_eq!(missing(&approvals), [("leads".to_owned(), 2)]);
    assert_eq!(approvals.get(&id).unwrap().answers[0].groups, ["security"]);
    approvals.recount(|answer| {
        assert_eq!(answer.login, "token-1");
        Vec::new()
    });
    assert_eq!(missing(&approvals), [("leads".to_owned(), 2), ("security".to_owned(), 1)]);
    // Nothing of it is left, so that others are needed, and he may approve again once he may.
    assert_eq!(approve(&mut approvals, &id, &of(person("kim"), &["leads", "security"])), Ok(None));
    assert_eq!(approve(&mut approvals, &id, &ben), Ok(Some(State::Approved)));
}

#[test]
fn what_was_granted_can_be_taken_back() {
    let one = |approvals: &mut Approvals, id: &str| approvals.take_back(id);
    let all = |approvals: &mut Approvals, _: &str| {
        assert!(approvals.take_all_back(NOW).is_empty());
        true
    };
    let ways: [fn(&mut Approvals, &str) -> bool; 2] = [one, all];
    for take_back in ways {
        for scope in [Scope::Session, Scope::Until { unix_nanos: NOW + 30 * MINUTE }] {
            let (mut approvals, id) = asked(&[("leads", 1)]);
            approve_for(&mut approvals, &id, &of(person("ben"), &["leads"]), scope).unwrap();
            assert!(!approvals.take_back("zzzzzzzz"));
            assert!(approvals.granted(NOW, session(1), &person("ana"), "orders", "no-where").is_some());
            assert!(take_back(&mut approvals, &id));
            assert_eq!(approvals.granted(NOW, session(1), &person("ana"), "orders", "no-where"), None);
        }
    }
}

#[test]
fn what_is_asked_by_rules_that_changed_passes_no_more() {
    let (mut approvals, id) = asked(&[("leads", 1)]);
    let ended = approvals.take_all_back(NOW);
    let Verdict::Refuse(reason) = &ended[0].verdict else { panic!("{ended:?}") };
    assert_eq!((ended.len(), ended[0].question.as_str(), reason.rule.as_str()), (1, id.as_str(), "no-where"));
    assert_eq!(reason.text, "the policies changed while it was asked: try again");
    let late = approve_for(&mut approvals, &id, &of(person("ben"), &["leads"]), Scope::Session);
    assert_eq!(late, Err(Rejected::Over(State::Withdrawn)));
    assert_eq!(approvals.granted(NOW, session(1), &person("ana"), "orders", "no-where"), None);
}

#[test]
fn what_was_approved_about_a_target_ends_when_that_changes() {
    for scope in [Scope::Session, Scope::Until { unix_nanos: NOW + 30 * MINUTE }] {
        let (mut approvals, id) = asked(&[("leads", 1)]);
        let ben = of(person("ben"), &["leads"]);
        approve_for(&mut approvals, &id, &ben, scope).unwrap();
        let open = approvals.ask(NOW, asking(person("ana"), &[("leads", 1)]), *b"another.").unwrap();
        let granted =
            |approvals: &Approvals| approvals.granted(NOW, session(1), &person("ana"), "orders", "no-where").is_some();
        assert!(approvals.take_back_target(NOW, "stock").is_empty());
        assert!(granted(&approvals) && approvals.get(&open).unwrap().state == State::Open);
        let ended = approvals.take_back_target(NOW, "orders");
        assert!(!granted(&approvals));
        let Verdict::Refuse(reason) = &ended[0].verdict else { panic!("{ended:?}") };
        assert_eq!((ended.len(), ended[0].question.as_str()), (1, open.as_str()));
        assert_eq!(reason.text, "the target changed while it was asked: try again");
        assert_eq!(approve_for(&mut approvals, &open, &ben, scope), Err(Rejected::Over(State::Withdrawn)));
    }
}

#[test]
fn several_who_approve_grant_what_all_of_them_said() {
    let until = |minutes: u64| Scope::Until { unix_nanos: NOW + minutes * MINUTE };
    for (first, second, both) in [
        (Scope::Session, Scope::Session, Scope::Session),
        (Scope::Session, Scope::Once, Scope::Once),
        (until(30), until(20), until(20)),
        (until(30), Scope::Session, Scope::Once),
        (Scope::Once, until(30), Scope::Once),
    ] {
        let (mut approvals, id) = asked(&[("leads", 2)]);
        approvals.answer(NOW, &id, &of(person("ben"), &["leads"]), true, String::new(), first).unwrap();
        let settled = approvals.answer(NOW, &id, &of(person("kim"), &["leads"]), true, String::new(), second);
        assert_eq!(settled.unwrap().unwrap().scope, both, "{first:?} {second:?}");
        let granted = approvals.granted(NOW, session(1), &person("ana"), "orders", "no-where");
        assert_eq!(granted.map(|granted| granted.scope), (both != Scope::Once).then_some(both));
    }
}

#[test]
fn an_approval_reaches_no_further_than_a_day_whatever_is_set() {
    for (set, nanos_max) in [(10 * MINUTE, 10 * MINUTE), (u64::MAX, limits::DAY_NANOS)] {
        let mut approvals = Approvals::new(Settings { until_nanos_max: set, ..Settings::default() });
        let id = approvals.ask(NOW, asking(person("ana"), &[("leads", 1)]), [0; 8]).unwrap();
        let ben = of(person("ben"), &["leads"]);
        for unix_nanos in [0, NOW, NOW + nanos_max + 1, u64::MAX] {
            let answer = approvals.answer(NOW, &id, &ben, true, String::new(), Scope::Until { unix_nanos });
            assert_eq!(answer, Err(Rejected::TooFar { nanos_max }));
        }
        let scope = Scope::Until { unix_nanos: NOW + nanos_max };
        assert!(approvals.answer(NOW, &id, &ben, true, String::new(), scope).unwrap().is_some());
    }
}

#[test]
fn questions_and_their_texts_are_bounded() {
    let settings = Settings { questions_per_person_max: 2, questions_max: 3, ..Settings::default() };
    let mut approvals = Approvals::new(settings);
    let mut ask = |name: &str, serial: u64, detail: String| {
        let mut asking = asking(person(name), &[("leads", 1)]);
        (asking.unit, asking.detail) = (unit(serial), detail);
        approvals.ask(NOW, asking, *b"question")
    };
    let long = "x".repeat(limits::DETAIL_BYTES_MAX);
    assert!(matches!(ask("ana", 1, long.clone()), Err(TooMany::Bytes { bytes_max: limits::DETAIL_BYTES_MAX, .. })));
    assert!(ask("ana", 1, String::new()).is_ok());
    assert!(ask("ana", 2, String::new()).is_ok());
    assert_eq!(ask("ana", 3, String::new()), Err(TooMany::OfPerson { max: 2 }));
    assert!(ask("ben", 4, String::new()).is_ok());
    assert_eq!(ask("kim", 5, String::new()), Err(TooMany::InAll { max: 3 }));
}

#[test]
fn all_texts_together_are_bounded_open_and_ended() {
    let settings = Settings { questions_per_person_max: usize::MAX, questions_max: usize::MAX, ..Settings::default() };
    let mut approvals = Approvals::new(settings);
    let detail = "x".repeat(limits::DETAIL_BYTES_MAX - 100);
    let mut open = 0;
    loop {
        let mut asking = asking(person("ana"), &[("leads", 1)]);
        (asking.unit, asking.detail) = (unit(open + 1), detail.clone());
        match approvals.ask(NOW, asking, *b"question") {
            Ok(_) => open += 1,
            Err(TooMany::Bytes { .. }) => break,
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(open as usize, limits::DETAILS_BYTES_MAX / limits::DETAIL_BYTES_MAX);
    assert_eq!(approvals.withdraw_session(NOW, session(1)).len(), open as usize);
    let kept: usize = approvals.ended().map(|petition| petition.asking.detail.len()).sum();
    assert!(kept > limits::ENDED_DETAILS_BYTES_MAX / 2 && kept <= limits::ENDED_DETAILS_BYTES_MAX, "{kept}");
}

#[test]
fn what_ended_is_forgotten_after_a_day() {
    let (mut approvals, id) = asked(&[("leads", 1)]);
    approvals.withdraw(NOW, session(1), unit(1));
    approvals.expire(NOW + limits::ENDED_KEPT_NANOS - 1);
    assert!(approvals.get(&id).is_some());
    approvals.expire(NOW + limits::ENDED_KEPT_NANOS);
    assert_eq!(approvals.get(&id), None);
}

#[test]
fn a_reason_is_bounded() {
    let (mut approvals, id) = asked(&[("leads", 1)]);
    let why = "x".repeat(limits::WHY_BYTES_MAX + 1);
    let answer = approvals.answer(NOW, &id, &of(person("ben"), &["leads"]), true, why, Scope::Once);
    assert_eq!(answer, Err(Rejected::WhyTooLong { bytes_max: limits::WHY_BYTES_MAX }));
    assert_eq!(approvals.get(&id).unwrap().state, State::Open);
}
