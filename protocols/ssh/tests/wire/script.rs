//! Reads a case.
//!
//! A line at the margin is a turn: `client …` or `upstream …` and what it says, `end client`, `answer allow`,
//! `answer refuse RULE "why"`, `found "text"` (by the oldest examination), `close RULE "why"`. The lines below it, set in, are what comes of it. Before the first
//! turn stand rules (`rule ask "word" RULE GROUP`, `rule refuse "word" RULE "why"`) and settings (`set …`).

use bytes::Bytes;
use wiretape_core::event::{StreamKind, TerminalSize};
use wiretape_core::{Lane, Reason, Side, Verdict};
use wiretape_ssh::{Message, NestedFault, OpenFailure, Options, Request};

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
    pub(crate) options: Options,
}

impl Case {
    pub(crate) fn read(text: &str) -> Self {
        let mut case = Self { lines: Vec::new(), rules: Rules::default(), options: Options::default() };
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
            "set" => {
                match words.word().as_str() {
                    "reveal" => self.options.conceal = false,
                    "close-on-nested-fault" => self.options.nested_fault = NestedFault::Close,
                    other => panic!("no setting: {other}"),
                }
                return Line::Kept(line.to_owned());
            }
            "client" => Turn::Say(Side::Client, words.message()),
            "upstream" => Turn::Say(Side::Upstream, words.message()),
            "end" => Turn::End(words.side()),
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

/// The words of a line; those in quotes may hold anything.
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
                            word.extend(escape(&mut letters));
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

    fn number(&mut self) -> u32 {
        let word = self.word();
        word.parse().unwrap_or_else(|_| panic!("no number: {word}"))
    }

    fn lane(&mut self) -> Lane {
        Lane(self.number())
    }

    fn yes(&mut self) -> bool {
        self.word() == "yes"
    }

    fn side(&mut self) -> Side {
        if self.word() == "client" { Side::Client } else { Side::Upstream }
    }

    fn size(&mut self) -> TerminalSize {
        let word = self.word();
        let (columns, rows) = word.split_once('x').unwrap();
        TerminalSize { columns: columns.parse().unwrap(), rows: rows.parse().unwrap(), width_px: 0, height_px: 0 }
    }

    fn port(&mut self) -> Option<u32> {
        (!self.rest.is_empty()).then(|| self.number())
    }

    fn message(&mut self) -> Message {
        match self.word().as_str() {
            "open" => Message::Open { lane: self.lane(), kind: self.kind() },
            "opened" => Message::Opened { lane: self.lane() },
            "rejected" => {
                Message::Rejected { lane: self.lane(), reason: OpenFailure::ConnectFailed, text: self.word() }
            }
            "data" => Message::Data { lane: self.lane(), error: false, bytes: self.bytes() },
            "error" => Message::Data { lane: self.lane(), error: true, bytes: self.bytes() },
            "eof" => Message::Eof { lane: self.lane() },
            "close" => Message::Close { lane: self.lane() },
            "request" => {
                let lane = self.lane();
                let request = self.request();
                Message::Request { lane, request, want_reply: self.rest.pop().is_some() }
            }
            "answered" => Message::Answer { lane: self.lane(), accepted: self.yes() },
            "listen" => Message::Listen { listen: true, address: self.word(), port: self.port() },
            "unlisten" => Message::Listen { listen: false, address: self.word(), port: self.port() },
            "listening" => Message::Listening { accepted: self.yes(), port: self.port() },
            other => panic!("no message: {other}"),
        }
    }

    fn kind(&mut self) -> StreamKind {
        let (originator, originator_port) = ("127.0.0.1".to_owned(), 40000);
        match self.word().as_str() {
            "session" => StreamKind::Session,
            "direct-tcpip" => {
                StreamKind::DirectTcpip { host: self.word(), port: self.number(), originator, originator_port }
            }
            "forwarded-tcpip" => {
                StreamKind::ForwardedTcpip { host: self.word(), port: self.number(), originator, originator_port }
            }
            "direct-streamlocal@openssh.com" => StreamKind::DirectStreamlocal { path: self.word() },
            "forwarded-streamlocal@openssh.com" => StreamKind::ForwardedStreamlocal { path: self.word() },
            "auth-agent@openssh.com" => StreamKind::Agent,
            "x11" => StreamKind::X11 { originator, originator_port },
            other => panic!("no kind: {other}"),
        }
    }

    fn request(&mut self) -> Request {
        match self.word().as_str() {
            "pty-req" => Request::Pty { term: self.word(), size: self.size(), modes: vec![(53, 1)] },
            "window-change" => Request::WindowChange { size: self.size() },
            "env" => Request::Env { name: self.word(), value: self.bytes() },
            "shell" => Request::Shell,
            "exec" => Request::Exec { command: self.bytes() },
            "subsystem" => Request::Subsystem { name: self.word() },
            "signal" => Request::Signal { name: self.word() },
            "auth-agent-req@openssh.com" => Request::Agent,
            "exit-status" => Request::ExitStatus { status: self.number() },
            "exit-signal" => {
                Request::ExitSignal { name: self.word(), core_dumped: false, message: "killed".to_owned() }
            }
            other => panic!("no request: {other}"),
        }
    }
}

fn escape(letters: &mut impl Iterator<Item = char>) -> Vec<u8> {
    match letters.next().unwrap() {
        'r' => vec![b'\r'],
        'n' => vec![b'\n'],
        'e' => vec![0x1b],
        'x' => {
            let digits: String = letters.take(2).collect();
            vec![u8::from_str_radix(&digits, 16).unwrap()]
        }
        other => other.to_string().into_bytes(),
    }
}
