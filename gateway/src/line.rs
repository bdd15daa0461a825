//! The session line at work: what a side says goes through the session, and its effects are carried out in order.
//!
//! ```text
//!   terminate ─┐                                              ┌─► outlet (client, lane)   ─► terminate
//!              ├─► say ─► Session ─► Append ─► recorder ─► Send
//!   dial ──────┘                                              └─► outlet (upstream, lane) ─► dial
//! ```

use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use wiretape_approval::Settled;
use wiretape_core::event::{QuestionAsked, SessionEvent};
use wiretape_core::{
    Asking, Effect, Event, Examiner, Guard, Input, Kind, Lane, Moment, Question, Reason, Session, Side, Unit, Verdict,
};
use wiretape_recorder::{Lost, Recording};
use wiretape_ssh::{Message, SshWire};

use crate::admission::of_session;
use crate::clock::SessionClock;
use crate::examination::{Examinations, Mute};
use crate::gateway::Gateway;
use crate::hold::Hold;
use crate::outlet::{Outlet, OutletQueue, Parcel, Room, outlet};
use crate::presence::Place;
use crate::questions::{ASKING_HELD_BYTES_MAX, Asker, News, Pending, Standing};

/// How often it is looked whether the last bytes were taken.
const DRAINED_LOOK_INTERVAL: Duration = Duration::from_millis(2);

/// How often it is looked whether people answered, for whoever said much while they are asked.
const ANSWER_LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// Where lanes that the other side opened begin: the door starts a task that serves the queue.
pub(crate) trait Door: Send + Sync {
    /// A lane was opened toward this side; its first message is the opening.
    fn open(&self, line: &Line, lane: Lane, queue: OutletQueue);

    /// Who asks what is behind this door about what is held for it.
    fn asking(&self, line: &Line) -> Box<dyn Asking + Send> {
        let _ = line;
        Box::new(Mute)
    }

    /// As [`Door::open`], for a lane that its opener was already told is open.
    fn take_over(&self, line: &Line, lane: Lane, queue: OutletQueue) {
        self.open(line, lane, queue);
    }
}

/// A running session. Clones are the same session.
#[derive(Clone)]
pub(crate) struct Line {
    shared: Arc<Shared>,
}

struct Shared {
    clock: SessionClock,
    recording: Recording,
    spool_folder: PathBuf,
    examinations: Examinations,
    asker: Asker,
    lanes: AtomicU32,
    /// One connection of a session may be held without end, not both: that would be a deadlock.
    held: AtomicBool,
    /// The session's place among those that run.
    place: OnceLock<Place>,
    closed: watch::Sender<Option<Reason>>,
    state: Mutex<State>,
}

struct State {
    session: Session<SshWire>,
    outlets: HashMap<(Side, Lane), Outlet>,
    holds: HashMap<(Side, Lane), Hold<Message>>,
    client: Option<Arc<dyn Door>>,
    upstream: Option<Arc<dyn Door>>,
    answers: HashMap<Lane, VecDeque<oneshot::Sender<Answer>>>,
    listening: VecDeque<oneshot::Sender<Answer>>,
    lost: bool,
    /// Why the session has to end, found while its effects were carried out.
    broken: Option<Reason>,
    standing: Standing,
    /// Lets go of the questions that stand.
    waiting: HashMap<Unit, oneshot::Sender<()>>,
}

/// The upstream's answer to a request, and the event that must be kept before the client hears it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    pub(crate) accepted: bool,
    pub(crate) port: Option<u32>,
    event: Option<u64>,
}

impl Line {
    /// A line that records on `recording`. Doors are set before anything is said.
    pub(crate) fn new(
        gateway: &Gateway,
        clock: SessionClock,
        recording: Recording,
        wire: SshWire,
        guard: Box<dyn Guard>,
        asker: Asker,
    ) -> Self {
        let state = State {
            session: Session::new(wire, guard),
            outlets: HashMap::new(),
            holds: HashMap::new(),
            client: None,
            upstream: None,
            answers: HashMap::new(),
            listening: VecDeque::new(),
            lost: false,
            broken: None,
            standing: Standing::default(),
            waiting: HashMap::new(),
        };
        Self {
            shared: Arc::new(Shared {
                clock,
                recording,
                spool_folder: gateway.spool_folder().to_owned(),
                examinations: gateway.examinations().clone(),
                asker,
                lanes: AtomicU32::new(1),
                held: AtomicBool::new(false),
                place: OnceLock::new(),
                closed: watch::Sender::new(None),
                state: Mutex::new(state),
            }),
        }
    }

