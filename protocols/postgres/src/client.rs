//! What a client may say after what, and what of it waits.

use std::collections::VecDeque;

use wiretape_core::event::QueryEvent;
use wiretape_core::{Fault, Side};

use crate::event::held_bytes;
use crate::message::{Cut, name};

/// Something that the client said and that did not pass yet.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) event: QueryEvent,
    pub(crate) cut: Cut,
    /// True of the first piece of a long message, and of everything that is no piece.
    pub(crate) first: bool,
}

impl Item {
    /// Bytes of memory that it takes.
    pub(crate) fn held_bytes(&self) -> usize {
        held_bytes(self.cut.len(), &self.event)
    }
}

/// Items in the order in which they were said.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    items: VecDeque<Item>,
    held_bytes: usize,
}

impl Waiting {
    pub(crate) fn push(&mut self, item: Item) {
        self.held_bytes += item.held_bytes();
        self.items.push_back(item);
    }

    pub(crate) fn pop(&mut self) -> Option<Item> {
        let item = self.items.pop_front()?;
        self.held_bytes -= item.held_bytes();
        Some(item)
    }

    /// True when the client takes its leave behind all the others.
    pub(crate) fn ends(&self) -> bool {
        self.items.back().is_some_and(|item| matches!(item.event, QueryEvent::Terminate))
    }

    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub(crate) fn held_bytes(&self) -> usize {
        self.held_bytes
    }
}

/// Which messages may follow, whatever becomes of those before.
///
/// PostgreSQL takes nearly everything at any time: clients send without waiting, and what belongs to a copy is ignored
/// when the copy has failed. So data may follow wherever a copy may have been asked for.
#[derive(Debug, Default)]
pub(crate) struct Order {
    may_copy: bool,
    has_left: bool,
}

impl Order {
    /// The client says a message of this type.
    ///
    /// # Errors
    /// A fault of the client when it may not.
    pub(crate) fn hear(&mut self, letter: u8) -> Result<(), Fault> {
        if self.has_left {
            return Err(Fault::new(Side::Client, "nothing behind Terminate", name(Side::Client, letter)));
        }
        match letter {
            b'Q' | b'E' => self.may_copy = true,
            b'S' | b'H' => {}
            b'd' | b'c' | b'f' if self.may_copy => {}
            b'd' | b'c' | b'f' => {
                return Err(Fault::new(Side::Client, "a copy to be asked for first", name(Side::Client, letter)));
            }
            b'X' => self.has_left = true,
            _ => self.may_copy = false,
        }
        Ok(())
    }

    /// True once the client took its leave.
    pub(crate) fn has_left(&self) -> bool {
        self.has_left
    }
}

/// What does not pass because of what was refused before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mute {
    /// Everything passes.
    #[default]
    Nothing,
    /// After a refused statement, everything up to the next Sync: so the target itself does after an error.
    ToSync,
    /// After a refused query, the data of the copy that it may have asked for.
    Copy,
}

impl Mute {
    /// Whether a message of the client is dropped.
    pub(crate) fn drops(&mut self, event: &QueryEvent) -> bool {
        let (dropped, after) = match (*self, event) {
            (Self::ToSync, QueryEvent::Sync) => (false, Self::Nothing),
            // The target sends what it has when it fails: now it needs the Flush for that.
            (Self::ToSync, QueryEvent::Flush | QueryEvent::Terminate) => (false, Self::ToSync),
            (Self::ToSync, _) => (true, Self::ToSync),
            (
                Self::Copy,
                QueryEvent::CopyData { .. }
                | QueryEvent::CopyDone
                | QueryEvent::CopyFail { .. }
                | QueryEvent::Long { letter: b'd', .. },
            ) => (true, Self::Copy),
            (Self::Copy | Self::Nothing, _) => (false, Self::Nothing),
        };
        *self = after;
        dropped
    }
}
