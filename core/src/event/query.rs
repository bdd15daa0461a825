//! Events of a database session, in the words of the PostgreSQL frontend/backend protocol.
//!
//! Names, texts and values are the peers' own bytes, not always UTF-8. Together the events of a lane hold everything
//! that was said on it: each message can be built again from its event, byte for byte.

use bytes::Bytes;

/// One value that a statement was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// The object identifier of its type, as far as the session said it; 0 when nobody did.
    pub type_id: u32,
    /// The value as it was sent; `None` for NULL.
    pub value: Option<Bytes>,
}

/// One column of a result (`RowDescription`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: Bytes,
    /// The object identifier of its table; 0 when it is none's.
    pub table_id: u32,
    /// Its number in that table; 0 when it has none.
    pub attribute: i16,
    /// The object identifier of its type.
    pub type_id: u32,
    /// The size of the type in bytes; negative for a variable one.
    pub type_size: i16,
    /// What the type is narrowed by, such as a length.
    pub type_modifier: i32,
    /// How its values are sent: 0 text, 1 binary.
    pub format: u16,
}

/// One field of an error or a notice, under the letter that names it (`S` severity, `C` code, `M` message, …).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The letter.
    pub letter: u8,
    /// The text.
    pub text: Bytes,
}

/// What a name names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prepared {
    /// A prepared statement.
    Statement,
    /// A portal: a statement with its parameters.
    Portal,
}

/// What the target says it has done, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acknowledged {
    /// `ParseComplete`.
    Parse,
    /// `BindComplete`.
    Bind,
    /// `CloseComplete`.
    Close,
    /// `NoData`: a description without columns.
    NoData,
    /// `EmptyQueryResponse`: there was nothing in the text.
    EmptyQuery,
    /// `PortalSuspended`: the portal has more rows than were asked for.
    PortalSuspended,
}

/// Which way a copy goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyDirection {
    /// From the client to the target (`CopyInResponse`).
    In,
    /// From the target to the client (`CopyOutResponse`).
    Out,
    /// Both ways, as in replication (`CopyBothResponse`).
    Both,
}

/// Where the session stands in a transaction, when the target is ready for the next query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionStatus {
    /// In none (`I`).
    Idle,
    /// In one (`T`).
    InTransaction,
    /// In one that has failed (`E`).
    Failed,
}

