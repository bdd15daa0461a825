//! An event of an HTTP exchange as JSON.

use serde_json::{Map, Value};
use wiretape_core::event::{ControlKind, HeaderField, HttpEvent, MessageKind};

use super::Object;
use super::object::text_or_base64;
use crate::exchange::head::{error_name, version};

pub(super) fn http(object: &mut Object, event: &HttpEvent) {
    match event {
        HttpEvent::Request { version: its, method, scheme, authority, path, protocol, fields } => {
            object.put("version", version(*its));
            object.put_bytes("method", method);
            object.put_bytes("scheme", scheme);
            object.put_bytes("authority", authority);
            object.put_bytes("path", path);
            if let Some(protocol) = protocol {
                object.put_bytes("protocol", protocol);
            }
            section(object, fields);
        }
        HttpEvent::Informational { status, fields } => {
            object.put("status", *status);
            section(object, fields);
        }
        HttpEvent::Response { version: its, status, reason, fields } => {
            object.put("version", version(*its));
            object.put("status", *status);
            object.put_bytes("reason", reason);
            section(object, fields);
        }
        HttpEvent::Body { bytes } => object.put_payload(bytes),
        HttpEvent::Trailers { fields } => section(object, fields),
        HttpEvent::End => {}
        HttpEvent::Upgrade { protocol } => object.put_bytes("protocol", protocol),
        HttpEvent::Reset { code, reason } => {
            object.put("code", *code);
            object.put("name", error_name(*code));
            object.put("reason", reason.as_str());
        }
        HttpEvent::Message { kind, bytes, first, last } => {
            let kind = match kind {
                MessageKind::Text => "text",
                MessageKind::Binary => "binary",
            };
            object.put("message", kind);
            object.put_payload(bytes);
            object.put("first", *first);
            object.put("last", *last);
        }
        HttpEvent::Control { kind, bytes } => {
            let kind = match kind {
                ControlKind::Ping => "ping",
                ControlKind::Pong => "pong",
                ControlKind::Close => "close",
            };
            object.put("control", kind);
            // The code of a close frame is two bytes before its reason.
            let code = bytes.first_chunk::<2>().filter(|_| kind == "close").map(|code| u16::from_be_bytes(*code));
            match code {
                Some(code) => {
                    object.put("code", code);
                    object.put_payload(bytes.get(2..).unwrap_or_default());
                }
                None => object.put_payload(bytes),
            }
        }
    }
}

/// A header or trailer section: a list of objects with `name` and `value`, and `concealed_bytes` where something was
/// not recorded.
fn section(object: &mut Object, fields: &[HeaderField]) {
    let field = |field: &HeaderField| {
        let mut line = Map::new();
        line.insert("name".to_owned(), text_or_base64(&field.name));
        line.insert("value".to_owned(), text_or_base64(&field.value));
        if field.concealed_bytes > 0 {
            line.insert("concealed_bytes".to_owned(), field.concealed_bytes.into());
        }
        Value::Object(line)
    };
    object.put("fields", fields.iter().map(field).collect::<Vec<_>>());
}
