//! The words in which a timeline tells of a database session.

use std::time::Duration;

use bytes::Bytes;
use wiretape_core::event::{Parameter, TransactionStatus};

use super::result::{cut, shown};
use crate::database::dialogue::{Request, format_at};
use crate::database::value::BINARY;
use crate::legible::{count, excerpt, excerpt_bytes};
use crate::limits::{LABEL_LETTERS_MAX, PARAMETERS_TOLD_MAX};

/// Letters of a line of parameters, about.
const PARAMETERS_LINE_LETTERS: usize = 100;

/// The prompt of psql: the database, where the session stands, and whether the role may do anything.
pub(super) fn prompt(database: &str, sign: char, status: TransactionStatus, superuser: bool) -> String {
    let transaction = match status {
        TransactionStatus::Idle => "",
        TransactionStatus::InTransaction => "*",
        TransactionStatus::Failed => "!",
    };
    format!("{database}{sign}{transaction}{} ", if superuser { '#' } else { '>' })
}

/// The database that the client asked for: without a name, that of the user's name.
pub(super) fn database(parameters: &[(Bytes, Bytes)]) -> String {
    let value = |wanted: &[u8]| parameters.iter().find(|(name, _)| name.as_ref() == wanted).map(|(_, value)| value);
    let name = value(b"database").or_else(|| value(b"user"));
    name.map(|name| excerpt_bytes(name, LABEL_LETTERS_MAX)).unwrap_or_default()
}

/// What a request is about, in one line: the name and the text of its statement.
pub(super) fn what(request: &Request, name: &[u8]) -> String {
    let name = match request.statement() {
        Some(statement) => statement.name.as_ref(),
        None => name,
    };
    let text = request.text().map(|text| one_line(&text.start));
    match (excerpt_bytes(name, LABEL_LETTERS_MAX), text) {
        (name, None) => name,
        (name, Some(text)) if name.is_empty() => text,
        (name, Some(text)) => format!("{name}: {text}"),
    }
}

/// The start of a text, its lines joined.
fn one_line(text: &[u8]) -> String {
    let start = text.get(..LABEL_LETTERS_MAX * 4).unwrap_or(text);
    let words: Vec<_> = String::from_utf8_lossy(start).split_whitespace().map(str::to_owned).collect();
    excerpt(&words.join(" "), LABEL_LETTERS_MAX)
}

/// Lines of parameters: `$1 = '42', $2 = NULL`.
pub(super) fn given(formats: &[u16], parameters: &[Parameter]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for (place, parameter) in parameters.iter().enumerate().take(PARAMETERS_TOLD_MAX) {
        let text = format!("${} = {}", place + 1, value(format_at(formats, place), parameter));
        match lines.last_mut().filter(|line| line.len() + text.len() < PARAMETERS_LINE_LETTERS) {
            Some(line) => line.push_str(&format!(", {text}")),
            None => lines.push(format!("       {text}")),
        }
    }
    let left = parameters.len().saturating_sub(PARAMETERS_TOLD_MAX) as u64;
    if left > 0 {
        lines.push(format!("       … and {}", count(left, "more parameter")));
    }
    lines
}

/// A value as a literal, or its start.
pub(super) fn value(format: u16, parameter: &Parameter) -> String {
    match &parameter.value {
        None => "NULL".to_owned(),
        Some(value) => {
            let text = if format == BINARY { shown(parameter.type_id, value) } else { cut(value) };
            format!("'{}'", excerpt(&text, LABEL_LETTERS_MAX).replace('\'', "''"))
        }
    }
}

/// A span as psql's `\timing` tells it.
pub(super) fn time(span: Duration) -> String {
    let millis = span.as_secs_f64() * 1000.0;
    let (seconds, rest) = (span.as_secs(), f64::from(span.subsec_nanos()) / 1e9);
    let second = (seconds % 60) as f64 + rest;
    match seconds {
        0 => format!("Time: {millis:.3} ms"),
        1..3600 => format!("Time: {millis:.3} ms ({:02}:{second:06.3})", seconds / 60),
        3600..86_400 => format!("Time: {millis:.3} ms ({:02}:{:02}:{second:06.3})", seconds / 3600, seconds / 60 % 60),
        _ => format!(
            "Time: {millis:.3} ms ({} d {:02}:{:02}:{second:06.3})",
            seconds / 86_400,
            seconds / 3600 % 24,
            seconds / 60 % 60
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::time;

    #[test]
    fn spans_read_as_psql_tells_them() {
        for (nanos, text) in [
            (1_234_567, "Time: 1.235 ms"),
            (999_999_000, "Time: 999.999 ms"),
            (1_500_000_000, "Time: 1500.000 ms (00:01.500)"),
            (61_003_000_000, "Time: 61003.000 ms (01:01.003)"),
            (3_723_004_000_000, "Time: 3723004.000 ms (01:02:03.004)"),
            (180_000_000_000_000, "Time: 180000000.000 ms (2 d 02:00:00.000)"),
        ] {
            assert_eq!(time(Duration::from_nanos(nanos)), text);
        }
    }
}
