//! What is held of an exchange for its target: kept, examined, and sent or forgotten.
//!
//! Where no rule looks into it, it is sent while it is examined, all but its end.

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};
use wiretape_core::{Examiner, Finding, Unit};
use wiretape_http::Part;
use wiretape_recorder::{Lost, Recording};

use super::Waiting;
use super::asking::HttpAsking;
use crate::dial::http::Upstreams;
use crate::examination::Examinations;
use crate::hold::{Hold, Leaving, Piece, Taken};

/// What is held of one exchange.
#[derive(Default)]
pub(super) struct Holding {
    held: Option<Hold<Part>>,
    /// What may leave.
    leaving: Option<Leaving<Part>>,
    /// The part that leaves next, once an event is kept.
    next: Option<(Part, Waiting)>,
    examined: Option<(Unit, JoinHandle<Finding>)>,
    /// Ends what an examination asks when the exchange does.
    asking: Option<DropGuard>,
}

/// Why what may leave does not.
pub(super) enum Stuck {
    /// The disk does not give it back, in words.
    Unreadable(String),
    /// It is not recorded.
    Unrecorded(Lost),
}

impl Holding {
    /// Whether something is held.
    pub(super) fn is_holding(&self) -> bool {
        self.held.is_some()
    }

    /// Whether something is on its way that was held, all of which may leave.
    pub(super) fn is_leaving(&self) -> bool {
        self.leaving.is_some() && self.held.is_none()
    }

    /// Whether what is held leaves before it is judged, and how much of it did, in bytes.
    pub(super) fn gone_ahead(&self) -> Option<u64> {
        match (&self.held, &self.leaving) {
            (Some(held), Some(_)) => Some(held.gone_bytes()),
            _ => None,
        }
    }

    /// Holds a part behind what is held; `event` covers it.
    ///
    /// # Errors
    /// In words: the disk does not take it.
    pub(super) fn keep(&mut self, part: Part, event: Option<u64>, folder: &Path) -> Result<(), String> {
        let held = self.held.get_or_insert_default();
        match part {
            Part::Body(bytes) => held
                .push_bytes(&bytes, event, folder)
                .map_err(|error| format!("what is held cannot be kept in {}: {error}", folder.display())),
            part => {
                let last = part == Part::End;
                held.push(part, event, last);
                Ok(())
            }
        }
    }

    /// What is held may leave.
    pub(super) fn release(&mut self) {
        let leaving = self.held.take().and_then(|held| held.release(None));
        self.leaving = leaving.or(self.leaving.take());
        self.examined = None;
        self.asking = None;
    }

    /// What is held is forgotten.
    pub(super) fn discard(&mut self) {
        *self = Self::default();
    }

    /// The next part of what may leave; none: that was all.
    pub(super) fn poll_leave(
        &mut self,
        recording: &Recording,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<Part>, Stuck>> {
        if self.next.is_none() {
            let Some(leaving) = &mut self.leaving else { return Poll::Ready(Ok(None)) };
            let (piece, event) = match ready!(leaving.poll_take(context)) {
                Ok(Taken::Piece(piece, event)) => (piece, event),
                Ok(Taken::All | Taken::Cut { .. }) => {
                    self.leaving = None;
                    return Poll::Ready(Ok(None));
                }
                Err(error) => {
                    self.leaving = None;
                    return Poll::Ready(Err(Stuck::Unreadable(format!("what was held cannot be read back: {error}"))));
                }
            };
            let part = match piece {
                Piece::Message(part) => part,
                Piece::Bytes(bytes) => Part::Body(bytes),
            };
            let Some(number) = event else { return Poll::Ready(Ok(Some(part))) };
            let recording = recording.clone();
            self.next = Some((part, Box::pin(async move { recording.passed(number).await })));
        }
        let Some((_, waiting)) = &mut self.next else { return Poll::Ready(Ok(None)) };
        let kept = ready!(waiting.as_mut().poll(context));
        let part = self.next.take().map(|(part, _)| part);
        Poll::Ready(match kept {
            Ok(()) => Ok(part),
            Err(lost) => {
                // What was to leave is not recorded: neither it leaves nor what stands behind it.
                self.leaving = None;
                Err(Stuck::Unrecorded(lost))
            }
        })
    }

    /// Has what is held examined, beside the exchange; `ahead`: it may leave meanwhile, as far as it is found in order.
    pub(super) fn examine(
        &mut self,
        unit: Unit,
        examiner: Examiner,
        ahead: bool,
        examinations: &Examinations,
        upstreams: &Arc<Upstreams>,
    ) {
        let held = self.held.get_or_insert_default();
        let over = CancellationToken::new();
        let (asking, ahead) = held.look_at_first(|first| {
            // A head that has to be signed with its content waits for all of that.
            let waits =
                !matches!(first, Some(Part::Request(head, _)) if matches!(upstreams.demands_content(head), Ok(false)));
            (HttpAsking::new(upstreams, first, over.clone()), ahead && !waits)
        });
        self.asking = Some(over.drop_guard());
        self.examined = Some((unit, examinations.start(examiner, held, Box::new(asking))));
        if ahead {
            self.leaving = Some(held.leave_ahead());
        }
    }

    /// What the examination found.
    ///
    /// # Errors
    /// In words: it failed.
    pub(super) fn poll_examined(&mut self, context: &mut Context<'_>) -> Poll<Result<(Unit, Finding), String>> {
        let Some((unit, examined)) = &mut self.examined else { return Poll::Pending };
        let unit = *unit;
        let Poll::Ready(finding) = Pin::new(examined).poll(context) else { return Poll::Pending };
        self.examined = None;
        self.asking = None;
        Poll::Ready(finding.map(|finding| (unit, finding)).map_err(|error| {
            tracing::error!("an examination failed: {error}");
            "what was held could not be examined".to_owned()
        }))
    }
}
