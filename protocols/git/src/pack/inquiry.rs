//! Questions to the target, in a conversation of their own beside the push: gitprotocol-pack(5), gitprotocol-v2(5).
//!
//! Each question is one request, said in one go, and one answer.

use std::collections::HashSet;
use std::fmt::Write as _;

use bytes::{Bytes, BytesMut};
use wiretape_core::event::ObjectId;
use wiretape_core::limits::GIT_ANSWER_BYTES_MAX;
use wiretape_core::nest::Content;
use wiretape_core::{Asking, Carrier, Inquiry};

use super::limits::{ANSWERS_BYTES_MAX, INQUIRIES_MAX};
use super::{Asked, ObjectFormat};
use crate::pkt_line::{Expecting, Packet, Packets};

/// The version that is asked for.
const VERSION_2: &str = "version=2";

/// What the target can do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Abilities {
    /// Whether it speaks version 2, in which any object can be wanted.
    pub(super) version_2: bool,
    /// Whether it gives histories without their beginning.
    pub(super) shallow: bool,
    /// Whether it leaves out objects that are not asked for.
    pub(super) filter: bool,
}

/// What is wanted of the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Commits, each alone with its trees, and files as far as they cannot be left out.
    CommitsWithTrees,
    /// Just these objects.
    Objects,
}

/// How a history stands to others, as the target says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ancestry {
    /// Whether the target knows all of the others.
    pub(super) all_known: bool,
    /// Whether it knows one of them.
    pub(super) any_known: bool,
    /// Objects of the wanted history that are in none of the others.
    pub(super) objects: u32,
}

/// Asks the target one thing after another.
pub(super) struct Questions<'t> {
    asked: &'t Asked,
    format: ObjectFormat,
    target: &'t mut dyn Asking,
    left: usize,
    left_bytes: usize,
    abilities: Option<Abilities>,
}

impl<'t> Questions<'t> {
    pub(super) fn new(asked: &'t Asked, format: ObjectFormat, target: &'t mut dyn Asking) -> Self {
        Self { asked, format, target, left: INQUIRIES_MAX, left_bytes: ANSWERS_BYTES_MAX, abilities: None }
    }

    /// Asks, and hands on the packets of the answer one by one until `hear` returns false or what comes is no pkt-line.
    fn ask(&mut self, inquiry: &Inquiry, hear: &mut dyn FnMut(Packet) -> bool) {
        let Some(left) = self.left.checked_sub(1) else { return };
        self.left = left;
        let mut packets = Packets::default();
        let mut heard = 0;
        let heard_max = self.left_bytes.min(GIT_ANSWER_BYTES_MAX);
        // A target that does not answer, or breaks off, has said what it has said.
        let _ = self.target.ask(inquiry, &mut |run| {
            heard += run.len();
            if heard > heard_max {
                return false;
            }
            let mut run = Bytes::copy_from_slice(run);
            loop {
                match packets.next(&mut run, Expecting::Lines) {
                    Ok(Some((_, packet))) => {
                        if !hear(packet) {
                            return false;
                        }
                    }
                    Ok(None) => return true,
                    Err(_) => return false,
                }
            }
        });
        self.left_bytes = self.left_bytes.saturating_sub(heard);
    }

    /// The carrier of a request to upload-pack.
    fn carrier(&self) -> Carrier {
        match self.asked {
            Asked::Exec { repository } => {
                Carrier::Exec { command: [b"git-upload-pack ", repository.as_ref()].concat().into() }
            }
            Asked::Content { base } => Carrier::Content(Box::new(Content {
                method: Bytes::from_static(b"POST"),
                path: [base.as_ref(), b"/git-upload-pack"].concat().into(),
                media_type: Bytes::from_static(b"application/x-git-upload-pack-request"),
                renamed: None,
            })),
        }
    }

    /// True where the answer to a request begins with what the target can do.
    fn is_advertised(&self) -> bool {
        matches!(self.asked, Asked::Exec { .. })
    }

