//! What was recorded of HTTP: exchanges, each with what both sides said in it.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};
use wiretape_core::event::{ControlKind, HeaderField, HttpEvent, HttpVersion, Kind, MessageKind, StreamEvent};
use wiretape_core::{Event, Lane, Moment, Side};
use wiretape_recorder::Tape;

use crate::random::hex;
use crate::record::{Carried, Events, Session};

/// What one side said in an exchange, behind the head.
#[derive(Clone, Debug, Default)]
pub struct Said {
    /// The content.
    pub content: Vec<u8>,
    /// The runs in which it came, with their times.
    pub runs: Vec<(Moment, usize)>,
    /// The fields behind it.
    pub trailers: Vec<(String, String)>,
    /// Whether the message is complete.
    pub complete: bool,
    /// The code and the reason, where the side broke the exchange off.
    pub reset: Option<(u32, String)>,
    /// Bytes of another protocol that nothing here reads.
    pub opaque: Vec<u8>,
}

/// A request, its response, and what became of them.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// Where it stood.
    pub lane: Lane,
    /// When the request came.
    pub at: Moment,
    /// The version that the client spoke.
    pub version: HttpVersion,
    /// The method.
    pub method: String,
    /// The scheme.
    pub scheme: String,
    /// Host and port.
    pub authority: String,
    /// Path and query.
    pub path: String,
    /// What it was to become.
    pub protocol: Option<String>,
    /// The fields of the request.
    pub fields: Vec<HeaderField>,
    /// What the client said behind its head.
    pub request: Said,
    /// The interim responses.
    pub informational: Vec<u16>,
    /// The status of the response; 0 without one.
    pub status: u16,
    /// The version that the target spoke.
    pub target_version: Option<HttpVersion>,
    /// The fields of the response.
    pub response_fields: Vec<HeaderField>,
    /// What was said to the client behind that head.
    pub response: Said,
    /// What the lane became.
    pub upgrade: Option<String>,
    /// What was said to be opaque.
    pub opaque: Option<String>,
    /// WebSocket messages, whole.
    pub messages: Vec<(Side, MessageKind, Vec<u8>)>,
    /// WebSocket control frames.
    pub controls: Vec<(Side, ControlKind, Vec<u8>)>,
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The recorded values of the field `name`, in order.
#[must_use]
pub fn recorded(fields: &[HeaderField], name: &str) -> Vec<String> {
    let named = fields.iter().filter(|field| field.name.eq_ignore_ascii_case(name.as_bytes()));
    named.map(|field| text(&field.value)).collect()
}

impl Exchange {
    fn of(event: &Event) -> Option<Self> {
        let Kind::Http(HttpEvent::Request { version, method, scheme, authority, path, protocol, fields }) = &event.kind
        else {
            return None;
        };
        Some(Self {
            lane: event.lane,
            at: event.at,
            version: *version,
            method: text(method),
            scheme: text(scheme),
            authority: text(authority),
            path: text(path),
            protocol: protocol.as_deref().map(text),
            fields: fields.clone(),
            request: Said::default(),
            informational: Vec::new(),
            status: 0,
            target_version: None,
            response_fields: Vec::new(),
            response: Said::default(),
            upgrade: None,
            opaque: None,
            messages: Vec::new(),
            controls: Vec::new(),
        })
    }

    /// What `side` said behind its head.
    #[must_use]
    pub fn said(&self, side: Side) -> &Said {
        match side {
            Side::Client => &self.request,
            Side::Upstream => &self.response,
        }
    }

