//! The limits of what a peer can make this wire keep. Units stand last in each name.

pub(crate) use wiretape_core::limits::{
    HELD_BYTES_MAX, SCP_DEPTH_MAX as DEPTH_MAX, SCP_LINE_BYTES_MAX as LINE_BYTES_MAX, TEXT_BYTES_MAX as PATH_BYTES_MAX,
};

/// Responses that the sink may give before the source waits for them.
pub(crate) const RESPONSES_EARLY_MAX: usize = 16;