    /// What the target can do; asked once.
    pub(super) fn abilities(&mut self) -> Abilities {
        if let Some(abilities) = self.abilities {
            return abilities;
        }
        let (carrier, request) = match self.asked {
            Asked::Exec { .. } => (self.carrier(), Bytes::from_static(b"0000")),
            Asked::Content { base } => {
                let path = [base.as_ref(), b"/info/refs?service=git-upload-pack"].concat().into();
                let method = Bytes::from_static(b"GET");
                (Carrier::Content(Box::new(Content { method, path, ..Content::default() })), Bytes::new())
            }
        };
        let mut abilities = Abilities::default();
        let mut first = true;
        self.ask(&Inquiry { carrier, protocol: Some(VERSION_2), request }, &mut |packet| {
            let Packet::Data(line) = packet else {
                // A flush-pkt stands between `# service=…` and the advertisement, too.
                return first;
            };
            let line = line.trim_ascii_end();
            if line.starts_with(b"# service=") || line == b"version 1" {
                return true;
            }
            if first {
                first = false;
                abilities.version_2 = line == b"version 2";
                if let Some(nul) = memchr::memchr(0, line) {
                    let words = || line.get(nul + 1..).unwrap_or_default().split(|byte| *byte == b' ');
                    abilities.shallow = words().any(|word| word == b"shallow");
                    abilities.filter = words().any(|word| word == b"filter");
                }
                return abilities.version_2;
            }
            if let Some(features) = line.strip_prefix(b"fetch=") {
                let words = || features.split(|byte| *byte == b' ');
                abilities.shallow = words().any(|word| word == b"shallow");
                abilities.filter = words().any(|word| word == b"filter");
            }
            true
        });
        self.abilities = Some(abilities);
        abilities
    }

    /// How the history of `wanted` stands to those of `haves`: in version 0, where what is known of the haves is said
    /// even though the request is complete. `None`: no clear answer.
    pub(super) fn ancestry(&mut self, wanted: &ObjectId, haves: &[ObjectId]) -> Option<Ancestry> {
        let mut request = Request::default();
        let format = match self.format {
            ObjectFormat::Sha1 => "",
            ObjectFormat::Sha256 => " object-format=sha256",
        };
        request.line(format_args!("want {wanted} multi_ack_detailed side-band-64k ofs-delta{format}\n"));
        request.flush();
        for have in haves {
            request.line(format_args!("have {have}\n"));
        }
        request.line(format_args!("done\n"));
        let inquiry = Inquiry { carrier: self.carrier(), protocol: None, request: request.0.freeze() };
        let mut advertised = self.is_advertised();
        let mut known = HashSet::new();
        let mut objects = None;
        let mut begin = BytesMut::new();
        self.ask(&inquiry, &mut |packet| {
            let line = match packet {
                Packet::Flush if advertised => {
                    advertised = false;
                    return true;
                }
                Packet::Data(line) if !advertised => line,
                _ => return true,
            };
            if let Some(acknowledged) = line.strip_prefix(b"ACK ") {
                // `ready` is said of commits that the target does not know, too.
                let mut words = acknowledged.trim_ascii_end().split(|byte| *byte == b' ');
                let id = words.next().and_then(ObjectId::from_hex);
                known.extend(id.filter(|_| words.next() == Some(b"common")));
                return true;
            }
            match line.split_first() {
                Some((1, pack)) => {
                    begin.extend_from_slice(pack.get(..12).unwrap_or(pack));
                    if let Some([p, a, c, k, _, _, _, _, n0, n1, n2, n3]) = begin.first_chunk::<12>().copied() {
                        let count = u32::from_be_bytes([n0, n1, n2, n3]);
                        objects = ([p, a, c, k] == *b"PACK").then_some(count);
                        return false;
                    }
                    true
                }
                Some((3, _)) => false,
                _ => !line.starts_with(b"ERR "),
            }
        });
        Some(Ancestry {
            all_known: haves.iter().all(|have| known.contains(have)),
            any_known: haves.iter().any(|have| known.contains(have)),
            objects: objects?,
        })
    }

