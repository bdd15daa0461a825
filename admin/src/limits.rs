//! The limits of what the API takes and gives. Units stand last in each name.

use std::time::Duration;

/// The largest body of a request.
pub const BODY_BYTES_MAX: usize = 256 * 1024;

/// How long a request may take to arrive after its head.
pub const BODY_TIME_MAX: Duration = Duration::from_secs(15);

/// How long the head of a request may take, and how long a connection may be idle.
pub const HEAD_TIME_MAX: Duration = Duration::from_secs(15);

/// All fields of the head of a request.
pub const HEAD_BYTES_MAX: usize = 64 * 1024;

/// Fields of the head of a request.
pub const HEADERS_MAX: usize = 64;

/// How long an answer may be without any progress before its client is given up.
pub const STALL_TIME_MAX: Duration = Duration::from_secs(60);

/// How long the office may take over one question.
pub const ANSWER_TIME_MAX: Duration = Duration::from_secs(30);

/// Sessions in one page of a list.
pub const PAGE_SESSIONS_MAX: u32 = 500;

/// Sessions of the catalogue that are looked at for one page.
pub const PAGE_LOOKED_AT_MAX: usize = 20_000;

/// Questions in one list.
pub const PAGE_QUESTIONS_MAX: usize = 1000;

/// Recordings that are read at once.
pub const READERS_MAX: usize = 32;

/// What is read of a recording before it is sent on.
pub const READ_BYTES: usize = 64 * 1024;

/// How often a live recording is looked at for more.
pub const FOLLOW_INTERVAL: Duration = Duration::from_millis(250);

/// How long nothing is sent to whoever follows a live recording in which nothing happens: then an empty line is.
pub const FOLLOW_SILENCE_MAX: Duration = Duration::from_secs(15);

/// Notices to the webhook that wait to be delivered.
pub const NOTICES_PENDING_MAX: usize = 256;

/// Notices that are being delivered at once.
pub const NOTICES_AT_ONCE_MAX: usize = 8;

/// How often a notice is tried.
pub const NOTICE_TRIES_MAX: u32 = 6;

/// How long one try may take.
pub const NOTICE_TIME_MAX: Duration = Duration::from_secs(10);

/// How much of what is asked stands in a notice.
pub const NOTICE_TEXT_BYTES_MAX: usize = 2000;

/// What the commands read of an answer of the gateway.
pub const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;
