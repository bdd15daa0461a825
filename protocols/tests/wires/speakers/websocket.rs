//! Two ends that send each other messages, in fragments and with control frames between them.

use wiretape_core::Side;
use wiretape_websocket::WebSocketWire;

use super::{Conversation, Dice, Facts, LANE};
use crate::stage::Turn;

pub(crate) fn converse(dice: &mut Dice) -> Conversation {
    let mut turns = Vec::new();
    let mut ends = [(Side::Client, None), (Side::Upstream, None)];
    for _ in 0..dice.below(16) {
        let (side, message) = &mut ends[dice.below(2)];
        let said: Vec<u8> = (0..1 + dice.below(4)).flat_map(|_| next(*side, message, dice)).collect();
        turns.push(Turn::Say(*side, said.into()));
    }
    for (side, message) in ends {
        if message.is_some() {
            turns.push(Turn::Say(side, frame(side, 0x80, &dice.bytes(100), dice).into()));
        }
        if dice.once_in(2) {
            let close = [&[3, 0xe8][..], b"bye"].concat();
            turns.push(Turn::Say(side, frame(side, 0x88, &close, dice).into()));
        }
    }
    let order = if dice.once_in(2) { [Side::Client, Side::Upstream] } else { [Side::Upstream, Side::Client] };
    turns.extend(order.map(Turn::End));
    let wire = || Box::new(WebSocketWire::new(LANE)) as _;
    Conversation { wire, turns, facts: Facts::default() }
}

/// The next frame of an end; `message` is the one that has begun there.
fn next(side: Side, message: &mut Option<()>, dice: &mut Dice) -> Vec<u8> {
    if dice.once_in(4) {
        let opcode = *dice.pick(&[0x89, 0x8a]);
        let length = *dice.pick(&[0, 1, 7, 124, 125]);
        let payload: Vec<u8> = (0..length).map(|_| dice.roll() as u8).collect();
        return frame(side, opcode, &payload, dice);
    }
    let last = dice.once_in(2);
    let opcode = match message {
        Some(()) => 0,
        None => *dice.pick(&[1, 2]),
    };
    *message = (!last).then_some(());
    let length = match dice.below(12) {
        0 => *dice.pick(&[65_534, 65_535, 65_536, 65_537]),
        1 | 2 => *dice.pick(&[124, 125, 126, 127, 128]),
        3 => 0,
        _ => dice.below(3000),
    };
    let payload: Vec<u8> = (0..length).map(|_| dice.roll() as u8).collect();
    frame(side, opcode | if last { 0x80 } else { 0 }, &payload, dice)
}

fn frame(side: Side, first: u8, payload: &[u8], dice: &mut Dice) -> Vec<u8> {
    let key = match side {
        Side::Client => Some((dice.roll() as u32).to_be_bytes()),
        Side::Upstream => None,
    };
    crate::stage::frame(first, key, payload)
}
