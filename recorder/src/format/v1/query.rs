//! Events of a database session, as version 1 writes them.

use bincode::{BorrowDecode, Decode, Encode};
use bytes::Bytes;
use wiretape_core as words;

use super::Plain;

#[derive(Encode, BorrowDecode)]
pub(super) struct Parameter<'a> {
    type_id: u32,
    value: Option<&'a [u8]>,
}

#[derive(Encode, BorrowDecode)]
pub(super) struct Column<'a> {
    name: &'a [u8],
    table_id: u32,
    attribute: i16,
    type_id: u32,
    type_size: i16,
    type_modifier: i32,
    format: u16,
}

#[derive(Encode, BorrowDecode)]
pub(super) struct Field<'a> {
    letter: u8,
    text: &'a [u8],
}

#[derive(Encode, Decode)]
pub(super) enum Prepared {
    Statement,
    Portal,
}

#[derive(Encode, Decode)]
pub(super) enum Acknowledged {
    Parse,
    Bind,
    Close,
    NoData,
    EmptyQuery,
    PortalSuspended,
}

#[derive(Encode, Decode)]
pub(super) enum CopyDirection {
    In,
    Out,
    Both,
}

#[derive(Encode, Decode)]
pub(super) enum TransactionStatus {
    Idle,
    InTransaction,
    Failed,
}

#[derive(Encode, BorrowDecode)]
pub(super) enum Query<'a> {
    Startup {
        version: u32,
        parameters: Vec<(&'a [u8], &'a [u8])>,
    },
    Negotiated {
        version: u32,
        unrecognised: Vec<&'a [u8]>,
    },
    Setting {
        name: &'a [u8],
        value: &'a [u8],
    },
    Key {
        process_id: u32,
        key_bytes: u32,
    },
    Cancel {
        address: &'a str,
    },
    Simple {
        text: &'a [u8],
    },
    Parse {
        statement: &'a [u8],
        text: &'a [u8],
        types: Vec<u32>,
    },
    Bind {
        portal: &'a [u8],
        statement: &'a [u8],
        formats: Vec<u16>,
        parameters: Vec<Parameter<'a>>,
        result_formats: Vec<u16>,
    },
    Describe {
        of: Prepared,
        name: &'a [u8],
    },
    Execute {
        portal: &'a [u8],
        statement: Option<&'a [u8]>,
        rows_max: u32,
    },
    Close {
        of: Prepared,
        name: &'a [u8],
    },
    Flush,
    Sync,
    Call {
        function_id: u32,
        formats: Vec<u16>,
        arguments: Vec<Option<&'a [u8]>>,
        result_format: u16,
    },
    Returned {
        value: Option<&'a [u8]>,
    },
    Types {
        types: Vec<u32>,
    },
    Columns {
        columns: Vec<Column<'a>>,
    },
    Rows {
        count: u32,
        bytes: &'a [u8],
    },
    CopyStart {
        direction: CopyDirection,
        format: u8,
        formats: Vec<u16>,
    },
    CopyData {
        count: u32,
        bytes: &'a [u8],
    },
    CopyDone,
    CopyFail {
        message: &'a [u8],
    },
    Complete {
        tag: &'a [u8],
        rows: Option<u64>,
    },
    Acknowledged {
        what: Acknowledged,
    },
    Error {
        fields: Vec<Field<'a>>,
    },
    Notice {
        fields: Vec<Field<'a>>,
    },
    Ready {
        status: TransactionStatus,
    },
    Notification {
        process_id: u32,
        channel: &'a [u8],
        payload: &'a [u8],
    },
    Terminate,
    Long {
        letter: u8,
        bytes: &'a [u8],
        last: bool,
    },
}

