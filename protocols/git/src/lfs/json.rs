//! JSON (RFC 8259) with the place of everything in it, so that a part can be changed and the rest stays as it was said.

use std::ops::Range;

use super::limits::{JSON_DEPTH_MAX, JSON_NODES_MAX};

/// A value, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) span: Range<usize>,
    pub(super) value: Value,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// Members in order: the name, and the value.
    Object(Vec<Member>),
    Array(Vec<Node>),
    Text(String),
    /// A whole number that is not negative.
    Count(u64),
    /// Another number, `true`, `false`, `null`.
    Other,
}

/// A member of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) name: String,
    /// Where its name stands, in its quotes.
    pub(super) name_span: Range<usize>,
    pub(super) node: Node,
}

impl Node {
    /// The value of the last member called `name`, as readers take it that keep one of each.
    pub(super) fn member(&self, name: &str) -> Option<&Self> {
        self.members().iter().rev().find(|member| member.name == name).map(|member| &member.node)
    }

    pub(super) fn members(&self) -> &[Member] {
        match &self.value {
            Value::Object(members) => members,
            _ => &[],
        }
    }

    pub(super) fn elements(&self) -> &[Self] {
        match &self.value {
            Value::Array(elements) => elements,
            _ => &[],
        }
    }

    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn count(&self) -> Option<u64> {
        match self.value {
            Value::Count(count) => Some(count),
            _ => None,
        }
    }
}

/// Reads a text; `None` where it is not JSON, or deeper or of more parts than is looked into.
pub(super) fn read(text: &[u8]) -> Option<Node> {
    let mut reader = Reader { text, at: 0, nodes: 0 };
    let node = reader.value(0)?;
    reader.space();
    (reader.at == text.len()).then_some(node)
}

/// A text as it stands in JSON, with its quotes.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\0'..='\u{1f}' => {
                out.push_str("\\u00");
                for digit in [u32::from(letter) >> 4, u32::from(letter) & 0xf] {
                    out.extend(char::from_digit(digit, 16));
                }
            }
            letter => out.push(letter),
        }
    }
    out.push('"');
    out
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    nodes: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Takes `octet`, behind white space.
    fn take(&mut self, octet: u8) -> bool {
        self.space();
        let is = self.peek() == Some(octet);
        self.at += usize::from(is);
        is
    }

    fn value(&mut self, depth: usize) -> Option<Node> {
        self.nodes += 1;
        if depth > JSON_DEPTH_MAX || self.nodes > JSON_NODES_MAX {
            return None;
        }
        self.space();
        let start = self.at;
        let value = match self.peek()? {
            b'{' => self.object(depth)?,
            b'[' => self.array(depth)?,
            b'"' => Value::Text(self.text()?),
            b'-' | b'0'..=b'9' => self.number()?,
            _ => self.word()?,
        };
        Some(Node { span: start..self.at, value })
    }

    fn object(&mut self, depth: usize) -> Option<Value> {
        self.at += 1;
        let mut members = Vec::new();
        if self.take(b'}') {
            return Some(Value::Object(members));
        }
        loop {
            self.space();
            let start = self.at;
            let name = self.text()?;
            let name_span = start..self.at;
            if !self.take(b':') {
                return None;
            }
            members.push(Member { name, name_span, node: self.value(depth + 1)? });
            if self.take(b'}') {
                return Some(Value::Object(members));
            }
            if !self.take(b',') {
                return None;
            }
        }
    }

    fn array(&mut self, depth: usize) -> Option<Value> {
        self.at += 1;
        let mut elements = Vec::new();
        if self.take(b']') {
            return Some(Value::Array(elements));
        }
        loop {
            elements.push(self.value(depth + 1)?);
            if self.take(b']') {
                return Some(Value::Array(elements));
            }
            if !self.take(b',') {
                return None;
            }
        }
    }

    fn word(&mut self) -> Option<Value> {
        let rest = self.text.get(self.at..)?;
        let word = [&b"true"[..], b"false", b"null"].into_iter().find(|word| rest.starts_with(word))?;
        self.at += word.len();
        Some(Value::Other)
    }

    fn number(&mut self) -> Option<Value> {
        let start = self.at;
        let is_part = |octet: u8| octet.is_ascii_digit() || matches!(octet, b'-' | b'+' | b'.' | b'e' | b'E');
        while self.peek().is_some_and(is_part) {
            self.at += 1;
        }
        let number = std::str::from_utf8(self.text.get(start..self.at)?).ok()?;
        match number.parse::<u64>() {
            Ok(count) => Some(Value::Count(count)),
            Err(_) => number.parse::<f64>().is_ok().then_some(Value::Other),
        }
    }

    /// A text in quotes.
    fn text(&mut self) -> Option<String> {
        if self.peek()? != b'"' {
            return None;
        }
        self.at += 1;
        let mut out = Vec::new();
        loop {
            let octet = self.peek()?;
            self.at += 1;
            match octet {
                b'"' => return String::from_utf8(out).ok(),
                b'\\' => {
                    let letter = self.escape()?;
                    out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
                }
                0..=0x1f => return None,
                other => out.push(other),
            }
        }
    }

    fn escape(&mut self) -> Option<char> {
        let octet = self.peek()?;
        self.at += 1;
        Some(match octet {
            b'"' | b'\\' | b'/' => char::from(octet),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.unit()?;
                if !(0xd800..0xdc00).contains(&first) {
                    return char::from_u32(first);
                }
                if self.text.get(self.at..self.at + 2)? != b"\\u" {
                    return None;
                }
                self.at += 2;
                let second = self.unit()?;
                let low = second.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
                char::from_u32(0x10000 + ((first - 0xd800) << 10) + low)?
            }
            _ => return None,
        })
    }

    /// Four hexadecimal digits.
    fn unit(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + 4)?;
        self.at += 4;
        digits.iter().try_fold(0, |unit, digit| Some(unit << 4 | char::from(*digit).to_digit(16)?))
    }
}

