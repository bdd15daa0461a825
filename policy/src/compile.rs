//! From text to rules, with everything that is wrong said at once.

use std::collections::BTreeMap;

use cedar_policy::{Effect, Policy, PolicyId, PolicySet, Schema, ValidationMode, Validator};
use miette::Diagnostic;
use wiretape_core::judge::Approvers;

use crate::circumstances::Source;
use crate::faults::Faults;
use crate::limits::{POLICY_DEPTH_MAX, RULES_MAX, SOURCES_BYTES_MAX};
use crate::rule::Rule;

/// The annotations that mean something.
const ANNOTATIONS: [&str; 3] = ["id", "approval", "reason"];

/// One policy of a source.
struct Piece<'a> {
    file: &'a str,
    /// The line of its first word, from 1.
    line: usize,
    /// Where its text begins in its own line count.
    text: &'a str,
}

impl Piece<'_> {
    /// The line of what stands at `offset` of its text.
    fn line_at(&self, offset: usize) -> usize {
        self.line + self.text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
    }

    /// The line that a report of Cedar's is about.
    fn line_of(&self, report: &dyn Diagnostic) -> usize {
        let offset = report.labels().and_then(|mut labels| labels.next()).map_or(0, |label| label.offset());
        self.line_at(offset)
    }
}

/// The rules of `sources`, and what is odd about them but not wrong.
pub(crate) fn rules(sources: &[Source]) -> Result<(Vec<Rule>, Vec<String>), Faults> {
    let mut faults = Faults::default();
    let mut pieces = Vec::new();
    if sources.iter().map(|source| source.text.len()).sum::<usize>() > SOURCES_BYTES_MAX {
        faults.add("policies", 0, format!("they are larger than {SOURCES_BYTES_MAX} bytes"), "write fewer");
        return Err(faults);
    }
    for source in sources {
        if source.name.contains([',', '\n']) {
            faults.add(&source.name, 0, "the name of the file has a comma", "rename it: rules are listed with commas");
        }
        split(source, &mut pieces, &mut faults);
    }
    if pieces.len() > RULES_MAX {
        faults.add("policies", 0, format!("there are more than {RULES_MAX}"), "write fewer");
        return Err(faults);
    }
    let (schema, _) = match Schema::from_cedarschema_str(crate::SCHEMA) {
        Ok(schema) => schema,
        Err(error) => {
            faults.add("schema.cedarschema", 0, error.to_string(), "");
            return Err(faults);
        }
    };
    let mut set = PolicySet::new();
    let mut rules = Vec::new();
    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    let mut warnings = Vec::new();
    for (number, piece) in pieces.iter().enumerate() {
        let id = PolicyId::new(number.to_string());
        let policy = match Policy::parse(Some(id), piece.text) {
            Ok(policy) => policy,
            Err(errors) => {
                for error in errors.iter() {
                    let remedy = error.help().map(|help| help.to_string()).unwrap_or_default();
                    faults.add(piece.file, piece.line_of(error), error.to_string(), remedy);
                }
                continue;
            }
        };
        if let Some(rule) = rule(&policy, number, piece, &mut names, &mut warnings, &mut faults) {
            rules.push(rule);
        }
        if let Err(error) = set.add(policy) {
            faults.add(piece.file, piece.line, error.to_string(), "");
        }
    }
    let piece = |id: &PolicyId| AsRef::<str>::as_ref(id).parse::<usize>().ok().and_then(|number| pieces.get(number));
    let result = Validator::new(schema).validate(&set, ValidationMode::Strict);
    for error in result.validation_errors() {
        let Some(piece) = piece(error.policy_id()) else { continue };
        let remedy = error.help().map_or_else(
            || {
                "docs/POLICY.md lists what there is for each action; name the action in the head of the policy"
                    .to_owned()
            },
            |help| told(&help.to_string()),
        );
        faults.add(piece.file, piece.line_of(error), told(&error.to_string()), remedy);
    }
    for warning in result.validation_warnings() {
        let Some(piece) = piece(warning.policy_id()) else { continue };
        warnings.push(format!("{}:{}: {}", piece.file, piece.line_of(warning), told(&warning.to_string())));
    }
    if faults.is_empty() { Ok((rules, warnings)) } else { Err(faults) }
}

/// A report of Cedar's without the policy's number, which means nothing to anybody.
fn told(report: &str) -> String {
    match report.split_once("`, ") {
        Some((head, rest)) if head.starts_with("for policy `") => rest.to_owned(),
        _ => report.to_owned(),
    }
}

