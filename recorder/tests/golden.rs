//! Tapes of every version stay readable for ever, by this reader and by others.
//!
//! `golden/` holds a tape of each version and its listing. They are never changed: a reader that does not agree with
//! them is wrong.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod scene;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use scene::listing::listing;
use scene::{Scene, block_on, example, forge};
use wiretape_core::SessionId;
use wiretape_core::event::NAMES;
use wiretape_recorder::Durability;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(name)
}

/// The example, recorded now: each part in a chunk of its own.
fn record(scene: &Scene) -> PathBuf {
    let store = scene.store();
    let id = SessionId::from_bytes(*b"golden tape, v 1");
    let recording = store.begin(id, scene::OPENED, Durability::Written).unwrap();
    block_on(async {
        for part in example::parts() {
            let mut last = 0;
            for event in part {
                last = recording.append(event).unwrap();
            }
            recording.passed(last).await.unwrap();
        }
        recording.finish().await.unwrap();
    });
    store.close();
    scene.archive().tape_path(&id)
}

/// Every golden tape.
fn tapes() -> Vec<PathBuf> {
    let entries = fs::read_dir(golden("")).unwrap().map(|entry| entry.unwrap().path());
    let mut tapes: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|it| it == "tape")).collect();
    tapes.sort();
    assert!(!tapes.is_empty());
    tapes
}

#[test]
#[ignore = "writes golden/new.tape, to be named by hand when the vocabulary grew or the format has a new version"]
fn a_new_golden_tape() {
    let scene = Scene::new();
    let path = record(&scene);
    fs::copy(&path, golden("new.tape")).unwrap();
    fs::write(golden("new.jsonl"), listing(&path)).unwrap();
}

#[test]
fn golden_tapes_are_read_as_ever() {
    for tape in tapes() {
        let expected = fs::read_to_string(tape.with_extension("jsonl")).unwrap();
        assert_eq!(listing(&tape), expected, "{}", tape.display());
    }
}

#[test]
fn golden_tapes_have_every_event_and_every_kind_of_chunk() {
    let mut named = BTreeSet::new();
    let mut kinds = BTreeSet::new();
    for tape in tapes() {
        named.extend(scene::read(&tape).iter().map(|event| event.kind.name()));
        let tape = fs::read(tape).unwrap();
        kinds.extend(forge::chunks(&tape).iter().map(|chunk| tape[chunk.start + 4]));
    }
    assert_eq!(named, NAMES.iter().copied().collect());
    assert_eq!(kinds, BTreeSet::from([0x01, 0x02, 0x10, 0x11]));
}

#[test]
fn the_example_is_read_as_it_was_recorded() {
    let scene = Scene::new();
    assert_eq!(scene::read(&record(&scene)), example::parts().concat());
}

/// A Python that has the modules that the second reader needs.
fn python() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("second-reader");
    let python = folder.join("bin/python");
    let ready = || {
        let check = Command::new(&python).args(["-c", "import blake3, zstandard"]).output();
        check.is_ok_and(|output| output.status.success())
    };
    if !ready() {
        let made = Command::new("python3").args(["-m", "venv"]).arg(&folder).status().unwrap();
        assert!(made.success(), "python3 with its venv module is needed (Debian: python3-venv)");
        let pip = Command::new(&python)
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "blake3", "zstandard"])
            .status()
            .unwrap();
        assert!(pip.success() && ready(), "the Python modules blake3 and zstandard are needed");
    }
    python
}

/// What the second reader says of the tape at `path`.
fn second_listing(python: &Path, path: &Path) -> String {
    let reader = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/tape_reader.py");
    let output = Command::new(python).arg(reader).arg(path).output().unwrap();
    assert!(output.status.code().is_some_and(|code| code < 3), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_second_reader_agrees() {
    let python = python();
    for tape in tapes() {
        let expected = fs::read_to_string(tape.with_extension("jsonl")).unwrap();
        assert_eq!(second_listing(&python, &tape), expected, "{}", tape.display());
    }
    let scene = Scene::new();
    let recorded = record(&scene);
    assert_eq!(second_listing(&python, &recorded), listing(&recorded));
    let tape = fs::read(recorded).unwrap();
    let chunks = forge::chunks(&tape);
    let path = scene.folder().join("changed.tape");
    let mut cases = Vec::new();
    // Torn in the middle of chunks, and between two.
    for length in [30, 96, chunks[2].end, chunks[4].start + 7, chunks[5].start + 900, tape.len() - 1, tape.len() - 128]
    {
        cases.push(tape[..length].to_vec());
    }
    // Changed in the header, in a head, in a payload, in a link, and by a chunk taken out.
    for place in [20, 70, chunks[1].start + 5, chunks[3].start, chunks[4].start + 60, chunks[6].end - 1] {
        let mut changed = tape.clone();
        changed[place] ^= 0x04;
        cases.push(changed);
    }
    cases.push([&tape[..chunks[3].start], &tape[chunks[3].end..]].concat());
    cases.push([&tape[..], b"behind the end"].concat());
    for case in cases {
        fs::write(&path, &case).unwrap();
        assert_eq!(second_listing(&python, &path), listing(&path), "{} bytes", case.len());
    }
}