#[cfg(test)]
mod tests {
    use super::{Value, quoted, read};

    #[test]
    fn values_are_found_where_they_stand() {
        let text = br#" { "a" : [1, -2.5e3, true,null] , "b\n": {"\u00e9\ud83d\ude00":"x\/y"} } "#;
        let node = read(text).unwrap();
        assert_eq!(node.members().len(), 2);
        let numbers = node.member("a").unwrap();
        assert_eq!((numbers.elements().len(), numbers.elements()[0].count()), (4, Some(1)));
        assert_eq!(&text[numbers.span.clone()], b"[1, -2.5e3, true,null]");
        let inner = &node.member("b\n").unwrap().members()[0];
        assert_eq!((inner.name.as_str(), inner.node.text()), ("é😀", Some("x/y")));
        assert_eq!(&text[inner.node.span.clone()], br#""x\/y""#);
        assert_eq!(&text[inner.name_span.clone()], br#""\u00e9\ud83d\ude00""#);
        assert_eq!(node.member("c"), None);
    }

    #[test]
    fn what_is_no_json_is_not_read() {
        for text in [
            "",
            "{",
            "[1,]",
            "{\"a\":1,}",
            "{\"a\" 1}",
            "\"",
            "\"\\",
            "\"\\u12\"",
            "\"\\ud800x\"",
            "\"\\ud800\\u0041\"",
            "\"a\nb\"",
            "tru",
            "1 2",
            "--1",
            "{a:1}",
            "[1}",
            "\"\\x\"",
        ] {
            assert_eq!(read(text.as_bytes()), None, "{text}");
        }
        assert_eq!(read(b"\"\xff\""), None);
    }

    #[test]
    fn what_is_too_deep_or_of_too_many_parts_is_not_read() {
        assert!(read(&[b"[".repeat(20), b"]".repeat(20)].concat()).is_some());
        assert_eq!(read(&b"[".repeat(1 << 20)), None);
        assert_eq!(read(&[&b"["[..], &b"0,".repeat(1 << 20), b"0]"].concat()), None);
    }

    #[test]
    fn a_quoted_text_is_read_as_it_was() {
        let every: String = ('\0'..='\u{7ff}').chain(['\u{10ffff}', '😀']).collect();
        assert_eq!(read(quoted(&every).as_bytes()).unwrap().value, Value::Text(every));
    }
}
