//! What waits to be sent on one lane to one side: in memory up to a budget, then on disk, never without limit.
//!
//! The SSH library grants a peer new window when bytes arrive, not when they were passed on, and one connection that is
//! not read delays every lane on it, its window adjustments included. So a lane whose receiver stalls must not stop
//! the connection that feeds it: while the receiver makes progress the feeding connection is held back a little; when
//! the receiver stands still, what comes for it goes to a file without a name, and every other lane goes on.

use std::collections::VecDeque;
use std::fs::File;
use std::future::{Future, poll_fn};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;
use wiretape_ssh::{Message, Request};

use crate::hold::{Leaving, Piece, Taken};

/// Bytes of one lane and direction that wait in memory.
pub(crate) const MEMORY_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Bytes of one lane and direction that wait on disk.
pub(crate) const SPOOL_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// Bytes that requests of one lane and direction take in memory while they wait: they do not go to disk.
const REQUEST_BYTES_MAX: usize = 1024 * 1024;

/// What a request counts beside its texts, in bytes: its own size, roughly.
const REQUEST_BYTES: usize = 256;

/// How long a receiver may stand still before its bytes go to disk.
const STANDSTILL: Duration = Duration::from_millis(100);

/// How much is read back from disk at once.
const READ_BACK_BYTES: usize = 256 * 1024;

/// A message and the event that must be kept before it may leave.
#[derive(Debug)]
pub(crate) struct Parcel {
    pub(crate) message: Message,
    /// The number of the event that covers it; `None` for a farewell, which leaves in any case.
    pub(crate) event: Option<u64>,
}

/// The end that messages are put into.
#[derive(Clone)]
pub(crate) struct Outlet {
    shared: Arc<Shared>,
}

/// The end that messages are taken from; dropping it discards what is left.
pub(crate) struct OutletQueue {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    arrived: Notify,
    taken: Notify,
    abandoned: Notify,
    folder: PathBuf,
}

#[derive(Default)]
struct State {
    items: VecDeque<Item>,
    memory_bytes: usize,
    request_bytes: usize,
    spool: Option<File>,
    spool_end: u64,
    spooled_bytes: u64,
    spilling: bool,
    takes: u64,
    finished: bool,
    abandoned: bool,
    /// The receiver works on a message that it took.
    busy: bool,
    /// A part of what was held went, and the rest never does: the receiver was told that no more bytes come.
    cut: bool,
}

enum Item {
    Kept(Parcel),
    /// What was held, or is held still, and is taken out piece by piece.
    Held {
        leaving: Leaving<Message>,
        lane: wiretape_core::Lane,
    },
    Spooled {
        at: u64,
        length: usize,
        lane: wiretape_core::Lane,
        error: bool,
        event: Option<u64>,
    },
}

/// What became of waiting for room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    /// There is room again, in memory or on disk.
    Free,
    /// Memory and disk are full, and the receiver stands still.
    Full,
}

/// A new outlet; what does not fit in memory is kept in `folder`.
pub(crate) fn outlet(folder: PathBuf) -> (Outlet, OutletQueue) {
    let shared = Arc::new(Shared {
        state: Mutex::default(),
        arrived: Notify::new(),
        taken: Notify::new(),
        abandoned: Notify::new(),
        folder,
    });
    (Outlet { shared: Arc::clone(&shared) }, OutletQueue { shared })
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next message, once there is one; `None` when none comes any more.
    fn poll_next(&self, context: &Context<'_>) -> Poll<io::Result<Option<Parcel>>> {
        let mut state = self.state();
        state.busy = false;
        if state.abandoned {
            return Poll::Ready(Ok(None));
        }
        let parcel = loop {
            let Some(item) = state.items.pop_front() else {
                return if state.finished { Poll::Ready(Ok(None)) } else { Poll::Pending };
            };
            match item {
                Item::Kept(parcel) => {
                    state.memory_bytes = state.memory_bytes.saturating_sub(payload_bytes(&parcel.message));
                    state.request_bytes = state.request_bytes.saturating_sub(request_bytes(&parcel.message));
                    if !(state.cut && is_of_stream(&parcel.message)) {
                        break parcel;
                    }
                }
                Item::Held { mut leaving, lane } => match leaving.poll_take(context) {
                    Poll::Pending => {
                        state.items.push_front(Item::Held { leaving, lane });
                        return Poll::Pending;
                    }
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Ready(Ok(Taken::Piece(piece, event))) => {
                        state.items.push_front(Item::Held { leaving, lane });
                        let message = match piece {
                            Piece::Message(message) => message,
                            Piece::Bytes(bytes) => Message::Data { lane, error: false, bytes },
                        };
                        break Parcel { message, event };
                    }
                    Poll::Ready(Ok(Taken::All | Taken::Cut { gone_bytes: 0 })) => {}
                    Poll::Ready(Ok(Taken::Cut { .. })) => {
                        // What it has ends in the middle, and nothing may look as if it went on.
                        state.cut = true;
                        break Parcel { message: Message::Eof { lane }, event: None };
                    }
                },
                Item::Spooled { length, .. } if state.cut => {
                    state.spooled_bytes = state.spooled_bytes.saturating_sub(length as u64);
                }
                Item::Spooled { at, length, lane, error, event } => {
                    match read_back(&mut state, at, length, lane, error, event) {
                        Ok(parcel) => break parcel,
                        Err(error) => return Poll::Ready(Err(error)),
                    }
                }
            }
        };
        state.takes = state.takes.wrapping_add(1);
        state.busy = true;
        if state.spooled_bytes == 0 {
            if let Some(spool) = &state.spool
                && let Err(error) = spool.set_len(0)
            {
                return Poll::Ready(Err(error));
            }
            state.spool_end = 0;
            if state.memory_bytes < MEMORY_BYTES_MAX / 2 {
                state.spilling = false;
            }
        }
        drop(state);
        self.taken.notify_waiters();
        Poll::Ready(Ok(Some(parcel)))
    }
}

