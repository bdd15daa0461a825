//! What is held of an exchange for its target: kept, examined, and sent or forgotten.

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};
use wiretape_core::{Examiner, Finding, Unit};
use wiretape_http::Part;

use super::asking::HttpAsking;
use crate::dial::http::Upstreams;
use crate::examination::Examinations;
use crate::hold::{Hold, Piece};

/// What is held of one exchange.
#[derive(Default)]
pub(super) struct Holding {
    held: Option<Hold<Part>>,
    /// What may leave.
    leaving: Option<Hold<Part>>,
    examined: Option<(Unit, JoinHandle<Finding>)>,
    /// Ends what an examination asks when the exchange does.
    asking: Option<DropGuard>,
}

impl Holding {
    /// Whether something is held.
    pub(super) fn is_holding(&self) -> bool {
        self.held.is_some()
    }

    /// Whether something is on its way that was held.
    pub(super) fn is_leaving(&self) -> bool {
        self.leaving.is_some()
    }

    /// Holds a part behind what is held.
    ///
    /// # Errors
    /// In words: the disk does not take it.
    pub(super) fn keep(&mut self, part: Part, folder: &Path) -> Result<(), String> {
        let held = self.held.get_or_insert_with(Hold::new);
        match part {
            Part::Body(bytes) => held
                .push_bytes(&bytes, folder)
                .map_err(|error| format!("what is held cannot be kept in {}: {error}", folder.display())),
            part => {
                let last = part == Part::End;
                held.push(part, last);
                Ok(())
            }
        }
    }

    /// What is held may leave.
    pub(super) fn release(&mut self) {
        self.leaving = self.held.take();
        self.examined = None;
        self.asking = None;
    }

    /// What is held is forgotten.
    pub(super) fn discard(&mut self) {
        *self = Self::default();
    }

    /// The next part of what may leave; none: that was all.
    ///
    /// # Errors
    /// In words: the disk does not give it back.
    pub(super) fn leave(&mut self) -> Result<Option<Part>, String> {
        let Some(leaving) = &mut self.leaving else { return Ok(None) };
        match leaving.take() {
            Ok(Some(Piece::Message(part))) => return Ok(Some(part)),
            Ok(Some(Piece::Bytes(bytes))) => return Ok(Some(Part::Body(bytes))),
            Ok(None) => {}
            Err(error) => {
                self.leaving = None;
                return Err(format!("what was held cannot be read back: {error}"));
            }
        }
        self.leaving = None;
        Ok(None)
    }

    /// Has what is held examined, beside the exchange.
    pub(super) fn examine(
        &mut self,
        unit: Unit,
        examiner: Examiner,
        examinations: &Examinations,
        upstreams: &Arc<Upstreams>,
    ) {
        let held = self.held.get_or_insert_with(Hold::new);
        let over = CancellationToken::new();
        let asking = HttpAsking::new(upstreams, held.first(), over.clone());
        self.asking = Some(over.drop_guard());
        self.examined = Some((unit, examinations.start(examiner, held, Box::new(asking))));
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
