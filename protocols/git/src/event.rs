//! What is recorded: bytes in runs, lists in parts, each within the limits of an event.

use bytes::{Buf, Bytes};
use wiretape_core::event::GitEvent;
use wiretape_core::limits::EVENT_PAYLOAD_BYTES_MAX;

use crate::limits::{ITEMS_PER_EVENT_MAX, TEXT_PER_EVENT_BYTES_MAX};

/// Events of what was said, verbatim.
pub(crate) fn data(bytes: &Bytes) -> impl Iterator<Item = GitEvent> + use<> {
    let mut rest = bytes.clone();
    std::iter::from_fn(move || {
        let run = rest.split_to(rest.len().min(EVENT_PAYLOAD_BYTES_MAX));
        run.has_remaining().then_some(GitEvent::Data { bytes: run })
    })
}

/// Items that are gathered for an event, and told as soon as they are many.
#[derive(Debug)]
pub(crate) struct Gathered<T> {
    items: Vec<T>,
    text_bytes: usize,
}

impl<T> Default for Gathered<T> {
    fn default() -> Self {
        Self { items: Vec::new(), text_bytes: 0 }
    }
}

impl<T> Gathered<T> {
    /// One more, of so much text; yields those before it when they are enough for an event.
    pub(crate) fn push(&mut self, item: T, text_bytes: usize) -> Option<Vec<T>> {
        let text_bytes_now = self.text_bytes.saturating_add(text_bytes);
        let full = self.items.len() >= ITEMS_PER_EVENT_MAX || text_bytes_now > TEXT_PER_EVENT_BYTES_MAX;
        let before = if full { self.take() } else { None };
        self.text_bytes += text_bytes;
        self.items.push(item);
        before
    }

    /// Takes out what was gathered, if there is any.
    pub(crate) fn take(&mut self) -> Option<Vec<T>> {
        self.text_bytes = 0;
        (!self.items.is_empty()).then(|| std::mem::take(&mut self.items))
    }

    /// True while nothing is gathered.
    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The newest item.
    pub(crate) fn last_mut(&mut self) -> Option<&mut T> {
        self.items.last_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::{Gathered, data};
    use crate::limits::{ITEMS_PER_EVENT_MAX, TEXT_PER_EVENT_BYTES_MAX};
    use bytes::Bytes;
    use wiretape_core::limits::EVENT_PAYLOAD_BYTES_MAX;

    #[test]
    fn long_runs_are_several_events() {
        let run = Bytes::from(vec![0; EVENT_PAYLOAD_BYTES_MAX + 1]);
        assert_eq!(data(&run).count(), 2);
        assert_eq!(data(&run.slice(1..)).count(), 1);
        assert_eq!(data(&Bytes::new()).count(), 0);
    }

    #[test]
    fn long_lists_are_several_events() {
        let mut gathered = Gathered::default();
        let parts = (0..ITEMS_PER_EVENT_MAX * 2 + 1).filter_map(|number| gathered.push(number, 0)).count();
        assert_eq!((parts, gathered.take().map(|rest| rest.len())), (2, Some(1)));
        let mut gathered = Gathered::default();
        assert_eq!(gathered.push("long", TEXT_PER_EVENT_BYTES_MAX * 2), None);
        assert_eq!(gathered.push("short", 1), Some(vec!["long"]));
        assert_eq!(gathered.take(), Some(vec!["short"]));
        assert_eq!(gathered.take(), None);
    }
}