impl State {
    /// True when what waits can go nowhere else, in memory or on disk.
    fn is_full_for_good(&self) -> bool {
        self.spooled_bytes > SPOOL_BYTES_MAX || self.request_bytes > REQUEST_BYTES_MAX
    }
}

impl Outlet {
    /// Puts a message at the end of the queue. Never waits.
    ///
    /// # Errors
    /// When the message belongs on disk and the disk does not take it.
    pub(crate) fn push(&self, parcel: Parcel) -> io::Result<()> {
        let mut state = self.shared.state();
        if state.abandoned || state.finished {
            return Ok(());
        }
        let length = payload_bytes(&parcel.message);
        let item = match parcel {
            // A farewell, which has no event, is short and does not depend on the disk.
            Parcel { message: Message::Data { lane, error, bytes }, event: event @ Some(_) }
                if state.spilling && state.memory_bytes > MEMORY_BYTES_MAX =>
            {
                let at = state.spool_end;
                if state.spool.is_none() {
                    state.spool = Some(tempfile::tempfile_in(&self.shared.folder)?);
                }
                if let Some(spool) = &state.spool {
                    spool.write_all_at(&bytes, at)?;
                }
                state.spool_end += length as u64;
                state.spooled_bytes += length as u64;
                Item::Spooled { at, length, lane, error, event }
            }
            parcel => {
                state.memory_bytes += length;
                state.request_bytes += request_bytes(&parcel.message);
                Item::Kept(parcel)
            }
        };
        state.items.push_back(item);
        drop(state);
        self.shared.arrived.notify_one();
        Ok(())
    }

    /// Puts what was held, or is held still, at the end of the queue: what is put behind it waits for all of it.
    pub(crate) fn push_held(&self, lane: wiretape_core::Lane, leaving: Leaving<Message>) {
        let mut state = self.shared.state();
        if state.abandoned || state.finished {
            return;
        }
        state.items.push_back(Item::Held { leaving, lane });
        drop(state);
        self.shared.arrived.notify_one();
    }

    /// Nothing more will be put in: the queue ends when it is empty.
    pub(crate) fn finish(&self) {
        self.shared.state().finished = true;
        self.shared.arrived.notify_one();
    }

    /// The receiver is gone: what waits is discarded, and so is what comes.
    pub(crate) fn abandon(&self) {
        let mut state = self.shared.state();
        state.abandoned = true;
        state.items.clear();
        state.memory_bytes = 0;
        state.request_bytes = 0;
        state.spooled_bytes = 0;
        state.spool = None;
        drop(state);
        self.shared.arrived.notify_one();
        self.shared.taken.notify_waiters();
        self.shared.abandoned.notify_one();
    }

    /// True when everything was taken and dealt with, and nothing can come.
    pub(crate) fn is_done(&self) -> bool {
        let state = self.shared.state();
        state.abandoned || (state.finished && !state.busy && state.items.is_empty())
    }

