//! The session line at work for a protocol of plain bytes: one task reads both sides, and sends what the session lets
//! pass.
//!
//! ```text
//!   client ─► read ─► Session ─► Append ─► recorder ─► Send ─► outbox ─► upstream
//!   upstream ─► read ─► Session ─► Append ─► recorder ─► Send ─► outbox ─► client
//! ```
//!
//! A side is read only while the other side's outbox and the recorder have room: whoever does not take what it is sent
//! holds back whoever sends it, and nothing grows.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::io::IoSlice;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio_util::io::poll_read_buf;
use wiretape_core::event::SessionEvent;
use wiretape_core::{
    ByteWire, Effect, Event, Guard, Input, Kind, Lane, Moment, Question, Reason, Session, Side, Unit, Verdict,
};
use wiretape_recorder::{Durability, Lost, Recording};

use crate::admission::of_session;
use crate::clock::SessionClock;
use crate::questions::{ASKING_HELD_BYTES_MAX, Asker, News, Pending, Standing};
use crate::transport::Stream;

/// What is read from a side before it is looked at, when it says much.
const READ_BYTES_MAX: usize = 64 * 1024;

/// And when it does not: thousands of sessions are idle.
const READ_BYTES_MIN: usize = 4 * 1024;

/// What waits to be sent to a side before the other one is no longer read.
const OUTBOX_BYTES_MAX: usize = 512 * 1024;

/// Pieces that are handed to the socket at once.
const PIECES_MAX: usize = 64;

/// How long a side may take to read its last bytes.
const LAST_BYTES_TIME_MAX: Duration = Duration::from_secs(8);

type Waiting = Pin<Box<dyn Future<Output = Result<(), Lost>> + Send>>;

/// A running session over plain bytes.
pub(crate) struct Relay {
    line: ByteLine,
    client: Peer,
    upstream: Peer,
    /// While the recorder has no room.
    room: Option<Waiting>,
}

/// A session, and what becomes of its effects.
struct ByteLine {
    clock: SessionClock,
    recording: Recording,
    durability: Durability,
    session: Session<ByteWire>,
    lost: bool,
    ended: Option<Reason>,
    asker: Asker,
    standing: Standing,
    waiting: Vec<Pending>,
}

/// Why something was not sent.
enum Unsent {
    /// The side takes nothing more.
    Broken(std::io::Error),
    /// What covers it is not kept, and never will be.
    Lost(Lost),
}

impl From<std::io::Error> for Unsent {
    fn from(error: std::io::Error) -> Self {
        Self::Broken(error)
    }
}

/// One side: its socket, and what waits to be sent to it.
struct Peer {
    side: Side,
    stream: Box<dyn Stream>,
    input: BytesMut,
    /// How much to read at once.
    appetite: usize,
    outbox: VecDeque<Bytes>,
    outbox_bytes: usize,
    /// A part of the first piece has left.
    begun: bool,
    /// The event that must be kept before the outbox may leave, if any is to be waited for.
    covered: Option<u64>,
    waiting: Option<Waiting>,
    unflushed: bool,
    /// It will say nothing more.
    ended: bool,
    /// It takes nothing more.
    broken: bool,
}

impl Relay {
    /// A session over `wire` between two peers that are logged in.
    pub(crate) fn new(
        clock: SessionClock,
        recording: Recording,
        durability: Durability,
        wire: ByteWire,
        guard: Box<dyn Guard>,
        asker: Asker,
        (client, upstream): (Box<dyn Stream>, Box<dyn Stream>),
    ) -> Self {
        let line = ByteLine {
            clock,
            recording,
            durability,
            session: Session::new(wire, guard),
            lost: false,
            ended: None,
            asker,
            standing: Standing::default(),
            waiting: Vec::new(),
        };
        Self {
            line,
            client: Peer::new(Side::Client, client),
            upstream: Peer::new(Side::Upstream, upstream),
            room: None,
        }
    }

