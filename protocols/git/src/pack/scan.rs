//! The one pass over a pack as it comes in: gitformat-pack(5), from its head to its checksum.

use bytes::Bytes;
use wiretape_core::event::{ObjectId, ObjectKind};
use wiretape_core::limits::{GIT_DELTAS_DEEP_MAX, GIT_OBJECTS_MAX};

use super::ObjectFormat;
use super::cache::Cache;
use super::delta;
use super::digest::{Digest, object_id};
use super::entries::{ELSEWHERE, Entries, Entry, WHOLE};
use super::history::History;
use super::limits::{ENTRIES_REMEMBERED_MAX, INFLATED_BYTES_MAX, PIECE_BYTES_MAX, RESOLVED_BYTES_MAX, RUN_BYTES_MAX};
use super::lines::Counting;
use super::problem::Problem;
use super::stream::{Stream, Sums};
use super::text;

/// The head of an entry.
pub(super) struct EntryHead {
    /// The kind of a whole object; `None`: a delta.
    pub(super) kind: Option<ObjectKind>,
    /// What the body unpacks to.
    pub(super) bytes: u64,
    pub(super) base: EntryBase,
}

/// What an entry is a delta of.
pub(super) enum EntryBase {
    None,
    /// So many bytes before the entry.
    Distance(u64),
    Object(ObjectId),
}

/// Reads the head of entry `number`, byte by byte.
pub(super) fn entry_head(
    number: u32,
    format: ObjectFormat,
    mut byte: impl FnMut() -> Result<u8, Problem>,
) -> Result<EntryHead, Problem> {
    let first = byte()?;
    let mut bytes = u64::from(first & 0x0f);
    let (mut more, mut shift) = (first & 0x80 != 0, 4);
    while more {
        let next = byte()?;
        // 4 + 8 * 7 bits: no object of a pack that is taken is larger.
        if shift > 53 {
            return Err(Problem::Number(number));
        }
        bytes |= u64::from(next & 0x7f) << shift;
        shift += 7;
        more = next & 0x80 != 0;
    }
    let (kind, base) = match first >> 4 & 7 {
        1 => (Some(ObjectKind::Commit), EntryBase::None),
        2 => (Some(ObjectKind::Tree), EntryBase::None),
        3 => (Some(ObjectKind::Blob), EntryBase::None),
        4 => (Some(ObjectKind::Tag), EntryBase::None),
        6 => {
            let mut next = byte()?;
            let mut distance = u64::from(next & 0x7f);
            while next & 0x80 != 0 {
                next = byte()?;
                if distance >= 1 << 48 {
                    return Err(Problem::Number(number));
                }
                distance = (distance + 1) << 7 | u64::from(next & 0x7f);
            }
            (None, EntryBase::Distance(distance))
        }
        7 => {
            let mut id = [0; 32];
            let id = id.get_mut(..format.id_bytes()).unwrap_or_default();
            for place in id.iter_mut() {
                *place = byte()?;
            }
            (None, EntryBase::Object(ObjectId::from_bytes(id).ok_or(Problem::Number(number))?))
        }
        other => return Err(Problem::Kind(number, other)),
    };
    Ok(EntryHead { kind, bytes, base })
}

/// What one pass gathers.
pub(super) struct Gathered {
    pub(super) format: ObjectFormat,
    /// What the head of the pack says.
    pub(super) objects: u32,
    pub(super) entries: Entries,
    pub(super) history: History,
    pub(super) cache: Cache,
    /// Objects that are not among `entries`.
    pub(super) forgotten: u32,
    /// Commits that were too large to be read, or are none that git would write.
    pub(super) unread_commits: u32,
    /// How far it was read.
    pub(super) end: u64,
    inflated: u64,
    /// What deltas made.
    resolved: u64,
    delta: Vec<u8>,
    run: Vec<u8>,
}

impl Gathered {
    pub(super) fn new(format: ObjectFormat, cache_bytes_max: usize) -> Self {
        Self {
            format,
            objects: 0,
            entries: Entries::new(format),
            history: History::new(format),
            cache: Cache::new(cache_bytes_max),
            forgotten: 0,
            unread_commits: 0,
            end: 0,
            inflated: 0,
            resolved: 0,
            delta: Vec::new(),
            run: vec![0; RUN_BYTES_MAX],
        }
    }

    /// Reads the whole pack. What was gathered before a problem stays.
    pub(super) fn scan(&mut self, mut stream: Stream<'_>) -> Result<Sums, Problem> {
        let scanned = self.read(&mut stream);
        self.end = stream.offset();
        scanned
    }

    fn read(&mut self, stream: &mut Stream<'_>) -> Result<Sums, Problem> {
        let began = stream.offset();
        let mut head = [0; 12];
        stream.bytes(&mut head)?;
        let [p, a, c, k, v0, v1, v2, v3, n0, n1, n2, n3] = head;
        if [p, a, c, k] != *b"PACK" {
            return Err(Problem::NoPack);
        }
        let version = u32::from_be_bytes([v0, v1, v2, v3]);
        if version != 2 && version != 3 {
            return Err(Problem::Version(version));
        }
        self.objects = u32::from_be_bytes([n0, n1, n2, n3]);
        if self.objects > GIT_OBJECTS_MAX {
            return Err(Problem::TooManyObjects(self.objects));
        }
        self.entries.end = stream.offset();
        for number in 0..self.objects {
            self.entry(number, began, stream)?;
            if number < ENTRIES_REMEMBERED_MAX {
                self.entries.end = stream.offset();
            }
        }
        let sums = stream.finish()?;
        if sums.made != sums.said {
            return Err(Problem::Checksum { said: sums.said.to_string(), made: sums.made.to_string() });
        }
        Ok(sums)
    }