/// Items of the longest list of `event`.
pub(super) fn list_items(event: &words::event::QueryEvent) -> usize {
    use words::event::QueryEvent as Core;
    match event {
        Core::Startup { parameters, .. } => parameters.len(),
        Core::Negotiated { unrecognised, .. } => unrecognised.len(),
        Core::Parse { types, .. } | Core::Types { types } => types.len(),
        Core::Bind { formats, parameters, result_formats, .. } => {
            formats.len().max(parameters.len()).max(result_formats.len())
        }
        Core::Call { formats, arguments, .. } => formats.len().max(arguments.len()),
        Core::Columns { columns } => columns.len(),
        Core::CopyStart { formats, .. } => formats.len(),
        Core::Error { fields } | Core::Notice { fields } => fields.len(),
        _ => 0,
    }
}

impl<'a> From<&'a words::event::QueryEvent> for Query<'a> {
    fn from(event: &'a words::event::QueryEvent) -> Self {
        use words::event::QueryEvent as Core;
        match event {
            Core::Startup { version, parameters } => Self::Startup {
                version: *version,
                parameters: parameters.iter().map(|(name, value)| (name.as_ref(), value.as_ref())).collect(),
            },
            Core::Negotiated { version, unrecognised } => {
                Self::Negotiated { version: *version, unrecognised: unrecognised.iter().map(AsRef::as_ref).collect() }
            }
            Core::Setting { name, value } => Self::Setting { name, value },
            Core::Key { process_id, key_bytes } => Self::Key { process_id: *process_id, key_bytes: *key_bytes },
            Core::Cancel { address } => Self::Cancel { address },
            Core::Simple { text } => Self::Simple { text },
            Core::Parse { statement, text, types } => Self::Parse { statement, text, types: types.clone() },
            Core::Bind { portal, statement, formats, parameters, result_formats } => Self::Bind {
                portal,
                statement,
                formats: formats.clone(),
                parameters: parameters.iter().map(Into::into).collect(),
                result_formats: result_formats.clone(),
            },
            Core::Describe { of, name } => Self::Describe { of: (*of).into(), name },
            Core::Execute { portal, statement, rows_max } => {
                Self::Execute { portal, statement: statement.as_deref(), rows_max: *rows_max }
            }
            Core::Close { of, name } => Self::Close { of: (*of).into(), name },
            Core::Flush => Self::Flush,
            Core::Sync => Self::Sync,
            Core::Call { function_id, formats, arguments, result_format } => Self::Call {
                function_id: *function_id,
                formats: formats.clone(),
                arguments: arguments.iter().map(Option::as_deref).collect(),
                result_format: *result_format,
            },
            Core::Returned { value } => Self::Returned { value: value.as_deref() },
            Core::Types { types } => Self::Types { types: types.clone() },
            Core::Columns { columns } => Self::Columns { columns: columns.iter().map(Into::into).collect() },
            Core::Rows { count, bytes } => Self::Rows { count: *count, bytes },
            Core::CopyStart { direction, format, formats } => {
                Self::CopyStart { direction: (*direction).into(), format: *format, formats: formats.clone() }
            }
            Core::CopyData { count, bytes } => Self::CopyData { count: *count, bytes },
            Core::CopyDone => Self::CopyDone,
            Core::CopyFail { message } => Self::CopyFail { message },
            Core::Complete { tag, rows } => Self::Complete { tag, rows: *rows },
            Core::Acknowledged { what } => Self::Acknowledged { what: (*what).into() },
            Core::Error { fields } => Self::Error { fields: fields.iter().map(Into::into).collect() },
            Core::Notice { fields } => Self::Notice { fields: fields.iter().map(Into::into).collect() },
            Core::Ready { status } => Self::Ready { status: (*status).into() },
            Core::Notification { process_id, channel, payload } => {
                Self::Notification { process_id: *process_id, channel, payload }
            }
            Core::Terminate => Self::Terminate,
            Core::Long { letter, bytes, last } => Self::Long { letter: *letter, bytes, last: *last },
        }
    }
}

