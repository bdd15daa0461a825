//! `verify`: is it what was recorded?

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use wiretape_recorder::{Filter, SessionState, TapeError};

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

/// Verifies what was asked for; the exit status.
pub(super) fn verify(data_dir: &Path, args: &VerifyArgs, output: &mut dyn Write) -> anyhow::Result<u8> {
    let items = items(data_dir, args)?;
    let mut status = 0;
    let mut found: BTreeMap<u8, u64> = BTreeMap::new();
    for item in &items {
        match wiretape_recorder::verify(&item.path) {
            Ok(report) => {
                let one = verdict::exit_status(&report.verdict);
                status = verdict::worse(status, one);
                *found.entry(one).or_default() += 1;
                if args.json {
                    writeln!(output, "{}", json::report(&item.path, &report))?;
                } else {
                    let live = if item.live { " · still live" } else { "" };
                    writeln!(output, "{}  {}{live}", item.name, verdict::line(&report))?;
                }
            }
            // One that cannot be read must not hide what the others are.
            Err(error) if args.all => {
                status = 1;
                *found.entry(1).or_default() += 1;
                unreadable(item, &error, args.json, output)?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    if args.all && !args.json {
        let found: Vec<_> = found.iter().map(|(status, number)| format!("{number} {}", called(*status))).collect();
        let verified = crate::legible::count(items.len() as u64, "session");
        writeln!(output, "{verified} verified{}{}", if found.is_empty() { "" } else { ": " }, found.join(", "))?;
    }
    Ok(status)
}

/// What the tapes of an exit status are.
fn called(status: u8) -> &'static str {
    match status {
        0 => "complete",
        2 => "with an unsealed tail",
        _ => "tampered or unreadable",
    }
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
