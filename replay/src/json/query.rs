//! An event of a database session as JSON.

use serde_json::{Value, json};
use wiretape_core::event::{
    Acknowledged, Column, CopyDirection, Field, Parameter, Prepared, QueryEvent, TransactionStatus,
};

use super::Object;
use super::object::text_or_base64;

pub(super) fn query(object: &mut Object, event: &QueryEvent) {
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
            object.put("parameters", parameters.iter().map(parameter).collect::<Vec<_>>());
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
            object.put("function_id", *function_id);
            object.put("formats", formats.clone());
            let arguments = arguments.iter().map(|argument| argument.as_ref().map_or(Value::Null, |value| text(value)));
            object.put("arguments", arguments.collect::<Vec<_>>());
            object.put("result_format", *result_format);
        }
        QueryEvent::Returned { value } => match value {
            Some(value) => object.put_bytes("value", value),
            None => object.put("value", Value::Null),
        },
        QueryEvent::Types { types } => object.put("types", types.clone()),
        QueryEvent::Columns { columns } => object.put("columns", columns.iter().map(column).collect::<Vec<_>>()),
        QueryEvent::Rows { count, bytes } | QueryEvent::CopyData { count, bytes } => {
            object.put("count", *count);
            object.put_payload(bytes);
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

fn parameter(parameter: &Parameter) -> Value {
    json!({ "type": parameter.type_id, "value": parameter.value.as_ref().map(|value| text(value)) })
}

fn column(column: &Column) -> Value {
    json!({
        "name": text(&column.name),
        "table": column.table_id,
        "attribute": column.attribute,
        "type": column.type_id,
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
