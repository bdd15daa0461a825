//! What is open: handles, the files behind them, and how far each has come.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use wiretape_core::event::OpenMode;

use crate::content::{Content, Flow, Window};
use crate::event::Notes;
use crate::limits::HANDLES_MAX;
use crate::runs::Runs;

/// Names what was opened for as long as somebody refers to it; the server's own handles are used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key(u64);

/// What a handle stands for.
#[derive(Debug)]
enum Open {
    File(Box<File>),
    Directory { path: Bytes },
}

/// An open file.
#[derive(Debug)]
struct File {
    path: Bytes,
    append: bool,
    content: Content,
    read: Progress,
    written: Progress,
    /// Set once the server answered the close: whether that went well.
    closed: Option<bool>,
}

/// How far one direction has come.
#[derive(Debug, Default)]
struct Progress {
    runs: Runs,
    /// Requests that have no answer yet.
    waiting: usize,
}

impl File {
    fn progress(&mut self, flow: Flow) -> &mut Progress {
        match flow {
            Flow::Read => &mut self.read,
            Flow::Written => &mut self.written,
        }
    }

    fn finish(mut self, window: &mut Window, notes: &mut Notes) {
        for flow in [Flow::Read, Flow::Written] {
            for run in self.progress(flow).runs.take() {
                notes.passed(flow, &self.path, run);
            }
        }
        // What the server did not confirm, or could not close, is not known to be in the file.
        if self.written.waiting > 0 || self.closed == Some(false) {
            self.content.lose(window);
        }
        let content_sha256 = self.content.finish(window);
        let (read_bytes, written_bytes) = (self.read.runs.total_bytes(), self.written.runs.total_bytes());
        notes.closed(self.path, read_bytes, written_bytes, content_sha256);
    }
}

/// All that is open on one lane.
#[derive(Debug, Default)]
pub(crate) struct Files {
    handles: BTreeMap<Bytes, Key>,
    open: BTreeMap<Key, Open>,
    /// Of those, the ones that the client has closed, and the server has not said so.
    closing: BTreeSet<Key>,
    keys: u64,
    window: Window,
    names_bytes: usize,
}

impl Files {
    /// True when `pending` more cannot be opened.
    pub(crate) fn is_full(&self, pending: usize) -> bool {
        self.open.len().saturating_add(pending) >= HANDLES_MAX
    }

    /// Bytes of the paths and handles that are kept.
    pub(crate) fn names_bytes(&self) -> usize {
        self.names_bytes
    }

    /// The server opened a file. The handle must not be open.
    pub(crate) fn open_file(&mut self, handle: &[u8], path: Bytes, mode: OpenMode) {
        let file = File {
            path,
            append: mode.append,
            content: Content::new(mode.truncate && mode.write),
            read: Progress::default(),
            written: Progress::default(),
            closed: None,
        };
        self.insert(handle, Open::File(Box::new(file)));
    }

    /// The server opened a directory. The handle must not be open.
    pub(crate) fn open_directory(&mut self, handle: &[u8], path: Bytes) {
        self.insert(handle, Open::Directory { path });
    }

    /// What a handle stands for, if anything.
    pub(crate) fn key(&self, handle: &[u8]) -> Option<Key> {
        self.handles.get(handle).copied()
    }

    /// Whether a handle surely stands for what it was opened with: the server may already use one again that the client
    /// has closed.
    pub(crate) fn is_open(&self, handle: &[u8]) -> bool {
        self.key(handle).is_some_and(|key| !self.closing.contains(&key))
    }

    /// The client closes what `handle` stands for.
    pub(crate) fn begin_close(&mut self, handle: &[u8]) {
        self.closing.extend(self.key(handle));
    }

    /// The path that a handle was opened with; empty when it is not open.
    pub(crate) fn path(&self, handle: &[u8]) -> Bytes {
        match self.key(handle).and_then(|key| self.open.get(&key)) {
            Some(Open::File(file)) => file.path.clone(),
            Some(Open::Directory { path }) => path.clone(),
            None => Bytes::new(),
        }
    }

