//! The packs of a conversation, put aside while they go by.

use std::collections::VecDeque;
use std::io;

use wiretape_core::event::{GitService, ObjectId};
use wiretape_core::{Lane, Side};

use crate::limits::PACKS_BYTES_MAX;
use crate::repository::conversation::{Received, Sent};
use crate::repository::format::Format;
use crate::repository::library::Library;
use crate::repository::spool::Spool;

/// Packs that may be announced before they are there.
const ANNOUNCED_MAX: usize = 64;

/// Puts the packs of one lane into a library.
#[derive(Clone)]
pub(super) struct Aside {
    lane: Lane,
    library: Library,
    service: Option<GitService>,
    sent: Sent,
    received: Received,
    spool: Option<Spool>,
    /// Sizes of packs that went by and were not put into the library yet.
    announced: VecDeque<(u64, Format)>,
    /// Where the next pack begins.
    place: u64,
    /// Why nothing more is put aside.
    error: Option<String>,
}

impl Aside {
    pub(super) fn new(lane: Lane, library: Library) -> Self {
        Self {
            lane,
            library,
            service: None,
            sent: Sent::default(),
            received: Received::default(),
            spool: None,
            announced: VecDeque::new(),
            place: 0,
            error: None,
        }
    }

    pub(super) fn service(&mut self, service: GitService) {
        self.service = Some(service);
    }

    pub(super) fn data(&mut self, side: Side, bytes: &[u8]) {
        if self.error.is_some() {
            return;
        }
        let (lane, library, spool) = (self.lane, &self.library, &mut self.spool);
        let mut put = |run: &[u8]| -> io::Result<()> {
            let spool = match spool {
                Some(spool) => spool,
                None => spool.insert(Spool::new(PACKS_BYTES_MAX)?),
            };
            if library.has_room(lane, spool.bytes().saturating_add(run.len() as u64)) {
                spool.put(run)
            } else {
                Err(Spool::full())
            }
        };
        let outcome = match (self.service, side) {
            (Some(GitService::ReceivePack), Side::Client) => match self.sent.feed(bytes) {
                [] => Ok(()),
                run => put(run),
            },
            (Some(GitService::UploadPack), Side::Upstream) => self.received.feed(bytes, put),
            _ => Ok(()),
        };
        self.error = outcome.err().map(|error| error.to_string());
        self.settle();
    }

    /// A pack of `bytes` bytes went by.
    pub(super) fn pack(&mut self, bytes: u64, checksum: &ObjectId) {
        if self.announced.len() < ANNOUNCED_MAX {
            self.announced.push_back((bytes, Format::of(checksum)));
        }
        self.settle();
    }

    /// Puts into the library what is whole.
    fn settle(&mut self) {
        while let (Some(spool), Some((bytes, format))) = (&self.spool, self.announced.front().copied()) {
            let end = self.place.saturating_add(bytes);
            if spool.bytes() < end {
                break;
            }
            self.library.put(self.lane, self.place, spool.part(self.place, end), format);
            self.place = end;
            self.announced.pop_front();
        }
    }

    /// The library, in which all packs of the lane are.
    ///
    /// # Errors
    /// Why they are not, in words.
    pub(super) fn library(&self) -> Result<&Library, String> {
        match &self.error {
            Some(error) => Err(error.clone()),
            None => self.library.read(self.lane).map(|()| &self.library),
        }
    }
}
