//! Bytes to packets: SFTP version 3 (draft-ietf-secsh-filexfer-02), and OpenSSH's extensions (its PROTOCOL, section 4).
//!
//! Only what is recorded or joined is decoded; fields behind that are passed on unread.

use bytes::Bytes;
use nom::multi::length_data;
use nom::number::complete::{be_u8, be_u32, be_u64};
use nom::{IResult, Parser};
use wiretape_core::event::{FileOperation, OpenMode};

use crate::limits::PACKET_BYTES_MAX;

/// Bytes of the length that stands before each packet (section 3).
pub(crate) const LENGTH_BYTES: usize = 4;

/// The status codes that decide something here (section 7).
pub(crate) const STATUS_OK: u32 = 0;
pub(crate) const STATUS_EOF: u32 = 1;
pub(crate) const STATUS_PERMISSION_DENIED: u32 = 3;
pub(crate) const STATUS_FAILURE: u32 = 4;

pub(crate) const INIT: u8 = 1;
pub(crate) const VERSION: u8 = 2;
pub(crate) const STATUS: u8 = 101;

/// Why a length cannot be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadLength(pub(crate) u32);

/// The packet is shorter than its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Short;

/// The size of the packet that starts `bytes`, its length field included; `None` until that field is whole.
///
/// # Errors
/// [`BadLength`] when it is empty or longer than any packet may be.
pub(crate) fn packet_bytes(bytes: &[u8]) -> Result<Option<usize>, BadLength> {
    let Some(field) = bytes.first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
    let length = u32::from_be_bytes(*field);
    match usize::try_from(length) {
        Ok(body) if (1..=PACKET_BYTES_MAX).contains(&body) => Ok(Some(LENGTH_BYTES + body)),
        _ => Err(BadLength(length)),
    }
}

/// The packet's name in the draft; the number of a type that it does not have.
pub(crate) fn packet_name(packet: &[u8]) -> String {
    let name = match packet.first() {
        None => "nothing",
        Some(1) => "SSH_FXP_INIT",
        Some(2) => "SSH_FXP_VERSION",
        Some(3) => "SSH_FXP_OPEN",
        Some(4) => "SSH_FXP_CLOSE",
        Some(5) => "SSH_FXP_READ",
        Some(6) => "SSH_FXP_WRITE",
        Some(7) => "SSH_FXP_LSTAT",
        Some(8) => "SSH_FXP_FSTAT",
        Some(9) => "SSH_FXP_SETSTAT",
        Some(10) => "SSH_FXP_FSETSTAT",
        Some(11) => "SSH_FXP_OPENDIR",
        Some(12) => "SSH_FXP_READDIR",
        Some(13) => "SSH_FXP_REMOVE",
        Some(14) => "SSH_FXP_MKDIR",
        Some(15) => "SSH_FXP_RMDIR",
        Some(16) => "SSH_FXP_REALPATH",
        Some(17) => "SSH_FXP_STAT",
        Some(18) => "SSH_FXP_RENAME",
        Some(19) => "SSH_FXP_READLINK",
        Some(20) => "SSH_FXP_SYMLINK",
        Some(101) => "SSH_FXP_STATUS",
        Some(102) => "SSH_FXP_HANDLE",
        Some(103) => "SSH_FXP_DATA",
        Some(104) => "SSH_FXP_NAME",
        Some(105) => "SSH_FXP_ATTRS",
        Some(200) => "SSH_FXP_EXTENDED",
        Some(201) => "SSH_FXP_EXTENDED_REPLY",
        Some(other) => return format!("type {other}"),
    };
    name.to_owned()
}

/// What may answer a request; an `SSH_FXP_STATUS` always may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Nothing but a status.
    Status,
    /// `SSH_FXP_ATTRS`.
    Attributes,
    /// `SSH_FXP_NAME`.
    Name,
    /// Whatever the extension says.
    Any,
}

/// A request of the client. Paths are copied, so that they keep no whole packet in memory; contents are not.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Request<'a> {
    Open {
        path: Bytes,
        mode: OpenMode,
    },
    OpenDirectory {
        path: Bytes,
    },
    Close {
        handle: &'a [u8],
    },
    Read {
        handle: &'a [u8],
        offset: u64,
        length: u32,
    },
    Write {
        handle: &'a [u8],
        offset: u64,
        data: &'a [u8],
    },
    ReadDirectory,
    /// An operation on paths.
    Path {
        operation: FileOperation,
        answer: Answer,
    },
    StatHandle {
        handle: &'a [u8],
    },
    SetHandle {
        handle: &'a [u8],
        attributes: Attributes,
    },
    /// An extension that names a handle.
    ExtensionHandle {
        name: String,
        handle: &'a [u8],
    },
    /// `copy-data`: the server writes what it reads, and none of it passes here.
    CopyData {
        from: &'a [u8],
        to: &'a [u8],
    },
}

