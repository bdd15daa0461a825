//! Where the events of a session come from.

use wiretape_core::{Event, Moment};
use wiretape_recorder::Tape;

/// The events of a session in order; nothing follows an error.
pub type EventStream = Box<dyn Iterator<Item = anyhow::Result<Event>> + Send>;

/// A recorded session that can be read from any moment, as often as one likes.
pub trait Source: Send + Sync {
    /// The events from `at` on; earlier ones may come before them.
    ///
    /// # Errors
    /// When it cannot be read.
    fn events_from(&self, at: Moment) -> anyhow::Result<EventStream>;
}

impl Source for Tape {
    fn events_from(&self, at: Moment) -> anyhow::Result<EventStream> {
        let events = if at == Moment::START { self.events() } else { Self::events_from(self, at) };
        Ok(Box::new(events.map(|event| event.map_err(anyhow::Error::from))))
    }
}

/// Events in memory.
impl Source for Vec<Event> {
    fn events_from(&self, at: Moment) -> anyhow::Result<EventStream> {
        let events: Self = self.iter().filter(|event| event.at >= at).cloned().collect();
        Ok(Box::new(events.into_iter().map(Ok)))
    }
}
