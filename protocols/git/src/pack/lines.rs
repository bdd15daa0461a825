//! Lines that a change adds and removes, counted as `git diff --numstat` counts them.
//!
//! Which lines count as changed is not a matter of contents alone: of two long and different texts git does not look for
//! the shortest way from one to the other. It leaves out lines that the other text lacks, or has too often, and gives up
//! a search that costs too much. To say the same numbers, the same is done here; the search itself is that of Myers,
//! "An O(ND) Difference Algorithm and Its Variations", from both ends at once.

use std::collections::HashMap;

use super::entries::Lines;

/// As much of a content as git looks at to tell text from anything else.
const BINARY_LOOK_BYTES: usize = 8000;

/// Steps of a search before its state is looked at for a way that is good enough.
const GOOD_ENOUGH_COST_MIN: i64 = 256;

/// Steps of a search that are always allowed; more are, as the square root of the length.
const COST_MIN: i64 = 256;

/// Lines that agree in a row, so that a way through them is a good one.
const RUN_LINES: i32 = 20;

/// By how much a way must be ahead of its cost to be good enough.
const AHEAD: i64 = 4;

/// Lines around one that is found too often, that are looked at.
const NEIGHBOURS: usize = 100;

/// Above this, a line is found too often in the other text however long that is.
const OFTEN_MAX: u32 = 1024;

/// Counts the lines of a content that comes run by run.
#[derive(Default)]
pub(super) struct Counting {
    ends: u64,
    bytes: u64,
    unended: bool,
    binary: bool,
}

impl Counting {
    pub(super) fn take(&mut self, run: &[u8]) {
        if self.bytes < BINARY_LOOK_BYTES as u64 {
            let look = BINARY_LOOK_BYTES - self.bytes as usize;
            self.binary |= memchr::memchr(0, run.get(..look).unwrap_or(run)).is_some();
        }
        self.bytes += run.len() as u64;
        self.ends += memchr::memchr_iter(b'\n', run).count() as u64;
        self.unended = run.last().map_or(self.unended, |last| *last != b'\n');
    }

    pub(super) fn finish(self) -> Lines {
        let count = u32::try_from(self.ends + u64::from(self.unended)).unwrap_or(u32::MAX);
        Lines { count, binary: self.binary }
    }
}

/// The lines of a content.
pub(super) fn count(content: &[u8]) -> Lines {
    let mut counting = Counting::default();
    counting.take(content);
    counting.finish()
}

/// Lines added and removed from `old` to `new`.
pub(super) fn changed(old: &[u8], new: &[u8]) -> (u32, u32) {
    let (old_rest, new_rest) = apart(old, new);
    if old_rest.is_empty() || new_rest.is_empty() {
        return (count(new_rest).count, count(old_rest).count);
    }
    let mut classes = HashMap::new();
    let mut found: Vec<[u32; 2]> = Vec::new();
    let mut classify = |content, side: usize| -> Vec<u32> {
        lines(content)
            .map(|line| {
                let class = *classes.entry(line).or_insert_with(|| {
                    found.push([0, 0]);
                    (found.len() - 1) as u32
                });
                if let Some(times) = found.get_mut(class as usize).and_then(|times| times.get_mut(side)) {
                    *times += 1;
                }
                class
            })
            .collect()
    };
    let (old, new) = (classify(old, 0), classify(new, 1));
    let same = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let (old_rest, new_rest) = (old.get(same..).unwrap_or_default(), new.get(same..).unwrap_or_default());
    let end = old_rest.iter().rev().zip(new_rest.iter().rev()).take_while(|(old, new)| old == new).count();
    let old_rest = old_rest.get(..old_rest.len() - end).unwrap_or_default();
    let new_rest = new_rest.get(..new_rest.len() - end).unwrap_or_default();
    let times_in = |class: u32, side: usize| found.get(class as usize).and_then(|times| times.get(side)).copied();
    let old_kept = kept(old_rest, old.len(), |class| times_in(class, 1).unwrap_or(0));
    let new_kept = kept(new_rest, new.len(), |class| times_in(class, 0).unwrap_or(0));
    let left_out = ((new_rest.len() - new_kept.len()) as u32, (old_rest.len() - old_kept.len()) as u32);
    let (added, removed) = Search::new(&old_kept, &new_kept).changed();
    (added + left_out.0, removed + left_out.1)
}

