//! An event of a database session as JSON.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use wiretape_core::event::{
    Acknowledged, Column, CopyDirection, Field, Parameter, Prepared, QueryEvent, TransactionStatus,
};
use wiretape_core::{Event, Lane};

use super::Object;
use super::object::text_or_base64;
use crate::database::dialogue::{Dialogue, Keeping, format_at};
use crate::database::function::function;
use crate::database::message::{messages, values};
use crate::database::types;
use crate::database::value::{BINARY, shown};
use crate::limits::{DIALOGUES_KEPT_MAX, JSON_PREPARED_BYTES_MAX, JSON_VALUES_BYTES_MAX, QUERY_REQUESTS_KEPT_MAX};

/// Only columns are remembered.
const KEEPING: Keeping = Keeping {
    text_bytes_max: 0,
    prepared_bytes_max: JSON_PREPARED_BYTES_MAX,
    requests_max: QUERY_REQUESTS_KEPT_MAX,
    parameters: false,
};

/// What is remembered of the database sessions of a recording.
#[derive(Clone, Debug, Default)]
pub(super) struct Queries {
    dialogues: BTreeMap<Lane, Dialogue>,
}

impl Queries {
    pub(super) fn put(&mut self, object: &mut Object, event: &Event, said: &QueryEvent) {
        let known = self.dialogues.contains_key(&event.lane) || self.dialogues.len() < DIALOGUES_KEPT_MAX;
        let mut columns = None;
        if known {
            let dialogue = self.dialogues.entry(event.lane).or_insert_with(|| Dialogue::new(KEEPING));
            dialogue.feed(event.at, event.side, said);
            columns = matches!(said, QueryEvent::Rows { .. }).then(|| dialogue.columns()).flatten();
        }
        match said {
            QueryEvent::Rows { count, bytes } => {
                object.put("count", *count);
                object.put("rows", rows(bytes, columns.as_deref().unwrap_or_default()));
            }
            said => query(object, said),
        }
    }
}

/// The rows of a run, value by value.
fn rows(run: &[u8], columns: &[Column]) -> Vec<Value> {
    let mut room = JSON_VALUES_BYTES_MAX;
    let row = |row| {
        let cells = values(row).enumerate().map(|(place, cell)| {
            let (type_id, format) = columns.get(place).map_or((0, 0), |column| (column.type_id, column.format));
            value(type_id, format, cell, &mut room)
        });
        Value::from(cells.collect::<Vec<_>>())
    };
    messages(b'D', run).map(row).collect()
}

/// A value for reading; its text takes what it needs of `room`.
fn value(type_id: u32, format: u16, value: Option<&[u8]>, room: &mut usize) -> Value {
    let Some(value) = value else { return Value::Null };
    if format != BINARY {
        return text_or_base64(value);
    }
    let text = shown(type_id, format, value, *room).into_text();
    *room = room.saturating_sub(text.len());
    Value::from(text)
}

