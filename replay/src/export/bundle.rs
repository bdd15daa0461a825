//! What was pushed or fetched, as a git bundle (gitformat-bundle(5)), which `git clone`, `git fetch` and `git bundle
//! verify` take.
//!
//! It holds the packs of the pushes that the target accepted; in a session without pushes, those that were fetched. Of
//! several packs one is made, which holds their objects one behind the other. What the commits in it stand on and what
//! it does not hold are its prerequisites.

mod choice;
mod survey;

use std::collections::BTreeSet;
use std::io::{self, Read, Write};

use anyhow::{Context, bail, ensure};
use wiretape_core::event::ObjectId;
use wiretape_core::{Kind, Lane, Moment, Side};

use self::choice::Chosen;
use self::survey::Survey;
use crate::describe;
use crate::legible::count;
use crate::limits::{BUNDLE_CONVERSATIONS_MAX, PACKS_BYTES_MAX};
use crate::repository::conversation::{Received, Sent};
use crate::repository::format::Format;
use crate::repository::pack::Pack;
use crate::repository::spool::{Part, Spool};
use crate::source::Source;

/// Bytes that are copied at a time.
const RUN_BYTES: usize = 64 * 1024;

/// What of a session goes into a bundle.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    /// Also what was pushed and not accepted.
    pub refused: bool,
    /// Only what was said on this lane.
    pub lane: Option<Lane>,
}

/// Writes what was pushed in a session, or else what was fetched, to `output`. What whoever reads it should know comes
/// back in words.
///
/// # Errors
/// When the session has no such thing, when it concerns several repositories, when packs were not kept or cannot be
/// read, or when `output` cannot be written.
pub fn write(source: &dyn Source, settings: &Settings, output: &mut dyn Write) -> anyhow::Result<Vec<String>> {
    let mut survey = Survey::default();
    for event in source.events_from(Moment::START)? {
        let event = event?;
        if settings.lane.is_none_or(|only| event.lane == only || survey::is_about_the_repository(&event)) {
            survey.take(&event);
        }
    }
    let chosen = choice::chosen(&survey, settings)?;
    let mut packs = Vec::new();
    for part in parts(source, &chosen)? {
        packs.push((part.clone(), Pack::read(part, chosen.format)?));
    }
    let mut remarks = Vec::new();
    let unnamed: usize = packs.iter().map(|(_, pack)| pack.unnamed()).sum();
    if unnamed > 0 {
        let objects = count(unnamed as u64, "object");
        remarks
            .push(format!("{objects} of it are differences from what it does not hold, or too large to be looked at"));
    }
    let bundle = Bundle::new(&chosen, packs)?;
    remarks.extend(bundle.left_out.iter().map(|name| format!("a ref was left out, as no bundle can name it: {name}")));
    bundle.write(output)?;
    Ok(remarks)
}

/// The packs of what was chosen, put aside.
fn parts(source: &dyn Source, chosen: &Chosen) -> anyhow::Result<Vec<Part>> {
    struct Copied {
        lane: Lane,
        sent: Sent,
        received: Received,
        spool: Option<Spool>,
    }
    ensure!(
        chosen.lanes.len() <= BUNDLE_CONVERSATIONS_MAX,
        "the session has {}, more than one bundle takes: choose one with --lane",
        count(chosen.lanes.len() as u64, "such conversation")
    );
    let copied = |(lane, _): &(Lane, Vec<u64>)| Copied {
        lane: *lane,
        sent: Sent::default(),
        received: Received::default(),
        spool: None,
    };
    let mut copies: Vec<Copied> = chosen.lanes.iter().map(copied).collect();
    let mut left = PACKS_BYTES_MAX;
    for event in source.events_from(Moment::START)? {
        let event = event?;
        let Kind::Git(wiretape_core::event::GitEvent::Data { bytes }) = &event.kind else { continue };
        let Some(copy) = copies.iter_mut().find(|copy| copy.lane == event.lane) else { continue };
        let Copied { sent, received, spool, .. } = copy;
        let mut put = |run: &[u8]| -> io::Result<()> {
            if spool.is_none() {
                *spool = Some(Spool::new(PACKS_BYTES_MAX)?);
            }
            left = left.checked_sub(run.len() as u64).ok_or_else(Spool::full)?;
            spool.as_mut().map_or(Ok(()), |spool| spool.put(run))
        };
        match (chosen.pushed, event.side) {
            (true, Side::Client) => {
                let run = sent.feed(bytes);
                if !run.is_empty() {
                    put(run)?;
                }
            }
            (false, Side::Upstream) => received.feed(bytes, put)?,
            _ => {}
        }
    }
    let mut parts = Vec::new();
    for (copy, (lane, sizes)) in copies.iter().zip(&chosen.lanes) {
        let mut at = 0_u64;
        for bytes in sizes {
            let end = at.saturating_add(*bytes);
            let spool = copy.spool.as_ref().filter(|spool| spool.bytes() >= end);
            let Some(spool) = spool else { bail!("the recording does not hold all of the pack of lane {lane}") };
            parts.push(spool.part(at, end));
            at = end;
        }
    }
    Ok(parts)
}