    fn entry(&mut self, number: u32, began: u64, stream: &mut Stream<'_>) -> Result<(), Problem> {
        let offset = stream.offset();
        let head = entry_head(number, self.format, || stream.byte())?;
        self.inflated = self.inflated.saturating_add(head.bytes);
        if self.inflated > INFLATED_BYTES_MAX {
            return Err(Problem::Inflated);
        }
        let remembered = number < ENTRIES_REMEMBERED_MAX;
        if !remembered {
            self.forgotten += 1;
        }
        match (head.kind, head.base) {
            (Some(kind), _) if remembered => self.whole(number, offset, kind, head.bytes, stream),
            (None, EntryBase::Distance(distance)) => {
                let outside = || Problem::BaseOutside(number);
                let base = offset.checked_sub(distance).filter(|base| *base >= began + 12 && distance > 0);
                let base = base.ok_or_else(outside)?;
                if !remembered {
                    return stream.inflate_runs(number, head.bytes, &mut self.run, |_| {});
                }
                let base = self.entries.at_offset(base).ok_or_else(outside)?;
                self.delta(number, offset, base, None, head.bytes, stream)
            }
            (None, EntryBase::Object(id)) if remembered => {
                let base = self.entries.find(&id).unwrap_or(ELSEWHERE);
                self.delta(number, offset, base, Some(id), head.bytes, stream)
            }
            _ => stream.inflate_runs(number, head.bytes, &mut self.run, |_| {}),
        }
    }

    fn whole(
        &mut self,
        number: u32,
        offset: u64,
        kind: ObjectKind,
        bytes: u64,
        stream: &mut Stream<'_>,
    ) -> Result<(), Problem> {
        let entry = Entry::new(offset, bytes, WHOLE, 0, Some(kind));
        if bytes <= PIECE_BYTES_MAX {
            let mut piece = Vec::new();
            stream.inflate_piece(number, bytes as usize, &mut piece)?;
            let index = self.entries.push(entry);
            self.take(index, kind, piece.into());
            return Ok(());
        }
        let mut digest = Digest::of_object(self.format, kind, bytes);
        let mut counting = (kind == ObjectKind::Blob).then(Counting::default);
        stream.inflate_runs(number, bytes, &mut self.run, |run| {
            digest.update(run);
            if let Some(counting) = &mut counting {
                counting.take(run);
            }
        })?;
        let index = self.entries.push(entry);
        self.entries.name(index, digest.finish());
        if let (Some(counting), Some(entry)) = (counting, self.entries.get_mut(index)) {
            entry.set_lines(counting.finish());
        }
        if kind == ObjectKind::Commit {
            self.unread_commits += 1;
        }
        Ok(())
    }

    fn delta(
        &mut self,
        number: u32,
        offset: u64,
        base_index: u32,
        base_id: Option<ObjectId>,
        bytes: u64,
        stream: &mut Stream<'_>,
    ) -> Result<(), Problem> {
        let said = |problem| Problem::Object(number, Box::new(problem));
        let mut delta = std::mem::take(&mut self.delta);
        if bytes <= PIECE_BYTES_MAX {
            stream.inflate_piece(number, bytes as usize, &mut delta)?;
        } else {
            // Enough for the two sizes that it begins with.
            delta.clear();
            stream.inflate_runs(number, bytes, &mut self.run, |run| {
                let missing = 20 - delta.len().min(20);
                delta.extend_from_slice(run.get(..missing).unwrap_or(run));
            })?;
        }
        let (base_bytes, result_bytes, _) = delta::sizes(&delta).ok_or_else(|| said(Problem::DeltaBroken))?;
        let base = self.entries.get(base_index).copied();
        if base.is_some_and(|base| base.bytes != base_bytes) {
            return Err(said(Problem::DeltaOfAnother));
        }
        let deep = base.map_or(0, |base| base.deep) + 1;
        if usize::from(deep) > GIT_DELTAS_DEEP_MAX {
            return Err(Problem::TooDeep(number));
        }
        let kind = base.and_then(|base| base.kind);
        let index = self.entries.push(Entry::new(offset, result_bytes, base_index, deep, kind));
        if let Some(id) = base_id.filter(|_| base_index == ELSEWHERE) {
            self.entries.elsewhere.insert(index, id);
        }
        if let Some(kind) = kind
            && bytes.max(result_bytes) <= PIECE_BYTES_MAX
            && self.resolved + result_bytes <= RESOLVED_BYTES_MAX
            && let Some(base) = self.cache.get(base_index)
        {
            self.resolved += result_bytes;
            let content = delta::apply(&base, &delta).map_err(said)?;
            self.take(index, kind, content.into());
        }
        self.delta = delta;
        Ok(())
    }

    /// An object is there: names it, looks into it, keeps it at hand.
    pub(super) fn take(&mut self, index: u32, kind: ObjectKind, content: Bytes) {
        self.entries.name(index, object_id(self.format, kind, &content));
        if kind == ObjectKind::Blob
            && let Some(entry) = self.entries.get_mut(index)
        {
            let mut counting = Counting::default();
            counting.take(&content);
            entry.set_lines(counting.finish());
        }
        // An object can be in a pack twice.
        let first = self.entries.id(index).is_some_and(|id| self.entries.find(&id) == Some(index));
        if kind == ObjectKind::Commit && first {
            match text::commit(&content) {
                Some(commit) => self.history.add(index, commit.committer.seconds, &commit.parents),
                None => self.unread_commits += 1,
            }
        }
        self.cache.insert(index, content);
    }
}
