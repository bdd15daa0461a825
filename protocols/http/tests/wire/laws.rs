//! What holds for any conversation: the laws of a wire, over parts of exchanges instead of bytes.

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::{Just, any, prop_oneof, proptest};
use proptest::{collection, prop_assert, prop_assert_eq, test_runner};
use wiretape_core::event::{HttpEvent, StreamEvent};
use wiretape_core::limits::HELD_BYTES_MAX;
use wiretape_core::{Effect, Event, Kind, Lane, Reason, Side, Verdict};
use wiretape_http::{Content, Message, Part, duties};

use crate::conversation::{Conversation, Script, conversation, joined};
use crate::grammar::Grammar;
use crate::noise::{hold, wary};
use crate::stage::{Effects, Rules, Stage, events};

type Outcome = Result<(), test_runner::TestCaseError>;

const SIDES: [Side; 2] = [Side::Client, Side::Upstream];

fn check_words(effects: &Effects) -> Outcome {
    let mut grammar = Grammar::default();
    effects.iter().for_each(|effect| grammar.take(effect));
    for event in events(effects) {
        prop_assert!(wiretape_core::event::NAMES.contains(&event.kind.name()));
    }
    let moments: Vec<_> = events(effects).map(|event| event.at).collect();
    prop_assert!(moments.is_sorted());
    Ok(())
}

/// What a side is to hear of what the other said, in the words of a proxy.
fn meant(script: &Script, by: Side) -> Vec<Part> {
    let Some(Part::Request(request, route)) = script.client.first() else { panic!("a script begins with a request") };
    let websocket = request.protocol.as_ref().is_some_and(|protocol| protocol == "websocket");
    let plain = |fields: &mut Vec<wiretape_http::Field>| {
        fields.retain(|field| !websocket || field.name != "sec-websocket-extensions");
    };
    let said = if by == Side::Client { &script.client } else { &script.upstream };
    let parts = said.iter().map(|part| match part {
        Part::Request(head, route) => {
            let mut head = duties::request(head, route);
            plain(&mut head.fields);
            Part::Request(Box::new(head), route.clone())
        }
        Part::Informational(head) => Part::Informational(Box::new(duties::response(head, route))),
        Part::Response(head) => {
            let mut head = duties::response(head, route);
            plain(&mut head.fields);
            if head.status == 204 || request.method == "HEAD" {
                head.content = Content::Empty;
            }
            Part::Response(Box::new(head))
        }
        Part::Trailers(fields) => Part::Trailers(duties::trailers(fields)),
        other => other.clone(),
    });
    joined(&parts.collect::<Vec<_>>())
}

