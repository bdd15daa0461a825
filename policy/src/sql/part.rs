//! What a statement does, and to which tables.

use std::collections::BTreeSet;

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

/// A statement of this kind about these tables that chooses no rows and calls nothing.
pub(super) fn part(kind: &str, tables: Option<BTreeSet<Table>>) -> Part {
    Part {
        kind: Some(kind.to_owned()),
        object: Some(String::new()),
        tables,
        functions: Some(BTreeSet::new()),
        filtered: Some(false),
    }
}
