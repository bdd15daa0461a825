//! One statement: what it does can be told from how it begins, but for queries, which are parsed.

use std::collections::BTreeSet;

use super::part::{Part, Table, part};
use super::query;
use super::token::Token;
use crate::limits::NAMES_MAX;

/// How deep statements may stand in statements.
const STATEMENTS_DEEP_MAX: usize = 8;

/// Statements that name no table and compute nothing.
const PLAIN: [&str; 15] = [
    "begin",
    "commit",
    "rollback",
    "savepoint",
    "release",
    "discard",
    "listen",
    "unlisten",
    "notify",
    "deallocate",
    "close",
    "fetch",
    "move",
    "checkpoint",
    "load",
];

/// Statements of which nothing is known but that they are one.
const OPAQUE: [&str; 9] =
    ["comment", "do", "vacuum", "analyze", "cluster", "reindex", "security", "reassign", "import"];

/// What `tokens` do, which are one statement without its semicolon.
pub(super) fn parts(tokens: &[Token]) -> Vec<Part> {
    within(tokens, 0)
}

fn within(tokens: &[Token], depth: usize) -> Vec<Part> {
    let head = match tokens.first() {
        Some(Token::Word(word)) => word.as_str(),
        Some(Token::Mark('(')) => "select",
        _ => return vec![Part::default()],
    };
    if depth > STATEMENTS_DEEP_MAX {
        return vec![Part::default()];
    }
    let rest = Rest { tokens: tokens.get(1..).unwrap_or_default(), depth };
    match head {
        "select" | "with" | "values" | "table" | "insert" | "update" | "delete" | "merge" => query::parts(tokens),
        "explain" => rest.explain(),
        "prepare" => rest.prepare(),
        "declare" => rest.behind("for", "declare"),
        "copy" => rest.copy(),
        "create" => rest.create(),
        "alter" | "drop" => rest.object(head),
        "truncate" | "lock" => vec![part(head, rest.after(&["table"]).names())],
        "refresh" => vec![part(head, rest.after(&["materialized", "view", "concurrently"]).names())],
        "grant" | "revoke" => vec![rest.grant(head)],
        "call" | "execute" => vec![Part { functions: rest.called(head), ..part(head, Some(BTreeSet::new())) }],
        "set" | "reset" | "show" => {
            vec![Part { object: rest.after(&["session", "local"]).setting(), ..part(head, Some(BTreeSet::new())) }]
        }
        "start" => vec![part("begin", Some(BTreeSet::new()))],
        "end" => vec![part("commit", Some(BTreeSet::new()))],
        "abort" => vec![part("rollback", Some(BTreeSet::new()))],
        "analyse" => vec![part("analyze", None)],
        _ if PLAIN.contains(&head) => vec![part(head, Some(BTreeSet::new()))],
        _ if OPAQUE.contains(&head) => vec![Part { functions: None, ..part(head, None) }],
        _ => vec![Part::default()],
    }
}

/// Words behind which something stands in the definition of a table that is computed, at the latest when a row comes.
const COMPUTING: [&str; 5] = ["check", "generated", "exclude", "partition", "values"];

/// What is left of a statement.
#[derive(Clone, Copy)]
struct Rest<'a> {
    tokens: &'a [Token],
    depth: usize,
}

impl<'a> Rest<'a> {
    fn from(self, at: usize) -> Self {
        Self { tokens: self.tokens.get(at..).unwrap_or_default(), ..self }
    }

