//! What was typed without echo is recorded by its length only: by prompt, and by missing echo.
//!
//! Nobody tells a gateway that a terminal does not echo: it can only see what comes back. So typed text is concealed
//! when it is passed on, and its bytes are kept for a while. When the target shows them where an echo belongs, the
//! record says which bytes had been concealed ([`TerminalEvent::Echoed`]); when it shows something else, ends the line
//! without them, or asks for a secret, they are overwritten, and nobody will know them.
//!
//! An echo is, exactly, one of two things, and always made of characters that were printed after the text was typed:
//!
//! * *in place*: everything between the place where the cursor stood when the text was typed and the place where it
//!   rests now is the oldest kept text, or a beginning of it. The cursor rests at the end of what the target sent, and
//!   wherever it is about to leave for another place;
//! * *at the end of the line*: the line up to the cursor ends in all the text of the line that is kept, at the start
//!   of a word. This finds what was typed ahead, whose place nobody could know.
//!
//! It is a rule of thumb on a stream that was not made for it. It errs towards concealing; `docs/EVENTS.md` says what
//! is certain and what is not.

mod echo;
mod kept;
mod keys;
mod prompt;
mod screen;
mod tail;

use bytes::Bytes;

use crate::event::TerminalEvent;
use kept::{Kept, Run};
use keys::{Keys, Part};
use screen::{Cell, Deed, Edit, Move, Place, Screen};
use tail::Tail;

/// Printed characters after which an echo is not waited for any more.
const ECHO_CHARACTERS_MAX: u64 = 512;

/// Shown bytes, control sequences and all, after which an echo is not waited for any more.
const ECHO_BYTES_MAX: u64 = 16 * 1024;

/// Decides, for one terminal, what of the typed bytes may be recorded in clear.
///
/// ```text
///   typed text ──► Concealed{count} ──► kept ──┬─ shown where an echo belongs ──► Echoed{skipped, bytes}
///   typed keys ──► Input{bytes}                └─ anything else ──► overwritten
/// ```
#[derive(Debug)]
pub struct Concealment {
    columns: u32,
    keys: Keys,
    tail: Tail,
    /// Follows the cursor while something is kept.
    screen: Option<Screen>,
    kept: Kept,
    /// Concealed bytes so far.
    concealed: u64,
    /// Where the newest echoed bytes end in the row of concealed bytes.
    told: u64,
    /// Shown bytes so far.
    shown: u64,
    /// Keys that ended a line so far, and how many of those ends were shown.
    lines_typed: u64,
    lines_shown: u64,
    /// Where the cursor is when nothing but the echo was shown since the last key.
    rest: Option<Place>,
    /// Something else was shown since the last key.
    disturbed: bool,
    /// The line that is being typed was echoed so far.
    echoing: bool,
    /// A secret was asked for, or is shown masked: nothing is revealed until the line ends.
    secret: bool,
    pasting: bool,
}

impl Concealment {
    /// For a terminal of `columns` characters a line; 0 when the width is not known.
    #[must_use]
    pub fn new(columns: u32) -> Self {
        Self {
            columns,
            keys: Keys::default(),
            tail: Tail::default(),
            screen: None,
            kept: Kept::default(),
            concealed: 0,
            told: 0,
            shown: 0,
            lines_typed: 0,
            lines_shown: 0,
            rest: None,
            disturbed: false,
            echoing: false,
            secret: false,
            pasting: false,
        }
    }

    /// The terminal has another width now.
    pub fn resize(&mut self, columns: u32) {
        self.columns = columns;
        if let Some(screen) = &mut self.screen {
            screen.resize(columns);
        }
    }

    /// Takes in what was typed; yields what is to be recorded before it is sent on.
    pub fn typed(&mut self, bytes: &Bytes) -> Vec<TerminalEvent> {
        let mut events = Vec::new();
        let mut keys = 0..0;
        let mut start = 0;
        while let Some((part, range)) = self.keys.next(bytes, start, self.secret) {
            start = range.end;
            if part == Part::Text {
                push_keys(&mut events, bytes, &keys);
                keys = range.end..range.end;
                self.take_text(bytes.get(range.clone()).unwrap_or_default());
                events.push(TerminalEvent::Concealed { count: u32::try_from(range.len()).unwrap_or(u32::MAX) });
            } else {
                keys.end = range.end;
                self.take_key(part);
            }
        }
        push_keys(&mut events, bytes, &keys);
        events
    }

