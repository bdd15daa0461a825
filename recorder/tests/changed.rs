//! A tape that was changed says so, and no change makes a reader panic.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod scene;

use std::fs;
use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, any, prop_assert_eq, proptest};
use scene::forge::{self, HEAD, HEADER, LINK};
use scene::{Scene, block_on, closed, data, log_lines, noise, opened, output};
use wiretape_core::{Event, Moment, Side};
use wiretape_recorder::{Durability, Report, Tape, TapeError, Verdict, verify};

/// A file that takes one content after the other.
struct Bench {
    _folder: tempfile::TempDir,
    path: std::path::PathBuf,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("changed.tape");
        Self { _folder: folder, path }
    }

    /// Verifies `tape`, after every way of reading it went to its end.
    fn judge(&self, tape: &[u8]) -> Report {
        fs::write(&self.path, tape).unwrap();
        read_all(&self.path);
        verify(&self.path).unwrap()
    }
}

fn read_all(path: &Path) {
    let Ok(tape) = Tape::open(path) else { return };
    let _ = (tape.header(), tape.ending());
    for events in [tape.events(), tape.events_from(Moment::START), tape.events_from(Moment::from_nanos(u64::MAX))] {
        // An error is the last word.
        let mut errors = 0;
        for event in events {
            assert_eq!(errors, 0);
            errors += usize::from(event.is_err());
        }
    }
}

/// A tape of several frames and chunks: appended piece by piece, each of them on the tape before the next comes.
fn pieces(pieces: &[Vec<Event>], finish: bool) -> Vec<u8> {
    let scene = Scene::new();
    let settings = wiretape_recorder::Settings { frame_bytes_max: 600, ..wiretape_recorder::Settings::default() };
    let store = scene.store_with(settings);
    let recording = store.begin(scene::id(), scene::OPENED, Durability::Written).unwrap();
    block_on(async {
        for piece in pieces {
            let mut last = 0;
            for event in piece {
                last = recording.append(event.clone()).unwrap();
            }
            recording.passed(last).await.unwrap();
        }
        if finish {
            recording.finish().await.unwrap();
        }
    });
    fs::read(scene.archive().tape_path(&recording.id())).unwrap()
}

/// Three frames of small chunks.
fn small() -> Vec<Vec<Event>> {
    let mut small = vec![vec![opened("ana", "web1")]];
    for number in 0..6 {
        small.push(vec![
            output(number * 10 + 1, log_lines(number, 150)),
            data(number * 10 + 2, Side::Client, noise(number, 40)),
        ]);
    }
    small.push(vec![closed(99, "client left")]);
    small
}

fn is_tampered(report: &Report) -> bool {
    matches!(report.verdict, Verdict::Tampered { .. })
}

#[test]
fn every_flipped_byte_is_found() {
    let bench = Bench::new();
    let tape = pieces(&small(), true);
    assert_eq!(bench.judge(&tape).verdict, Verdict::Complete);
    let trailer = forge::chunks(&tape).last().unwrap().start;
    for place in 0..tape.len() {
        for mask in [0x01, 0x80, 0xff] {
            let mut changed = tape.clone();
            changed[place] ^= mask;
            let report = bench.judge(&changed);
            // A trailer that says it is longer than it is looks as a tail does that was torn off.
            let unsealed =
                matches!(report.verdict, Verdict::UnsealedTail { .. }) && (trailer..trailer + 4).contains(&place);
            assert!(is_tampered(&report) || unsealed, "byte {place} ^ {mask:#x}: {report:?}");
        }
    }
}

#[test]
fn flipped_bytes_of_an_unsealed_tape_are_found() {
    let bench = Bench::new();
    let tape = pieces(&small(), false);
    assert_eq!(bench.judge(&tape).verdict, Verdict::UnsealedTail { cut_bytes: 0, gaps: 0 });
    let last = forge::chunks(&tape).last().unwrap().start;
    for place in 0..tape.len() {
        let mut changed = tape.clone();
        changed[place] ^= 0xff;
        let report = bench.judge(&changed);
        let torn =
            matches!(report.verdict, Verdict::UnsealedTail { cut_bytes: 1.., .. }) && (last..last + 4).contains(&place);
        assert!(is_tampered(&report) || torn, "byte {place}: {report:?}");
    }
}

#[test]
fn flipped_bytes_of_large_chunks_are_found() {
    let bench = Bench::new();
    let bulk = vec![vec![
        data(1, Side::Client, noise(1, 100_000)),
        data(2, Side::Client, noise(2, 300_000)),
        data(3, Side::Upstream, log_lines(3, 300_000)),
        data(4, Side::Upstream, noise(4, 300_000)),
    ]];
    let tape = pieces(&bulk, true);
    let kinds: Vec<u8> = forge::chunks(&tape).iter().map(|chunk| tape[chunk.start + 4]).collect();
    assert!(kinds.contains(&1) && kinds.contains(&2), "{kinds:?}");
    for place in (0..tape.len()).step_by(tape.len() / 97) {
        let mut changed = tape.clone();
        changed[place] ^= 0x10;
        assert!(is_tampered(&bench.judge(&changed)), "byte {place}");
    }
}

