//! Histories made up from a seed: every kind of file and change that a tree can hold.

use std::collections::BTreeMap;

use crate::repository::Repository;
use wiretape_git::pack::ObjectFormat;

/// Numbers that are the same for the same seed.
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}

/// A text of lines of which many are alike.
pub(crate) fn text(chance: &mut Chance, lines: usize) -> Vec<u8> {
    let words = 2 + chance.below(40);
    let end = if chance.below(8) == 0 { "\r\n" } else { "\n" };
    let mut text = String::new();
    for _ in 0..lines {
        for _ in 0..chance.below(4) {
            text += &format!("w{} ", chance.below(words));
        }
        text += end;
    }
    if chance.below(6) == 0 {
        text += "no end";
    }
    text.into_bytes()
}

/// The same text with some lines changed, moved, added, removed.
pub(crate) fn edited(chance: &mut Chance, text: &[u8]) -> Vec<u8> {
    let mut lines: Vec<Vec<u8>> = text.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    for _ in 0..=chance.below(12) {
        let at = chance.below(lines.len());
        match chance.below(6) {
            0 if at < lines.len() => drop(lines.remove(at)),
            1 => lines.insert(at, b"added\n".to_vec()),
            2 if at < lines.len() => lines[at] = format!("changed {}\n", chance.below(20)).into_bytes(),
            3 => {
                let end = (at + chance.below(30)).min(lines.len());
                let moved: Vec<_> = lines.drain(at..end).collect();
                let to = chance.below(lines.len());
                lines.splice(to..to, moved);
            }
            4 => {
                let end = (at + chance.below(30)).min(lines.len());
                let again = lines[at..end].to_vec();
                lines.splice(at..at, again);
            }
            _ => lines.push(b"at the end".to_vec()),
        }
    }
    lines.concat()
}

/// A history, and its commits by their marks, first to last.
pub(crate) struct History {
    pub(crate) repository: Repository,
    pub(crate) commits: Vec<String>,
}

/// Makes `commits` commits, merges among them.
pub(crate) fn history(format: ObjectFormat, seed: u64, commits: usize) -> History {
    let mut chance = Chance::new(seed);
    let repository = Repository::new(format);
    let mut stream: Vec<u8> = Vec::new();
    // Files of each commit, so that any can be built on.
    let mut trees: Vec<BTreeMap<String, (&str, Vec<u8>)>> = Vec::new();
    let digits = if format == ObjectFormat::Sha1 { 40 } else { 64 };
    for number in 0..commits {
        let parent = number.checked_sub(1 + chance.below(3).min(number.saturating_sub(1)));
        let merged = (number > 4 && chance.below(5) == 0).then(|| chance.below(number));
        let mut files = parent.map(|parent| trees[parent].clone()).unwrap_or_default();
        stream.extend_from_slice(
            format!(
                "commit refs/heads/c{number}\nmark :{}\nauthor Ana Ö <ana@example.com> {} +0530\n\
                 committer Ben <ben@example.com> {} -0800\ndata <<E\nCommit {number}\n\nwhy\nE\n",
                number + 1,
                1_600_000_000 + number * 100,
                1_600_000_000 + number * 100 + chance.below(5000),
            )
            .as_bytes(),
        );
        if let Some(parent) = parent {
            stream.extend_from_slice(format!("from :{}\n", parent + 1).as_bytes());
        }
        if let Some(merged) = merged.filter(|merged| Some(*merged) != parent) {
            stream.extend_from_slice(format!("merge :{}\n", merged + 1).as_bytes());
        }
        stream.extend_from_slice(b"deleteall\n");
        for _ in 0..if number == 0 { 30 } else { 1 + chance.below(6) } {
            change(&mut chance, &mut files, digits);
        }
        for (path, (mode, content)) in &files {
            if *mode == "160000" {
                let id = String::from_utf8_lossy(content);
                stream.extend_from_slice(format!("M 160000 {id} {path}\n").as_bytes());
            } else {
                stream.extend_from_slice(format!("M {mode} inline {path}\ndata {}\n", content.len()).as_bytes());
                stream.extend_from_slice(content);
                stream.push(b'\n');
            }
        }
        trees.push(files);
    }
    repository.import(&stream);
    let commits = (0..commits).map(|number| repository.text(["rev-parse", &format!("c{number}")])).collect();
    History { repository, commits }
}

fn change(chance: &mut Chance, files: &mut BTreeMap<String, (&'static str, Vec<u8>)>, digits: usize) {
    let some = chance.below(files.len());
    let existing = files.keys().nth(some).cloned();
    let fresh = match chance.below(5) {
        0 => format!("file{}", chance.below(40)),
        1 => format!("a/b/c/d{}/file{}", chance.below(3), chance.below(9)),
        2 => format!("a.{}", chance.below(4)),
        3 => format!("ä/ö {}", chance.below(4)),
        _ => format!("a{}/x", chance.below(3)),
    };
    match (chance.below(10), existing) {
        (0, Some(path)) => drop(files.remove(&path)),
        (1, Some(path)) => {
            let file = files.get_mut(&path).unwrap();
            file.0 = match file.0 {
                "100644" => "100755",
                "100755" => "100644",
                other => other,
            };
        }
        (2, Some(path)) => {
            // A file becomes a directory, or another file moves.
            let (mode, content) = files.remove(&path).unwrap();
            put(files, if chance.below(2) == 0 { format!("{path}/inside") } else { fresh }, mode, content);
        }
        (3, Some(path)) => {
            // A directory becomes a file.
            let directory = path.split('/').next().unwrap().to_owned();
            put(files, directory, "100644", text(chance, 5));
        }
        (4, _) => put(files, fresh, "120000", format!("to/{}", chance.below(9)).into_bytes()),
        (5, _) => {
            let id = format!("{:0digits$x}", 1 + chance.below(5));
            put(files, fresh, "160000", id.into_bytes());
        }
        (6, _) => {
            let bytes = (0..chance.below(3000)).map(|_| chance.next() as u8).collect();
            put(files, fresh, "100644", bytes);
        }
        (7 | 8, Some(path)) => {
            let file = files.get_mut(&path).unwrap();
            if file.0.starts_with("100") {
                file.1 = edited(chance, &file.1);
            }
        }
        _ => {
            let lines = [0, 1, 5, 40, 400][chance.below(5)];
            put(files, fresh, "100644", text(chance, lines));
        }
    }
}

/// Puts a file where neither a directory nor a file stands in its way.
fn put(files: &mut BTreeMap<String, (&'static str, Vec<u8>)>, path: String, mode: &'static str, content: Vec<u8>) {
    let inside = format!("{path}/");
    files.retain(|other, _| !other.starts_with(&inside) && !path.starts_with(&format!("{other}/")));
    files.insert(path, (mode, content));
}
