//! What holds for any conversation: the laws of a wire, over messages instead of bytes.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use proptest::prelude::{Just, any, prop_oneof, proptest};
use proptest::{collection, prop_assert, prop_assert_eq, test_runner};
use wiretape_core::event::{StreamEvent, StreamKind, TerminalEvent};
use wiretape_core::limits::HELD_BYTES_MAX;
use wiretape_core::{Effect, Event, Kind, Lane, Reason, Side, Verdict, event};
use wiretape_ssh::{Message, NestedFault, Options, Request};

use crate::conversation::{conversation, noise};
use crate::stage::{Rule, Rules, Stage, Turn};

type Effects = Vec<Effect<Message>>;
type Outcome = Result<(), test_runner::TestCaseError>;

fn wary() -> Rules {
    let rule = |word: &str| word.to_owned();
    Rules(vec![
        Rule::Ask { word: rule("risky"), rule: rule("risk"), group: rule("elders") },
        Rule::Refuse { word: rule("forbidden"), rule: rule("policy"), text: rule("not here") },
    ])
}

fn say(stage: &mut Stage, said: &[(Side, Message)]) -> Effects {
    said.iter().flat_map(|(side, message)| stage.play(Turn::Say(*side, message.clone()))).collect()
}

fn sent(effects: &Effects, to: Side) -> Vec<Message> {
    let sent = |effect: &Effect<Message>| match effect {
        Effect::Send { to: side, message } if *side == to => Some(message.clone()),
        _ => None,
    };
    effects.iter().filter_map(sent).collect()
}

/// The main stream that a side was sent, or that was recorded of the other, lane by lane.
fn streams<'a>(parts: impl Iterator<Item = (Lane, &'a Bytes)>) -> BTreeMap<Lane, Vec<u8>> {
    let mut streams: BTreeMap<Lane, Vec<u8>> = BTreeMap::new();
    for (lane, bytes) in parts.filter(|(_, bytes)| !bytes.is_empty()) {
        streams.entry(lane).or_default().extend_from_slice(bytes);
    }
    streams
}

fn data<'a>(messages: impl Iterator<Item = &'a Message>) -> BTreeMap<Lane, Vec<u8>> {
    streams(messages.filter_map(|message| match message {
        Message::Data { lane, error: false, bytes } => Some((*lane, bytes)),
        _ => None,
    }))
}

fn recorded(effects: &Effects, by: Side) -> BTreeMap<Lane, Vec<u8>> {
    streams(appended(effects).filter(|event| event.side == by).filter_map(|event| match &event.kind {
        Kind::Stream(StreamEvent::Data { error: false, bytes })
        | Kind::Terminal(TerminalEvent::Input { bytes } | TerminalEvent::Output { error: false, bytes }) => {
            Some((event.lane, bytes))
        }
        _ => None,
    }))
}

fn appended(effects: &Effects) -> impl Iterator<Item = &Event> {
    crate::stage::events(effects)
}

