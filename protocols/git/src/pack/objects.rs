//! Objects read again: out of the pack by where they stand in what is held, or out of what the target answered.

use std::collections::HashMap;

use bytes::Bytes;
use wiretape_core::Held;
use wiretape_core::event::{ObjectId, ObjectKind};
use wiretape_core::limits::{GIT_DELTAS_DEEP_MAX, GIT_OBJECT_BYTES_MAX, GIT_UNPACKED_BYTES_MAX};

use super::delta;
use super::entries::{ELSEWHERE, WHOLE};
use super::inflate::Inflater;
use super::problem::Problem;
use super::scan::{Gathered, entry_head};

/// What is read at a time of what is held, of one object.
const READ_BYTES: u64 = 16 * 1024;

/// Why an object cannot be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Lack {
    /// It is in neither the pack nor what the target answered.
    Elsewhere,
    /// It is too large to be looked into.
    TooLarge,
    /// As much was unpacked as is allowed.
    Spent,
    /// The pack is broken.
    Problem(Problem),
}

/// Everything that is at hand.
pub(super) struct Objects<'h> {
    pub(super) gathered: Gathered,
    held: &'h mut dyn Held,
    /// What the target answered.
    pub(super) answered: HashMap<ObjectId, (ObjectKind, Bytes)>,
    /// Bytes of it.
    pub(super) answered_bytes: usize,
    inflater: Inflater,
    /// Bytes unpacked so far.
    pub(super) spent: u64,
}

impl<'h> Objects<'h> {
    pub(super) fn new(gathered: Gathered, held: &'h mut dyn Held) -> Self {
        Self { gathered, held, answered: HashMap::new(), answered_bytes: 0, inflater: Inflater::new(), spent: 0 }
    }

    /// True for an object of the pack.
    pub(super) fn is_packed(&self, id: &ObjectId) -> bool {
        self.gathered.entries.find(id).is_some()
    }

    /// An object by its name.
    pub(super) fn named(&mut self, id: &ObjectId) -> Result<(ObjectKind, Bytes), Lack> {
        if let Some(index) = self.gathered.entries.find(id) {
            let kind = self.gathered.entries.get(index).and_then(|entry| entry.kind).ok_or(Lack::Elsewhere)?;
            return Ok((kind, self.content(index)?));
        }
        self.answered.get(id).cloned().ok_or(Lack::Elsewhere)
    }

    /// The object of an entry.
    pub(super) fn content(&mut self, index: u32) -> Result<Bytes, Lack> {
        let mut deltas = Vec::new();
        let mut at = index;
        let mut content = loop {
            if let Some(content) = self.gathered.cache.get(at) {
                break content;
            }
            let entry = *self.gathered.entries.get(at).ok_or(Lack::Elsewhere)?;
            if entry.bytes > GIT_OBJECT_BYTES_MAX {
                return Err(Lack::TooLarge);
            }
            if entry.base == WHOLE {
                let content = Bytes::from(self.unpack(at)?);
                self.gathered.cache.insert(at, content.clone());
                break content;
            }
            deltas.push(at);
            if deltas.len() > GIT_DELTAS_DEEP_MAX {
                return Err(Lack::Problem(Problem::TooDeep(index)));
            }
            if entry.base == ELSEWHERE {
                let base = self.gathered.entries.elsewhere.get(&at).ok_or(Lack::Elsewhere)?;
                match self.gathered.entries.find(base) {
                    Some(base) => at = base,
                    None => break self.answered.get(base).ok_or(Lack::Elsewhere)?.1.clone(),
                }
            } else {
                at = entry.base;
            }
        };
        while let Some(at) = deltas.pop() {
            let delta = self.unpack(at)?;
            let made = delta::apply(&content, &delta)
                .map_err(|problem| Lack::Problem(Problem::Object(at, Box::new(problem))))?;
            content = made.into();
            self.spent += content.len() as u64;
            self.gathered.cache.insert(at, content.clone());
        }
        Ok(content)
    }

    /// Unpacks the body of an entry: a whole object, or a delta.
    fn unpack(&mut self, index: u32) -> Result<Vec<u8>, Lack> {
        let begin = self.gathered.entries.get(index).ok_or(Lack::Elsewhere)?.offset;
        let end = self.gathered.entries.end_of(index);
        let mut reader = Reader { held: &mut *self.held, offset: begin, end, run: Vec::new(), used: 0 };
        let head = entry_head(index, self.gathered.format, || reader.byte()).map_err(Lack::Problem)?;
        // A delta can be longer than what it makes, but then it makes no sense.
        if head.bytes > GIT_OBJECT_BYTES_MAX {
            return Err(Lack::TooLarge);
        }
        self.spent += head.bytes;
        if self.spent > GIT_UNPACKED_BYTES_MAX {
            return Err(Lack::Spent);
        }
        let mut body = vec![0; head.bytes as usize];
        let mut made = 0;
        self.inflater.begin();
        loop {
            reader.fill().map_err(Lack::Problem)?;
            let input = reader.run.get(reader.used..).unwrap_or_default();
            let mut surplus = [0];
            let rest = body.get_mut(made..).filter(|rest| !rest.is_empty());
            let progress = self
                .inflater
                .go_on(input, rest.unwrap_or(&mut surplus))
                .ok_or(Lack::Problem(Problem::NotZlib(index)))?;
            reader.used += progress.used;
            made += progress.made;
            if progress.ended && made == body.len() {
                return Ok(body);
            }
            if progress.ended || made > body.len() {
                return Err(Lack::Problem(Problem::ShorterThanSaid(index, head.bytes)));
            }
        }
    }
}

/// Reads one entry where it is held.
struct Reader<'h> {
    held: &'h mut dyn Held,
    offset: u64,
    end: u64,
    run: Vec<u8>,
    used: usize,
}

impl Reader<'_> {
    fn fill(&mut self) -> Result<(), Problem> {
        if self.used < self.run.len() {
            return Ok(());
        }
        let wanted = self.end.saturating_sub(self.offset).min(READ_BYTES) as usize;
        self.run.resize(wanted, 0);
        self.used = 0;
        let read = self.held.read(self.offset, &mut self.run).map_err(|_| Problem::Lost)?;
        self.run.truncate(read);
        self.offset += read as u64;
        if read == 0 { Err(Problem::Lost) } else { Ok(()) }
    }

    fn byte(&mut self) -> Result<u8, Problem> {
        self.fill()?;
        let byte = self.run.get(self.used).copied().ok_or(Problem::Lost)?;
        self.used += 1;
        Ok(byte)
    }
}