    /// Fetches objects: `take` gets their pack run by run, until it returns false. Where the target does not give them,
    /// it gets nothing.
    pub(super) fn fetch(&mut self, wanted: Wanted, ids: &[ObjectId], take: &mut dyn FnMut(&[u8]) -> bool) {
        let abilities = self.abilities();
        let Some(inquiry) = self.fetch_inquiry(abilities, wanted, ids) else { return };
        let mut advertised = self.is_advertised();
        // Version 0 answers with lines before the pack, version 2 with sections.
        let mut in_pack = !abilities.version_2;
        self.ask(&inquiry, &mut |packet| match packet {
            Packet::Flush if advertised => {
                advertised = false;
                true
            }
            _ if advertised => true,
            Packet::Data(line) if !in_pack => {
                in_pack = line.trim_ascii_end() == b"packfile";
                !line.starts_with(b"ERR ")
            }
            Packet::Data(line) => match line.split_first() {
                Some((1, run)) => take(run),
                Some((3, _)) => false,
                _ => !line.starts_with(b"ERR "),
            },
            _ => true,
        });
    }

    fn fetch_inquiry(&self, abilities: Abilities, wanted: Wanted, ids: &[ObjectId]) -> Option<Inquiry> {
        let mut request = Request::default();
        let alone = wanted == Wanted::CommitsWithTrees;
        if alone && !abilities.shallow {
            return None;
        }
        let protocol = if abilities.version_2 {
            request.line(format_args!("command=fetch\n"));
            if self.format == ObjectFormat::Sha256 {
                request.line(format_args!("object-format=sha256\n"));
            }
            request.delim();
            request.line(format_args!("no-progress\n"));
            request.line(format_args!("ofs-delta\n"));
            for id in ids {
                request.line(format_args!("want {id}\n"));
            }
            if alone {
                request.line(format_args!("deepen 1\n"));
            }
            if abilities.filter {
                let filter = if alone { "blob:none" } else { "tree:0" };
                request.line(format_args!("filter {filter}\n"));
            }
            request.line(format_args!("done\n"));
            request.flush();
            Some(VERSION_2)
        } else {
            // Version 0 gives only what refs point to.
            if !alone {
                return None;
            }
            let filter = if abilities.filter { " filter" } else { "" };
            let format = match self.format {
                ObjectFormat::Sha1 => "",
                ObjectFormat::Sha256 => " object-format=sha256",
            };
            let mut capabilities = format!(" shallow no-progress side-band-64k ofs-delta{filter}{format}");
            for id in ids {
                request.line(format_args!("want {id}{capabilities}\n"));
                capabilities.clear();
            }
            request.line(format_args!("deepen 1\n"));
            if abilities.filter {
                request.line(format_args!("filter blob:none\n"));
            }
            request.flush();
            request.line(format_args!("done\n"));
            None
        };
        Some(Inquiry { carrier: self.carrier(), protocol, request: request.0.freeze() })
    }
}

/// A request in the making.
#[derive(Default)]
struct Request(BytesMut);

impl Request {
    fn line(&mut self, text: std::fmt::Arguments<'_>) {
        let begin = self.0.len();
        // Writing into memory does not fail.
        let _ = write!(self.0, "0000{text}");
        let length = format!("{:04x}", self.0.len() - begin);
        if let Some(place) = self.0.get_mut(begin..begin + 4) {
            place.copy_from_slice(length.as_bytes());
        }
    }

    fn flush(&mut self) {
        self.0.extend_from_slice(b"0000");
    }

    fn delim(&mut self) {
        self.0.extend_from_slice(b"0001");
    }
}
