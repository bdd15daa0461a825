//! Events of operations on files, as version 1 writes them.

use bincode::{BorrowDecode, Decode, Encode};
use wiretape_core as words;

use super::Plain;

#[derive(Encode, Decode)]
pub(super) struct Mode {
    read: bool,
    write: bool,
    append: bool,
    create: bool,
    truncate: bool,
    exclusive: bool,
}

#[derive(Encode, BorrowDecode)]
pub(super) enum Operation<'a> {
    Open {
        path: &'a [u8],
        mode: Mode,
    },
    List {
        path: &'a [u8],
    },
    Stat {
        path: &'a [u8],
        follow: bool,
    },
    SetAttributes {
        path: &'a [u8],
        size: Option<u64>,
        permissions: Option<u32>,
        owner: Option<(u32, u32)>,
        times: Option<(u64, u64)>,
    },
    Rename {
        from: &'a [u8],
        to: &'a [u8],
        replace: bool,
    },
    Remove {
        path: &'a [u8],
    },
    MakeDirectory {
        path: &'a [u8],
    },
    RemoveDirectory {
        path: &'a [u8],
    },
    Link {
        target: &'a [u8],
        path: &'a [u8],
        symbolic: bool,
    },
    ReadLink {
        path: &'a [u8],
    },
    RealPath {
        path: &'a [u8],
    },
    Send {
        path: &'a [u8],
        size: u64,
        permissions: u32,
    },
    Extension {
        name: &'a str,
        path: &'a [u8],
    },
}

#[derive(Encode, BorrowDecode)]
pub(super) enum File<'a> {
    Asked { request: u32, operation: Operation<'a> },
    Answered { request: u32, status: u32, message: &'a str },
    Read { path: &'a [u8], offset: u64, length: u64 },
    Written { path: &'a [u8], offset: u64, length: u64 },
    Closed { path: &'a [u8], read_bytes: u64, written_bytes: u64, content_sha256: Option<[u8; 32]> },
}

impl<'a> From<&'a words::event::FileEvent> for File<'a> {
    fn from(event: &'a words::event::FileEvent) -> Self {
        use words::event::FileEvent as Core;
        match event {
            Core::Asked { request, operation } => Self::Asked { request: *request, operation: operation.into() },
            Core::Answered { request, status, message } => {
                Self::Answered { request: *request, status: *status, message }
            }
            Core::Read { path, offset, length } => Self::Read { path, offset: *offset, length: *length },
            Core::Written { path, offset, length } => Self::Written { path, offset: *offset, length: *length },
            Core::Closed { path, read_bytes, written_bytes, content_sha256 } => Self::Closed {
                path,
                read_bytes: *read_bytes,
                written_bytes: *written_bytes,
                content_sha256: *content_sha256,
            },
        }
    }
}

impl File<'_> {
    pub(super) fn into_core(self, plain: &Plain<'_>) -> words::event::FileEvent {
        use words::event::FileEvent as Core;
        match self {
            Self::Asked { request, operation } => Core::Asked { request, operation: operation.into_core(plain) },
            Self::Answered { request, status, message } => {
                Core::Answered { request, status, message: message.to_owned() }
            }
            Self::Read { path, offset, length } => Core::Read { path: plain.kept(path), offset, length },
            Self::Written { path, offset, length } => Core::Written { path: plain.kept(path), offset, length },
            Self::Closed { path, read_bytes, written_bytes, content_sha256 } => {
                Core::Closed { path: plain.kept(path), read_bytes, written_bytes, content_sha256 }
            }
        }
    }
}

impl<'a> From<&'a words::event::FileOperation> for Operation<'a> {
    fn from(operation: &'a words::event::FileOperation) -> Self {
        use words::event::FileOperation as Core;
        match operation {
            Core::Open { path, mode } => Self::Open { path, mode: (*mode).into() },
            Core::List { path } => Self::List { path },
            Core::Stat { path, follow } => Self::Stat { path, follow: *follow },
            Core::SetAttributes { path, size, permissions, owner, times } => {
                Self::SetAttributes { path, size: *size, permissions: *permissions, owner: *owner, times: *times }
            }
            Core::Rename { from, to, replace } => Self::Rename { from, to, replace: *replace },
            Core::Remove { path } => Self::Remove { path },
            Core::MakeDirectory { path } => Self::MakeDirectory { path },
            Core::RemoveDirectory { path } => Self::RemoveDirectory { path },
            Core::Link { target, path, symbolic } => Self::Link { target, path, symbolic: *symbolic },
            Core::ReadLink { path } => Self::ReadLink { path },
            Core::RealPath { path } => Self::RealPath { path },
            Core::Send { path, size, permissions } => Self::Send { path, size: *size, permissions: *permissions },
            Core::Extension { name, path } => Self::Extension { name, path },
        }
    }
}

impl Operation<'_> {
    fn into_core(self, plain: &Plain<'_>) -> words::event::FileOperation {
        use words::event::FileOperation as Core;
        match self {
            Self::Open { path, mode } => Core::Open { path: plain.kept(path), mode: mode.into() },
            Self::List { path } => Core::List { path: plain.kept(path) },
            Self::Stat { path, follow } => Core::Stat { path: plain.kept(path), follow },
            Self::SetAttributes { path, size, permissions, owner, times } => {
                Core::SetAttributes { path: plain.kept(path), size, permissions, owner, times }
            }
            Self::Rename { from, to, replace } => Core::Rename { from: plain.kept(from), to: plain.kept(to), replace },
            Self::Remove { path } => Core::Remove { path: plain.kept(path) },
            Self::MakeDirectory { path } => Core::MakeDirectory { path: plain.kept(path) },
            Self::RemoveDirectory { path } => Core::RemoveDirectory { path: plain.kept(path) },
            Self::Link { target, path, symbolic } => {
                Core::Link { target: plain.kept(target), path: plain.kept(path), symbolic }
            }
            Self::ReadLink { path } => Core::ReadLink { path: plain.kept(path) },
            Self::RealPath { path } => Core::RealPath { path: plain.kept(path) },
            Self::Send { path, size, permissions } => Core::Send { path: plain.kept(path), size, permissions },
            Self::Extension { name, path } => Core::Extension { name: name.to_owned(), path: plain.kept(path) },
        }
    }
}

impl From<words::event::OpenMode> for Mode {
    fn from(mode: words::event::OpenMode) -> Self {
        Self {
            read: mode.read,
            write: mode.write,
            append: mode.append,
            create: mode.create,
            truncate: mode.truncate,
            exclusive: mode.exclusive,
        }
    }
}

impl From<Mode> for words::event::OpenMode {
    fn from(mode: Mode) -> Self {
        Self {
            read: mode.read,
            write: mode.write,
            append: mode.append,
            create: mode.create,
            truncate: mode.truncate,
            exclusive: mode.exclusive,
        }
    }
}
