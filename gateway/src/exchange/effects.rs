//! What comes of what was said: held, asked, examined, and sent when the record allows it.

use std::task::{Context, Poll, Waker};

use wiretape_core::{Question, Reason, Side, Unit};
use wiretape_http::{Part, Problem};

use super::Exchange;
use super::deferral::Deferral;
use super::holding::Stuck;
use super::line::Told;
use crate::peer::Peer;
use crate::peer::reset::CANCEL;
use crate::questions::{ContentDigest, News};

impl Exchange<'_> {
    pub(super) fn pass_on(&mut self, cover: Option<u64>) {
        let covering = cover;
        if cover.is_some() {
            // A wait that was begun was for less.
            self.cover = cover;
            self.waiting = None;
        }
        let mut told = std::mem::take(&mut self.told);
        for told in told.drain(..) {
            match told {
                // What stays here need not wait for its event to be kept: its release will, or it does when it goes ahead.
                Told::Hold(..) | Told::Examine { .. } | Told::Wait(..) | Told::Withdraw(..) | Told::Postpone(..)
                    if self.covered.is_empty() =>
                {
                    self.carry_out(told, covering);
                }
                told if self.cover.is_some() => self.covered.push_back(told),
                told => self.carry_out(told, None),
            }
        }
        if self.covered.is_empty() {
            self.cover = None;
        }
        self.told = told;
    }

    /// Whether what waits for its event may leave.
    pub(super) fn poll_kept(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(number) = self.cover else { return Poll::Ready(()) };
        let recording = self.line.recording();
        let waiting = self.waiting.get_or_insert_with(|| {
            let recording = recording.clone();
            Box::pin(async move { recording.passed(number).await })
        });
        match waiting.as_mut().poll(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(())) => {
                self.waiting = None;
                self.cover = None;
                Poll::Ready(())
            }
            Poll::Ready(Err(lost)) => {
                // What was to leave is not recorded: it never leaves.
                self.waiting = None;
                self.cover = None;
                self.covered.clear();
                self.line.lose(&lost);
                Poll::Pending
            }
        }
    }

    pub(super) fn release(&mut self) -> bool {
        let any = !self.covered.is_empty();
        for told in std::mem::take(&mut self.covered) {
            self.carry_out(told, None);
        }
        any
    }

    /// Does what was told; `event` covers it, where that may not be kept yet.
    fn carry_out(&mut self, told: Told, event: Option<u64>) {
        match told {
            Told::Say(side, part) => self.put(side, part),
            Told::Hold(Side::Upstream, part) => {
                if let Err(text) = self.holding.keep(part, event, self.line.spool_folder()) {
                    self.line.close(Reason::new("spool", text));
                }
            }
            Told::Release(Side::Upstream) => self.holding.release(),
            Told::Discard(Side::Upstream) => self.forget(),
            Told::Examine { unit, examiner, ahead } => {
                self.holding.examine(unit, examiner, ahead, self.line.examinations(), self.upstreams);
            }
            Told::Wait(pending) => self.asking.push(*pending),
            Told::Defer(question, reason) => {
                let place = Some(format!("/v1/approvals/{question}"));
                let problem = Problem { status: 202, error: "approval_pending", reason, place };
                self.say(Side::Upstream, Part::Failed(problem));
            }
            Told::Postpone(unit, question) => self.deferral = Some(Deferral::new(unit, question)),
            Told::Withdraw(unit) => {
                self.asking.retain(|pending| pending.unit() != unit);
                self.deferral.take_if(|deferral| deferral.unit() == unit);
            }
            Told::Hold(Side::Client, _) | Told::Release(Side::Client) | Told::Discard(Side::Client) => {
                self.line.close(Reason::new("gateway", "nothing is held for clients of HTTP"));
            }
        }
    }

    /// Of a question that waits for the content of its request: `part` is some of that, or its end.
    pub(super) fn hear_content(&mut self, part: &Part) {
        let Some(mut deferral) = self.deferral.take() else { return };
        let whole = match part {
            Part::Body(bytes) => deferral.hear(bytes).then_some(false),
            Part::End => Some(true),
            // Nobody waits any more.
            Part::Reset { .. } => return,
            // Fields behind the content are no part of it, and could say anything.
            _ => None,
        };
        match whole {
            Some(false) => self.deferral = Some(deferral),
            Some(true) => {
                let (unit, question, content) = deferral.complete();
                self.put_question(unit, &question, Some(&content));
            }
            None => self.wait_for_answer(deferral),
        }
    }

    /// The content of a request is more than is read for a question: its client waits for the answer.
    pub(super) fn wait_for_answer(&mut self, deferral: Deferral) {
        let (unit, question) = deferral.question();
        self.put_question(unit, &question, None);
    }

    fn put_question(&mut self, unit: Unit, question: &Question, content: Option<&ContentDigest>) {
        let cover = self.line.put_question(self.lane, unit, question, content, &mut self.told);
        self.pass_on(cover);
    }

    /// What came of a question is told to the session.
    pub(super) fn hear_answers(&mut self, context: &mut Context<'_>) -> bool {
        let heard = self.asking.iter_mut().enumerate().find_map(|(place, pending)| {
            let Poll::Ready(news) = pending.poll_news(context) else { return None };
            Some((place, pending.unit(), news))
        });
        let Some((place, unit, news)) = heard else { return false };
        if matches!(news, News::Settled(_)) {
            drop(self.asking.swap_remove(place));
        }
        let cover = self.line.hear(self.lane, unit, news, &mut self.told);
        self.pass_on(cover);
        true
    }

    /// What an examination found is told to the session.
    pub(super) fn poll_examined(&mut self, context: &mut Context<'_>) -> bool {
        match self.holding.poll_examined(context) {
            Poll::Pending => return false,
            Poll::Ready(Ok((unit, finding))) => {
                let cover = self.line.found(self.lane, unit, finding, &mut self.told);
                self.pass_on(cover);
            }
            Poll::Ready(Err(text)) => self.line.close(Reason::new("gateway", text)),
        }
        true
    }

    /// What is held never goes. A target that has a part of it gets no end of it.
    fn forget(&mut self) {
        let gone_bytes = self.holding.gone_ahead().filter(|bytes| *bytes > 0);
        self.holding.discard();
        let Some(bytes) = gone_bytes else { return };
        if let Some(mut upstream) = self.upstream.take() {
            // By HTTP/1.1 the connection is closed in the middle of the message, by HTTP/2 the stream is reset.
            let reason = "the rest of the request does not pass".to_owned();
            upstream.put(Part::Reset { code: CANCEL, reason });
            let mut context = Context::from_waker(Waker::noop());
            let _gone_or_dropped = upstream.poll_sent(&mut context);
        }
        self.asked = None;
        self.early.clear();
        self.line.mark(self.lane, &format!("the target has {bytes} bytes of what does not pass, and no end of it"));
    }

    /// What was held takes its way, as fast as the target takes it.
    pub(super) fn let_go(&mut self, context: &mut Context<'_>) -> bool {
        let mut progress = false;
        while self.asked.is_none() && self.upstream.as_ref().is_none_or(Peer::has_room) {
            if !self.holding.is_leaving() && self.holding.gone_ahead().is_none() {
                break;
            }
            match self.holding.poll_leave(self.line.recording(), context) {
                Poll::Pending => break,
                Poll::Ready(Ok(Some(part))) => self.put_upstream(part),
                Poll::Ready(Ok(None)) => {
                    for part in std::mem::take(&mut self.behind) {
                        self.put_upstream(part);
                    }
                }
                Poll::Ready(Err(Stuck::Unreadable(text))) => self.line.close(Reason::new("spool", text)),
                Poll::Ready(Err(Stuck::Unrecorded(lost))) => self.line.lose(&lost),
            }
            progress = true;
        }
        progress
    }
}
