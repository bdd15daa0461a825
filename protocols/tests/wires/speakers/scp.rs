//! A source with a tree of files, and a sink that mostly takes them.

use wiretape_core::Side;
use wiretape_scp::{Direction, Place, ScpWire};

use super::{Conversation, Dice, Facts, LANE, Transferred, said, sha256};
use crate::stage::Turn;

pub(crate) fn converse(dice: &mut Dice) -> Conversation {
    let upload = dice.once_in(2);
    let source = if upload { Side::Client } else { Side::Upstream };
    let mut script = Script { source, turns: Vec::new(), facts: Facts::default() };
    // A source that does not wait can only be sure of a sink that takes everything.
    let eager = dice.once_in(4);
    script.status(None);
    let entries = dice.below(6);
    script.tree(dice, b"", entries, !eager);
    if eager {
        let speeches = [source, source.other()].map(|side| Turn::Say(side, said(&script.turns, side).into()));
        script.turns = speeches.to_vec();
    }
    script.turns.extend([Turn::End(source), Turn::End(source.other())]);
    let wire = match upload {
        true => || Box::new(ScpWire::new(LANE, Direction::Upload, Place::default())) as _,
        false => || Box::new(ScpWire::new(LANE, Direction::Download, Place::default())) as _,
    };
    Conversation { wire, turns: script.turns, facts: script.facts }
}

struct Script {
    source: Side,
    turns: Vec<Turn>,
    facts: Facts,
}

impl Script {
    fn tree(&mut self, dice: &mut Dice, directory: &[u8], entries: usize, fallible: bool) {
        for _ in 0..entries {
            if fallible && dice.once_in(10) {
                self.fact_answered(self.source);
                self.source_says(b"\x01scp: no such thing\n");
                continue;
            }
            let times = dice.once_in(3);
            if times {
                self.source_says(format!("T{} 0 {} 0\n", dice.below(1 << 31), dice.below(1 << 31)).as_bytes());
                if self.failed(dice, fallible) {
                    self.fact_answered(self.source.other());
                    self.status(Some("no times"));
                    continue;
                }
                self.status(None);
            }
            let word = *dice.pick(&["", "", "", "", "", "", "risky ", "secret "]);
            let name = format!("{word}entry {}", dice.below(100)).into_bytes();
            let path = [directory, &name].concat();
            let asked = 1 + usize::from(times);
            if dice.once_in(4) {
                self.directory(dice, &name, &path, asked, fallible);
            } else {
                self.file(dice, &name, path, asked, fallible);
            }
        }
    }

    fn directory(&mut self, dice: &mut Dice, name: &[u8], path: &[u8], asked: usize, fallible: bool) {
        (0..asked).for_each(|_| self.fact_asked());
        self.source_says(&[b"D0755 0 ", name, b"\n"].concat());
        (0..asked).for_each(|_| self.fact_answered(self.source.other()));
        if self.failed(dice, fallible) {
            return self.status(Some("not a directory"));
        }
        self.status(None);
        let entries = dice.below(4);
        self.tree(dice, &[path, b"/"].concat(), entries, fallible);
        self.source_says(b"E\n");
        self.status(None);
    }

    fn file(&mut self, dice: &mut Dice, name: &[u8], path: Vec<u8>, asked: usize, fallible: bool) {
        let content = dice.bytes(50_000);
        (0..asked).for_each(|_| self.fact_asked());
        self.source_says(&[format!("C0644 {} ", content.len()).as_bytes(), name, b"\n"].concat());
        if self.failed(dice, fallible) {
            (0..asked).for_each(|_| self.fact_answered(self.source.other()));
            return self.status(Some("permission denied"));
        }
        self.status(None);
        self.source_says(&content);
        let (read_badly, stored_badly) = (self.failed(dice, fallible), self.failed(dice, fallible));
        self.source_says(if read_badly { b"\x01read error\n" } else { b"\0" });
        (0..asked).for_each(|_| self.fact_answered(self.source.other()));
        let passed = content.len() as u64;
        let (read_bytes, written_bytes) = if self.source == Side::Client { (0, passed) } else { (passed, 0) };
        let content_sha256 = (!read_badly && !stored_badly).then(|| sha256(&content));
        self.facts.closed.push(Transferred { path, read_bytes, written_bytes, content_sha256 });
        self.status(stored_badly.then_some("disk full"));
    }

    fn failed(&self, dice: &mut Dice, fallible: bool) -> bool {
        fallible && dice.once_in(8)
    }

    fn source_says(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.turns.push(Turn::Say(self.source, bytes.to_vec().into()));
        }
    }

    /// The sink says how it went.
    fn status(&mut self, failed: Option<&str>) {
        let status = match failed {
            Some(text) => format!("\x01scp: {text}\n").into(),
            None => "\0".into(),
        };
        self.turns.push(Turn::Say(self.source.other(), status));
    }

    /// What the source says next asks for something.
    fn fact_asked(&mut self) {
        let offset = said(&self.turns, self.source).len();
        self.facts.asked.push((self.source, offset));
    }

    /// What `side` says next answers something.
    fn fact_answered(&mut self, side: Side) {
        let offset = said(&self.turns, side).len();
        self.facts.answered.push((side, offset));
    }
}
