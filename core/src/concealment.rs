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

#[cfg(test)]
mod cases;
mod echo;
mod kept;
mod keys;
#[cfg(test)]
mod laws;
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
    /// Characters that had been printed when an echo was last looked for.
    searched: u64,
    /// Something else was shown since the last text or end of line was typed.
    disturbed: bool,
    /// The line that is being typed was echoed so far.
    echoing: bool,
    /// Whether the current line asks for a secret, once that was looked at.
    asks: Option<bool>,
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
            searched: 0,
            disturbed: false,
            echoing: false,
            asks: None,
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
        self.expect_secret();
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
            // An end of line inside a pasted text is text to the program that asked for brackets around it.
            Part::Enter => self.end_line(self.pasting),
            Part::Stop => {
                self.end_line(false);
                self.pasting = false;
            }
            Part::PasteStart => self.pasting = true,
            Part::PasteEnd => self.pasting = false,
            Part::Key | Part::Text => {}
        }
    }

    fn end_line(&mut self, pasted: bool) {
        self.lines_typed += 1;
        self.echoing = false;
        self.disturbed = false;
        self.secret &= pasted;
    }

    fn take_text(&mut self, text: &[u8]) {
        let start = self.concealed;
        self.concealed += text.len() as u64;
        self.expect_secret();
        if self.disturbed && self.kept.is_empty() {
            // The target went on without showing the end of a line: it is not waited for any more.
            self.lines_shown = self.lines_typed;
        }
        if !self.secret {
            self.keep(start, text);
        }
        self.disturbed = false;
    }

    /// Looks whether the target asks for a secret, before anything is made of what is typed.
    fn expect_secret(&mut self) {
        if self.secret || self.echoing {
            return;
        }
        let asks = self.asks.unwrap_or_else(|| match &self.screen {
            Some(screen) => prompt::asks_for_secret(&line(screen.before_cursor())),
            None => prompt::asks_for_secret(&line(self.tail.screen(self.columns).before_cursor())),
        });
        self.asks = Some(asks);
        if asks {
            self.secret = true;
            let typing = self.lines_typed;
            self.kept.drop_where(|run| run.line == typing);
            self.forget_screen();
        }
    }

    fn keep(&mut self, start: u64, text: &[u8]) {
        if self.disturbed {
            self.kept.miss_all();
        }
        let text = text.get(..text.len().min(self.kept.room())).unwrap_or_default();
        if text.is_empty() {
            return;
        }
        let columns = self.columns;
        let screen = self.screen.get_or_insert_with(|| self.tail.screen(columns));
        let (place, printed) = (screen.place(), screen.printed());
        let (line, fresh) = (self.lines_typed, (printed, self.shown));
        if let Some(last) = self.kept.last_mut()
            && (last.line, last.missed, last.start + last.length as u64) == (line, false, start)
        {
            last.fresh = fresh;
            self.kept.extend(text);
            return;
        }
        let ahead = self.lines_shown < self.lines_typed;
        let alone = self.kept.runs().all(|run| run.missed);
        let place = (alone && !ahead).then_some(place);
        self.kept.push(Run { start, length: 0, line, place, ahead, missed: false, printed, fresh }, text);
        if alone {
            self.rest = place;
        }
    }

    /// Takes in what the target shows; yields what is now known to have been echoed, to be recorded before it.
    pub fn shown(&mut self, bytes: &[u8]) -> Vec<TerminalEvent> {
        let mut events = Vec::new();
        let mut rest = bytes;
        self.asks = None;
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
        let line_over = matches!(deed, Deed::Newline | Deed::Move(Move::Return));
        // A cursor that is only led about is not looked at again at each place.
        if line_over || leaves(deed) && self.searched != screen.printed() {
            self.searched = screen.printed();
            self.search(line_over, events);
        }
        if let Some(screen) = &mut self.screen {
            screen.act(deed);
        }
        if deed == Deed::Newline {
            self.end_shown_line();
        }
        self.forget_stale(events);
        self.forget_screen();
    }

    fn forget_stale(&mut self, events: &mut Vec<TerminalEvent>) {
        let Some(printed) = self.screen.as_ref().map(Screen::printed) else { return };
        let shown = self.shown;
        let stale =
            move |run: &Run| printed > run.fresh.0 + ECHO_CHARACTERS_MAX || shown > run.fresh.1 + ECHO_BYTES_MAX;
        if self.kept.run(0).is_some_and(stale) {
            // The echo of a long text is long, and may be under way.
            self.search(false, events);
            self.kept.drop_stale(stale);
        }
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
                let (place, printed) = (screen.place(), screen.printed());
                self.reveal(number, length, place, printed, events);
                return;
            }
            if !run.missed {
                return;
            }
            number += 1;
        }
    }

    fn reveal(&mut self, number: usize, length: usize, place: Place, printed: u64, events: &mut Vec<TerminalEvent>) {
        self.kept.drop_runs(number);
        let Some((start, line)) = self.kept.run(0).map(|run| (run.start, run.line)) else { return };
        let bytes = self.kept.take(length, place, (printed, self.shown));
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
