//! Database sessions in words.

use wiretape_core::event::{Acknowledged, CopyDirection, Field, Prepared, QueryEvent, TransactionStatus};

use super::{QUOTE_LETTERS, label};
use crate::legible::{count, excerpt_bytes, size};
use crate::limits::LABEL_LETTERS_MAX;

/// Settings, values or fields that one line names.
const ITEMS_NAMED_MAX: usize = 8;

/// An event of the family `query` in one line.
pub(super) fn query(event: &QueryEvent) -> String {
    match event {
        QueryEvent::Startup { version, parameters } => {
            let named = named(parameters.iter().map(|(name, value)| format!("{}={}", text(name), text(value))));
            format!("startup, protocol {}.{}: {named}", version >> 16, version & 0xffff)
        }
        QueryEvent::Negotiated { version, unrecognised } => {
            let line = format!("speaks protocol {}.{} at most", version >> 16, version & 0xffff);
            match unrecognised.as_slice() {
                [] => line,
                options => format!("{line}, does not know {}", named(options.iter().map(|option| text(option)))),
            }
        }
        QueryEvent::Setting { name, value } => format!("setting {}={}", text(name), text(value)),
        QueryEvent::Key { process_id, key_bytes } => {
            format!("key to cancel by: process {process_id}, {}", size(u64::from(*key_bytes)))
        }
        QueryEvent::Cancel { address } => format!("asked to cancel what runs, from {}", label(address)),
        QueryEvent::Simple { text } => format!("query `{}`", quote(text)),
        QueryEvent::Parse { statement, text, .. } => format!("parse{} `{}`", name(statement), quote(text)),
        QueryEvent::Bind { portal, statement, parameters, .. } => {
            let given = count(parameters.len() as u64, "parameter");
            format!("bind{} to{} with {given}", name(statement), portal_name(portal))
        }
        QueryEvent::Describe { of, name } => format!("describe {}", prepared(*of, name)),
        QueryEvent::Execute { portal, rows_max, .. } => match rows_max {
            0 => format!("execute{}", portal_name(portal)),
            most => format!("execute{}, at most {}", portal_name(portal), count(u64::from(*most), "row")),
        },
        QueryEvent::Close { of, name } => format!("close {}", prepared(*of, name)),
        QueryEvent::Flush => "flush".to_owned(),
        QueryEvent::Sync => "sync".to_owned(),
        QueryEvent::Call { function_id, arguments, .. } => {
            format!("call function {function_id} with {}", count(arguments.len() as u64, "argument"))
        }
        QueryEvent::Returned { value: None } => "returned NULL".to_owned(),
        QueryEvent::Returned { value: Some(value) } => format!("returned {}", size(value.len() as u64)),
        QueryEvent::Types { types } => match types.as_slice() {
            [] => "takes no parameters".to_owned(),
            types => format!("takes parameters of types {}", named(types.iter().map(ToString::to_string))),
        },
        QueryEvent::Columns { columns } => match columns.as_slice() {
            [] => "columns: none".to_owned(),
            columns => format!("columns: {}", named(columns.iter().map(|column| text(&column.name)))),
        },
        QueryEvent::Rows { count: rows, bytes } => {
            format!("{} ({})", count(u64::from(*rows), "row"), size(bytes.len() as u64))
        }
        QueryEvent::CopyStart { direction, format, .. } => {
            let format = if *format == 0 { "text" } else { "binary" };
            match direction {
                CopyDirection::In => format!("copy in begins, {format}"),
                CopyDirection::Out => format!("copy out begins, {format}"),
                CopyDirection::Both => format!("copy both ways begins, {format}"),
            }
        }
        QueryEvent::CopyData { count: messages, bytes } => {
            format!("copy data: {} ({})", count(u64::from(*messages), "message"), size(bytes.len() as u64))
        }
        QueryEvent::CopyDone => "copy done".to_owned(),
        QueryEvent::CopyFail { message } => format!("copy broken off: {}", text(message)),
        QueryEvent::Complete { tag, .. } => format!("complete {}", text(tag)),
        QueryEvent::Acknowledged { what } => acknowledged(*what).to_owned(),
        QueryEvent::Error { fields } | QueryEvent::Notice { fields } => headline(fields),
        QueryEvent::Ready { status } => match status {
            TransactionStatus::Idle => "ready".to_owned(),
            TransactionStatus::InTransaction => "ready, in a transaction".to_owned(),
            TransactionStatus::Failed => "ready, in a transaction that has failed".to_owned(),
        },
        QueryEvent::Notification { process_id, channel, payload } => {
            let payload = if payload.is_empty() { String::new() } else { format!(": {}", text(payload)) };
            format!("notification on {} from process {process_id}{payload}", text(channel))
        }
        QueryEvent::Terminate => "terminate".to_owned(),
        QueryEvent::Long { letter, bytes, last } => {
            let end = if *last { ", its end" } else { "" };
            format!("piece of a long message `{}`: {}{end}", text(&[*letter]), size(bytes.len() as u64))
        }
    }
}

/// An error or a notice in one line: severity, code, message.
fn headline(fields: &[Field]) -> String {
    let field = |letter: u8| fields.iter().find(|field| field.letter == letter).map(|field| text(&field.text));
    let severity = field(b'S').unwrap_or_else(|| "?".to_owned());
    let code = field(b'C').map(|code| format!(" {code}")).unwrap_or_default();
    format!("{severity}{code}: {}", field(b'M').unwrap_or_default())
}

fn acknowledged(what: Acknowledged) -> &'static str {
    match what {
        Acknowledged::Parse => "parsed",
        Acknowledged::Bind => "bound",
        Acknowledged::Close => "closed",
        Acknowledged::NoData => "gives no rows",
        Acknowledged::EmptyQuery => "nothing to do",
        Acknowledged::PortalSuspended => "has more rows",
    }
}

fn prepared(of: Prepared, named: &[u8]) -> String {
    match of {
        Prepared::Statement => format!("statement{}", name(named)),
        Prepared::Portal => format!("portal{}", name(named)),
    }
}

/// The name of a statement with a space before it; nothing for the unnamed one.
fn name(bytes: &[u8]) -> String {
    if bytes.is_empty() { String::new() } else { format!(" {}", text(bytes)) }
}

fn portal_name(bytes: &[u8]) -> String {
    if bytes.is_empty() { " the unnamed portal".to_owned() } else { format!(" portal {}", text(bytes)) }
}

fn named(items: impl ExactSizeIterator<Item = String>) -> String {
    let left_out = items.len().saturating_sub(ITEMS_NAMED_MAX);
    let mut line = items.take(ITEMS_NAMED_MAX).collect::<Vec<_>>().join(", ");
    if left_out > 0 {
        line.push_str(&format!(" and {left_out} more"));
    }
    line
}

fn text(bytes: &[u8]) -> String {
    excerpt_bytes(bytes, LABEL_LETTERS_MAX)
}

fn quote(bytes: &[u8]) -> String {
    excerpt_bytes(bytes.trim_ascii(), QUOTE_LETTERS)
}
