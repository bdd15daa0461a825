//! Reads a case.
//!
//! A line at the margin is a turn, the lines below it, set in, are what comes of it:
//!
//! ```text
//! rule ask "word" RULE GROUP                      a guard: actions that hold the word
//! rule refuse "word" RULE "why"
//! route prefix "/orders"                          of the requests that follow; also base, authority, consumed
//!
//! client request 1 1.1 GET "https://host/path" length 5 protocol "websocket" "Name: value" …
//! upstream informational 1 1.1 103 "Name: value" …
//! upstream response 1 2 200 streamed "Name: value" …
//! client body 1 "text" repeat 500 "x"
//! client trailers 1 "Name: value" …
//! client end 1
//! upstream reset 1 8 "why"
//! upstream failed 1 502 "why"
//! end client
//! answer allow
//! answer refuse RULE "why"
//! found "text"                                     what the oldest examination found
//! close RULE "why"
//! ```
//!
//! Without a word for it a message has no content. With `WIRETAPE_CASES=write` in the environment, what really happened
//! is written into the cases.

use std::sync::Arc;

use bytes::Bytes;
use wiretape_core::event::HttpVersion;
use wiretape_core::{Lane, Reason, Side, Verdict};
use wiretape_http::{Content, Field, Message, Part, Problem, RequestHead, ResponseHead, Route};

use crate::stage::{Rule, Rules, Turn};

/// A line of a case.
#[derive(Debug)]
pub(crate) enum Line {
    Kept(String),
    Turn(Turn, String),
    /// What is expected is compared as a whole.
    Expected,
}

/// A case as it is written.
pub(crate) struct Case {
    pub(crate) lines: Vec<Line>,
    pub(crate) rules: Rules,
    route: Route,
}

impl Case {
    pub(crate) fn read(text: &str) -> Self {
        let route = Route { pseudonym: "gate".to_owned(), ..Route::default() };
        let mut case = Self { lines: Vec::new(), rules: Rules::default(), route };
        for line in text.lines() {
            let read = if line.starts_with("    ") {
                Line::Expected
            } else if line.is_empty() || line.starts_with('#') {
                Line::Kept(line.to_owned())
            } else {
                case.read_turn(line)
            };
            case.lines.push(read);
        }
        case
    }

    /// The turns alone.
    pub(crate) fn turns(&self) -> impl Iterator<Item = Turn> {
        self.lines.iter().filter_map(|line| match line {
            Line::Turn(turn, _) => Some(turn.clone()),
            Line::Kept(_) | Line::Expected => None,
        })
    }

    fn read_turn(&mut self, line: &str) -> Line {
        let mut words = Words::new(line);
        let turn = match words.word().as_str() {
            "rule" => {
                let (deed, word, rule) = (words.word(), words.word(), words.word());
                let last = words.word();
                self.rules.0.push(match deed.as_str() {
                    "ask" => Rule::Ask { word, rule, group: last },
                    "refuse" => Rule::Refuse { word, rule, text: last },
                    other => panic!("no rule: {other}"),
                });
                return Line::Kept(line.to_owned());
            }
            "route" => {
                match words.word().as_str() {
                    "prefix" => self.route.prefix = words.word(),
                    "base" => self.route.base = words.word(),
                    "authority" => self.route.authority = words.word(),
                    "consumed" => self.route.consumed.push(words.word()),
                    other => panic!("no part of a route: {other}"),
                }
                return Line::Kept(line.to_owned());
            }
            "client" => Turn::Say(Side::Client, words.message(&self.route)),
            "upstream" => Turn::Say(Side::Upstream, words.message(&self.route)),
            "end" => Turn::End(if words.word() == "client" { Side::Client } else { Side::Upstream }),
            "found" => Turn::Found(words.word()),
            "waiting" => Turn::Waiting(words.word()),
            "close" => Turn::Close(Reason::new(words.word(), words.word())),
            "answer" => match words.word().as_str() {
                "allow" => Turn::Answer(Verdict::Allow),
                "refuse" => Turn::Answer(Verdict::Refuse(Reason::new(words.word(), words.word()))),
                other => panic!("no verdict: {other}"),
            },
            other => panic!("no turn: {other}"),
        };
        assert!(words.rest.is_empty(), "too many words: {line}");
        Line::Turn(turn, line.to_owned())
    }
}

/// The words of a line, last first; those in quotes may hold anything.
struct Words {
    rest: Vec<Vec<u8>>,
}

