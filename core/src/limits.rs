//! The limits of everything that a peer can make grow. Units stand last in each name.

/// Lanes that one session may have open at once.
pub const LANES_OPEN_MAX: usize = 1024;

/// The largest payload that one event carries; longer runs are several events.
pub const EVENT_PAYLOAD_BYTES_MAX: usize = 1024 * 1024;

/// The largest command line, environment value, path or name that a wire takes.
pub const TEXT_BYTES_MAX: usize = 256 * 1024;

/// Environment variables that one lane may set.
pub const ENVIRONMENT_VARIABLES_MAX: usize = 256;

/// Requests that may wait for their answer on one lane.
pub const REQUESTS_PENDING_MAX: usize = 128;

/// Terminal modes in one request (RFC 4254 section 8 numbers them by one byte).
pub const TERMINAL_MODES_MAX: usize = 256;

/// Bytes that a lane may hold back while a question waits for its answer.
pub const HELD_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The largest SFTP packet (OpenSSH's own limit).
pub const SFTP_PACKET_BYTES_MAX: usize = 256 * 1024;

/// File handles that one SFTP lane may have open at once.
pub const SFTP_HANDLES_MAX: usize = 1024;

/// SFTP requests that may wait for their response on one lane.
pub const SFTP_REQUESTS_PENDING_MAX: usize = 4096;

/// A control line of the scp protocol.
pub const SCP_LINE_BYTES_MAX: usize = 16 * 1024;

/// Directories that an scp transfer may be deep.
pub const SCP_DEPTH_MAX: usize = 256;

/// Typed bytes of one terminal whose echo is still looked for.
pub const CONCEALED_BYTES_MAX: usize = 4096;

/// As much of a command or a query as a decision about it names.
pub const RESOURCE_BYTES_MAX: usize = 4096;

/// The same of an action that was allowed: what was said stands beside it.
pub const ALLOWED_RESOURCE_BYTES_MAX: usize = 256;

/// A PostgreSQL message, by the length that it declares (PostgreSQL's own `PQ_LARGE_MESSAGE_LIMIT`).
pub const POSTGRES_MESSAGE_BYTES_MAX: usize = 0x3fff_ffff;

/// A PostgreSQL message that is judged as a whole, and held until it is there: a query or a statement to prepare.
pub const POSTGRES_TEXT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Prepared statements, and portals, of one PostgreSQL session whose names and types are kept for its events.
pub const POSTGRES_NAMES_KEPT_MAX: usize = 4096;

/// Requests of one PostgreSQL session that may wait for their response: a pipeline.
pub const POSTGRES_REQUESTS_PENDING_MAX: usize = 1024 * 1024;

/// The head of an HTTP message, or its trailer section, as it stands on the wire or (HTTP/2) uncompressed by the
/// counting of RFC 9113 section 10.5.1.
pub const HTTP_HEAD_BYTES_MAX: usize = 64 * 1024;

/// Field lines of one HTTP header or trailer section.
pub const HTTP_FIELDS_MAX: usize = 512;

/// The line that begins a chunk of HTTP/1.1 content, with its extensions.
pub const HTTP_CHUNK_LINE_BYTES_MAX: usize = 4096;

/// Interim responses to one HTTP request.
pub const HTTP_INFORMATIONAL_MAX: usize = 64;

/// HTTP exchanges that one HTTP/2 connection may have open at once.
pub const HTTP_EXCHANGES_MAX: usize = 256;

/// The payload of a WebSocket control frame (RFC 6455 section 5.5).
pub const WEBSOCKET_CONTROL_BYTES_MAX: usize = 125;

/// A line of the `line` wire.
pub const LINE_BYTES_MAX: usize = 64 * 1024;

/// Bytes of one push that are held until it is understood and judged.
pub const GIT_PUSH_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;

/// Objects of one pack that is pushed.
pub const GIT_OBJECTS_MAX: u32 = 5_000_000;

/// A request to upload-pack that is held until it is understood.
pub const GIT_REQUEST_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Refs that one push may change.
pub const GIT_UPDATES_MAX: usize = 16 * 1024;

/// An object of a pack, unpacked, that is looked into; larger ones are only counted.
pub const GIT_OBJECT_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// What is unpacked of one pack beside what finding the ends of its objects takes: for deltas, trees and lines.
pub const GIT_UNPACKED_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// Deltas that one object may stand on (git's own limit is 4095).
pub const GIT_DELTAS_DEEP_MAX: usize = 4096;

/// Commits of one push that are recorded one by one.
pub const GIT_COMMITS_MAX: usize = 10_000;

/// Files of one push that are recorded one by one, over all of its commits.
pub const GIT_FILES_MAX: usize = 100_000;

/// The message of a commit or a tag, as far as it is recorded.
pub const GIT_MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// What the target answers when the gateway asks it about the history behind a push.
pub const GIT_ANSWER_BYTES_MAX: usize = 32 * 1024 * 1024;

/// A message of Git LFS that is read.
pub const LFS_MESSAGE_BYTES_MAX: usize = 4 * 1024 * 1024;
