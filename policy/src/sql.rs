//! SQL, as far as policies ask about it.

mod finding;
mod part;
mod query;
mod statement;
mod token;

use std::collections::BTreeSet;

pub use self::part::{Part, Table};
use self::token::Token;
use crate::limits::{PARTS_MAX, STATEMENTS_MAX};

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
            parts.push(part::part("", Some(BTreeSet::new())));
        }
        Self { statements: Some(statements.len()), parts }
    }
}
