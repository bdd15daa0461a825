//! The limits of reading a pack, beside those in [`wiretape_core::limits`]. Units stand last in each name.

use wiretape_core::limits::{GIT_ANSWER_BYTES_MAX, GIT_UNPACKED_BYTES_MAX};

/// Objects of one pack that are remembered; of those behind them only kind and size are looked at.
pub(super) const ENTRIES_REMEMBERED_MAX: u32 = 256 * 1024;

/// What the bodies of a pack unpack to, all together, deltas as they stand.
pub(super) const INFLATED_BYTES_MAX: u64 = 16 * 1024 * 1024 * 1024;

/// What deltas make while the pack goes by; those behind it are looked at as far as they are needed.
pub(super) const RESOLVED_BYTES_MAX: u64 = 8 * 1024 * 1024 * 1024;

/// What is read of what is held at a time.
pub(super) const RUN_BYTES_MAX: usize = 128 * 1024;

/// The largest object that is unpacked in one piece while the pack goes by; a larger one goes by in runs.
pub(super) const PIECE_BYTES_MAX: u64 = 2 * 1024 * 1024;

/// What is unpacked to name objects when the pack has gone by; the rest is for trees and lines.
pub(super) const SETTLED_BYTES_MAX: u64 = GIT_UNPACKED_BYTES_MAX / 2;

/// Unpacked objects that are kept at hand.
pub(super) const CACHE_BYTES_MAX: usize = 12 * 1024 * 1024;

/// Parents of all commits of a pack that are remembered.
pub(super) const PARENTS_REMEMBERED_MAX: usize = 512 * 1024;

/// What the target answers to all questions about one push.
pub(super) const ANSWERS_BYTES_MAX: usize = 2 * GIT_ANSWER_BYTES_MAX;

/// What is kept unpacked of all that the target answers with.
pub(super) const ANSWERED_BYTES_MAX: usize = 12 * 1024 * 1024;

/// The largest object of an answer that is kept.
pub(super) const ANSWERED_OBJECT_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Commits behind a push whose trees are asked for.
pub(super) const BOUNDARY_ASKED_MAX: usize = 64;

/// Times that trees are asked for which were found to be missing: each time those of one level more.
pub(super) const TREE_ROUNDS_MAX: usize = 8;

/// Files whose contents are asked for.
pub(super) const BLOBS_ASKED_MAX: usize = 4 * INQUIRY_IDS_MAX;

/// Commits that are named to the target when it is asked what a commit descends from.
pub(super) const HAVES_MAX: usize = 256;

/// Questions to the target about one push.
pub(super) const INQUIRIES_MAX: usize = 48;

/// Objects that one question names.
pub(super) const INQUIRY_IDS_MAX: usize = 1024;

/// Steps that are walked through histories to decide what updates do.
pub(super) const HISTORY_STEPS_MAX: usize = 16 * 1024 * 1024;

/// Tags on tags that are followed to what they name in the end.
pub(super) const TAGS_DEEP_MAX: u32 = 16;

/// Directories in directories.
pub(super) const TREES_DEEP_MAX: usize = 256;

/// Entries of trees that are compared, over all commits.
pub(super) const TREE_ENTRIES_COMPARED_MAX: usize = 16 * 1024 * 1024;

/// The longest path that is recorded.
pub(super) const PATH_BYTES_MAX: usize = 16 * 1024;

/// Paths of one push, all together, each counted as often as it is recorded.
pub(super) const PATHS_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Contents that are compared line by line, over all commits.
pub(super) const COMPARED_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// A pack is large from here on: what else takes time while nothing moves is kept short.
pub(super) const LARGE_PACK_BYTES: u64 = 64 * 1024 * 1024;

/// Contents that are compared line by line where the pack is large.
pub(super) const COMPARED_BYTES_OF_LARGE_MAX: u64 = 16 * 1024 * 1024;

/// Lines of one comparison, both contents together.
pub(super) const LINES_COMPARED_MAX: usize = 256 * 1024;

/// Lines of all comparisons.
pub(super) const LINES_MAX: usize = 4 * 1024 * 1024;

/// Messages of commits and tags that are recorded, all together.
pub(super) const MESSAGES_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The name and the address of one person, each.
pub(super) const NAME_BYTES_MAX: usize = 512;

/// Parents of one commit that are recorded.
pub(super) const PARENTS_RECORDED_MAX: usize = 1024;

/// Parents of all commits that are recorded.
pub(super) const PARENTS_RECORDED_TOGETHER_MAX: usize = 128 * 1024;

/// Files of one `git.files`.
pub(super) const FILES_PER_EVENT_MAX: usize = 1024;

/// Paths of one `git.files`, as far as they are not its last.
pub(super) const PATHS_PER_EVENT_BYTES_MAX: usize = 256 * 1024;

/// Objects of one `git.objects`.
pub(super) const OBJECTS_PER_EVENT_MAX: usize = 8192;

/// Annotated tags of one push that are recorded one by one.
pub(super) const TAGS_RECORDED_MAX: usize = 10_000;
