//! The threads that compress and write.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use wiretape_core::Event;

use crate::cost;
use crate::deck::Deck;
use crate::encoder::Scratch;
use crate::ledger::Stand;
use crate::limits::{SYNC_BYTES, WRITE_BYTES};
use crate::locked::locked;
use crate::reel::{Batch, End, Last, Pen, Reel};
use crate::summary::Summary;

/// Writes tapes until the deck closes.
pub(crate) fn run(deck: &Deck, mut scratch: Scratch) {
    while let Some(reel) = deck.ready.pop() {
        let batch = reel.take();
        let hurried = batch.hurried;
        // A flaw of the writer's own must not leave sessions waiting for ever, or running on unrecorded.
        let outcome = catch_unwind(AssertUnwindSafe(|| write(deck, &reel, batch, &mut scratch)));
        match outcome.unwrap_or_else(|_| Err("the recorder has a flaw, which the log shows: report it".to_owned())) {
            Ok(()) => settle(deck, &reel, hurried),
            Err(reason) => deck.fail(&reel, reason),
        }
        scratch.clear();
        deck.follow(&reel, reel.give_back());
    }
}

/// What was written goes to the disk, or counts as it is when the disk is not waited for.
fn settle(deck: &Deck, reel: &Arc<Reel>, hurried: bool) {
    if deck.settings.sync {
        // A tape that grows fast keeps the disk busy all the time, not in bursts.
        deck.sync(reel, hurried || reel.unsynced_bytes() >= SYNC_BYTES);
        return;
    }
    reel.note_synced(reel.written.load(Ordering::Acquire), reel.written_bytes.load(Ordering::Acquire));
    if let Some(last) = reel.last.get() {
        deck.complete(reel, last);
    }
}

/// Writes one batch; an error says what the operator should know.
fn write(deck: &Deck, reel: &Arc<Reel>, batch: Batch, scratch: &mut Scratch) -> Result<(), String> {
    let Some(file) = reel.file() else {
        drop_all(reel, batch.events);
        return Ok(());
    };
    let mut pen = locked(&reel.pen);
    if deck.is_idle(reel) {
        pen.encoder.end_frame();
    }
    let mut cost = 0;
    let mut heard = false;
    let mut events = batch.events.into_iter();
    let mut step = || -> Result<(), String> {
        for event in events.by_ref() {
            cost += cost::bytes(&event);
            heard |= pen.encoder.push(scratch, &event).map_err(|fault| fault.to_string())?;
            if scratch.out.len() >= WRITE_BYTES {
                put(reel, &file, &mut pen, scratch, &mut cost)?;
            }
        }
        pen.encoder.cut(scratch).map_err(|fault| fault.to_string())?;
        if batch.end == Some(End::Finish) {
            let trailer = pen.encoder.end(scratch);
            put(reel, &file, &mut pen, scratch, &mut cost)?;
            let summary = Summary {
                id: reel.id,
                events: trailer.events,
                client_bytes: trailer.client_bytes,
                upstream_bytes: trailer.upstream_bytes,
                tape_bytes: pen.written_bytes,
                root: trailer.root,
            };
            let row = reel.row(&pen, Stand::Sealed);
            // The queue takes one end only, so that this is the first.
            let _ = reel.last.set(Last::Sealed(summary, Box::new(row)));
            return Ok(());
        }
        put(reel, &file, &mut pen, scratch, &mut cost)?;
        if batch.end == Some(End::Abandon) {
            pen.encoder.end_frame();
            let _ = reel.last.set(Last::Abandoned);
        }
        Ok(())
    };
    let outcome = step();
    if outcome.is_err() {
        // What stands behind the last whole chunk is of no use to anybody.
        let _ = file.set_len(pen.written_bytes);
    } else {
        reel.busy_millis.store(deck.millis(), Ordering::Release);
        if heard && batch.end.is_none() {
            deck.catalogue.put(reel.row(&pen, Stand::Live), None);
        }
        if pen.encoder.in_frame() {
            deck.framed(reel);
        }
    }
    drop(pen);
    reel.release(cost);
    drop_all(reel, events);
    outcome
}

/// Writes the whole chunks of the scratch buffer, and counts the events that they hold as written.
fn put(reel: &Reel, file: &File, pen: &mut Pen, scratch: &mut Scratch, cost: &mut usize) -> Result<(), String> {
    if !scratch.out.is_empty() {
        file.write_all_at(&scratch.out, pen.written_bytes).map_err(|error| refused("written", reel, &error))?;
        pen.written_bytes += scratch.out.len() as u64;
        reel.written_bytes.fetch_max(pen.written_bytes, Ordering::AcqRel);
        scratch.out.clear();
        reel.written.fetch_max(pen.encoder.events_cut(), Ordering::AcqRel);
    }
    reel.release(std::mem::take(cost));
    Ok(())
}

fn drop_all(reel: &Reel, events: impl IntoIterator<Item = Event>) {
    let cost = events.into_iter().map(|event| cost::bytes(&event)).sum();
    reel.release(cost);
}

/// What the operator should know of a refusal of the file system.
pub(crate) fn refused(what: &str, reel: &Reel, error: &io::Error) -> String {
    let remedy = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ": make room on that disk, or move data_dir",
        io::ErrorKind::FileTooLarge => ": raise the limit on file sizes (RLIMIT_FSIZE)",
        io::ErrorKind::ReadOnlyFilesystem => ": mount it writable again",
        _ => "",
    };
    format!("{} cannot be {what}: {error}{remedy}", reel.path.display())
}
