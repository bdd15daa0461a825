//! `verify`: is it what was recorded?

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use wiretape_recorder::{Filter, SessionState, TapeError, Verdict};

use super::args::VerifyArgs;
use super::catalogue;
use crate::legible::legible;
use crate::{json, verdict};

/// What is verified: a tape, and what to call it.
struct Item {
    name: String,
    path: PathBuf,
    live: bool,
}

/// How a tape was found, the best first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Found {
    Complete,
    /// Somebody writes it: as far as it goes everything agrees, and its end is yet to come.
    Live,
    Unsealed,
    Wrong,
}

impl Found {
    fn of(item: &Item, verdict: &Verdict) -> Self {
        match verdict::exit_status(verdict) {
            0 => Self::Complete,
            2 if item.live => Self::Live,
            2 => Self::Unsealed,
            _ => Self::Wrong,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Live => "still live and right so far",
            Self::Unsealed => "with an unsealed tail",
            Self::Wrong => "tampered or unreadable",
        }
    }

    fn exit_status(self) -> u8 {
        match self {
            Self::Complete | Self::Live => 0,
            Self::Unsealed => 2,
            Self::Wrong => 1,
        }
    }
}

/// Verifies what was asked for; the exit status.
pub(super) fn verify(data_dir: &Path, args: &VerifyArgs, output: &mut dyn Write) -> anyhow::Result<u8> {
    let items = items(data_dir, args)?;
    let mut found: BTreeMap<Found, u64> = BTreeMap::new();
    for item in &items {
        match wiretape_recorder::verify(&item.path) {
            Ok(report) => {
                *found.entry(Found::of(item, &report.verdict)).or_default() += 1;
                if args.json {
                    writeln!(output, "{}", json::report(&item.path, &report, item.live))?;
                } else {
                    let live = if item.live { " · still live" } else { "" };
                    writeln!(output, "{}  {}{live}", item.name, verdict::line(&report))?;
                }
            }
            // One that cannot be read must not hide what the others are.
            Err(error) if args.all => {
                *found.entry(Found::Wrong).or_default() += 1;
                unreadable(item, &error, args.json, output)?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    if args.all && !args.json {
        let found: Vec<_> = found.iter().map(|(found, number)| format!("{number} {}", found.words())).collect();
        let verified = crate::legible::count(items.len() as u64, "session");
        writeln!(output, "{verified} verified{}{}", if found.is_empty() { "" } else { ": " }, found.join(", "))?;
    }
    Ok(found.keys().next_back().map_or(0, |worst| worst.exit_status()))
}

fn items(data_dir: &Path, args: &VerifyArgs) -> anyhow::Result<Vec<Item>> {
    let Some(session) = args.session.as_deref().filter(|_| !args.all) else {
        let rows = catalogue::open(data_dir)?.sessions(&Filter::default())?;
        let items = rows.into_iter().map(|row| Item {
            name: row.id.to_string(),
            path: row.tape,
            live: row.state == SessionState::Live,
        });
        return Ok(items.collect());
    };
    let path = Path::new(session);
    if path.is_file() {
        let name = legible(&path.to_string_lossy()).into_owned();
        return Ok(vec![Item { name, path: path.to_owned(), live: false }]);
    }
    let row = catalogue::find(&catalogue::open(data_dir)?, session)?;
    Ok(vec![Item { name: row.id.to_string(), live: row.state == SessionState::Live, path: row.tape }])
}

fn unreadable(item: &Item, error: &TapeError, json: bool, output: &mut dyn Write) -> anyhow::Result<()> {
    if json {
        let mut object = json::Object::default();
        object.put("id", item.name.as_str());
        object.put("path", item.path.to_string_lossy().as_ref());
        object.put("verdict", "unreadable");
        object.put("what", error.to_string());
        writeln!(output, "{}", object.finish())?;
    } else {
        writeln!(output, "{}  unreadable: {}", item.name, legible(&error.to_string()))?;
    }
    Ok(())
}
