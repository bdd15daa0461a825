//! Events of operations on files, decoded from SFTP or scp.

use bytes::Bytes;

/// How a file was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenMode {
    /// For reading.
    pub read: bool,
    /// For writing.
    pub write: bool,
    /// Writes go to the end.
    pub append: bool,
    /// Made when missing.
    pub create: bool,
    /// Cut to nothing.
    pub truncate: bool,
    /// Fails when it exists.
    pub exclusive: bool,
}

/// What is asked of the target's files. Paths are bytes: they need not be UTF-8.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileOperation {
    /// Opens a file.
    Open {
        /// Its path.
        path: Bytes,
        /// For what.
        mode: OpenMode,
    },
    /// Lists a directory.
    List {
        /// Its path.
        path: Bytes,
    },
    /// Reads the attributes of a path.
    Stat {
        /// The path.
        path: Bytes,
        /// Whether a symbolic link is followed.
        follow: bool,
    },
    /// Changes the attributes of a path.
    SetAttributes {
        /// The path.
        path: Bytes,
        /// The new size in bytes, when given.
        size: Option<u64>,
        /// The new permission bits, when given.
        permissions: Option<u32>,
        /// The new owner and group ids, when given.
        owner: Option<(u32, u32)>,
        /// The new access and modification times in seconds since 1970, when given.
        times: Option<(u64, u64)>,
    },
    /// Renames a path.
    Rename {
        /// From.
        from: Bytes,
        /// To.
        to: Bytes,
        /// Whether an existing file may be replaced.
        replace: bool,
    },
    /// Removes a file.
    Remove {
        /// Its path.
        path: Bytes,
    },
    /// Makes a directory.
    MakeDirectory {
        /// Its path.
        path: Bytes,
    },
    /// Removes a directory.
    RemoveDirectory {
        /// Its path.
        path: Bytes,
    },
    /// Makes a link.
    Link {
        /// What the link points to.
        target: Bytes,
        /// Where the link is made.
        path: Bytes,
        /// A symbolic link, or a hard one.
        symbolic: bool,
    },
    /// Reads where a symbolic link points.
    ReadLink {
        /// Its path.
        path: Bytes,
    },
    /// Asks for the absolute form of a path.
    RealPath {
        /// The path.
        path: Bytes,
    },
    /// Sends a whole file (scp): size and permissions are told beforehand.
    Send {
        /// Its path or name.
        path: Bytes,
        /// Its size in bytes.
        size: u64,
        /// Its permission bits.
        permissions: u32,
    },
    /// An operation outside the base protocol.
    Extension {
        /// Its name, such as `statvfs@openssh.com`.
        name: String,
        /// The path that it names first, when it names one.
        path: Bytes,
    },
}

impl FileOperation {
    /// The name by which policies, events and messages call what it does: `file.read`, `file.write`, `file.remove`
    /// or, for what only looks at names and attributes, `file.list`.
    #[must_use]
    pub fn action(&self) -> &'static str {
        match self {
            Self::Open { mode, .. } if mode.write || mode.append || mode.create || mode.truncate => "file.write",
            Self::Open { .. } => "file.read",
            Self::List { .. } | Self::Stat { .. } | Self::ReadLink { .. } | Self::RealPath { .. } => "file.list",
            Self::Remove { .. } | Self::RemoveDirectory { .. } => "file.remove",
            // What an extension does is its own affair: it is taken for the gravest thing that is usual.
            Self::SetAttributes { .. }
            | Self::Rename { .. }
            | Self::MakeDirectory { .. }
            | Self::Link { .. }
            | Self::Send { .. }
            | Self::Extension { .. } => "file.write",
        }
    }

    /// The path that it names; the first where it names two.
    #[must_use]
    pub fn path(&self) -> &Bytes {
        match self {
            Self::Open { path, .. }
            | Self::List { path }
            | Self::Stat { path, .. }
            | Self::SetAttributes { path, .. }
            | Self::Rename { from: path, .. }
            | Self::Remove { path }
            | Self::MakeDirectory { path }
            | Self::RemoveDirectory { path }
            | Self::Link { path, .. }
            | Self::ReadLink { path }
            | Self::RealPath { path }
            | Self::Send { path, .. }
            | Self::Extension { path, .. } => path,
        }
    }
}

/// Events of the family `file`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileEvent {
    /// An operation was asked for.
    Asked {
        /// Joins it to its answer: unique on the lane while it waits.
        request: u32,
        /// What.
        operation: FileOperation,
    },
    /// The target's answer.
    Answered {
        /// The operation's number.
        request: u32,
        /// The SFTP status code (`SSH_FX_OK` is 0); 0 as well for an answer with data.
        status: u32,
        /// The target's message, or what it answered (a path, a count of names).
        message: String,
    },
    /// A run of bytes was read, one after the other.
    Read {
        /// The file.
        path: Bytes,
        /// Where the run starts in the file.
        offset: u64,
        /// How long it is, in bytes.
        length: u64,
    },
    /// A run of bytes was written, one after the other.
    Written {
        /// The file.
        path: Bytes,
        /// Where the run starts in the file.
        offset: u64,
        /// How long it is, in bytes.
        length: u64,
    },
    /// A file was closed, or its transfer ended.
    Closed {
        /// The file.
        path: Bytes,
        /// Bytes read from it.
        read_bytes: u64,
        /// Bytes written to it.
        written_bytes: u64,
        /// SHA-256 of what passed, in the order of the file, when it passed from the start in one piece and in one
        /// direction; else `None`.
        content_sha256: Option<[u8; 32]>,
    },
}

impl FileEvent {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Asked { .. } => "file.asked",
            Self::Answered { .. } => "file.answered",
            Self::Read { .. } => "file.read",
            Self::Written { .. } => "file.written",
            Self::Closed { .. } => "file.closed",
        }
    }
}