impl Words {
    fn new(line: &str) -> Self {
        let mut rest = Vec::new();
        let mut letters = line.chars().peekable();
        while let Some(&letter) = letters.peek() {
            match letter {
                ' ' => drop(letters.next()),
                '"' => {
                    letters.next();
                    let mut word = Vec::new();
                    while let Some(letter) = letters.next().filter(|letter| *letter != '"') {
                        if letter == '\\' {
                            word.push(escape(&mut letters));
                        } else {
                            word.extend(letter.to_string().bytes());
                        }
                    }
                    rest.push(word);
                }
                _ => {
                    let mut word = String::new();
                    while let Some(letter) = letters.next_if(|letter| *letter != ' ') {
                        word.push(letter);
                    }
                    rest.push(word.into_bytes());
                }
            }
        }
        rest.reverse();
        Self { rest }
    }

    fn bytes(&mut self) -> Bytes {
        Bytes::from(self.rest.pop().expect("another word"))
    }

    fn word(&mut self) -> String {
        String::from_utf8(self.bytes().to_vec()).unwrap()
    }

    fn number<N: std::str::FromStr>(&mut self) -> N {
        let word = self.word();
        word.parse().unwrap_or_else(|_| panic!("no number: {word}"))
    }

    fn next_is(&mut self, word: &str) -> bool {
        let is = self.rest.last().is_some_and(|next| next == word.as_bytes());
        if is {
            self.rest.pop();
        }
        is
    }

    fn message(&mut self, route: &Route) -> Message {
        let kind = self.word();
        let lane = Lane(self.number());
        let part = match kind.as_str() {
            "request" => Part::Request(Box::new(self.request()), Arc::new(route.clone())),
            "informational" => Part::Informational(Box::new(self.response())),
            "response" => Part::Response(Box::new(self.response())),
            "body" => Part::Body(self.body()),
            "trailers" => Part::Trailers(self.fields()),
            "end" => Part::End,
            "reset" => Part::Reset { code: self.number(), reason: self.word() },
            "failed" => {
                let (status, reason) = (self.number(), self.word());
                Part::Failed(Problem { status, error: "target_unreachable", reason, place: None })
            }
            other => panic!("no part: {other}"),
        };
        Message { lane, part }
    }

    fn request(&mut self) -> RequestHead {
        let (version, method, url) = (self.version(), self.bytes(), self.bytes());
        let mut protocol = None;
        let mut content = self.content();
        if self.next_is("protocol") {
            protocol = Some(self.bytes());
            content = self.content();
        }
        let scheme_end = url.windows(3).position(|window| window == b"://");
        let (scheme, rest) = match scheme_end {
            Some(end) => (url.slice(..end), url.slice(end + 3..)),
            None => (Bytes::from_static(b"https"), url),
        };
        let path = rest.iter().position(|byte| *byte == b'/').unwrap_or(rest.len());
        let (authority, path) = (rest.slice(..path), rest.slice(path..));
        // `https://host` is how an OPTIONS of the server is written.
        let path = if path.is_empty() && method == "OPTIONS" { Bytes::from_static(b"*") } else { path };
        RequestHead { version, method, scheme, authority, path, protocol, fields: self.fields(), content }
    }

    fn response(&mut self) -> ResponseHead {
        let (version, status, content) = (self.version(), self.number(), self.content());
        ResponseHead { version, status, reason: Bytes::new(), fields: self.fields(), content }
    }

    fn version(&mut self) -> HttpVersion {
        match self.word().as_str() {
            "1.0" => HttpVersion::Http10,
            "1.1" => HttpVersion::Http11,
            "2" => HttpVersion::Http2,
            other => panic!("no version: {other}"),
        }
    }

    fn content(&mut self) -> Content {
        match () {
            () if self.next_is("length") => Content::Length(self.number()),
            () if self.next_is("streamed") => Content::Streamed,
            () if self.next_is("tunnel") => Content::Tunnel,
            () => Content::Empty,
        }
    }

    fn fields(&mut self) -> Vec<Field> {
        let mut fields = Vec::new();
        while !self.rest.is_empty() {
            let line = self.bytes();
            let colon = line.windows(2).position(|window| window == b": ").expect("a field");
            fields.push(Field { name: line.slice(..colon), value: line.slice(colon + 2..) });
        }
        fields
    }

    fn body(&mut self) -> Bytes {
        let mut body = Vec::new();
        while !self.rest.is_empty() {
            let times = if self.next_is("repeat") { self.number() } else { 1 };
            body.extend(self.bytes().repeat(times));
        }
        Bytes::from(body)
    }
}

fn escape(letters: &mut impl Iterator<Item = char>) -> u8 {
    match letters.next().unwrap() {
        'r' => b'\r',
        'n' => b'\n',
        'x' => {
            let digits: String = letters.take(2).collect();
            u8::from_str_radix(&digits, 16).unwrap()
        }
        other => other as u8,
    }
}
