//! What holds whatever people ask and answer, in any order.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test fails where it cannot go on")]

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use wiretape_approval::{Answerer, Approvals, Asking, Principal, Settings, State};
use wiretape_core::event::Scope;
use wiretape_core::{Approvers, Lane, SessionId, Unit, Verdict};

const START: u64 = 1_800_000_000_000_000_000;
const PEOPLE: [&str; 5] = ["ana", "ben", "kim", "lee", "zoe"];
const GROUPS: [&str; 3] = ["leads", "security", "owners"];

#[derive(Clone, Debug)]
enum Deed {
    Ask { person: usize, behalf: Option<usize>, session: u8, serial: u64, approvers: Vec<(usize, u32)>, random: u8 },
    Answer { person: usize, behalf: Option<usize>, groups: Vec<usize>, question: usize, approve: bool, scope: u8 },
    Withdraw { session: u8, serial: u64 },
    WithdrawSession { session: u8 },
    Pass { nanos: u64 },
}

fn deed() -> impl Strategy<Value = Deed> {
    let person = 0..PEOPLE.len();
    let behalf = || prop_oneof![4 => Just(None), 1 => (0..PEOPLE.len()).prop_map(Some)];
    prop_oneof![
        3 => (person.clone(), behalf(), 0u8..3, 0u64..4, vec((0..GROUPS.len(), 0u32..3), 0..3), 0u8..4).prop_map(
            |(person, behalf, session, serial, approvers, random)| {
                Deed::Ask { person, behalf, session, serial, approvers, random }
            }
        ),
        8 => (person, behalf(), vec(0..GROUPS.len(), 0..3), any::<usize>(), prop_oneof![4 => Just(true), 1 => Just(false)], 0u8..3)
            .prop_map(|(person, behalf, groups, question, approve, scope)| {
                Deed::Answer { person, behalf, groups, question, approve, scope }
            }),
        1 => (0u8..3, 0u64..4).prop_map(|(session, serial)| Deed::Withdraw { session, serial }),
        1 => (0u8..3).prop_map(|session| Deed::WithdrawSession { session }),
        1 => (0u64..400).prop_map(|nanos| Deed::Pass { nanos }),
    ]
}

fn principal(person: usize, behalf: Option<usize>) -> Principal {
    Principal {
        name: PEOPLE[person].to_owned(),
        on_behalf_of: behalf.map(|owner| PEOPLE[owner].to_owned()).unwrap_or_default(),
        ..Principal::default()
    }
}

/// The people behind a principal.
fn behind(principal: &Principal) -> BTreeSet<String> {
    [&principal.name, &principal.on_behalf_of].into_iter().filter(|name| !name.is_empty()).cloned().collect()
}

