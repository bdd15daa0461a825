//! Limits of this wire beside those of the core; units last.

use wiretape_core::limits::GIT_REQUEST_BYTES_MAX;

/// Objects, refs or lines that one event names.
pub(crate) const ITEMS_PER_EVENT_MAX: usize = 1000;

/// Text in the list of one event: names, lines, capabilities. One line can be longer than what is left, never longer than
/// a pkt-line.
pub(crate) const TEXT_PER_EVENT_BYTES_MAX: usize = 128 * 1024;

/// A request to upload-pack that is longer than this is recorded and passed on in parts: one that wants a hundred thousand
/// refs still is a request.
pub(crate) const REQUEST_PART_BYTES_MAX: usize = GIT_REQUEST_BYTES_MAX / 2;

/// What stands before the pack of a push: updates, certificate, options.
pub(crate) const LIST_BYTES_MAX: usize = GIT_REQUEST_BYTES_MAX;

/// Text of a refusal, on each of its lines.
pub(crate) const REASON_BYTES_MAX: usize = 1000;

/// Symbolic refs whose targets are told with them; a target names one, `HEAD`.
pub(crate) const SYMREFS_MAX: usize = 64;

/// Commands of version 2 that may wait for their response on one lane.
pub(crate) const COMMANDS_PENDING_MAX: usize = 128;