/// Events of the family `query`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueryEvent {
    /// The client's `StartupMessage`.
    Startup {
        /// The protocol's version: major in the upper 16 bits, minor in the lower.
        version: u32,
        /// Names and values, in order.
        parameters: Vec<(Bytes, Bytes)>,
    },
    /// The target speaks an older minor version, or does not know some options (`NegotiateProtocolVersion`).
    Negotiated {
        /// The newest version that it speaks.
        version: u32,
        /// The options that it does not know.
        unrecognised: Vec<Bytes>,
    },
    /// A setting of the session, as the target reports it (`ParameterStatus`).
    Setting {
        /// Its name.
        name: Bytes,
        /// Its value.
        value: Bytes,
    },
    /// The key by which the client may cancel was given (`BackendKeyData`); it is the gateway's own.
    Key {
        /// The process that it stands for, toward the client.
        process_id: u32,
        /// How long the key is, in bytes.
        key_bytes: u32,
    },
    /// The client asked on a connection of its own that what runs be cancelled (`CancelRequest`).
    Cancel {
        /// The address that it came from.
        address: String,
    },
    /// `Query`: one text, possibly several statements.
    Simple {
        /// The text.
        text: Bytes,
    },
    /// `Parse`: a statement was prepared.
    Parse {
        /// Its name; empty for the unnamed one.
        statement: Bytes,
        /// Its text.
        text: Bytes,
        /// The types of its parameters, as far as the client fixes them; 0 leaves one open.
        types: Vec<u32>,
    },
    /// `Bind`: a portal was made of a statement and values.
    Bind {
        /// The portal's name; empty for the unnamed one.
        portal: Bytes,
        /// The statement's name.
        statement: Bytes,
        /// How the parameters are sent, 0 text, 1 binary: none for all text, one for all, or one for each.
        formats: Vec<u16>,
        /// The parameters.
        parameters: Vec<Parameter>,
        /// How results are wanted, by the same rule.
        result_formats: Vec<u16>,
    },
    /// `Describe`.
    Describe {
        /// Of what.
        of: Prepared,
        /// By which name.
        name: Bytes,
    },
    /// `Execute`.
    Execute {
        /// The portal's name.
        portal: Bytes,
        /// The statement that the portal was made of, as far as it is known.
        statement: Option<Bytes>,
        /// After how many rows to pause; 0 for never.
        rows_max: u32,
    },
    /// `Close`: a statement or portal is done with.
    Close {
        /// What.
        of: Prepared,
        /// By which name.
        name: Bytes,
    },
    /// `Flush`: send what there is.
    Flush,
    /// `Sync`: the end of a group of messages.
    Sync,
    /// `FunctionCall`.
    Call {
        /// The object identifier of the function.
        function_id: u32,
        /// How the arguments are sent, by the rule of [`QueryEvent::Bind`].
        formats: Vec<u16>,
        /// The arguments; `None` for NULL.
        arguments: Vec<Option<Bytes>>,
        /// How the result is wanted: 0 text, 1 binary.
        result_format: u16,
    },
    /// `FunctionCallResponse`.
    Returned {
        /// The value; `None` for NULL.
        value: Option<Bytes>,
    },
    /// `ParameterDescription`: the types of a statement's parameters.
    Types {
        /// Object identifiers of types.
        types: Vec<u32>,
    },
    /// `RowDescription`.
    Columns {
        /// The columns of the rows that follow.
        columns: Vec<Column>,
    },
    /// A run of `DataRow`s.
    Rows {
        /// How many.
        count: u32,
        /// The messages, whole and verbatim.
        bytes: Bytes,
    },
    /// A copy begins.
    CopyStart {
        /// Which way.
        direction: CopyDirection,
        /// How the whole is sent: 0 text, 1 binary.
        format: u8,
        /// How each column is sent.
        formats: Vec<u16>,
    },
    /// A run of `CopyData`; the side of the event is the one that sent it.
    CopyData {
        /// How many messages.
        count: u32,
        /// The messages, whole and verbatim.
        bytes: Bytes,
    },
    /// `CopyDone`.
    CopyDone,
    /// `CopyFail`: the client breaks the copy off.
    CopyFail {
        /// Why.
        message: Bytes,
    },
    /// `CommandComplete`.
    Complete {
        /// The command's tag, such as `INSERT 0 1`.
        tag: Bytes,
        /// The rows that it names.
        rows: Option<u64>,
    },
    /// A message that says only that something was done.
    Acknowledged {
        /// What.
        what: Acknowledged,
    },
    /// `ErrorResponse`.
    Error {
        /// Its fields, in order.
        fields: Vec<Field>,
    },
    /// `NoticeResponse`.
    Notice {
        /// Its fields, in order.
        fields: Vec<Field>,
    },
    /// `ReadyForQuery`.
    Ready {
        /// Where the session stands.
        status: TransactionStatus,
    },
    /// `NotificationResponse`.
    Notification {
        /// The process that notified.
        process_id: u32,
        /// On which channel.
        channel: Bytes,
        /// With what.
        payload: Bytes,
    },
    /// `Terminate`: the client leaves.
    Terminate,
    /// A piece of a message that is too long for one event. The first piece begins with the message's type and length,
    /// and no other message of the same side stands between the pieces.
    Long {
        /// The message's type byte.
        letter: u8,
        /// Verbatim.
        bytes: Bytes,
        /// Whether the message ends here.
        last: bool,
    },
}

impl QueryEvent {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Startup { .. } => "query.startup",
            Self::Negotiated { .. } => "query.negotiated",
            Self::Setting { .. } => "query.setting",
            Self::Key { .. } => "query.key",
            Self::Cancel { .. } => "query.cancel",
            Self::Simple { .. } => "query.simple",
            Self::Parse { .. } => "query.parse",
            Self::Bind { .. } => "query.bind",
            Self::Describe { .. } => "query.describe",
            Self::Execute { .. } => "query.execute",
            Self::Close { .. } => "query.close",
            Self::Flush => "query.flush",
            Self::Sync => "query.sync",
            Self::Call { .. } => "query.call",
            Self::Returned { .. } => "query.returned",
            Self::Types { .. } => "query.types",
            Self::Columns { .. } => "query.columns",
            Self::Rows { .. } => "query.rows",
            Self::CopyStart { .. } => "query.copy-start",
            Self::CopyData { .. } => "query.copy-data",
            Self::CopyDone => "query.copy-done",
            Self::CopyFail { .. } => "query.copy-fail",
            Self::Complete { .. } => "query.complete",
            Self::Acknowledged { .. } => "query.acknowledged",
            Self::Error { .. } => "query.error",
            Self::Notice { .. } => "query.notice",
            Self::Ready { .. } => "query.ready",
            Self::Notification { .. } => "query.notification",
            Self::Terminate => "query.terminate",
            Self::Long { .. } => "query.long",
        }
    }

    /// Bytes of payload that the event carries verbatim.
    pub(super) fn payload_bytes(&self) -> usize {
        let optional = |value: &Option<Bytes>| value.as_ref().map_or(0, Bytes::len);
        match self {
            Self::Simple { text } | Self::Parse { text, .. } => text.len(),
            Self::Bind { parameters, .. } => parameters.iter().map(|parameter| optional(&parameter.value)).sum(),
            Self::Call { arguments, .. } => arguments.iter().map(optional).sum(),
            Self::Returned { value } => optional(value),
            Self::Rows { bytes, .. } | Self::CopyData { bytes, .. } | Self::Long { bytes, .. } => bytes.len(),
            _ => 0,
        }
    }
}
