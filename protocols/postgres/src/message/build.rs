//! An event to its message.

use bytes::{BufMut, Bytes, BytesMut};
use wiretape_core::event::{Acknowledged, Column, CopyDirection, Field, Prepared, QueryEvent, TransactionStatus};

use super::LENGTH_BYTES;

/// The bytes that were said, as PostgreSQL's documentation lays them out in "Message Formats".
///
/// It is the inverse of what the wire records, byte for byte, but for two secrets that no event has: the key of a
/// [`QueryEvent::Key`] is zeros, and a [`QueryEvent::Cancel`] is nothing. A [`QueryEvent::Long`] gives its piece of a
/// message.
#[must_use]
pub fn message_of(event: &QueryEvent) -> Bytes {
    match event {
        QueryEvent::Rows { bytes, .. } | QueryEvent::CopyData { bytes, .. } | QueryEvent::Long { bytes, .. } => {
            bytes.clone()
        }
        QueryEvent::Cancel { .. } => Bytes::new(),
        QueryEvent::Startup { version, parameters } => startup(*version, parameters),
        said => {
            let mut message = Message::new(letter(said));
            fields(said, &mut message);
            message.finish()
        }
    }
}

/// The `BackendKeyData` with this key, which no event has.
#[must_use]
pub fn backend_key_data(process_id: u32, key: &[u8]) -> Bytes {
    let mut message = Message::new(b'K');
    message.bytes.put_u32(process_id);
    message.bytes.put_slice(key);
    message.finish()
}

/// The type of a message that has one.
fn letter(event: &QueryEvent) -> u8 {
    match event {
        QueryEvent::Simple { .. } => b'Q',
        QueryEvent::Parse { .. } => b'P',
        QueryEvent::Bind { .. } => b'B',
        QueryEvent::Describe { .. } => b'D',
        QueryEvent::Execute { .. } => b'E',
        QueryEvent::Close { .. } => b'C',
        QueryEvent::Flush => b'H',
        QueryEvent::Sync => b'S',
        QueryEvent::Call { .. } => b'F',
        QueryEvent::Terminate => b'X',
        QueryEvent::CopyFail { .. } => b'f',
        QueryEvent::CopyDone => b'c',
        QueryEvent::CopyData { .. } => b'd',
        QueryEvent::Negotiated { .. } => b'v',
        QueryEvent::Setting { .. } => b'S',
        QueryEvent::Key { .. } => b'K',
        QueryEvent::Returned { .. } => b'V',
        QueryEvent::Types { .. } => b't',
        QueryEvent::Columns { .. } => b'T',
        QueryEvent::Rows { .. } => b'D',
        QueryEvent::CopyStart { direction: CopyDirection::In, .. } => b'G',
        QueryEvent::CopyStart { direction: CopyDirection::Out, .. } => b'H',
        QueryEvent::CopyStart { direction: CopyDirection::Both, .. } => b'W',
        QueryEvent::Complete { .. } => b'C',
        QueryEvent::Acknowledged { what: Acknowledged::Parse } => b'1',
        QueryEvent::Acknowledged { what: Acknowledged::Bind } => b'2',
        QueryEvent::Acknowledged { what: Acknowledged::Close } => b'3',
        QueryEvent::Acknowledged { what: Acknowledged::NoData } => b'n',
        QueryEvent::Acknowledged { what: Acknowledged::EmptyQuery } => b'I',
        QueryEvent::Acknowledged { what: Acknowledged::PortalSuspended } => b's',
        QueryEvent::Error { .. } => b'E',
        QueryEvent::Notice { .. } => b'N',
        QueryEvent::Ready { .. } => b'Z',
        QueryEvent::Notification { .. } => b'A',
        QueryEvent::Long { letter, .. } => *letter,
        // These two come before any message has a type.
        QueryEvent::Startup { .. } | QueryEvent::Cancel { .. } => 0,
    }
}