/// A payload, and the events beside it.
type Recorded = (Vec<u8>, Vec<&'static str>);

/// What is on the record of each side of each lane.
fn recorded(effects: &Effects) -> BTreeMap<(Lane, Side), Recorded> {
    let mut recorded: BTreeMap<(Lane, Side), Recorded> = BTreeMap::new();
    for Event { side, lane, kind, .. } in events(effects) {
        let (payload, names) = recorded.entry((*lane, *side)).or_default();
        match kind {
            Kind::Http(HttpEvent::Body { bytes } | HttpEvent::Message { bytes, .. })
            | Kind::Stream(StreamEvent::Data { bytes, .. }) => payload.extend_from_slice(bytes),
            other => names.push(other.name()),
        }
    }
    recorded
}

/// The same conversation, its content cut elsewhere.
fn cut(conversation: &Conversation, size: usize) -> Conversation {
    let pieces = |parts: &Vec<Part>| {
        let pieces = parts.iter().flat_map(|part| match part {
            Part::Body(bytes) if bytes.len() > size => {
                let size = size.max(bytes.len() / 20);
                bytes.chunks(size).map(|piece| Part::Body(Bytes::copy_from_slice(piece))).collect()
            }
            other => vec![other.clone()],
        });
        pieces.collect()
    };
    let scripts = conversation.scripts.iter().map(|script| Script {
        client: pieces(&script.client),
        upstream: pieces(&script.upstream),
        tunnel: script.tunnel,
    });
    Conversation { scripts: scripts.collect(), schedule: conversation.schedule.clone() }
}

proptest! {
    /// What is allowed passes meaning for meaning, in order, and the record says the same.
    #[test]
    fn what_is_allowed_passes_as_it_was_meant(conversation in conversation()) {
        let mut stage = Stage::new(Rules::default());
        let played = conversation.play(&mut stage, &[], |_, _| {});
        prop_assert!(!stage.is_closed(), "{:?}", played.effects.last());
        let record = recorded(&played.effects);
        for (script, lane) in conversation.scripts.iter().zip(&played.lanes) {
            for side in SIDES {
                let sent = joined(&played.sent(*lane, side.other()));
                prop_assert_eq!(&sent, &meant(script, side), "lane {}", lane);
                let Some(Part::Request(head, _)) = script.client.first() else { panic!() };
                if head.protocol.as_ref().is_none_or(|protocol| protocol != "websocket") {
                    let content = sent.iter().filter_map(|part| match part {
                        Part::Body(bytes) => Some(bytes.as_ref()),
                        _ => None,
                    });
                    let content = content.collect::<Vec<_>>().concat();
                    let (payload, names) = &record[&(*lane, side)];
                    prop_assert_eq!(&content, payload);
                    let parts = sent.iter().filter(|part| !matches!(part, Part::Body(_))).count();
                    // An upgrade is told by two events beside the head that agrees to it.
                    let more = if script.tunnel && side == Side::Upstream { 2 } else { 0 };
                    prop_assert_eq!(names.len(), parts + more);
                }
            }
        }
        prop_assert_eq!(stage.held_bytes(), 0);
        check_words(&played.effects)?;
    }

    /// Content that is cut elsewhere is the same content, on the wire and on the record.
    #[test]
    fn cutting_content_elsewhere_changes_nothing(conversation in conversation(), size in 1_usize..40) {
        // One after the other: where pieces stand among what others say depends on how many there are.
        let whole = Conversation { schedule: Vec::new(), ..conversation };
        let pieces = cut(&whole, size);
        let (mut first, mut second) = (Stage::new(wary()), Stage::new(wary()));
        let whole = whole.play(&mut first, &[], |_, _| {});
        let pieces = pieces.play(&mut second, &[], |_, _| {});
        prop_assert_eq!(recorded(&whole.effects), recorded(&pieces.effects));
        prop_assert_eq!(&whole.lanes, &pieces.lanes);
        for lane in &whole.lanes {
            for side in SIDES {
                prop_assert_eq!(joined(&whole.sent(*lane, side)), joined(&pieces.sent(*lane, side)));
            }
        }
    }

    /// Nothing of a lane leaves while a question stands there; then it passes as it was meant, or never does. The other
    /// lanes go on.
    #[test]
    fn nothing_leaves_while_a_question_stands(
        conversation in conversation(),
        answers in collection::vec(prop_oneof![3 => Just(None), 1 => Just(Some(true)), 1 => Just(Some(false))], 0..80),
    ) {
        let mut stage = Stage::new(wary());
        let refuse = || Verdict::Refuse(Reason::new("elders", "not today"));
        let answers: Vec<Option<Verdict>> =
            answers.into_iter().map(|allow| allow.map(|allow| if allow { Verdict::Allow } else { refuse() })).collect();
        let mut standing: Vec<Lane> = Vec::new();
        let mut held_bytes_max = 0;
        let played = conversation.play(&mut stage, &answers, |stage, effects| {
            for effect in effects {
                if let Effect::Send { message: Message { lane, part }, .. } = effect {
                    let asked = stage.asked().any(|asked| asked == *lane);
                    assert!(!(asked && standing.contains(lane)), "{part:?} leaves");
                }
            }
            standing = stage.asked().collect();
            held_bytes_max = held_bytes_max.max(stage.held_bytes());
        });
        prop_assert!(!stage.is_closed(), "{:?}", played.effects.last());
        prop_assert!(held_bytes_max <= HELD_BYTES_MAX);
        prop_assert_eq!(stage.held_bytes(), 0);
        check_words(&played.effects)?;
        let mut refused = 0;
        for (script, lane) in conversation.scripts.iter().zip(&played.lanes) {
            let reached = joined(&played.sent(*lane, Side::Upstream));
            if reached.is_empty() {
                refused += 1;
                let told = played.sent(*lane, Side::Client);
                prop_assert!(matches!(told.first(), Some(Part::Response(head)) if head.status == 403));
                prop_assert!(matches!(told.last(), Some(Part::End)));
            } else {
                prop_assert_eq!(reached, meant(script, Side::Client));
                prop_assert_eq!(joined(&played.sent(*lane, Side::Client)), meant(script, Side::Upstream));
            }
        }
        // A refusal has a decision; so has an answer.
        let decided = events(&played.effects).filter(|event| event.kind.name() == "session.decision").count();
        prop_assert!(decided >= refused && decided >= played.questioned().len());
    }

    /// Whatever is said, in whatever order: no panic, nothing malformed leaves, nothing is held without bound.
    #[test]
    fn noise_does_no_harm(noise in collection::vec(any::<u8>(), 0..300)) {
        hold(&noise);
    }

    /// Noise among lanes that are open.
    #[test]
    fn noise_among_open_lanes_does_no_harm(
        opening in collection::vec((any::<u8>(), 0_u8..4, any::<u8>()), 1..6),
        noise in collection::vec(any::<u8>(), 0..200),
    ) {
        let opened = opening.into_iter().flat_map(|(kind, word, content)| [0, kind, word, content]);
        hold(&opened.chain(noise).collect::<Vec<u8>>());
    }
}
