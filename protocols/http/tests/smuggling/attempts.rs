//! Reads attempts at smuggling: `cases/smuggling/*.case`.
//!
//! ```text
//! requests <name>                     or: responses <name> to <method> [<protocol>]
//!   send "<bytes>" [* <times>]        escapes are those of Rust
//!   switch | decline | close          what happens to the connection in between
//!   = <what is decoded, or `refused <status>`>
//! ```

/// One attempt.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) name: String,
    /// The method and protocol that is answered, where the bytes are a target's.
    pub(crate) answers: Option<(String, Option<String>)>,
    pub(crate) script: Vec<Turn>,
    /// What is decoded, in words.
    pub(crate) expected: Vec<String>,
}

/// What happens on the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    Bytes(Vec<u8>),
    Switch,
    Decline,
    Close,
}

/// Every attempt in `text`.
pub(crate) fn read(text: &str) -> Vec<Attempt> {
    let mut attempts: Vec<Attempt> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "requests" => attempts.push(Attempt {
                name: rest.to_owned(),
                answers: None,
                script: Vec::new(),
                expected: Vec::new(),
            }),
            "responses" => {
                let (name, answered) = rest.rsplit_once(" to ").expect("what is answered");
                let mut answered = answered.split(' ').map(str::to_owned);
                attempts.push(Attempt {
                    name: name.to_owned(),
                    answers: Some((answered.next().expect("a method"), answered.next())),
                    script: Vec::new(),
                    expected: Vec::new(),
                });
            }
            _ => {
                let attempt = attempts.last_mut().expect("an attempt begins with its name");
                match word {
                    "send" => match attempt.script.last_mut() {
                        Some(Turn::Bytes(bytes)) => bytes.extend(sent(rest)),
                        _ => attempt.script.push(Turn::Bytes(sent(rest))),
                    },
                    "switch" => attempt.script.push(Turn::Switch),
                    "decline" => attempt.script.push(Turn::Decline),
                    "close" => attempt.script.push(Turn::Close),
                    "=" => attempt.expected.push(rest.to_owned()),
                    _ => panic!("{line:?} is no line of an attempt"),
                }
            }
        }
    }
    attempts
}

/// `"<bytes>" [* <times>]`.
fn sent(text: &str) -> Vec<u8> {
    let (quoted, times) = match text.rsplit_once("\" * ") {
        Some((quoted, times)) => (quoted, times.parse().expect("a number of times")),
        None => (text.strip_suffix('"').expect("a quotation mark"), 1),
    };
    let mut octets = quoted.strip_prefix('"').expect("a quotation mark").bytes();
    let mut bytes = Vec::new();
    while let Some(octet) = octets.next() {
        bytes.push(match octet {
            b'\\' => match octets.next().expect("an escape") {
                b'r' => b'\r',
                b'n' => b'\n',
                b't' => b'\t',
                b'0' => 0,
                b'x' => {
                    let digits = [octets.next().expect("a digit"), octets.next().expect("a digit")];
                    u8::from_str_radix(std::str::from_utf8(&digits).expect("digits"), 16).expect("digits")
                }
                other => other,
            },
            other => other,
        });
    }
    bytes.repeat(times)
}
