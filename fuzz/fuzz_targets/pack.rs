//! Packs that are pushed, and what a target answers about them.
//!
//! The first byte says how the rest is read: as a pack as it stands, or as objects and deltas that a pack is made of,
//! with right checksums, so that what is inside them is reached.
#![no_main]

use std::io::Write as _;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use libfuzzer_sys::fuzz_target;
use sha1::{Digest as _, Sha1};
use wiretape_core::event::{ObjectId, RefChange, RefUpdate};
use wiretape_core::{Asking, Examination as _, Held, Inquiry, Lost, Unanswered};
use wiretape_git::pack::{Asked, ObjectFormat, PushExamination, Understood};

struct Pack<'p> {
    bytes: &'p [u8],
    piece_bytes: usize,
}

impl Held for Pack<'_> {
    fn read(&mut self, offset: u64, into: &mut [u8]) -> Result<usize, Lost> {
        let rest = &self.bytes[(offset as usize).min(self.bytes.len())..];
        let bytes = rest.len().min(into.len()).min(self.piece_bytes);
        into[..bytes].copy_from_slice(&rest[..bytes]);
        Ok(bytes)
    }
}

/// Answers everything alike: it can do all, and then says the same pack.
struct Target<'p> {
    answer: &'p [u8],
    piece_bytes: usize,
}

impl Asking for Target<'_> {
    fn ask(&mut self, _inquiry: &Inquiry, hear: &mut dyn FnMut(&[u8]) -> bool) -> Result<(), Unanswered> {
        for run in self.answer.chunks(self.piece_bytes) {
            if !hear(run) {
                break;
            }
        }
        Ok(())
    }
}

fn line(out: &mut Vec<u8>, payload: &[u8]) {
    out.extend_from_slice(format!("{:04x}", payload.len() + 4).as_bytes());
    out.extend_from_slice(payload);
}

/// Objects as (kind, length, content), one behind the other, as a pack.
fn made(mut rest: &[u8]) -> Vec<u8> {
    let mut entries = Vec::new();
    let mut count = 0_u32;
    let mut begins = vec![12_usize];
    while let [kind, length, behind @ ..] = rest {
        let (content, behind) = behind.split_at(usize::from(*length).min(behind.len()));
        rest = behind;
        let bytes = content.len();
        let kind_bits = kind & 7;
        entries.push(kind_bits << 4 | (bytes & 15) as u8 | if bytes > 15 { 0x80 } else { 0 });
        if bytes > 15 {
            entries.push((bytes >> 4) as u8);
        }
        let here = *begins.last().unwrap();
        match kind_bits {
            6 => {
                // One of the entries before it.
                let base = begins[usize::from(kind >> 3) % begins.len()];
                let distance = here - base;
                if distance > 127 {
                    entries.push(0x80 | ((distance >> 7) - 1).min(127) as u8);
                }
                entries.push((distance & 127) as u8);
            }
            7 => entries.extend_from_slice(&Sha1::digest([kind >> 3])),
            _ => {}
        }
        let mut encoder = ZlibEncoder::new(&mut entries, Compression::none());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap();
        count += 1;
        begins.push(12 + entries.len());
    }
    let mut pack = [b"PACK\0\0\0\x02".as_slice(), &count.to_be_bytes(), &entries].concat();
    let checksum = Sha1::digest(&pack);
    pack.extend_from_slice(&checksum);
    pack
}

fuzz_target!(|data: &[u8]| {
    let [how, data @ ..] = data else { return };
    let pack = if how & 1 == 0 { data.to_vec() } else { made(data) };
    let format = if how & 6 == 2 { ObjectFormat::Sha256 } else { ObjectFormat::Sha1 };
    let mut answer = Vec::new();
    if how & 8 == 0 {
        for text in [b"version 2\n".as_slice(), b"fetch=shallow filter\n"] {
            line(&mut answer, text);
        }
        answer.extend_from_slice(b"0000");
        line(&mut answer, b"packfile\n");
        for run in pack.chunks(1000) {
            line(&mut answer, &[&[1], run].concat());
        }
    } else {
        answer.extend_from_slice(data);
    }
    let id = |byte: u8| match format {
        ObjectFormat::Sha1 => ObjectId::Sha1([byte; 20]),
        ObjectFormat::Sha256 => ObjectId::Sha256([byte; 32]),
    };
    let updates = vec![RefUpdate {
        name: Bytes::from_static(b"refs/heads/main"),
        old: id(1),
        new: id(2),
        change: RefChange::Unknown,
    }];
    let asked = Asked::Exec { repository: Bytes::from_static(b"'/x.git'") };
    let examination = PushExamination::new(asked, format, 0, updates, how & 16 != 0);
    let mut told: Option<Understood> = None;
    for piece_bytes in [usize::MAX, 3] {
        let mut held = Pack { bytes: &pack, piece_bytes };
        let finding = examination.examine(&mut held, &mut Target { answer: &answer, piece_bytes });
        let understood = finding.0.downcast_ref::<Understood>().unwrap().clone();
        assert!(understood.end <= pack.len() as u64);
        assert!(understood.problem.is_none() || understood.events.is_empty());
        assert!(understood.paths.is_sorted());
        if let Some(told) = &told {
            // How it came changes nothing, but for where exactly a broken one stops to make sense.
            assert_eq!(told.problem.is_some(), understood.problem.is_some());
            assert!(told.problem.is_some() || told == &understood);
        }
        told = Some(understood);
    }
});
