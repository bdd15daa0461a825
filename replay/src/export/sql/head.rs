//! The head of a script: whose session it was, and what it stands on.

use std::io::{self, Write};

use bytes::Bytes;
use wiretape_core::event::SessionOpened;

use super::{Failed, Settings};
use crate::describe::{label, opened};
use crate::export::quote::{comment, literal};
use crate::legible::excerpt_bytes;
use crate::limits::LABEL_LETTERS_MAX;
use crate::wallclock;

/// Settings as the target reports them that change what a text means.
const MEANINGFUL: [&[u8]; 5] =
    [b"client_encoding", b"standard_conforming_strings", b"DateStyle", b"IntervalStyle", b"TimeZone"];

/// What a client may say at its login that is no setting of the session, or is told by the target.
const NO_SETTING: [&[u8]; 6] =
    [b"user", b"database", b"replication", b"options", b"client_encoding", b"application_name"];

/// Settings whose value is a list of names.
const LISTS_OF_NAMES: [&[u8]; 4] =
    [b"local_preload_libraries", b"search_path", b"session_preload_libraries", b"temp_tablespaces"];

/// What is known of a session before its first request.
#[derive(Clone, Debug, Default)]
pub(super) struct Head {
    /// What the client said at its login.
    pub(super) said: Vec<(Bytes, Bytes)>,
    /// What the target reported then.
    pub(super) reported: Vec<(Bytes, Bytes)>,
}

impl Head {
    /// Whether the session is one of replication, whose commands are no SQL.
    pub(super) fn is_replication(&self) -> bool {
        let value = value(&self.said, b"replication").map(|value| value.to_ascii_lowercase());
        value.is_some_and(|value| {
            !matches!(value.as_slice(), b"" | b"0" | b"f" | b"false" | b"n" | b"no" | b"of" | b"off")
        })
    }

    pub(super) fn write(
        &self,
        id: &str,
        who: Option<&SessionOpened>,
        settings: &Settings<'_>,
        output: &mut dyn Write,
    ) -> io::Result<()> {
        let told = |said: Option<&Bytes>| said.map(|said| excerpt_bytes(said, LABEL_LETTERS_MAX)).unwrap_or_default();
        let mut words = vec![format!("Session {}", label(id))];
        if let Some(who) = who {
            words.push(opened(who));
            words.push(format!("Opened {}", wallclock::exact(who.opened_unix_nanos)));
        }
        words.push(format!(
            "Database {}, client {}, server {}",
            told(value(&self.said, b"database")),
            told(value(&self.said, b"application_name")),
            told(value(&self.reported, b"server_version"))
        ));
        words.push(String::new());
        words.extend(explained(settings.failed).map(str::to_owned));
        for word in words {
            output.write_all(comment(word.as_bytes()).as_bytes())?;
        }
        let stop = match settings.failed {
            Failed::Comment => "on",
            Failed::Keep => "off",
        };
        writeln!(output, "\\set ON_ERROR_STOP {stop}\n\\restrict {}\n", settings.key)?;
        for name in MEANINGFUL {
            if let Some(value) = value(&self.reported, name) {
                set(name, value, output)?;
            }
        }
        for (name, value) in &self.said {
            let is_setting = !NO_SETTING.contains(&name.as_ref()) && !name.starts_with(b"_pq_.");
            if is_setting && !MEANINGFUL.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                set(name, value, output)?;
            }
        }
        if let Some(options) = value(&self.said, b"options") {
            let text = format!("the session began with options, which a script cannot give: {}", told(Some(options)));
            output.write_all(comment(text.as_bytes()).as_bytes())?;
        }
        Ok(())
    }
}

fn explained(failed: Failed) -> impl Iterator<Item = &'static str> {
    let rest: &[&str] = match failed {
        Failed::Comment => &[
            "What failed, was refused, undone or never answered is a comment, so that the script does what the session",
            "did and no more: where a transaction had failed, what was to commit it is a ROLLBACK. The script stops at the",
            "first error, for then it is another story.",
        ],
        Failed::Keep => &[
            "What failed stands here to fail again, and the script goes on behind it. What was refused, undone or never",
            "answered is a comment.",
        ],
    };
    let first = [
        "What the session asked for, in its order. Before each statement stands when it was asked for, and what came of",
        "it. Prepared statements stand with their parameters in the places of $1, $2, …; literals with a backslash are",
        "written as E'…'. Run it with psql -X -f <file> <where>.",
    ];
    let last = [
        "\\restrict keeps psql from taking anything below for a command of its own. Of older versions 13.22, 14.19, 15.14,",
        "16.10 and 17.6 know it; others stop there.",
    ];
    first.into_iter().chain(rest.iter().copied()).chain(last)
}

fn value<'a>(pairs: &'a [(Bytes, Bytes)], name: &[u8]) -> Option<&'a Bytes> {
    pairs.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// A statement that gives a setting its value and shows nothing.
fn set(name: &[u8], value: &[u8], output: &mut dyn Write) -> io::Result<()> {
    let plain = name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'));
    let call = [b"BEGIN PERFORM pg_catalog.set_config(", &literal(name)[..], b", ", &literal(value), b", false); END"];
    // Where a value is a list of names, SET would take all of it for one name.
    if plain && !LISTS_OF_NAMES.contains(&name.to_ascii_lowercase().as_slice()) {
        output.write_all(&[b"SET ", name, b" TO ", &literal(value), b";\n"].concat())
    } else {
        output.write_all(&[b"DO ", &literal(&call.concat())[..], b";\n"].concat())
    }
}
