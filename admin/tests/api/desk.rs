//! The API in front of an office in memory, over a real socket, asked by a real client.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;
use wiretape_admin::door::Door;
use wiretape_admin::office::Office;
use wiretape_core::event::{SessionEvent, SessionOpened, TerminalEvent};
use wiretape_core::{Event, Kind, Lane, Moment, SessionId, Side};
use wiretape_recorder::{Durability, Recording, SessionState, Settings, Store};

use crate::office::{MemoryOffice, NOW};

/// How long a test waits for what has to come. A guard against hanging, never a measure.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) struct Desk {
    pub(crate) office: Arc<MemoryOffice>,
    pub(crate) address: SocketAddr,
    pub(crate) store: Store,
    /// How often somebody was recognised.
    pub(crate) recognised: Arc<AtomicUsize>,
    client: Client,
    _folder: TempDir,
}

/// An answer, read to its end.
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Desk {
    pub(crate) async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), Settings::default()).unwrap();
        let office = Arc::new(MemoryOffice::new(folder.path()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let door = Arc::new(Door::new(Arc::clone(&office) as Arc<_>));
        let recognised = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&recognised);
        tokio::spawn(async move {
            while let Ok((socket, peer)) = listener.accept().await {
                let (door, counted) = (Arc::clone(&door), Arc::clone(&counted));
                let count = move || {
                    counted.fetch_add(1, Ordering::Relaxed);
                };
                tokio::spawn(async move { door.serve(socket, peer, count, std::future::pending()).await });
            }
        });
        Self {
            office,
            address,
            store,
            recognised,
            client: Client::builder().no_proxy().build().unwrap(),
            _folder: folder,
        }
    }

    pub(crate) fn request(&self, who: &str, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("http://{}{path}", self.address));
        if who.is_empty() { request } else { request.bearer_auth(who) }
    }

    pub(crate) async fn get(&self, who: &str, path: &str) -> Answered {
        read(self.request(who, Method::GET, path).send().await.unwrap()).await
    }

    pub(crate) async fn post(&self, who: &str, path: &str, body: Value) -> Answered {
        read(self.request(who, Method::POST, path).json(&body).send().await.unwrap()).await
    }

    pub(crate) async fn put(&self, who: &str, path: &str, body: Value) -> Answered {
        read(self.request(who, Method::PUT, path).json(&body).send().await.unwrap()).await
    }

    pub(crate) async fn delete(&self, who: &str, path: &str) -> Answered {
        read(self.request(who, Method::DELETE, path).send().await.unwrap()).await
    }

    /// A session that is being recorded; the first event of it is there.
    pub(crate) async fn live(&self, number: u8, person: &str, target: &str) -> Recording {
        let id = SessionId::from_bytes([number; 16]);
        let opened_unix_nanos = NOW + u64::from(number / 2);
        let recording = self.store.begin(id, opened_unix_nanos, Durability::Written).unwrap();
        let opened = SessionOpened {
            person: person.to_owned(),
            target: target.to_owned(),
            target_kind: "ssh".to_owned(),
            protocol: "ssh".to_owned(),
            opened_unix_nanos,
            ..SessionOpened::default()
        };
        say(&recording, Kind::Session(SessionEvent::Opened(Box::new(opened)))).await;
        self.listed(id, SessionState::Live, target).await;
        recording
    }

    /// Waits until the catalogue lists a session as it stands: it hears of it behind the recording's back, and of what
    /// is in it later than of itself.
    async fn listed(&self, id: SessionId, state: SessionState, target: &str) {
        let archive = self.office.archive();
        let listed = async {
            while !archive.find(&id.to_string()).is_ok_and(|row| row.state == state && row.target == target) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, listed).await.expect("the catalogue lists what is recorded");
    }

    /// A session that ended.
    pub(crate) async fn recorded(&self, number: u8, person: &str, target: &str) -> SessionId {
        let recording = self.live(number, person, target).await;
        output(&recording, "hello\r\n").await;
        say(&recording, Kind::Session(SessionEvent::Closed { reason: "client left".to_owned() })).await;
        recording.finish().await.unwrap();
        let id = SessionId::from_bytes([number; 16]);
        self.listed(id, SessionState::Closed, target).await;
        id
    }
}

async fn read(response: Response) -> Answered {
    let status = response.status().as_u16();
    let kind = response.headers().get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert_eq!(response.headers()["x-content-type-options"], "nosniff");
    assert!(!response.headers().contains_key("access-control-allow-origin"));
    let text = response.text().await.unwrap();
    if status >= 400 {
        assert_eq!(kind.as_deref(), Some("application/problem+json"), "{status} {text}");
    }
    let body: Value = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() };
    if status >= 400 {
        assert_eq!((body["status"].as_u64(), body["type"].as_str()), (Some(u64::from(status)), Some("about:blank")));
    }
    Answered { status, body }
}

pub(crate) async fn say(recording: &Recording, kind: Kind) {
    let event = Event { at: Moment::from_nanos(5), side: Side::Upstream, lane: Lane(1), kind };
    let number = recording.append(event).unwrap();
    recording.passed(number).await.unwrap();
}

pub(crate) async fn output(recording: &Recording, text: &str) {
    let bytes = bytes::Bytes::copy_from_slice(text.as_bytes());
    say(recording, Kind::Terminal(TerminalEvent::Output { error: false, bytes })).await;
}