    /// Something of the login that the client gets before the session's own words.
    pub(crate) fn preface(&mut self, bytes: Bytes) {
        self.client.put(bytes, None);
    }

    /// `side` said `bytes` before the relay began to read it.
    pub(crate) fn said(&mut self, side: Side, bytes: Bytes) {
        self.handle(Input::Message { side, message: bytes });
    }

    /// Something happened to the session beside its two connections.
    ///
    /// # Errors
    /// When it cannot be recorded: then the session ends.
    pub(crate) fn note(&mut self, side: Side, lane: Lane, kind: Kind) -> Result<(), Lost> {
        let event = Event { at: self.line.clock.now(), side, lane, kind };
        match self.line.recording.append(event) {
            Ok(_number) => Ok(()),
            Err(lost) => {
                self.close(recorder_failed(&lost));
                Err(lost)
            }
        }
    }

    /// Ends the session; the client is told why.
    pub(crate) fn close(&mut self, reason: Reason) {
        self.handle(Input::Close { reason });
    }

    /// Serves until something comes of it: `None` when the session is over.
    pub(crate) async fn serve_until<T>(&mut self, event: impl Future<Output = T>) -> Option<T> {
        let mut event = std::pin::pin!(event);
        poll_fn(|context| {
            if self.poll_serve(context).is_ready() {
                return Poll::Ready(None);
            }
            event.as_mut().poll(context).map(Some)
        })
        .await
    }

    /// Sends the last bytes, takes leave of both sides and returns why the session ended.
    pub(crate) async fn finish(mut self) -> Reason {
        let reason = match &self.line.ended {
            Some(reason) => reason.clone(),
            None => Reason::new("gateway", "the session ended"),
        };
        let (recording, lost) = (self.line.recording.clone(), self.line.lost);
        let Self { client, upstream, .. } = &mut self;
        let leave = async {
            tokio::join!(client.leave(&recording, lost), upstream.leave(&recording, lost));
        };
        if tokio::time::timeout(LAST_BYTES_TIME_MAX, leave).await.is_err() {
            tracing::debug!(session = %recording.id(), "a side did not take its last bytes");
        }
        reason
    }

