//! Requests of the connection itself: what the target listens on for the client (`ssh -R`, RFC 4254 section 7.1).

use std::collections::VecDeque;

use wiretape_core::event::{StreamEvent, StreamKind};
use wiretape_core::judge::ActionKind;
use wiretape_core::{Action, Event, Fault, Kind, Lane, Moment, Side, Unit, Verdict};

use crate::outbox::Outbox;
use crate::state::fault;
use crate::{Message, limits};

/// An address that is listened on: a port, or the path of a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Listener {
    address: String,
    port: Option<u32>,
}

impl Listener {
    fn destination(&self) -> String {
        match self.port {
            Some(port) => destination(&self.address, port),
            None => self.address.clone(),
        }
    }
}

/// One request, in the order in which answers come.
#[derive(Debug)]
enum Ask {
    Listen(Listener),
    Unlisten(Listener),
    /// The gateway answers this one itself, once its turn has come.
    Refused(Listener),
}

/// The connection's requests, and what they granted.
#[derive(Debug, Default)]
pub(crate) struct Connection {
    asks: VecDeque<Ask>,
    question: Option<(Unit, Listener)>,
    held: VecDeque<Listened>,
    listeners: Vec<Listener>,
}

#[derive(Debug)]
struct Listened {
    listen: bool,
    listener: Listener,
}

impl Connection {
    /// Takes in a request to listen, or to stop, or an answer to one.
    pub(crate) fn take(&mut self, side: Side, at: Moment, message: Message, outbox: &mut Outbox) -> Result<(), Fault> {
        match message {
            Message::Listen { listen, ref address, port } if side == Side::Client => {
                if address.len() > limits::ADDRESS_BYTES_MAX {
                    return Err(fault(side, "an address of at most 4 KiB", &message));
                }
                if self.held.len() + self.asks.len() >= limits::LISTENS_PENDING_MAX {
                    return Err(fault(side, "at most 128 requests to listen that wait for an answer", &message));
                }
                let asked = Listened { listen, listener: Listener { address: address.clone(), port } };
                if self.question.is_some() {
                    self.held.push_back(asked);
                } else {
                    self.ask(at, asked, outbox);
                }
                Ok(())
            }
            Message::Listening { accepted, port } if side == Side::Upstream => self
                .answered(at, accepted, port, outbox)
                .ok_or_else(|| fault(side, "no answer without a request", &Message::Listening { accepted, port })),
            _ => Err(fault(side, "a request that this side can make of the connection", &message)),
        }
    }

    fn ask(&mut self, at: Moment, asked: Listened, outbox: &mut Outbox) {
        let Listened { listen, listener } = asked;
        let (address, port) = (listener.address.clone(), listener.port);
        if !listen {
            outbox.note(at, Side::Client, Lane::CONNECTION, Kind::Stream(StreamEvent::Unlisten { address, port }));
            self.send(listen, listener, outbox);
        } else if address.contains('\0') {
            // Some targets read an address up to the zero byte, and listen on another one than was judged.
            outbox.note(at, Side::Client, Lane::CONNECTION, Kind::Stream(StreamEvent::Listen { address, port }));
            self.asks.push_back(Ask::Refused(listener));
            self.answer_refused(at, outbox);
        } else {
            let action =
                Action { lane: Lane::CONNECTION, kind: ActionKind::Forward { destination: listener.destination() } };
            let kind = Kind::Stream(StreamEvent::Listen { address, port });
            let event = Event { at, side: Side::Client, lane: Lane::CONNECTION, kind };
            self.question = Some((outbox.judge(action, event), listener));
        }
    }

    fn send(&mut self, listen: bool, listener: Listener, outbox: &mut Outbox) {
        let message = Message::Listen { listen, address: listener.address.clone(), port: listener.port };
        outbox.send(Side::Upstream, message);
        self.asks.push_back(if listen { Ask::Listen(listener) } else { Ask::Unlisten(listener) });
    }

