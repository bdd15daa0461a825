//! Queries: `SELECT`, `INSERT`, `UPDATE`, `DELETE`, `MERGE` and what stands in them.
//!
//! They are rewritten into the plainest words that mean the same (no comments, no literals, names as PostgreSQL folds
//! them), so that the parser reads what PostgreSQL would read, and then every statement and table in them is looked up.
//! Of a query that the parser does not understand its words still say what it can do at most.

use std::collections::BTreeSet;

use sqlparser::ast::Statement;
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;

use super::finding;
use super::part::{Part, part};
use super::token::Token;
use crate::limits::{STATEMENT_DEPTH_MAX, STATEMENT_STACK_BYTES, STATEMENT_TOKENS_MAX, STATEMENT_TOKENS_SMALL};

/// How deep the parser follows; it goes several steps for each bracket.
const PARSER_DEPTH_MAX: usize = 300;

/// What the query `tokens` does.
pub(super) fn parts(tokens: &[Token]) -> Vec<Part> {
    let folded = folded(tokens);
    let read = if folded.len() > STATEMENT_TOKENS_MAX || !is_shallow(&folded) {
        None
    } else if folded.len() > STATEMENT_TOKENS_SMALL {
        // What is parsed may be as deep as it is long, and is walked and let go of along its depth.
        stacker::grow(STATEMENT_STACK_BYTES, || read(&folded))
    } else {
        read(&folded)
    };
    read.filter(|parts| says_all(tokens, parts)).unwrap_or_else(|| at_most(tokens))
}

fn read(tokens: &[Token]) -> Option<Vec<Part>> {
    let text = text(tokens)?;
    let parser = Parser::new(&PostgreSqlDialect {}).with_recursion_limit(PARSER_DEPTH_MAX);
    let statements = parser.try_with_sql(&text).ok()?.parse_statements().ok()?;
    let [statement] = statements.as_slice() else { return None };
    match statement {
        Statement::Query(_)
        | Statement::Insert(_)
        | Statement::Update(_)
        | Statement::Delete(_)
        | Statement::Merge(_) => finding::parts(statement),
        _ => None,
    }
}

/// Whether brackets close, and do not stand deeper than the parser is let.
fn is_shallow(tokens: &[Token]) -> bool {
    let mut open = Vec::new();
    for token in tokens {
        match token {
            Token::Mark(mark @ ('(' | '[')) => open.push(*mark),
            Token::Mark(mark @ (')' | ']')) if open.pop() != Some(if *mark == ')' { '(' } else { '[' }) => {
                return false;
            }
            _ => {}
        }
        if open.len() > STATEMENT_DEPTH_MAX {
            return false;
        }
    }
    open.is_empty()
}

/// The words without what changes nothing here: of literals in a row the first, one of several rows of literals,
/// operators by a name, `ONLY`.
fn folded(tokens: &[Token]) -> Vec<Token> {
    let mut out: Vec<Token> = Vec::with_capacity(tokens.len().min(STATEMENT_TOKENS_MAX));
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        at += 1;
        match token {
            Token::Word(word) => match word.as_str() {
                "null" | "true" | "false" if !out.last().is_some_and(|last| last.is("is") || last.is("not")) => {
                    out.push(Token::Literal);
                }
                "operator" if tokens.get(at) == Some(&Token::Mark('(')) => {
                    let rest = tokens.get(at..).unwrap_or_default();
                    let Some(end) = rest.iter().position(|token| *token == Token::Mark(')')) else { return Vec::new() };
                    at += end + 1;
                    out.push(Token::Operator("||".to_owned()));
                }
                "only" if !out.last().is_some_and(|last| last.is("row") || last.is("rows")) => {}
                // TABLE x is short for SELECT * FROM x.
                "table"
                    if !out.last().is_some_and(|last| {
                        ["into", "temp", "temporary", "unlogged"].iter().any(|word| last.is(word))
                    }) =>
                {
                    out.push(Token::Word("select".to_owned()));
                    out.push(Token::Operator("*".to_owned()));
                    out.push(Token::Word("from".to_owned()));
                }
                _ => out.push(token.clone()),
            },
            token => out.push(token.clone()),
        }
        fold(&mut out);
    }
    out
}

