//! What leaves is well-formed, whatever came in: a second, simple reading of what a side may be told.

use std::collections::BTreeMap;

use wiretape_core::{Effect, Event, Kind, Lane, Side};
use wiretape_http::{Content, Message, Part};

/// What a side was told on a lane so far.
#[derive(Clone, Copy, Debug, Default)]
struct Told {
    head: bool,
    left_bytes: Option<u64>,
    trailers: bool,
    end: bool,
    reset: bool,
}

/// All that was told, and all that was recorded.
#[derive(Debug, Default)]
pub(crate) struct Grammar {
    told: BTreeMap<(Lane, Side), Told>,
    /// Events by lane, side and name that cover nothing yet.
    noted: BTreeMap<(Lane, Side, &'static str), usize>,
    /// Bytes of content that are on the record and were not sent.
    recorded_bytes: BTreeMap<(Lane, Side), usize>,
    /// What is held for a side.
    held: BTreeMap<(Lane, Side), Vec<Message>>,
    /// Lanes whose bytes are on the record as messages, without their frames.
    framed: Vec<Lane>,
}

impl Grammar {
    /// Takes the next effect.
    ///
    /// # Panics
    /// When it may not stand here.
    pub(crate) fn take(&mut self, effect: &Effect<Message>) {
        match effect {
            Effect::Append(event) => self.append(event),
            Effect::Send { to, message } => {
                self.cover(*to, message);
                self.told(*to, message);
            }
            Effect::Hold { to, lane, message } => {
                assert_eq!((*lane, *to), (message.lane, Side::Upstream), "only requests are held, each on its lane");
                self.cover(*to, message);
                self.held.entry((*lane, *to)).or_default().push(message.clone());
            }
            Effect::Release { to, lane } => {
                let held = self.held.remove(&(*lane, *to)).expect("something that is held");
                held.iter().for_each(|message| self.told(*to, message));
            }
            Effect::Discard { to, lane } => {
                self.held.remove(&(*lane, *to)).expect("something that is held");
            }
            Effect::Ask { .. } | Effect::Withdraw { .. } | Effect::Examine { .. } => {}
            Effect::Close(_) => assert!(self.held.is_empty(), "something is held for ever: {:?}", self.held),
        }
    }

    fn append(&mut self, event: &Event) {
        let Event { side, lane, kind, .. } = event;
        *self.noted.entry((*lane, *side, kind.name())).or_default() += 1;
        *self.recorded_bytes.entry((*lane, *side)).or_default() += kind.payload_bytes();
        if let Kind::Http(wiretape_core::event::HttpEvent::Upgrade { protocol }) = kind
            && matches!(protocol.as_ref(), b"websocket" | b"line")
        {
            self.framed.push(*lane);
        }
    }

    /// Whatever is sent is on the record already: said by the other side, or by the gateway to this one.
    fn cover(&mut self, to: Side, message: &Message) {
        let Message { lane, part } = message;
        let names: &[&str] = match part {
            Part::Request(..) => &["http.request"],
            Part::Informational(_) => &["http.informational"],
            Part::Response(_) => &["http.response"],
            Part::Trailers(_) => &["http.trailers"],
            Part::End => &["http.end", "stream.eof"],
            Part::Reset { .. } => &["http.reset"],
            Part::Failed(_) => panic!("the gateway is told that it failed"),
            Part::Body(_) if self.framed.contains(lane) => return,
            Part::Body(bytes) => {
                let covered = [to.other(), to].into_iter().any(|by| {
                    let left = self.recorded_bytes.get_mut(&(*lane, by)).filter(|left| **left >= bytes.len());
                    left.map(|left| *left -= bytes.len()).is_some()
                });
                assert!(covered, "{} bytes on lane {lane} to the {to} are not on the record", bytes.len());
                return;
            }
        };
        let covered =
            [to.other(), to].into_iter().flat_map(|by| names.iter().map(move |name| (by, *name))).any(|(by, name)| {
                let left = self.noted.get_mut(&(*lane, by, name)).filter(|left| **left > 0);
                left.map(|left| *left -= 1).is_some()
            });
        assert!(covered, "{part:?} on lane {lane} to the {to} is not on the record");
    }

    fn told(&mut self, to: Side, message: &Message) {
        let Message { lane, part } = message;
        if let Part::Response(head) = part
            && head.content == Content::Tunnel
        {
            // From here on the target is told bytes of another protocol.
            self.told.entry((*lane, Side::Upstream)).or_default().left_bytes = None;
        }
        let told = self.told.entry((*lane, to)).or_default();
        assert!(!told.reset, "{part:?} behind a reset, to the {to}");
        let inside = told.head && !told.end;
        let fits = match part {
            Part::Request(head, _) => to == Side::Upstream && !told.head && told.begin(head.content),
            Part::Informational(_) => to == Side::Client && !told.head,
            Part::Response(head) => to == Side::Client && !told.head && told.begin(head.content),
            Part::Body(bytes) => inside && !told.trailers && !bytes.is_empty() && told.content(bytes.len()),
            Part::Trailers(_) => inside && !std::mem::replace(&mut told.trailers, true),
            Part::End => {
                inside && !std::mem::replace(&mut told.end, true) && told.left_bytes.is_none_or(|left| left == 0)
            }
            // Behind an end it says that the rest of the other message is not needed.
            Part::Reset { .. } => !std::mem::replace(&mut told.reset, true) && (told.head || to == Side::Client),
            Part::Failed(_) => false,
        };
        assert!(fits, "{part:?} to the {to}, who was told {told:?}");
    }
}

impl Told {
    fn begin(&mut self, content: Content) -> bool {
        self.head = true;
        self.left_bytes = match content {
            Content::Empty => Some(0),
            Content::Length(bytes) => Some(bytes),
            Content::Streamed | Content::Tunnel => None,
        };
        true
    }

    fn content(&mut self, bytes: usize) -> bool {
        let Some(left) = &mut self.left_bytes else { return true };
        let rest = left.checked_sub(bytes as u64);
        *left = rest.unwrap_or_default();
        rest.is_some()
    }
}