    /// True when more waits than memory is to hold, and it does not go to disk.
    pub(crate) fn is_full(&self) -> bool {
        let state = self.shared.state();
        (state.memory_bytes > MEMORY_BYTES_MAX && !state.spilling) || state.is_full_for_good()
    }

    /// Waits while the outlet is full. A receiver that stands still makes its bytes go to disk from then on.
    pub(crate) async fn room(&self) -> Room {
        loop {
            let taken = self.shared.taken.notified();
            let (full, full_for_good, takes) = {
                let state = self.shared.state();
                (state.memory_bytes > MEMORY_BYTES_MAX && !state.spilling, state.is_full_for_good(), state.takes)
            };
            if !full && !full_for_good {
                return Room::Free;
            }
            let waited = tokio::time::timeout(STANDSTILL, taken).await;
            let mut state = self.shared.state();
            if waited.is_err() && state.takes == takes {
                if full_for_good {
                    return Room::Full;
                }
                state.spilling = true;
            }
        }
    }
}

impl OutletQueue {
    /// The next message in order, or `None` when the outlet is finished or abandoned.
    ///
    /// # Errors
    /// When what was put on disk cannot be read back.
    pub(crate) async fn next(&mut self) -> io::Result<Option<Parcel>> {
        loop {
            let mut arrived = pin!(self.shared.arrived.notified());
            let next = poll_fn(|context| match self.shared.poll_next(context) {
                Poll::Ready(next) => Poll::Ready(Some(next)),
                Poll::Pending => arrived.as_mut().poll(context).map(|()| None),
            });
            if let Some(next) = next.await {
                return next;
            }
        }
    }

    /// Resolves when the receiver is gone.
    pub(crate) async fn abandoned(&self) {
        if self.shared.state().abandoned {
            return;
        }
        self.shared.abandoned.notified().await;
    }
}

impl Drop for OutletQueue {
    fn drop(&mut self) {
        Outlet { shared: Arc::clone(&self.shared) }.abandon();
    }
}

/// Reads one spooled message, joined with those that lie behind it and belong to the same stream.
fn read_back(
    state: &mut State,
    at: u64,
    length: usize,
    lane: wiretape_core::Lane,
    error: bool,
    event: Option<u64>,
) -> io::Result<Parcel> {
    let mut total = length;
    let mut last = event;
    while let Some(Item::Spooled { length: more, error: same, event: later, .. }) = state.items.front() {
        if *same != error || total + more > READ_BACK_BYTES {
            break;
        }
        total += more;
        last = (*later).max(last);
        state.items.pop_front();
    }
    let mut bytes = vec![0; total];
    if let Some(spool) = &state.spool {
        spool.read_exact_at(&mut bytes, at)?;
    }
    state.spooled_bytes = state.spooled_bytes.saturating_sub(total as u64);
    Ok(Parcel { message: Message::Data { lane, error, bytes: Bytes::from(bytes) }, event: last })
}

fn payload_bytes(message: &Message) -> usize {
    match message {
        Message::Data { bytes, .. } => bytes.len(),
        _ => 0,
    }
}

/// What a request takes in memory; nothing of other messages.
pub(crate) fn request_bytes(message: &Message) -> usize {
    let Message::Request { request, .. } = message else { return 0 };
    let text_bytes = match request {
        Request::Pty { term, modes, .. } => term.len() + std::mem::size_of_val(modes.as_slice()),
        Request::Env { name, value } => name.len() + value.len(),
        Request::Exec { command } => command.len(),
        Request::Subsystem { name } | Request::Signal { name } => name.len(),
        Request::ExitSignal { name, message, .. } => name.len() + message.len(),
        Request::WindowChange { .. } | Request::Shell | Request::Agent | Request::ExitStatus { .. } => 0,
    };
    REQUEST_BYTES + text_bytes
}