/// Every message is covered by what was recorded of it before: bytes by bytes, and the rest by an event of its kind.
fn check_record_first(effects: &Effects) -> Outcome {
    let mut recorded: BTreeMap<(Lane, Side), usize> = BTreeMap::new();
    let mut noted: BTreeMap<(Lane, Side, &str), usize> = BTreeMap::new();
    for effect in effects {
        match effect {
            Effect::Append(Event { side, lane, kind, .. }) => {
                let concealed = match kind {
                    Kind::Terminal(TerminalEvent::Concealed { count }) => *count as usize,
                    // What is echoed was counted when it was concealed.
                    Kind::Terminal(TerminalEvent::Echoed { .. }) => continue,
                    _ => 0,
                };
                *recorded.entry((*lane, *side)).or_default() += kind.payload_bytes() + concealed;
                *noted.entry((*lane, *side, kind.name())).or_default() += 1;
            }
            // What is held is recorded as what is sent is.
            Effect::Send { to, message } | Effect::Hold { to, message, .. } => {
                let (lane, by) = (message.lane(), to.other());
                let name = match message {
                    Message::Data { bytes, .. } => {
                        // What the gateway says of its own is a notice.
                        if bytes.starts_with(b"wiretape: ") {
                            continue;
                        }
                        let left = recorded.get_mut(&(lane, by));
                        let left = left.filter(|left| **left >= bytes.len());
                        prop_assert!(
                            left.is_some() || bytes.is_empty(),
                            "{} bytes on lane {lane} unrecorded",
                            bytes.len()
                        );
                        if let Some(left) = left {
                            *left -= bytes.len();
                        }
                        continue;
                    }
                    Message::Open { .. } => "stream.open",
                    Message::Opened { .. } => "stream.accepted",
                    Message::Rejected { .. } => "stream.rejected",
                    Message::Close { .. } => "stream.close",
                    Message::Answer { .. } => "process.answer",
                    Message::Listen { listen: true, .. } => "stream.listen",
                    Message::Listen { listen: false, .. } => "stream.unlisten",
                    Message::Listening { .. } => "stream.listening",
                    Message::Eof { .. } | Message::Request { .. } => continue,
                };
                let taken = [by, *to].into_iter().any(|side| {
                    let count = noted.get_mut(&(lane, side, name)).filter(|count| **count > 0);
                    count.is_some_and(|count| {
                        *count -= 1;
                        true
                    })
                });
                prop_assert!(taken, "{name} on lane {lane} is sent before it is recorded");
            }
            _ => {}
        }
    }
    Ok(())
}

fn check_words(effects: &Effects) -> Outcome {
    for event in appended(effects) {
        prop_assert!(event::NAMES.contains(&event.kind.name()));
        let ours = ["session.", "terminal.", "process.", "stream.", "file.", "git."];
        prop_assert!(ours.iter().any(|family| event.kind.name().starts_with(family)));
    }
    let moments: Vec<_> = appended(effects).map(|event| event.at).collect();
    prop_assert!(moments.is_sorted());
    Ok(())
}