impl Query<'_> {
    pub(super) fn into_core(self, plain: &Plain<'_>) -> words::event::QueryEvent {
        use words::event::QueryEvent as Core;
        let fields = |fields: Vec<Field<'_>>| fields.into_iter().map(|field| field.into_core(plain)).collect();
        match self {
            Self::Startup { version, parameters } => Core::Startup {
                version,
                parameters: parameters.iter().map(|(name, value)| (plain.kept(name), plain.kept(value))).collect(),
            },
            Self::Negotiated { version, unrecognised } => {
                Core::Negotiated { version, unrecognised: unrecognised.iter().map(|name| plain.kept(name)).collect() }
            }
            Self::Setting { name, value } => Core::Setting { name: plain.kept(name), value: plain.kept(value) },
            Self::Key { process_id, key_bytes } => Core::Key { process_id, key_bytes },
            Self::Cancel { address } => Core::Cancel { address: address.to_owned() },
            Self::Simple { text } => Core::Simple { text: plain.kept(text) },
            Self::Parse { statement, text, types } => {
                Core::Parse { statement: plain.kept(statement), text: plain.kept(text), types }
            }
            Self::Bind { portal, statement, formats, parameters, result_formats } => Core::Bind {
                portal: plain.kept(portal),
                statement: plain.kept(statement),
                formats,
                parameters: parameters.into_iter().map(|parameter| parameter.into_core(plain)).collect(),
                result_formats,
            },
            Self::Describe { of, name } => Core::Describe { of: of.into(), name: plain.kept(name) },
            Self::Execute { portal, statement, rows_max } => {
                Core::Execute { portal: plain.kept(portal), statement: optional(statement, plain), rows_max }
            }
            Self::Close { of, name } => Core::Close { of: of.into(), name: plain.kept(name) },
            Self::Flush => Core::Flush,
            Self::Sync => Core::Sync,
            Self::Call { function_id, formats, arguments, result_format } => Core::Call {
                function_id,
                formats,
                arguments: arguments.into_iter().map(|argument| optional(argument, plain)).collect(),
                result_format,
            },
            Self::Returned { value } => Core::Returned { value: optional(value, plain) },
            Self::Types { types } => Core::Types { types },
            Self::Columns { columns } => {
                Core::Columns { columns: columns.into_iter().map(|column| column.into_core(plain)).collect() }
            }
            Self::Rows { count, bytes } => Core::Rows { count, bytes: plain.kept(bytes) },
            Self::CopyStart { direction, format, formats } => {
                Core::CopyStart { direction: direction.into(), format, formats }
            }
            Self::CopyData { count, bytes } => Core::CopyData { count, bytes: plain.kept(bytes) },
            Self::CopyDone => Core::CopyDone,
            Self::CopyFail { message } => Core::CopyFail { message: plain.kept(message) },
            Self::Complete { tag, rows } => Core::Complete { tag: plain.kept(tag), rows },
            Self::Acknowledged { what } => Core::Acknowledged { what: what.into() },
            Self::Error { fields: said } => Core::Error { fields: fields(said) },
            Self::Notice { fields: said } => Core::Notice { fields: fields(said) },
            Self::Ready { status } => Core::Ready { status: status.into() },
            Self::Notification { process_id, channel, payload } => {
                Core::Notification { process_id, channel: plain.kept(channel), payload: plain.kept(payload) }
            }
            Self::Terminate => Core::Terminate,
            Self::Long { letter, bytes, last } => Core::Long { letter, bytes: plain.kept(bytes), last },
        }
    }
}

fn optional(value: Option<&[u8]>, plain: &Plain<'_>) -> Option<Bytes> {
    value.map(|value| plain.kept(value))
}

impl<'a> From<&'a words::event::Parameter> for Parameter<'a> {
    fn from(parameter: &'a words::event::Parameter) -> Self {
        Self { type_id: parameter.type_id, value: parameter.value.as_deref() }
    }
}

impl Parameter<'_> {
    fn into_core(self, plain: &Plain<'_>) -> words::event::Parameter {
        words::event::Parameter { type_id: self.type_id, value: optional(self.value, plain) }
    }
}

