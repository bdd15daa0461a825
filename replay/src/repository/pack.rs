//! A recorded pack, read from its first byte to its last (gitformat-pack(5)).
//!
//! A tape is not to be trusted: what a pack can make its reader unpack, keep or walk has limits, and whatever it says of
//! itself is checked.

use std::io::{self, BufRead, BufReader, Read};

use bytes::Bytes;
use flate2::{Decompress, FlushDecompress, Status};
use thiserror::Error;
use wiretape_core::event::{ObjectId, ObjectKind};
use wiretape_core::limits::{GIT_DELTAS_DEEP_MAX, GIT_OBJECT_BYTES_MAX};

use super::cache::Cache;
use super::delta;
use super::format::{Format, Hash};
use super::spool::Part;
use crate::limits::{PACK_COMMITS_NAMED_MAX, PACK_OBJECTS_MAX, PACK_UNPACKED_BYTES_MAX};

/// Bytes that are read, or unpacked, at a time.
const RUN_BYTES: usize = 64 * 1024;

/// Bytes of the head of a pack.
const HEAD_BYTES: u64 = 12;

/// Why a pack is not read.
#[derive(Debug, Error)]
pub(crate) enum Unreadable {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("the recorded pack is broken: {0}")]
    Broken(&'static str),
    #[error("the recorded pack is not what its checksum says")]
    Checksum,
    #[error("the recorded pack has more {0} than are read")]
    TooMuch(&'static str),
}

use Unreadable::{Broken, TooMuch};

/// What an object is stored as a difference from.
#[derive(Clone, Copy)]
enum Base {
    Nothing,
    /// The object at this place among the entries.
    At(u32),
    Named(ObjectId),
}

struct Entry {
    /// Where it begins in the pack.
    start: u64,
    /// How many bytes stand there before its body.
    head_bytes: u8,
    /// What the body unpacks to.
    bytes: u64,
    base: Base,
    /// Set as soon as it is known.
    kind: Option<ObjectKind>,
}

/// A pack whose objects are known.
pub(crate) struct Pack {
    part: Part,
    format: Format,
    entries: Vec<Entry>,
    /// Sorted by name.
    ids: Vec<(ObjectId, u32)>,
    /// Parents of its commits and targets of its tags, sorted.
    mentioned: Vec<ObjectId>,
    unpacked_bytes: u64,
    inflater: Decompress,
    cache: Cache,
}

impl Pack {
    /// Reads the pack that `part` is.
    pub(crate) fn read(part: Part, format: Format) -> Result<Self, Unreadable> {
        let content = checked(&part, format)?;
        let mut pack = Self {
            part: content.clone(),
            format,
            entries: Vec::new(),
            ids: Vec::new(),
            mentioned: Vec::new(),
            unpacked_bytes: 0,
            inflater: Decompress::new(true),
            cache: Cache::default(),
        };
        pack.scan(content)?;
        pack.resolve()?;
        pack.ids.sort_unstable();
        pack.mentioned.sort_unstable();
        pack.mentioned.dedup();
        pack.cache.shrink();
        Ok(pack)
    }

    /// The names of its objects, in order.
    #[cfg(test)]
    pub(crate) fn ids(&self) -> impl Iterator<Item = &ObjectId> {
        self.ids.iter().map(|(id, _)| id)
    }

    /// How many objects it holds.
    pub(crate) fn objects(&self) -> usize {
        self.entries.len()
    }

    /// How many objects have no name, because what they are a difference from is not there, or because they are huge.
    pub(crate) fn unnamed(&self) -> usize {
        self.entries.len() - self.ids.len()
    }

    pub(crate) fn contains(&self, id: &ObjectId) -> bool {
        self.place(id).is_some()
    }

    /// Parents of its commits and targets of its tags that it does not hold.
    pub(crate) fn boundary(&self) -> impl Iterator<Item = &ObjectId> {
        self.mentioned.iter().filter(|id| !self.contains(id))
    }

    /// The content of an object; `None` when it is not there or too large to be shown.
    pub(crate) fn object(&mut self, id: &ObjectId) -> Result<Option<Bytes>, Unreadable> {
        match self.place(id) {
            Some(place) => self.content(place),
            None => Ok(None),
        }
    }

    fn place(&self, id: &ObjectId) -> Option<u32> {
        let found = self.ids.partition_point(|(its, _)| its < id);
        self.ids.get(found).filter(|(its, _)| its == id).map(|(_, place)| *place)
    }

    fn entry(&self, place: u32) -> Result<&Entry, Unreadable> {
        self.entries.get(place as usize).ok_or(Broken("a place behind its end"))
    }

    /// Goes over all objects, and names those that stand for themselves.
    fn scan(&mut self, content: Part) -> Result<(), Unreadable> {
        let mut reader = BufReader::with_capacity(RUN_BYTES, content);
        let mut head = [0; HEAD_BYTES as usize];
        reader.read_exact(&mut head).map_err(cut_off)?;
        let (start, counts) = head.split_at(8);
        let [.., version] = start else { return Err(Broken("no head")) };
        if !start.starts_with(b"PACK\0\0\0") || !matches!(version, 2 | 3) {
            return Err(Broken("no head"));
        }
        let count = counts.iter().fold(0_u32, |count, byte| count << 8 | u32::from(*byte));
        if count > PACK_OBJECTS_MAX {
            return Err(TooMuch("objects"));
        }
        let mut at = HEAD_BYTES;
        for place in 0..count {
            let start = at;
            let (kind, bytes) = kind_and_size(&mut reader, &mut at)?;
            let (kind, base) = match kind {
                1 => (Some(ObjectKind::Commit), Base::Nothing),
                2 => (Some(ObjectKind::Tree), Base::Nothing),
                3 => (Some(ObjectKind::Blob), Base::Nothing),
                4 => (Some(ObjectKind::Tag), Base::Nothing),
                6 => (None, self.base_before(start, distance(&mut reader, &mut at)?)?),
                7 => (None, Base::Named(id(&mut reader, &mut at, self.format)?)),
                _ => return Err(Broken("an object of no kind")),
            };
            let head_bytes = u8::try_from(at - start).map_err(|_| Broken("an object with a long head"))?;
            self.entries.push(Entry { start, head_bytes, bytes, base, kind });
            at = self.pass(&mut reader, place, at)?;
        }
        if reader.fill_buf()?.is_empty() { Ok(()) } else { Err(Broken("something behind its objects")) }
    }

    /// The entry whose head begins `distance` bytes before `start`.
    fn base_before(&self, start: u64, distance: u64) -> Result<Base, Unreadable> {
        let base = start.checked_sub(distance).ok_or(Broken("a difference from what is before it"))?;
        let place = self.entries.binary_search_by_key(&base, |entry| entry.start);
        let place = place.map_err(|_| Broken("a difference from what is no object"))?;
        Ok(Base::At(u32::try_from(place).map_err(|_| TooMuch("objects"))?))
    }

    /// Unpacks the object at `place`, whose body begins at `at`, to find where it ends.
    fn pass<R: BufRead>(&mut self, reader: &mut R, place: u32, at: u64) -> Result<u64, Unreadable> {
        let Entry { bytes, kind, .. } = *self.entry(place)?;
        let mut hash = kind.map(|kind| self.format.object(kind, bytes));
        let is_read = matches!(kind, Some(ObjectKind::Commit | ObjectKind::Tag)) && bytes <= GIT_OBJECT_BYTES_MAX;
        let mut content = Vec::new();
        let taken = self.inflate(reader, bytes, |run| {
            if let Some(hash) = &mut hash {
                hash.update(run);
            }
            if is_read {
                content.extend_from_slice(run);
            }
        })?;
        if let (Some(kind), Some(id)) = (kind, hash.map(Hash::finish)) {
            self.ids.push((id, place));
            self.note_mentioned(kind, &content)?;
        }
        Ok(at.saturating_add(taken))
    }

    /// Unpacks what begins where `reader` stands and must be `bytes` long. How many packed bytes that took.
    fn inflate<R: BufRead>(
        &mut self,
        reader: &mut R,
        bytes: u64,
        mut take: impl FnMut(&[u8]),
    ) -> Result<u64, Unreadable> {
        self.unpacked_bytes = self.unpacked_bytes.saturating_add(bytes);
        if self.unpacked_bytes > PACK_UNPACKED_BYTES_MAX {
            return Err(TooMuch("bytes, unpacked,"));
        }
        self.inflater.reset(true);
        let mut run = [0; RUN_BYTES];
        loop {
            let packed = reader.fill_buf()?;
            let is_last = packed.is_empty();
            let (taken_before, made_before) = (self.inflater.total_in(), self.inflater.total_out());
            let status = self
                .inflater
                .decompress(packed, &mut run, FlushDecompress::None)
                .map_err(|_| Broken("an object that cannot be unpacked"))?;
            let taken = usize::try_from(self.inflater.total_in() - taken_before).unwrap_or(usize::MAX);
            let made = usize::try_from(self.inflater.total_out() - made_before).unwrap_or(usize::MAX);
            reader.consume(taken);
            if self.inflater.total_out() > bytes {
                return Err(Broken("an object that is longer than it says"));
            }
            take(run.get(..made).unwrap_or_default());
            if status == Status::StreamEnd {
                let whole = self.inflater.total_out() == bytes;
                return if whole {
                    Ok(self.inflater.total_in())
                } else {
                    Err(Broken("an object shorter than it says"))
                };
            }
            if made == 0 && (is_last || taken == 0) {
                return Err(Broken("an object that is cut off"));
            }
        }
    }

    /// Names the objects that are differences, each as soon as its base has a name.
    fn resolve(&mut self) -> Result<(), Unreadable> {
        let (mut of_places, mut of_names) = (Vec::new(), Vec::new());
        for (place, entry) in (0_u32..).zip(&self.entries) {
            match entry.base {
                Base::Nothing => {}
                Base::At(base) => of_places.push((base, place)),
                Base::Named(base) => of_names.push((base, place)),
            }
        }
        of_places.sort_unstable();
        of_names.sort_unstable();
        let mut named = self.ids.clone();
        while let Some((id, base)) = named.pop() {
            let at = of_places.partition_point(|(its, _)| *its < base);
            let by_place = of_places.iter().skip(at).take_while(|(its, _)| *its == base).map(|(_, place)| *place);
            let at = of_names.partition_point(|(its, _)| *its < id);
            let by_name = of_names.iter().skip(at).take_while(|(its, _)| *its == id).map(|(_, place)| *place);
            let children: Vec<u32> = by_place.chain(by_name).collect();
            for child in children {
                if let Some(id) = self.name(child, base)? {
                    named.push((id, child));
                }
            }
        }
        Ok(())
    }

    /// Names the object at `place`, which is a difference from the one at `base`; `None` when that is too large, or when
    /// it has a name.
    fn name(&mut self, place: u32, base: u32) -> Result<Option<ObjectId>, Unreadable> {
        let Some(kind) = self.entry(base)?.kind else { return Ok(None) };
        match self.entries.get_mut(place as usize) {
            Some(entry) if entry.kind.is_none() => entry.base = Base::At(base),
            _ => return Ok(None),
        }
        let Some(content) = self.content(place)? else { return Ok(None) };
        let mut hash = self.format.object(kind, content.len() as u64);
        hash.update(&content);
        let id = hash.finish();
        if let Some(entry) = self.entries.get_mut(place as usize) {
            entry.kind = Some(kind);
        }
        self.ids.push((id, place));
        self.note_mentioned(kind, &content)?;
        Ok(Some(id))
    }

    /// The content of the object at `place`; `None` when it, or what it is a difference from, is too large.
    fn content(&mut self, place: u32) -> Result<Option<Bytes>, Unreadable> {
        let (mut at, mut chain) = (place, Vec::new());
        let mut content = loop {
            if let Some(content) = self.cache.get(at) {
                break content;
            }
            match self.entry(at)?.base {
                Base::Nothing => match self.body(at)? {
                    Some(body) => break self.cache.put(at, body),
                    None => return Ok(None),
                },
                Base::Named(_) => return Ok(None),
                Base::At(base) => {
                    chain.push(at);
                    at = base;
                }
            }
            if chain.len() > GIT_DELTAS_DEEP_MAX {
                return Err(TooMuch("differences on differences"));
            }
        };
        for at in chain.into_iter().rev() {
            let Some(body) = self.body(at)? else { return Ok(None) };
            let Some(made) = delta::applied(&content, &body) else { return Ok(None) };
            content = self.cache.put(at, made);
        }
        Ok(Some(content))
    }

    /// What the body of the entry at `place` unpacks to; `None` when it is too large.
    fn body(&mut self, place: u32) -> Result<Option<Vec<u8>>, Unreadable> {
        let Entry { start, head_bytes, bytes, .. } = *self.entry(place)?;
        if bytes > GIT_OBJECT_BYTES_MAX {
            return Ok(None);
        }
        let packed_bytes = usize::try_from(bytes).unwrap_or(RUN_BYTES).clamp(64, RUN_BYTES);
        let mut reader = BufReader::with_capacity(packed_bytes, self.part.from(start + u64::from(head_bytes)));
        let mut unpacked = Vec::new();
        self.inflate(&mut reader, bytes, |run| unpacked.extend_from_slice(run))?;
        Ok(Some(unpacked))
    }

    /// Remembers the parents of a commit, and the target of a tag.
    fn note_mentioned(&mut self, kind: ObjectKind, content: &[u8]) -> Result<(), Unreadable> {
        let word: &[u8] = match kind {
            ObjectKind::Commit => b"parent ",
            ObjectKind::Tag => b"object ",
            ObjectKind::Tree | ObjectKind::Blob => return Ok(()),
        };
        let head = content.split(|byte| *byte == b'\n').take_while(|line| !line.is_empty());
        if kind == ObjectKind::Tag && !head.clone().any(|line| matches!(line, b"type commit" | b"type tag")) {
            return Ok(());
        }
        let ids = head.filter_map(|line| ObjectId::from_hex(line.strip_prefix(word)?));
        self.mentioned.extend(ids.filter(|id| Format::of(id) == self.format));
        if self.mentioned.len() > PACK_COMMITS_NAMED_MAX {
            self.mentioned.sort_unstable();
            self.mentioned.dedup();
            if self.mentioned.len() > PACK_COMMITS_NAMED_MAX / 2 {
                return Err(TooMuch("parents"));
            }
        }
        Ok(())
    }
}

/// `part` without the checksum at its end, if that is right.
fn checked(part: &Part, format: Format) -> Result<Part, Unreadable> {
    let id_bytes = format.id_bytes() as u64;
    if part.left() < HEAD_BYTES + id_bytes {
        return Err(Broken("too short"));
    }
    let content = part.without_last(id_bytes);
    let (mut reader, mut hash, mut run) = (content.clone(), format.hash(), vec![0; RUN_BYTES]);
    loop {
        match reader.read(&mut run)? {
            0 => break,
            taken => hash.update(run.get(..taken).unwrap_or_default()),
        }
    }
    let mut checksum = Vec::new();
    part.from(content.left()).read_to_end(&mut checksum)?;
    if hash.finish().as_bytes() == checksum { Ok(content) } else { Err(Unreadable::Checksum) }
}

fn cut_off(error: io::Error) -> Unreadable {
    if error.kind() == io::ErrorKind::UnexpectedEof { Broken("it is cut off") } else { error.into() }
}

fn byte<R: BufRead>(reader: &mut R, at: &mut u64) -> Result<u8, Unreadable> {
    let mut byte = [0];
    reader.read_exact(&mut byte).map_err(cut_off)?;
    *at += 1;
    Ok(byte[0])
}

/// The head of an entry: the number of its kind, and the size of its body, unpacked.
fn kind_and_size<R: BufRead>(reader: &mut R, at: &mut u64) -> Result<(u8, u64), Unreadable> {
    let mut read = byte(reader, at)?;
    let kind = read >> 4 & 7;
    let (mut size, mut shift) = (u64::from(read & 0x0f), 4);
    while read & 0x80 != 0 {
        read = byte(reader, at)?;
        if shift > 56 {
            return Err(Broken("an object of a size that no number holds"));
        }
        size |= u64::from(read & 0x7f) << shift;
        shift += 7;
    }
    Ok((kind, size))
}

/// How far back the base of a difference begins.
fn distance<R: BufRead>(reader: &mut R, at: &mut u64) -> Result<u64, Unreadable> {
    let mut read = byte(reader, at)?;
    let mut distance = u64::from(read & 0x7f);
    while read & 0x80 != 0 {
        read = byte(reader, at)?;
        if distance >= 1 << 56 {
            return Err(Broken("a distance that no number holds"));
        }
        distance = (distance + 1) << 7 | u64::from(read & 0x7f);
    }
    Ok(distance)
}

fn id<R: BufRead>(reader: &mut R, at: &mut u64, format: Format) -> Result<ObjectId, Unreadable> {
    let mut id = vec![0; format.id_bytes()];
    reader.read_exact(&mut id).map_err(cut_off)?;
    *at += id.len() as u64;
    ObjectId::from_bytes(&id).ok_or(Broken("no name"))
}

#[cfg(test)]
mod tests;
