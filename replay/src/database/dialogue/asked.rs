//! What was asked: statements, portals, and requests that wait for their answer.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use wiretape_core::Moment;
use wiretape_core::event::{Column, Parameter, Prepared};

/// A text of the client's, or as much of it as is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    /// Its start.
    pub start: Bytes,
    /// How long all of it is, in bytes.
    pub bytes: u64,
}

impl Text {
    /// The start of a text of `bytes`, at most `bytes_max` of it, in memory of its own.
    pub(super) fn start(start: &[u8], bytes: u64, bytes_max: usize) -> Self {
        Self { start: Bytes::copy_from_slice(start.get(..bytes_max).unwrap_or(start)), bytes }
    }

    /// All of it, when all of it is kept.
    #[must_use]
    pub fn whole(&self) -> Option<&Bytes> {
        (self.start.len() as u64 == self.bytes).then_some(&self.start)
    }
}

/// A prepared statement.
#[derive(Debug)]
pub struct Statement {
    /// Its number among all statements that were prepared.
    pub number: u64,
    /// Its name; empty for the unnamed one.
    pub name: Bytes,
    /// Its text.
    pub text: Text,
    /// The columns of its rows, once they were described; how they are sent is a portal's business.
    pub(super) columns: OnceLock<Arc<[Column]>>,
}

/// A statement with its parameters.
#[derive(Debug)]
pub struct Portal {
    /// The number of the request that made it.
    pub number: u64,
    /// Its name; empty for the unnamed one.
    pub name: Bytes,
    /// The statement's name.
    pub statement_name: Bytes,
    /// The statement, as far as it is known.
    pub statement: Option<Arc<Statement>>,
    /// How the parameters are sent: none for all text, one for all, or one for each.
    pub formats: Vec<u16>,
    /// The parameters, when they are kept.
    pub parameters: Option<Vec<Parameter>>,
    /// How results are wanted, by the same rule.
    pub(super) result_formats: Vec<u16>,
    /// The columns of its rows, once they were described.
    pub(super) columns: OnceLock<Arc<[Column]>>,
}

/// The format of the value at `place`, by the rule of `Bind`.
#[must_use]
pub fn format_at(formats: &[u16], place: usize) -> u16 {
    match formats {
        [one] => *one,
        formats => formats.get(place).copied().unwrap_or(0),
    }
}

impl Portal {
    /// The columns of its rows, in the formats in which they are sent; `None` when nobody described them.
    #[must_use]
    pub fn shape(&self) -> Option<Arc<[Column]>> {
        if let Some(columns) = self.columns.get() {
            return Some(Arc::clone(columns));
        }
        let columns = self.statement.as_ref()?.columns.get()?;
        if columns.iter().enumerate().all(|(place, column)| column.format == format_at(&self.result_formats, place)) {
            return Some(Arc::clone(columns));
        }
        let sent = columns.iter().enumerate();
        let sent =
            sent.map(|(place, column)| Column { format: format_at(&self.result_formats, place), ..column.clone() });
        Some(sent.collect())
    }
}

/// What a request asks for.
#[derive(Clone, Debug)]
pub enum Asks {
    /// To be let in.
    Login,
    /// That a text be run.
    Simple(Text),
    /// That a statement be prepared.
    Parse(Arc<Statement>),
    /// That a portal be made.
    Bind(Arc<Portal>),
    /// What a statement takes and gives, or a portal gives.
    Describe(Prepared, Option<Arc<Statement>>, Option<Arc<Portal>>),
    /// That a portal be run.
    Execute {
        /// The portal's name.
        name: Bytes,
        /// The portal, as far as it is known.
        portal: Option<Arc<Portal>>,
    },
    /// That something be closed.
    Close,
    /// That a function be called.
    Call,
    /// That the group of requests end here.
    Sync,
}

/// One request, which is answered or waits for its answer.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its number among all requests of the dialogue, from 0.
    pub number: u64,
    /// When it was made.
    pub at: Moment,
    /// What it asks for.
    pub asks: Asks,
}

impl Request {
    /// The statement that it is about.
    #[must_use]
    pub fn statement(&self) -> Option<&Arc<Statement>> {
        match &self.asks {
            Asks::Parse(statement) => Some(statement),
            Asks::Describe(_, statement, portal) => {
                statement.as_ref().or_else(|| portal.as_ref().and_then(|portal| portal.statement.as_ref()))
            }
            Asks::Bind(portal) => portal.statement.as_ref(),
            Asks::Execute { portal, .. } => portal.as_ref()?.statement.as_ref(),
            Asks::Login | Asks::Simple(_) | Asks::Close | Asks::Call | Asks::Sync => None,
        }
    }

    /// The text that it is about.
    #[must_use]
    pub fn text(&self) -> Option<&Text> {
        match &self.asks {
            Asks::Simple(text) => Some(text),
            _ => self.statement().map(|statement| &statement.text),
        }
    }

    /// The portal that it is about.
    #[must_use]
    pub fn portal(&self) -> Option<&Arc<Portal>> {
        match &self.asks {
            Asks::Bind(portal) => Some(portal),
            Asks::Describe(_, _, portal) | Asks::Execute { portal, .. } => portal.as_ref(),
            _ => None,
        }
    }

    /// Whether an error in it makes the target pass over what follows, up to the next Sync.
    pub(super) fn is_extended(&self) -> bool {
        !matches!(self.asks, Asks::Login | Asks::Simple(_) | Asks::Call | Asks::Sync)
    }
}