/// A response of the server.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Response<'a> {
    Status {
        code: u32,
        message: &'a [u8],
    },
    Handle(&'a [u8]),
    Data(&'a [u8]),
    /// How many names, and the first of them.
    Name {
        count: u32,
        first: &'a [u8],
    },
    Attributes(Attributes),
    /// An extension's answer, or a type that the draft does not have.
    Other,
}

/// The attributes of a file (section 5), those that were given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Attributes {
    pub(crate) size: Option<u64>,
    pub(crate) owner: Option<(u32, u32)>,
    pub(crate) permissions: Option<u32>,
    pub(crate) times: Option<(u64, u64)>,
}

impl Attributes {
    /// The operation that gives them to `path`.
    pub(crate) fn set(self, path: Bytes) -> FileOperation {
        let Self { size, owner, permissions, times } = self;
        FileOperation::SetAttributes { path, size, permissions, owner, times }
    }
}

impl std::fmt::Display for Attributes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.permissions, self.size) {
            (Some(mode), Some(size)) => write!(f, "mode {mode:o}, {size} bytes"),
            (Some(mode), None) => write!(f, "mode {mode:o}"),
            (None, Some(size)) => write!(f, "{size} bytes"),
            (None, None) => Ok(()),
        }
    }
}

type Parsed<'a, T> = IResult<&'a [u8], T, ()>;

/// The version in an `SSH_FXP_INIT` or `SSH_FXP_VERSION`, when the packet is of type `kind` (section 4).
pub(crate) fn version(kind: u8, packet: &[u8]) -> Option<u32> {
    let fields: Parsed<'_, (u8, u32)> = (be_u8, be_u32).parse(packet);
    match fields {
        Ok((_, (found, version))) if found == kind => Some(version),
        _ => None,
    }
}

/// A request's number and what is requested (sections 6 and 8).
pub(crate) fn request(packet: &[u8]) -> Result<(u32, Request<'_>), Short> {
    let (fields, (kind, id)) = head(packet)?;
    let (_, request) = body(kind, fields).map_err(|_| Short)?;
    Ok((id, request))
}

/// A response's number and what is answered (section 7).
pub(crate) fn response(packet: &[u8]) -> Result<(u32, Response<'_>), Short> {
    let (fields, (kind, id)) = head(packet)?;
    let (_, response) = answer(kind, fields).map_err(|_| Short)?;
    Ok((id, response))
}

fn head(packet: &[u8]) -> Result<(&[u8], (u8, u32)), Short> {
    let fields: Parsed<'_, (u8, u32)> = (be_u8, be_u32).parse(packet);
    fields.map_err(|_| Short)
}

fn string(fields: &[u8]) -> Parsed<'_, &[u8]> {
    length_data(be_u32).parse(fields)
}

fn path(fields: &[u8]) -> Parsed<'_, Bytes> {
    string.map(Bytes::copy_from_slice).parse(fields)
}

fn attributes(fields: &[u8]) -> Parsed<'_, Attributes> {
    let (mut rest, flags) = be_u32.parse(fields)?;
    let mut found = Attributes::default();
    if flags & 0x1 != 0 {
        let (after, size) = be_u64.parse(rest)?;
        (rest, found.size) = (after, Some(size));
    }
    if flags & 0x2 != 0 {
        let (after, owner) = (be_u32, be_u32).parse(rest)?;
        (rest, found.owner) = (after, Some(owner));
    }
    if flags & 0x4 != 0 {
        let (after, permissions) = be_u32.parse(rest)?;
        (rest, found.permissions) = (after, Some(permissions));
    }
    if flags & 0x8 != 0 {
        let (after, (accessed, modified)) = (be_u32, be_u32).parse(rest)?;
        (rest, found.times) = (after, Some((accessed.into(), modified.into())));
    }
    Ok((rest, found))
}

/// `SSH_FXF_*`, section 6.3.
fn open_mode(flags: u32) -> OpenMode {
    OpenMode {
        read: flags & 0x01 != 0,
        write: flags & 0x02 != 0,
        append: flags & 0x04 != 0,
        create: flags & 0x08 != 0,
        truncate: flags & 0x10 != 0,
        exclusive: flags & 0x20 != 0,
    }
}

