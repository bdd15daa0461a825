//! What a protocol is to the rest of the gateway.

use crate::limits;
use crate::{Action, Event, Examiner, Fault, Finding, Lane, Moment, Reason, Side, Verdict};

/// The smallest thing that can pass, change or be refused on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Unit {
    /// The lane that waits for the answer.
    pub lane: Lane,
    /// Counts the units of a session, from 1.
    pub serial: u64,
}

/// One step of a wire. At most one unit is taken a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step<M> {
    /// A unit that has to be judged; nothing of it passes until [`Wire::rule`] was called for it.
    Judge {
        /// Names the unit in the answer.
        unit: Unit,
        /// What is asked.
        action: Action,
        /// What was said, for the record.
        event: Event,
    },
    /// Something to record. It stands before the [`Step::Send`] that it covers.
    Note(Event),
    /// Something to send.
    Send {
        /// To whom.
        to: Side,
        /// What.
        message: M,
    },
    /// Something to keep for later, behind what is kept for `to` on the lane already, and recorded like what is sent.
    /// There is room: what a wire holds so does not count as its held bytes, but has limits of its own.
    Hold {
        /// For whom.
        to: Side,
        /// The lane.
        lane: Lane,
        /// What.
        message: M,
    },
    /// What is kept for `to` on the lane may go now, in order, and before whatever is sent there later. What is held
    /// later is held anew.
    Release {
        /// To whom.
        to: Side,
        /// The lane.
        lane: Lane,
    },
    /// What is kept for `to` on the lane never goes.
    Discard {
        /// To whom it does not go.
        to: Side,
        /// The lane.
        lane: Lane,
    },
    /// Something to find out about what is held for the target on the lane of `unit`, now and later;
    /// [`Wire::found`] takes the answer.
    Examine {
        /// Names the question in the answer.
        unit: Unit,
        /// Who looks.
        examiner: Examiner,
    },
    /// A unit that waits to be judged has nobody left who wants it: whoever asked for it went away. It never passes, and
    /// an answer to it is ignored.
    Withdraw {
        /// The unit.
        unit: Unit,
    },
}

/// A protocol, seen from between its two peers.
///
/// One object a connection, not one a direction: a wire knows both peers. A wire frames by itself and sends on the
/// bytes that it framed; what was parsed is what is sent.
///
/// The owner of a wire calls [`Wire::step`] until it yields nothing before it feeds the wire again.
pub trait Wire {
    /// What the terminated protocol delivers: bytes, channel messages, exchanges.
    type Message;

    /// Takes in what `side` said, and no more than that.
    ///
    /// # Errors
    /// A [`Fault`] when `side` may not say this now, or says more than the limits allow. The wire is finished then.
    fn feed(&mut self, side: Side, at: Moment, message: Self::Message) -> Result<(), Fault>;

    /// The next thing to do, or `None` until more is fed or ruled.
    fn step(&mut self) -> Option<Step<Self::Message>>;

    /// The answer to a [`Step::Judge`]. An answer to a unit that does not wait is ignored.
    fn rule(&mut self, at: Moment, unit: Unit, verdict: Verdict);

    /// People are asked about a unit that waits to be judged: the wire tells its client so, in `text` (one line, without
    /// an end), as far as its protocol has words for that, and keeps its client from giving up. Called once when they
    /// are asked, and again every so often. A unit that does not wait is ignored.
    fn waiting(&mut self, at: Moment, unit: Unit, text: &str) {
        let _ = (at, unit, text);
    }

    /// The answer to a [`Step::Examine`]. An answer to a unit that does not wait is ignored.
    fn found(&mut self, at: Moment, unit: Unit, finding: Finding) {
        let _ = (at, unit, finding);
    }

    /// What was wrong with what stood behind an answer: it was said before, and is read only now. Told once. The owner asks
    /// after each [`Wire::rule`], [`Wire::waiting`] and [`Wire::found`], once no step is left, and takes it as a fault of
    /// [`Wire::feed`].
    fn fault(&mut self) -> Option<Fault> {
        None
    }

    /// `side` will say nothing more.
    ///
    /// # Errors
    /// A [`Fault`] when it stopped in the middle of a message.
    fn end(&mut self, side: Side, at: Moment) -> Result<(), Fault>;

    /// Whether the end of `side`, which the wire was told of, has to wait: something that `side` said before it was not sent
    /// on yet, and will be once the other side says more. Whoever carries the wire passes the end on behind that.
    fn holds_end(&self, side: Side) -> bool {
        let _ = side;
        false
    }

    /// The gateway ends the session: the wire tells the client so in its own words (as [`Step`]s).
    fn farewell(&mut self, at: Moment, reason: &Reason);

    /// Bytes that the wire holds back: half messages and units that wait for an answer.
    fn held_bytes(&self) -> usize;

    /// Above how many held bytes the session ends.
    fn held_bytes_max(&self) -> usize {
        limits::HELD_BYTES_MAX * 2
    }

    /// Whether the events of this wire hold what was said, verbatim, and what it sends may be something else: who carries
    /// it then records no bytes of its own besides, and passes nothing on that this wire does not send.
    fn is_record(&self) -> bool {
        false
    }
}

impl<W: Wire + ?Sized> Wire for Box<W> {
    type Message = W::Message;

    fn feed(&mut self, side: Side, at: Moment, message: Self::Message) -> Result<(), Fault> {
        (**self).feed(side, at, message)
    }

    fn step(&mut self) -> Option<Step<Self::Message>> {
        (**self).step()
    }

    fn rule(&mut self, at: Moment, unit: Unit, verdict: Verdict) {
        (**self).rule(at, unit, verdict);
    }

    fn waiting(&mut self, at: Moment, unit: Unit, text: &str) {
        (**self).waiting(at, unit, text);
    }

    fn found(&mut self, at: Moment, unit: Unit, finding: Finding) {
        (**self).found(at, unit, finding);
    }

    fn fault(&mut self) -> Option<Fault> {
        (**self).fault()
    }

    fn end(&mut self, side: Side, at: Moment) -> Result<(), Fault> {
        (**self).end(side, at)
    }

    fn holds_end(&self, side: Side) -> bool {
        (**self).holds_end(side)
    }

    fn farewell(&mut self, at: Moment, reason: &Reason) {
        (**self).farewell(at, reason);
    }

    fn held_bytes(&self) -> usize {
        (**self).held_bytes()
    }

    fn held_bytes_max(&self) -> usize {
        (**self).held_bytes_max()
    }

    fn is_record(&self) -> bool {
        (**self).is_record()
    }
}