/// The rule that a policy is, if its annotations are in order.
fn rule(
    policy: &Policy,
    number: usize,
    piece: &Piece<'_>,
    names: &mut BTreeMap<String, usize>,
    warnings: &mut Vec<String>,
    faults: &mut Faults,
) -> Option<Rule> {
    let known = faults.0.len();
    let (file, line) = (piece.file, piece.line);
    let id = policy.annotation("id").map_or_else(|| own_name(piece, names), str::to_owned);
    let is_taken =
        ["groups", "every-user", wiretape_core::decided::NO_PERMIT].contains(&id.as_str()) || id.starts_with("refuse ");
    if id.is_empty() || id.contains(',') || id.chars().any(char::is_control) || is_taken {
        let remedy = "a name is not empty, has no comma and is none of the gateway's own: groups, refuse …";
        faults.add(file, line, format!("{id:?} cannot be the name of a policy"), remedy);
    }
    if let Some(other) = names.insert(id.clone(), number) {
        faults.add(file, line, format!("another policy is called {id:?} too (policy {})", other + 1), "rename one");
    }
    for (name, _) in policy.annotations().filter(|(name, _)| !ANNOTATIONS.contains(name)) {
        warnings.push(format!("{file}:{line}: the annotation @{name} means nothing here: @id, @approval, @reason do"));
    }
    let approvers = match policy.annotation("approval").map(approvers) {
        None => Vec::new(),
        Some(Err(text)) => {
            faults.add(file, line, text, "write @approval(\"leads\"), or @approval(\"leads:2\") for two of them");
            Vec::new()
        }
        Some(Ok(_)) if policy.effect() == Effect::Forbid => {
            let remedy = "write a permit with @approval, or leave @approval out";
            faults.add(file, line, "what is forbidden cannot be approved", remedy);
            Vec::new()
        }
        Some(Ok(approvers)) => approvers,
    };
    let reason = policy.annotation("reason").unwrap_or_default().trim().to_owned();
    if reason.contains(char::is_control) {
        faults.add(file, line, "@reason has more than one line", "clients are told it in one line");
    }
    let made = Rule::new(policy, number, id, approvers, reason);
    match made {
        Ok(rule) if faults.0.len() == known => Some(rule),
        Ok(_) => None,
        Err(text) => {
            faults.add(file, line, text, "");
            None
        }
    }
}

/// The name of a policy that has none: its place.
fn own_name(piece: &Piece<'_>, names: &BTreeMap<String, usize>) -> String {
    let name = format!("{}:{}", piece.file, piece.line);
    let others = (2..).map(|number| format!("{name}.{number}"));
    std::iter::once(name.clone()).chain(others).find(|name| !names.contains_key(name)).unwrap_or(name)
}

/// Those whom `@approval` names: groups, separated by commas, each with a colon and a number where it takes several.
fn approvers(text: &str) -> Result<Vec<Approvers>, String> {
    let mut all = Vec::new();
    for part in text.split(',') {
        let (group, count) = match part.rsplit_once(':') {
            Some((group, count)) if count.trim().bytes().all(|byte| byte.is_ascii_digit()) => (group, count.trim()),
            _ => (part, "1"),
        };
        let count = count.parse().ok().filter(|count| (1..=100).contains(count));
        match (group.trim(), count) {
            ("", _) | (_, None) => return Err(format!("@approval({text:?}) names no group, or not how many")),
            (group, Some(count)) => {
                Approvers { group: group.to_owned(), count }.join(&mut all);
            }
        }
    }
    Ok(all)
}

/// Takes a source apart: in Cedar a policy ends with a semicolon, which stands nowhere else but in texts and comments.
fn split<'a>(source: &'a Source, pieces: &mut Vec<Piece<'a>>, faults: &mut Faults) {
    let text = source.text.as_str();
    let mut bytes = text.bytes().enumerate().peekable();
    let (mut line, mut depth) = (1, 0_usize);
    let mut begun: Option<(usize, usize)> = None;
    let mut quoted = false;
    while let Some((offset, byte)) = bytes.next() {
        if byte == b'\n' {
            line += 1;
        }
        if quoted {
            match byte {
                b'\\' => line += usize::from(bytes.next().is_some_and(|(_, next)| next == b'\n')),
                b'"' => quoted = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'/' if bytes.peek().is_some_and(|(_, next)| *next == b'/') => {
                while bytes.peek().is_some_and(|(_, next)| *next != b'\n') {
                    bytes.next();
                }
                continue;
            }
            b'(' | b'[' | b'{' => {
                depth += 1;
                if depth > POLICY_DEPTH_MAX {
                    faults.add(&source.name, line, "brackets stand too deep in each other", "take the policy apart");
                    return;
                }
            }
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ if byte.is_ascii_whitespace() => continue,
            _ => {}
        }
        quoted = byte == b'"';
        let (start, first) = *begun.get_or_insert((offset, line));
        if byte == b';' {
            pieces.extend(text.get(start..=offset).map(|text| Piece { file: &source.name, line: first, text }));
            begun = None;
            depth = 0;
        }
    }
    if let Some((start, first)) = begun {
        pieces.extend(text.get(start..).map(|text| Piece { file: &source.name, line: first, text }));
    }
}
