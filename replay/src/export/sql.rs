//! A database session as a script that runs again with psql.
//!
//! Everything that the session asked for stands in the script in its order. What was done is SQL: a simple query as it
//! was sent, a prepared statement with its parameters in their places, a copy to the target with its data. What failed,
//! was refused, undone or never answered is a comment (or stays, when that is asked for), so that the script does what
//! the session did and no more: where a transaction failed, what committed it is a `ROLLBACK`, as it was in fact.
//!
//! A script is read by psql, which runs commands of its own. Nothing that a session said becomes one: see
//! `export/rewrite.rs`, and `\restrict`, which newer psql know, shuts them off besides.

mod head;
mod writer;

use std::io::Write;

use anyhow::bail;
use wiretape_core::{Kind, Lane, Moment};

use crate::source::Source;
use writer::Writer;

/// What becomes of a statement that failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Failed {
    /// It is a comment.
    #[default]
    Comment,
    /// It stands in the script, to fail again; psql goes on behind it.
    Keep,
}

/// How a script is written.
#[derive(Clone, Copy, Debug)]
pub struct Settings<'a> {
    /// What becomes of statements that failed.
    pub failed: Failed,
    /// The key behind `\restrict`: letters and digits that nobody can guess who had a hand in the session.
    pub key: &'a str,
}

/// Writes the script of a session to `output`.
///
/// # Errors
/// When the session says nothing to a database, when it cannot be read, or when `output` cannot be written.
pub fn write(id: &str, source: &dyn Source, settings: &Settings<'_>, output: &mut dyn Write) -> anyhow::Result<()> {
    let Some(lane) = lane(source)? else { bail!("the session says nothing to a database: there is no SQL in it") };
    let mut writer = Writer::new(id, lane, source.events_from(Moment::START)?, settings, output);
    for event in source.events_from(Moment::START)? {
        writer.take(&event?)?;
    }
    writer.finish()
}

/// The lane of the session's queries.
fn lane(source: &dyn Source) -> anyhow::Result<Option<Lane>> {
    for event in source.events_from(Moment::START)? {
        let event = event?;
        if matches!(event.kind, Kind::Query(_)) {
            return Ok(Some(event.lane));
        }
    }
    Ok(None)
}
