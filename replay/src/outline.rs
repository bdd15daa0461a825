//! A first look at a whole session: its lanes, its markers, how long it is.

use std::collections::BTreeMap;

use wiretape_core::event::{GitEvent, HttpEvent, ProcessEvent, SessionEvent, StreamEvent, StreamKind};
use wiretape_core::{Event, Kind, Lane, Moment};

use crate::describe;
use crate::exchange::url;
use crate::legible::{excerpt, excerpt_bytes};
use crate::limits::{LABEL_LETTERS_MAX, MARKERS_KEPT_MAX, OUTLINE_LANES_MAX};
use crate::source::Source;

/// What a session holds, without its content.
#[derive(Clone, Debug, Default)]
pub struct Outline {
    /// The lanes that carried anything, without the connection itself.
    pub lanes: BTreeMap<Lane, LaneOutline>,
    /// Places worth finding again, in order.
    pub markers: Vec<(Moment, String)>,
    /// How many events there are.
    pub events: u64,
    /// When the last one was.
    pub last: Moment,
    /// What stopped the reading before the end.
    pub damage: Option<String>,
}

/// One lane in outline.
#[derive(Clone, Debug, Default)]
pub struct LaneOutline {
    /// What ran on it: `shell`, ``exec `make` ``, `forward to 10.0.0.1:80`.
    pub what: String,
    /// Whether it is a terminal.
    pub terminal: bool,
}

impl Outline {
    /// Looks through a whole session. A tape that is damaged is looked through up to the damage.
    ///
    /// # Errors
    /// When it cannot be read at all.
    pub fn new(source: &dyn Source) -> anyhow::Result<Self> {
        let mut outline = Self::default();
        for event in source.events_from(Moment::START)? {
            match event {
                Ok(event) => outline.take(&event),
                Err(error) if outline.events == 0 => return Err(error),
                Err(error) => outline.damage = Some(format!("{error:#}")),
            }
        }
        Ok(outline)
    }

    /// The lanes that are terminals, in the order in which they opened.
    pub fn terminals(&self) -> impl Iterator<Item = (Lane, &LaneOutline)> {
        self.lanes.iter().filter(|(_, outline)| outline.terminal).map(|(lane, outline)| (*lane, outline))
    }

    fn take(&mut self, event: &Event) {
        self.events += 1;
        self.last = self.last.max(event.at);
        match &event.kind {
            Kind::Session(SessionEvent::Marker { label }) if self.markers.len() < MARKERS_KEPT_MAX => {
                self.markers.push((event.at, describe::label(label)));
            }
            Kind::Session(_) => {}
            _ if event.lane == Lane::CONNECTION => {}
            kind => {
                if self.lanes.len() < OUTLINE_LANES_MAX || self.lanes.contains_key(&event.lane) {
                    self.lanes.entry(event.lane).or_default().take(kind);
                }
            }
        }
    }
}

impl LaneOutline {
    fn take(&mut self, kind: &Kind) {
        match kind {
            Kind::Terminal(_) => self.terminal = true,
            Kind::Process(ProcessEvent::Start { kind }) => self.what = describe::program(kind),
            Kind::Stream(StreamEvent::Open { kind }) if *kind != StreamKind::Session => {
                self.what = describe::stream_kind(kind);
            }
            Kind::Http(HttpEvent::Request { method, scheme, authority, path, .. }) => {
                let method = excerpt_bytes(method, LABEL_LETTERS_MAX);
                let asked = excerpt(&url::address(scheme, authority, path), LABEL_LETTERS_MAX);
                self.what = format!("{method} {asked}");
            }
            Kind::Git(GitEvent::Service { service, repository }) => {
                self.what = describe::conversation(*service, repository);
            }
            Kind::Query(_) if self.what.is_empty() => self.what = "database session".to_owned(),
            _ => {}
        }
    }
}
