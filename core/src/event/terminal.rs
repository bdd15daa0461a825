//! Events of a terminal.

use bytes::Bytes;

/// The size of a terminal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct TerminalSize {
    /// Width in characters.
    pub columns: u32,
    /// Height in characters.
    pub rows: u32,
    /// Width in pixels, or 0.
    pub width_px: u32,
    /// Height in pixels, or 0.
    pub height_px: u32,
}

/// Events of the family `terminal`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TerminalEvent {
    /// A terminal was asked for (`pty-req`, RFC 4254 section 6.2).
    Start {
        /// The value of `TERM`.
        term: String,
        /// Its size.
        size: TerminalSize,
        /// Encoded terminal modes, opcode and value (RFC 4254 section 8), without `TTY_OP_END`.
        modes: Vec<(u8, u32)>,
    },
    /// What was typed and may be stored: control keys, and text that is not to be concealed.
    Input {
        /// Verbatim.
        bytes: Bytes,
    },
    /// Typed text whose echo was not seen when it was passed on: only its length is stored.
    Concealed {
        /// How many bytes were typed.
        count: u32,
    },
    /// The target showed concealed bytes of this lane: now they are stored.
    ///
    /// All concealed bytes of a lane stand in one row, in the order in which they were typed, and a cursor walks along
    /// it: each of these events moves it by `skipped`, stands for the bytes there, and moves it past them.
    Echoed {
        /// Concealed bytes before these that were given up since the last such event: they stay concealed for ever.
        skipped: u64,
        /// The bytes that had been concealed.
        bytes: Bytes,
    },
    /// What the target showed.
    Output {
        /// True for the standard error, which a terminal seldom uses.
        error: bool,
        /// Verbatim.
        bytes: Bytes,
    },
    /// The terminal has another size now.
    Resize {
        /// The new size.
        size: TerminalSize,
    },
}

impl TerminalEvent {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Start { .. } => "terminal.start",
            Self::Input { .. } => "terminal.input",
            Self::Concealed { .. } => "terminal.concealed",
            Self::Echoed { .. } => "terminal.echoed",
            Self::Output { .. } => "terminal.output",
            Self::Resize { .. } => "terminal.resize",
        }
    }
}
