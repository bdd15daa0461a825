//! Every wire's cases: each says what it is said to say, and says it too when its input comes in single bytes.

use std::path::{Path, PathBuf};

use crate::playbook::{Case, Line, told};
use crate::stage::{Turn, perform};
use bytes::Bytes;

/// Every case of every wire.
pub(crate) fn all() -> Vec<PathBuf> {
    let folders = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut cases: Vec<PathBuf> = ["git", "git/lfs", "line", "postgres", "scp", "sftp", "websocket"]
        .iter()
        .flat_map(|wire| std::fs::read_dir(folders.join(wire).join("cases")).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "case"))
        .collect();
    cases.sort();
    cases
}

pub(crate) fn read(path: &Path) -> (String, Case) {
    let text = std::fs::read_to_string(path).unwrap();
    let case = Case::read(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    (text, case)
}

/// The case as it would read if all that happened had been expected.
fn transcript(case: &Case) -> String {
    let turns = case.turns();
    let performance = perform(case.wire(), Box::new(case.rules.clone()), &turns);
    let mut text = String::new();
    let mut number = 0;
    for line in &case.lines {
        match line {
            Line::Expected(_) => {}
            Line::Kept(line) => text += &format!("{line}\n"),
            Line::Turn(turn, line) => {
                text += &format!("{line}\n");
                for (_, effect) in performance.effects.iter().filter(|(turn, _)| *turn == number) {
                    text += &format!("    {}\n", told(turn, effect));
                }
                number += 1;
            }
        }
    }
    text
}

#[test]
fn cases_say_what_happens() {
    let write = std::env::var_os("WIRETAPE_CASES").is_some_and(|value| value == "write");
    let mut wrong = Vec::new();
    for path in all() {
        let (text, case) = read(&path);
        let happened = transcript(&case);
        if happened == text {
            continue;
        }
        if write {
            std::fs::write(&path, &happened).unwrap();
        }
        let at = text.lines().zip(happened.lines()).position(|(said, did)| said != did);
        let line = at.unwrap_or_else(|| text.lines().count().min(happened.lines().count()));
        wrong.push(format!(
            "{}:{}\n  the case says: {}\n  what happened: {}",
            path.display(),
            line + 1,
            text.lines().nth(line).unwrap_or("(nothing more)"),
            happened.lines().nth(line).unwrap_or("(nothing more)"),
        ));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn cases_in_single_bytes_say_the_same() {
    for path in all() {
        let (_, case) = read(&path);
        let turns = case.turns();
        let pieces = |turn: &Turn| match turn {
            // Contents are long and all alike: they are cut at an odd size instead.
            Turn::Say(side, said) => {
                let piece_bytes = if said.len() > 4096 { 997 } else { 1 };
                said.chunks(piece_bytes).map(|piece| Turn::Say(*side, Bytes::copy_from_slice(piece))).collect()
            }
            other => vec![other.clone()],
        };
        let single: Vec<Turn> = turns.iter().flat_map(pieces).collect();
        let whole = perform(case.wire(), Box::new(case.rules.clone()), &turns);
        let cut = perform(case.wire(), Box::new(case.rules.clone()), &single);
        assert_eq!(cut.story(), whole.story(), "{}", path.display());
        for side in [wiretape_core::Side::Client, wiretape_core::Side::Upstream] {
            assert_eq!(cut.sent(side), whole.sent(side), "{} to the {side}", path.display());
        }
        assert_eq!(cut.closed(), whole.closed(), "{}", path.display());
    }
}

#[test]
fn every_wire_has_all() {
    for row in wiretape_protocols::ROWS {
        let found = all().iter().filter(|path| path.components().any(|part| part.as_os_str() == row.name)).count();
        assert!(found > 0, "{} has no case", row.name);
    }
}