    /// The client asked to read or write and waits for the answer.
    pub(crate) fn wait(&mut self, key: Key, flow: Flow) {
        if let Some(file) = self.file(key) {
            file.progress(flow).waiting += 1;
        }
    }

    /// Contents pass.
    pub(crate) fn pass(&mut self, key: Key, flow: Flow, offset: u64, data: &[u8]) {
        if let Some(Open::File(file)) = self.open.get_mut(&key) {
            if file.append && flow == Flow::Written {
                // Where appended bytes land, only the server knows.
                file.content.lose(&mut self.window);
            }
            file.content.pass(flow, offset, data, &mut self.window);
        }
    }

    /// A read or write was answered: `length` bytes at `offset` passed, or none.
    pub(crate) fn answered(&mut self, key: Key, flow: Flow, offset: u64, length: u64, notes: &mut Notes) {
        let Some(file) = self.file(key) else { return };
        let path = file.path.clone();
        let progress = file.progress(flow);
        progress.waiting = progress.waiting.saturating_sub(1);
        let broken = progress.runs.add(offset, length, progress.waiting > 0);
        for run in broken {
            notes.passed(flow, &path, run);
        }
        self.finish_if_done(key, notes);
    }

    /// A read found the end of the file at `offset`.
    pub(crate) fn ended_at(&mut self, key: Key, offset: u64) {
        if let Some(file) = self.file(key) {
            file.content.ends_at(offset);
        }
    }

    /// A file's content is no longer what passed.
    pub(crate) fn lose_content(&mut self, key: Key) {
        if let Some(Open::File(file)) = self.open.get_mut(&key) {
            file.content.lose(&mut self.window);
        }
    }

    /// The server answered the close of what `handle` stood for then.
    pub(crate) fn close(&mut self, handle: &[u8], key: Key, well: bool, notes: &mut Notes) {
        self.release(handle, key);
        self.closing.remove(&key);
        match self.open.get_mut(&key) {
            Some(Open::File(file)) => {
                file.closed = Some(well);
                self.finish_if_done(key, notes);
            }
            Some(Open::Directory { .. }) => self.forget_directory(key),
            None => {}
        }
    }

    /// Nothing more will be answered: what passed so far is told.
    pub(crate) fn finish(&mut self, notes: &mut Notes) {
        self.handles.clear();
        self.closing.clear();
        self.names_bytes = 0;
        for (_, open) in std::mem::take(&mut self.open) {
            if let Open::File(file) = open {
                file.finish(&mut self.window, notes);
            }
        }
    }

    /// The handle no longer stands for `key`. Servers use handles again, perhaps before they answer the close.
    pub(crate) fn release(&mut self, handle: &[u8], key: Key) {
        if self.key(handle) == Some(key) {
            self.handles.remove(handle);
            self.names_bytes = self.names_bytes.saturating_sub(handle.len());
        }
    }

    fn insert(&mut self, handle: &[u8], open: Open) {
        self.keys += 1;
        let key = Key(self.keys);
        self.names_bytes += handle.len() + path_bytes(&open);
        self.handles.insert(Bytes::copy_from_slice(handle), key);
        self.open.insert(key, open);
    }

    fn file(&mut self, key: Key) -> Option<&mut File> {
        match self.open.get_mut(&key)? {
            Open::File(file) => Some(file),
            Open::Directory { .. } => None,
        }
    }

    fn forget_directory(&mut self, key: Key) {
        if let Some(open) = self.open.remove(&key) {
            self.names_bytes = self.names_bytes.saturating_sub(path_bytes(&open));
        }
    }

    /// A close may be answered before the reads and writes that went out with it.
    fn finish_if_done(&mut self, key: Key, notes: &mut Notes) {
        let done = |file: &File| file.closed.is_some() && file.read.waiting == 0 && file.written.waiting == 0;
        if !self.file(key).is_some_and(|file| done(file)) {
            return;
        }
        if let Some(Open::File(file)) = self.open.remove(&key) {
            self.names_bytes = self.names_bytes.saturating_sub(file.path.len());
            file.finish(&mut self.window, notes);
        }
    }
}

fn path_bytes(open: &Open) -> usize {
    match open {
        Open::File(file) => file.path.len(),
        Open::Directory { path } => path.len(),
    }
}