fn body(kind: u8, fields: &[u8]) -> Parsed<'_, Request<'_>> {
    let of_path = |make: fn(Bytes) -> FileOperation, answer: Answer| {
        path.map(move |path| Request::Path { operation: make(path), answer }).parse(fields)
    };
    match kind {
        3 => (path, be_u32).map(|(path, flags)| Request::Open { path, mode: open_mode(flags) }).parse(fields),
        4 => string.map(|handle| Request::Close { handle }).parse(fields),
        5 => (string, be_u64, be_u32)
            .map(|(handle, offset, length)| Request::Read { handle, offset, length })
            .parse(fields),
        6 => {
            (string, be_u64, string).map(|(handle, offset, data)| Request::Write { handle, offset, data }).parse(fields)
        }
        7 => of_path(|path| FileOperation::Stat { path, follow: false }, Answer::Attributes),
        8 => string.map(|handle| Request::StatHandle { handle }).parse(fields),
        9 => set_attributes(fields),
        10 => (string, attributes).map(|(handle, attributes)| Request::SetHandle { handle, attributes }).parse(fields),
        11 => path.map(|path| Request::OpenDirectory { path }).parse(fields),
        12 => string.map(|_| Request::ReadDirectory).parse(fields),
        13 => of_path(|path| FileOperation::Remove { path }, Answer::Status),
        14 => of_path(|path| FileOperation::MakeDirectory { path }, Answer::Status),
        15 => of_path(|path| FileOperation::RemoveDirectory { path }, Answer::Status),
        16 => of_path(|path| FileOperation::RealPath { path }, Answer::Name),
        17 => of_path(|path| FileOperation::Stat { path, follow: true }, Answer::Attributes),
        18 => rename(fields, false),
        19 => of_path(|path| FileOperation::ReadLink { path }, Answer::Name),
        20 => link(fields, true),
        200 => extension(fields),
        other => Ok((fields, unknown(format!("type {other}"), Bytes::new()))),
    }
}

fn unknown(name: String, path: Bytes) -> Request<'static> {
    Request::Path { operation: FileOperation::Extension { name, path }, answer: Answer::Any }
}

fn set_attributes(fields: &[u8]) -> Parsed<'_, Request<'_>> {
    let status = |(path, attributes): (Bytes, Attributes)| Request::Path {
        operation: attributes.set(path),
        answer: Answer::Status,
    };
    (path, attributes).map(status).parse(fields)
}

fn rename(fields: &[u8], replace: bool) -> Parsed<'_, Request<'_>> {
    let status =
        |(from, to)| Request::Path { operation: FileOperation::Rename { from, to, replace }, answer: Answer::Status };
    (path, path).map(status).parse(fields)
}

/// The draft puts the link's own path first; OpenSSH, and most with it, puts first what the link points to.
fn link(fields: &[u8], symbolic: bool) -> Parsed<'_, Request<'_>> {
    let status = |(target, path)| Request::Path {
        operation: FileOperation::Link { target, path, symbolic },
        answer: Answer::Status,
    };
    (path, path).map(status).parse(fields)
}

fn extension(fields: &[u8]) -> Parsed<'_, Request<'_>> {
    let (fields, name) = string(fields)?;
    let said = String::from_utf8_lossy(name).into_owned();
    match name {
        b"posix-rename@openssh.com" => rename(fields, true),
        b"hardlink@openssh.com" => link(fields, false),
        b"lsetstat@openssh.com" => set_attributes(fields),
        b"fstatvfs@openssh.com" | b"fsync@openssh.com" => {
            string.map(|handle| Request::ExtensionHandle { name: said.clone(), handle }).parse(fields)
        }
        b"statvfs@openssh.com" | b"expand-path@openssh.com" | b"home-directory" => {
            path.map(|path| unknown(said.clone(), path)).parse(fields)
        }
        b"copy-data" => {
            (string, be_u64, be_u64, string).map(|(from, _, _, to)| Request::CopyData { from, to }).parse(fields)
        }
        _ => Ok((fields, unknown(said, Bytes::new()))),
    }
}

fn answer(kind: u8, fields: &[u8]) -> Parsed<'_, Response<'_>> {
    match kind {
        STATUS => {
            let (rest, code) = be_u32.parse(fields)?;
            // Servers of version 2 and below say no more than the code.
            let (rest, message) = if rest.is_empty() { (rest, rest) } else { string(rest)? };
            Ok((rest, Response::Status { code, message }))
        }
        102 => string.map(Response::Handle).parse(fields),
        103 => string.map(Response::Data).parse(fields),
        104 => {
            let (rest, count) = be_u32.parse(fields)?;
            let (rest, first) = if count == 0 { (rest, &[][..]) } else { string(rest)? };
            Ok((rest, Response::Name { count, first }))
        }
        105 => attributes.map(Response::Attributes).parse(fields),
        _ => Ok((fields, Response::Other)),
    }
}
