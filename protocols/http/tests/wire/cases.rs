//! The cases: each says what it is said to say.

use std::path::{Path, PathBuf};

use crate::script::{Case, Line};
use crate::stage::Stage;
use crate::words::told;

pub(crate) fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut cases: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|end| end == "case")).collect();
    cases.sort();
    cases
}

/// The case as it would read if all that happened had been expected.
fn transcript(text: &str) -> String {
    let case = Case::read(text);
    let mut stage = Stage::new(case.rules);
    let mut transcript = String::new();
    for line in case.lines {
        match line {
            Line::Expected => {}
            Line::Kept(line) => transcript += &format!("{line}\n"),
            Line::Turn(turn, line) => {
                transcript += &format!("{line}\n");
                for effect in stage.play(turn.clone()) {
                    transcript += &format!("    {}\n", told(&turn, &effect));
                }
            }
        }
    }
    transcript
}

#[test]
fn cases_say_what_happens() {
    let write = std::env::var_os("WIRETAPE_CASES").is_some_and(|value| value == "write");
    let mut wrong = Vec::new();
    let cases = cases();
    assert!(!cases.is_empty());
    for path in cases {
        let text = std::fs::read_to_string(&path).unwrap();
        let happened = transcript(&text);
        if happened == text {
            continue;
        }
        if write {
            std::fs::write(&path, &happened).unwrap();
        }
        let place = text.lines().zip(happened.lines()).position(|(said, did)| said != did);
        let line = place.unwrap_or_else(|| text.lines().count().min(happened.lines().count()));
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
