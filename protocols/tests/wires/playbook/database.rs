//! From the events of a database session to the text of a case.

use bytes::Bytes;
use wiretape_core::event::{Column, Field, Parameter, QueryEvent};

use super::words::text;

/// What an event says beside its name.
pub(super) fn told(event: &QueryEvent) -> String {
    match event {
        QueryEvent::Startup { version, parameters } => format!("{version:#x} {parameters:?}"),
        QueryEvent::Negotiated { version, unrecognised } => format!("{version:#x} {}", texts(unrecognised)),
        QueryEvent::Setting { name, value } => format!("{} is {}", text(name), text(value)),
        QueryEvent::Key { process_id, key_bytes } => format!("of process {process_id}, {key_bytes} bytes"),
        QueryEvent::Cancel { address } => address.clone(),
        QueryEvent::Simple { text: query } => text(query),
        QueryEvent::Parse { statement, text: query, types } => {
            format!("{} as {}{}", text(statement), text(query), numbers("types", types))
        }
        QueryEvent::Bind { portal, statement, formats, parameters, result_formats } => {
            let parameters: Vec<_> = parameters.iter().map(parameter).collect();
            let (formats, results) = (numbers("formats", formats), numbers("results", result_formats));
            format!("{} to {} with ({}){formats}{results}", text(portal), text(statement), parameters.join(", "))
        }
        QueryEvent::Describe { of, name } | QueryEvent::Close { of, name } => {
            format!("{} {}", format!("{of:?}").to_lowercase(), text(name))
        }
        QueryEvent::Execute { portal, statement, rows_max } => {
            let of = statement.as_ref().map_or_else(|| "an unknown statement".to_owned(), |name| text(name));
            format!("{} of {of}, rows {rows_max}", text(portal))
        }
        QueryEvent::Call { function_id, formats, arguments, result_format } => {
            let arguments: Vec<_> = arguments.iter().map(value).collect();
            let formats = numbers("formats", formats);
            format!("{function_id} of ({}){formats} for format {result_format}", arguments.join(", "))
        }
        QueryEvent::Returned { value: returned } => value(returned),
        QueryEvent::Types { types } => numbers("types", types).trim_start().to_owned(),
        QueryEvent::Columns { columns } => columns.iter().map(column).collect::<Vec<_>>().join(", "),
        QueryEvent::Rows { count, bytes } | QueryEvent::CopyData { count, bytes } => {
            format!("{count} in {} bytes", bytes.len())
        }
        QueryEvent::CopyStart { direction, format, formats } => {
            format!("{} format {format}{}", format!("{direction:?}").to_lowercase(), numbers("formats", formats))
        }
        QueryEvent::CopyFail { message } => text(message),
        QueryEvent::Complete { tag, rows } => {
            format!("{}{}", text(tag), rows.map_or_else(String::new, |rows| format!(" rows {rows}")))
        }
        QueryEvent::Acknowledged { what } => format!("{what:?}"),
        QueryEvent::Error { fields } | QueryEvent::Notice { fields } => {
            fields.iter().map(field).collect::<Vec<_>>().join(" ")
        }
        QueryEvent::Ready { status } => format!("{status:?}"),
        QueryEvent::Notification { process_id, channel, payload } => {
            format!("of process {process_id} on {}: {}", text(channel), text(payload))
        }
        QueryEvent::Flush | QueryEvent::Sync | QueryEvent::CopyDone | QueryEvent::Terminate => String::new(),
        QueryEvent::Long { letter, bytes, last } => {
            let last = if *last { ", the last" } else { "" };
            format!("{} {} bytes{last}", char::from(*letter), bytes.len())
        }
    }
}

fn texts(list: &[Bytes]) -> String {
    list.iter().map(|each| text(each)).collect::<Vec<_>>().join(", ")
}

fn numbers(what: &str, list: &[impl ToString]) -> String {
    match list {
        [] => String::new(),
        list => format!(" {what} {}", list.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")),
    }
}

fn value(value: &Option<Bytes>) -> String {
    value.as_ref().map_or_else(|| "null".to_owned(), |value| text(value))
}

fn parameter(parameter: &Parameter) -> String {
    format!("{} of type {}", value(&parameter.value), parameter.type_id)
}

fn column(column: &Column) -> String {
    let Column { name, table_id, attribute, type_id, type_size, type_modifier, format } = column;
    let place = format!("table {table_id}.{attribute}");
    format!("{} of type {type_id} size {type_size} modifier {type_modifier} format {format} {place}", text(name))
}

fn field(field: &Field) -> String {
    // A farewell can be longer than what is shown of other texts.
    format!("{} \"{}\"", char::from(field.letter), field.text.escape_ascii())
}
