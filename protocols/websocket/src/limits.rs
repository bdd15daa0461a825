//! The limits of this wire alone; those that all wires share are in `wiretape_core::limits`.

use wiretape_core::limits::WEBSOCKET_CONTROL_BYTES_MAX;

/// The longest header of a frame: two bytes, a length of 64 bits, a masking key (RFC 6455 section 5.2).
pub(crate) const HEADER_BYTES_MAX: usize = 14;

/// The most that is held back of one direction: a control frame but for its last byte.
pub(crate) const HELD_FRAME_BYTES_MAX: usize = HEADER_BYTES_MAX + WEBSOCKET_CONTROL_BYTES_MAX;

/// The longest reason of a close frame: a control frame without the status code (RFC 6455 section 5.5.1).
pub(crate) const CLOSE_REASON_BYTES_MAX: usize = WEBSOCKET_CONTROL_BYTES_MAX - 2;
