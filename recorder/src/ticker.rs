//! The thread that counts out the commit interval.
//!
//! It sleeps while nothing waits and no tape holds a compression context: an idle gateway is not woken.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use crate::deck::Deck;
use crate::ledger::Stand;
use crate::locked::locked;
use crate::reel::Reel;

/// Ticks until the deck closes.
pub(crate) fn run(deck: &Deck) {
    loop {
        let due = locked(&deck.due);
        let due = deck
            .due_came
            .wait_while(due, |due| {
                !due.closed && due.waiting.is_empty() && due.written.is_empty() && due.framed.is_empty()
            })
            .unwrap_or_else(PoisonError::into_inner);
        let (mut due, _) = deck
            .due_came
            .wait_timeout_while(due, deck.settings.commit_interval, |due| !due.closed)
            .unwrap_or_else(PoisonError::into_inner);
        let closed = due.closed;
        let waiting = std::mem::take(&mut due.waiting);
        let written = std::mem::take(&mut due.written);
        let framed = std::mem::take(&mut due.framed);
        drop(due);
        if closed {
            return;
        }
        for reel in waiting {
            deck.follow(&reel, reel.tick());
        }
        for reel in written {
            reel.sync_later.store(false, Ordering::Release);
            deck.sync(&reel, true);
        }
        let busy: Vec<Arc<Reel>> = framed.into_iter().filter(|reel| !fell_idle(deck, reel)).collect();
        locked(&deck.due).framed.extend(busy);
    }
}

/// Ends the frame of a tape that has been silent for long enough; true when it holds no context now.
fn fell_idle(deck: &Deck, reel: &Arc<Reel>) -> bool {
    if !deck.is_idle(reel) {
        return false;
    }
    // A pen that is in use is not idle.
    let Ok(mut pen) = reel.pen.try_lock() else { return false };
    // Before the frame ends: who begins another one afterwards has to find the tape off the list.
    reel.framed.store(false, Ordering::Release);
    pen.encoder.end_frame();
    if reel.last.get().is_none() && reel.lost.get().is_none() {
        deck.catalogue.put(reel.row(&pen, Stand::Live), None);
    }
    true
}