/// A bundle, ready to be written.
struct Bundle {
    format: Format,
    filter: Option<String>,
    prerequisites: BTreeSet<ObjectId>,
    refs: Vec<(String, ObjectId)>,
    /// Names of refs that cannot be written.
    left_out: Vec<String>,
    objects: u32,
    parts: Vec<Part>,
}

impl Bundle {
    fn new(chosen: &Chosen, packs: Vec<(Part, Pack)>) -> anyhow::Result<Self> {
        let held = |id: &ObjectId| packs.iter().any(|(_, pack)| pack.contains(id));
        let mut prerequisites: BTreeSet<ObjectId> =
            packs.iter().flat_map(|(_, pack)| pack.boundary()).filter(|id| !held(id)).copied().collect();
        let (mut refs, mut left_out) = (Vec::new(), Vec::new());
        for (name, id) in chosen.refs(held) {
            match std::str::from_utf8(&name).ok().filter(|name| is_fit(name)) {
                Some(name) => refs.push((name.to_owned(), id)),
                None => left_out.push(describe::path(&name)),
            }
        }
        ensure!(!refs.is_empty(), "there is no ref that a bundle could name: nothing is left to be written");
        prerequisites.extend(refs.iter().map(|(_, id)| *id).filter(|id| !held(id)));
        if prerequisites.is_empty() && !refs.iter().any(|(name, _)| name == "HEAD") {
            refs.extend(head(&refs));
        }
        let mut objects = 0_u32;
        for (_, pack) in &packs {
            let more = u32::try_from(pack.objects()).ok();
            objects = more.and_then(|more| objects.checked_add(more)).context("there are too many objects")?;
        }
        let filter = chosen.filter.as_ref().map(|filter| String::from_utf8_lossy(filter).into_owned());
        Ok(Self {
            format: chosen.format,
            filter: filter.filter(|filter| is_fit(filter)),
            prerequisites,
            refs,
            left_out,
            objects,
            parts: packs.into_iter().map(|(part, _)| part).collect(),
        })
    }

    fn write(&self, output: &mut dyn Write) -> io::Result<()> {
        match (self.format, &self.filter) {
            (Format::Sha1, None) => output.write_all(b"# v2 git bundle\n")?,
            (format, filter) => {
                let name = if format == Format::Sha1 { "sha1" } else { "sha256" };
                writeln!(output, "# v3 git bundle\n@object-format={name}")?;
                if let Some(filter) = filter {
                    writeln!(output, "@filter={filter}")?;
                }
            }
        }
        for id in &self.prerequisites {
            writeln!(output, "-{id} ")?;
        }
        for (name, id) in &self.refs {
            writeln!(output, "{id} {name}")?;
        }
        output.write_all(b"\n")?;
        self.write_pack(output)
    }

    /// The objects of all packs as one: how far differences reach back does not change.
    fn write_pack(&self, output: &mut dyn Write) -> io::Result<()> {
        let mut hash = self.format.hash();
        let mut put = |run: &[u8]| {
            hash.update(run);
            output.write_all(run)
        };
        put(b"PACK\0\0\0\x02")?;
        put(&self.objects.to_be_bytes())?;
        let mut run = vec![0; RUN_BYTES];
        for part in &self.parts {
            let mut entries = part.from(12).without_last(self.format.id_bytes() as u64);
            loop {
                match entries.read(&mut run)? {
                    0 => break,
                    taken => put(run.get(..taken).unwrap_or_default())?,
                }
            }
        }
        output.write_all(hash.finish().as_bytes())
    }
}

/// Whether a line of a bundle can hold it as the name of a ref (git-check-ref-format(1)).
fn is_fit(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|letter| letter.is_control() || letter == ' ')
}

/// What a clone checks out: a bundle without it gives an empty folder.
fn head(refs: &[(String, ObjectId)]) -> Option<(String, ObjectId)> {
    let named = |wanted: &str| refs.iter().find(|(name, _)| name == wanted);
    let branch = named("refs/heads/main").or_else(|| named("refs/heads/master"));
    let branch = branch.or_else(|| refs.iter().find(|(name, _)| name.starts_with("refs/heads/")))?;
    Some(("HEAD".to_owned(), branch.1))
}
