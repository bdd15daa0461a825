//! From the text of a case to turns.

use bytes::Bytes;
use wiretape_core::{ByteWire, Carrier, Lane, NestedWires, Reason, Side, Verdict};
use wiretape_line::LineWire;
use wiretape_postgres::PostgresWire;
use wiretape_protocols::{GitOptions, Packs, Table};
use wiretape_scp::{Direction, Place, ScpWire};
use wiretape_sftp::SftpWire;
use wiretape_websocket::WebSocketWire;

use super::git::carrier;
use super::{lfs, types};
use crate::stage::{Rule, Rules, Turn, frame};

/// The lane on which all cases play.
pub(crate) const LANE: Lane = Lane(1);

/// A line of a case.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Line {
    /// Comments, blanks and settings.
    Kept(String),
    /// A turn, and its text.
    Turn(Turn, String),
    /// What is expected to happen.
    Expected(String),
}

/// A transcript.
pub(crate) struct Case {
    pub(crate) rules: Rules,
    pub(crate) lines: Vec<Line>,
    wire: String,
}

impl Case {
    /// Reads a transcript.
    ///
    /// # Errors
    /// The number of the line that cannot be read, and why.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let mut case = Self { rules: Rules::default(), lines: Vec::new(), wire: String::new() };
        let mut before = String::new();
        for (number, line) in text.lines().enumerate() {
            before.push_str(line);
            if before.ends_with('\\') {
                before.push('\n');
                continue;
            }
            let line = std::mem::take(&mut before);
            let said = line.replace("\\\n", " ");
            case.line(line, &said).map_err(|error| format!("line {}: {error}", number + 1))?;
        }
        Ok(case)
    }

    /// The wire that the transcript is of.
    pub(crate) fn wire(&self) -> ByteWire {
        match self.wire.as_str() {
            "line" => Box::new(LineWire::new(LANE)),
            "postgres" => Box::new(PostgresWire::new(LANE)),
            "sftp" => Box::new(SftpWire::new(LANE)),
            "websocket" => Box::new(WebSocketWire::new(LANE)),
            "scp upload" => Box::new(ScpWire::new(LANE, Direction::Upload, Place::default())),
            "scp download" => Box::new(ScpWire::new(LANE, Direction::Download, Place::default())),
            scp if scp.starts_with("scp -") => {
                let carrier = Carrier::Exec { command: Bytes::copy_from_slice(scp.as_bytes()) };
                Table::default().wire(LANE, &carrier).unwrap_or_else(|| panic!("nothing is carried by {scp:?}"))
            }
            git if git.starts_with("git ") => {
                let (packs, what) = match git.strip_prefix("git listed ") {
                    Some(what) => (Packs::Listed, what),
                    None => (Packs::Whole, &git[4..]),
                };
                let table = Table { git: GitOptions { packs } };
                table.wire(LANE, &carrier(what)).unwrap_or_else(|| panic!("nothing is carried by {what:?}"))
            }
            lfs if lfs.starts_with("lfs ") => {
                let carrier = lfs::carrier(&lfs[4..]);
                Table::default().wire(LANE, &carrier).unwrap_or_else(|| panic!("nothing is carried by {lfs:?}"))
            }
            other => panic!("no wire is called {other:?}"),
        }
    }

    /// The fuzz target that reads the transcript, where it is not called by the folder, and the first byte of the seed:
    /// what the wire's name alone does not tell.
    pub(crate) fn seed(&self) -> (Option<&'static str>, u8) {
        let Some(what) = self.wire.strip_prefix("git ") else {
            let fetches = self.wire == "scp download" || self.wire.starts_with("scp -f");
            return (None, u8::from(fetches));
        };
        let (listed, what) = what.strip_prefix("listed ").map_or((0, what), |what| (4, what));
        let target = if what.contains("receive-pack") { "receive_pack" } else { "git_fetch" };
        let kind = match what.split(' ').next() {
            _ if what.contains("git-upload-archive") => 3,
            Some("get") => 1,
            Some("post") => 2,
            _ => 0,
        };
        (Some(target), kind + listed)
    }

    /// The turns alone.
    pub(crate) fn turns(&self) -> Vec<Turn> {
        let turn = |line: &Line| match line {
            Line::Turn(turn, _) => Some(turn.clone()),
            Line::Kept(_) | Line::Expected(_) => None,
        };
        self.lines.iter().filter_map(turn).collect()
    }

    fn line(&mut self, line: String, said: &str) -> Result<(), String> {
        if said.starts_with([' ', '\t']) && !said.trim().is_empty() {
            self.lines.push(Line::Expected(said.trim().to_owned()));
            return Ok(());
        }
        let mut words = tokens(said)?.into_iter();
        let words = &mut words;
        let turn = match next(words).unwrap_or_default().as_str() {
            "" => None,
            "wire" => {
                self.wire = words.map(|word| word.text).collect::<Vec<_>>().join(" ");
                None
            }
            "rule" => {
                self.rules.0.push(rule(words)?);
                None
            }
            "client" => Some(Turn::Say(Side::Client, message(Side::Client, words)?)),
            "upstream" => Some(Turn::Say(Side::Upstream, message(Side::Upstream, words)?)),
            "end" => Some(Turn::End(side(&next(words)?)?)),
            "answer" => Some(Turn::Answer(match next(words)?.as_str() {
                "allow" => Verdict::Allow,
                _ => Verdict::Refuse(Reason::new(next(words)?, next(words)?)),
            })),
            "waiting" => Some(Turn::Waiting(next(words)?)),
            "close" => Some(Turn::Close(Reason::new(next(words)?, next(words)?))),
            other => return Err(format!("{other:?} is no turn")),
        };
        self.lines.push(match turn {
            Some(turn) => Line::Turn(turn, line),
            None => Line::Kept(line),
        });
        Ok(())
    }
}

