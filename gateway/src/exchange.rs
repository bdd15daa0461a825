//! An exchange at work: both sides are heard, and told what the session lets pass.
//!
//! ```text
//!   client ─► poll_part ─► Session ─► Append ─► recorder ─► Send ─► put ─► poll_sent ─► target
//!   target ─► poll_part ─► Session ─► Append ─► recorder ─► Send ─► put ─► poll_sent ─► client
//! ```
//!
//! A side is heard only while the other one takes what it is told and the recorder has room: whoever does not take
//! what it is sent holds back whoever sends it, and nothing grows.

mod asking;
mod deferral;
mod effects;
mod gathering;
mod holding;
mod line;

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Sleep;
use wiretape_core::{Lane, Side};
use wiretape_credentials::sigv4::Payload;
use wiretape_http::{Content, Part, Problem, RequestHead, Route};
use wiretape_recorder::Lost;

use deferral::Deferral;
use gathering::Gathering;
use holding::Holding;
pub(crate) use line::HttpLine;
use line::Told;

use crate::dial::http::{Upstreams, Ways};
use crate::peer::Peer;
use crate::peer::reset::{CANCEL, NO_ERROR, PROTOCOL_ERROR};
use crate::questions::Pending;

/// How long a side may take to read its last bytes.
const LAST_BYTES_TIME_MAX: Duration = Duration::from_secs(8);

/// Parts that are heard before what they lead to is sent.
const PARTS_GATHERED_MAX: usize = 8;

/// Content of a client that is read and dropped, in bytes, so that it gets to read why nobody wants it.
const DECLINED_BYTES_MAX: usize = 4 * 1024 * 1024;

/// How long such content is read.
const DECLINED_TIME_MAX: Duration = Duration::from_secs(5);

type Waiting = Pin<Box<dyn Future<Output = Result<(), Lost>> + Send>>;

/// One exchange.
struct Exchange<'a> {
    line: &'a HttpLine,
    upstreams: &'a Arc<Upstreams>,
    lane: Lane,
    client: Peer,
    upstream: Option<Peer>,
    /// Where its connection rests when it has served.
    home: Option<Arc<Ways>>,
    /// What comes of what was said, before it is put to its side.
    told: Vec<Told>,
    /// What is held for the target, and what goes behind it once that is on its way.
    holding: Holding,
    behind: VecDeque<Part>,
    /// What may leave only when an event is kept, and which.
    covered: VecDeque<Told>,
    cover: Option<u64>,
    waiting: Option<Waiting>,
    /// While the recorder has no room.
    room: Option<Waiting>,
    /// The request that goes to the target, until it is known to have got there.
    again: Option<Box<RequestHead>>,
    /// The head that the target is to be reached for.
    asked: Option<Box<RequestHead>>,
    /// What the target is to be told behind the head, before it was reached.
    early: VecDeque<Part>,
    /// A head that waits until its content is there, and what is then known of that.
    gathering: Option<Gathering>,
    content: Option<Result<Payload, Problem>>,
    client_end: End,
    upstream_end: End,
    /// The client was told everything.
    answered: bool,
    /// And that it was broken off.
    cut: bool,
    /// The head of the response went to the client.
    begun: bool,
    /// Content that the client is still owed, where its length was said.
    owed: Option<u64>,
    /// The client left when it had everything, before the target had said that this is all.
    satisfied: bool,
    /// The target takes nothing more.
    deaf: bool,
    /// What the client says is wanted by nobody: how much of it was heard, and for how long it will be.
    declined_bytes: usize,
    declining: Option<Pin<Box<Sleep>>>,
    /// Questions that stand.
    asking: Vec<Pending>,
    /// A question that waits for the content of the request.
    deferral: Option<Deferral>,
}

/// How far a side is with what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Open,
    Said,
    Reset,
}

/// Runs one exchange: `head` was said by `client`, and goes by `route`. Returns the client.
pub(crate) async fn run(
    line: &HttpLine,
    upstreams: &Arc<Upstreams>,
    client: Peer,
    head: Box<RequestHead>,
    route: Arc<Route>,
) -> Peer {
    let mut told = Vec::new();
    let (lane, cover) = line.begin(Part::Request(head, route), &mut told);
    let mut exchange = Exchange {
        line,
        upstreams,
        lane,
        client,
        upstream: None,
        home: None,
        told,
        holding: Holding::default(),
        behind: VecDeque::new(),
        covered: VecDeque::new(),
        cover: None,
        waiting: None,
        room: None,
        again: None,
        asked: None,
        early: VecDeque::new(),
        gathering: None,
        content: None,
        client_end: End::Open,
        upstream_end: End::Open,
        answered: false,
        cut: false,
        begun: false,
        owed: None,
        satisfied: false,
        deaf: false,
        declined_bytes: 0,
        declining: None,
        asking: Vec::new(),
        deferral: None,
    };
    exchange.pass_on(cover);
    exchange.serve().await;
    exchange.client
}