proptest! {
    /// What is allowed passes exactly, in order, and the record alone says the same.
    #[test]
    fn what_is_allowed_passes_as_it_was_said(said in conversation(), conceal in any::<bool>()) {
        let mut stage = Stage::new(Options { conceal, ..Options::default() }, Rules::default());
        let effects = say(&mut stage, &said);
        prop_assert!(!stage.is_closed(), "{:?}", effects.last());
        for side in [Side::Client, Side::Upstream] {
            let to_other: Vec<Message> = said.iter().filter(|(by, _)| *by == side).map(|(_, message)| message.clone()).collect();
            prop_assert_eq!(sent(&effects, side.other()), to_other);
            if side == Side::Upstream || !conceal {
                prop_assert_eq!(recorded(&effects, side), data(sent(&effects, side.other()).iter()));
            }
        }
        prop_assert_eq!(stage.held_bytes(), 0);
        check_record_first(&effects)?;
        check_words(&effects)?;
    }

    /// Cut elsewhere, the data passes and is recorded as the same streams.
    #[test]
    fn cutting_data_elsewhere_changes_nothing(said in conversation(), cut in 1_usize..4) {
        let pieces = said.iter().flat_map(|(side, message)| match message {
            Message::Data { lane, error, bytes } if bytes.len() > cut => bytes
                .chunks(cut)
                .map(|piece| (*side, Message::Data { lane: *lane, error: *error, bytes: Bytes::copy_from_slice(piece) }))
                .collect(),
            _ => vec![(*side, message.clone())],
        });
        let pieces: Vec<(Side, Message)> = pieces.collect();
        let open = || Stage::new(Options { conceal: false, ..Options::default() }, Rules::default());
        let (whole, cut) = (say(&mut open(), &said), say(&mut open(), &pieces));
        for side in [Side::Client, Side::Upstream] {
            prop_assert_eq!(data(sent(&whole, side).iter()), data(sent(&cut, side).iter()));
            prop_assert_eq!(recorded(&whole, side), recorded(&cut, side));
        }
    }

    /// Nothing of a lane reaches the target while a question stands there; then it passes, or never does.
    #[test]
    fn nothing_leaves_while_a_question_stands(
        said in conversation(),
        answers in collection::vec(prop_oneof![3 => Just(None), 1 => Just(Some(true)), 1 => Just(Some(false))], 0..120),
    ) {
        let mut stage = Stage::new(Options::default(), wary());
        let mut standing: Vec<Lane> = Vec::new();
        let mut all = Effects::new();
        let mut answers = answers.into_iter();
        for (side, message) in said {
            // What a peer says follows from what it heard.
            if !is_due(&all, side, &message) {
                continue;
            }
            let verdict = answers.next().flatten().map(|allow| if allow {
                Verdict::Allow
            } else {
                Verdict::Refuse(Reason::new("elders", "no"))
            });
            for turn in [verdict.map(Turn::Answer), Some(Turn::Say(side, message))].into_iter().flatten() {
                if matches!(turn, Turn::Answer(_)) && !standing.is_empty() {
                    standing.remove(0);
                }
                let effects = stage.play(turn);
                for effect in &effects {
                    match effect {
                        Effect::Ask { unit, .. } => standing.push(unit.lane),
                        Effect::Send { to: Side::Upstream, message } if !matches!(message, Message::Close { .. }) => {
                            prop_assert!(!standing.contains(&message.lane()), "{message:?} passes a question");
                        }
                        _ => {}
                    }
                }
                all.extend(effects);
            }
            prop_assert!(stage.held_bytes() <= HELD_BYTES_MAX);
        }
        prop_assert!(!stage.is_closed(), "{:?}", all.last());
        check_record_first(&all)?;
        check_words(&all)?;
        check_closes(&all)?;
    }

    /// Whatever the peers say, in whatever order: no panic, nothing after the end, nothing held without bound.
    #[test]
    fn noise_does_no_harm(opened in 0_usize..12, turns in collection::vec(noise(), 0..80), close in any::<bool>(), strict in any::<bool>()) {
        let nested_fault = if strict { NestedFault::Close } else { NestedFault::PassOn };
        let mut stage = Stage::new(Options { nested_fault, ..Options::default() }, wary());
        let mut all = Effects::new();
        for turn in opening().into_iter().take(opened).chain(turns) {
            let over = stage.is_closed();
            let effects = stage.play(turn);
            prop_assert!(!over || effects.is_empty());
            all.extend(effects);
            prop_assert!(stage.held_bytes() <= HELD_BYTES_MAX);
        }
        if close {
            all.extend(stage.play(Turn::Close(Reason::new("admin", "enough"))));
            prop_assert!(matches!(all.last(), Some(Effect::Close(_))));
        }
        check_words(&all)?;
        check_closes(&all)?;
    }
}

/// A start that noise seldom finds: lanes that carry something.
fn opening() -> Vec<Turn> {
    let host = "db".to_owned();
    let kind = StreamKind::DirectTcpip { host, port: 7, originator: String::new(), originator_port: 0 };
    let request = Request::Subsystem { name: "packets".to_owned() };
    let parcels = Request::Exec { command: "/parcels".into() };
    let said = [
        (Side::Client, Message::Open { lane: Lane(1), kind: StreamKind::Session }),
        (Side::Upstream, Message::Opened { lane: Lane(1) }),
        (Side::Client, Message::Open { lane: Lane(2), kind }),
        (Side::Upstream, Message::Opened { lane: Lane(2) }),
        (Side::Client, Message::Request { lane: Lane(1), request, want_reply: true }),
        (Side::Client, Message::Data { lane: Lane(1), error: false, bytes: Bytes::from_static(b"\x07drisky\x02") }),
        (Side::Upstream, Message::Data { lane: Lane(2), error: false, bytes: Bytes::from_static(b"\x02ok") }),
        (Side::Client, Message::Open { lane: Lane(3), kind: StreamKind::Session }),
        (Side::Upstream, Message::Opened { lane: Lane(3) }),
        (Side::Client, Message::Request { lane: Lane(3), request: parcels, want_reply: false }),
        (Side::Client, Message::Data { lane: Lane(3), error: false, bytes: Bytes::from_static(b"xhhe") }),
    ];
    said.map(|(side, message)| Turn::Say(side, message)).into()
}

