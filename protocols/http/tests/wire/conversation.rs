//! Peers that keep to the rules: several exchanges at once, each said in its own order.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::{collection, option};
use wiretape_core::event::HttpVersion;
use wiretape_core::{Effect, Lane, Side, Verdict};
use wiretape_http::{Content, Field, Message, Part, RequestHead, ResponseHead, Route};

use crate::stage::{Effects, Stage, Turn};

/// One exchange: what each side says in it.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) client: Vec<Part>,
    pub(crate) upstream: Vec<Part>,
    /// What follows an upgrade.
    pub(crate) tunnel: bool,
}

/// Exchanges, and who speaks in which of them next.
#[derive(Clone, Debug)]
pub(crate) struct Conversation {
    pub(crate) scripts: Vec<Script>,
    pub(crate) schedule: Vec<(usize, bool)>,
}

/// What became of a conversation.
pub(crate) struct Played {
    pub(crate) effects: Effects,
    /// The lane of each script.
    pub(crate) lanes: Vec<Lane>,
}

impl Conversation {
    /// Plays it: a side says what is due to follow from what it heard. Questions are answered by `answers`, and the last
    /// ones allowed.
    pub(crate) fn play(
        &self,
        stage: &mut Stage,
        answers: &[Option<Verdict>],
        mut see: impl FnMut(&Stage, &Effects),
    ) -> Played {
        let mut ends: Vec<[VecDeque<Part>; 2]> =
            self.scripts.iter().map(|script| [script.client.clone().into(), script.upstream.clone().into()]).collect();
        let mut played = Played { effects: Vec::new(), lanes: vec![Lane::CONNECTION; self.scripts.len()] };
        let mut answers = answers.iter();
        let rest = (0..self.scripts.len()).flat_map(|place| [(place, false), (place, true)]);
        let rest: Vec<(usize, bool)> = rest.collect();
        let mut opened = 0;
        let mut schedule: VecDeque<(usize, bool)> = self.schedule.iter().copied().collect();
        let mut spoken = true;
        loop {
            let Some((place, upstream)) = schedule.pop_front() else {
                // Once nobody has anything to say that is due, the questions are answered, and then it is over.
                if !spoken && !played.answer(stage, &mut see) {
                    return played;
                }
                spoken = false;
                schedule.extend(&rest);
                continue;
            };
            let place = place % self.scripts.len();
            let side = if upstream { Side::Upstream } else { Side::Client };
            if let Some(Some(verdict)) = answers.next() {
                let effects = stage.play(Turn::Answer(verdict.clone()));
                see(stage, &effects);
                played.effects.extend(effects);
            }
            let begins = side == Side::Client && ends[place][0].len() == self.scripts[place].client.len();
            if begins {
                opened += 1;
                played.lanes[place] = Lane(opened);
            } else if !played.is_due(
                played.lanes[place],
                side,
                ends[place][usize::from(upstream)].front(),
                self.scripts[place].tunnel,
            ) {
                continue;
            }
            let Some(part) = ends[place][usize::from(upstream)].pop_front() else { continue };
            spoken = true;
            let message = Message { lane: played.lanes[place], part };
            let effects = stage.play(Turn::Say(side, message));
            see(stage, &effects);
            played.effects.extend(effects);
        }
    }
}

impl Played {
    fn answer(&mut self, stage: &mut Stage, see: &mut impl FnMut(&Stage, &Effects)) -> bool {
        if stage.asked().next().is_none() {
            return false;
        }
        let effects = stage.play(Turn::Answer(Verdict::Allow));
        see(stage, &effects);
        self.effects.extend(effects);
        true
    }

    fn heard(&self, lane: Lane, to: Side, what: impl Fn(&Part) -> bool) -> bool {
        crate::stage::sent(&self.effects, to).any(|message| message.lane == lane && what(&message.part))
    }

    /// The target answers what it was asked, and another protocol is spoken once that was agreed on.
    fn is_due(&self, lane: Lane, side: Side, part: Option<&Part>, tunnel: bool) -> bool {
        let agreed = |part: &Part| matches!(part, Part::Response(head) if head.content == Content::Tunnel);
        match side {
            Side::Upstream => self.heard(lane, Side::Upstream, |part| matches!(part, Part::Request(..))),
            Side::Client if tunnel && matches!(part, Some(Part::Body(_) | Part::End)) => {
                self.heard(lane, Side::Client, agreed)
            }
            Side::Client => true,
        }
    }

    /// What was sent to a side in one exchange.
    pub(crate) fn sent(&self, lane: Lane, to: Side) -> Vec<Part> {
        let sent = crate::stage::sent(&self.effects, to).filter(|message| message.lane == lane);
        sent.map(|message| message.part.clone()).collect()
    }

    /// The lanes that a question was about.
    pub(crate) fn questioned(&self) -> Vec<Lane> {
        let asked = self.effects.iter().filter_map(|effect| match effect {
            Effect::Ask { unit, .. } => Some(unit.lane),
            _ => None,
        });
        asked.collect()
    }
}

