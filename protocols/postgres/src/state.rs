//! Where the conversation stands: which requests the target has not answered yet. Only this file moves it.
//!
//! ```text
//!             requests that went to the target, oldest first            the target's answers
//!   ask ──► │ Parse │ Bind │ Execute │ Refused │ Sync │ Query │ … ──►  answer: the oldest one moves or is done
//!                                        │
//!                     take_refusal: its turn has come, the client is told
//!
//!   Parse, Bind, Close, Describe, Execute   done by one answer (a description of a statement by two)
//!   Query, Call, Sync, Login                done by ReadyForQuery, after any answers of their own
//!   an error in the extended protocol       undoes all up to the next Sync, here as in the target
//!   StandIn                                 done by the error that it has to be: it becomes Refused
//! ```
//!
//! Flush has no answer. What belongs to a copy has none either, but while a copy to the target runs it swallows Sync
//! ("COPY Operations" in PostgreSQL's documentation), so that its end has a place of its own between the requests.

use std::collections::VecDeque;

use wiretape_core::Reason;
use wiretape_core::event::{CopyDirection, TransactionStatus};

use crate::block::Boundary;

/// What the target has to answer.
#[derive(Debug)]
pub(crate) enum Request {
    /// The login, whose tail passes here.
    Login,
    Query,
    Call,
    Parse,
    Bind,
    /// The statement's number, if its name is kept.
    DescribeStatement(Option<u64>),
    /// Of a portal, or of a statement whose parameters are described already: the columns.
    DescribeColumns,
    Execute,
    Close,
    Sync,
    /// `CopyDone` or `CopyFail`: nothing is answered to it as such.
    CopyEnd,
    /// It did not go to the target; the client is told why when its turn has come.
    Refused(Box<Refusal>),
    /// Neither did it; the target got something in its place that has to fail.
    StandIn(Box<Refusal>),
}

/// A refused request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) reason: Reason,
    /// Whether the client waits for a `ReadyForQuery` too.
    pub(crate) ready: bool,
}

impl Request {
    /// True of the requests that an error undoes up to the next Sync.
    fn is_extended(&self) -> bool {
        match self {
            Self::StandIn(refusal) => !refusal.ready,
            Self::Parse
            | Self::Bind
            | Self::DescribeStatement(_)
            | Self::DescribeColumns
            | Self::Execute
            | Self::Close => true,
            Self::Login | Self::Query | Self::Call | Self::Sync | Self::CopyEnd | Self::Refused(_) => false,
        }
    }

    /// What the target should say to it.
    fn expected(&self) -> &'static str {
        match self {
            Self::Login => "the end of the login",
            Self::Query => "an answer to Query",
            Self::Call => "an answer to FunctionCall",
            Self::Parse => "ParseComplete",
            Self::Bind => "BindComplete",
            Self::DescribeStatement(_) => "ParameterDescription",
            Self::DescribeColumns => "RowDescription or NoData",
            Self::Execute => "an answer to Execute",
            Self::Close => "CloseComplete",
            Self::Sync => "ReadyForQuery",
            Self::StandIn(_) => "ErrorResponse to what is no SQL",
            Self::CopyEnd | Self::Refused(_) => NOTHING_ASKED,
        }
    }
}

const NOTHING_ASKED: &str = "a message that needs no request";

/// An answer to nothing that was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unexpected {
    /// What would have been one.
    pub(crate) expected: &'static str,
}

/// The copy that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Copy {
    None,
    Runs(CopyDirection),
}

/// The requests that wait, and what the target said last.
#[derive(Debug)]
pub(crate) struct Conversation {
    requests: VecDeque<Request>,
    copy: Copy,
    /// A copy to the target runs, and the client has not ended it: Sync means nothing.
    swallows_sync: bool,
    /// How many it swallowed since it began. If it failed before them, they are answered after all.
    swallowed: u32,
    /// An error was answered to the extended protocol: the target ignores everything up to a Sync that did not come yet.
    ignores: bool,
    /// Messages of the extended protocol went to the target since the last Sync or query.
    open_group: bool,
    /// Where the client stands in its group, its own transaction is surely open.
    in_block: bool,
    /// So many times may the target be ready without having been asked.
    unasked_ready: u32,
    status: TransactionStatus,
}

impl Conversation {
    /// A conversation that begins with the tail of the login.
    pub(crate) fn new() -> Self {
        Self {
            requests: VecDeque::from([Request::Login]),
            copy: Copy::None,
            swallows_sync: false,
            swallowed: 0,
            ignores: false,
            open_group: false,
            in_block: false,
            unasked_ready: 0,
            status: TransactionStatus::Idle,
        }
    }