    fn take_key(&mut self, part: Part) {
        match part {
            Part::Enter if self.pasting => self.end_line(),
            Part::Enter => {
                self.end_line();
                self.secret = false;
            }
            Part::Stop => {
                self.end_line();
                self.secret = false;
                self.pasting = false;
            }
            Part::PasteStart => self.pasting = true,
            Part::PasteEnd => self.pasting = false,
            Part::Key | Part::Text => {}
        }
        self.disturbed = false;
    }

    fn end_line(&mut self) {
        self.lines_typed += 1;
        self.echoing = false;
    }

    fn take_text(&mut self, text: &[u8]) {
        let start = self.concealed;
        self.concealed += text.len() as u64;
        let columns = self.columns;
        let screen = self.screen.get_or_insert_with(|| self.tail.screen(columns));
        if !self.secret && !self.echoing && prompt::asks_for_secret(&line(screen.before_cursor())) {
            self.secret = true;
            let typing = self.lines_typed;
            self.kept.drop_where(|run| run.line == typing);
        }
        if self.disturbed && self.lines_shown < self.lines_typed {
            // The target went on without showing the end of a line: what was typed before it will not be shown.
            let typing = self.lines_typed;
            self.kept.drop_where(|run| run.line < typing && !run.ahead);
            self.lines_shown = self.lines_typed;
        }
        if !self.secret {
            self.keep(start, text);
        }
        self.disturbed = false;
        if self.kept.is_empty() {
            self.screen = None;
        }
    }

    fn keep(&mut self, start: u64, text: &[u8]) {
        let Some(screen) = &self.screen else { return };
        let (place, printed) = (screen.place(), screen.printed());
        if self.disturbed {
            self.kept.miss_all();
        }
        let text = text.get(..text.len().min(self.kept.room())).unwrap_or_default();
        if text.is_empty() {
            return;
        }
        let (line, shown) = (self.lines_typed, self.shown);
        if let Some(last) = self.kept.last_mut()
            && (last.line, last.missed, last.start + last.length as u64) == (line, false, start)
        {
            last.shown = shown;
            self.kept.extend(text);
            return;
        }
        let ahead = self.lines_shown < self.lines_typed;
        let alone = self.kept.runs().all(|run| run.missed);
        let place = (alone && !ahead).then_some(place);
        self.kept.push(Run { start, length: 0, line, place, ahead, missed: false, printed, shown }, text);
        if alone {
            self.rest = place;
        }
    }

    /// Takes in what the target shows; yields what is now known to have been echoed, to be recorded before it.
    pub fn shown(&mut self, bytes: &[u8]) -> Vec<TerminalEvent> {
        let mut events = Vec::new();
        let mut rest = bytes;
        while let (Some(_), Some((&byte, behind))) = (&self.screen, rest.split_first()) {
            self.shown += 1;
            self.show(byte, &mut events);
            rest = behind;
        }
        if self.screen.is_some() {
            self.settle(&mut events);
        } else if !rest.is_empty() {
            self.shown += rest.len() as u64;
            self.disturbed = true;
            self.count_lines(rest);
        }
        self.tail.push(bytes);
        events
    }

    /// Ends of lines that are shown while nothing is kept.
    fn count_lines(&mut self, bytes: &[u8]) {
        let waiting = self.lines_typed - self.lines_shown;
        if (waiting > 0 || self.echoing) && bytes.contains(&b'\n') {
            let ends = bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
            self.lines_shown += ends.min(waiting);
            self.echoing = false;
        }
    }

    fn show(&mut self, byte: u8, events: &mut Vec<TerminalEvent>) {
        let Some(screen) = &mut self.screen else { return };
        let deed = screen.read(byte);
        if leaves(deed) {
            let line_over = matches!(deed, Deed::Newline | Deed::Move(Move::Return));
            self.search(line_over, events);
        }
        if let Some(screen) = &mut self.screen {
            screen.act(deed);
            let printed = screen.printed();
            if deed == Deed::Newline {
                self.end_shown_line();
            }
            let shown = self.shown;
            let stale = |run: &&Run| printed > run.printed + ECHO_CHARACTERS_MAX || shown > run.shown + ECHO_BYTES_MAX;
            let stale = self.kept.runs().take_while(stale).count();
            self.kept.drop_runs(stale);
        }
        self.forget_screen();
    }