fn lines(content: &[u8]) -> impl Iterator<Item = &[u8]> {
    content.split_inclusive(|byte| *byte == b'\n')
}

/// What is left of both contents without the lines that they begin and end with alike.
fn apart<'a>(old: &'a [u8], new: &'a [u8]) -> (&'a [u8], &'a [u8]) {
    let same = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    let whole = same == old.len() && same == new.len();
    let begin = if whole {
        same
    } else {
        old.get(..same).and_then(|same| memchr::memrchr(b'\n', same)).map_or(0, |end| end + 1)
    };
    let (old, new) = (old.get(begin..).unwrap_or_default(), new.get(begin..).unwrap_or_default());
    let end = old.iter().rev().zip(new.iter().rev()).take_while(|(old, new)| old == new).count();
    let begins_line = |content: &[u8]| {
        let at = content.len() - end;
        at == 0 || content.get(at - 1) == Some(&b'\n')
    };
    let end = if begins_line(old) && begins_line(new) {
        end
    } else {
        let alike = old.get(old.len() - end..).unwrap_or_default();
        memchr::memchr(b'\n', alike).map_or(0, |line_end| end - line_end - 1)
    };
    (old.get(..old.len() - end).unwrap_or_default(), new.get(..new.len() - end).unwrap_or_default())
}

/// About the square root: the power of two next to it.
fn about_root(number: usize) -> u32 {
    let digits = usize::BITS - number.leading_zeros();
    1 << digits.div_ceil(2)
}

/// How a line stands to the other text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Missing,
    Found,
    Often,
}

/// The lines that are searched: without those that the other text lacks, and without those that it has too often and
/// that stand amid such as it lacks.
fn kept(lines: &[u32], text_lines: usize, times_in_other: impl Fn(u32) -> u32) -> Vec<u32> {
    let often = about_root(text_lines).min(OFTEN_MAX);
    let standings: Vec<Standing> = lines
        .iter()
        .map(|class| match times_in_other(*class) {
            0 => Standing::Missing,
            times if times >= often => Standing::Often,
            _ => Standing::Found,
        })
        .collect();
    let keep = |(position, standing): (usize, &Standing)| match standing {
        Standing::Missing => false,
        Standing::Found => true,
        Standing::Often => {
            let before = standings.get(position.saturating_sub(NEIGHBOURS)..position).unwrap_or_default();
            let behind_end = (position + 1 + NEIGHBOURS).min(standings.len());
            let behind = standings.get(position + 1..behind_end).unwrap_or_default();
            let (missing_before, often_before) = tally(before.iter().rev());
            let (missing_behind, often_behind) = tally(behind.iter());
            // The line itself is counted once in each direction.
            let (missing, often) = (missing_before + missing_behind, often_before + often_behind + 2);
            missing_before == 0 || missing_behind == 0 || often * 4 >= often + missing
        }
    };
    lines.iter().zip(standings.iter().enumerate()).filter(|(_, at)| keep(*at)).map(|(class, _)| *class).collect()
}

/// Lines missing and lines found often, up to the first other one.
fn tally<'a>(standings: impl Iterator<Item = &'a Standing>) -> (usize, usize) {
    let mut tally = (0, 0);
    for standing in standings {
        match standing {
            Standing::Missing => tally.0 += 1,
            Standing::Often => tally.1 += 1,
            Standing::Found => break,
        }
    }
    tally
}

/// How far the search has come on each diagonal (position in the old text less position in the new one).
struct Front {
    reached: Vec<i32>,
    /// The place of diagonal 0.
    zero: i32,
    /// The diagonals in use.
    lowest: i32,
    highest: i32,
    /// What stands on a diagonal that was never reached.
    never: i32,
}

impl Front {
    fn new(old_lines: usize, new_lines: usize, never: i32) -> Self {
        let zero = new_lines as i32 + 1;
        Self { reached: vec![0; old_lines + new_lines + 3], zero, lowest: 0, highest: 0, never }
    }