fn query(object: &mut Object, event: &QueryEvent) {
    match event {
        QueryEvent::Startup { version, parameters } => {
            object.put("version", version_name(*version));
            let pairs: Vec<_> = parameters.iter().map(|(name, value)| json!([text(name), text(value)])).collect();
            object.put("parameters", pairs);
        }
        QueryEvent::Negotiated { version, unrecognised } => {
            object.put("version", version_name(*version));
            object.put("unrecognised", unrecognised.iter().map(|name| text(name)).collect::<Vec<_>>());
        }
        QueryEvent::Setting { name, value } => {
            object.put_bytes("name", name);
            object.put_bytes("value", value);
        }
        QueryEvent::Key { process_id, key_bytes } => {
            object.put("process_id", *process_id);
            object.put("key_bytes", *key_bytes);
        }
        QueryEvent::Cancel { address } => object.put("address", address.as_str()),
        QueryEvent::Simple { text } => object.put_payload(text),
        QueryEvent::Parse { statement, text, types } => {
            object.put_bytes("statement", statement);
            object.put_payload(text);
            object.put("types", types.clone());
        }
        QueryEvent::Bind { portal, statement, formats, parameters, result_formats } => {
            object.put_bytes("portal", portal);
            object.put_bytes("statement", statement);
            object.put("formats", formats.clone());
            object.put("parameters", given(formats, parameters));
            object.put("result_formats", result_formats.clone());
        }
        QueryEvent::Describe { of, name } | QueryEvent::Close { of, name } => {
            object.put("of", prepared(*of));
            object.put_bytes("name", name);
        }
        QueryEvent::Execute { portal, statement, rows_max } => {
            object.put_bytes("portal", portal);
            match statement {
                Some(statement) => object.put_bytes("statement", statement),
                None => object.put("statement", Value::Null),
            }
            object.put("rows_max", *rows_max);
        }
        QueryEvent::Call { function_id, formats, arguments, result_format } => {
            let types = function(*function_id).map_or(&[][..], |function| function.arguments);
            object.put("function_id", *function_id);
            object.put("function", function(*function_id).map(|function| function.name));
            object.put("formats", formats.clone());
            let mut room = JSON_VALUES_BYTES_MAX;
            let arguments = arguments.iter().enumerate().map(|(place, argument)| {
                let type_id = types.get(place).copied().unwrap_or(0);
                value(type_id, format_at(formats, place), argument.as_deref(), &mut room)
            });
            object.put("arguments", arguments.collect::<Vec<_>>());
            object.put("result_format", *result_format);
        }
        // Of what type it is only the function knows.
        QueryEvent::Returned { value } => {
            object.put("value", value.as_ref().map(|value| shown(0, BINARY, value, 0).into_text()));
        }
        QueryEvent::Types { types } => object.put("types", types.clone()),
        QueryEvent::Columns { columns } => object.put("columns", columns.iter().map(column).collect::<Vec<_>>()),
        QueryEvent::Rows { count, bytes } => {
            object.put("count", *count);
            object.put("rows", rows(bytes, &[]));
        }
        QueryEvent::CopyData { count, bytes } => {
            object.put("count", *count);
            let content: Vec<&[u8]> = messages(b'd', bytes).collect();
            object.put_text_or_hex(&content.concat());
        }
        QueryEvent::CopyStart { direction, format, formats } => {
            object.put("direction", copy_direction(*direction));
            object.put("format", *format);
            object.put("formats", formats.clone());
        }
        QueryEvent::CopyFail { message } => object.put_bytes("message", message),
        QueryEvent::Complete { tag, rows } => {
            object.put_bytes("tag", tag);
            object.put("rows", *rows);
        }
        QueryEvent::Acknowledged { what } => object.put("what", acknowledged(*what)),
        QueryEvent::Error { fields } | QueryEvent::Notice { fields } => {
            object.put("fields", fields.iter().map(field).collect::<Vec<_>>());
        }
        QueryEvent::Ready { status } => object.put("status", transaction_status(*status)),
        QueryEvent::Notification { process_id, channel, payload } => {
            object.put("process_id", *process_id);
            object.put_bytes("channel", channel);
            object.put_bytes("payload", payload);
        }
        QueryEvent::Long { letter, bytes, last } => {
            object.put("letter", char::from(*letter).to_string());
            object.put_payload(bytes);
            object.put("last", *last);
        }
        QueryEvent::Flush | QueryEvent::Sync | QueryEvent::CopyDone | QueryEvent::Terminate => {}
    }
}

fn version_name(version: u32) -> String {
    format!("{}.{}", version >> 16, version & 0xffff)
}

fn given(formats: &[u16], parameters: &[Parameter]) -> Vec<Value> {
    let mut room = JSON_VALUES_BYTES_MAX;
    let parameter = |(place, parameter): (usize, &Parameter)| {
        let format = format_at(formats, place);
        json!({
            "type": parameter.type_id,
            "type_name": types::name(parameter.type_id),
            "format": format,
            "value": value(parameter.type_id, format, parameter.value.as_deref(), &mut room),
        })
    };
    parameters.iter().enumerate().map(parameter).collect()
}

fn column(column: &Column) -> Value {
    json!({
        "name": text(&column.name),
        "table": column.table_id,
        "attribute": column.attribute,
        "type": column.type_id,
        "type_name": types::name(column.type_id),
        "size": column.type_size,
        "modifier": column.type_modifier,
        "format": column.format,
    })
}

fn field(field: &Field) -> Value {
    json!([char::from(field.letter).to_string(), text(&field.text)])
}

fn text(bytes: &[u8]) -> Value {
    text_or_base64(bytes)
}

fn prepared(of: Prepared) -> &'static str {
    match of {
        Prepared::Statement => "statement",
        Prepared::Portal => "portal",
    }
}

fn copy_direction(direction: CopyDirection) -> &'static str {
    match direction {
        CopyDirection::In => "in",
        CopyDirection::Out => "out",
        CopyDirection::Both => "both",
    }
}

fn acknowledged(what: Acknowledged) -> &'static str {
    match what {
        Acknowledged::Parse => "parse",
        Acknowledged::Bind => "bind",
        Acknowledged::Close => "close",
        Acknowledged::NoData => "no-data",
        Acknowledged::EmptyQuery => "empty-query",
        Acknowledged::PortalSuspended => "portal-suspended",
    }
}

fn transaction_status(status: TransactionStatus) -> &'static str {
    match status {
        TransactionStatus::Idle => "idle",
        TransactionStatus::InTransaction => "in-transaction",
        TransactionStatus::Failed => "failed",
    }
}
