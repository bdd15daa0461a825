//! The relay between two sockets in memory, with the smallest wire and a real recorder.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use wiretape_core::event::StreamEvent;
use wiretape_core::judge::AllowAll;
use wiretape_core::{Carrier, Kind, Lane, NestedWires, Reason, SessionId, Side};
use wiretape_protocols::Table;
use wiretape_recorder::{Archive, Durability, Settings, Store};

use super::{OUTBOX_BYTES_MAX, READ_BYTES_MAX, Relay};
use crate::clock::SessionClock;
use crate::identity::Principal;
use crate::questions::Asker;
use crate::transport::Stream;

const ID: SessionId = SessionId::from_bytes(*b"sixteen bytes ok");

/// What a socket of the tests holds by itself.
const SOCKET_BYTES: usize = 64 * 1024;

struct Scene {
    folder: tempfile::TempDir,
    store: Store,
    client: DuplexStream,
    upstream: DuplexStream,
    relay: Relay,
}

fn scene(durability: Durability) -> Scene {
    scene_with(durability, Settings::default())
}

fn scene_with(durability: Durability, settings: Settings) -> Scene {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), settings).unwrap();
    let clock = SessionClock::start();
    let recording = store.begin(ID, clock.opened_unix_nanos(), durability).unwrap();
    let carrier = Carrier::Subsystem { name: "line@wiretape".to_owned() };
    let wire = Table::default().wire(Lane(1), &carrier).unwrap();
    let (client, inner_client) = duplex(SOCKET_BYTES);
    let (upstream, inner_upstream) = duplex(SOCKET_BYTES);
    let peers: (Box<dyn Stream>, Box<dyn Stream>) = (Box::new(inner_client), Box::new(inner_upstream));
    let patience = Duration::from_secs(60);
    let asker = Asker::new(Arc::default(), ID, Principal::in_tests("ana"), "lines".to_owned(), patience);
    let relay = Relay::new(clock, recording, durability, wire, Box::new(AllowAll), asker, peers);
    Scene { folder, store, client, upstream, relay }
}

/// What one side said, as the tape has it.
fn recorded(folder: &tempfile::TempDir, side: Side) -> Vec<u8> {
    let archive = Archive::open(folder.path()).unwrap();
    let tape = wiretape_recorder::Tape::open(&archive.tape_path(&ID)).unwrap();
    let events = tape.events().map(Result::unwrap).filter(|event| event.side == side);
    let data = events.filter_map(|event| match event.kind {
        Kind::Stream(StreamEvent::Data { bytes, .. }) => Some(bytes),
        _ => None,
    });
    data.collect::<Vec<Bytes>>().concat()
}

#[tokio::test]
async fn both_sides_hear_all_that_was_said_and_so_does_the_tape() {
    for durability in [Durability::Queued, Durability::Synced] {
        // What waits for the disk waits here, too, but not for as long as a busy one takes.
        let settings = Settings { sync: false, ..Settings::default() };
        let Scene { folder, store, mut client, mut upstream, mut relay } = scene_with(durability, settings);
        let recording = relay.line.recording.clone();
        let serving = tokio::spawn(async move {
            assert!(relay.serve_until(std::future::pending::<()>()).await.is_none());
            relay.finish().await
        });
        client.write_all(b"one\ntwo\n").await.unwrap();
        let mut heard = [0; 8];
        upstream.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"one\ntwo\n");
        let answer = b"three\n".repeat(100_000);
        let (said, heard) = (answer.clone(), async {
            let mut heard = Vec::new();
            client.read_to_end(&mut heard).await.unwrap();
            heard
        });
        let (_, heard) = tokio::join!(
            async {
                upstream.write_all(&said).await.unwrap();
                upstream.shutdown().await.unwrap();
            },
            heard
        );
        assert!(heard.starts_with(&answer), "{} of {} bytes", heard.len(), answer.len());
        assert_eq!(serving.await.unwrap().rule, "target");
        recording.finish().await.unwrap();
        store.close();
        assert_eq!(recorded(&folder, Side::Client), b"one\ntwo\n");
        assert_eq!(recorded(&folder, Side::Upstream), answer);
    }
}