    fn begin(&mut self, diagonal: i32, at: i32) {
        (self.lowest, self.highest) = (diagonal, diagonal);
        self.set(diagonal, at);
    }

    fn get(&self, diagonal: i32) -> i32 {
        self.reached.get((diagonal + self.zero) as usize).copied().unwrap_or(self.never)
    }

    fn set(&mut self, diagonal: i32, at: i32) {
        if let Some(reached) = self.reached.get_mut((diagonal + self.zero) as usize) {
            *reached = at;
        }
    }

    /// One diagonal more on each side, or where the box ends one less.
    fn widen(&mut self, lowest: i32, highest: i32) {
        if self.lowest > lowest {
            self.lowest -= 1;
            self.set(self.lowest - 1, self.never);
        } else {
            self.lowest += 1;
        }
        if self.highest < highest {
            self.highest += 1;
            self.set(self.highest + 1, self.never);
        } else {
            self.highest -= 1;
        }
    }

    fn uses(&self, diagonal: i32) -> bool {
        self.lowest <= diagonal && diagonal <= self.highest
    }

    /// Every other diagonal in use, from the highest down.
    fn diagonals(&self) -> impl Iterator<Item = i32> + use<> {
        (self.lowest..=self.highest).rev().step_by(2)
    }
}

/// A part of both texts that are compared.
#[derive(Clone, Copy)]
struct Area {
    old_begin: i32,
    old_end: i32,
    new_begin: i32,
    new_end: i32,
    /// Whether the shortest way is wanted at whatever cost: it is known to be near.
    shortest: bool,
}

/// Where an area is cut in two.
struct Cut {
    old: i32,
    new: i32,
    shortest_before: bool,
    shortest_behind: bool,
}

/// The search for a short way from one text to the other.
struct Search<'a> {
    old: &'a [u32],
    new: &'a [u32],
    forward: Front,
    backward: Front,
    cost_max: i64,
}

impl<'a> Search<'a> {
    fn new(old: &'a [u32], new: &'a [u32]) -> Self {
        Self {
            old,
            new,
            forward: Front::new(old.len(), new.len(), -1),
            backward: Front::new(old.len(), new.len(), i32::MAX),
            cost_max: i64::from(about_root(old.len() + new.len() + 3)).max(COST_MIN),
        }
    }

    fn agree(&self, old: i32, new: i32) -> bool {
        self.old.get(old as usize).is_some_and(|class| self.new.get(new as usize) == Some(class))
    }

    /// Lines added and removed.
    fn changed(mut self) -> (u32, u32) {
        let (mut added, mut removed) = (0, 0);
        let whole = Area {
            old_begin: 0,
            old_end: self.old.len() as i32,
            new_begin: 0,
            new_end: self.new.len() as i32,
            shortest: false,
        };
        let mut areas = vec![whole];
        while let Some(mut area) = areas.pop() {
            while area.old_begin < area.old_end
                && area.new_begin < area.new_end
                && self.agree(area.old_begin, area.new_begin)
            {
                area.old_begin += 1;
                area.new_begin += 1;
            }
            while area.old_begin < area.old_end
                && area.new_begin < area.new_end
                && self.agree(area.old_end - 1, area.new_end - 1)
            {
                area.old_end -= 1;
                area.new_end -= 1;
            }
            if area.old_begin == area.old_end || area.new_begin == area.new_end {
                added += (area.new_end - area.new_begin) as u32;
                removed += (area.old_end - area.old_begin) as u32;
                continue;
            }
            let cut = self.cut(&area);
            areas.push(Area { old_begin: cut.old, new_begin: cut.new, shortest: cut.shortest_behind, ..area });
            areas.push(Area { old_end: cut.old, new_end: cut.new, shortest: cut.shortest_before, ..area });
        }
        (added, removed)
    }

