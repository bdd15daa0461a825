//! Bytes to messages. The protocol was never specified: this is what `source` and `sink` in OpenSSH's `scp.c` say and
//! take (`scp -O`), which is what 4.2BSD's rcp said.
//!
//! ```text
//!   source: C<mode> <size> <name>\n    a file; <size> bytes follow once the sink answered, and then a status
//!           D<mode> 0 <name>\n         into a directory
//!           E\n                        out of it
//!           T<mtime> 0 <atime> 0\n     times of what comes next
//!   both:   \0                         well
//!           \1<text>\n                 not so, and it goes on
//!           \2<text>\n                 not so, and it ends
//! ```

use bytes::Bytes;
use nom::bytes::complete::take_while_m_n;
use nom::character::complete::{char, u64 as decimal};
use nom::combinator::{all_consuming, rest};
use nom::sequence::{preceded, terminated};
use nom::{IResult, Parser};

use crate::limits::LINE_BYTES_MAX;

/// What a source says between files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Control {
    File { permissions: u32, size: u64, name: Bytes },
    Directory { name: Bytes },
    Up,
    Times { accessed: u64, modified: u64 },
}

/// How something went, as either end says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Well,
    Failed(String),
}

/// A message is longer than any may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

/// The size of the message that starts `bytes`, as far as it is there: one byte 0, or a line with its end.
///
/// # Errors
/// [`TooLong`] when a line does not end within the limit.
pub(crate) fn message_bytes(bytes: &[u8]) -> Result<Option<usize>, TooLong> {
    if bytes.first() == Some(&0) {
        return Ok(Some(1));
    }
    match bytes.iter().take(LINE_BYTES_MAX).position(|byte| *byte == b'\n') {
        Some(end) => Ok(Some(end + 1)),
        None if bytes.len() >= LINE_BYTES_MAX => Err(TooLong),
        None => Ok(None),
    }
}

/// True when `byte` may start a status.
pub(crate) fn starts_status(byte: u8) -> bool {
    byte <= 2
}

/// True when `byte` may start what a source says between files.
pub(crate) fn starts_control(byte: u8) -> bool {
    matches!(byte, b'C' | b'D' | b'E' | b'T' | 1 | 2)
}

/// A whole status; `None` when it is none.
pub(crate) fn status(message: &[u8]) -> Option<Status> {
    match message {
        [0] => Some(Status::Well),
        [1 | 2, text @ .., b'\n'] => Some(Status::Failed(String::from_utf8_lossy(text).into_owned())),
        _ => None,
    }
}

type Parsed<'a, T> = IResult<&'a [u8], T, ()>;

/// A whole control line, with its end; `None` when it is none.
pub(crate) fn control(message: &[u8]) -> Option<Control> {
    let line = message.strip_suffix(b"\n")?;
    let parsed: Parsed<'_, Control> = match line.first()? {
        b'C' => preceded(char('C'), entry)
            .map(|(permissions, size, name)| Control::File { permissions, size, name })
            .parse(line),
        b'D' => preceded(char('D'), entry).map(|(_, _, name)| Control::Directory { name }).parse(line),
        b'E' => all_consuming(char('E')).map(|_| Control::Up).parse(line),
        b'T' => all_consuming(preceded(char('T'), times)).parse(line),
        _ => return None,
    };
    parsed.ok().map(|(_, control)| control)
}

/// `<mode> <size> <name>`; the mode has four digits, sizes are those of `off_t`, and a name has no slash.
fn entry(fields: &[u8]) -> Parsed<'_, (u32, u64, Bytes)> {
    let mode = take_while_m_n(4, 4, |byte: u8| (b'0'..=b'7').contains(&byte));
    let size = decimal.map_opt(|size| i64::try_from(size).is_ok().then_some(size));
    let (name, (mode, size)) = (terminated(mode, char(' ')), terminated(size, char(' '))).parse(fields)?;
    let permissions = mode.iter().fold(0, |mode, digit| mode * 8 + u32::from(digit - b'0'));
    let (after, name) = rest
        .map_opt(|name: &[u8]| (!name.is_empty() && !name.contains(&b'/')).then(|| Bytes::copy_from_slice(name)))
        .parse(name)?;
    Ok((after, (permissions, size, name)))
}

fn times(fields: &[u8]) -> Parsed<'_, Control> {
    let number = |field| terminated(decimal, char(' ')).parse(field);
    (number, number, number, decimal)
        .map(|(modified, _, accessed, _)| Control::Times { accessed, modified })
        .parse(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_lines_are_read() {
        let file = Control::File { permissions: 0o644, size: 12, name: "a name".into() };
        assert_eq!(control(b"C0644 12 a name\n"), Some(file));
        let directory = Control::Directory { name: "d".into() };
        assert_eq!(control(b"D0755 0 d\n"), Some(directory));
        assert_eq!(control(b"E\n"), Some(Control::Up));
        assert_eq!(control(b"T5 0 7 0\n"), Some(Control::Times { accessed: 7, modified: 5 }));
    }

    #[test]
    fn what_the_sink_would_not_read_is_no_control_line() {
        for line in [
            "C0644 12 a",
            "C644 12 a\n",
            "C00644 12 a\n",
            "C0844 12 a\n",
            "C0644 -1 a\n",
            "C0644 9223372036854775808 a\n",
            "C0644 99999999999999999999 a\n",
            "C0644 12 \n",
            "C0644 12\n",
            "C0644  12 a\n",
            "C0644 12 a/b\n",
            "D0755 0 /etc\n",
            "E \n",
            "T5 0 7\n",
            "T5 0 7 0 \n",
            "X\n",
            "\n",
            "",
        ] {
            assert_eq!(control(line.as_bytes()), None, "{line:?}");
        }
    }

    #[test]
    fn a_message_is_one_byte_or_a_line() {
        assert_eq!(message_bytes(b""), Ok(None));
        assert_eq!(message_bytes(b"\0C"), Ok(Some(1)));
        assert_eq!(message_bytes(b"\x01no"), Ok(None));
        assert_eq!(message_bytes(b"\x01no\n\0"), Ok(Some(4)));
        let long = vec![b'C'; LINE_BYTES_MAX];
        assert_eq!(message_bytes(&long[1..]), Ok(None));
        assert_eq!(message_bytes(&long), Err(TooLong));
        assert_eq!(status(b"\x01no\n"), Some(Status::Failed("no".to_owned())));
        assert_eq!(status(b"\x03no\n"), None);
    }
}
