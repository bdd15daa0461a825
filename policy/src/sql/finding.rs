//! What stands in a parsed query: every statement that changes something, every table that is read.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use sqlparser::ast::{
    AccessExpr, Delete, Expr, FromTable, Ident, Insert, Merge, MergeAction, ObjectName, ObjectNamePart,
    OnConflictAction, OnInsert, Query, Select, SetExpr, Statement, TableAlias, TableFactor, TableObject,
    TableWithJoins, Update, Visit, Visitor,
};

use super::part::{Part, Table, part};
use super::token::shown;
use crate::limits::NAMES_MAX;

/// What a query does; `None` when something in it is not understood.
pub(super) fn parts(statement: &Statement) -> Option<Vec<Part>> {
    let mut finder = Finder::default();
    let is_understood = statement.visit(&mut finder).is_continue();
    let Finder { fields, values, functions, .. } = &mut finder;
    functions.extend(fields.iter().filter(|(of, _)| values.contains(of)).map(|(_, own)| own.clone()));
    if !is_understood
        || [finder.parts.len(), finder.reads.len(), finder.functions.len()].iter().any(|many| *many > NAMES_MAX)
    {
        return None;
    }
    let mut parts = finder.parts;
    if let Statement::Query(query) = statement {
        let is_select =
            !matches!(*query.body, SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_));
        if is_select || !finder.reads.is_empty() {
            parts.push(Part { filtered: Some(chooses(&query.body)), ..part("select", Some(finder.reads)) });
        }
    } else if !finder.reads.is_empty() {
        parts.push(part("select", Some(finder.reads)));
    }
    for part in &mut parts {
        part.functions = Some(finder.functions.clone());
    }
    Some(parts)
}

/// Whether every branch of a query chooses rows.
fn chooses(body: &SetExpr) -> bool {
    match body {
        SetExpr::Select(select) => is_condition(select.selection.as_ref()),
        SetExpr::Query(query) => chooses(&query.body),
        SetExpr::SetOperation { left, right, .. } => chooses(left) && chooses(right),
        _ => false,
    }
}

/// Whether it depends on the rows: a condition without any name in it holds for all of them or for none.
fn is_condition(condition: Option<&Expr>) -> bool {
    struct Names;
    impl Visitor for Names {
        type Break = ();
        fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
            match expression {
                Expr::Identifier(_) | Expr::CompoundIdentifier(_) => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            }
        }
    }
    condition.is_some_and(|condition| condition.visit(&mut Names).is_break())
}

/// The names that `WITH` gives, as far as they can be seen.
struct Names {
    all: Vec<String>,
    /// How many of them can be seen: those before the one that is being looked at; all, when they may name themselves.
    visible: usize,
    /// Where the queries stand that they name.
    queries: Vec<usize>,
}

#[derive(Default)]
struct Finder {
    parts: Vec<Part>,
    reads: BTreeSet<Table>,
    functions: BTreeSet<String>,
    names: Vec<Names>,
    /// Where the tables stand that are written to: they are no tables that are read.
    targets: Vec<usize>,
    /// What functions in `FROM` give is called so. It may be a value that is no row.
    values: BTreeSet<String>,
    /// Every `x.f`: a column, or where x is such a value perhaps a function that is called with it.
    fields: BTreeSet<(String, String)>,
}

/// Where something stands, to know it again.
fn place<T>(of: &T) -> usize {
    std::ptr::from_ref(of).addr()
}

fn name(ident: &Ident) -> String {
    shown(&ident.value)
}

fn table(name_of: &ObjectName) -> Option<Table> {
    let mut names = Vec::new();
    for part in &name_of.0 {
        match part {
            ObjectNamePart::Identifier(ident) => names.push(name(ident)),
            ObjectNamePart::Function(_) => return None,
        }
    }
    let own = names.pop()?;
    Some(Table { schema: names.pop(), name: own })
}

impl Finder {
    fn is_named(&self, table: &Table) -> bool {
        table.schema.is_none()
            && self.names.iter().any(|names| names.all.iter().take(names.visible).any(|name| *name == table.name))
    }

    fn call(&mut self, name: &ObjectName) -> Option<()> {
        self.functions.insert(table(name)?.name);
        Some(())
    }

    /// A function in `FROM` gives something, called by this alias or as itself.
    fn produced(&mut self, alias: Option<&TableAlias>, function: Option<Table>) {
        self.values.extend(alias.map(|alias| name(&alias.name)).or(function.map(|function| function.name)));
    }

    fn change(&mut self, kind: &str, target: Table, filtered: bool) {
        self.parts.push(Part { filtered: Some(filtered), ..part(kind, Some(BTreeSet::from([target]))) });
    }

    /// The table that is written to, which stands alone.
    fn target(&mut self, factor: &TableFactor) -> Option<Table> {
        let TableFactor::Table { name, args: None, .. } = factor else { return None };
        self.targets.push(place(factor));
        table(name)
    }