    /// Searches from both ends until the ways meet, or one of them is good enough.
    fn cut(&mut self, area: &Area) -> Cut {
        let (lowest, highest) = (area.old_begin - area.new_end, area.old_end - area.new_begin);
        let (middle_forward, middle_backward) = (area.old_begin - area.new_begin, area.old_end - area.new_end);
        let odd = (middle_forward - middle_backward) & 1 != 0;
        self.forward.begin(middle_forward, area.old_begin);
        self.backward.begin(middle_backward, area.old_end);
        let mut cost = 0;
        loop {
            cost += 1;
            self.forward.widen(lowest, highest);
            let (met, long_forward) = self.go_forward(area, odd);
            if let Some(cut) = met {
                return cut;
            }
            self.backward.widen(lowest, highest);
            let (met, long_backward) = self.go_backward(area, !odd);
            if let Some(cut) = met {
                return cut;
            }
            if area.shortest {
                continue;
            }
            if (long_forward || long_backward)
                && cost > GOOD_ENOUGH_COST_MIN
                && let Some(cut) = self.good_enough(area, cost)
            {
                return cut;
            }
            if cost >= self.cost_max {
                return self.furthest(area);
            }
        }
    }

    /// One step on every diagonal from the beginning: where it meets the way from the end, and whether a long run of
    /// lines agreed.
    fn go_forward(&mut self, area: &Area, may_meet: bool) -> (Option<Cut>, bool) {
        let mut long = false;
        for diagonal in self.forward.diagonals() {
            let (below, above) = (self.forward.get(diagonal - 1), self.forward.get(diagonal + 1));
            let begin = if below >= above { below + 1 } else { above };
            let mut old = begin;
            while old < area.old_end && old - diagonal < area.new_end && self.agree(old, old - diagonal) {
                old += 1;
            }
            long |= old - begin > RUN_LINES;
            self.forward.set(diagonal, old);
            if may_meet && self.backward.uses(diagonal) && self.backward.get(diagonal) <= old {
                let cut = Cut { old, new: old - diagonal, shortest_before: true, shortest_behind: true };
                return (Some(cut), long);
            }
        }
        (None, long)
    }

    /// The same from the end.
    fn go_backward(&mut self, area: &Area, may_meet: bool) -> (Option<Cut>, bool) {
        let mut long = false;
        for diagonal in self.backward.diagonals() {
            let (below, above) = (self.backward.get(diagonal - 1), self.backward.get(diagonal + 1));
            let begin = if below < above { below } else { above - 1 };
            let mut old = begin;
            while old > area.old_begin && old - diagonal > area.new_begin && self.agree(old - 1, old - diagonal - 1) {
                old -= 1;
            }
            long |= begin - old > RUN_LINES;
            self.backward.set(diagonal, old);
            if may_meet && self.forward.uses(diagonal) && old <= self.forward.get(diagonal) {
                let cut = Cut { old, new: old - diagonal, shortest_before: true, shortest_behind: true };
                return (Some(cut), long);
            }
        }
        (None, long)
    }

    /// A way that came far for its cost and has just passed a run of lines that agree, if there is one.
    fn good_enough(&self, area: &Area, cost: i64) -> Option<Cut> {
        let middle = area.old_begin - area.new_begin;
        let mut best = 0;
        let mut cut = None;
        for diagonal in self.forward.diagonals() {
            let old = self.forward.get(diagonal);
            let new = old - diagonal;
            let way = i64::from(old - area.old_begin) + i64::from(new - area.new_begin)
                - i64::from((diagonal - middle).abs());
            if way > AHEAD * cost
                && way > best
                && area.old_begin + RUN_LINES <= old
                && old < area.old_end
                && area.new_begin + RUN_LINES <= new
                && new < area.new_end
                && (1..=RUN_LINES).all(|back| self.agree(old - back, new - back))
            {
                best = way;
                cut = Some(Cut { old, new, shortest_before: true, shortest_behind: false });
            }
        }
        if cut.is_some() {
            return cut;
        }
        let middle = area.old_end - area.new_end;
        for diagonal in self.backward.diagonals() {
            let old = self.backward.get(diagonal);
            let new = old.saturating_sub(diagonal);
            let way = i64::from(area.old_end) - i64::from(old) + i64::from(area.new_end)
                - i64::from(new)
                - i64::from((diagonal - middle).abs());
            if way > AHEAD * cost
                && way > best
                && area.old_begin < old
                && old <= area.old_end - RUN_LINES
                && area.new_begin < new
                && new <= area.new_end - RUN_LINES
                && (0..RUN_LINES).all(|on| self.agree(old + on, new + on))
            {
                best = way;
                cut = Some(Cut { old, new, shortest_before: false, shortest_behind: true });
            }
        }
        cut
    }

