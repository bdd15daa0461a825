//! A push that is held: examined, judged, released or refused.

use std::sync::Arc;

use wiretape_core::event::{GitEvent, RefUpdate};
use wiretape_core::judge::{ActionKind, Push};
use wiretape_core::limits::GIT_PUSH_BYTES_MAX;
use wiretape_core::{Examiner, Finding, Moment, Side, Step};

use crate::conversation::Part;
use crate::pack::{Asked, PushExamination, Understood};
use crate::refuse::{self, Why};
use crate::stage::Stage;
use crate::wire::GitWire;
use crate::{Packs, pack};

impl GitWire {
    /// Whether the client can go on with its push.
    pub(crate) fn takes_pack(&self) -> bool {
        matches!(self.stage, Stage::List | Stage::Examined(_))
    }

    /// All that stands before the pack is there, and held.
    pub(crate) fn list_over(&mut self, at: Moment) {
        let Some(list) = self.standing.list() else { return };
        let updates = list.updates().to_vec();
        if updates.is_empty() {
            // Nothing is pushed: a client that looked, or tries whether it may speak.
            self.release();
        } else if list.has_pack() {
            let format = list.format();
            self.examine(updates, format);
        } else {
            self.judge_push(at, updates, Vec::new(), true);
        }
    }

    /// The client ended before its list did.
    pub(crate) fn list_ended(&mut self, at: Moment) {
        let Some(list) = self.standing.list() else { return };
        if list.is_empty() && self.pushed_bytes == 0 {
            self.release();
        } else {
            self.refuse(at, Why::Unreadable("the list of updates is cut short"));
        }
    }

    fn release(&mut self) {
        self.stage = Stage::Released;
        self.plan(Step::Release { to: Side::Upstream, lane: self.lane });
    }

    fn examine(&mut self, updates: Vec<RefUpdate>, format: pack::ObjectFormat) {
        let asked = match &self.conversation.part {
            Part::Command { argument } => Asked::Exec { repository: argument.clone() },
            Part::Request { base } => Asked::Content { base: base.clone() },
            // An offer is no push.
            Part::Advertisement => return,
        };
        let unit = self.unit();
        self.stage = Stage::Examined(unit);
        let listed = self.options.packs == Packs::Listed;
        let examination = PushExamination::new(asked, format, self.pushed_bytes, updates, listed);
        self.plan(Step::Examine { unit, examiner: Examiner(Arc::new(examination)) });
    }

    /// More was held: there is an end to it.
    pub(crate) fn bound(&mut self, at: Moment) {
        if self.pushed_bytes > GIT_PUSH_BYTES_MAX && !self.over {
            self.refuse(at, Why::Unreadable("the push is larger than the gateway holds"));
        }
    }

    /// The examination is over.
    pub(crate) fn understood(&mut self, at: Moment, finding: Finding) {
        let Ok(understood) = Arc::downcast::<Understood>(finding.0) else {
            return self.refuse(at, Why::Unreadable("the push could not be read"));
        };
        // Nobody else keeps it: nothing is copied.
        let Understood { updates, events, paths, complete, end, problem } = Arc::unwrap_or_clone(understood);
        events.into_iter().for_each(|event| self.note(Side::Client, at, event));
        let behind = self.pushed_bytes != end;
        let problem = problem.or_else(|| behind.then(|| "something stands behind the pack".to_owned()));
        match problem {
            Some(problem) => {
                updates.into_iter().for_each(|update| self.note(Side::Client, at, GitEvent::Update(update)));
                self.refuse(at, Why::Unreadable(&problem));
            }
            None => self.judge_push(at, updates, paths, complete),
        }
    }

    fn judge_push(&mut self, at: Moment, updates: Vec<RefUpdate>, paths: Vec<bytes::Bytes>, complete: bool) {
        let (repository, options) = (self.conversation.repository.clone(), self.standing.list());
        let options = options.map(|list| list.options().to_vec()).unwrap_or_default();
        let mut told = updates.clone();
        let Some(last) = told.pop() else { return };
        told.into_iter().for_each(|update| self.note(Side::Client, at, GitEvent::Update(update)));
        let push = Push { repository, updates, options, paths, complete };
        let unit = self.judge(at, ActionKind::Push(Box::new(push)), GitEvent::Update(last));
        self.stage = Stage::Judged(unit);
    }

    /// The push never goes: the client is told as by the target, and the target that nothing is pushed.
    pub(crate) fn refuse(&mut self, at: Moment, why: Why<'_>) {
        let (chosen, updates) = match self.standing.list() {
            Some(list) => (list.chosen(), list.updates().to_vec()),
            None => return,
        };
        if self.takes_pack() {
            self.stage = Stage::Refused;
        }
        self.turn_push_away(at, refuse::report(chosen, &updates, why));
    }
}
