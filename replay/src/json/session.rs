//! A session of the catalogue, and a verifier's report, as JSON.

use wiretape_recorder::{Report, SessionRow, Verdict};

use super::Object;
use crate::legible::hex;
use crate::wallclock;

/// A session as one JSON object.
///
/// Fields: `id`, `person`, `kind` (`person`, `agent`, `service`), `on_behalf_of` (whom it acts for, empty when for nobody
/// else), `target`, `target_kind`, `login`, `protocol`, `client_address`, `label` (empty
/// when there is none), `what` (what it was about, empty when that is not told), `opened` and `closed`
/// (RFC 3339, UTC, nanoseconds; `closed` is null while it is live), `duration_seconds` (null while it is live), `state`
/// (`live`, `closed`, `cut off`, `refused`), `reason`, `events`, `client_bytes`, `upstream_bytes`, `tape_bytes`.
#[must_use]
pub fn session(row: &SessionRow) -> String {
    let mut object = Object::default();
    object.put("id", row.id.to_string());
    object.put("person", row.person.as_str());
    object.put("kind", row.kind.name());
    object.put("on_behalf_of", row.on_behalf_of.as_str());
    object.put("target", row.target.as_str());
    object.put("target_kind", row.target_kind.as_str());
    object.put("login", row.login.as_str());
    object.put("protocol", row.protocol.as_str());
    object.put("client_address", row.client_address.as_str());
    object.put("label", row.label.as_str());
    object.put("what", row.what.as_str());
    object.put("opened", wallclock::exact(row.opened_unix_nanos));
    object.put("closed", row.closed_unix_nanos.map(wallclock::exact));
    let duration = row.closed_unix_nanos.map(|closed| closed.saturating_sub(row.opened_unix_nanos) as f64 / 1e9);
    object.put("duration_seconds", duration);
    object.put("state", row.state.name());
    object.put("reason", row.reason.as_str());
    object.put("events", row.events);
    object.put("client_bytes", row.client_bytes);
    object.put("upstream_bytes", row.upstream_bytes);
    object.put("tape_bytes", row.tape_bytes);
    object.finish()
}

/// A report as one JSON object: `id`, `path`, `verdict` (the words of [`crate::verdict::words`] without details), where
/// it is wrong if it is, `live` (whether somebody is still writing it), `events`, `chunks`, `gaps`, `tape_bytes`,
/// `last_ns` and `root`.
#[must_use]
pub fn report(path: &std::path::Path, report: &Report, live: bool) -> String {
    let mut object = Object::default();
    object.put("id", report.id.map(|id| id.to_string()));
    object.put("path", path.to_string_lossy().as_ref());
    match &report.verdict {
        Verdict::Complete => object.put("verdict", "complete"),
        Verdict::CompleteWithGaps(_) => object.put("verdict", "complete with declared gaps"),
        Verdict::UnsealedTail { cut_bytes, .. } => {
            object.put("verdict", "unsealed tail");
            object.put("cut_bytes", *cut_bytes);
        }
        Verdict::Tampered { offset, chunk, what } => {
            object.put("verdict", "tampered");
            object.put("offset", *offset);
            object.put("chunk", *chunk);
            object.put("what", what.as_str());
        }
    }
    object.put("live", live);
    object.put("events", report.events);
    object.put("chunks", report.chunks);
    object.put("gaps", report.gaps);
    object.put("tape_bytes", report.tape_bytes);
    object.put("last_ns", report.last.as_nanos());
    object.put("root", hex(&report.root));
    object.finish()
}
