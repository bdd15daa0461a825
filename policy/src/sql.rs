//! SQL, as far as policies ask about it.

mod finding;
mod query;
mod statement;
mod token;

use std::collections::BTreeSet;

use self::token::Token;
use crate::limits::{PARTS_MAX, STATEMENTS_MAX};

/// A table as a statement names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Table {
    /// Its schema, where the statement says it.
    pub schema: Option<String>,
    /// Its own name.
    pub name: String,
}

impl Table {
    /// Its name with its schema before it, where the statement says it.
    #[must_use]
    pub fn full(&self) -> String {
        match &self.schema {
            Some(schema) => format!("{schema}.{}", self.name),
            None => self.name.clone(),
        }
    }
}

/// One thing that a text of SQL does. What is not known of it is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// What it does: `select`, `insert`, `update`, `delete`, `truncate`, `create`, …
    pub kind: Option<String>,
    /// To what sort of thing, for `create`, `alter`, `drop`: `table`, `index`, `role`, …; empty for others.
    pub object: Option<String>,
    /// The tables that it does that to.
    pub tables: Option<BTreeSet<Table>>,
    /// The functions that the statement calls.
    pub functions: Option<BTreeSet<String>>,
    /// Whether a condition chooses the rows.
    pub filtered: Option<bool>,
}

impl Part {
    /// Whether everything of it is known.
    #[must_use]
    pub fn is_understood(&self) -> bool {
        self.kind.is_some()
            && self.object.is_some()
            && self.tables.is_some()
            && self.functions.is_some()
            && self.filtered.is_some()
    }
}

/// A text of SQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sql {
    /// How many statements it has, if that is known.
    pub statements: Option<usize>,
    /// Everything that it does, at least one thing.
    pub parts: Vec<Part>,
}

impl Sql {
    /// Reads `text` as PostgreSQL does.
    #[must_use]
    pub fn parse(text: &[u8]) -> Self {
        let opaque = |statements| Self { statements, parts: vec![Part::default()] };
        let Some(tokens) = token::tokens(text) else { return opaque(None) };
        let statements: Vec<&[Token]> =
            tokens.split(|token| *token == Token::Mark(';')).filter(|statement| !statement.is_empty()).collect();
        if statements.len() > STATEMENTS_MAX {
            return opaque(Some(statements.len()));
        }
        let mut parts: Vec<Part> = Vec::new();
        for statement in &statements {
            for part in statement::parts(statement) {
                if !parts.contains(&part) {
                    parts.push(part);
                }
            }
        }
        if parts.len() > PARTS_MAX {
            return opaque(Some(statements.len()));
        }
        if parts.is_empty() {
            parts.push(statement::part("", Some(BTreeSet::new())));
        }
        Self { statements: Some(statements.len()), parts }
    }
}
