//! A push, in the words of `git push`.

use wiretape_core::Side;
use wiretape_core::event::{GitEvent, RefChange, RefReport, RefUpdate};

use super::Told;
use crate::describe::{self, label};
use crate::legible::count;
use crate::repository::words::{short, short_ref};
use crate::timeline::Mark;

/// Columns in which it stands what becomes of a ref: two names of objects and what is between them.
const SUMMARY_COLUMNS: usize = 23;

/// Refs of a report that are named.
const REFS_NAMED_MAX: usize = 1000;

/// What is to become of a ref.
pub(super) fn update(update: &RefUpdate) -> String {
    let (old, new) = (short(&update.old), short(&update.new));
    let kind = if update.name.starts_with(b"refs/heads/") {
        "branch"
    } else if update.name.starts_with(b"refs/tags/") {
        "tag"
    } else {
        "reference"
    };
    let (sign, summary, remark) = match update.change {
        RefChange::Created => ('*', format!("[new {kind}]"), ""),
        RefChange::Deleted => ('-', "[deleted]".to_owned(), ""),
        RefChange::FastForward => (' ', format!("{old}..{new}"), ""),
        RefChange::Forced => ('+', format!("{old}...{new}"), " (forced update)"),
        RefChange::Unknown => ('?', format!("{old}..{new}"), " (forced or not: it is not known)"),
    };
    format!(" {sign} {summary:<SUMMARY_COLUMNS$} {}{remark}", describe::path(short_ref(&update.name)))
}

/// What a pack holds.
pub(super) fn contents(said: &GitEvent) -> String {
    let GitEvent::Contents { commits, trees, blobs, tags, unresolved, cut } = said else { return String::new() };
    let kinds = [(commits, "commit"), (trees, "tree"), (blobs, "blob"), (tags, "tag")];
    let kinds = kinds.iter().filter(|(number, _)| **number > 0);
    let kinds: Vec<_> = kinds.map(|(number, kind)| count(u64::from(**number), kind)).collect();
    let mut line = if kinds.is_empty() { "nothing".to_owned() } else { kinds.join(", ") };
    if *unresolved > 0 {
        line.push_str(&format!("; {unresolved} are differences from what it does not hold"));
    }
    if !cut.is_empty() {
        line.push_str(&format!("; {}", label(cut)));
    }
    line
}

/// What became of it.
pub(super) fn report(side: Side, unpack: &[u8], refs: &[RefReport], told: &mut Told<'_>) {
    let own = side == Side::Client;
    let failed = if own { Mark::Warning } else { Mark::Failed };
    if unpack != b"ok" {
        let who = if own { "the gateway" } else { "the target" };
        told.put(failed, format!("{who} could not unpack it: {}", describe::path(unpack)));
    }
    let updated = refs.iter().filter(|report| report.error.is_none()).count();
    if updated > 0 {
        told.put(Mark::Answered, format!("{} updated", count(updated as u64, "ref")));
    }
    let rejected = if own { "[refused by the gateway]" } else { "[remote rejected]" };
    for report in refs.iter().take(REFS_NAMED_MAX) {
        let name = describe::path(short_ref(&report.name));
        if let Some(error) = &report.error {
            let error = label(&String::from_utf8_lossy(error));
            told.put(failed, format!(" ! {rejected:<SUMMARY_COLUMNS$} {name} ({error})"));
        }
        for option in &report.options {
            told.put(Mark::Answered, format!("   {name}: {}", describe::path(option)));
        }
    }
    let left = refs.len().saturating_sub(REFS_NAMED_MAX);
    if left > 0 {
        told.put(failed, format!("and {}", count(left as u64, "more ref")));
    }
}
