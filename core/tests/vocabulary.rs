//! The vocabulary is written once: `docs/EVENTS.md` and the code name the same events, in the same order.
#![allow(clippy::unwrap_used, reason = "failing is how a test speaks")]

use wiretape_core::event::NAMES;

/// The names in the first column of the tables of `docs/EVENTS.md`.
fn documented() -> Vec<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/EVENTS.md");
    let text = std::fs::read_to_string(path).unwrap();
    let names = text.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    names.filter(|name| name.contains('.') && !name.contains(' ')).map(str::to_owned).collect()
}

#[test]
fn the_document_and_the_code_name_the_same_events() {
    assert_eq!(documented(), NAMES);
}

#[test]
fn every_event_has_a_family_of_the_document() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/EVENTS.md");
    let text = std::fs::read_to_string(path).unwrap();
    let mut family = String::new();
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            family = format!("{heading}.");
        }
        if let Some(name) = line.strip_prefix("| `").and_then(|rest| rest.split('`').next())
            && NAMES.contains(&name)
        {
            assert!(name.starts_with(&family), "{name} stands under {family}");
        }
    }
    assert_eq!(NAMES.iter().collect::<std::collections::BTreeSet<_>>().len(), NAMES.len(), "a name is there twice");
}
