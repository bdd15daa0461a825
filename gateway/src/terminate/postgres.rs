//! PostgreSQL clients: who they are, what they want to reach, and the session that follows.

mod entrance;
mod login;
mod settings;
mod stop;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use secrecy::ExposeSecret;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use wiretape_core::event::{Field, QueryEvent, SessionEvent};
use wiretape_core::{Carrier, Event, Guard, Kind, Lane, NestedWires, Reason, Side};
use wiretape_protocols::Table;
use wiretape_recorder::Recording;

use crate::admission::{Clearance, HELD_OFF, begin, of_session};
use crate::cancel::{CancelAsked, CancelPlace};
use crate::clock::SessionClock;
use crate::config::Target;
use crate::dial::postgres::{self, Failure, Upstream};
use crate::gateway::Gateway;
use crate::questions::Asker;
use crate::relay::Relay;
use crate::transport;
use crate::transport::Stream;
use entrance::{Attempt, Entered, Entry};

/// How long a client may take from its first byte to a proof of who it is.
const LOGIN_TIME_MAX: Duration = Duration::from_secs(60);

/// How long a client may take to read why it is refused.
const FAREWELL_TIME_MAX: Duration = Duration::from_secs(5);

/// The single lane of a connection.
const LANE: Lane = Lane(1);

/// The first version in which the key of a session is longer than four bytes.
const VERSION_3_2: u32 = 3 << 16 | 2;

/// `AuthenticationOk`.
const AUTHENTICATED: &[u8] = &[b'R', 0, 0, 0, 8, 0, 0, 0, 0];

/// Serves one client from its connection to its last byte.
pub(crate) async fn serve(gateway: Arc<Gateway>, socket: TcpStream, address: SocketAddr) {
    let clock = SessionClock::start();
    transport::prepare(&socket);
    let mut attempt = Attempt::new(clock, address);
    let mut seat = gateway.antechamber().enter();
    let entry = tokio::select! {
        entry = attempt.enter(&gateway, socket) => entry,
        () = tokio::time::sleep(LOGIN_TIME_MAX) => Entry::Late,
        () = seat.lost() => Entry::Crowded,
        () = gateway.stopped() => Entry::Gone,
    };
    drop(seat);
    match entry {
        Entry::Entered(entered) => session(&gateway, clock, *entered).await,
        Entry::Refused(refused) => {
            if let Some(mut stream) = refused.stream {
                tell(&mut *stream, &refused.message).await;
            }
            // Of many that are held off, one record tells.
            if refused.reason.rule != HELD_OFF {
                attempt.record(&gateway, refused.reason).await;
            }
        }
        // Nobody was refused: there was nothing to look at.
        Entry::Shown(shown) => {
            tracing::debug!(%address, "a PostgreSQL client was told where to log in");
            if let Some(mut stream) = shown.stream {
                tell(&mut *stream, &shown.message).await;
            }
        }
        Entry::Cancel(request) => {
            if !gateway.cancel_keys().ask(request.process_id, &request.key, address.to_string()).await {
                tracing::warn!(%address, "a cancel request has no session that it is for");
            }
        }
        Entry::Gone => tracing::debug!(%address, "a PostgreSQL client left before it logged in"),
        Entry::Late => attempt.expire(&gateway).await,
        Entry::Crowded => attempt.make_room().await,
    }
}

/// An `ErrorResponse` that ends the connection.
fn fatal(code: &str, text: &str, hint: Option<&str>) -> Bytes {
    let field = |letter: u8, text: &str| Field { letter, text: Bytes::copy_from_slice(text.as_bytes()) };
    let mut fields = vec![field(b'S', "FATAL"), field(b'V', "FATAL"), field(b'C', code), field(b'M', text)];
    fields.extend(hint.map(|hint| field(b'H', hint)));
    wiretape_postgres::message_of(&QueryEvent::Error { fields })
}

/// Sends the last word and closes.
async fn tell(stream: &mut dyn Stream, message: &Bytes) {
    let telling = async {
        stream.write_all(message).await?;
        stream.shutdown().await
    };
    // A client that is gone hears nothing any more.
    let _gone = tokio::time::timeout(FAREWELL_TIME_MAX, telling).await;
}

