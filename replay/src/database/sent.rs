//! What a real server sent, beside what psql showed of it: the measure of the renderings.

use bytes::Bytes;
use serde_json::Value;
use wiretape_core::event::{Column, Field, QueryEvent};

/// One query, as it was answered and shown.
pub(crate) struct Sent {
    pub(crate) query: String,
    /// The columns, rows, errors and notices of the answer.
    pub(crate) events: Vec<QueryEvent>,
    pub(crate) shown: String,
}

/// The queries of a file of lines of JSON.
pub(crate) fn sent(lines: &str) -> Vec<Sent> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let read = |line| {
        let line: Value = serde_json::from_str(line).unwrap();
        let bytes = data_encoding::HEXLOWER.decode(line["sent"].as_str().unwrap().as_bytes()).unwrap();
        Sent { query: text(&line["query"]), events: events(&bytes), shown: text(&line["shown"]) }
    };
    lines.lines().map(read).collect()
}

fn events(mut bytes: &[u8]) -> Vec<QueryEvent> {
    let mut events = Vec::new();
    while let Some((head, _)) = bytes.split_first_chunk::<5>() {
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize + 1;
        let (message, rest) = bytes.split_at(length);
        bytes = rest;
        let content = &message[5..];
        let event = match head[0] {
            b'T' => QueryEvent::Columns { columns: columns(content) },
            b'D' => QueryEvent::Rows { count: 1, bytes: Bytes::copy_from_slice(message) },
            b'C' => {
                QueryEvent::Complete { tag: Bytes::copy_from_slice(content.strip_suffix(&[0]).unwrap()), rows: None }
            }
            b'E' => QueryEvent::Error { fields: fields(content) },
            b'N' => QueryEvent::Notice { fields: fields(content) },
            other => panic!("a message {}", char::from(other)),
        };
        events.push(event);
    }
    events
}

fn until_nul(content: &[u8]) -> (Bytes, &[u8]) {
    let end = content.iter().position(|byte| *byte == 0).unwrap();
    (Bytes::copy_from_slice(&content[..end]), &content[end + 1..])
}

fn columns(content: &[u8]) -> Vec<Column> {
    let (count, mut rest) = content.split_first_chunk::<2>().unwrap();
    let mut columns = Vec::new();
    for _ in 0..u16::from_be_bytes(*count) {
        let (name, behind) = until_nul(rest);
        let (numbers, behind) = behind.split_first_chunk::<18>().unwrap();
        rest = behind;
        let long = |place: usize| u32::from_be_bytes(numbers[place..place + 4].try_into().unwrap());
        let short = |place: usize| i16::from_be_bytes(numbers[place..place + 2].try_into().unwrap());
        columns.push(Column {
            name,
            table_id: long(0),
            attribute: short(4),
            type_id: long(6),
            type_size: short(10),
            type_modifier: long(12).cast_signed(),
            format: short(16).cast_unsigned(),
        });
    }
    columns
}

fn fields(mut content: &[u8]) -> Vec<Field> {
    let mut fields = Vec::new();
    while let Some((letter @ 1.., rest)) = content.split_first() {
        let (text, behind) = until_nul(rest);
        fields.push(Field { letter: *letter, text });
        content = behind;
    }
    fields
}
