//! Conversations as bytes: what fuzz targets mutate, and what their seeds are written in.
//!
//! A first byte that the target may use as it likes, then turns: a byte for what happens, and for what is said its
//! length in two bytes (most significant first) and the bytes. What is cut short is said as far as it is there.

use bytes::Bytes;
use wiretape_core::{Reason, Side, Verdict};

use super::Turn;

/// The turns that `bytes` stand for. Any bytes are some conversation.
pub(crate) fn turns(bytes: &[u8]) -> Vec<Turn> {
    let mut rest = bytes;
    let mut turns = Vec::new();
    while let [kind, after @ ..] = rest {
        rest = after;
        turns.push(match kind % 8 {
            kind @ (0 | 1) => {
                let side = if kind == 1 { Side::Upstream } else { Side::Client };
                let (length, after) = rest.split_at(rest.len().min(2));
                let length = length.iter().fold(0, |length, byte| length * 256 + usize::from(*byte));
                let (said, after) = after.split_at(after.len().min(length));
                rest = after;
                Turn::Say(side, Bytes::copy_from_slice(said))
            }
            2 => Turn::End(Side::Client),
            3 => Turn::End(Side::Upstream),
            4 => Turn::Answer(Verdict::Allow),
            5 => Turn::Answer(Verdict::Refuse(Reason::new("elders", "not today"))),
            6 => Turn::Close(Reason::new("admin", "time is up")),
            _ => Turn::Waiting("the elders are asked".to_owned()),
        });
    }
    turns
}
