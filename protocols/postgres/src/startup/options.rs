//! What a client says to the gateway itself: settings whose names begin with a prefix of the gateway's, among those that
//! are for the server.
//!
//! A driver gives settings by their names in the startup packet; libpq gives all that its user writes as one text,
//! `options='-c name=value'`, which a server takes apart as a command line. Here it is taken apart the same way
//! (PostgreSQL's `pg_split_opts`, and its three spellings `-c name=value`, `-cname=value`, `--name=value`), and what is
//! not the gateway's stays as it stood, byte for byte.

use std::ops::Range;

use bytes::{Bytes, BytesMut};

use super::Startup;

/// A setting, with its name as PostgreSQL reads it: in small letters.
pub type Setting = (String, String);

/// The name under which libpq sends what stands in `options`.
const OPTIONS: &[u8] = b"options";

/// A word of a command line, and where it stood.
struct Word {
    text: Vec<u8>,
    place: Range<usize>,
}

impl Startup {
    /// Takes out the settings whose names begin with `prefix` (small letters); what is left is for the server.
    pub fn withdraw(&mut self, prefix: &str) -> Vec<Setting> {
        let mut taken = Vec::new();
        self.parameters.retain_mut(|(name, value)| {
            if let Some(own) = own(name, prefix) {
                taken.push((own, String::from_utf8_lossy(value).into_owned()));
                return false;
            }
            let before = taken.len();
            if name == OPTIONS {
                *value = rest(value, prefix, &mut taken);
            }
            taken.len() == before || !value.trim_ascii().is_empty()
        });
        taken
    }
}

impl Startup {
    /// Every setting that the client gives, in order, those in `options` too. What stands there otherwise, where switches
    /// of a server may be written in one word, has an empty name.
    #[must_use]
    pub fn settings(&self) -> Vec<Setting> {
        let setting =
            |name: &[u8], value: &[u8]| own(name, "").map(|name| (name, String::from_utf8_lossy(value).into_owned()));
        let mut settings = Vec::new();
        for (name, value) in &self.parameters {
            if name != OPTIONS {
                settings.extend(setting(name, value));
                continue;
            }
            let mut words = words(value).into_iter();
            while let Some(word) = words.next() {
                let written = match word.text.as_slice() {
                    b"-c" => words.next().map(|next| next.text).unwrap_or_default(),
                    [b'-', b'c' | b'-', written @ ..] => written.to_vec(),
                    _ => Vec::new(),
                };
                let mut sides = written.splitn(2, |byte| *byte == b'=');
                settings.extend(setting(sides.next().unwrap_or_default(), sides.next().unwrap_or_default()));
            }
        }
        settings
    }
}

/// The name as PostgreSQL reads it, if it begins with `prefix`.
fn own(name: &[u8], prefix: &str) -> Option<String> {
    let begins = name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()));
    begins.then(|| String::from_utf8_lossy(name).to_ascii_lowercase().replace('-', "_"))
}

/// What is left of `options`; the settings whose names begin with `prefix` are put behind those that were `taken`.
fn rest(options: &Bytes, prefix: &str, taken: &mut Vec<Setting>) -> Bytes {
    let mut out: Vec<Range<usize>> = Vec::new();
    let mut words = words(options).into_iter().peekable();
    while let Some(word) = words.next() {
        let mut place = word.place;
        let setting = match word.text.as_slice() {
            b"-c" => {
                let Some(next) = words.next() else { break };
                place.end = next.place.end;
                next.text
            }
            [b'-', b'c' | b'-', setting @ ..] => setting.to_vec(),
            _ => continue,
        };
        let mut sides = setting.splitn(2, |byte| *byte == b'=');
        let (name, value) = (sides.next().unwrap_or_default(), sides.next().unwrap_or_default());
        if let Some(name) = own(name, prefix) {
            taken.push((name, String::from_utf8_lossy(value).into_owned()));
            // With the space behind it, so that none is left over.
            out.push(place.start..words.peek().map_or(options.len(), |next| next.place.start));
        }
    }
    if out.is_empty() {
        return options.clone();
    }
    let mut left = BytesMut::with_capacity(options.len());
    let mut from = 0;
    for place in out {
        left.extend_from_slice(options.get(from..place.start).unwrap_or_default());
        from = place.end;
    }
    left.extend_from_slice(options.get(from..).unwrap_or_default());
    left.freeze()
}