    fn word(self) -> Option<&'a str> {
        self.tokens.first()?.word()
    }

    /// Without those of `words` with which it begins, in any order.
    fn after(mut self, words: &[&str]) -> Self {
        while self.word().is_some_and(|word| words.contains(&word)) {
            self = self.from(1);
        }
        self
    }

    fn inner(self) -> Vec<Part> {
        within(self.tokens, self.depth + 1)
    }

    /// Where `word` stands outside of brackets.
    fn find(self, word: &str) -> Option<usize> {
        let mut depth = 0_usize;
        self.tokens.iter().position(|token| {
            match token {
                Token::Mark('(' | '[') => depth += 1,
                Token::Mark(')' | ']') => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth == 0 && token.is(word)
        })
    }

    fn has(self, word: &str) -> bool {
        self.tokens.iter().any(|token| token.is(word))
    }

    /// The name with which it begins, and what follows it.
    fn name(self) -> Option<(Table, Self)> {
        let mut rest = self.after(&["only"]);
        let bracketed = rest.tokens.len() < self.tokens.len() && rest.tokens.first() == Some(&Token::Mark('('));
        if bracketed {
            rest = rest.from(1);
        }
        let mut names = vec![rest.tokens.first()?.name()?];
        rest = rest.from(1);
        while rest.tokens.first() == Some(&Token::Mark('.')) {
            names.push(rest.tokens.get(1)?.name()?);
            rest = rest.from(2);
        }
        if bracketed {
            rest = (rest.tokens.first() == Some(&Token::Mark(')'))).then(|| rest.from(1))?;
        }
        let name = names.pop()?;
        Some((Table { schema: names.pop(), name }, rest))
    }

    /// The names with which it begins, separated by commas; `None` for too many.
    fn names(self) -> Option<BTreeSet<Table>> {
        let mut names = BTreeSet::new();
        let (first, mut rest) = self.name()?;
        names.insert(first);
        loop {
            rest = match rest.tokens.first() {
                Some(Token::Mark(',')) => rest.from(1),
                Some(Token::Operator(star)) if star == "*" => {
                    rest = rest.from(1);
                    continue;
                }
                Some(Token::Word(_)) | None => return Some(names),
                _ => return None,
            };
            let (next, behind) = rest.name()?;
            names.insert(next);
            if names.len() > NAMES_MAX {
                return None;
            }
            rest = behind;
        }
    }

    /// `EXPLAIN` runs what it explains only with `ANALYZE`; it is about the same tables either way.
    fn explain(self) -> Vec<Part> {
        let (options, inner) = match self.tokens.first() {
            // Brackets may hold the options, or be the query's own.
            Some(Token::Mark('(')) if !matches!(self.from(1).word(), Some("select" | "with" | "values" | "table")) => {
                let Some(end) = self.tokens.iter().position(|token| *token == Token::Mark(')')) else {
                    return vec![Part::default()];
                };
                (self.tokens.get(..end).unwrap_or_default(), self.from(end + 1))
            }
            _ => {
                let inner = self.after(&["analyze", "analyse", "verbose"]);
                (self.tokens.get(..self.tokens.len() - inner.tokens.len()).unwrap_or_default(), inner)
            }
        };
        // The name of an option may stand in quotes.
        let runs = options.iter().filter_map(Token::name).any(|name| name == "analyze" || name == "analyse");
        let inner = inner.inner();
        let tables = inner.iter().try_fold(BTreeSet::new(), |mut all, part| {
            all.extend(part.tables.clone()?);
            Some(all)
        });
        let functions = inner.iter().try_fold(BTreeSet::new(), |mut all, part| {
            all.extend(part.functions.clone()?);
            Some(all)
        });
        let mut parts = vec![Part { functions, ..part("explain", tables) }];
        if runs {
            parts.extend(inner);
        }
        parts
    }

    fn prepare(self) -> Vec<Part> {
        // `transaction` may be the name of a statement, too.
        if self.word() == Some("transaction") && self.tokens.get(1..) == Some(&[Token::Literal]) {
            vec![part("prepare", Some(BTreeSet::new()))]
        } else {
            self.behind("as", "prepare")
        }
    }

    /// A statement that holds another behind `word`: both count.
    fn behind(self, word: &str, kind: &str) -> Vec<Part> {
        let mut parts = vec![part(kind, Some(BTreeSet::new()))];
        match self.find(word) {
            Some(at) => parts.extend(self.from(at + 1).inner()),
            None => parts.push(Part::default()),
        }
        parts
    }

    /// `COPY` reads or writes a table, or runs a query; on a file or a program of the server's it is something graver.
    fn copy(self) -> Vec<Part> {
        let rest = self.after(&["binary"]);
        let (tables, mut parts, rest) = if rest.tokens.first() == Some(&Token::Mark('(')) {
            let mut depth = 0_usize;
            let end = rest.tokens.iter().position(|token| {
                match token {
                    Token::Mark('(') => depth += 1,
                    Token::Mark(')') => depth -= 1,
                    _ => {}
                }
                depth == 0
            });
            let Some(end) = end else { return vec![Part::default()] };
            let inner = Rest { tokens: rest.tokens.get(1..end).unwrap_or_default(), ..rest };
            (BTreeSet::new(), inner.inner(), rest.from(end + 1))
        } else {
            let Some((table, rest)) = rest.name() else { return vec![Part::default()] };
            (BTreeSet::from([table]), Vec::new(), rest)
        };
        let (into, at) = match (rest.find("from"), rest.find("to")) {
            (Some(from), to) if to.is_none_or(|to| from < to) => (true, from),
            (_, Some(to)) => (false, to),
            _ => return vec![Part::default()],
        };
        let rest = rest.from(at + 1);
        // A condition of COPY … FROM may call functions.
        let functions = if rest.has("where") { None } else { Some(BTreeSet::new()) };
        let one = |kind: &str| Part { functions: functions.clone(), ..part(kind, Some(tables.clone())) };
        parts.push(one("copy"));
        if !tables.is_empty() {
            parts.push(one(if into { "insert" } else { "select" }));
        }
        match rest.tokens.first() {
            Some(token) if token.is("stdin") || token.is("stdout") => {}
            Some(token) if token.is("program") => parts.push(one("copy_program")),
            _ => parts.push(one("copy_file")),
        }
        parts
    }

    /// `ALTER` and `DROP`.
    fn object(self, kind: &str) -> Vec<Part> {
        let (object, rest) = self.sort();
        let rest = rest.after(&["concurrently", "if", "exists"]);
        let names = match object.as_str() {
            "table" | "view" | "materialized view" | "foreign table" if rest.word() == Some("all") => None,
            "table" | "view" | "materialized view" | "foreign table" if kind == "drop" => rest.names(),
            "table" | "view" | "materialized view" | "foreign table" => {
                rest.name().map(|(table, _)| BTreeSet::from([table]))
            }
            "trigger" | "rule" | "policy" => rest.on_table(),
            _ => Some(BTreeSet::new()),
        };
        let functions = rest.uncalled();
        vec![Part { object: Some(object), functions, ..part(kind, names) }]
    }

    /// No functions where there are no brackets: what stands in them may be computed.
    fn uncalled(self) -> Option<BTreeSet<String>> {
        (!self.tokens.contains(&Token::Mark('('))).then(BTreeSet::new)
    }

    /// Whether something in the definition of a table is computed: any default but a plain value is.
    fn computes(self) -> bool {
        let is_value =
            |token: &Token| *token == Token::Literal || ["null", "true", "false"].iter().any(|word| token.is(word));
        let is_end = |token: &Token| {
            matches!(token, Token::Mark(',' | ')'))
                || ["not", "null", "primary", "unique", "references"].iter().any(|word| token.is(word))
        };
        let is_plain =
            |at: usize| self.tokens.get(at + 1).is_some_and(is_value) && self.tokens.get(at + 2).is_some_and(is_end);
        COMPUTING.iter().any(|word| self.has(word))
            || self.tokens.iter().enumerate().any(|(at, token)| token.is("default") && !is_plain(at))
    }

    /// Every name before a bracket, functions among them; `None` where one may be called in another way.
    fn mentioned(self) -> Option<BTreeSet<String>> {
        let mut names = BTreeSet::new();
        for pair in self.tokens.windows(2) {
            match pair {
                [Token::Mark(')' | ']') | Token::Literal, Token::Mark('.')] => return None,
                [name, Token::Mark('(')] => names.extend(name.name()),
                _ => {}
            }
        }
        (names.len() <= NAMES_MAX).then_some(names)
    }

    /// The setting with whose name it begins; PostgreSQL heeds the case of its letters not even in quotes.
    fn setting(self) -> Option<String> {
        match self.tokens.first()? {
            Token::Word(name) | Token::Quoted(name) => Some(name.to_ascii_lowercase()),
            _ => None,
        }
    }

    /// The table behind `ON`.
    fn on_table(self) -> Option<BTreeSet<Table>> {
        let (table, _) = self.from(self.find("on")? + 1).name()?;
        Some(BTreeSet::from([table]))
    }

    /// The sort of thing that is created, changed or removed, and what follows it.
    fn sort(self) -> (String, Self) {
        let is_default_conversion = self.word() == Some("default") && self.from(1).word() == Some("conversion");
        let this = if is_default_conversion { self.from(1) } else { self.after(&["trusted", "procedural"]) };
        this.named_sort()
    }

    fn named_sort(self) -> (String, Self) {
        let first = self.word().unwrap_or_default();
        let second = self.from(1).word().unwrap_or_default();
        let pairs = [
            ("materialized", "view"),
            ("foreign", "table"),
            ("foreign", "data"),
            ("event", "trigger"),
            ("user", "mapping"),
            ("text", "search"),
            ("access", "method"),
            ("operator", "class"),
            ("operator", "family"),
            ("default", "privileges"),
        ];
        if pairs.contains(&(first, second)) {
            return (format!("{first} {second}"), self.from(2));
        }
        (first.to_owned(), self.from(1))
    }

    fn create(self) -> Vec<Part> {
        let before =
            ["or", "replace", "temp", "temporary", "global", "local", "unlogged", "unique", "recursive", "constraint"];
        let (object, rest) = self.after(&before).sort();
        let rest = rest.after(&["concurrently", "if", "not", "exists"]);
        let created = |names| Part { object: Some(object.clone()), ..part("create", names) };
        let named = || rest.name().map(|(table, _)| BTreeSet::from([table]));
        match object.as_str() {
            "table" | "view" | "materialized view" => {
                let functions = match object.as_str() {
                    "table" if rest.computes() => rest.name().and_then(|(_, definition)| definition.mentioned()),
                    _ => Some(BTreeSet::new()),
                };
                let mut parts = vec![Part { functions, ..created(named()) }];
                // What a view reads is read through it later on.
                match rest.find("as") {
                    Some(at) => parts.extend(rest.from(at + 1).inner()),
                    None if object == "table" => {}
                    None => parts.push(Part::default()),
                }
                parts
            }
            "foreign table" => vec![created(named())],
            "index" => vec![Part { functions: rest.uncalled(), ..created(rest.on_table()) }],
            "trigger" if !rest.has("when") => vec![created(rest.on_table())],
            "trigger" | "policy" => vec![Part { functions: rest.mentioned(), ..created(rest.on_table()) }],
            // What they will do stands in their body.
            "function" | "procedure" | "rule" | "event trigger" => vec![Part { functions: None, ..created(None) }],
            // What is created and granted in it is as much as any statement of its own.
            "schema" if rest.has("create") || rest.has("grant") => vec![created(None), Part::default()],
            "" => vec![Part::default()],
            // The functions that an operator, a cast, a type or an aggregate is made of are called by its name later on.
            _ => vec![Part { functions: rest.uncalled(), ..created(Some(BTreeSet::new())) }],
        }
    }

    fn grant(self, kind: &str) -> Part {
        let Some(at) = self.find("on") else { return part(kind, Some(BTreeSet::new())) };
        let rest = self.from(at + 1);
        let others = [
            "all",
            "schema",
            "database",
            "function",
            "procedure",
            "routine",
            "sequence",
            "language",
            "domain",
            "type",
            "tablespace",
            "parameter",
            "large",
            "foreign",
        ];
        let tables = match rest.word() {
            Some("all") => None,
            Some(word) if others.contains(&word) => Some(BTreeSet::new()),
            _ => rest.after(&["table"]).names(),
        };
        part(kind, tables)
    }

    /// What `CALL` and `EXECUTE` call, which take no queries: every name before a bracket.
    fn called(self, kind: &str) -> Option<BTreeSet<String>> {
        let mut called = self.mentioned().filter(|_| !self.has("select"))?;
        if kind == "execute"
            && let Some(name) = self.tokens.first().and_then(Token::name)
        {
            called.remove(&name);
        }
        Some(called)
    }
}
