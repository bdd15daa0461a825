//! A body as lines for reading.

use wiretape_core::event::HeaderField;

use super::head;
use super::layout::{Reading, laid_out};
use super::url;
use crate::legible::{hex, is_text};
use crate::limits::{BODY_HEX_BYTES_SHOWN, LINE_LETTERS_MAX};

/// In what form a body reads best.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// JSON, or several values of it.
    Json,
    /// Pairs of names and values: `application/x-www-form-urlencoded`.
    Pairs,
    /// Text, line by line.
    Text,
    /// Text of which each byte is a letter (ISO 8859-1 and what browsers take for it).
    Latin,
    /// Bytes that are no text.
    Bytes,
}

/// The form of content with these fields that begins with `start`.
#[must_use]
pub fn form(fields: &[HeaderField], start: &[u8]) -> Form {
    let media_type = head::media_type(fields);
    // No letter is cut where content begins.
    let begins = start.first().is_none_or(|byte| byte & 0xc0 != 0x80);
    if !begins || !is_text(start) {
        let value = head::field(fields, "content-type").unwrap_or_default().to_ascii_lowercase();
        let latin = [&b"iso-8859-1"[..], b"latin1", b"windows-1252"];
        let says_so = latin.iter().any(|name| value.windows(name.len()).any(|part| part == *name));
        return if says_so && !start.contains(&0) { Form::Latin } else { Form::Bytes };
    }
    let json = media_type.ends_with("json") || media_type.ends_with("json-seq") || media_type.ends_with("ndjson");
    match media_type.as_str() {
        "application/x-www-form-urlencoded" => Form::Pairs,
        _ if json => Form::Json,
        // Many say nothing of what they send, or not the truth.
        "" | "text/plain" if matches!(start.trim_ascii_start().first(), Some(b'{' | b'[')) && is_json(start) => {
            Form::Json
        }
        _ => Form::Text,
    }
}

/// Whether `bytes` are one value of JSON.
fn is_json(bytes: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok()
}

/// The first lines of a body, at most `lines_max`.
#[must_use]
pub fn read(form: Form, bytes: &[u8], lines_max: usize) -> Reading {
    match form {
        Form::Json => laid_out(&String::from_utf8_lossy(bytes), lines_max),
        Form::Pairs => pairs(bytes, lines_max),
        Form::Text => lines(&String::from_utf8_lossy(bytes), bytes.len(), lines_max),
        Form::Latin => {
            let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
            lines(&text, bytes.len(), lines_max)
        }
        Form::Bytes => {
            let read_bytes = bytes.len().min(BODY_HEX_BYTES_SHOWN);
            let line = hex(bytes.get(..read_bytes).unwrap_or_default());
            Reading { lines: vec![line], read_bytes }
        }
    }
}

fn lines(text: &str, bytes: usize, lines_max: usize) -> Reading {
    let mut reading = Reading::default();
    let mut read = 0;
    for line in text.split_inclusive('\n') {
        read += line.len();
        let line = line.strip_suffix('\n').unwrap_or(line);
        let line = line.strip_suffix('\r').unwrap_or(line).replace('\t', "    ");
        let mut rest = line.as_str();
        loop {
            if reading.lines.len() == lines_max {
                reading.read_bytes = reading.read_bytes.min(bytes);
                return reading;
            }
            let cut = rest.char_indices().nth(LINE_LETTERS_MAX).map_or(rest.len(), |(place, _)| place);
            let (part, behind) = rest.split_at_checked(cut).unwrap_or((rest, ""));
            reading.lines.push(part.to_owned());
            // What is left of a long line has not been read.
            reading.read_bytes = read.saturating_sub(behind.len());
            if behind.is_empty() {
                break;
            }
            rest = behind;
        }
    }
    // Letters that were not what they should be take more room than they had.
    reading.read_bytes = bytes;
    reading
}

fn pairs(bytes: &[u8], lines_max: usize) -> Reading {
    let mut reading = Reading::default();
    for (number, (name, value)) in url::pairs(bytes).enumerate() {
        if number == lines_max {
            let shown = bytes.split(|byte| *byte == b'&').filter(|part| !part.is_empty()).take(lines_max);
            reading.read_bytes = shown.map(|part| part.len() + 1).sum::<usize>().min(bytes.len());
            return reading;
        }
        reading.lines.push(format!("{name} = {value}"));
    }
    reading.read_bytes = bytes.len();
    reading
}

#[cfg(test)]
mod tests {
    use wiretape_core::event::HeaderField;

    use super::{Form, form, read};
    use crate::limits::LINE_LETTERS_MAX;

    fn typed(value: &'static str) -> Vec<HeaderField> {
        vec![HeaderField { name: "content-type".into(), value: value.into(), concealed_bytes: 0 }]
    }

    #[test]
    fn the_form_follows_from_the_type_and_the_bytes() {
        for (media_type, start, expected) in [
            ("application/json", &b"{"[..], Form::Json),
            ("application/problem+json; charset=utf-8", b"{}", Form::Json),
            ("application/x-ndjson", b"{}\n{}", Form::Json),
            ("application/json", b"\x89PNG", Form::Bytes),
            ("text/plain", b"{\"a\": 1}", Form::Json),
            ("text/plain", b"{not json}", Form::Text),
            ("text/html; charset=ISO-8859-1", b"gr\xfc\xdfe", Form::Latin),
            ("text/html", b"gr\xfc\xdfe", Form::Bytes),
            ("application/x-www-form-urlencoded", b"a=b", Form::Pairs),
            ("image/png", b"\x89PNG\r\n\x1a\n\0", Form::Bytes),
            ("application/octet-stream", b"plain after all", Form::Text),
        ] {
            assert_eq!(form(&typed(media_type), start), expected, "{media_type}");
        }
    }

    #[test]
    fn text_is_read_line_by_line() {
        let reading = read(Form::Text, b"one\r\n\ttwo\n\nfour", 10);
        assert_eq!(
            (reading.lines, reading.read_bytes),
            (vec!["one".into(), "    two".into(), "".into(), "four".into()], 15)
        );
        let reading = read(Form::Text, b"one\ntwo\nthree", 2);
        assert_eq!((reading.lines.len(), reading.read_bytes), (2, 8));
        let long = "x".repeat(LINE_LETTERS_MAX + 10);
        let reading = read(Form::Text, long.as_bytes(), 1);
        assert_eq!((reading.lines[0].len(), reading.read_bytes), (LINE_LETTERS_MAX, LINE_LETTERS_MAX));
        assert_eq!(read(Form::Text, long.as_bytes(), 2).read_bytes, long.len());
    }

    #[test]
    fn forms_and_bytes_are_read() {
        let reading = read(Form::Pairs, b"name=gr%C3%BC%C3%9Fe&x=1+2&y=3", 2);
        assert_eq!((reading.lines, reading.read_bytes), (vec!["name = grüße".into(), "x = 1 2".into()], 27));
        assert_eq!(read(Form::Latin, b"gr\xfc\xdfe", 9).lines, ["grüße"]);
        let reading = read(Form::Bytes, &[0xab; 100], 9);
        assert_eq!((reading.lines, reading.read_bytes), (vec!["ab".repeat(24)], 24));
    }
}
