//! Files that a commit changes, with their lines as a bar, as `git show --stat` draws them on 80 columns.

use unicode_width::UnicodeWidthStr;
use wiretape_core::event::{FileChange, FileStatus};

use crate::describe;
use crate::legible::count;
use crate::limits::STAT_FILES_SHOWN;

/// Columns that a line may have.
const COLUMNS: usize = 80;

/// Columns of a line that are neither name, number nor bar.
const FRAME_COLUMNS: usize = 6;

/// The lines for `files`, and behind them the sum.
pub(crate) fn stat(files: &[FileChange]) -> Vec<String> {
    let shown = files.get(..STAT_FILES_SHOWN).unwrap_or(files);
    let names: Vec<String> = shown.iter().map(|file| describe::path(&file.path)).collect();
    let layout = Layout::new(shown, &names);
    let mut lines: Vec<String> = shown.iter().zip(&names).map(|(file, name)| layout.line(file, name)).collect();
    let left = files.len() - shown.len();
    if left > 0 {
        lines.push(format!(" ... and {}", count(left as u64, "more file")));
    }
    lines.push(sum(files));
    lines
}

/// How wide the parts of a line are.
struct Layout {
    name: usize,
    number: usize,
    bar: usize,
    /// The most lines that one file has.
    most: u64,
}

impl Layout {
    fn new(files: &[FileChange], names: &[String]) -> Self {
        let most = files.iter().filter_map(|file| file.lines).map(total).max().unwrap_or(0);
        let mut number = most.to_string().len();
        if files.iter().any(|file| file.binary) {
            number = number.max(3);
        }
        let mut name = names.iter().map(|name| name.width()).max().unwrap_or(0);
        let mut bar = usize::try_from(most).unwrap_or(COLUMNS).min(COLUMNS);
        if name + number + FRAME_COLUMNS + bar > COLUMNS {
            bar = bar.min((COLUMNS * 3 / 8).saturating_sub(number + FRAME_COLUMNS).max(6));
            let room = COLUMNS - number - FRAME_COLUMNS;
            if name > room - bar {
                name = room - bar;
            } else {
                bar = room - name;
            }
        }
        Self { name, number, bar, most }
    }

    fn line(&self, file: &FileChange, name: &str) -> String {
        let name = self.shortened(name);
        let padding = " ".repeat(self.name.saturating_sub(name.width()));
        let number = self.number;
        match file.lines {
            _ if file.binary => format!(" {name}{padding} | {:>number$}", "Bin"),
            None => format!(" {name}{padding} | {:>number$} {}", "?", without_lines(file)),
            Some(lines) if total(lines) == 0 => format!(" {name}{padding} | {:>number$}", 0),
            Some(lines) => {
                let (added, removed) = self.scaled(lines);
                let (plus, minus) = ("+".repeat(added), "-".repeat(removed));
                format!(" {name}{padding} | {:>number$} {plus}{minus}", total(lines))
            }
        }
    }

    /// The end of a name that is too long, from a `/` on where there is one.
    fn shortened(&self, name: &str) -> String {
        if name.width() <= self.name {
            return name.to_owned();
        }
        let room = self.name.saturating_sub(3);
        let start = name
            .char_indices()
            .map(|(place, _)| place)
            .find(|place| name.get(*place..).unwrap_or_default().width() <= room);
        let end = start.and_then(|start| name.get(start..)).unwrap_or_default();
        let end = end.find('/').and_then(|slash| end.get(slash..)).unwrap_or(end);
        format!("...{end}")
    }

    fn scaled(&self, (added, removed): (u32, u32)) -> (usize, usize) {
        let (add, remove) = (u64::from(added), u64::from(removed));
        let bar = self.bar as u64;
        let scale = |lines: u64| match lines {
            0 => 0,
            lines => 1 + lines * (bar.max(1) - 1) / self.most.max(1),
        };
        let (add, remove) = if bar > self.most {
            (add, remove)
        } else {
            let whole = scale(add + remove).max(if add > 0 && remove > 0 { 2 } else { 0 });
            if add < remove {
                let add = scale(add);
                (add, whole.saturating_sub(add))
            } else {
                let remove = scale(remove);
                (whole.saturating_sub(remove), remove)
            }
        };
        let columns = |lines: u64| usize::try_from(lines).unwrap_or(COLUMNS).min(COLUMNS);
        (columns(add), columns(remove))
    }
}

fn total((added, removed): (u32, u32)) -> u64 {
    u64::from(added) + u64::from(removed)
}

/// What is said of a file whose lines were not counted.
fn without_lines(file: &FileChange) -> &'static str {
    let is_submodule = |file: &wiretape_core::event::TreeFile| file.mode == 0o160_000;
    match file.status {
        _ if file.new.as_ref().or(file.old.as_ref()).is_some_and(is_submodule) => "(submodule)",
        FileStatus::Added => "(new)",
        FileStatus::Deleted => "(gone)",
        FileStatus::Modified => "(changed)",
        FileStatus::Written => "(what it was is not known)",
    }
}

fn sum(files: &[FileChange]) -> String {
    let (mut added, mut removed) = (0_u64, 0_u64);
    for (more, less) in files.iter().filter_map(|file| file.lines) {
        added += u64::from(more);
        removed += u64::from(less);
    }
    let uncounted = files.iter().filter(|file| file.lines.is_none() && !file.binary).count() as u64;
    let mut sum = format!(" {} changed", count(files.len() as u64, "file"));
    let is_counted = (uncounted as usize) < files.len();
    if is_counted && (added > 0 || removed == 0) {
        sum.push_str(&format!(", {}(+)", count(added, "insertion")));
    }
    if is_counted && (removed > 0 || added == 0) {
        sum.push_str(&format!(", {}(-)", count(removed, "deletion")));
    }
    if uncounted > 0 {
        sum.push_str(&format!("; the lines of {} are not known", count(uncounted, "file")));
    }
    sum
}