    /// The answer to the question that stands, if it is for this unit.
    pub(crate) fn rule(&mut self, at: Moment, unit: Unit, verdict: &Verdict, outbox: &mut Outbox) {
        let Some((_, listener)) = self.question.take_if(|(asked, _)| *asked == unit) else { return };
        match verdict {
            Verdict::Allow if self.listeners.len() < limits::LISTENERS_MAX => self.send(true, listener, outbox),
            Verdict::Allow | Verdict::Refuse(_) => self.asks.push_back(Ask::Refused(listener)),
        }
        self.answer_refused(at, outbox);
        while self.question.is_none()
            && let Some(asked) = self.held.pop_front()
        {
            self.ask(at, asked, outbox);
        }
    }

    /// The client is gone: nobody wants an answer any more.
    pub(crate) fn withdraw(&mut self, outbox: &mut Outbox) {
        if let Some((unit, listener)) = self.question.take() {
            outbox.withdraw(unit);
            self.asks.push_back(Ask::Refused(listener));
        }
    }

    fn answered(&mut self, at: Moment, accepted: bool, port: Option<u32>, outbox: &mut Outbox) -> Option<()> {
        let (mut listener, listens) = match self.asks.front()? {
            Ask::Listen(listener) => (listener.clone(), accepted),
            Ask::Unlisten(listener) => (listener.clone(), !accepted && self.listeners.contains(listener)),
            Ask::Refused(_) => return None,
        };
        match self.asks.pop_front()? {
            Ask::Listen(_) if accepted => {
                if listener.port == Some(0) {
                    listener.port = port;
                }
                self.listeners.push(listener.clone());
            }
            Ask::Unlisten(_) if accepted => self.listeners.retain(|known| *known != listener),
            _ => {}
        }
        self.note(at, Side::Upstream, &listener, listens, outbox);
        outbox.send(Side::Client, Message::Listening { accepted, port });
        self.answer_refused(at, outbox);
        Some(())
    }

    fn answer_refused(&mut self, at: Moment, outbox: &mut Outbox) {
        while matches!(self.asks.front(), Some(Ask::Refused(_))) {
            if let Some(Ask::Refused(listener)) = self.asks.pop_front() {
                self.note(at, Side::Client, &listener, false, outbox);
                outbox.send(Side::Client, Message::Listening { accepted: false, port: None });
            }
        }
    }

    fn note(&self, at: Moment, side: Side, listener: &Listener, accepted: bool, outbox: &mut Outbox) {
        let event = StreamEvent::Listening { address: listener.address.clone(), port: listener.port, accepted };
        outbox.note(at, side, Lane::CONNECTION, Kind::Stream(event));
    }

    /// Whether the client had the target listen for what now comes in as `kind`.
    pub(crate) fn expects(&self, kind: &StreamKind) -> bool {
        // The answer to a request and the first connection that it lets in may overtake each other.
        let asked = self.asks.iter().filter_map(|ask| match ask {
            Ask::Listen(listener) => Some(listener),
            Ask::Unlisten(_) | Ask::Refused(_) => None,
        });
        let mut listeners = self.listeners.iter().chain(asked);
        match kind {
            StreamKind::ForwardedTcpip { port, .. } => {
                listeners.any(|listener| listener.port == Some(*port) || listener.port == Some(0))
            }
            StreamKind::ForwardedStreamlocal { path } => {
                listeners.any(|listener| listener.port.is_none() && listener.address == *path)
            }
            _ => false,
        }
    }

    /// The gateway ends the session: what waits is refused.
    pub(crate) fn farewell(&mut self, at: Moment, outbox: &mut Outbox) {
        let asked = self.asks.drain(..).map(|ask| match ask {
            Ask::Listen(listener) | Ask::Unlisten(listener) | Ask::Refused(listener) => listener,
        });
        let mut waiting: Vec<Listener> = asked.collect();
        waiting.extend(self.question.take().map(|(_, listener)| listener));
        waiting.extend(self.held.drain(..).map(|listened| listened.listener));
        for listener in waiting {
            self.note(at, Side::Client, &listener, false, outbox);
            outbox.send(Side::Client, Message::Listening { accepted: false, port: None });
        }
    }
}

/// A host and a port as one writes them; an IPv6 address in brackets.
pub(crate) fn destination(host: &str, port: u32) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}
