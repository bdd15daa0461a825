//! Two ends that say lines. Some of them hold a word that a guard may know.

use wiretape_core::{Reason, Side, Verdict};
use wiretape_line::LineWire;

use super::{Conversation, Dice, Facts, LANE};
use crate::stage::Turn;

pub(crate) fn converse(dice: &mut Dice) -> Conversation {
    let mut turns = Vec::new();
    for _ in 0..dice.below(12) {
        let side = *dice.pick(&[Side::Client, Side::Client, Side::Upstream]);
        let lines: Vec<u8> = (0..dice.below(5)).flat_map(|_| line(dice)).collect();
        turns.push(Turn::Say(side, lines.into()));
        if dice.once_in(3) {
            turns.push(Turn::Answer(match dice.below(2) {
                0 => Verdict::Allow,
                _ => Verdict::Refuse(Reason::new("elders", "not today")),
            }));
        }
    }
    let wire = || Box::new(LineWire::new(LANE)) as _;
    Conversation { wire, turns, facts: Facts::default() }
}

fn line(dice: &mut Dice) -> Vec<u8> {
    let word = *dice.pick(&["", "", "", "risky", "secret", "\r"]);
    let mut line = dice.bytes(3000);
    line.retain(|byte| *byte != b'\n');
    [&line, word.as_bytes(), b"\n"].concat()
}
