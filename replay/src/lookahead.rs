//! Reading ahead: events are decoded on a thread of their own, so that none has to be waited for when it is due.

use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{self, JoinHandle};

use anyhow::anyhow;
use wiretape_core::Event;

use crate::limits::{BATCH_BYTES, BATCH_EVENTS_MAX, BATCHES_AHEAD_MAX};
use crate::source::EventStream;

type Batch = Vec<anyhow::Result<Event>>;

/// Events, read ahead. Dropping it ends the thread that reads.
pub struct Lookahead {
    /// `None` only while it is dropped.
    batches: Option<Receiver<Batch>>,
    reader: Option<JoinHandle<()>>,
    current: std::vec::IntoIter<anyhow::Result<Event>>,
}

impl Lookahead {
    /// Begins to read `events`.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub fn new(events: EventStream) -> std::io::Result<Self> {
        let (sender, batches) = sync_channel(BATCHES_AHEAD_MAX);
        let reader = thread::Builder::new().name("lookahead".to_owned()).spawn(move || {
            let mut events = events;
            loop {
                let batch = batch(&mut events);
                // Nobody listens any more: it was dropped.
                if batch.is_empty() || sender.send(batch).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { batches: Some(batches), reader: Some(reader), current: Vec::new().into_iter() })
    }
}

impl Iterator for Lookahead {
    type Item = anyhow::Result<Event>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(event) = self.current.next() {
                return Some(event);
            }
            match self.batches.as_ref()?.recv() {
                Ok(batch) => self.current = batch.into_iter(),
                Err(_) => {
                    // A reader that panicked has not read to the end: that is not to be taken for the end.
                    let ended = self.reader.take()?.join();
                    return ended.is_err().then(|| Err(anyhow!("the reader of the tape failed")));
                }
            }
        }
    }
}

impl Drop for Lookahead {
    fn drop(&mut self) {
        // The reader notices when it has its batch ready; waiting for it keeps readers from piling up while one seeks.
        self.batches = None;
        if let Some(reader) = self.reader.take() {
            // What it had to say was not asked for any more.
            let _ = reader.join();
        }
    }
}

fn batch(events: &mut EventStream) -> Batch {
    let mut batch = Vec::with_capacity(BATCH_EVENTS_MAX);
    let mut bytes = 0;
    while batch.len() < BATCH_EVENTS_MAX && bytes < BATCH_BYTES {
        let Some(event) = events.next() else { break };
        if let Ok(event) = &event {
            bytes += event.kind.payload_bytes();
        }
        batch.push(event);
    }
    batch
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use wiretape_core::event::{StreamEvent, TerminalEvent};
    use wiretape_core::{Event, Kind, Lane, Moment, Side};

    use super::Lookahead;
    use crate::source::Source;

    #[test]
    fn every_event_comes_once_and_in_order() {
        let events: Vec<Event> = (0..2_000)
            .map(|number| Event {
                at: Moment::from_nanos(number),
                side: Side::Upstream,
                lane: Lane(1),
                kind: Kind::Terminal(TerminalEvent::Output { error: false, bytes: Bytes::from(vec![b'x'; 700]) }),
            })
            .collect();
        let read = Lookahead::new(events.events_from(Moment::START).unwrap()).unwrap();
        assert_eq!(read.map(Result::unwrap).collect::<Vec<_>>(), events);
        let mut left_early = Lookahead::new(events.events_from(Moment::from_nanos(5)).unwrap()).unwrap();
        assert_eq!(left_early.next().unwrap().unwrap(), events[5]);
    }

    #[test]
    fn a_reader_that_fails_is_not_taken_for_the_end() {
        let one =
            Event { at: Moment::START, side: Side::Upstream, lane: Lane(1), kind: Kind::Stream(StreamEvent::Eof) };
        let failing = std::iter::once(Ok(one)).chain(std::iter::from_fn(|| panic!("on purpose")));
        let read: Vec<_> = Lookahead::new(Box::new(failing)).unwrap().collect();
        assert!(read.last().unwrap().is_err());
    }
}