    /// Requests that wait for their answer.
    pub(crate) fn requests(&self) -> usize {
        self.requests.len()
    }

    /// Where the session stands, as the target last said.
    pub(crate) fn status(&self) -> TransactionStatus {
        self.status
    }

    /// True when messages of the extended protocol may wait in the target for a Sync or a Flush.
    pub(crate) fn has_open_group(&self) -> bool {
        self.open_group
    }

    /// The statement that the oldest request asks the target to describe.
    pub(crate) fn described(&self) -> Option<u64> {
        match self.requests.front() {
            Some(Request::DescribeStatement(statement)) => *statement,
            _ => None,
        }
    }

    /// A request went to the target.
    pub(crate) fn ask(&mut self, request: Request) {
        match request {
            Request::Sync => {
                self.open_group = false;
                if self.swallows_sync {
                    self.swallowed = self.swallowed.saturating_add(1);
                    return;
                }
                self.ignores = false;
            }
            Request::CopyEnd if self.swallows_sync => {
                self.swallows_sync = false;
                return;
            }
            Request::Query | Request::Call => self.open_group = false,
            _ if request.is_extended() && !self.open_group => {
                self.open_group = true;
                // What is not answered yet may begin a transaction, or end it.
                let known = self.requests.is_empty() && self.unasked_ready == 0;
                self.in_block = known && self.status != TransactionStatus::Idle;
            }
            _ => {}
        }
        if !self.ignores {
            self.requests.push_back(request);
            self.settle();
        }
    }

    /// A request was refused. Where the target would have ignored it, so does the client.
    pub(crate) fn refuse(&mut self, refusal: Refusal) {
        if !self.ignores {
            self.requests.push_back(Request::Refused(Box::new(refusal)));
        }
    }

    /// The client ran something: it begins or ends a transaction, `None` where that is not known.
    pub(crate) fn cross(&mut self, boundary: Option<Boundary>) {
        self.in_block = match boundary {
            Some(Boundary::Begin) => true,
            Some(Boundary::Neither) => self.in_block,
            Some(Boundary::End) | None => false,
        };
    }

    /// Whether the target has heard a part of the group, and would undo it if what comes next failed there: so it is
    /// where no transaction of the client's own goes on.
    pub(crate) fn has_group_to_undo(&self) -> bool {
        self.open_group && !self.ignores && !self.in_block
    }

    /// A request was refused, and something that has to fail went to the target in its place.
    pub(crate) fn stand_in(&mut self, refusal: Refusal) {
        self.open_group &= !refusal.ready;
        self.requests.push_back(Request::StandIn(Box::new(refusal)));
    }

    /// Whether the target's next error is that of a request that stands in for a refused one.
    pub(crate) fn awaits_stand_in(&self) -> bool {
        matches!(self.requests.front(), Some(Request::StandIn(_)))
    }

    /// The refusal whose turn has come.
    pub(crate) fn take_refusal(&mut self) -> Option<Refusal> {
        match self.requests.pop_front() {
            Some(Request::Refused(refusal)) => {
                self.settle();
                Some(*refusal)
            }
            Some(other) => {
                self.requests.push_front(other);
                None
            }
            None => None,
        }
    }

    /// The target said a message of this type.
    ///
    /// # Errors
    /// When it is not the target's turn to say it.
    pub(crate) fn answer(&mut self, letter: u8) -> Result<(), Unexpected> {
        match letter {
            // At any time: ParameterStatus, NoticeResponse, NotificationResponse.
            b'S' | b'N' | b'A' => Ok(()),
            b'E' => {
                self.fail();
                Ok(())
            }
            b'Z' => self.ready(),
            b'd' | b'c' => self.copied(letter),
            b'G' => self.copy(CopyDirection::In),
            b'H' => self.copy(CopyDirection::Out),
            b'W' => self.copy(CopyDirection::Both),
            _ => self.answered(letter),
        }
    }