#[test]
fn chunks_that_are_taken_out_swapped_or_doubled_are_found() {
    let bench = Bench::new();
    for finish in [true, false] {
        let tape = pieces(&small(), finish);
        let chunks = forge::chunks(&tape);
        assert!(chunks.len() >= 8);
        let rebuilt = |order: &[usize]| {
            let mut rebuilt = tape[..HEADER].to_vec();
            for &number in order {
                rebuilt.extend_from_slice(&tape[chunks[number].clone()]);
            }
            rebuilt
        };
        let order: Vec<usize> = (0..chunks.len()).collect();
        let mut changes = Vec::new();
        for place in 0..order.len() {
            let mut taken = order.clone();
            taken.remove(place);
            // Without its last chunks a tape is one that was never closed.
            if place + 1 < order.len() {
                changes.push(taken);
            }
            let mut doubled = order.clone();
            doubled.insert(place, place);
            changes.push(doubled);
            for other in 0..place {
                let mut swapped = order.clone();
                swapped.swap(place, other);
                changes.push(swapped);
            }
        }
        for change in changes {
            assert!(is_tampered(&bench.judge(&rebuilt(&change))), "{change:?}");
        }
    }
}

#[test]
fn bytes_that_are_taken_out_or_put_in_are_found() {
    let bench = Bench::new();
    let tape = pieces(&small(), true);
    let trailer = forge::chunks(&tape).last().unwrap().start;
    for place in (0..tape.len()).step_by(7) {
        for count in [1, 32, 64, 100] {
            let mut changed = tape.clone();
            changed.drain(place..(place + count).min(tape.len()));
            let report = bench.judge(&changed);
            // A trailer that is too short looks as a tail does that was torn off.
            let torn = place + count > trailer && matches!(report.verdict, Verdict::UnsealedTail { .. });
            assert!(is_tampered(&report) || torn, "{count} bytes out at {place}: {report:?}");
            let mut changed = tape.clone();
            changed.splice(place..place, noise(place as u64, count));
            let report = bench.judge(&changed);
            assert!(is_tampered(&report), "{count} bytes in at {place}: {report:?}");
        }
    }
    for behind in [&[0u8][..], &[0; 200], &noise(1, 500), &tape[HEADER..], &tape[tape.len() - 128..]] {
        assert!(is_tampered(&bench.judge(&[&tape, behind].concat())));
    }
}

#[test]
fn chunks_of_another_tape_are_found() {
    let bench = Bench::new();
    let (one, other) = (pieces(&small(), true), pieces(&small(), true));
    for (mine, theirs) in forge::chunks(&one).into_iter().zip(forge::chunks(&other)) {
        if mine.len() == theirs.len() {
            let mut changed = one.clone();
            changed[mine.clone()].copy_from_slice(&other[theirs]);
            assert!(is_tampered(&bench.judge(&changed)), "{mine:?}");
        }
    }
}

#[test]
fn a_tape_that_is_cut_at_any_byte_is_read_up_to_its_last_whole_chunk() {
    let bench = Bench::new();
    for finish in [true, false] {
        let tape = pieces(&small(), finish);
        let events: Vec<Event> = small().concat();
        let chunks = forge::chunks(&tape);
        for length in 0..tape.len() {
            let report = bench.judge(&tape[..length]);
            let whole = chunks.iter().filter(|chunk| chunk.end <= length).map(|chunk| chunk.end).next_back();
            let whole = whole.unwrap_or(if length < HEADER { 0 } else { HEADER });
            let cut_bytes = (length - whole) as u64;
            assert_eq!(report.verdict, Verdict::UnsealedTail { cut_bytes, gaps: 0 }, "{length}");
            if length >= HEADER {
                let tape = Tape::open(&bench.path).unwrap();
                assert_eq!(tape.ending(), wiretape_recorder::Ending::UnsealedTail { cut_bytes }, "{length}");
                let read: Vec<Event> = tape.events().map(Result::unwrap).collect();
                assert_eq!(read.len() as u64, report.events);
                assert_eq!(read, events[..read.len()]);
            } else {
                assert!(matches!(Tape::open(&bench.path), Err(TapeError::Damaged { offset: 0, .. })), "{length}");
            }
        }
    }
}