impl<'a> From<&'a words::event::Column> for Column<'a> {
    fn from(column: &'a words::event::Column) -> Self {
        Self {
            name: &column.name,
            table_id: column.table_id,
            attribute: column.attribute,
            type_id: column.type_id,
            type_size: column.type_size,
            type_modifier: column.type_modifier,
            format: column.format,
        }
    }
}

impl Column<'_> {
    fn into_core(self, plain: &Plain<'_>) -> words::event::Column {
        words::event::Column {
            name: plain.kept(self.name),
            table_id: self.table_id,
            attribute: self.attribute,
            type_id: self.type_id,
            type_size: self.type_size,
            type_modifier: self.type_modifier,
            format: self.format,
        }
    }
}

impl<'a> From<&'a words::event::Field> for Field<'a> {
    fn from(field: &'a words::event::Field) -> Self {
        Self { letter: field.letter, text: &field.text }
    }
}

impl Field<'_> {
    fn into_core(self, plain: &Plain<'_>) -> words::event::Field {
        words::event::Field { letter: self.letter, text: plain.kept(self.text) }
    }
}

impl From<words::event::Prepared> for Prepared {
    fn from(prepared: words::event::Prepared) -> Self {
        match prepared {
            words::event::Prepared::Statement => Self::Statement,
            words::event::Prepared::Portal => Self::Portal,
        }
    }
}

impl From<Prepared> for words::event::Prepared {
    fn from(prepared: Prepared) -> Self {
        match prepared {
            Prepared::Statement => Self::Statement,
            Prepared::Portal => Self::Portal,
        }
    }
}

impl From<words::event::Acknowledged> for Acknowledged {
    fn from(what: words::event::Acknowledged) -> Self {
        use words::event::Acknowledged as Core;
        match what {
            Core::Parse => Self::Parse,
            Core::Bind => Self::Bind,
            Core::Close => Self::Close,
            Core::NoData => Self::NoData,
            Core::EmptyQuery => Self::EmptyQuery,
            Core::PortalSuspended => Self::PortalSuspended,
        }
    }
}

impl From<Acknowledged> for words::event::Acknowledged {
    fn from(what: Acknowledged) -> Self {
        match what {
            Acknowledged::Parse => Self::Parse,
            Acknowledged::Bind => Self::Bind,
            Acknowledged::Close => Self::Close,
            Acknowledged::NoData => Self::NoData,
            Acknowledged::EmptyQuery => Self::EmptyQuery,
            Acknowledged::PortalSuspended => Self::PortalSuspended,
        }
    }
}

impl From<words::event::CopyDirection> for CopyDirection {
    fn from(direction: words::event::CopyDirection) -> Self {
        match direction {
            words::event::CopyDirection::In => Self::In,
            words::event::CopyDirection::Out => Self::Out,
            words::event::CopyDirection::Both => Self::Both,
        }
    }
}

impl From<CopyDirection> for words::event::CopyDirection {
    fn from(direction: CopyDirection) -> Self {
        match direction {
            CopyDirection::In => Self::In,
            CopyDirection::Out => Self::Out,
            CopyDirection::Both => Self::Both,
        }
    }
}

impl From<words::event::TransactionStatus> for TransactionStatus {
    fn from(status: words::event::TransactionStatus) -> Self {
        match status {
            words::event::TransactionStatus::Idle => Self::Idle,
            words::event::TransactionStatus::InTransaction => Self::InTransaction,
            words::event::TransactionStatus::Failed => Self::Failed,
        }
    }
}

impl From<TransactionStatus> for words::event::TransactionStatus {
    fn from(status: TransactionStatus) -> Self {
        match status {
            TransactionStatus::Idle => Self::Idle,
            TransactionStatus::InTransaction => Self::InTransaction,
            TransactionStatus::Failed => Self::Failed,
        }
    }
}