/// A client that is known and may go where it wants to: the tape first, then the way to the target.
async fn session(gateway: &Gateway, clock: SessionClock, entered: Entered) {
    let Entered { mut stream, startup, mut wanted, target, upstream, database, opened, principal, clearance } = entered;
    let person = opened.person.clone();
    let recording = match begin(gateway, clearance.session, clock, opened.clone(), target.durability) {
        Ok(recording) => recording,
        Err(error) => {
            tracing::error!("a session cannot be recorded: {error:#}");
            let text = "the session cannot be recorded, so there is none";
            return tell(&mut *stream, &fatal("58030", text, Some("ask the operator of the gateway"))).await;
        }
    };
    let decision = clearance.decision(&target.name);
    let started = QueryEvent::Startup { version: startup.version, parameters: startup.parameters };
    let said = Event { at: clock.now(), side: Side::Client, lane: LANE, kind: Kind::Query(started) };
    let recorded = recording.append(of_session(clock.now(), decision)).and_then(|_| recording.append(said));
    if let Err(lost) = recorded {
        let text = format!("the session ends here, because it can no longer be recorded: {lost}");
        return tell(&mut *stream, &fatal("58030", &text, None)).await;
    }
    tracing::info!(session = %recording.id(), person, target = target.name, "session opened");
    let version = startup.version;
    let mut clearance = clearance;
    let connected = match settings::judge(clock, &recording, &mut *clearance.guard, &wanted) {
        None => {
            wanted.set("user", Bytes::from(upstream.login.clone()));
            wanted.set("database", database);
            postgres::connect(&target.name, &upstream, wanted).await
        }
        Some(failure) => Err(failure),
    };
    let reason = match connected {
        Ok(connected) => {
            let (put, told) = unbounded_channel();
            let end = Box::new(move |reason| {
                // A session that is over cannot be ended.
                let _over = put.send(reason);
            });
            let _place = gateway.presence().enter(clearance.session, &principal, opened, end);
            let Clearance { guard, asker, .. } = clearance;
            let session = Passage { gateway, clock, recording: &recording, target: &target, version, told };
            session.serve(stream, connected, guard, asker).await
        }
        Err(failure) => fail(stream, clock, &recording, failure).await,
    };
    match recording.finish().await {
        Ok(summary) => {
            tracing::info!(session = %recording.id(), events = summary.events, "session closed: {}", reason.text);
        }
        Err(lost) => tracing::error!(session = %recording.id(), "the tape was not finished: {lost}"),
    }
}

/// There is no way to the target: the client is told why, and so is the record.
async fn fail(mut stream: Box<dyn Stream>, clock: SessionClock, recording: &Recording, failure: Failure) -> Reason {
    let (side, message, text) = match failure {
        Failure::Said { message, text } => (Side::Upstream, message, format!("the target refused the session: {text}")),
        // What the gateway says of its own stands on the side that it is told to.
        Failure::Told { code, text } => (Side::Client, fatal(code, &text, None), text),
    };
    tracing::warn!(session = %recording.id(), "{text}");
    let mut events = Vec::new();
    if let Ok(error) = wiretape_postgres::parse(Side::Upstream, &message) {
        events.push(Event { at: clock.now(), side, lane: LANE, kind: Kind::Query(error) });
    }
    events.push(of_session(clock.now(), SessionEvent::Closed { reason: text.clone() }));
    for event in events {
        if let Err(lost) = recording.append(event) {
            tracing::error!(session = %recording.id(), "a failure was not recorded: {lost}");
            break;
        }
    }
    tell(&mut *stream, &message).await;
    Reason::new("target", text)
}

/// A session whose both ends are there.
struct Passage<'a> {
    gateway: &'a Gateway,
    clock: SessionClock,
    recording: &'a Recording,
    target: &'a Target,
    version: u32,
    /// Why the session is to end, from elsewhere.
    told: UnboundedReceiver<Reason>,
}

