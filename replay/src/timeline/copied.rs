//! What a copy carried, summed up.

use wiretape_core::Side;
use wiretape_core::event::CopyDirection;

use crate::database::value::BINARY;
use crate::legible::{count, size};

/// What one side sent.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    messages: u64,
    bytes: u64,
    lines: u64,
}

/// A copy that runs.
#[derive(Clone, Debug)]
pub(super) struct Copied {
    direction: CopyDirection,
    binary: bool,
    up: Sum,
    down: Sum,
    /// A message is coming in pieces.
    in_pieces: bool,
}

impl Copied {
    pub(super) fn new(direction: CopyDirection, format: u8) -> Self {
        let binary = u16::from(format) == BINARY;
        Self { direction, binary, up: Sum::default(), down: Sum::default(), in_pieces: false }
    }

    /// Takes in messages of `side`, by their content.
    pub(super) fn take<'a>(&mut self, side: Side, count: u64, messages: impl Iterator<Item = &'a [u8]>) {
        let binary = self.binary;
        let sum = self.sum(side);
        sum.messages += count;
        for content in messages {
            sum.bytes += content.len() as u64;
            if !binary {
                sum.lines += line_ends(content);
            }
        }
    }

    /// Takes in a piece of a message of `side`.
    pub(super) fn piece(&mut self, side: Side, bytes: &[u8], last: bool) {
        // The first has the header before it.
        let content = if self.in_pieces { bytes } else { bytes.get(5..).unwrap_or_default() };
        self.in_pieces = !last;
        self.take(side, u64::from(last), std::iter::once(content));
    }

    /// What was carried, in words.
    pub(super) fn lines(&self) -> Vec<String> {
        let told = |name: &str, sum: &Sum| {
            let what = if self.binary { count(sum.messages, "message") } else { count(sum.lines, "line") };
            let binary = if self.binary { ", binary" } else { "" };
            format!("{name}: {what}, {}{binary}", size(sum.bytes))
        };
        let streamed =
            |name: &str, sum: &Sum| format!("{name}: {}, {}", count(sum.messages, "message"), size(sum.bytes));
        match self.direction {
            CopyDirection::In => vec![told("copied to the target", &self.up)],
            CopyDirection::Out => vec![told("copied from the target", &self.down)],
            CopyDirection::Both => {
                vec![streamed("copied to the target", &self.up), streamed("copied from the target", &self.down)]
            }
        }
    }

    fn sum(&mut self, side: Side) -> &mut Sum {
        match side {
            Side::Client => &mut self.up,
            Side::Upstream => &mut self.down,
        }
    }
}

fn line_ends(content: &[u8]) -> u64 {
    content.iter().filter(|byte| **byte == b'\n').count() as u64
}
