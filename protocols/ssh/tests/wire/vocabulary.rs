//! The wire says what `docs/EVENTS.md` says that it can say: all of it, and nothing else.

use std::collections::BTreeSet;
use std::path::Path;

use crate::cases::cases;
use crate::script::{Case, Line};
use crate::stage::{Stage, events};

/// The events whose row names one of these as who says it.
fn documented(by: &[&str]) -> BTreeSet<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/EVENTS.md");
    let text = std::fs::read_to_string(path).unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    rows.filter_map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let said_by: BTreeSet<&str> = cells.last()?.split(", ").collect();
        let name = cells.first()?.trim_matches('`').to_owned();
        by.iter().any(|by| said_by.contains(by)).then_some(name)
    })
    .collect()
}

#[test]
fn the_wire_says_what_the_document_says_of_it() {
    let mut said = BTreeSet::new();
    for path in cases() {
        let case = Case::read(&std::fs::read_to_string(path).unwrap());
        let mut stage = Stage::new(case.options, case.rules);
        for line in case.lines {
            if let Line::Turn(turn, _) = line {
                said.extend(events(&stage.play(turn)).map(|event| event.kind.name().to_owned()));
            }
        }
    }
    // What the nested wire of the cases says is that wire's.
    said.retain(|name| !name.starts_with("file.") && !name.starts_with("git."));
    let ours = documented(&["ssh"]);
    let allowed = documented(&["ssh", "session"]);
    assert!(ours.is_subset(&said), "never said in a case: {:?}", ours.difference(&said));
    assert!(said.is_subset(&allowed), "not in the document: {:?}", said.difference(&allowed));
}