    fn take(&mut self, event: &Event) {
        let said = match event.side {
            Side::Client => &mut self.request,
            Side::Upstream => &mut self.response,
        };
        match &event.kind {
            Kind::Http(HttpEvent::Body { bytes }) => {
                said.content.extend_from_slice(bytes);
                said.runs.push((event.at, bytes.len()));
            }
            Kind::Http(HttpEvent::Trailers { fields }) => {
                said.trailers = fields.iter().map(|field| (text(&field.name), text(&field.value))).collect();
            }
            Kind::Http(HttpEvent::End) => said.complete = true,
            Kind::Http(HttpEvent::Reset { code, reason }) => said.reset = Some((*code, reason.clone())),
            Kind::Stream(StreamEvent::Data { bytes, .. }) => said.opaque.extend_from_slice(bytes),
            Kind::Stream(StreamEvent::Opaque { what }) => self.opaque = Some(what.clone()),
            Kind::Http(HttpEvent::Informational { status, .. }) => self.informational.push(*status),
            Kind::Http(HttpEvent::Response { version, status, fields, .. }) => {
                self.status = *status;
                self.target_version = Some(*version);
                self.response_fields.clone_from(fields);
            }
            Kind::Http(HttpEvent::Upgrade { protocol }) => self.upgrade = Some(text(protocol)),
            Kind::Http(HttpEvent::Message { kind, bytes, first, .. }) => {
                if *first {
                    self.messages.push((event.side, *kind, bytes.to_vec()));
                } else {
                    let open = self.messages.iter_mut().rev().find(|(side, ..)| *side == event.side);
                    open.expect("a message goes on that has begun").2.extend_from_slice(bytes);
                }
            }
            Kind::Http(HttpEvent::Control { kind, bytes }) => {
                self.controls.push((event.side, *kind, bytes.to_vec()));
            }
            _ => {}
        }
    }
}

impl Events {
    /// The exchanges, in the order of their requests.
    #[must_use]
    pub fn exchanges(&self) -> Vec<Exchange> {
        let mut exchanges: Vec<Exchange> = Vec::new();
        let mut places: BTreeMap<Lane, usize> = BTreeMap::new();
        for event in &self.0 {
            if let Some(exchange) = Exchange::of(event) {
                assert!(places.insert(event.lane, exchanges.len()).is_none(), "one exchange a lane: {}", event.lane);
                exchanges.push(exchange);
            } else if let Some(place) = places.get(&event.lane) {
                exchanges[*place].take(event);
            }
        }
        exchanges
    }

    /// The one exchange there is.
    #[must_use]
    pub fn exchange(&self) -> Exchange {
        let mut exchanges = self.exchanges();
        assert_eq!(exchanges.len(), 1, "one exchange: {exchanges:#?}");
        exchanges.remove(0)
    }

    /// Events of the family `http`.
    pub fn http(&self) -> impl Iterator<Item = &HttpEvent> {
        self.0.iter().filter_map(|event| match &event.kind {
            Kind::Http(kind) => Some(kind),
            _ => None,
        })
    }
}

impl Session {
    /// The lanes of its exchanges, in order, without holding more.
    #[must_use]
    pub fn lanes(&self) -> Vec<Lane> {
        let tape = Tape::open(&self.tape()).expect("the tape is there");
        let lanes = tape.events().filter_map(|event| {
            let event = event.expect("the tape can be read");
            matches!(event.kind, Kind::Http(HttpEvent::Request { .. })).then_some(event.lane)
        });
        lanes.collect()
    }

    /// The content of each side on each lane, without holding it all.
    #[must_use]
    pub fn contents(&self) -> Carried {
        let tape = Tape::open(&self.tape()).expect("the tape is there");
        let mut streams: BTreeMap<(bool, Lane, bool), (u64, Sha256)> = BTreeMap::new();
        for event in tape.events() {
            let event = event.expect("the tape can be read");
            if let Kind::Http(HttpEvent::Body { bytes }) = event.kind {
                let stream = streams.entry((event.side == Side::Client, event.lane, false)).or_default();
                stream.0 += bytes.len() as u64;
                stream.1.update(&bytes);
            }
        }
        Carried::of_streams(streams.into_iter().map(|(key, (count, hash))| (key, (count, hex(&hash.finalize())))))
    }
}