/// Takes back what the last word made superfluous.
fn fold(out: &mut Vec<Token>) {
    use Token::{Literal, Mark};
    let length = out.len();
    if let [.., Mark('(' | ','), Token::Operator(sign), Literal] = out.as_slice()
        && (sign == "-" || sign == "+")
    {
        out.remove(length - 2);
    }
    while let [.., Literal, Mark(','), Literal] = out.as_slice() {
        out.truncate(out.len() - 2);
    }
    while let [.., Mark('('), Literal, Mark(')'), Mark(','), Mark('('), Literal, Mark(')')] = out.as_slice() {
        out.truncate(out.len() - 4);
    }
}

/// The words as one text for the parser.
fn text(tokens: &[Token]) -> Option<String> {
    let mut text = String::new();
    let mut before: Option<&Token> = None;
    for token in tokens {
        let close = matches!(token, Token::Mark('.' | '(')) || matches!(before, Some(Token::Mark('.')));
        if !close {
            text.push(' ');
        }
        match token {
            Token::Word(word) if word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') => {
                text.push_str(word);
            }
            Token::Word(word) | Token::Quoted(word) => {
                text.push('"');
                text.push_str(&word.replace('"', "\"\""));
                text.push('"');
            }
            // A text does where a number would not: after `interval`, `like`, `escape`.
            Token::Literal => text.push_str(if wants_number(before) { "1" } else { "'x'" }),
            Token::Operator(operator) => text.push_str(plain(operator)),
            Token::Mark(';') => return None,
            Token::Mark(mark) => text.push(*mark),
        }
        before = Some(token);
    }
    Some(text)
}

/// Whether a literal behind this word is a number for the parser.
fn wants_number(before: Option<&Token>) -> bool {
    let words = ["limit", "offset", "first", "next", "precision"];
    before.is_some_and(|token| words.iter().any(|word| token.is(word)) || matches!(token, Token::Mark('(' | '[')))
}

/// An operator that the parser knows, in place of any: which one it is says nothing here.
fn plain(operator: &str) -> &str {
    let known = ["=", "<", ">", "<=", ">=", "<>", "+", "-", "*", "/", "%", "::", "~", "@", "|/", "||/", "!!", "=>"];
    match operator {
        "!=" => "<>",
        operator if known.contains(&operator) => operator,
        _ => "||",
    }
}

/// The statements that change something and that the words may be: the kind of each, once for each time it is there.
fn changes(tokens: &[Token]) -> Vec<&'static str> {
    let mut changes = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| tokens.get(at)).and_then(Token::word).unwrap_or_default();
        let next = tokens.get(at + 1);
        let next_is = |word: &str| next.is_some_and(|next| next.is(word));
        match token.word() {
            Some("insert") if next_is("into") => changes.push("insert"),
            Some("delete") if next_is("from") => changes.push("delete"),
            Some("merge") if next_is("into") => changes.push("merge"),
            // FOR UPDATE, FOR NO KEY UPDATE, DO UPDATE, THEN UPDATE
            Some("update") if !["for", "key", "do", "then"].contains(&before) => {
                let names = next.is_some_and(|next| next.name().is_some());
                if names && matches!(before, "" | "as" | "materialized" | "analyze" | "verbose") {
                    changes.push("update");
                }
            }
            // SELECT … INTO makes a table.
            Some("into") if before != "insert" && before != "merge" => changes.push("create"),
            _ => {}
        }
    }
    changes
}

/// Whether what was found in a query is as much as its words let expect.
fn says_all(tokens: &[Token], parts: &[Part]) -> bool {
    let changes = changes(tokens);
    changes.iter().all(|kind| {
        let found = parts.iter().filter(|part| part.kind.as_deref() == Some(kind)).count();
        found >= changes.iter().filter(|other| *other == kind).count()
    })
}

/// What a query does at most, of which nothing is known but its words.
fn at_most(tokens: &[Token]) -> Vec<Part> {
    let mut kinds: BTreeSet<&str> = changes(tokens).into_iter().collect();
    if kinds.contains("merge") {
        kinds.extend(["insert", "update", "delete"]);
    }
    let heads = ["insert", "update", "delete", "merge"];
    kinds.extend(heads.into_iter().filter(|head| tokens.first().is_some_and(|first| first.is(head))));
    // ON CONFLICT … DO UPDATE
    if tokens.windows(2).any(|pair| matches!(pair, [first, next] if first.is("do") && next.is("update"))) {
        kinds.insert("update");
    }
    kinds.insert("select");
    kinds.into_iter().map(|kind| Part { functions: None, filtered: None, ..part(kind, None) }).collect()
}
