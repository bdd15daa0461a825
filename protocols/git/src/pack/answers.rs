//! Packs that the target answers with: what is needed of them, at hand by name.

use std::collections::HashMap;

use bytes::Bytes;
use wiretape_core::event::{ObjectId, ObjectKind};

use super::ObjectFormat;
use super::delta;
use super::digest::object_id;
use super::inflate::Inflater;
use super::inquiry::{Questions, Wanted};
use super::limits::{ANSWERED_BYTES_MAX, ANSWERED_OBJECT_BYTES_MAX, INQUIRY_IDS_MAX, RUN_BYTES_MAX};
use super::objects::Objects;
use super::problem::Problem;
use super::scan::{EntryBase, EntryHead, entry_head};

/// Bytes before the first entry of a pack.
const HEAD_BYTES: usize = 12;

impl Objects<'_> {
    /// Asks for commits and their trees.
    pub(super) fn fetch_commits(&mut self, questions: &mut Questions<'_>, ids: &[ObjectId]) {
        // Where the target cannot leave files out, they come too, between the trees.
        self.fetch(questions, Wanted::CommitsWithTrees, ids, false);
    }

    /// Asks for trees, and for what stands below them where the target cannot leave it out.
    pub(super) fn fetch_trees(&mut self, questions: &mut Questions<'_>, ids: &[ObjectId]) {
        for ids in ids.chunks(INQUIRY_IDS_MAX) {
            self.fetch(questions, Wanted::Objects, ids, false);
        }
    }

    /// Asks for objects of any kind.
    pub(super) fn fetch_objects(&mut self, questions: &mut Questions<'_>, ids: &[ObjectId]) {
        for ids in ids.chunks(INQUIRY_IDS_MAX) {
            self.fetch(questions, Wanted::Objects, ids, true);
        }
    }

    fn fetch(&mut self, questions: &mut Questions<'_>, wanted: Wanted, ids: &[ObjectId], blobs: bool) {
        let mut answer = Answer::new(self, blobs);
        questions.fetch(wanted, ids, &mut |run| answer.take(run));
        // What was waiting for more is all there is.
        answer.enough_bytes = HEAD_BYTES.min(answer.unread.len());
        answer.take(b"");
    }
}

/// Reads a pack as it comes, and keeps what is wanted of it. Where it breaks off, what came before is kept.
struct Answer<'o, 'h> {
    objects: &'o mut Objects<'h>,
    blobs: bool,
    format: ObjectFormat,
    inflater: Inflater,
    run: Vec<u8>,
    /// What came and was not read.
    unread: Vec<u8>,
    /// Where it begins in the pack.
    offset: u64,
    /// How much of it there is to be before it is looked at again.
    enough_bytes: usize,
    /// What is kept, by where it stands in the pack.
    kept: HashMap<u64, ObjectId>,
}

/// How an entry was read.
enum Entry {
    /// It takes so many bytes.
    Whole(usize),
    /// It is not all there.
    Part,
    /// It is none.
    Broken,
}

/// How the body of an entry was unpacked.
enum Body {
    /// It takes so many bytes, and makes this, if it is wanted.
    Whole(usize, Vec<u8>),
    /// It is not all there.
    Part,
    /// It is none.
    Broken,
}

impl<'o, 'h> Answer<'o, 'h> {
    fn new(objects: &'o mut Objects<'h>, blobs: bool) -> Self {
        Self {
            format: objects.gathered.format,
            objects,
            blobs,
            inflater: Inflater::new(),
            run: vec![0; RUN_BYTES_MAX],
            unread: Vec::new(),
            offset: 0,
            enough_bytes: HEAD_BYTES,
            kept: HashMap::new(),
        }
    }

    /// Takes in what comes next; false: no more is wanted.
    fn take(&mut self, run: &[u8]) -> bool {
        self.unread.extend_from_slice(run);
        if self.unread.len() < self.enough_bytes {
            return true;
        }
        let mut unread = std::mem::take(&mut self.unread);
        let mut read = 0;
        if self.offset == 0 {
            if !unread.starts_with(b"PACK") {
                return false;
            }
            read = HEAD_BYTES;
        }
        let more = loop {
            match self.entry(self.offset + read as u64, unread.get(read..).unwrap_or_default()) {
                Entry::Whole(bytes) => read += bytes,
                Entry::Part => break true,
                Entry::Broken => break false,
            }
            if self.objects.answered_bytes > ANSWERED_BYTES_MAX {
                break false;
            }
        };
        self.offset += read as u64;
        unread.drain(..read.min(unread.len()));
        self.unread = unread;
        // An entry that is not all there is read anew only when there is twice as much of it.
        self.enough_bytes = self.unread.len() * 2;
        more
    }

    /// Reads the entry at the front of `bytes`, and keeps what it is if that is wanted.
    fn entry(&mut self, offset: u64, bytes: &[u8]) -> Entry {
        let mut rest = bytes;
        let head = entry_head(0, self.format, || {
            let (byte, behind) = rest.split_first().ok_or(Problem::Lost)?;
            rest = behind;
            Ok(*byte)
        });
        let head = match head {
            Ok(head) => head,
            Err(Problem::Lost) => return Entry::Part,
            Err(_) => return Entry::Broken,
        };
        let base = match head.base {
            EntryBase::None => None,
            EntryBase::Distance(distance) => offset.checked_sub(distance).and_then(|base| self.kept.get(&base)),
            EntryBase::Object(ref id) => Some(id),
        };
        let base = base.and_then(|id| self.objects.answered.get(id)).cloned();
        let kind = head.kind.or(base.as_ref().map(|(kind, _)| *kind));
        let wanted =
            kind.filter(|kind| (self.blobs || *kind != ObjectKind::Blob) && head.bytes <= ANSWERED_OBJECT_BYTES_MAX);
        let (used, body) = match self.unpack(&head, rest, wanted.is_some()) {
            Body::Whole(used, body) => (bytes.len() - rest.len() + used, body),
            Body::Part => return Entry::Part,
            Body::Broken => return Entry::Broken,
        };
        if let Some(kind) = wanted {
            let content = match base {
                Some((_, base)) => match delta::sizes(&body) {
                    Some((_, bytes, _)) if bytes <= ANSWERED_OBJECT_BYTES_MAX => delta::apply(&base, &body).ok(),
                    _ => None,
                },
                None => Some(body),
            };
            if let Some(content) = content {
                self.keep(offset, kind, content.into());
            }
        }
        Entry::Whole(used)
    }

    fn keep(&mut self, offset: u64, kind: ObjectKind, content: Bytes) {
        let id = object_id(self.format, kind, &content);
        self.kept.insert(offset, id);
        self.objects.answered_bytes += content.len();
        if self.objects.answered.insert(id, (kind, content.clone())).is_some() {
            self.objects.answered_bytes -= content.len();
        }
    }

    /// Unpacks a body at the front of `bytes`, into what it makes if it is `wanted`.
    fn unpack(&mut self, head: &EntryHead, bytes: &[u8], wanted: bool) -> Body {
        let mut body = Vec::new();
        let mut rest = bytes;
        self.inflater.begin();
        loop {
            if rest.is_empty() {
                return Body::Part;
            }
            let Some(progress) = self.inflater.go_on(rest, &mut self.run) else { return Body::Broken };
            rest = rest.get(progress.used..).unwrap_or_default();
            if wanted {
                body.extend_from_slice(self.run.get(..progress.made).unwrap_or_default());
                if body.len() as u64 > head.bytes {
                    return Body::Broken;
                }
            }
            if progress.ended {
                return Body::Whole(bytes.len() - rest.len(), body);
            }
        }
    }
}