    /// Keeps the session's place among those that run, for as long as it runs.
    pub(crate) fn keep(&self, place: Place) {
        // There is one place for a session, and one call.
        let _one = self.shared.place.set(place);
    }

    /// Ends the session, without keeping it.
    pub(crate) fn end_from_elsewhere(&self) -> impl Fn(Reason) + Send + Sync + use<> {
        let shared = Arc::downgrade(&self.shared);
        move |reason| {
            if let Some(shared) = shared.upgrade() {
                Self { shared }.close(reason);
            }
        }
    }

    /// Where lanes toward `side` begin.
    pub(crate) fn set_door(&self, side: Side, door: Arc<dyn Door>) {
        let mut state = self.state();
        match side {
            Side::Client => state.client = Some(door),
            Side::Upstream => state.upstream = Some(door),
        }
    }

    /// A number for a new lane.
    pub(crate) fn next_lane(&self) -> Lane {
        Lane(self.shared.lanes.fetch_add(1, Ordering::Relaxed))
    }

    /// The queue of what is sent to `side` on `lane`, for a lane that `side` opens itself.
    pub(crate) fn attach(&self, side: Side, lane: Lane) -> OutletQueue {
        let (put, take) = outlet(self.shared.spool_folder.clone());
        self.state().outlets.insert((side, lane), put);
        take
    }

    /// The recording of this session.
    pub(crate) fn recording(&self) -> &Recording {
        &self.shared.recording
    }

    /// `side` said `message`. Never waits; call [`Line::room`] before the same side is read again.
    pub(crate) fn say(&self, side: Side, message: Message) {
        self.handle(Input::Message { side, message });
    }

    /// Ends the session; the client is told why.
    pub(crate) fn close(&self, reason: Reason) {
        self.handle(Input::Close { reason });
    }

    /// Takes in what happened, and carries out what follows from it.
    pub(crate) fn handle(&self, input: Input<Message>) {
        let mut state = self.state();
        self.handle_in(&mut state, input);
    }

    fn handle_in(&self, state: &mut State, input: Input<Message>) {
        let at = self.shared.clock.now();
        let closing = matches!(input, Input::Close { .. });
        state.session.handle(at, input);
        if let Err(lost) = self.carry_out(state) {
            tracing::error!(session = %self.shared.recording.id(), "the session ends, its recorder failed: {lost}");
            state.lost = true;
            // What was about to leave was not recorded: it does not leave. A farewell does, recorded or not.
            while !closing && let Some(effect) = state.session.act() {
                if let Effect::Close(reason) = effect {
                    self.end(state, reason);
                }
            }
            state.session.handle(at, Input::Close { reason: recorder_failed(&lost) });
            let _already_lost = self.carry_out(state);
        }
        if let Some(reason) = state.broken.take() {
            state.session.handle(at, Input::Close { reason });
            if self.carry_out(state).is_err() {
                state.lost = true;
                let _already_lost = self.carry_out(state);
            }
        }
    }

    /// An answer to the request that `lane` is about to make of the upstream.
    pub(crate) fn expect_answer(&self, lane: Lane) -> oneshot::Receiver<Answer> {
        let (put, take) = oneshot::channel();
        self.state().answers.entry(lane).or_default().push_back(put);
        take
    }

    /// An answer to the listener that the client is about to ask the upstream for.
    pub(crate) fn expect_listening(&self) -> oneshot::Receiver<Answer> {
        let (put, take) = oneshot::channel();
        self.state().listening.push_back(put);
        take
    }

    /// Waits until an answer may be told: `true` or `false` as the upstream said. `None` when the session ended first.
    pub(crate) async fn answered(&self, receiver: oneshot::Receiver<Answer>) -> Option<Answer> {
        let answer = receiver.await.ok()?;
        self.kept(answer.event).await.ok()?;
        Some(answer)
    }

    /// Waits until the event that covers a message is kept as the target's setting wants it.
    pub(crate) async fn kept(&self, event: Option<u64>) -> Result<(), Lost> {
        match event {
            Some(number) => self.shared.recording.passed(number).await,
            None => Ok(()),
        }
    }