/// What can happen beside the two connections.
enum Happening {
    Cancel(CancelAsked),
    Stopped,
    Told(Reason),
    Lost(String),
}

impl Passage<'_> {
    async fn serve(
        mut self,
        mut stream: Box<dyn Stream>,
        upstream: Upstream,
        guard: Box<dyn Guard>,
        asker: Asker,
    ) -> Reason {
        let carrier = Carrier::Connection { protocol: "postgres" };
        let Some(wire) = Table::default().wire(LANE, &carrier) else {
            let text = "the gateway has no wire for this protocol";
            tell(&mut *stream, &fatal("0A000", text, None)).await;
            return Reason::new("gateway", text);
        };
        let negotiated =
            upstream.negotiated.as_ref().and_then(|message| wiretape_postgres::parse(Side::Upstream, message).ok());
        let version = match &negotiated {
            Some(QueryEvent::Negotiated { version, .. }) => self.version.min(*version),
            _ => self.version,
        };
        let mut place = match self.gateway.cancel_keys().place(if version < VERSION_3_2 { 4 } else { 32 }) {
            Ok(place) => place,
            Err(error) => {
                let text = format!("the session gets no key: {error:#}");
                tell(&mut *stream, &fatal("58000", &text, None)).await;
                return Reason::new("gateway", text);
            }
        };
        let mut relay = Relay::new(
            self.clock,
            self.recording.clone(),
            self.target.durability,
            wire,
            guard,
            asker,
            (stream, upstream.stream),
        );
        if let Some(event) = negotiated {
            // When it cannot be recorded the relay has closed itself.
            let _closed = relay.note(Side::Upstream, LANE, Kind::Query(event));
        }
        relay.preface(upstream.negotiated.unwrap_or_default());
        relay.preface(Bytes::from_static(AUTHENTICATED));
        let key = upstream.cancel.is_some().then_some(&place);
        relay.said(Side::Upstream, greeting(&upstream.greeting, key));
        loop {
            let happening = async {
                tokio::select! {
                    Some(asked) = place.requests.recv() => Happening::Cancel(asked),
                    () = self.gateway.stopped() => Happening::Stopped,
                    Some(reason) = self.told.recv() => Happening::Told(reason),
                    lost = self.recording.lost() => Happening::Lost(lost.to_string()),
                }
            };
            match relay.serve_until(happening).await {
                None => break,
                Some(Happening::Cancel(asked)) => {
                    let cancel = QueryEvent::Cancel { address: asked.address.clone() };
                    let recorded = relay.note(Side::Client, LANE, Kind::Query(cancel));
                    if relay.cancel_questions() {
                        // The target has heard nothing that it could cancel.
                        let _gone = asked.passed_on.send(());
                        continue;
                    }
                    if let (Ok(()), Some(cancel)) = (recorded, upstream.cancel.clone()) {
                        tokio::spawn(async move {
                            match cancel.ask().await {
                                Ok(()) => drop(asked.passed_on.send(())),
                                Err(error) => tracing::warn!("a cancel request was not passed on: {error:#}"),
                            }
                        });
                    }
                }
                Some(Happening::Told(reason)) => relay.close(reason),
                Some(Happening::Stopped) => relay.close(Reason::new("shutdown", "the gateway is being stopped")),
                Some(Happening::Lost(lost)) => {
                    let text = format!("the session ends here, because it can no longer be recorded: {lost}");
                    relay.close(Reason::new("recorder", text));
                }
            }
        }
        relay.finish().await
    }
}

/// What the target said when it let the gateway in, with the gateway's own key in the place of the target's.
fn greeting(messages: &[Bytes], place: Option<&CancelPlace<'_>>) -> Bytes {
    let mut greeting = BytesMut::new();
    for message in messages {
        if let (Some(b'Z'), Some(place)) = (message.first(), place) {
            greeting.put_slice(&wiretape_postgres::backend_key_data(place.process_id, place.key.expose_secret()));
        }
        greeting.put_slice(message);
    }
    greeting.freeze()
}
