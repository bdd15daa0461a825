//! What was typed without echo is recorded by its length only.

use bytes::Bytes;

use crate::event::TerminalEvent;

/// Decides, for one terminal, what of the typed bytes may be recorded in clear.
#[derive(Debug, Default)]
pub struct Concealment {
    columns: u32,
}

impl Concealment {
    /// For a terminal of `columns` characters a line; 0 when the width is not known.
    #[must_use]
    pub fn new(columns: u32) -> Self {
        Self { columns }
    }

    /// The terminal has another width now.
    pub fn resize(&mut self, columns: u32) {
        self.columns = columns;
    }

    /// Takes in what was typed; yields what is to be recorded before it is sent on.
    pub fn typed(&mut self, bytes: &Bytes) -> Vec<TerminalEvent> {
        let mut events = Vec::new();
        let mut start = 0;
        while start < bytes.len() {
            let rest = bytes.get(start..).unwrap_or_default();
            let text = |byte: &u8| *byte >= 0x20 && *byte != 0x7f;
            let length = rest.iter().take_while(|byte| text(byte)).count();
            if length > 0 {
                events.push(TerminalEvent::Concealed { count: u32::try_from(length).unwrap_or(u32::MAX) });
                start += length;
            } else {
                let length = rest.iter().take_while(|byte| !text(byte)).count();
                events.push(TerminalEvent::Input { bytes: bytes.slice(start..start + length) });
                start += length;
            }
        }
        events
    }

    /// Takes in what the target shows; yields what is now known to have been echoed, to be recorded before it.
    pub fn shown(&mut self, _bytes: &[u8]) -> Vec<TerminalEvent> {
        Vec::new()
    }
}