#[test]
fn zeros_where_the_last_write_should_be_are_a_torn_tail() {
    let bench = Bench::new();
    let tape = pieces(&small(), false);
    for chunk in forge::chunks(&tape) {
        for start in [chunk.start, chunk.start + 5, chunk.start + HEAD, chunk.end - LINK] {
            let mut torn = tape[..chunk.end].to_vec();
            torn[start..].fill(0);
            let cut_bytes = chunk.len() as u64;
            assert_eq!(bench.judge(&torn).verdict, Verdict::UnsealedTail { cut_bytes, gaps: 0 }, "{start}");
        }
    }
    // Zeros in the middle are no torn tail.
    let chunk = forge::chunks(&tape)[2].clone();
    let mut changed = tape.clone();
    changed[chunk].fill(0);
    assert!(is_tampered(&bench.judge(&changed)));
}

#[test]
fn a_tape_inside_a_torn_tape_does_not_count_as_its_own_chunks() {
    let bench = Bench::new();
    let inner = pieces(&small(), true);
    let noisy = [noise(5, 60_000), inner, noise(6, 60_000)].concat();
    let tape = pieces(&[vec![opened("ana", "web1")], vec![data(1, Side::Client, noisy)]], false);
    let report = bench.judge(&tape[..tape.len() - 100]);
    assert!(matches!(report.verdict, Verdict::UnsealedTail { cut_bytes: 100.., .. }), "{report:?}");
}

#[test]
fn what_no_recorder_writes_is_found_though_its_hashes_agree() {
    let bench = Bench::new();
    let tape = pieces(&small(), true);
    let chunks = forge::chunks(&tape);
    let cases: [(usize, usize, &str); 8] = [
        (0, 4, "kind"),
        (0, 5, "flags"),
        (0, 6, "reserved"),
        (1, 8, "first event"),
        (0, 16, "first moment"),
        (1, 24, "count of events"),
        (1, 28, "plain length"),
        (chunks.len() - 2, HEAD + 8, "index"),
    ];
    for (number, place, what) in cases {
        let mut changed = tape.clone();
        changed[chunks[number].start + place] ^= 0x40;
        assert!(is_tampered(&bench.judge(&forge::relink(&changed))), "{what}");
    }
    for place in 0..64 {
        let mut changed = tape.clone();
        changed[chunks[chunks.len() - 1].start + HEAD + place] ^= 1;
        assert!(is_tampered(&bench.judge(&forge::relink(&changed))), "trailer {place}");
    }
    // Payloads: the links agree, the content does not.
    for chunk in chunks {
        for place in chunk.start + HEAD..chunk.end - LINK {
            let mut changed = tape.clone();
            changed[place] ^= 0x55;
            bench.judge(&forge::relink(&changed));
        }
    }
}

#[test]
fn chunks_that_may_be_passed_over_are() {
    let bench = Bench::new();
    let mut tape = forge::header(1);
    forge::push(&mut tape, &forge::head(0x80, 0, 0, 0, 0, 5), b"later");
    assert_eq!(bench.judge(&tape).verdict, Verdict::UnsealedTail { cut_bytes: 0, gaps: 0 });
    forge::push(&mut tape, &forge::head(0x20, 0, 0, 0, 0, 5), b"later");
    assert!(is_tampered(&bench.judge(&tape)));
}

#[test]
fn a_tape_of_a_later_version_is_told_from_a_changed_one() {
    let bench = Bench::new();
    fs::write(&bench.path, forge::header(2)).unwrap();
    assert!(matches!(verify(&bench.path), Err(TapeError::Version { version: 2, .. })));
    assert!(matches!(Tape::open(&bench.path), Err(TapeError::Version { version: 2, .. })));
    fs::write(&bench.path, b"no tape at all").unwrap();
    assert!(matches!(Tape::open(&bench.path), Err(TapeError::NotATape { .. })));
    assert!(is_tampered(&verify(&bench.path).unwrap()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn events_that_cannot_be_read_are_an_error(payload in vec(any::<u8>(), 5..200), events in 1..20u32) {
        let bench = Bench::new();
        let plain = u32::try_from(payload.len()).unwrap();
        let mut tape = forge::header(1);
        forge::push(&mut tape, &forge::head(2, 1, 0, events, plain, payload.len()), &payload);
        forge::push(&mut tape, &forge::head(1, 1, 0, events, plain, payload.len()), &payload);
        bench.judge(&tape);
    }

    #[test]
    fn any_bytes_are_judged(bytes in vec(any::<u8>(), 0..400), lead in any::<bool>()) {
        let bench = Bench::new();
        let mut tape = if lead { forge::header(1) } else { Vec::new() };
        tape.extend_from_slice(&bytes);
        let report = bench.judge(&tape);
        prop_assert_eq!(report.events, 0);
    }
}