/// A word, or a text in quotes.
#[derive(Clone, Debug)]
struct Token {
    text: String,
    bytes: Vec<u8>,
    quoted: bool,
}

type Tokens = std::vec::IntoIter<Token>;

fn next(words: &mut Tokens) -> Result<String, String> {
    words.next().map(|word| word.text).ok_or_else(|| "the line ends too soon".to_owned())
}

fn side(word: &str) -> Result<Side, String> {
    match word {
        "client" => Ok(Side::Client),
        "upstream" => Ok(Side::Upstream),
        other => Err(format!("{other:?} is no side")),
    }
}

fn rule(words: &mut Tokens) -> Result<Rule, String> {
    let (kind, word, rule, last) = (next(words)?, next(words)?, next(words)?, next(words)?);
    match kind.as_str() {
        "refuse" => Ok(Rule::Refuse { word, rule, text: last }),
        "ask" => Ok(Rule::Ask { word, rule, group: last }),
        other => Err(format!("{other:?} is no rule")),
    }
}

/// A part of a turn that is not closed yet.
enum Part {
    /// The turn.
    Said,
    /// A packet behind its length.
    Packet,
    /// A message of PostgreSQL: a type, a length that counts itself, fields.
    Message,
    /// A frame of WebSocket with this first byte.
    Frame(u8),
}

/// The bytes that the rest of a turn stands for.
fn message(side: Side, words: &mut Tokens) -> Result<Bytes, String> {
    let mut open: Vec<(Part, Vec<u8>)> = vec![(Part::Said, Vec::new())];
    while let Some(word) = words.next() {
        let mut said = if word.quoted { word.bytes } else { Vec::new() };
        if !word.quoted {
            match word.text.as_str() {
                "[" => {
                    open.push((Part::Packet, Vec::new()));
                    continue;
                }
                "{" => {
                    let name = next(words)?;
                    open.push((Part::Message, vec![letter(types::POSTGRES, &name)?]));
                    continue;
                }
                "<" => {
                    let opcode = letter(types::WEBSOCKET, &next(words)?)?;
                    open.push((Part::Frame(opcode | 0x80), Vec::new()));
                    continue;
                }
                "more" => {
                    let Some((Part::Frame(first), _)) = open.last_mut() else { return Err("more of what?".to_owned()) };
                    *first &= 0x7f;
                }
                bracket @ ("]" | "}" | ">") => {
                    said = match (bracket, open.pop()) {
                        (">", Some((Part::Frame(first), inner))) => frame(first, key(side), &inner),
                        ("]", Some((Part::Packet, inner))) => with_length(&inner),
                        ("}", Some((Part::Message, inner))) => postgres(&inner),
                        _ => return Err(format!("a {bracket} too many")),
                    };
                }
                "u8" => said.push(number(words)?),
                "u16" => said.extend(number::<u16>(words)?.to_be_bytes()),
                "u32" => said.extend(number::<u32>(words)?.to_be_bytes()),
                "u64" => said.extend(number::<u64>(words)?.to_be_bytes()),
                "str" => said = with_length(&quoted(words)?),
                "null" => said.extend([0xff; 4]),
                "pkt" => said = pkt_line(&[], &quoted(words)?),
                "band" => {
                    let band = number(words)?;
                    said = pkt_line(&[band], &quoted(words)?);
                }
                "flush" => said.extend(b"0000"),
                "delim" => said.extend(b"0001"),
                "text" => said = [&quoted(words)?[..], b"\0"].concat(),
                "repeat" => {
                    let times = number(words)?;
                    said = quoted(words)?.repeat(times);
                }
                name => said.push(letter(types::SFTP, name)?),
            }
        }
        open.last_mut().ok_or("a bracket too many")?.1.extend(said);
    }
    match open.pop() {
        Some((Part::Said, said)) => Ok(Bytes::from(said)),
        _ => Err("a bracket too few".to_owned()),
    }
}