fn fields(event: &QueryEvent, message: &mut Message) {
    match event {
        QueryEvent::Simple { text } => message.string(text),
        QueryEvent::Parse { statement, text, types } => {
            message.string(statement);
            message.string(text);
            message.list(types, |message, type_id| message.bytes.put_u32(*type_id));
        }
        QueryEvent::Bind { portal, statement, formats, parameters, result_formats } => {
            message.string(portal);
            message.string(statement);
            message.formats(formats);
            message.list(parameters, |message, parameter| message.value(&parameter.value));
            message.formats(result_formats);
        }
        QueryEvent::Describe { of, name } | QueryEvent::Close { of, name } => {
            message.bytes.put_u8(match of {
                Prepared::Statement => b'S',
                Prepared::Portal => b'P',
            });
            message.string(name);
        }
        QueryEvent::Execute { portal, rows_max, .. } => {
            message.string(portal);
            message.bytes.put_u32(*rows_max);
        }
        QueryEvent::Call { function_id, formats, arguments, result_format } => {
            message.bytes.put_u32(*function_id);
            message.formats(formats);
            message.list(arguments, Message::value);
            message.bytes.put_u16(*result_format);
        }
        QueryEvent::CopyFail { message: text } | QueryEvent::Complete { tag: text, .. } => message.string(text),
        QueryEvent::Negotiated { version, unrecognised } => {
            message.bytes.put_u32(*version);
            message.bytes.put_u32(u32::try_from(unrecognised.len()).unwrap_or(u32::MAX));
            unrecognised.iter().for_each(|option| message.string(option));
        }
        QueryEvent::Setting { name, value } => {
            message.string(name);
            message.string(value);
        }
        QueryEvent::Key { process_id, key_bytes } => {
            message.bytes.put_u32(*process_id);
            message.bytes.put_bytes(0, *key_bytes as usize);
        }
        QueryEvent::Returned { value } => message.value(value),
        QueryEvent::Types { types } => message.list(types, |message, type_id| message.bytes.put_u32(*type_id)),
        QueryEvent::Columns { columns } => message.list(columns, Message::column),
        QueryEvent::CopyStart { format, formats, .. } => {
            message.bytes.put_u8(*format);
            message.formats(formats);
        }
        QueryEvent::Error { fields } | QueryEvent::Notice { fields } => message.lettered(fields),
        QueryEvent::Ready { status } => message.bytes.put_u8(match status {
            TransactionStatus::Idle => b'I',
            TransactionStatus::InTransaction => b'T',
            TransactionStatus::Failed => b'E',
        }),
        QueryEvent::Notification { process_id, channel, payload } => {
            message.bytes.put_u32(*process_id);
            message.string(channel);
            message.string(payload);
        }
        QueryEvent::Rows { .. }
        | QueryEvent::CopyData { .. }
        | QueryEvent::Long { .. }
        | QueryEvent::Cancel { .. }
        | QueryEvent::Startup { .. }
        | QueryEvent::Flush
        | QueryEvent::Sync
        | QueryEvent::Terminate
        | QueryEvent::CopyDone
        | QueryEvent::Acknowledged { .. } => {}
    }
}

/// The one message without a type.
fn startup(version: u32, parameters: &[(Bytes, Bytes)]) -> Bytes {
    let mut message = Message { bytes: BytesMut::new(), length_at: 0 };
    message.bytes.put_u32(0);
    message.bytes.put_u32(version);
    for (name, value) in parameters {
        message.string(name);
        message.string(value);
    }
    message.bytes.put_u8(0);
    message.finish()
}

/// A message in the making.
struct Message {
    bytes: BytesMut,
    /// Where its length stands.
    length_at: usize,
}

impl Message {
    fn new(letter: u8) -> Self {
        let mut bytes = BytesMut::with_capacity(64);
        bytes.put_u8(letter);
        bytes.put_u32(0);
        Self { bytes, length_at: 1 }
    }

    /// Writes the length, now that it is known.
    fn finish(mut self) -> Bytes {
        let length = u32::try_from(self.bytes.len() - self.length_at).unwrap_or(u32::MAX);
        if let Some(place) = self.bytes.get_mut(self.length_at..self.length_at + LENGTH_BYTES) {
            place.copy_from_slice(&length.to_be_bytes());
        }
        self.bytes.freeze()
    }

    fn string(&mut self, text: &Bytes) {
        self.bytes.put_slice(text);
        self.bytes.put_u8(0);
    }

    fn value(&mut self, value: &Option<Bytes>) {
        match value {
            None => self.bytes.put_i32(-1),
            Some(value) => {
                self.bytes.put_u32(u32::try_from(value.len()).unwrap_or(u32::MAX));
                self.bytes.put_slice(value);
            }
        }
    }

    fn list<T>(&mut self, items: &[T], item: impl Fn(&mut Self, &T)) {
        self.bytes.put_u16(u16::try_from(items.len()).unwrap_or(u16::MAX));
        items.iter().for_each(|each| item(self, each));
    }

    fn formats(&mut self, formats: &[u16]) {
        self.list(formats, |message, format| message.bytes.put_u16(*format));
    }

    fn column(&mut self, column: &Column) {
        self.string(&column.name);
        self.bytes.put_u32(column.table_id);
        self.bytes.put_i16(column.attribute);
        self.bytes.put_u32(column.type_id);
        self.bytes.put_i16(column.type_size);
        self.bytes.put_i32(column.type_modifier);
        self.bytes.put_u16(column.format);
    }

    fn lettered(&mut self, fields: &[Field]) {
        for field in fields {
            self.bytes.put_u8(field.letter);
            self.string(&field.text);
        }
        self.bytes.put_u8(0);
    }
}