    /// Where the way that came furthest has come to.
    fn furthest(&self, area: &Area) -> Cut {
        let (mut forward_sum, mut forward_old) = (-1, -1);
        for diagonal in self.forward.diagonals() {
            let mut old = self.forward.get(diagonal).min(area.old_end);
            let mut new = old - diagonal;
            if area.new_end < new {
                (old, new) = (area.new_end + diagonal, area.new_end);
            }
            if forward_sum < old + new {
                (forward_sum, forward_old) = (old + new, old);
            }
        }
        let (mut backward_sum, mut backward_old) = (i32::MAX, i32::MAX);
        for diagonal in self.backward.diagonals() {
            let mut old = self.backward.get(diagonal).max(area.old_begin);
            let mut new = old.saturating_sub(diagonal);
            if new < area.new_begin {
                (old, new) = (area.new_begin + diagonal, area.new_begin);
            }
            if old.saturating_add(new) < backward_sum {
                (backward_sum, backward_old) = (old.saturating_add(new), old);
            }
        }
        let from_begin = forward_sum - (area.old_begin + area.new_begin);
        if area.old_end + area.new_end - backward_sum < from_begin {
            Cut { old: forward_old, new: forward_sum - forward_old, shortest_before: true, shortest_behind: false }
        } else {
            Cut { old: backward_old, new: backward_sum - backward_old, shortest_before: false, shortest_behind: true }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{about_root, apart, changed, count};

    #[test]
    fn lines_are_counted_as_they_end_or_do_not() {
        for (content, lines) in [("", 0), ("a", 1), ("a\n", 1), ("a\nb", 2), ("\n\n", 2), ("a\r\nb\r\n", 2)] {
            assert_eq!(count(content.as_bytes()).count, lines, "{content:?}");
        }
        assert!(count(b"a\0b").binary);
        assert!(!count(&[vec![b'a'; 8000], vec![0]].concat()).binary);
    }

    #[test]
    fn what_begins_and_ends_alike_is_left_out_line_by_line() {
        for (old, new, rests) in [
            ("a\nb\nc\n", "a\nx\nc\n", ("b\n", "x\n")),
            ("a\nb\n", "a\nb\nc\n", ("", "c\n")),
            ("b\n", "a\nb\n", ("", "a\n")),
            ("ab\n", "b\n", ("ab\n", "b\n")),
            ("a\nb", "a\nb\n", ("b", "b\n")),
            ("a\na\n", "a\n", ("a\n", "")),
            ("same\n", "same\n", ("", "")),
            ("xa\nb\n", "ya\nb\n", ("xa\n", "ya\n")),
            ("", "a", ("", "a")),
        ] {
            assert_eq!(
                apart(old.as_bytes(), new.as_bytes()),
                (rests.0.as_bytes(), rests.1.as_bytes()),
                "{old:?} {new:?}"
            );
        }
    }

    #[test]
    fn lines_added_and_removed() {
        for (old, new, expected) in [
            ("", "", (0, 0)),
            ("a\nb\nc\n", "a\nc\n", (0, 1)),
            ("a\nb\nc\nd\n", "b\nx\nd\ne\n", (2, 2)),
            ("a", "a\n", (1, 1)),
            ("1\n2\n3\n4\n5\n", "5\n4\n3\n2\n1\n", (4, 4)),
        ] {
            assert_eq!(changed(old.as_bytes(), new.as_bytes()), expected, "{old:?} {new:?}");
        }
    }

    #[test]
    fn the_root_is_about_right() {
        assert_eq!([0, 1, 2, 3, 4, 15, 16, 1 << 20].map(about_root), [1, 2, 2, 2, 4, 4, 8, 2048]);
    }
}