    fn end_shown_line(&mut self) {
        self.echoing = false;
        if self.lines_shown < self.lines_typed {
            // Its end came first: this text was not echoed.
            let line = self.lines_shown;
            self.kept.drop_where(|run| run.line <= line && !run.ahead);
            self.lines_shown += 1;
        }
    }

    /// The target has said what it had to say, for now.
    fn settle(&mut self, events: &mut Vec<TerminalEvent>) {
        self.search(true, events);
        self.heed_prompt();
        self.heed_mask();
        if let Some(screen) = &self.screen
            && self.rest != Some(screen.place())
        {
            self.disturbed = true;
        }
        self.forget_screen();
    }

    fn forget_screen(&mut self) {
        if self.kept.is_empty() && self.screen.take().is_some() {
            self.rest = None;
        }
    }
}

impl Concealment {
    /// Looks for an echo, from the oldest kept text on; what was missed may be passed over.
    fn search(&mut self, line_over: bool, events: &mut Vec<TerminalEvent>) {
        let Some(screen) = &self.screen else { return };
        let mut number = 0;
        while let Some(run) = self.kept.run(number) {
            let text = self.kept.text_from(number);
            let length = echo::in_place(screen, run, text, self.echoing)
                .or_else(|| if line_over { echo::at_end(screen, run, text, self.echoing) } else { None });
            if let Some(length) = length {
                let place = screen.place();
                self.reveal(number, length, place, events);
                return;
            }
            if !run.missed {
                return;
            }
            number += 1;
        }
    }

    fn reveal(&mut self, number: usize, length: usize, place: Place, events: &mut Vec<TerminalEvent>) {
        self.kept.drop_runs(number);
        let Some((start, line)) = self.kept.run(0).map(|run| (run.start, run.line)) else { return };
        let bytes = self.kept.take(length, place);
        events.push(TerminalEvent::Echoed { skipped: start.saturating_sub(self.told), bytes });
        self.told = start + length as u64;
        self.lines_shown = self.lines_shown.max(line);
        self.echoing = line == self.lines_typed;
        self.rest = Some(place);
    }

    /// A secret is asked for: what was typed ahead of the question is the answer.
    fn heed_prompt(&mut self) {
        let (Some(screen), Some(first)) = (&self.screen, self.kept.run(0)) else { return };
        let (line_asked, typing) = (first.line, self.lines_typed);
        if self.echoing && line_asked == typing || !prompt::asks_for_secret(&line(screen.before_cursor())) {
            return;
        }
        self.kept.drop_where(|run| run.line == line_asked);
        self.secret |= line_asked == typing;
    }

    /// Something is typed and asterisks are shown: nothing of this line is revealed, not even a typed asterisk.
    fn heed_mask(&mut self) {
        let (Some(screen), Some(first)) = (&self.screen, self.kept.run(0)) else { return };
        if !echo::is_masked(screen, first, self.kept.text_from(0)) {
            return;
        }
        let (line_asked, typing) = (first.line, self.lines_typed);
        self.kept.drop_where(|run| run.line == line_asked);
        self.secret |= line_asked == typing;
    }
}

/// Keys, which are recorded as they are.
fn push_keys(events: &mut Vec<TerminalEvent>, bytes: &Bytes, range: &std::ops::Range<usize>) {
    if !range.is_empty() {
        events.push(TerminalEvent::Input { bytes: bytes.slice(range.clone()) });
    }
}

/// True when the cursor is about to leave the place where it rests.
fn leaves(deed: Deed) -> bool {
    match deed {
        Deed::Newline | Deed::Move(_) => true,
        Deed::None | Deed::Print(_) => false,
        Deed::Edit(edit) => matches!(edit, Edit::EraseBefore | Edit::EraseLine | Edit::Insert(_)),
    }
}

fn line(cells: &[Cell]) -> String {
    cells.iter().map(|cell| cell.letter).filter(|letter| *letter != '\0').collect()
}