/// Parts of content that stand side by side are one; those without a byte are none.
pub(crate) fn joined(parts: &[Part]) -> Vec<Part> {
    let mut joined: Vec<Part> = Vec::new();
    for part in parts {
        match (joined.last_mut(), part) {
            (_, Part::Body(bytes)) if bytes.is_empty() => {}
            (Some(Part::Body(before)), Part::Body(bytes)) => *before = [before.as_ref(), bytes].concat().into(),
            _ => joined.push(part.clone()),
        }
    }
    joined
}

/// Some exchanges, and an order of speech.
pub(crate) fn conversation() -> impl Strategy<Value = Conversation> {
    let script = prop_oneof![6 => plain(), 1 => websocket(), 1 => opaque()];
    (collection::vec(script, 1..6), collection::vec((0_usize..6, any::<bool>()), 0..60))
        .prop_map(|(scripts, schedule)| Conversation { scripts, schedule })
}

fn runs() -> impl Strategy<Value = Vec<Bytes>> {
    let run = prop_oneof![
        8 => collection::vec(any::<u8>(), 0..40).prop_map(Bytes::from),
        1 => (1_usize..100_000).prop_map(|length| Bytes::from(vec![b'x'; length])),
    ];
    collection::vec(run, 0..4)
}

fn trailers() -> impl Strategy<Value = Option<Vec<Field>>> {
    option::weighted(0.2, Just(vec![field("grpc-status", "0"), field("x-checksum", "5f")]))
}

fn message(head: Part, runs: Vec<Bytes>, trailers: Option<Vec<Field>>) -> Vec<Part> {
    let mut parts = vec![head];
    parts.extend(runs.into_iter().map(Part::Body));
    parts.extend(trailers.map(Part::Trailers));
    parts.push(Part::End);
    parts
}

fn content(runs: &[Bytes], streamed: bool, trailers: bool) -> Content {
    match runs.iter().map(|run| run.len() as u64).sum() {
        _ if streamed || trailers => Content::Streamed,
        0 => Content::Empty,
        bytes => Content::Length(bytes),
    }
}

fn plain() -> impl Strategy<Value = Script> {
    let request = (prop_oneof![Just("GET"), Just("POST"), Just("HEAD")], path(), runs(), any::<bool>(), trailers());
    let response =
        (0_usize..3, prop_oneof![4 => Just(200), 1 => Just(204), 1 => Just(404)], runs(), any::<bool>(), trailers());
    (request, response).prop_map(|((method, path, said, streamed, trailers), response)| {
        let head = request_head(method, path, None, content(&said, streamed, trailers.is_some()));
        let client = message(Part::Request(Box::new(head), route()), said, trailers);
        let (interim, status, mut said, streamed, mut trailers) = response;
        if method == "HEAD" || status == 204 {
            (said, trailers) = (Vec::new(), None);
        }
        let content = content(&said, streamed, trailers.is_some());
        let head = Part::Response(Box::new(response_head(status, content)));
        let hints = || Part::Informational(Box::new(response_head(103, Content::Empty)));
        let mut upstream: Vec<Part> = (0..interim).map(|_| hints()).collect();
        upstream.extend(message(head, said, trailers));
        Script { client, upstream, tunnel: false }
    })
}

fn websocket() -> impl Strategy<Value = Script> {
    let masked = [&[0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d][..], &[0x7f, 0x9f, 0x4d, 0x51, 0x58]].concat();
    let said = |frame: Vec<u8>| collection::vec(Just(Bytes::from(frame)), 0..4);
    (path(), said(masked), said(b"\x81\x05hello".to_vec()))
        .prop_map(|(path, client, upstream)| tunnel(path, "websocket", client, upstream))
}

fn opaque() -> impl Strategy<Value = Script> {
    (path(), runs(), runs()).prop_map(|(path, client, upstream)| tunnel(path, "other", client, upstream))
}

fn tunnel(path: &'static str, protocol: &'static str, client: Vec<Bytes>, upstream: Vec<Bytes>) -> Script {
    let head = request_head("GET", path, Some(protocol.into()), Content::Empty);
    let client = message(Part::Request(Box::new(head), route()), client, None);
    let upstream = message(Part::Response(Box::new(response_head(101, Content::Tunnel))), upstream, None);
    Script { client, upstream, tunnel: true }
}

fn path() -> impl Strategy<Value = &'static str> {
    prop_oneof![4 => Just("/plain"), 1 => Just("/risky"), 1 => Just("/forbidden")]
}

fn route() -> Arc<Route> {
    Arc::new(Route { pseudonym: "gate".to_owned(), ..Route::default() })
}

fn field(name: &'static str, value: &'static str) -> Field {
    Field { name: name.into(), value: value.into() }
}

fn request_head(method: &'static str, path: &'static str, protocol: Option<Bytes>, content: Content) -> RequestHead {
    RequestHead {
        version: HttpVersion::Http11,
        method: method.into(),
        scheme: "https".into(),
        authority: "api.example".into(),
        path: path.into(),
        protocol,
        fields: vec![field("accept", "*/*"), field("sec-websocket-extensions", "permessage-deflate")],
        content,
    }
}

fn response_head(status: u16, content: Content) -> ResponseHead {
    let fields = vec![field("content-type", "text/plain")];
    ResponseHead { version: HttpVersion::Http2, status, reason: Bytes::new(), fields, content }
}
