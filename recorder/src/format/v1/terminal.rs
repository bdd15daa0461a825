//! Events of a terminal, as version 1 writes them.

use bincode::{BorrowDecode, Decode, Encode};
use wiretape_core as words;

use super::Plain;

#[derive(Encode, Decode)]
pub(super) struct Size {
    columns: u32,
    rows: u32,
    width_px: u32,
    height_px: u32,
}

#[derive(Encode, BorrowDecode)]
pub(super) enum Terminal<'a> {
    Start { term: &'a str, size: Size, modes: Vec<(u8, u32)> },
    Input { bytes: &'a [u8] },
    Concealed { count: u32 },
    Echoed { skipped: u64, bytes: &'a [u8] },
    Output { error: bool, bytes: &'a [u8] },
    Resize { size: Size },
}

impl<'a> From<&'a words::event::TerminalEvent> for Terminal<'a> {
    fn from(event: &'a words::event::TerminalEvent) -> Self {
        use words::event::TerminalEvent as Core;
        match event {
            Core::Start { term, size, modes } => Self::Start { term, size: (*size).into(), modes: modes.clone() },
            Core::Input { bytes } => Self::Input { bytes },
            Core::Concealed { count } => Self::Concealed { count: *count },
            Core::Echoed { skipped, bytes } => Self::Echoed { skipped: *skipped, bytes },
            Core::Output { error, bytes } => Self::Output { error: *error, bytes },
            Core::Resize { size } => Self::Resize { size: (*size).into() },
        }
    }
}

impl Terminal<'_> {
    pub(super) fn into_core(self, plain: &Plain<'_>) -> words::event::TerminalEvent {
        use words::event::TerminalEvent as Core;
        match self {
            Self::Start { term, size, modes } => Core::Start { term: term.to_owned(), size: size.into(), modes },
            Self::Input { bytes } => Core::Input { bytes: plain.kept(bytes) },
            Self::Concealed { count } => Core::Concealed { count },
            Self::Echoed { skipped, bytes } => Core::Echoed { skipped, bytes: plain.kept(bytes) },
            Self::Output { error, bytes } => Core::Output { error, bytes: plain.kept(bytes) },
            Self::Resize { size } => Core::Resize { size: size.into() },
        }
    }
}

impl From<words::event::TerminalSize> for Size {
    fn from(size: words::event::TerminalSize) -> Self {
        Self { columns: size.columns, rows: size.rows, width_px: size.width_px, height_px: size.height_px }
    }
}

impl From<Size> for words::event::TerminalSize {
    fn from(size: Size) -> Self {
        Self { columns: size.columns, rows: size.rows, width_px: size.width_px, height_px: size.height_px }
    }
}