proptest! {
    /// A question ends once; it passes only when enough others approved and nobody refused; nothing is forgotten and
    /// nothing grows past its limit.
    #[test]
    fn whatever_happens_only_enough_others_let_something_pass(deeds in vec(deed(), 1..120)) {
        let settings = Settings { questions_max: 8, questions_per_person_max: 3, until_nanos_max: 200 };
        let mut approvals = Approvals::new(settings);
        let mut now = START;
        let mut asked: Vec<String> = Vec::new();
        let mut ended: BTreeMap<String, State> = BTreeMap::new();
        for deed in deeds {
            let open_before = approvals.open().len();
            let mut settled = Vec::new();
            match deed {
                Deed::Ask { person, behalf, session, serial, approvers, random } => {
                    let asking = Asking {
                        session: SessionId::from_bytes([session; 16]),
                        unit: Unit { lane: Lane(1), serial },
                        requester: principal(person, behalf),
                        target: "t".to_owned(),
                        action: "ssh.exec".to_owned(),
                        resource: String::new(),
                        detail: "all of it".to_owned(),
                        rule: "r".to_owned(),
                        approvers: approvers
                            .iter()
                            .map(|(group, count)| Approvers { group: GROUPS[*group].to_owned(), count: *count })
                            .collect(),
                        text: String::new(),
                        expires_unix_nanos: now + 300,
                    };
                    let (session, unit) = (asking.session, asking.unit);
                    if let Ok(id) = approvals.ask(now, asking, [random; 8]) {
                        prop_assert!(!asked.contains(&id), "two questions are called {}", id);
                        asked.push(id);
                        // Whatever the unit asked before is withdrawn.
                        for petition in approvals.ended() {
                            if (petition.asking.session, petition.asking.unit) == (session, unit) {
                                ended.entry(petition.id.clone()).or_insert(petition.state);
                            }
                        }
                    } else {
                        prop_assert!(open_before >= 3);
                    }
                }
                Deed::Answer { person, behalf, groups, question, approve, scope } => {
                    if asked.is_empty() {
                        continue;
                    }
                    let id = asked[question % asked.len()].clone();
                    let answerer = Answerer {
                        principal: principal(person, behalf),
                        groups: groups.iter().map(|group| GROUPS[*group].to_owned()).collect(),
                        login: String::new(),
                    };
                    let scope = match scope {
                        0 => Scope::Once,
                        1 => Scope::Session,
                        _ => Scope::Until { unix_nanos: now + 100 },
                    };
                    let before = approvals.get(&id).cloned();
                    match approvals.answer(now, &id, &answerer, approve, String::new(), scope) {
                        Ok(outcome) => settled.extend(outcome),
                        Err(_) => prop_assert_eq!(before.as_ref(), approvals.get(&id), "a rejected answer changes nothing"),
                    }
                }
                Deed::Withdraw { session, serial } => {
                    let unit = Unit { lane: Lane(1), serial };
                    settled.extend(approvals.withdraw(now, SessionId::from_bytes([session; 16]), unit));
                }
                Deed::WithdrawSession { session } => {
                    settled.extend(approvals.withdraw_session(now, SessionId::from_bytes([session; 16])));
                }
                Deed::Pass { nanos } => {
                    now += nanos;
                    settled.extend(approvals.expire(now));
                }
            }
            for settled in settled {
                let petition = approvals.get(&settled.question).expect("what ended is kept").clone();
                prop_assert!(ended.insert(settled.question.clone(), settled.state).is_none(), "it ends once");
                prop_assert_eq!(settled.verdict == Verdict::Allow, settled.state == State::Approved);
                if settled.state == State::Approved {
                    prop_assert!(!petition.asking.approvers.is_empty());
                    prop_assert!(petition.answers.iter().all(|answer| answer.approve));
                    // Nobody behind the question is behind an answer, and nobody is behind two.
                    let mut seen = behind(&petition.asking.requester);
                    for answer in &petition.answers {
                        let people = behind(&answer.principal);
                        prop_assert!(people.is_disjoint(&seen), "{:?} counts twice", people);
                        seen.extend(people);
                    }
                    for wanted in &petition.asking.approvers {
                        let members = petition.answers.iter().filter(|answer| answer.groups.contains(&wanted.group));
                        prop_assert!(members.count() >= wanted.count.max(1) as usize);
                    }
                }
            }
            prop_assert!(approvals.open().len() <= 8);
            for person in PEOPLE {
                let open = approvals.open();
                let own = open.iter().filter(|petition| petition.asking.requester.name == person);
                prop_assert!(own.count() <= 3);
            }
            prop_assert_eq!(approvals.open().len() + ended.len(), asked.len(), "open or ended, each once");
            for (who, _, _, granted) in approvals.grants(now) {
                prop_assert_eq!(ended.get(&granted.question), Some(&State::Approved));
                prop_assert!(granted.scope != Scope::Once);
                prop_assert_eq!(&approvals.get(&granted.question).expect("kept").asking.requester, who);
            }
            prop_assert!(approvals.next_expiry().is_none_or(|expiry| expiry > now || !approvals.open().is_empty()));
        }
    }
}
