//! A client of git and a repository: fetches of all versions, pushes, archives, over SSH and HTTP.

mod fetch;
mod pack;
mod push;

use wiretape_core::nest::Content;
use wiretape_core::{ByteWire, Carrier, NestedWires, Reason, Side, Verdict};
use wiretape_protocols::Table;

use super::{Conversation, Dice, Facts, LANE};
use crate::stage::Turn;

pub(crate) fn converse(dice: &mut Dice) -> Conversation {
    match dice.below(8) {
        0 => fetch::command(dice),
        1 => fetch::command_of_version_2(dice),
        2 => fetch::offer(dice),
        3 => fetch::exchange(dice),
        4 => fetch::archive(dice),
        5 | 6 => push::command(dice),
        _ => push::exchange(dice),
    }
}

fn wire(carrier: &Carrier) -> ByteWire {
    Table::default().wire(LANE, carrier).expect("git is carried")
}

fn command(command: &'static str) -> ByteWire {
    wire(&Carrier::Exec { command: command.into() })
}

fn content(method: &'static str, path: &'static str) -> ByteWire {
    wire(&Carrier::Content(Box::new(Content { method: method.into(), path: path.into(), ..Content::default() })))
}

/// What is said, as it comes to be.
#[derive(Default)]
struct Script {
    turns: Vec<Turn>,
}

impl Script {
    fn say(&mut self, side: Side, said: Vec<u8>) {
        if !said.is_empty() {
            self.turns.push(Turn::Say(side, said.into()));
        }
    }

    /// Somebody may answer a question, if one waits.
    fn answer(&mut self, dice: &mut Dice) {
        if dice.once_in(2) {
            self.turns.push(Turn::Answer(match dice.below(3) {
                0 => Verdict::Refuse(Reason::new("elders", "not today")),
                _ => Verdict::Allow,
            }));
        }
    }

    fn end(&mut self, side: Side) {
        self.turns.push(Turn::End(side));
    }

    fn conversation(self, wire: fn() -> ByteWire) -> Conversation {
        Conversation { wire, turns: self.turns, facts: Facts::default() }
    }
}

/// A pkt-line.
fn line(payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    [format!("{:04x}", payload.len() + 4).as_bytes(), payload].concat()
}

const FLUSH: &[u8] = b"0000";
const DELIM: &[u8] = b"0001";

/// `bytes` in packets of a side band, with messages in between.
fn banded(dice: &mut Dice, mut bytes: &[u8]) -> Vec<u8> {
    let mut said = Vec::new();
    while !bytes.is_empty() {
        if dice.once_in(4) {
            said.extend(line([b"\x02Receiving ", dice.bytes(30).as_slice()].concat()));
        }
        if dice.once_in(6) {
            // What keeps a connection alive.
            said.extend(line(b"\x01"));
        }
        let most = *dice.pick(&[1, 100, 995, 65_515]);
        let (taken, rest) = bytes.split_at(most.min(bytes.len()));
        said.extend(line([b"\x01", taken].concat()));
        bytes = rest;
    }
    said
}

/// The name of an object.
fn id(dice: &mut Dice, digits: usize) -> String {
    (0..digits).map(|_| char::from(*dice.pick(b"0123456789abcdef"))).collect()
}

/// Refs with what they point to, each as a line without its length.
fn refs(dice: &mut Dice, digits: usize) -> Vec<String> {
    let count = *dice.pick(&[0, 1, 3, 40, 2500]);
    let mut refs = Vec::new();
    for number in 0..count {
        refs.push(format!("{} refs/heads/branch-{number:05}", id(dice, digits)));
    }
    refs
}

/// What a target of versions 0 and 1 offers.
fn offer(dice: &mut Dice, digits: usize, capabilities: &str) -> Vec<u8> {
    let mut said = Vec::new();
    if dice.once_in(4) {
        said.extend(line("version 1\n"));
    }
    let refs = refs(dice, digits);
    let none = vec![format!("{} capabilities^{{}}", "0".repeat(digits))];
    for (number, reference) in if refs.is_empty() { none } else { refs }.into_iter().enumerate() {
        let behind = if number == 0 { format!("\0{capabilities}\n") } else { "\n".to_owned() };
        said.extend(line(format!("{reference}{behind}")));
        if dice.once_in(5) && number > 0 {
            said.extend(line(format!("{} {}^{{}}\n", id(dice, digits), &reference[digits + 1..])));
        }
    }
    if dice.once_in(5) {
        said.extend(line(format!("shallow {}", id(dice, digits))));
    }
    said.extend(FLUSH);
    said
}
