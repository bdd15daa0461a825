//! The limits of what people can be asked. Units stand last in each name.

/// Questions that may be open at once, where the settings say nothing else.
pub const QUESTIONS_MAX: usize = 1000;

/// Questions of one principal that may be open at once, where the settings say nothing else.
pub const QUESTIONS_PER_PERSON_MAX: usize = 32;

/// The longest text that people are asked about. What is longer cannot be asked: nobody approves what nobody can read.
pub const DETAIL_BYTES_MAX: usize = 256 * 1024;

/// The text of all questions that are open.
pub const DETAILS_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Ended questions that are kept.
pub const ENDED_MAX: usize = 1000;

/// The text of all ended questions that are kept.
pub const ENDED_DETAILS_BYTES_MAX: usize = 16 * 1024 * 1024;

/// How long ended questions are kept: a day.
pub const ENDED_KEPT_NANOS: u64 = DAY_NANOS;

/// Why somebody answered as they did.
pub const WHY_BYTES_MAX: usize = 4000;

/// Grants that are kept at once, of each kind. The one that would end first gives way.
pub const GRANTS_MAX: usize = 10_000;

/// The furthest that an approval may reach, whatever the settings say: a day.
pub const DAY_NANOS: u64 = 24 * 60 * 60 * 1_000_000_000;