    fn poll_serve(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            let mut progress = false;
            // Asked once for both sides: an answer that changed in between would leave one of them asleep.
            let room = self.poll_room(context);
            // What can leave leaves before anybody is read: what it makes room for is seen in the same turn.
            for side in [Side::Client, Side::Upstream] {
                let peer = match side {
                    Side::Client => &mut self.client,
                    Side::Upstream => &mut self.upstream,
                };
                match peer.poll_sent(&self.line.recording, self.line.lost, context) {
                    Poll::Ready(Err(Unsent::Broken(error))) => {
                        // It takes nothing more, but what it said before it left is still to be heard.
                        tracing::debug!("the {side} takes nothing more: {error}");
                        peer.broken = true;
                        peer.withdraw();
                    }
                    Poll::Ready(Err(Unsent::Lost(lost))) => {
                        self.lose(&lost);
                        return Poll::Ready(());
                    }
                    Poll::Ready(Ok(())) | Poll::Pending => {}
                }
            }
            for side in [Side::Upstream, Side::Client] {
                let (peer, other) = match side {
                    Side::Client => (&mut self.client, &self.upstream),
                    Side::Upstream => (&mut self.upstream, &self.client),
                };
                let asking = side == Side::Client && self.line.is_full_of_questions();
                if !room || asking || peer.ended || self.line.ended.is_some() || other.outbox_bytes > OUTBOX_BYTES_MAX {
                    continue;
                }
                match peer.poll_read(context) {
                    Poll::Pending => {}
                    Poll::Ready(Some(bytes)) => {
                        progress = true;
                        self.handle(Input::Message { side, message: bytes });
                    }
                    Poll::Ready(None) => {
                        progress = true;
                        peer.ended = true;
                        self.left(side);
                    }
                }
            }
            progress |= self.hear_answers(context);
            if self.line.ended.is_some() {
                return Poll::Ready(());
            }
            if !progress {
                return Poll::Pending;
            }
        }
    }

    /// The client does not want what it is asked about any more. Returns whether something was.
    pub(crate) fn cancel_questions(&mut self) -> bool {
        let units: Vec<Unit> = self.line.waiting.drain(..).map(|pending| pending.unit()).collect();
        let at = self.line.clock.now();
        for unit in &units {
            if let Some(answered) = self.line.standing.withdrawn(at, *unit, "the client cancelled it") {
                if let Err(lost) =
                    self.line.recording.append(of_session(at, SessionEvent::Answered(Box::new(answered))))
                {
                    self.lose(&lost);
                    return true;
                }
                let reason = Reason::new("cancelled", "canceled by the client while it waited for approval");
                self.handle(Input::Answer { unit: *unit, verdict: Verdict::Refuse(reason) });
            }
        }
        !units.is_empty()
    }

    /// What came of the questions that stand.
    fn hear_answers(&mut self, context: &mut Context<'_>) -> bool {
        let heard = self.line.waiting.iter_mut().enumerate().find_map(|(place, pending)| {
            let Poll::Ready(news) = pending.poll_news(context) else { return None };
            Some((place, pending.unit(), news))
        });
        let Some((place, unit, news)) = heard else { return false };
        match news {
            News::Reminder(text) => self.handle(Input::Waiting { unit, text }),
            News::Settled(settled) => {
                drop(self.line.waiting.swap_remove(place));
                let at = self.line.clock.now();
                if let Some(answered) = self.line.standing.settled(at, unit, &settled) {
                    match self.line.recording.append(of_session(at, SessionEvent::Answered(Box::new(answered)))) {
                        Ok(_number) => self.handle(Input::Answer { unit, verdict: settled.verdict }),
                        Err(lost) => self.lose(&lost),
                    }
                }
            }
        }
        true
    }

    /// Whether the recorder has room; where it has not, the task is woken when it has.
    fn poll_room(&mut self, context: &mut Context<'_>) -> bool {
        if self.line.recording.has_room() {
            self.room = None;
            return true;
        }
        let recording = &self.line.recording;
        let room = self.room.get_or_insert_with(|| {
            let recording = recording.clone();
            Box::pin(async move { recording.room().await })
        });
        let ready = room.as_mut().poll(context).is_ready();
        if ready {
            self.room = None;
        }
        ready
    }

    /// `side` has left, or its connection broke: so the session is over.
    fn left(&mut self, side: Side) {
        self.handle(Input::End { side });
        self.close(match side {
            Side::Client => Reason::new("client", "the client left"),
            Side::Upstream => Reason::new("target", "the target closed the connection"),
        });
    }

    fn handle(&mut self, input: Input<Bytes>) {
        let at = self.line.clock.now();
        let closing = matches!(input, Input::Close { .. });
        self.line.session.handle(at, input);
        if let Err(lost) = self.carry_out(at) {
            // What was about to leave was not recorded: it does not leave.
            while !closing && let Some(effect) = self.line.session.act() {
                if let Effect::Close(reason) = effect {
                    self.line.end(at, reason);
                }
            }
            self.lose(&lost);
        }
    }

    /// The recorder failed: nothing more passes but the farewell, recorded or not.
    fn lose(&mut self, lost: &Lost) {
        tracing::error!(session = %self.line.recording.id(), "the session ends, its recorder failed: {lost}");
        let at = self.line.clock.now();
        self.line.lost = true;
        self.client.withdraw();
        self.upstream.withdraw();
        self.line.session.handle(at, Input::Close { reason: recorder_failed(lost) });
        let _already_lost = self.carry_out(at);
    }

    fn carry_out(&mut self, at: Moment) -> Result<(), Lost> {
        let mut covered = None;
        while let Some(effect) = self.line.session.act() {
            match effect {
                Effect::Append(event) if self.line.lost => drop(event),
                Effect::Append(event) => covered = Some(self.line.recording.append(event)?),
                Effect::Send { to, message } => {
                    let waits = self.line.durability != Durability::Queued && !self.line.lost;
                    let peer = match to {
                        Side::Client => &mut self.client,
                        Side::Upstream => &mut self.upstream,
                    };
                    peer.put(message, covered.filter(|_| waits));
                }
                Effect::Hold { .. } | Effect::Release { .. } | Effect::Discard { .. } | Effect::Examine { .. } => {
                    // None of the protocols of plain bytes holds anything; one that did would be broken off here.
                    let reason = Reason::new("gateway", "nothing is held on a connection of plain bytes");
                    self.line.session.handle(at, Input::Close { reason });
                }
                Effect::Ask { unit, question } => covered = self.line.ask(at, unit, &question)?.or(covered),
                Effect::Withdraw { unit } => self.line.withdraw(at, unit)?,
                Effect::Close(reason) => self.line.end(at, reason),
            }
        }
        Ok(())
    }
}