impl Exchange<'_> {
    async fn serve(&mut self) {
        let line = self.line;
        let mut over = std::pin::pin!(line.over().cancelled());
        loop {
            if let Some(head) = self.asked.take() {
                tokio::select! {
                    () = &mut over => break,
                    () = self.reach(head) => {}
                }
                continue;
            }
            let ended = poll_fn(|context| {
                if over.as_mut().poll(context).is_ready() {
                    return Poll::Ready(true);
                }
                self.poll_serve(context).map(|()| false)
            })
            .await;
            if ended {
                break;
            }
            if self.asked.is_none() {
                return self.finish().await;
            }
        }
        // The session is over, and this exchange with it.
        self.covered.clear();
        for (side, part) in line.farewell(self.lane) {
            self.put(side, part);
        }
        if let Peer::One(connection) = &mut self.client {
            connection.set_last();
        }
        let leave = poll_fn(|context| {
            let client = self.client.poll_sent(context).is_ready();
            let upstream = self.upstream.as_mut().is_none_or(|peer| peer.poll_sent(context).is_ready());
            if client && upstream { Poll::Ready(()) } else { Poll::Pending }
        });
        if tokio::time::timeout(LAST_BYTES_TIME_MAX, leave).await.is_err() {
            tracing::debug!(session = %line.recording().id(), "a side did not take its last bytes");
        }
    }

    /// Finds the way to the target, and asks it.
    async fn reach(&mut self, head: Box<RequestHead>) {
        let opened = match self.content.take().transpose() {
            Ok(content) => self.upstreams.open(&head, content).await,
            Err(problem) => Err(problem),
        };
        match opened {
            Ok(opened) => {
                let safe = matches!(head.method.as_ref(), b"GET" | b"HEAD" | b"OPTIONS" | b"PUT" | b"DELETE");
                let repeatable = safe && opened.used && head.content == Content::Empty && head.protocol.is_none();
                self.again = repeatable.then_some(head);
                let mut peer = opened.peer;
                self.home = opened.home;
                for part in self.early.drain(..) {
                    peer.put(part);
                }
                self.upstream = Some(peer);
            }
            Err(problem) => {
                self.early.clear();
                self.behind.clear();
                self.holding.discard();
                self.say(Side::Upstream, Part::Failed(problem));
            }
        }
    }

    /// Serves until the exchange is over or the target has to be reached.
    fn poll_serve(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            let mut progress = false;
            if self.poll_kept(context).is_ready() {
                progress |= self.release();
            }
            progress |= self.poll_examined(context);
            progress |= self.hear_answers(context);
            progress |= self.let_go(context);
            // What comes by one read leaves by one write.
            let room = self.poll_room(context);
            for _ in 0..PARTS_GATHERED_MAX {
                if !room || self.cover.is_some() || self.asked.is_some() {
                    break;
                }
                let heard = self.hear_upstream(context) | self.hear_client(context);
                if !heard {
                    break;
                }
                progress = true;
            }
            let full = !self.has_room();
            let client_sent = self.poll_client_sent(context);
            self.poll_upstream_sent(context);
            // What left made room for what nobody was asked for: nothing else would wake this task for it.
            progress |= full && self.has_room();
            if self.asked.is_some() {
                return Poll::Ready(());
            }
            if !progress {
                let sent = client_sent || self.client_end == End::Reset;
                return if self.is_over(context) && sent { Poll::Ready(()) } else { Poll::Pending };
            }
        }
    }

    /// Whether both sides take what they are told.
    fn has_room(&self) -> bool {
        self.client.has_room() && self.upstream.as_ref().is_none_or(Peer::has_room)
    }

    fn hear_client(&mut self, context: &mut Context<'_>) -> bool {
        let passes = !self.holding.is_leaving() && self.upstream.as_ref().is_some_and(Peer::has_room);
        // What the target is not asked for yet, the session holds.
        let awaited = self.upstream.is_none() && self.asked.is_none() && !self.answered;
        let wanted = passes || self.holding.is_holding() || (awaited && !self.holding.is_leaving());
        if !(self.asking.is_empty() && self.deferral.is_none()) && self.line.is_full_of_questions() {
            // There is no room to read the content for a question either.
            return match self.deferral.take() {
                Some(deferral) => {
                    self.wait_for_answer(deferral);
                    true
                }
                None => false,
            };
        }
        if !(wanted || self.declines()) || self.client_end == End::Reset || self.satisfied {
            return false;
        }
        // Behind its end only a reset is listened for: that the client has gone.
        if self.answered && self.client_end == End::Said {
            return false;
        }
        let Poll::Ready(part) = self.client.poll_part(context) else { return false };
        match &part {
            Part::End => self.client_end = End::Said,
            Part::Body(bytes) if self.declines() => self.declined_bytes += bytes.len(),
            Part::Reset { code: CANCEL, .. } if self.has_everything() => {
                self.satisfied = true;
                return true;
            }
            Part::Reset { code, reason } => {
                self.client_end = End::Reset;
                if *code == PROTOCOL_ERROR && !self.begun && !self.client.is_h2() {
                    let problem =
                        Problem { status: 400, error: "malformed_request", reason: reason.clone(), place: None };
                    self.say(Side::Upstream, Part::Failed(problem));
                }
            }
            _ => {}
        }
        let heard = self.deferral.is_some().then(|| part.clone());
        self.say(Side::Client, part);
        if let Some(part) = heard {
            self.hear_content(&part);
        }
        true
    }

    /// Whether what the client still says is wanted by nobody: it has its answer, and the target is gone or deaf.
    fn declines(&self) -> bool {
        let unheard = self.deaf || self.upstream.is_none() || self.upstream_end == End::Reset || self.was_not_asked();
        self.answered && self.client_end == End::Open && unheard
    }

    /// Whether the client said all that it had to say, and was told all that it was promised.
    fn has_everything(&self) -> bool {
        self.client_end == End::Said && self.owed == Some(0)
    }

    /// Whether the client keeps its content to itself until it is asked, and got its answer instead.
    fn was_not_asked(&self) -> bool {
        matches!(&self.client, Peer::One(connection) if connection.was_not_asked())
    }

    fn hear_upstream(&mut self, context: &mut Context<'_>) -> bool {
        // A target that has a part of what is held is heard when it may have the rest: not before that is recorded and
        // judged.
        if self.upstream_end != End::Open || !self.client.has_room() || self.holding.gone_ahead().is_some() {
            return false;
        }
        let Some(upstream) = &mut self.upstream else { return false };
        let Poll::Ready(part) = upstream.poll_part(context) else { return false };
        match part {
            Part::Reset { code, reason } => {
                let silent = matches!(upstream, Peer::One(connection) if connection.is_silent());
                if silent && let Some(head) = self.again.take() {
                    // The connection had rested, and the target closed it before it heard anything: RFC 9112 section
                    // 9.3.1.
                    self.upstream = None;
                    self.asked = Some(head);
                    self.early.extend((self.client_end == End::Said).then_some(Part::End));
                    return true;
                }
                self.upstream_end = End::Reset;
                if self.begun || (upstream.is_h2() && self.client.is_h2()) {
                    self.say(Side::Upstream, Part::Reset { code, reason });
                } else {
                    self.fail(&reason);
                }
            }
            Part::Failed(problem) => {
                self.upstream_end = End::Reset;
                self.fail(&problem.reason);
            }
            part => {
                self.again = None;
                if let Part::Response(head) = &part {
                    self.upstreams.answered(head.status);
                }
                if part == Part::End {
                    self.upstream_end = End::Said;
                }
                self.say(Side::Upstream, part);
            }
        }
        true
    }

    /// The target gave no answer: the gateway gives one.
    fn fail(&mut self, what: &str) {
        let (name, doubt) = (self.upstreams.name(), self.upstreams.doubt());
        let reason = format!("the target {name} gave no answer: {what}{doubt}");
        self.say(Side::Upstream, Part::Failed(Problem { status: 502, error: "target_broke_off", reason, place: None }));
    }

    /// `side` said `part`: what comes of it is passed on.
    fn say(&mut self, side: Side, part: Part) {
        let cover = self.line.say(self.lane, side, part, &mut self.told);
        self.pass_on(cover);
    }

    fn put(&mut self, side: Side, part: Part) {
        match side {
            Side::Client => {
                match &part {
                    Part::Response(head) => {
                        self.begun = true;
                        self.owed = match head.content {
                            Content::Length(length) => Some(length),
                            Content::Empty => Some(0),
                            Content::Streamed | Content::Tunnel => None,
                        };
                    }
                    Part::Body(bytes) => {
                        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                        self.owed = self.owed.map(|owed| owed.saturating_sub(length));
                    }
                    Part::End => self.answered = true,
                    Part::Reset { .. } => {
                        self.answered = true;
                        self.cut = true;
                    }
                    _ => {}
                }
                self.client.put(part);
            }
            Side::Upstream if self.holding.is_leaving() => self.behind.push_back(part),
            Side::Upstream => self.put_upstream(part),
        }
    }

    /// Whether the recorder has room; where it has not, the task is woken when it has.
    fn poll_room(&mut self, context: &mut Context<'_>) -> bool {
        let recording = self.line.recording();
        if recording.has_room() {
            self.room = None;
            return true;
        }
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

    fn poll_client_sent(&mut self, context: &mut Context<'_>) -> bool {
        match self.client.poll_sent(context) {
            Poll::Pending => false,
            Poll::Ready(Ok(())) => true,
            Poll::Ready(Err(_)) if self.has_everything() => {
                self.satisfied = true;
                true
            }
            Poll::Ready(Err(error)) => {
                if self.client_end != End::Reset {
                    self.client_end = End::Reset;
                    let reason = format!("the client takes nothing more: {error}");
                    self.say(Side::Client, Part::Reset { code: CANCEL, reason });
                }
                self.answered = true;
                true
            }
        }
    }

    fn poll_upstream_sent(&mut self, context: &mut Context<'_>) {
        if let Some(upstream) = &mut self.upstream
            && let Poll::Ready(Err(error)) = upstream.poll_sent(context)
        {
            // It takes nothing more, but it may have said why: that is still to be heard.
            tracing::debug!("the target takes nothing more: {error}");
            self.deaf = true;
        }
    }

    /// Whether nothing more can come of it.
    fn is_over(&mut self, context: &mut Context<'_>) -> bool {
        if !self.covered.is_empty() || self.cover.is_some() {
            return false;
        }
        match (self.client_end, self.upstream_end) {
            (End::Reset, _) => true,
            (End::Said, _) if self.satisfied && !self.answered => {
                // The target has only to say that this was all.
                let patience = self.declining.get_or_insert_with(|| Box::pin(tokio::time::sleep(DECLINED_TIME_MAX)));
                patience.as_mut().poll(context).is_ready()
            }
            (End::Said, _) => self.answered,
            (End::Open, _) if self.cut => true,
            (End::Open, _) if self.declines() => {
                // A client that has more to say than anybody wants is heard for a while, so that it gets to read its
                // answer: by HTTP/1.1 closing would take it back, and clients of HTTP/2 stumble over being told in the
                // middle of their upload that nothing more is wanted.
                let enough = self.was_not_asked() || self.declined_bytes > DECLINED_BYTES_MAX;
                let patience = self.declining.get_or_insert_with(|| Box::pin(tokio::time::sleep(DECLINED_TIME_MAX)));
                enough || patience.as_mut().poll(context).is_ready()
            }
            (End::Open, _) => false,
        }
    }

    /// The exchange is over: the target's connection is kept where it can serve again.
    async fn finish(&mut self) {
        if self.satisfied && !self.answered {
            self.say(Side::Client, Part::Reset { code: CANCEL, reason: "the client left".to_owned() });
        }
        if self.client_end == End::Open {
            let reason = "nothing more is wanted of the request".to_owned();
            self.say(Side::Upstream, Part::Reset { code: NO_ERROR, reason });
            // A stream of HTTP/2 that nobody holds any more is told so by itself, behind what it was sent (RFC 9113
            // section 8.1).
            if let Peer::One(connection) = &mut self.client {
                connection.set_last();
            }
        }
        if self.client_end == End::Reset && self.begun && !self.client.is_h2() {
            let sent = poll_fn(|context| self.client.poll_sent(context));
            if tokio::time::timeout(LAST_BYTES_TIME_MAX, sent).await.is_err() {
                tracing::debug!("the client did not take its last bytes");
            }
        }
        if let (Some(upstream), Some(home)) = (self.upstream.take(), &self.home) {
            home.give_back(upstream);
        }
    }
}
