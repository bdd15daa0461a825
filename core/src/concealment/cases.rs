//! Terminals as they were seen: what was typed and shown, and what a player knows of the keys afterwards.
//!
//! A case is a few lines `typed …` and `shown …`, as the messages came, and ends in `keys …`: everything that was
//! typed, with `·` for each byte that stayed concealed. `width …` sets the columns; `#` begins a remark.

use std::collections::VecDeque;

use bytes::Bytes;

use super::Concealment;
use crate::event::TerminalEvent;

const CASES: &[(&str, &str)] = &[
    ("shells", include_str!("cases/shells.case")),
    ("programs", include_str!("cases/programs.case")),
    ("secrets", include_str!("cases/secrets.case")),
    ("delays", include_str!("cases/delays.case")),
];

/// What a player knows: keys in the order in which they were typed.
#[derive(Default)]
pub(super) struct Player {
    keys: Vec<Option<u8>>,
    /// Where each concealed byte stands among the keys.
    concealed: Vec<usize>,
    cursor: usize,
}

impl Player {
    /// Follows the rule of `docs/EVENTS.md`.
    pub(super) fn play(&mut self, event: &TerminalEvent) {
        match event {
            TerminalEvent::Input { bytes } => self.keys.extend(bytes.iter().copied().map(Some)),
            TerminalEvent::Concealed { count } => {
                for _ in 0..*count {
                    self.concealed.push(self.keys.len());
                    self.keys.push(None);
                }
            }
            TerminalEvent::Echoed { skipped, bytes } => {
                self.cursor += usize::try_from(*skipped).unwrap();
                for byte in bytes {
                    self.keys[self.concealed[self.cursor]] = Some(*byte);
                    self.cursor += 1;
                }
            }
            event => panic!("a terminal conceals by other events: {event:?}"),
        }
    }

    pub(super) fn keys(&self) -> &[Option<u8>] {
        &self.keys
    }

    /// The keys as cases write them.
    fn written(&self) -> String {
        let mut bytes = Vec::new();
        for key in &self.keys {
            match key {
                Some(byte) => bytes.push(*byte),
                None => bytes.extend("·".as_bytes()),
            }
        }
        escaped(&bytes)
    }
}

fn escaped(bytes: &[u8]) -> String {
    let mut written = String::new();
    for letter in String::from_utf8_lossy(bytes).chars() {
        match letter {
            '\r' => written.push_str("\\r"),
            '\n' => written.push_str("\\n"),
            '\t' => written.push_str("\\t"),
            '\\' => written.push_str("\\\\"),
            '\x1b' => written.push_str("\\e"),
            '\0'..' ' | '\x7f' => written.push_str(&format!("\\x{:02x}", u32::from(letter))),
            letter => written.push(letter),
        }
    }
    written
}

fn unescaped(written: &str) -> Bytes {
    let mut bytes = Vec::new();
    let mut letters = written.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            bytes.extend(letter.to_string().as_bytes());
            continue;
        }
        match letters.next().unwrap() {
            'r' => bytes.push(b'\r'),
            'n' => bytes.push(b'\n'),
            't' => bytes.push(b'\t'),
            'e' => bytes.push(0x1b),
            '\\' => bytes.push(b'\\'),
            'x' => {
                let digits: String = letters.by_ref().take(2).collect();
                bytes.push(u8::from_str_radix(&digits, 16).unwrap());
            }
            other => panic!("no escape: {other}"),
        }
    }
    Bytes::from(bytes)
}

/// Plays all cases; what each gave and should have given.
fn play(
    text: &str,
    mut deliver: impl FnMut(&mut Concealment, &mut Player, &str, Bytes),
) -> Vec<(String, String, String)> {
    let mut outcomes = Vec::new();
    let mut name = String::new();
    let mut concealment = Concealment::new(80);
    let mut player = Player::default();
    for line in text.lines() {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "" => {}
            "#" if name.is_empty() => name = rest.to_owned(),
            "#" => {}
            "width" => concealment.resize(rest.parse().unwrap()),
            "typed" | "shown" => deliver(&mut concealment, &mut player, word, unescaped(rest)),
            "keys" => {
                deliver(&mut concealment, &mut player, word, Bytes::new());
                outcomes.push((std::mem::take(&mut name), player.written(), rest.to_owned()));
                concealment = Concealment::new(80);
                player = Player::default();
            }
            other => panic!("no word of a case: {other}"),
        }
    }
    assert!(!outcomes.is_empty());
    outcomes
}

fn deliver(concealment: &mut Concealment, player: &mut Player, word: &str, bytes: Bytes) {
    let events = if word == "typed" { concealment.typed(&bytes) } else { concealment.shown(&bytes) };
    events.iter().for_each(|event| player.play(event));
}

#[test]
fn terminals_as_they_were_seen() {
    let mut wrong = Vec::new();
    for (file, text) in CASES {
        for (name, found, expected) in play(text, deliver) {
            if found != expected {
                wrong.push(format!("{file}: {name}\n  expected {expected}\n  found    {found}"));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// A slow way to the target: what it shows arrives after more was typed. A secret stays one; most of the rest is found.
#[test]
fn a_slow_way_to_the_target_reveals_no_secret() {
    for (file, text) in CASES {
        for delay in [1, 2, 5] {
            for (name, found, expected) in play_slowly(text, delay) {
                let concealed = |keys: &str| keys.chars().filter(|key| *key == '·').count();
                if *file == "secrets" {
                    let secrets = expected.chars().zip(found.chars()).filter(|(expected, _)| *expected == '·');
                    assert!(secrets.clone().all(|(_, found)| found == '·'), "{name}: {found}");
                }
                if *file == "shells" {
                    assert!(concealed(&found) <= concealed(&expected) + 3, "{delay} later: {name}: {found}");
                }
            }
        }
    }
}

fn play_slowly(text: &str, delay: usize) -> Vec<(String, String, String)> {
    let mut late: VecDeque<(usize, Bytes)> = VecDeque::new();
    let mut typed = 0;
    play(text, |concealment, player, word, bytes| match word {
        "typed" => {
            typed += 1;
            while late.front().is_some_and(|(when, _)| when + delay < typed) {
                deliver(concealment, player, "shown", late.pop_front().unwrap().1);
            }
            deliver(concealment, player, "typed", bytes);
        }
        "shown" if typed == 0 => deliver(concealment, player, "shown", bytes),
        "shown" => late.push_back((typed, bytes)),
        _ => {
            typed = 0;
            late.drain(..).for_each(|(_, bytes)| deliver(concealment, player, "shown", bytes));
        }
    })
}