/// Whether `side` can say `message` after what it was sent so far.
fn is_due(effects: &Effects, side: Side, message: &Message) -> bool {
    let lane = message.lane();
    let heard: Vec<Message> = sent(effects, side).into_iter().filter(|heard| heard.lane() == lane).collect();
    let said: Vec<Message> = sent(effects, side.other()).into_iter().filter(|said| said.lane() == lane).collect();
    match message {
        Message::Open { .. } => true,
        Message::Opened { .. } => matches!(heard.first(), Some(Message::Open { .. })),
        Message::Answer { .. } => {
            let asked = heard.iter().filter(|heard| matches!(heard, Message::Request { want_reply: true, .. })).count();
            asked > said.iter().filter(|said| matches!(said, Message::Answer { .. })).count()
        }
        _ if side == Side::Client => matches!(heard.first(), Some(Message::Opened { .. })),
        _ => said.iter().any(|said| matches!(said, Message::Opened { .. })),
    }
}

/// The same with what is held in the place where it goes; nothing that goes stands before it, and nothing is held for
/// ever.
fn released(effects: &Effects) -> Result<Effects, test_runner::TestCaseError> {
    let mut held: BTreeMap<(Lane, Side), Effects> = BTreeMap::new();
    let mut released = Effects::new();
    for effect in effects {
        match effect {
            Effect::Hold { to, lane, message } => {
                prop_assert_eq!(*lane, message.lane());
                held.entry((*lane, *to)).or_default().push(Effect::Send { to: *to, message: message.clone() });
            }
            Effect::Release { to, lane } => {
                let held = held.remove(&(*lane, *to));
                prop_assert!(held.is_some(), "nothing was held on lane {lane}");
                released.extend(held.into_iter().flatten());
            }
            Effect::Discard { to, lane } => {
                prop_assert!(held.remove(&(*lane, *to)).is_some(), "nothing was held on lane {lane}");
            }
            Effect::Send { to, message } if !matches!(message, Message::Data { error: false, .. }) => {
                let place = (message.lane(), *to);
                prop_assert!(!held.contains_key(&place), "{message:?} goes before what is held");
                released.push(effect.clone());
            }
            Effect::Close(_) => prop_assert!(held.is_empty(), "held for ever: {held:?}"),
            other => released.push(other.clone()),
        }
    }
    Ok(released)
}

/// A lane is closed once towards each side; nothing is sent on it to that side afterwards, and nothing but the close
/// to a side that closed it.
fn check_closes(effects: &Effects) -> Outcome {
    let mut closed: BTreeSet<(Lane, Side)> = BTreeSet::new();
    let mut left: BTreeSet<(Lane, Side)> = BTreeSet::new();
    for effect in &released(effects)? {
        match effect {
            Effect::Append(Event { side, lane, kind: Kind::Stream(StreamEvent::Close), .. }) => {
                prop_assert!(left.insert((*lane, *side)), "lane {lane} is closed twice by the {side}");
            }
            Effect::Send { to, message } => {
                let place = (message.lane(), *to);
                let closes = matches!(message, Message::Close { .. });
                prop_assert!(!closed.contains(&place), "{message:?} to the {to} after the close");
                prop_assert!(closes || !left.contains(&place), "{message:?} to the {to}, which left");
                if closes || matches!(message, Message::Rejected { .. }) {
                    closed.insert(place);
                }
            }
            _ => {}
        }
    }
    Ok(())
}
