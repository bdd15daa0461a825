//! The limits of what a peer can make this wire keep. Units stand last in each name.

pub(crate) use wiretape_core::limits::{
    SFTP_HANDLES_MAX as HANDLES_MAX, SFTP_PACKET_BYTES_MAX as PACKET_BYTES_MAX,
    SFTP_REQUESTS_PENDING_MAX as REQUESTS_PENDING_MAX,
};

/// A handle's string (draft-ietf-secsh-filexfer-02 section 3 allows no more).
pub(crate) const HANDLE_BYTES_MAX: usize = 256;

/// Paths and handles that are kept for one lane, all together.
pub(crate) const NAMES_KEPT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Contents that came before their turn and wait to be hashed, over all files of one lane.
pub(crate) const REORDER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Pieces of such contents, over all files of one lane.
pub(crate) const REORDER_PIECES_MAX: usize = 1024;

/// Runs of one file and one direction that may still grow.
pub(crate) const RUNS_OPEN_MAX: usize = 64;