#[tokio::test]
async fn a_client_that_reads_nothing_holds_the_upstream_back_and_grows_nothing() {
    let Scene { folder: _folder, store, client: _client, mut upstream, mut relay } = scene(Durability::Queued);
    let line = b"a line of thirty-two bytes, yes\n".repeat(1024);
    let mut taken = 0;
    let pushing = async {
        while tokio::time::timeout(Duration::from_millis(500), upstream.write_all(&line)).await.is_ok() {
            taken += line.len();
        }
    };
    assert_eq!(relay.serve_until(pushing).await, Some(()));
    assert!(taken >= OUTBOX_BYTES_MAX, "{taken}");
    assert!(taken <= OUTBOX_BYTES_MAX + READ_BYTES_MAX + 3 * SOCKET_BYTES, "{taken}");
    relay.close(Reason::new("test", "enough"));
    store.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorder_that_is_full_again_and_again_stalls_nobody_for_good() {
    for durability in [Durability::Queued, Durability::Written] {
        let settings = Settings { queue_bytes_max: 16 * 1024, ..Settings::default() };
        let Scene { folder: _folder, store, client, upstream, mut relay } = scene_with(durability, settings);
        let serving = tokio::spawn(async move {
            let _over = relay.serve_until(std::future::pending::<()>()).await;
            relay.finish().await
        });
        let line = b"a line of thirty-two bytes, yes\n".repeat(256);
        let (count, (client_read, client_write), (upstream_read, upstream_write)) =
            (400, tokio::io::split(client), tokio::io::split(upstream));
        let push = |mut socket: tokio::io::WriteHalf<DuplexStream>| {
            let line = line.clone();
            async move {
                for _ in 0..count {
                    socket.write_all(&line).await.unwrap();
                }
                socket
            }
        };
        let pull = |mut socket: tokio::io::ReadHalf<DuplexStream>| {
            let length = line.len() * count;
            async move {
                let mut heard = vec![0; length];
                socket.read_exact(&mut heard).await.unwrap();
                socket
            }
        };
        let all =
            async { tokio::join!(push(client_write), push(upstream_write), pull(client_read), pull(upstream_read)) };
        let sockets = tokio::time::timeout(Duration::from_secs(120), all).await.expect("nothing stalls");
        drop(sockets);
        let _reason = serving.await.unwrap();
        store.close();
    }
}

#[tokio::test]
async fn a_client_that_paused_gets_the_rest_when_it_reads_again() {
    for pause in [0, 1, 5, 20] {
        let Scene { folder: _folder, store, mut client, mut upstream, mut relay } = scene(Durability::Queued);
        let serving = tokio::spawn(async move {
            let _over = relay.serve_until(std::future::pending::<()>()).await;
            relay.finish().await
        });
        let said = b"a line of thirty-two bytes, yes\n".repeat(128 * 1024);
        let telling = tokio::spawn({
            let said = said.clone();
            async move {
                upstream.write_all(&said).await.unwrap();
                upstream
            }
        });
        let mut heard = Vec::new();
        while heard.len() < said.len() {
            // As long as it takes to fill everything on the way.
            tokio::time::sleep(Duration::from_millis(pause)).await;
            let part = (said.len() - heard.len()).min(1024 * 1024);
            let before = heard.len();
            heard.resize(before + part, 0);
            let reading = client.read_exact(&mut heard[before..]);
            let _length = tokio::time::timeout(Duration::from_secs(60), reading).await.expect("it goes on").unwrap();
        }
        assert!(heard == said);
        drop((client, telling.await.unwrap()));
        let _reason = serving.await.unwrap();
        store.close();
    }
}

#[tokio::test]
async fn what_a_side_said_before_it_left_is_heard() {
    let Scene { folder: _folder, store, mut client, mut upstream, mut relay } = scene(Durability::Queued);
    upstream.write_all(b"the last word\n").await.unwrap();
    drop(upstream);
    client.write_all(b"nobody hears this\n").await.unwrap();
    assert!(relay.serve_until(std::future::pending::<()>()).await.is_none());
    let finishing = relay.finish();
    let mut heard = String::new();
    let (_, read) = tokio::join!(finishing, client.read_to_string(&mut heard));
    read.unwrap();
    assert!(heard.starts_with("the last word\n"), "{heard:?}");
    store.close();
}
