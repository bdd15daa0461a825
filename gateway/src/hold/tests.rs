use std::io;
use std::task::{Context, Poll, Waker};
use std::thread;

use bytes::Bytes;
use wiretape_core::{Held, Lost};

use super::{AHEAD_BYTES_MIN, BLOCK_BYTES, Hold, Leaving, MEMORY_BYTES_MAX, Piece, TAIL_BYTES, Taken};
use crate::turn::Turn;

fn content(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 7 / 5) as u8).collect()
}

fn take<M>(leaving: &mut Leaving<M>) -> Poll<io::Result<Taken<M>>> {
    leaving.poll_take(&Context::from_waker(Waker::noop()))
}

/// What may leave now: messages, bytes, and the last event that they wait for.
fn taken<M>(leaving: &mut Leaving<M>) -> (Vec<M>, Vec<u8>, Option<u64>) {
    let (mut messages, mut bytes, mut last) = (Vec::new(), Vec::new(), None);
    while let Poll::Ready(Ok(Taken::Piece(piece, event))) = take(leaving) {
        match piece {
            Piece::Message(message) => messages.push(message),
            Piece::Bytes(run) => bytes.extend_from_slice(&run),
        }
        last = event;
    }
    (messages, bytes, last)
}

#[test]
fn what_is_held_comes_out_as_it_came_and_is_read_while_it_grows() {
    let folder = tempfile::tempdir().unwrap();
    let mut hold = Hold::default();
    let mut reader = hold.reader(Turn::free());
    let all = content(3 * MEMORY_BYTES_MAX + 77);
    let examined = thread::spawn(move || {
        let mut seen = Vec::new();
        let mut some = vec![0; 100_000];
        loop {
            match reader.read(seen.len() as u64, &mut some).unwrap() {
                0 => return seen,
                length => seen.extend_from_slice(&some[..length]),
            }
        }
    });
    hold.push("head", None, false);
    for run in all.chunks(70_001) {
        hold.push_bytes(&Bytes::copy_from_slice(run), None, folder.path()).unwrap();
    }
    hold.push("end", None, true);
    assert!(examined.join().unwrap() == all);
    assert_eq!(hold.look_at_first(|first| first.copied()), Some("head"));
    let mut leaving = hold.release(Some(9)).unwrap();
    let (messages, bytes, event) = taken(&mut leaving);
    assert!(bytes == all && messages == ["head", "end"] && event == Some(9));
    assert!(matches!(take(&mut leaving), Poll::Ready(Ok(Taken::All))));
}

#[test]
fn whoever_waits_for_more_hears_that_there_is_none() {
    let hold = Hold::<()>::default();
    let mut reader = hold.reader(Turn::free());
    let waits = thread::spawn(move || reader.read(0, &mut [0; 8]));
    assert_eq!(hold.forget(), 0);
    assert_eq!(waits.join().unwrap(), Err(Lost));
}

#[test]
fn a_disk_that_takes_nothing_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let gone = folder.path().join("gone");
    let mut hold = Hold::<()>::default();
    hold.push_bytes(&Bytes::from(vec![1; MEMORY_BYTES_MAX + BLOCK_BYTES - 1]), None, &gone).unwrap();
    assert!(hold.push_bytes(&Bytes::from_static(b"x"), None, &gone).is_err());
}

#[test]
fn ahead_goes_what_was_read_and_all_but_the_tail_of_what_came() {
    let folder = tempfile::tempdir().unwrap();
    let mut hold = Hold::default();
    let mut reader = hold.reader(Turn::free());
    let all = content(2 * MEMORY_BYTES_MAX);
    hold.push("head", Some(0), false);
    let mut leaving = hold.leave_ahead();
    let tail = usize::try_from(TAIL_BYTES).unwrap();
    let mut seen = Vec::new();
    for (number, run) in all.chunks(100_000).enumerate() {
        hold.push_bytes(&Bytes::copy_from_slice(run), Some(1 + number as u64), folder.path()).unwrap();
        let came = (number * 100_000) + run.len();
        reader.let_ahead(came as u64);
        let (messages, bytes, event) = taken(&mut leaving);
        assert_eq!(messages.len(), usize::from(seen.is_empty() && !bytes.is_empty()), "the head goes with the first");
        seen.extend_from_slice(&bytes);
        assert!(came - seen.len() >= tail, "at least the tail stays");
        assert!(came - seen.len() < tail + usize::try_from(AHEAD_BYTES_MIN).unwrap(), "and not much more");
        assert!(bytes.is_empty() || event >= Some(1 + (seen.len() as u64 - 1) / 100_000), "each is covered: {event:?}");
        assert!(event <= Some(1 + number as u64));
        // What is said once stays said.
        reader.let_ahead(0);
    }
    hold.push("end", Some(99), true);
    reader.let_ahead(u64::MAX);
    assert_eq!(taken(&mut leaving), (vec![], vec![], None), "the tail stays, whatever was read");
    assert!(seen == all[..seen.len()] && hold.gone_bytes() == seen.len() as u64);
    assert!(hold.release(Some(100)).is_none(), "there is somebody who takes it");
    let (messages, bytes, event) = taken(&mut leaving);
    assert!(messages == ["end"] && [seen, bytes].concat() == all && event == Some(100));
    assert!(matches!(take(&mut leaving), Poll::Ready(Ok(Taken::All))));
}

#[test]
fn of_what_was_read_nothing_more_goes_than_was_found_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut hold = Hold::<&str>::default();
    let mut reader = hold.reader(Turn::free());
    let mut leaving = hold.leave_ahead();
    hold.push_bytes(&Bytes::from(content(MEMORY_BYTES_MAX)), Some(1), folder.path()).unwrap();
    reader.let_ahead(AHEAD_BYTES_MIN - 1);
    assert_eq!(taken(&mut leaving).1.len(), 0, "so little does not go by itself");
    reader.let_ahead(AHEAD_BYTES_MIN + 5000);
    assert_eq!(taken(&mut leaving).1.len() as u64, AHEAD_BYTES_MIN, "nor does the rest");
    assert_eq!(hold.forget(), AHEAD_BYTES_MIN);
    let Poll::Ready(Ok(Taken::Cut { gone_bytes })) = take(&mut leaving) else { panic!("it is forgotten") };
    assert_eq!(gone_bytes, AHEAD_BYTES_MIN);
    reader.let_ahead(u64::MAX);
    assert!(matches!(take(&mut leaving), Poll::Ready(Ok(Taken::Cut { .. }))), "nothing more ever goes");
}

#[test]
fn what_stands_behind_bytes_waits_with_what_comes_behind_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut hold = Hold::default();
    let mut leaving = hold.leave_ahead();
    for _ in 0..2 {
        hold.push_bytes(&Bytes::from(content(MEMORY_BYTES_MAX)), None, folder.path()).unwrap();
        hold.push("between", None, false);
    }
    hold.reader(Turn::free()).let_ahead(u64::MAX);
    let (messages, bytes, _) = taken(&mut leaving);
    assert_eq!((messages.len(), bytes.len()), (0, MEMORY_BYTES_MAX));
    hold.release(None);
    let (messages, bytes, _) = taken(&mut leaving);
    assert_eq!((messages.len(), bytes.len()), (2, MEMORY_BYTES_MAX));
}