/// The words of a command line: white space is between them, and a backslash takes the letter behind it as it is.
fn words(options: &[u8]) -> Vec<Word> {
    let mut words = Vec::new();
    let mut open: Option<Word> = None;
    let mut escaped = false;
    for (at, byte) in options.iter().enumerate() {
        let is_space = matches!(byte, b' ' | b'\t'..=b'\r');
        if is_space && !escaped {
            words.extend(open.take());
            continue;
        }
        let word = open.get_or_insert_with(|| Word { text: Vec::new(), place: at..at });
        word.place.end = at + 1;
        escaped = *byte == b'\\' && !escaped;
        if !escaped {
            word.text.push(*byte);
        }
    }
    words.extend(open);
    words
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use crate::startup::Startup;

    /// What is left of `options`, and what was taken.
    fn withdrawn(options: &str) -> (Option<String>, Vec<(String, String)>) {
        let parameters = vec![(Bytes::from("options"), Bytes::from(options.to_owned()))];
        let mut startup = Startup { version: 3 << 16, parameters };
        let taken = startup.withdraw("gate.");
        (startup.get("options").map(|left| String::from_utf8(left.to_vec()).unwrap()), taken)
    }

    fn setting(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn the_gateways_settings_are_taken_out_in_every_spelling() {
        for options in ["-c gate.login=oauth", "-cgate.login=oauth", "--gate.login=oauth", " -c  GATE.Login=oauth "] {
            assert_eq!(withdrawn(options), (None, vec![setting("gate.login", "oauth")]), "{options}");
        }
        let (left, taken) = withdrawn("-c work_mem=1MB -c gate.login=oauth:a\\ b -c x.y=a\\ \\\\b --gate.on-duty=1");
        assert_eq!(left.as_deref(), Some("-c work_mem=1MB -c x.y=a\\ \\\\b "));
        assert_eq!(taken, [setting("gate.login", "oauth:a b"), setting("gate.on_duty", "1")]);
        assert_eq!(withdrawn("-c gate.login"), (None, vec![setting("gate.login", "")]));
    }

    #[test]
    fn every_setting_is_known_in_every_spelling() {
        let options = "-c role=a\\ b -cRole=c --search-path=x -ec role=d";
        let parameters = [("DateStyle", "ISO"), ("options", options), ("role", "e")];
        let parameters = parameters.map(|(name, value)| (Bytes::from(name), Bytes::from(value))).to_vec();
        let settings = [
            ("datestyle", "ISO"),
            ("role", "a b"),
            ("role", "c"),
            ("search_path", "x"),
            ("", ""),
            ("", ""),
            ("role", "e"),
        ];
        let settings = settings.map(|(name, value)| setting(name, value));
        assert_eq!(Startup { version: 3 << 16, parameters }.settings(), settings);
    }

    #[test]
    fn what_is_the_servers_stays_as_it_stood() {
        for options in
            ["", "-c", "-c work_mem=1MB", "  -c x=gate.login=oauth", "gate.login=oauth", "-e\\ -c gate.x", "\\"]
        {
            let (left, taken) = withdrawn(options);
            assert!(taken.is_empty(), "{options:?}");
            assert_eq!(left.as_deref(), Some(options));
        }
    }

    #[test]
    fn a_setting_may_stand_by_itself() {
        let parameter = |name: &'static str, value: &'static str| (Bytes::from(name), Bytes::from(value));
        let parameters = vec![parameter("user", "ana"), parameter("Gate.login", "oauth"), parameter("gatelogin", "no")];
        let mut startup = Startup { version: 3 << 16, parameters };
        assert_eq!(startup.withdraw("gate."), [setting("gate.login", "oauth")]);
        assert_eq!(startup.parameters, [parameter("user", "ana"), parameter("gatelogin", "no")]);
    }
}