    /// Holds whoever reads `side` back while what it said on `lane` waits for the recorder or the other side.
    pub(crate) async fn room(&self, side: Side, lane: Lane) {
        if !self.shared.recording.has_room() && self.shared.recording.room().await.is_err() {
            return;
        }
        while side == Side::Client && self.is_full_of_questions() {
            tokio::time::sleep(ANSWER_LOOK_INTERVAL).await;
        }
        let outlet = self.state().outlets.get(&(side.other(), lane)).cloned();
        let Some(outlet) = outlet.filter(Outlet::is_full) else { return };
        while outlet.room().await == Room::Full {
            if self.shared.held.swap(true, Ordering::AcqRel) {
                let text = format!("lane {lane}: nobody takes what is sent, and what waits reached its limit");
                self.close(Reason::new("limits", text));
                return;
            }
            let mut closed = self.shared.closed.subscribe();
            while outlet.is_full() && closed.borrow_and_update().is_none() {
                tokio::select! {
                    _ = outlet.room() => {}
                    _ = closed.changed() => {}
                }
            }
            self.shared.held.store(false, Ordering::Release);
        }
    }

    /// Whether a question stands, and enough of what the client said waits behind it.
    fn is_full_of_questions(&self) -> bool {
        let state = self.state();
        !state.waiting.is_empty() && state.session.held_bytes() > ASKING_HELD_BYTES_MAX
    }

    /// The receiver of `lane` at `side` is gone; what waits for it is discarded.
    pub(crate) fn abandon(&self, side: Side, lane: Lane) {
        let outlet = self.state().outlets.remove(&(side, lane));
        if let Some(outlet) = outlet {
            outlet.abandon();
        }
    }

    /// Resolves with the reason once the session is over.
    pub(crate) async fn closed(&self) -> Reason {
        let mut closed = self.shared.closed.subscribe();
        match closed.wait_for(Option::is_some).await.map(|reason| reason.clone()) {
            Ok(Some(reason)) => reason,
            _ => Reason::new("gateway", "the session ended"),
        }
    }

    /// True once the session is over.
    pub(crate) fn is_closed(&self) -> bool {
        self.shared.closed.borrow().is_some()
    }

    /// Waits until everything that `side` was to be sent has been taken, at most for `time`.
    pub(crate) async fn drained(&self, side: Side, time: Duration) {
        let drained = async {
            while !self.state().outlets.iter().filter(|((to, _), _)| *to == side).all(|(_, outlet)| outlet.is_done()) {
                tokio::time::sleep(DRAINED_LOOK_INTERVAL).await;
            }
        };
        if tokio::time::timeout(time, drained).await.is_err() {
            tracing::debug!(session = %self.shared.recording.id(), "the {side} did not take its last bytes");
        }
    }

    /// Lets go of the doors and of every queue; the tasks that serve them end.
    pub(crate) fn release(&self) {
        let mut state = self.state();
        state.client = None;
        state.upstream = None;
        for (_, outlet) in state.outlets.drain() {
            outlet.abandon();
        }
        state.answers.clear();
        state.listening.clear();
    }

