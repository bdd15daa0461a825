//! A client that fetches an object of Git LFS: what the target has under its name, or something else.

use bytes::Bytes;
use sha2::{Digest, Sha256};
use wiretape_core::nest::Content;
use wiretape_core::{ByteWire, Carrier, NestedWires, Side};
use wiretape_protocols::Table;

use super::{Conversation, Dice, Facts, LANE};
use crate::stage::Turn;

/// The object that is fetched.
fn object() -> Bytes {
    b"a line of a large file\n".repeat(3000).into()
}

fn wire() -> ByteWire {
    let name: String = Sha256::digest(object()).iter().map(|byte| format!("{byte:02x}")).collect();
    let path = Bytes::from(format!("/a.git/info/lfs/objects/{name}"));
    let carrier = Carrier::Content(Box::new(Content { method: "GET".into(), path, ..Content::default() }));
    Table::default().wire(LANE, &carrier).expect("a wire of Git LFS")
}

pub(crate) fn converse(dice: &mut Dice) -> Conversation {
    let mut turns = vec![Turn::End(Side::Client)];
    let mut rest = if dice.once_in(2) { object() } else { dice.bytes(100_000).into() };
    while !rest.is_empty() {
        let run = rest.split_to(rest.len().min(1 + dice.below(30_000)));
        turns.push(Turn::Say(Side::Upstream, run));
    }
    turns.push(Turn::End(Side::Upstream));
    Conversation { wire, turns, facts: Facts::default() }
}