/// The key of the example in RFC 6455 section 5.7.
fn key(side: Side) -> Option<[u8; 4]> {
    (side == Side::Client).then_some([0x37, 0xfa, 0x21, 0x3d])
}

fn letter(types: &[(&str, u8)], name: &str) -> Result<u8, String> {
    let found = types.iter().find(|(known, _)| *known == name);
    found.map(|(_, letter)| *letter).ok_or_else(|| format!("what is {name:?}?"))
}

/// A pkt-line of git.
fn pkt_line(band: &[u8], payload: &[u8]) -> Vec<u8> {
    let length = 4 + band.len() + payload.len();
    [format!("{length:04x}").as_bytes(), band, payload].concat()
}

fn with_length(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes(), bytes].concat()
}

/// A message of PostgreSQL, of its type and its fields.
fn postgres(message: &[u8]) -> Vec<u8> {
    let (letter, fields) = message.split_at(1);
    let length = u32::try_from(fields.len() + 4).unwrap_or(u32::MAX);
    [letter, &length.to_be_bytes(), fields].concat()
}

fn number<N: std::str::FromStr>(words: &mut Tokens) -> Result<N, String> {
    let word = next(words)?;
    word.parse().map_err(|_| format!("{word:?} is no number"))
}

/// The bytes of the next word; `repeat` makes long ones.
fn quoted(words: &mut Tokens) -> Result<Vec<u8>, String> {
    let word = words.next().ok_or("the line ends too soon")?;
    match word.text.as_str() {
        _ if word.quoted => Ok(word.bytes),
        "repeat" => {
            let times = number(words)?;
            Ok(quoted(words)?.repeat(times))
        }
        other => Err(format!("{other:?} has no quotes")),
    }
}

fn tokens(line: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut chars = line.chars().peekable();
    while let Some(first) = chars.next() {
        match first {
            '#' => break,
            _ if first.is_whitespace() => {}
            '"' => {
                let mut bytes = Vec::new();
                loop {
                    match chars.next().ok_or("a text without its end")? {
                        '"' => break,
                        '\\' => bytes.push(escaped(&mut chars)?),
                        other => bytes.extend(other.to_string().bytes()),
                    }
                }
                tokens.push(Token { text: String::from_utf8_lossy(&bytes).into_owned(), bytes, quoted: true });
            }
            _ => {
                let mut text = String::from(first);
                while let Some(more) = chars.next_if(|next| !next.is_whitespace()) {
                    text.push(more);
                }
                tokens.push(Token { text, bytes: Vec::new(), quoted: false });
            }
        }
    }
    Ok(tokens)
}

fn escaped(chars: &mut impl Iterator<Item = char>) -> Result<u8, String> {
    match chars.next() {
        Some('n') => Ok(b'\n'),
        Some('r') => Ok(b'\r'),
        Some('t') => Ok(b'\t'),
        Some('0') => Ok(0),
        Some(plain @ ('"' | '\\' | '\'')) => Ok(plain as u8),
        Some('x') => {
            let digits: String = chars.take(2).collect();
            u8::from_str_radix(&digits, 16).map_err(|_| format!("\\x{digits} is no byte"))
        }
        other => Err(format!("\\{other:?} is no escape")),
    }
}
