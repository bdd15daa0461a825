//! The upstream of a session that has none: it lets the client come far enough to be told why.
//!
//! An SSH client shows text only on a channel on which something runs. So the lane is opened and its terminal granted,
//! and when the client asks for a program the session ends with the reason on the standard error.

use std::time::Duration;

use wiretape_core::event::StreamKind;
use wiretape_core::{Lane, Reason, Side};
use wiretape_ssh::{Message, OpenFailure, Request};

use crate::line::{Door, Line};
use crate::outlet::OutletQueue;

/// How long a refused client may stay without asking for anything.
const IDLE_TIME_MAX: Duration = Duration::from_secs(10);

/// An upstream that is not there.
pub(super) struct RefusedUpstream {
    reason: Reason,
}

impl RefusedUpstream {
    /// Waits for the client to ask for something, and ends the session when it does not.
    pub(super) fn start(line: &Line, reason: Reason) -> Self {
        let (line, told) = (line.clone(), reason.clone());
        tokio::spawn(async move { when_idle(&line, told).await });
        Self { reason }
    }
}

impl Door for RefusedUpstream {
    fn open(&self, line: &Line, on: Lane, queue: OutletQueue) {
        tokio::spawn(lane(line.clone(), on, queue, self.reason.clone()));
    }
}

/// Serves one lane of a refused session.
pub(super) async fn lane(line: Line, lane: Lane, mut queue: OutletQueue, reason: Reason) {
    while let Ok(Some(parcel)) = queue.next().await {
        answer(&line, lane, parcel.message, &reason);
    }
}

/// Answers one message of a client that is refused; what asks for something ends the session.
pub(super) fn answer(line: &Line, lane: Lane, message: Message, reason: &Reason) {
    match message {
        Message::Open { kind: StreamKind::Session, .. } => line.say(Side::Upstream, Message::Opened { lane }),
        Message::Open { .. } => {
            let text = reason.text.clone();
            line.say(Side::Upstream, Message::Rejected { lane, reason: OpenFailure::ConnectFailed, text });
            line.close(reason.clone());
        }
        Message::Listen { .. } => {
            line.say(Side::Upstream, Message::Listening { accepted: false, port: None });
            line.close(reason.clone());
        }
        Message::Request { request: Request::Shell | Request::Exec { .. } | Request::Subsystem { .. }, .. } => {
            line.close(reason.clone());
        }
        Message::Request { want_reply: true, .. } => {
            line.say(Side::Upstream, Message::Answer { lane, accepted: true });
        }
        _ => {}
    }
}

/// Ends a refused session whose client asks for nothing.
pub(super) async fn when_idle(line: &Line, reason: Reason) {
    tokio::select! {
        () = tokio::time::sleep(IDLE_TIME_MAX) => line.close(reason),
        _ = line.closed() => {}
    }
}
