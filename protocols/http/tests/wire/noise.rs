//! Any bytes as a conversation: parts on lanes, by both sides, in an order that no peer would keep.
//!
//! A turn is two bytes, what happens and on which lane, and for some more of them. `fuzz/` plays the same.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use wiretape_core::event::{HttpVersion, SessionEvent};
use wiretape_core::limits::HELD_BYTES_MAX;
use wiretape_core::{Effect, Kind, Lane, Reason, Side, Verdict};
use wiretape_http::{Content, Field, Message, Part, Problem, RequestHead, ResponseHead, Route};

use crate::grammar::Grammar;
use crate::stage::{Rule, Rules, Stage, Turn, events};

/// What only a gateway could say that is wrong itself.
const OWN_FAULTS: &[&str] = &[
    "requests of the client alone",
    "a lane that was not opened before",
    "a lane that was opened",
    "the parts of a request",
    "nothing before it was asked",
];

pub(crate) fn wary() -> Rules {
    let word = |word: &str| word.to_owned();
    Rules(vec![
        Rule::Ask { word: word("risky"), rule: word("risk"), group: word("elders") },
        Rule::Refuse { word: word("forbidden"), rule: word("policy"), text: word("not here") },
    ])
}

/// Plays what `bytes` stand for; gives the names of all that was recorded.
///
/// # Panics
/// When something happens that may not, whatever was said.
pub(crate) fn hold(bytes: &[u8]) -> BTreeSet<&'static str> {
    let mut said = BTreeSet::new();
    let mut reader = Reader { rest: bytes, opened: 0 };
    let mut stage = Stage::new(wary());
    let mut grammar = Grammar::default();
    let mut moments = Vec::new();
    while let Some(turn) = reader.turn() {
        let over = stage.is_closed();
        let effects = stage.play(turn);
        assert!(!over || effects.is_empty(), "something follows the end");
        effects.iter().for_each(|effect| grammar.take(effect));
        for event in events(&effects) {
            moments.push(event.at);
            said.insert(event.kind.name());
            if let Kind::Session(SessionEvent::Fault { expected, .. }) = &event.kind {
                assert!(OWN_FAULTS.contains(&expected.as_str()), "a peer ended the session: it should have {expected}");
            }
        }
        let closes = effects.iter().position(|effect| matches!(effect, Effect::Close(_)));
        assert!(closes.is_none_or(|place| place + 1 == effects.len()), "something follows the close");
        assert!(stage.held_bytes() <= 2 * HELD_BYTES_MAX, "too much is held");
    }
    assert!(moments.is_sorted(), "moments go back");
    said
}

struct Reader<'a> {
    rest: &'a [u8],
    opened: u32,
}

impl Reader<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn bytes(&mut self) -> Option<Bytes> {
        let length = usize::from(self.byte()?).min(self.rest.len());
        let (bytes, rest) = self.rest.split_at(length);
        self.rest = rest;
        Some(Bytes::copy_from_slice(bytes))
    }

    fn turn(&mut self) -> Option<Turn> {
        let what = self.byte()?;
        let side = if what & 0x80 == 0 { Side::Client } else { Side::Upstream };
        let part = match what & 0x7f {
            0..=9 => return self.request(side),
            10..=15 => Part::Informational(Box::new(Self::response(103, Content::Empty))),
            16..=31 => {
                let (status, content) = (self.byte()?, self.content()?);
                let status = *[200, 200, 101, 204, 304, 404].get(usize::from(status % 6))?;
                Part::Response(Box::new(Self::response(status, content)))
            }
            32..=71 => Part::Body(self.bytes()?),
            72..=79 => Part::Trailers(fields()),
            80..=103 => Part::End,
            104..=109 => Part::Reset { code: 8, reason: "enough".to_owned() },
            110..=113 => Part::Failed(Problem {
                status: 502,
                error: "target_unreachable",
                reason: "no way".to_owned(),
                place: None,
            }),
            114..=119 => return Some(Turn::Answer(Verdict::Allow)),
            120..=123 => return Some(Turn::Answer(Verdict::Refuse(Reason::new("elders", "not today")))),
            124 => return Some(Turn::End(side)),
            125 => return Some(Turn::Close(Reason::new("admin", "time is up"))),
            126 => return Some(Turn::Found((*["good", "bad"].get(usize::from(self.byte()? % 2))?).to_owned())),
            // More than is held of one lane, soon.
            _ => Part::Body(Bytes::from(vec![b'x'; 1 << 20])),
        };
        // The lanes that were opened last, and now and then one that was not.
        let lane = match self.byte()? {
            255 => self.opened + 1,
            back => self.opened.saturating_sub(u32::from(back % 4)),
        };
        Some(Turn::Say(side, Message { lane: Lane(lane), part }))
    }

    fn request(&mut self, side: Side) -> Option<Turn> {
        let (kind, word) = (self.byte()?, self.byte()?);
        let lane = if word & 0x70 == 0x70 { self.opened } else { self.opened + 1 };
        self.opened = self.opened.max(lane);
        let (method, protocol) = match kind % 8 {
            0 | 1 => ("GET", None),
            2 | 3 => ("POST", None),
            4 => ("HEAD", None),
            5 => ("CONNECT", (kind & 0x10 == 0).then_some("websocket")),
            6 => ("GET", Some("websocket")),
            _ => ("GET", Some(if kind & 0x10 == 0 { "line" } else { "other" })),
        };
        let content = if protocol.is_none() && method != "CONNECT" { self.content()? } else { Content::Empty };
        let path = match (method, word & 0x08) {
            // Where another wire reads the content.
            ("GET" | "POST", 0x08) => {
                let paths = ["/parcels", "/parcels?ask", "/mute/parcels", "/watched/parcels"];
                *paths.get(usize::from(word % 4))?
            }
            _ => *["/plain", "/risky", "/forbidden", "/plain?token=s3cret"].get(usize::from(word % 4))?,
        };
        let head = RequestHead {
            version: *[HttpVersion::Http10, HttpVersion::Http11, HttpVersion::Http2].get(usize::from(kind % 3))?,
            method: method.into(),
            scheme: "https".into(),
            authority: "api.example".into(),
            path: if method == "CONNECT" && protocol.is_none() { Bytes::new() } else { path.into() },
            protocol: protocol.map(Bytes::from),
            fields: fields(),
            content: if content == Content::Tunnel { Content::Streamed } else { content },
        };
        let part = Part::Request(Box::new(head), Arc::new(Route::default()));
        Some(Turn::Say(side, Message { lane: Lane(lane), part }))
    }

    fn content(&mut self) -> Option<Content> {
        Some(match self.byte()? {
            0..=63 => Content::Empty,
            64..=127 => Content::Streamed,
            128..=159 => Content::Tunnel,
            length => Content::Length(u64::from(length - 160)),
        })
    }

    fn response(status: u16, content: Content) -> ResponseHead {
        ResponseHead { version: HttpVersion::Http11, status, reason: Bytes::new(), fields: fields(), content }
    }
}

fn fields() -> Vec<Field> {
    let field = |name: &'static str, value: &'static str| Field { name: name.into(), value: value.into() };
    vec![field("accept", "*/*"), field("authorization", "Bearer s3cret")]
}