    /// Records something that the gateway itself did.
    pub(crate) fn note(&self, kind: SessionEvent) {
        let mut state = self.state();
        self.note_in(&mut state, self.shared.clock.now(), kind);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn carry_out(&self, state: &mut State) -> Result<(), Lost> {
        let (mut covered, mut at) = (None, None);
        while let Some(effect) = state.session.act() {
            match effect {
                Effect::Append(event) if state.lost => drop(event),
                Effect::Append(event) => {
                    at = Some(event.at);
                    covered = Some(self.shared.recording.append(event)?);
                }
                Effect::Send { to, message } => self.send(state, to, Parcel { message, event: covered }),
                Effect::Hold { to, lane, message } => self.hold(state, to, lane, message, covered),
                Effect::Release { to, lane } => self.let_go(state, to, lane, covered),
                Effect::Discard { to, lane } => covered = self.forget(state, to, lane, at)?.or(covered),
                Effect::Examine { unit, examiner, ahead } => self.examine(state, unit, examiner, ahead),
                Effect::Ask { unit, question } => covered = self.ask(state, unit, &question)?.or(covered),
                Effect::Withdraw { unit } => self.withdraw(state, unit)?,
                Effect::Close(reason) => self.end(state, reason),
            }
        }
        Ok(())
    }

    /// Puts a question to people; who asked hears that it waits.
    fn ask(&self, state: &mut State, unit: Unit, question: &Question) -> Result<Option<u64>, Lost> {
        let at = self.shared.clock.now();
        let (pending, asked) = match self.shared.asker.ask(unit, question) {
            Ok(asked) => asked,
            Err(reason) => {
                state.session.handle(at, Input::Answer { unit, verdict: Verdict::Refuse(reason) });
                return Ok(None);
            }
        };
        state.standing.asked(unit, at, &asked);
        let number = self.shared.recording.append(of_session(at, SessionEvent::Asked(Box::new(asked))))?;
        state.session.handle(at, Input::Waiting { unit, text: pending.text() });
        let (keep, let_go) = oneshot::channel();
        state.waiting.insert(unit, keep);
        tokio::spawn(self.clone().wait(pending, let_go));
        Ok(Some(number))
    }

    /// Waits for what comes of a question.
    async fn wait(self, mut pending: Pending, mut let_go: oneshot::Receiver<()>) {
        let unit = pending.unit();
        loop {
            let news = tokio::select! {
                news = poll_fn(|context| pending.poll_news(context)) => news,
                _ = &mut let_go => return,
            };
            match news {
                News::Reminder(text) => self.handle(Input::Waiting { unit, text }),
                News::Settled(settled) => return self.settle(unit, &settled),
            }
        }
    }

    /// A question is over: the record says how, and what waited passes or does not.
    fn settle(&self, unit: Unit, settled: &Settled) {
        let mut state = self.state();
        let at = self.shared.clock.now();
        state.waiting.remove(&unit);
        let Some(answered) = state.standing.settled(at, unit, settled) else { return };
        match self.shared.recording.append(of_session(at, SessionEvent::Answered(Box::new(answered)))) {
            Ok(_number) => self.handle_in(&mut state, Input::Answer { unit, verdict: settled.verdict.clone() }),
            Err(lost) => self.handle_in(&mut state, Input::Close { reason: recorder_failed(&lost) }),
        }
    }

    /// The record tells that people are asked about `unit`, of which the wire knows nothing.
    pub(crate) fn note_asked(&self, unit: Unit, asked: QuestionAsked) {
        let mut state = self.state();
        let at = self.shared.clock.now();
        state.standing.asked(unit, at, &asked);
        self.note_in(&mut state, at, SessionEvent::Asked(Box::new(asked)));
    }

    /// The same of how that ended; `None`: whoever asked went away.
    pub(crate) fn note_answered(&self, unit: Unit, settled: Option<&Settled>) {
        let mut state = self.state();
        let at = self.shared.clock.now();
        let answered = match settled {
            Some(settled) => state.standing.settled(at, unit, settled),
            None => state.standing.withdrawn(at, unit, "whoever asked went away"),
        };
        if let Some(answered) = answered {
            self.note_in(&mut state, at, SessionEvent::Answered(Box::new(answered)));
        }
    }

    fn note_in(&self, state: &mut State, at: Moment, kind: SessionEvent) {
        if let Err(lost) = self.shared.recording.append(of_session(at, kind)) {
            self.handle_in(state, Input::Close { reason: recorder_failed(&lost) });
        }
    }

    /// Nobody wants the answer to a question any more.
    fn withdraw(&self, state: &mut State, unit: Unit) -> Result<(), Lost> {
        state.waiting.remove(&unit);
        let at = self.shared.clock.now();
        if let Some(answered) = state.standing.withdrawn(at, unit, "whoever asked went away")
            && !state.lost
        {
            self.shared.recording.append(of_session(at, SessionEvent::Answered(Box::new(answered))))?;
        }
        Ok(())
    }

    /// Keeps a message until it may go; `event` covers it.
    fn hold(&self, state: &mut State, to: Side, lane: Lane, message: Message, event: Option<u64>) {
        let hold = state.holds.entry((to, lane)).or_default();
        match message {
            Message::Data { error: false, bytes, .. } => {
                if let Err(error) = hold.push_bytes(&bytes, event, &self.shared.spool_folder) {
                    let text = format!("what is held on lane {lane} cannot be kept: {error}");
                    state.broken = Some(Reason::new("spool", text));
                }
            }
            message => {
                let last = matches!(message, Message::Eof { .. } | Message::Close { .. });
                hold.push(message, event, last);
            }
        }
    }

    /// Sends what was held, or what is left of it, when the event that covers it is kept.
    fn let_go(&self, state: &mut State, to: Side, lane: Lane, event: Option<u64>) {
        let Some(hold) = state.holds.remove(&(to, lane)) else { return };
        let leaving = hold.release(if state.lost { None } else { event });
        if let (Some(outlet), Some(leaving)) = (state.outlets.get(&(to, lane)), leaving) {
            outlet.push_held(lane, leaving);
        }
    }

    /// What is held never goes. Of what had gone ahead the record tells, as of the moment `at`.
    fn forget(&self, state: &mut State, to: Side, lane: Lane, at: Option<Moment>) -> Result<Option<u64>, Lost> {
        let bytes = state.holds.remove(&(to, lane)).map_or(0, Hold::forget);
        if bytes == 0 || state.lost {
            return Ok(None);
        }
        let label = format!("the target has {bytes} bytes of what does not pass, and no end of it");
        let at = at.unwrap_or_else(|| self.shared.clock.now());
        let event = of_session(at, SessionEvent::Marker { label });
        self.shared.recording.append(Event { lane, ..event }).map(Some)
    }

    /// Has what is held examined, beside the session; `ahead`: it goes meanwhile, as far as it is found in order.
    fn examine(&self, state: &mut State, unit: Unit, examiner: Examiner, ahead: bool) {
        let asking = match &state.upstream {
            Some(door) => door.asking(self),
            None => Box::new(Mute),
        };
        let hold = state.holds.entry((Side::Upstream, unit.lane)).or_default();
        if let Some(outlet) = state.outlets.get(&(Side::Upstream, unit.lane)).filter(|_| ahead) {
            outlet.push_held(unit.lane, hold.leave_ahead());
        }
        let examined = self.shared.examinations.start(examiner, hold, asking);
        let line = self.clone();
        tokio::spawn(async move {
            match examined.await {
                Ok(finding) => line.handle(Input::Found { unit, finding }),
                Err(error) => {
                    tracing::error!(session = %line.recording().id(), "an examination failed: {error}");
                    line.close(Reason::new("gateway", "what was held could not be examined"));
                }
            }
        });
    }

    fn end(&self, state: &mut State, reason: Reason) {
        state.waiting.clear();
        if !state.lost {
            let at = self.shared.clock.now();
            for answered in state.standing.all_withdrawn(at, "the session ended") {
                if let Err(lost) =
                    self.shared.recording.append(of_session(at, SessionEvent::Answered(Box::new(answered))))
                {
                    tracing::error!(session = %self.shared.recording.id(), "a question's end was not recorded: {lost}");
                }
            }
            let kind = Kind::Session(SessionEvent::Closed { reason: reason.text.clone() });
            let event = Event { at, side: Side::Client, lane: Lane::CONNECTION, kind };
            if let Err(lost) = self.shared.recording.append(event) {
                tracing::error!(session = %self.shared.recording.id(), "the end was not recorded: {lost}");
            }
        }
        state.answers.clear();
        state.listening.clear();
        state.holds.clear();
        for outlet in state.outlets.values() {
            outlet.finish();
        }
        self.shared.closed.send_replace(Some(reason));
    }

    fn send(&self, state: &mut State, to: Side, parcel: Parcel) {
        // A farewell of a session whose recorder failed waits for nothing.
        let event = if state.lost { None } else { parcel.event };
        let lane = parcel.message.lane();
        let last = matches!(parcel.message, Message::Close { .. } | Message::Rejected { .. });
        match (to, &parcel.message) {
            (Side::Client, Message::Answer { accepted, .. }) => {
                if let Some(waiting) = state.answers.get_mut(&lane).and_then(VecDeque::pop_front) {
                    let _gone = waiting.send(Answer { accepted: *accepted, port: None, event });
                }
                return;
            }
            (Side::Client, Message::Listening { accepted, port }) => {
                if let Some(waiting) = state.listening.pop_front() {
                    let _gone = waiting.send(Answer { accepted: *accepted, port: *port, event });
                }
                return;
            }
            (_, Message::Open { .. }) | (Side::Upstream, Message::Listen { .. })
                if !state.outlets.contains_key(&(to, lane)) =>
            {
                let door = match to {
                    Side::Client => state.client.clone(),
                    Side::Upstream => state.upstream.clone(),
                };
                let (put, take) = outlet(self.shared.spool_folder.clone());
                state.outlets.insert((to, lane), put);
                if let Some(door) = door {
                    door.open(self, lane, take);
                }
            }
            _ => {}
        }
        let Some(outlet) = state.outlets.get(&(to, lane)) else { return };
        if let Err(error) = outlet.push(Parcel { message: parcel.message, event }) {
            // The lane has a hole now: nothing more of this session may pass as if it had none.
            let text = format!("what waits to be sent on lane {lane} cannot be kept: {error}");
            state.broken = Some(Reason::new("spool", text));
            return;
        }
        if last {
            outlet.finish();
            state.answers.remove(&lane);
            // Queues that still drain stay, so that the end of the session can wait for them.
            state.outlets.retain(|_, outlet| !outlet.is_done());
        }
    }
}

fn recorder_failed(lost: &Lost) -> Reason {
    Reason::new("recorder", format!("the session ends here, because it can no longer be recorded: {lost}"))
}