/// Whether a message is one of bytes, or says that no more of them come.
fn is_of_stream(message: &Message) -> bool {
    matches!(message, Message::Data { .. } | Message::Eof { .. })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use wiretape_core::event::TerminalSize;
    use wiretape_core::{Held, Lane};
    use wiretape_ssh::{Message, Request};

    use super::{MEMORY_BYTES_MAX, Parcel, Room, outlet};
    use crate::hold::Hold;
    use crate::turn::Turn;

    fn data(byte: u8, length: usize) -> Parcel {
        let bytes = Bytes::from(vec![byte; length]);
        Parcel { message: Message::Data { lane: Lane(1), error: false, bytes }, event: Some(1) }
    }

    #[tokio::test]
    async fn what_a_stalled_receiver_does_not_take_goes_to_disk_and_comes_back_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let (put, mut take) = outlet(folder.path().to_owned());
        let mut sent = Vec::new();
        for round in 0..=255_u8 {
            put.push(data(round, 64 * 1024 + usize::from(round))).unwrap();
            sent.extend(vec![round; 64 * 1024 + usize::from(round)]);
            if put.is_full() {
                assert_eq!(put.room().await, Room::Free, "a standstill leads to the disk");
            }
        }
        assert!(put.shared.state().memory_bytes < 2 * MEMORY_BYTES_MAX);
        put.push(Parcel { message: Message::Eof { lane: Lane(1) }, event: None }).unwrap();
        put.finish();
        let mut got = Vec::new();
        let mut ended = false;
        while let Some(parcel) = take.next().await.unwrap() {
            match parcel.message {
                Message::Data { bytes, .. } => got.extend_from_slice(&bytes),
                Message::Eof { .. } => ended = true,
                other => panic!("unexpected {other:?}"),
            }
        }
        assert!(ended && got == sent, "{} of {} bytes came back", got.len(), sent.len());
        assert!(!put.shared.state().spilling, "an empty outlet is back in memory");
    }

    #[tokio::test]
    async fn requests_that_nobody_takes_hold_whoever_makes_them() {
        let folder = tempfile::tempdir().unwrap();
        let (put, mut take) = outlet(folder.path().to_owned());
        // The receiver stands still, and bytes go to disk: requests do not.
        while !put.is_full() {
            put.push(data(1, 1024 * 1024)).unwrap();
        }
        assert_eq!(put.room().await, Room::Free);
        let size = TerminalSize { columns: 80, rows: 24, width_px: 0, height_px: 0 };
        let change = || Message::Request { lane: Lane(1), request: Request::WindowChange { size }, want_reply: false };
        let mut count = 0_usize;
        while !put.is_full() && count < 1_000_000 {
            put.push(Parcel { message: change(), event: Some(1) }).unwrap();
            count += 1;
        }
        assert!(count < 1_000_000, "nobody would be held");
        assert_eq!(put.room().await, Room::Full);
        while let Message::Data { .. } = take.next().await.unwrap().unwrap().message {}
        for _ in 1..count {
            assert_eq!(take.next().await.unwrap().unwrap().message, change());
        }
        assert_eq!(put.room().await, Room::Free);
        assert!(!put.is_full());
    }

    #[tokio::test]
    async fn a_receiver_that_left_ends_the_wait() {
        let folder = tempfile::tempdir().unwrap();
        let (put, take) = outlet(folder.path().to_owned());
        while !put.is_full() {
            put.push(data(1, 1024 * 1024)).unwrap();
        }
        drop(take);
        assert_eq!(put.room().await, Room::Free);
        assert!(put.is_done());
    }

    #[tokio::test]
    async fn what_is_cut_in_the_middle_is_told_to_end_and_nothing_looks_as_if_it_went_on() {
        let folder = tempfile::tempdir().unwrap();
        for ahead_bytes in [0, 1024 * 1024] {
            let (put, mut take) = outlet(folder.path().to_owned());
            let mut hold = Hold::default();
            put.push_held(Lane(1), hold.leave_ahead());
            hold.push_bytes(&Bytes::from(vec![7; 2 * 1024 * 1024]), Some(1), folder.path()).unwrap();
            hold.reader(Turn::free()).let_ahead(ahead_bytes);
            let mut gone_bytes = 0;
            while gone_bytes < ahead_bytes {
                let Some(Parcel { message: Message::Data { bytes, .. }, event: Some(1) }) = take.next().await.unwrap()
                else {
                    panic!("bytes that are covered")
                };
                gone_bytes += bytes.len() as u64;
            }
            // What is put behind waits, whatever it is.
            put.push(data(9, 4)).unwrap();
            put.push(Parcel { message: Message::Eof { lane: Lane(1) }, event: None }).unwrap();
            put.push(Parcel { message: Message::Close { lane: Lane(1) }, event: None }).unwrap();
            assert_eq!(hold.forget(), ahead_bytes);
            let mut left = Vec::new();
            put.finish();
            while let Some(parcel) = take.next().await.unwrap() {
                left.push(parcel.message);
            }
            let (eof, close) = (Message::Eof { lane: Lane(1) }, Message::Close { lane: Lane(1) });
            let expected = if ahead_bytes == 0 { vec![data(9, 4).message, eof, close] } else { vec![eof, close] };
            assert_eq!(left, expected);
        }
    }
}