    fn answered(&mut self, letter: u8) -> Result<(), Unexpected> {
        let Some(request) = self.requests.front_mut() else { return Err(Unexpected { expected: NOTHING_ASKED }) };
        let in_copy = matches!(self.copy, Copy::Runs(CopyDirection::In | CopyDirection::Out));
        let done = match (letter, &*request) {
            (b'K' | b'v', Request::Login)
            | (b'C' | b'I' | b'T' | b'D', Request::Query)
            | (b'D', Request::Execute)
            | (b'V', Request::Call) => false,
            (b'1', Request::Parse)
            | (b'2', Request::Bind)
            | (b'3', Request::Close)
            | (b'T' | b'n', Request::DescribeColumns)
            | (b'C' | b'I' | b's', Request::Execute) => true,
            (b't', Request::DescribeStatement(_)) => {
                *request = Request::DescribeColumns;
                false
            }
            (_, request) => return Err(Unexpected { expected: request.expected() }),
        };
        match letter {
            // A copy may end without CopyDone, when the target shuts down.
            b'C' => self.end_copy(),
            _ if in_copy => return Err(Unexpected { expected: "the copy or its end" }),
            _ => {}
        }
        if done {
            self.requests.pop_front();
            self.settle();
        }
        Ok(())
    }

    /// `ReadyForQuery`; [`Conversation::set_status`] has what it says.
    fn ready(&mut self) -> Result<(), Unexpected> {
        match self.requests.front() {
            Some(Request::Login | Request::Query | Request::Call | Request::Sync) => {
                self.requests.pop_front();
                self.settle();
            }
            other if self.unasked_ready == 0 => {
                return Err(Unexpected { expected: other.map_or(NOTHING_ASKED, Request::expected) });
            }
            _ => {
                self.unasked_ready -= 1;
                self.ignores = false;
            }
        }
        self.end_copy();
        Ok(())
    }

    /// What `ReadyForQuery` says.
    pub(crate) fn set_status(&mut self, status: TransactionStatus) {
        self.status = status;
    }

    fn copy(&mut self, direction: CopyDirection) -> Result<(), Unexpected> {
        match self.requests.front() {
            Some(Request::Query | Request::Execute) if self.copy == Copy::None => {}
            Some(request) => return Err(Unexpected { expected: request.expected() }),
            None => return Err(Unexpected { expected: NOTHING_ASKED }),
        }
        self.copy = Copy::Runs(direction);
        if direction == CopyDirection::In {
            self.swallow();
        }
        Ok(())
    }

    /// The copy that begins swallows what the client said behind its request, up to the copy's end.
    fn swallow(&mut self) {
        self.swallowed = 0;
        while let Some(Request::Sync) = self.requests.get(1) {
            self.requests.remove(1);
        }
        match self.requests.get(1) {
            Some(Request::CopyEnd) => drop(self.requests.remove(1)),
            Some(_) => {}
            None => self.swallows_sync = true,
        }
    }

    fn copied(&mut self, letter: u8) -> Result<(), Unexpected> {
        match self.copy {
            Copy::Runs(CopyDirection::Out) if letter == b'c' => self.copy = Copy::None,
            Copy::Runs(CopyDirection::Out | CopyDirection::Both) => {}
            Copy::Runs(CopyDirection::In) | Copy::None => {
                return Err(Unexpected { expected: "an answer outside of a copy from the target" });
            }
        }
        Ok(())
    }

    fn end_copy(&mut self) {
        self.copy = Copy::None;
        self.swallows_sync = false;
        self.swallowed = 0;
    }

    /// `ErrorResponse`.
    fn fail(&mut self) {
        self.unasked_ready = self.unasked_ready.saturating_add(self.swallowed);
        self.end_copy();
        match self.requests.front() {
            Some(Request::StandIn(_)) => self.fall(),
            Some(request) if request.is_extended() => self.ignore(),
            Some(_) => {}
            None if self.open_group => self.ignore(),
            None => self.unasked_ready = self.unasked_ready.saturating_add(1),
        }
    }

    /// What stands in has failed, as it had to: the turn of the refusal has come.
    fn fall(&mut self) {
        let Some(Request::StandIn(mut refusal)) = self.requests.pop_front() else { return };
        if refusal.ready {
            // The target is ready by itself.
            self.requests.push_front(Request::Query);
            refusal.ready = false;
        } else {
            self.ignore();
        }
        self.requests.push_front(Request::Refused(refusal));
    }

    /// The target ignores everything up to the next Sync.
    fn ignore(&mut self) {
        while self.requests.front().is_some_and(|request| !matches!(request, Request::Sync)) {
            self.requests.pop_front();
        }
        self.ignores = self.requests.is_empty();
    }

    /// The end of a copy that has no answer of its own is done when its turn has come.
    fn settle(&mut self) {
        while let Some(Request::CopyEnd) = self.requests.front() {
            self.requests.pop_front();
        }
    }
}