    fn insert(&mut self, insert: &Insert) -> Option<()> {
        let TableObject::TableName(name) = &insert.table else { return None };
        let target = table(name)?;
        match &insert.on {
            Some(OnInsert::OnConflict(conflict)) if matches!(conflict.action, OnConflictAction::DoUpdate(_)) => {
                self.change("update", target.clone(), true);
            }
            Some(OnInsert::OnConflict(_)) | None => {}
            Some(_) => return None,
        }
        self.change("insert", target, false);
        Some(())
    }

    fn update(&mut self, update: &Update) -> Option<()> {
        let target = self.target(&update.table.relation)?;
        self.change("update", target, is_condition(update.selection.as_ref()));
        Some(())
    }

    fn delete(&mut self, delete: &Delete) -> Option<()> {
        let FromTable::WithFromKeyword(from) = &delete.from else { return None };
        let [TableWithJoins { relation, joins }] = from.as_slice() else { return None };
        if !joins.is_empty() || !delete.tables.is_empty() {
            return None;
        }
        let target = self.target(relation)?;
        self.change("delete", target, is_condition(delete.selection.as_ref()));
        Some(())
    }

    fn merge(&mut self, merge: &Merge) -> Option<()> {
        let target = self.target(&merge.table)?;
        for clause in &merge.clauses {
            let kind = match clause.action {
                MergeAction::Insert(_) => "insert",
                MergeAction::Update(_) => "update",
                _ => "delete",
            };
            self.change(kind, target.clone(), true);
        }
        self.change("merge", target, true);
        Some(())
    }

    /// `SELECT … INTO` makes a table.
    fn select(&mut self, select: &Select) -> Option<()> {
        let Some(into) = &select.into else { return Some(()) };
        let [target] = into.targets.as_slice() else { return None };
        let names = match target {
            Expr::Identifier(ident) => vec![name(ident)],
            Expr::CompoundIdentifier(idents) => idents.iter().map(name).collect(),
            _ => return None,
        };
        let mut names = names.into_iter().rev();
        let made = Table { name: names.next()?, schema: names.next() };
        let object = Some("table".to_owned());
        self.parts.push(Part { object, ..part("create", Some(BTreeSet::from([made]))) });
        Some(())
    }
}

fn go_on(understood: Option<()>) -> ControlFlow<()> {
    match understood {
        Some(()) => ControlFlow::Continue(()),
        None => ControlFlow::Break(()),
    }
}

impl Visitor for Finder {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        if matches!(*query.body, SetExpr::Table(_)) {
            return ControlFlow::Break(());
        }
        let (all, queries, visible) = match &query.with {
            None => (Vec::new(), Vec::new(), 0),
            Some(with) => (
                with.cte_tables.iter().map(|table| name(&table.alias.name)).collect(),
                with.cte_tables.iter().map(|table| place(&*table.query)).collect(),
                if with.recursive { with.cte_tables.len() } else { 0 },
            ),
        };
        self.names.push(Names { all, visible, queries });
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        self.names.pop();
        if let Some(names) = self.names.last_mut()
            && let Some(number) = names.queries.iter().position(|known| *known == place(query))
        {
            names.visible = names.visible.max(number + 1);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        go_on(self.select(select))
    }

    fn pre_visit_statement(&mut self, statement: &Statement) -> ControlFlow<()> {
        go_on(match statement {
            Statement::Query(_) => Some(()),
            Statement::Insert(insert) => self.insert(insert),
            Statement::Update(update) => self.update(update),
            Statement::Delete(delete) => self.delete(delete),
            Statement::Merge(merge) => self.merge(merge),
            _ => None,
        })
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        go_on(match factor {
            TableFactor::Table { name, alias, args: Some(_), .. } | TableFactor::Function { name, alias, .. } => {
                self.produced(alias.as_ref(), table(name));
                self.call(name)
            }
            TableFactor::UNNEST { alias, .. } => {
                let unnest = Table { schema: None, name: "unnest".to_owned() };
                self.functions.insert(unnest.name.clone());
                self.produced(alias.as_ref(), Some(unnest));
                Some(())
            }
            TableFactor::Table { name, .. } => table(name).map(|read| {
                if !self.targets.contains(&place(factor)) && !self.is_named(&read) {
                    self.reads.insert(read);
                }
            }),
            TableFactor::Derived { .. } | TableFactor::NestedJoin { .. } => Some(()),
            // ROWS FROM, and what other databases have.
            _ => None,
        })
    }

    fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
        go_on(match expression {
            Expr::Function(function) => self.call(&function.name),
            // `x.f` calls f with x where x has no field f: of a value it is taken as a call, of a row as a column.
            Expr::CompoundFieldAccess { access_chain, .. } => {
                self.functions.extend(access_chain.iter().filter_map(|access| match access {
                    AccessExpr::Dot(Expr::Identifier(ident)) => Some(name(ident)),
                    _ => None,
                }));
                access_chain
                    .iter()
                    .all(|access| matches!(access, AccessExpr::Dot(Expr::Identifier(_)) | AccessExpr::Subscript(_)))
                    .then_some(())
            }
            Expr::CompoundIdentifier(idents) => {
                if let [of, own] = idents.as_slice() {
                    self.fields.insert((name(of), name(own)));
                }
                Some(())
            }
            _ => Some(()),
        })
    }
}
