//! Events of HTTP, as version 1 writes them.

use bincode::{BorrowDecode, Decode, Encode};
use wiretape_core as words;

use super::Plain;

#[derive(Encode, Decode)]
pub(super) enum Version {
    Http10,
    Http11,
    Http2,
}

#[derive(Encode, BorrowDecode)]
pub(super) struct Field<'a> {
    name: &'a [u8],
    value: &'a [u8],
    concealed_bytes: u32,
}

#[derive(Encode, Decode)]
pub(super) enum MessageKind {
    Text,
    Binary,
}

#[derive(Encode, Decode)]
pub(super) enum ControlKind {
    Ping,
    Pong,
    Close,
}

#[derive(Encode, BorrowDecode)]
pub(super) enum Http<'a> {
    Request {
        version: Version,
        method: &'a [u8],
        scheme: &'a [u8],
        authority: &'a [u8],
        path: &'a [u8],
        protocol: Option<&'a [u8]>,
        fields: Vec<Field<'a>>,
    },
    Informational {
        status: u16,
        fields: Vec<Field<'a>>,
    },
    Response {
        version: Version,
        status: u16,
        reason: &'a [u8],
        fields: Vec<Field<'a>>,
    },
    Body {
        bytes: &'a [u8],
    },
    Trailers {
        fields: Vec<Field<'a>>,
    },
    End,
    Upgrade {
        protocol: &'a [u8],
    },
    Reset {
        code: u32,
        reason: &'a str,
    },
    Message {
        kind: MessageKind,
        bytes: &'a [u8],
        first: bool,
        last: bool,
    },
    Control {
        kind: ControlKind,
        bytes: &'a [u8],
    },
}

/// Items of the longest list of `event`.
pub(super) fn list_items(event: &words::event::HttpEvent) -> usize {
    use words::event::HttpEvent as Core;
    match event {
        Core::Request { fields, .. }
        | Core::Informational { fields, .. }
        | Core::Response { fields, .. }
        | Core::Trailers { fields } => fields.len(),
        _ => 0,
    }
}

fn written(fields: &[words::event::HeaderField]) -> Vec<Field<'_>> {
    fields.iter().map(Into::into).collect()
}

fn read(fields: Vec<Field<'_>>, plain: &Plain<'_>) -> Vec<words::event::HeaderField> {
    fields.into_iter().map(|field| field.into_core(plain)).collect()
}

impl<'a> From<&'a words::event::HttpEvent> for Http<'a> {
    fn from(event: &'a words::event::HttpEvent) -> Self {
        use words::event::HttpEvent as Core;
        match event {
            Core::Request { version, method, scheme, authority, path, protocol, fields } => Self::Request {
                version: (*version).into(),
                method,
                scheme,
                authority,
                path,
                protocol: protocol.as_deref(),
                fields: written(fields),
            },
            Core::Informational { status, fields } => Self::Informational { status: *status, fields: written(fields) },
            Core::Response { version, status, reason, fields } => {
                Self::Response { version: (*version).into(), status: *status, reason, fields: written(fields) }
            }
            Core::Body { bytes } => Self::Body { bytes },
            Core::Trailers { fields } => Self::Trailers { fields: written(fields) },
            Core::End => Self::End,
            Core::Upgrade { protocol } => Self::Upgrade { protocol },
            Core::Reset { code, reason } => Self::Reset { code: *code, reason },
            Core::Message { kind, bytes, first, last } => {
                Self::Message { kind: (*kind).into(), bytes, first: *first, last: *last }
            }
            Core::Control { kind, bytes } => Self::Control { kind: (*kind).into(), bytes },
        }
    }
}

impl Http<'_> {
    pub(super) fn into_core(self, plain: &Plain<'_>) -> words::event::HttpEvent {
        use words::event::HttpEvent as Core;
        match self {
            Self::Request { version, method, scheme, authority, path, protocol, fields } => Core::Request {
                version: version.into(),
                method: plain.kept(method),
                scheme: plain.kept(scheme),
                authority: plain.kept(authority),
                path: plain.kept(path),
                protocol: protocol.map(|protocol| plain.kept(protocol)),
                fields: read(fields, plain),
            },
            Self::Informational { status, fields } => Core::Informational { status, fields: read(fields, plain) },
            Self::Response { version, status, reason, fields } => Core::Response {
                version: version.into(),
                status,
                reason: plain.kept(reason),
                fields: read(fields, plain),
            },
            Self::Body { bytes } => Core::Body { bytes: plain.kept(bytes) },
            Self::Trailers { fields } => Core::Trailers { fields: read(fields, plain) },
            Self::End => Core::End,
            Self::Upgrade { protocol } => Core::Upgrade { protocol: plain.kept(protocol) },
            Self::Reset { code, reason } => Core::Reset { code, reason: reason.to_owned() },
            Self::Message { kind, bytes, first, last } => {
                Core::Message { kind: kind.into(), bytes: plain.kept(bytes), first, last }
            }
            Self::Control { kind, bytes } => Core::Control { kind: kind.into(), bytes: plain.kept(bytes) },
        }
    }
}

impl<'a> From<&'a words::event::HeaderField> for Field<'a> {
    fn from(field: &'a words::event::HeaderField) -> Self {
        Self { name: &field.name, value: &field.value, concealed_bytes: field.concealed_bytes }
    }
}

impl Field<'_> {
    fn into_core(self, plain: &Plain<'_>) -> words::event::HeaderField {
        words::event::HeaderField {
            name: plain.kept(self.name),
            value: plain.kept(self.value),
            concealed_bytes: self.concealed_bytes,
        }
    }
}

impl From<words::event::HttpVersion> for Version {
    fn from(version: words::event::HttpVersion) -> Self {
        match version {
            words::event::HttpVersion::Http10 => Self::Http10,
            words::event::HttpVersion::Http11 => Self::Http11,
            words::event::HttpVersion::Http2 => Self::Http2,
        }
    }
}

impl From<Version> for words::event::HttpVersion {
    fn from(version: Version) -> Self {
        match version {
            Version::Http10 => Self::Http10,
            Version::Http11 => Self::Http11,
            Version::Http2 => Self::Http2,
        }
    }
}

impl From<words::event::MessageKind> for MessageKind {
    fn from(kind: words::event::MessageKind) -> Self {
        match kind {
            words::event::MessageKind::Text => Self::Text,
            words::event::MessageKind::Binary => Self::Binary,
        }
    }
}

impl From<MessageKind> for words::event::MessageKind {
    fn from(kind: MessageKind) -> Self {
        match kind {
            MessageKind::Text => Self::Text,
            MessageKind::Binary => Self::Binary,
        }
    }
}

impl From<words::event::ControlKind> for ControlKind {
    fn from(kind: words::event::ControlKind) -> Self {
        match kind {
            words::event::ControlKind::Ping => Self::Ping,
            words::event::ControlKind::Pong => Self::Pong,
            words::event::ControlKind::Close => Self::Close,
        }
    }
}

impl From<ControlKind> for words::event::ControlKind {
    fn from(kind: ControlKind) -> Self {
        match kind {
            ControlKind::Ping => Self::Ping,
            ControlKind::Pong => Self::Pong,
            ControlKind::Close => Self::Close,
        }
    }
}
