//! A JSON object whose fields stand in the order in which they were put.

use data_encoding::BASE64;
use serde_json::Value;

use crate::legible::hex;

/// A JSON object being written.
#[derive(Clone, Debug)]
pub struct Object {
    text: String,
}

impl Default for Object {
    fn default() -> Self {
        Self { text: "{".to_owned() }
    }
}

impl Object {
    /// Puts one more field.
    pub fn put(&mut self, name: &str, value: impl Into<Value>) {
        self.put_json(name, &harmless(value.into().to_string()));
    }

    /// Puts one more field, whose value is JSON already.
    pub fn put_json(&mut self, name: &str, json: &str) {
        if self.text.len() > 1 {
            self.text.push(',');
        }
        self.text.push_str(&harmless(Value::from(name).to_string()));
        self.text.push(':');
        self.text.push_str(json);
    }

    /// Puts bytes that are a name or a path: `name`, or `name_base64` when they are not UTF-8.
    pub fn put_bytes(&mut self, name: &str, bytes: &[u8]) {
        match std::str::from_utf8(bytes) {
            Ok(text) => self.put(name, text),
            Err(_) => self.put(&format!("{name}_base64"), BASE64.encode(bytes)),
        }
    }

    /// Puts bytes that are seldom text: `text`, or `hex` when they are not UTF-8.
    pub fn put_text_or_hex(&mut self, bytes: &[u8]) {
        match std::str::from_utf8(bytes) {
            Ok(text) => self.put("text", text),
            Err(_) => self.put("hex", hex(bytes)),
        }
    }

    /// Puts payload: `text`, or `base64` when it is not UTF-8.
    pub fn put_payload(&mut self, bytes: &[u8]) {
        match std::str::from_utf8(bytes) {
            Ok(text) => self.put("text", text),
            Err(_) => self.put("base64", BASE64.encode(bytes)),
        }
    }

    /// The object as it stands, on one line.
    #[must_use]
    pub fn finish(mut self) -> String {
        self.text.push('}');
        self.text
    }
}

/// JSON in which the control characters that it allows (DEL, and those behind ASCII) are escaped too: a terminal may act
/// on them.
fn harmless(json: String) -> String {
    if !json.chars().any(char::is_control) {
        return json;
    }
    json.chars().fold(String::with_capacity(json.len() + 16), |mut harmless, letter| {
        match u32::from(letter) {
            code if letter.is_control() => harmless.push_str(&format!("\\u{code:04x}")),
            _ => harmless.push(letter),
        }
        harmless
    })
}

/// Bytes that stand in a list: text, or an object with `base64` when they are not UTF-8.
pub(super) fn text_or_base64(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => Value::from(text),
        Err(_) => serde_json::json!({ "base64": BASE64.encode(bytes) }),
    }
}

#[cfg(test)]
mod tests {
    use super::Object;

    #[test]
    fn fields_keep_their_order_and_their_bytes() {
        let mut object = Object::default();
        object.put("z", 1);
        object.put("a\"", "\u{1b}[0m");
        object.put_bytes("path", b"/etc/hosts");
        object.put_bytes("path", &[0xff]);
        object.put_payload("é".as_bytes());
        object.put_payload(&[0, 0xff]);
        object.put("c1", "\u{9b}2J\u{7f}");
        assert_eq!(
            object.finish(),
            "{\"z\":1,\"a\\\"\":\"\\u001b[0m\",\"path\":\"/etc/hosts\",\"path_base64\":\"/w==\",\"text\":\"é\",\"base64\":\"AP8=\",\"c1\":\"\\u009b2J\\u007f\"}"
        );
        assert_eq!(Object::default().finish(), "{}");
    }
}
