//! Runs: pieces of a file that passed, joined where they touch.
//!
//! Pieces are asked for in order and may be answered out of it, so several runs can be open while requests wait. A run
//! breaks (and is told) when nothing waits that could still join it to the next piece, when a piece goes over it
//! again, or when too many are open.

use std::collections::BTreeMap;

use crate::limits::RUNS_OPEN_MAX;

/// Bytes that passed, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) offset: u64,
    pub(crate) length: u64,
}

/// The open runs of one file in one direction.
#[derive(Debug, Default)]
pub(crate) struct Runs {
    /// Start and end (exclusive). They neither touch nor overlap.
    open: BTreeMap<u64, u64>,
    total_bytes: u64,
}

impl Runs {
    /// Takes in a piece that passed, and says which runs it broke. `waiting`: other pieces are still to come.
    pub(crate) fn add(&mut self, offset: u64, length: u64, waiting: bool) -> Vec<Run> {
        let Some(end) = offset.checked_add(length).filter(|_| length > 0) else { return Vec::new() };
        self.total_bytes = self.total_bytes.saturating_add(length);
        let mut broken = Vec::new();
        while let Some((start, over)) = self.overlapping(offset, end) {
            self.open.remove(&start);
            broken.push(run(start, over));
        }
        let before = self.open.range(..offset).next_back().filter(|(_, touching)| **touching == offset);
        let start = before.map_or(offset, |(start, _)| *start);
        let end = self.open.remove(&end).unwrap_or(end);
        self.open.insert(start, end);
        let open_max = if waiting { RUNS_OPEN_MAX } else { 1 };
        while self.open.len() > open_max {
            let Some((other, over)) = self.open.iter().map(|(s, e)| (*s, *e)).find(|(other, _)| *other != start) else {
                break;
            };
            self.open.remove(&other);
            broken.push(run(other, over));
        }
        broken
    }

    /// Breaks what is open, in the order of the file.
    pub(crate) fn take(&mut self) -> Vec<Run> {
        std::mem::take(&mut self.open).into_iter().map(|(start, end)| run(start, end)).collect()
    }

    /// All bytes that passed.
    pub(crate) fn total_bytes(&self) -> u64 {
        self.total_bytes
    }

    fn overlapping(&self, offset: u64, end: u64) -> Option<(u64, u64)> {
        let (start, over) = self.open.range(..end).next_back()?;
        (*over > offset).then_some((*start, *over))
    }
}

fn run(start: u64, end: u64) -> Run {
    Run { offset: start, length: end.saturating_sub(start) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(offset: u64, length: u64) -> Run {
        Run { offset, length }
    }

    #[test]
    fn pieces_in_order_are_one_run() {
        let mut runs = Runs::default();
        for piece in 0..10 {
            assert_eq!(runs.add(piece * 100, 100, false), []);
        }
        assert_eq!(runs.take(), [of(0, 1000)]);
        assert_eq!(runs.total_bytes(), 1000);
    }

    #[test]
    fn pieces_out_of_order_are_one_run_while_others_wait() {
        let mut runs = Runs::default();
        for piece in [3, 1, 0, 2] {
            assert_eq!(runs.add(piece * 100, 100, piece != 2), []);
        }
        assert_eq!(runs.take(), [of(0, 400)]);
    }

    #[test]
    fn a_jump_with_nothing_waiting_breaks_the_run() {
        let mut runs = Runs::default();
        assert_eq!(runs.add(0, 100, false), []);
        assert_eq!(runs.add(500, 100, false), [of(0, 100)]);
        assert_eq!(runs.add(600, 100, false), []);
        assert_eq!(runs.add(0, 10, false), [of(500, 200)]);
        assert_eq!(runs.take(), [of(0, 10)]);
    }

    #[test]
    fn a_piece_over_another_breaks_it() {
        let mut runs = Runs::default();
        runs.add(100, 100, true);
        assert_eq!(runs.add(150, 10, true), [of(100, 100)]);
        assert_eq!(runs.add(0, 1000, true), [of(150, 10)]);
        assert_eq!(runs.take(), [of(0, 1000)]);
    }

    #[test]
    fn open_runs_are_bounded() {
        let mut runs = Runs::default();
        let told: usize = (0..1000).map(|piece| runs.add(piece * 10, 1, true).len()).sum();
        assert_eq!(told, 1000 - RUNS_OPEN_MAX);
        assert_eq!(runs.take().len(), RUNS_OPEN_MAX);
    }

    #[test]
    fn the_end_of_numbers_is_no_run() {
        let mut runs = Runs::default();
        assert_eq!(runs.add(u64::MAX, 2, false), []);
        assert_eq!(runs.add(7, 0, false), []);
        assert_eq!(runs.take(), []);
    }
}