impl ByteLine {
    /// Whether a question stands, and enough of what the client said waits behind it.
    fn is_full_of_questions(&self) -> bool {
        !self.waiting.is_empty() && self.session.held_bytes() > ASKING_HELD_BYTES_MAX
    }

    /// Puts a question to people; who asked hears that it waits.
    fn ask(&mut self, at: Moment, unit: Unit, question: &Question) -> Result<Option<u64>, Lost> {
        let (pending, asked) = match self.asker.ask(unit, question) {
            Ok(asked) => asked,
            Err(reason) => {
                self.session.handle(at, Input::Answer { unit, verdict: Verdict::Refuse(reason) });
                return Ok(None);
            }
        };
        self.standing.asked(unit, at, &asked);
        let number = self.recording.append(of_session(at, SessionEvent::Asked(Box::new(asked))))?;
        self.session.handle(at, Input::Waiting { unit, text: pending.text() });
        self.waiting.push(pending);
        Ok(Some(number))
    }

    /// Nobody wants the answer to a question any more.
    fn withdraw(&mut self, at: Moment, unit: Unit) -> Result<(), Lost> {
        self.waiting.retain(|pending| pending.unit() != unit);
        if let Some(answered) = self.standing.withdrawn(at, unit, "whoever asked went away")
            && !self.lost
        {
            self.recording.append(of_session(at, SessionEvent::Answered(Box::new(answered))))?;
        }
        Ok(())
    }

    fn end(&mut self, at: Moment, reason: Reason) {
        self.waiting.clear();
        if !self.lost {
            for answered in self.standing.all_withdrawn(at, "the session ended") {
                if let Err(lost) = self.recording.append(of_session(at, SessionEvent::Answered(Box::new(answered)))) {
                    tracing::error!(session = %self.recording.id(), "a question's end was not recorded: {lost}");
                }
            }
            let closed = SessionEvent::Closed { reason: reason.text.clone() };
            if let Err(lost) = self.recording.append(of_session(at, closed)) {
                tracing::error!(session = %self.recording.id(), "the end was not recorded: {lost}");
            }
        }
        self.ended = Some(reason);
    }
}

impl Peer {
    fn new(side: Side, stream: Box<dyn Stream>) -> Self {
        Self {
            side,
            stream,
            input: BytesMut::new(),
            appetite: READ_BYTES_MIN,
            outbox: VecDeque::new(),
            outbox_bytes: 0,
            begun: false,
            covered: None,
            waiting: None,
            unflushed: false,
            ended: false,
            broken: false,
        }
    }

