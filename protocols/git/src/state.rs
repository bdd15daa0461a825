//! Where a conversation stands, and what a packet of either side means there.
//!
//! ```text
//!   command of SSH:  the target offers ──► upload-pack:    requests and responses, in turn
//!                                     └──► receive-pack:   a list, a pack, a report
//!   exchange of HTTP: the offer alone (GET), or one of the two alone (POST)
//! ```

use bytes::Bytes;
use wiretape_core::event::{GitEvent, GitService};

use crate::Conversation;
use crate::advertised::Advertisement;
use crate::conversation::Part;
use crate::pkt_line::{Expecting, Packet};
use crate::push::{List, Listed};
use crate::report::Report;
use crate::request::Request;
use crate::response::Response;

/// What is said beside the offer.
#[derive(Debug)]
enum Talk {
    /// The exchange is the offer alone.
    Nothing,
    Fetch(Box<Request>, Box<Response>),
    Push(Box<List>, Box<Report>),
}

/// Where a conversation stands.
#[derive(Debug)]
pub(crate) struct Standing {
    /// What the target offers, while it does.
    offer: Option<Box<Advertisement>>,
    talk: Talk,
}

/// What a packet means.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// What to record.
    pub(crate) events: Vec<GitEvent>,
    /// What is sent in its place.
    pub(crate) changed: Option<Bytes>,
    /// Whether it is part of a pack.
    pub(crate) is_pack: bool,
    /// Of a client's: what waits may pass.
    pub(crate) passes: bool,
    /// Of a client's: the list of a push goes on, or not.
    pub(crate) listed: Option<Listed>,
}

impl Standing {
    pub(crate) fn new(conversation: &Conversation) -> Self {
        let (service, is_exchange) = (conversation.service, conversation.part.is_exchange());
        let offers = match conversation.part {
            Part::Advertisement => true,
            // upload-archive waits for what it is asked.
            Part::Command { .. } => service != GitService::UploadArchive,
            Part::Request { .. } => false,
        };
        let is_push = service == GitService::ReceivePack;
        let is_archive = service == GitService::UploadArchive;
        let talk = match (&conversation.part, is_push) {
            (Part::Advertisement, _) => Talk::Nothing,
            (_, true) => Talk::Push(Box::default(), Box::default()),
            (_, false) => Talk::Fetch(Box::new(Request::new(is_archive)), Box::new(Response::new(is_archive))),
        };
        Self { offer: offers.then(|| Box::new(Advertisement::new(is_exchange, is_push))), talk }
    }

    /// The list of a push.
    pub(crate) fn list(&self) -> Option<&List> {
        match &self.talk {
            Talk::Push(list, _) => Some(list),
            Talk::Nothing | Talk::Fetch(..) => None,
        }
    }

    /// What comes next of the client.
    pub(crate) fn expecting_of_client(&self) -> Expecting {
        match &self.talk {
            Talk::Push(list, _) if list.is_over() => Expecting::Pack,
            _ => Expecting::Lines,
        }
    }

    /// What comes next of the target.
    pub(crate) fn expecting_of_upstream(&self) -> Expecting {
        match &self.talk {
            _ if self.offer.is_some() => Expecting::Lines,
            Talk::Nothing => Expecting::Pack,
            Talk::Fetch(request, response) => response.expecting(request.is_banded()),
            Talk::Push(..) => Expecting::Lines,
        }
    }

    /// The next packet of the client. An error says what was expected.
    pub(crate) fn hear_client(&mut self, packet: &Packet) -> Result<Heard, &'static str> {
        match &mut self.talk {
            Talk::Nothing => Err("nothing"),
            Talk::Push(list, _) if list.is_over() => Ok(Heard { is_pack: true, ..Heard::default() }),
            Talk::Push(list, _) => {
                let listed = list.take(packet)?;
                let events = if listed == Listed::Over { list.events() } else { Vec::new() };
                Ok(Heard { events, listed: Some(listed), ..Heard::default() })
            }
            Talk::Fetch(request, response) => {
                let asked = request.take(packet)?;
                if asked.answer.is_some_and(|answer| !response.ask(answer)) {
                    return Err("to wait for responses");
                }
                let events = if asked.passes { request.take_events(false) } else { Vec::new() };
                Ok(Heard { events, passes: asked.passes, ..Heard::default() })
            }
        }
    }

    /// What is understood of a request so far, which is passed on in parts.
    pub(crate) fn part_of_request(&mut self) -> Vec<GitEvent> {
        match &mut self.talk {
            Talk::Fetch(request, _) => request.take_events(true),
            Talk::Nothing | Talk::Push(..) => Vec::new(),
        }
    }

    /// The next packet of the target. An error says what was expected, and what came where that is not the packet.
    pub(crate) fn hear_upstream(&mut self, packet: &Packet) -> Result<Heard, (&'static str, Option<String>)> {
        if let Some(offer) = &mut self.offer {
            let offered = offer.take(packet).map_err(|expected| (expected, None))?;
            if offer.is_over() {
                self.offer = None;
            }
            return Ok(Heard { events: offered.events, changed: offered.changed, ..Heard::default() });
        }
        match &mut self.talk {
            Talk::Nothing => Ok(Heard::default()),
            Talk::Fetch(request, response) => {
                let answered = response.take(packet, request.format());
                Ok(Heard { events: answered.events, is_pack: answered.is_pack, ..Heard::default() })
            }
            Talk::Push(list, report) => {
                let told = report.take(packet, list.chosen().banded);
                let events = told.map_err(|malformed| ("pkt-lines in side band 1", Some(malformed.got)))?;
                Ok(Heard { events, ..Heard::default() })
            }
        }
    }

    /// The other side speaks: what the target said in lists so far.
    pub(crate) fn turn(&mut self) -> Vec<GitEvent> {
        match &mut self.talk {
            Talk::Fetch(_, response) => response.told().collect(),
            Talk::Nothing | Talk::Push(..) => Vec::new(),
        }
    }

    /// The target says nothing more.
    pub(crate) fn end(&mut self) -> Vec<GitEvent> {
        match &mut self.talk {
            Talk::Nothing => Vec::new(),
            Talk::Fetch(request, response) => response.end(request.format()),
            Talk::Push(_, report) => report.told().into_iter().collect(),
        }
    }

    /// Whether the target said all that it has to say of a push.
    pub(crate) fn has_reported(&self) -> bool {
        matches!(&self.talk, Talk::Push(_, report) if report.is_over())
    }

    /// How an error can be said to the client between two packets of the target: `None` when it waits for nothing, or
    /// reads a pack; true in a side band.
    pub(crate) fn leave(&self) -> Option<bool> {
        match &self.talk {
            _ if self.offer.is_some() => Some(false),
            Talk::Nothing => None,
            Talk::Fetch(_, response) => (!response.is_over()).then(|| response.is_in_band()),
            Talk::Push(list, report) => (!report.is_over()).then(|| list.is_over() && list.chosen().banded),
        }
    }
}
