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