    fn put(&mut self, message: Bytes, covered: Option<u64>) {
        if message.is_empty() || self.broken {
            return;
        }
        self.outbox_bytes += message.len();
        self.outbox.push_back(message);
        if covered.is_some() {
            // A wait that was begun was for less.
            self.covered = covered;
            self.waiting = None;
        }
    }

    /// Whatever is there, up to a buffer full; `None` at the end.
    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let mut taken = 0;
        while taken < self.appetite {
            if self.input.capacity() == self.input.len() {
                self.input.reserve(self.appetite);
            }
            match poll_read_buf(Pin::new(&mut self.stream), context, &mut self.input) {
                Poll::Ready(Ok(0)) => break,
                Poll::Ready(Ok(length)) => taken += length,
                Poll::Pending if taken == 0 => {
                    self.appetite = READ_BYTES_MIN;
                    return Poll::Pending;
                }
                Poll::Pending => break,
                Poll::Ready(Err(error)) => {
                    tracing::debug!("the connection of the {} broke: {error}", self.side);
                    break;
                }
            }
        }
        if taken >= self.appetite {
            self.appetite = READ_BYTES_MAX;
        }
        Poll::Ready((taken > 0).then(|| self.input.split().freeze()))
    }

    /// Sends what it takes; pending while something waits, for the socket or for the recorder.
    fn poll_sent(&mut self, recording: &Recording, lost: bool, context: &mut Context<'_>) -> Poll<Result<(), Unsent>> {
        if self.broken {
            return Poll::Ready(Ok(()));
        }
        if let Some(number) = self.covered {
            let waiting = self.waiting.get_or_insert_with(|| {
                let recording = recording.clone();
                Box::pin(async move { recording.passed(number).await })
            });
            let kept = ready!(waiting.as_mut().poll(context));
            self.covered = None;
            self.waiting = None;
            if let (Err(error), false) = (kept, lost) {
                return Poll::Ready(Err(Unsent::Lost(error)));
            }
        }
        while !self.outbox.is_empty() {
            let written = if self.outbox.len() == 1 {
                let piece = self.outbox.front().map(Bytes::as_ref).unwrap_or_default();
                ready!(Pin::new(&mut self.stream).poll_write(context, piece))?
            } else {
                let pieces: Vec<IoSlice<'_>> =
                    self.outbox.iter().take(PIECES_MAX).map(|piece| IoSlice::new(piece)).collect();
                ready!(Pin::new(&mut self.stream).poll_write_vectored(context, &pieces))?
            };
            if written == 0 {
                return Poll::Ready(Err(Unsent::Broken(std::io::ErrorKind::WriteZero.into())));
            }
            self.unflushed = true;
            self.take(written);
        }
        if self.unflushed {
            ready!(Pin::new(&mut self.stream).poll_flush(context))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    fn take(&mut self, mut written: usize) {
        self.outbox_bytes -= written.min(self.outbox_bytes);
        while written > 0
            && let Some(front) = self.outbox.front_mut()
        {
            let part = written.min(front.len());
            front.advance(part);
            written -= part;
            self.begun = !front.is_empty();
            if front.is_empty() {
                self.outbox.pop_front();
            }
        }
    }

    /// Takes back what waits to be sent, but for the rest of a message of which a part has left.
    fn withdraw(&mut self) {
        self.outbox.truncate(usize::from(self.begun && !self.broken));
        self.outbox_bytes = self.outbox.iter().map(Bytes::len).sum();
        self.covered = None;
        self.waiting = None;
    }

    async fn leave(&mut self, recording: &Recording, lost: bool) {
        let sent = poll_fn(|context| self.poll_sent(recording, lost, context)).await;
        if sent.is_ok() && !self.broken {
            // A peer that is gone hears no goodbye.
            let _gone = self.stream.shutdown().await;
        }
    }
}

fn recorder_failed(lost: &Lost) -> Reason {
    Reason::new("recorder", format!("the session ends here, because it can no longer be recorded: {lost}"))
}

#[cfg(test)]
mod tests;
