//! What an action is about, and what policies are told of it: no more than they look at.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use wiretape_core::event::{FileOperation, RefChange};
use wiretape_core::judge::{ActionKind, Push, Transfer};

use crate::circumstances::TargetFacts;
use crate::context::{Fields, Value};
use crate::limits::{CASES_MAX, TEXT_BYTES_MAX};
use crate::objection::knows_paths;
use crate::path;
use crate::resource::{Kind, Resource};
use crate::shell::CommandLine;
use crate::slice::Slice;
use crate::sql::{Sql, Table};
use crate::url::{Url, plain_host};

/// One thing that an action is about, judged for itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Case {
    pub(crate) resource: Resource,
    pub(crate) fields: Arc<Fields>,
}

/// Everything that an action is about.
#[derive(Clone, Debug)]
pub(crate) struct Cases {
    /// Fields that all cases have.
    pub(crate) shared: Fields,
    pub(crate) each: Vec<Case>,
}

impl Cases {
    /// An action about one thing, of which nothing more is told.
    pub(crate) fn one(resource: Resource) -> Self {
        Self { shared: Vec::new(), each: vec![Case { resource, fields: Arc::default() }] }
    }

    /// Each case once; `None` when there are too many. Where nobody looks below the target, cases that differ only in
    /// their resource are one.
    pub(crate) fn within_limits(mut self, looks_below_target: bool) -> Option<Self> {
        if !looks_below_target {
            let mut seen = BTreeSet::new();
            self.each.retain(|case| seen.insert(case.fields.clone()));
        } else if self.each.len() > 1 {
            let mut seen = BTreeSet::new();
            self.each.retain(|case| seen.insert(case.clone()));
        }
        (self.each.len() <= CASES_MAX).then_some(self)
    }
}

/// Collects the fields that are looked at.
struct Told<'a> {
    slice: &'a Slice,
    fields: Fields,
}

impl<'a> Told<'a> {
    fn new(slice: &'a Slice) -> Self {
        Self { slice, fields: Vec::new() }
    }

    /// Adds a field that is looked at, if there is a value for it.
    fn tell(&mut self, name: &'static str, value: impl FnOnce() -> Option<Value>) {
        if self.slice.looks.at(name) {
            self.fields.extend(value().map(|value| (name, value)));
        }
    }

    fn text(&mut self, name: &'static str, text: Option<&str>) {
        self.tell(name, || text.map(|text| Value::Text(text.to_owned())));
    }

    fn bytes(&mut self, name: &'static str, bytes: &Bytes) {
        self.tell(name, || lossy(bytes).map(|text| Value::Text(text.into_owned())));
    }

    fn flag(&mut self, name: &'static str, flag: Option<bool>) {
        self.tell(name, || flag.map(Value::Flag));
    }

    fn texts(&mut self, name: &'static str, texts: Option<&BTreeSet<String>>) {
        self.tell(name, || texts.map(|texts| Value::Texts(texts.clone())));
    }

    fn any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.slice.looks.at(name))
    }
}

/// A text for policies; `None` for one that is too long to be shown.
fn lossy(bytes: &Bytes) -> Option<Cow<'_, str>> {
    (bytes.len() <= TEXT_BYTES_MAX).then(|| String::from_utf8_lossy(bytes))
}

/// What `action` at `target` is about, as far as `slice` looks.
pub(crate) fn of(action: &ActionKind, slice: &Slice, target: &TargetFacts) -> Cases {
    let whole = || Resource::target(&target.name, &target.kind);
    let below = |kind, name: &str| Resource::below(&target.name, kind, name);
    let mut told = Told::new(slice);
    let resource = match action {
        ActionKind::Shell | ActionKind::Agent => whole(),
        ActionKind::Exec { command } => {
            exec(&mut told, command);
            whole()
        }
        ActionKind::Subsystem { name } => {
            told.text("name", Some(name));
            whole()
        }
        ActionKind::Forward { destination } => {
            let (host, port) = forwarded(destination);
            told.text("host", host.as_deref());
            told.tell("port", || port.map(Value::Number));
            match host {
                Some(host) => below(Kind::Host, &host),
                None => Resource::uncertain(&target.name, Kind::Host),
            }
        }
        ActionKind::File(operation) => return file(told, operation, target),
        ActionKind::Transfer(transfer) => return self::transfer(told, transfer, target),
        ActionKind::Query { text } => return query(told, text, target),
        ActionKind::Call { function_id } => {
            told.tell("function", || Some(Value::Number(i64::from(*function_id))));
            whole()
        }
        ActionKind::Request { method, url } => request(&mut told, method, url, target),
        ActionKind::Fetch { repository } => {
            told.bytes("repository", repository);
            below(Kind::Repository, &String::from_utf8_lossy(repository))
        }
        ActionKind::Push(push) => return self::push(told, push, target),
        ActionKind::Line { text } => {
            told.bytes("text", text);
            whole()
        }
    };
    Cases { shared: told.fields, each: vec![Case { resource, fields: Arc::default() }] }
}

fn exec(told: &mut Told<'_>, command: &Bytes) {
    told.bytes("command", command);
    if told.any(&["words", "programs", "redirections", "parsed"]) {
        let line = CommandLine::parse(command);
        told.texts("words", line.words.as_ref());
        told.texts("programs", line.programs.as_ref());
        told.texts("redirections", line.redirections.as_ref());
        told.flag("parsed", Some(line.is_understood()));
    }
}

/// Host and port of `host:port`; a socket's path is a host without a port, where it is known which file it is.
fn forwarded(destination: &str) -> (Option<String>, Option<i64>) {
    if destination.contains('/') {
        return (path::plain(&Bytes::copy_from_slice(destination.as_bytes())), None);
    }
    let (host, port) = destination.rsplit_once(':').unwrap_or((destination, ""));
    let host = host.trim_start_matches('[').trim_end_matches(']');
    (Some(plain_host(host).unwrap_or_else(|| host.to_owned())), port.parse::<u16>().ok().map(i64::from))
}

/// What policies call an operation, and the second path that it names.
fn operation_name(operation: &FileOperation) -> (&'static str, Option<&Bytes>) {
    match operation {
        FileOperation::Open { .. } => ("open", None),
        FileOperation::List { .. } => ("list", None),
        FileOperation::Stat { .. } => ("stat", None),
        FileOperation::SetAttributes { .. } => ("set-attributes", None),
        FileOperation::Rename { to, .. } => ("rename", Some(to)),
        FileOperation::Remove { .. } => ("remove", None),
        FileOperation::MakeDirectory { .. } => ("make-directory", None),
        FileOperation::RemoveDirectory { .. } => ("remove-directory", None),
        FileOperation::Link { target, .. } => ("link", Some(target)),
        FileOperation::ReadLink { .. } => ("read-link", None),
        FileOperation::RealPath { .. } => ("real-path", None),
        FileOperation::Send { .. } => ("send", None),
        FileOperation::Extension { .. } => ("extension", None),
    }
}

/// One case for each path that it may have.
fn transfer(mut told: Told<'_>, transfer: &Transfer, target: &TargetFacts) -> Cases {
    let (name, _) = operation_name(&transfer.operation);
    told.text("operation", Some(name));
    told.text("to", Some(""));
    let slice = told.slice;
    let case = |path: Option<String>| {
        let mut told = Told::new(slice);
        told.text("path", path.as_deref());
        told.flag("parsed", Some(path.is_some()));
        let resource = match &path {
            Some(path) => Resource::below(&target.name, Kind::Path, path),
            None => Resource::uncertain(&target.name, Kind::Path),
        };
        Case { resource, fields: Arc::new(told.fields) }
    };
    let each = match transfer.paths.as_slice() {
        [] => vec![case(None)],
        paths => paths.iter().map(|path| case(path::plain(path))).collect(),
    };
    Cases { shared: told.fields, each }
}

fn file(mut told: Told<'_>, operation: &FileOperation, target: &TargetFacts) -> Cases {
    let (name, to) = operation_name(operation);
    // What an extension does with its path, and with others that only it knows of, is its own affair.
    let is_known = !matches!(operation, FileOperation::Extension { .. });
    let path = path::plain(operation.path()).filter(|_| is_known);
    let to = match to {
        Some(to) => path::plain(to),
        None => is_known.then(String::new),
    };
    told.text("operation", Some(name));
    told.text("path", path.as_deref());
    told.text("to", to.as_deref());
    told.flag("parsed", Some(path.is_some() && to.is_some()));
    let resource = |path: Option<&String>| match path {
        Some(path) => Resource::below(&target.name, Kind::Path, path),
        None => Resource::uncertain(&target.name, Kind::Path),
    };
    let paths = std::iter::once(path.as_ref()).chain(match &to {
        Some(to) if to.is_empty() => None,
        to => Some(to.as_ref()),
    });
    let each = paths.map(|path| Case { resource: resource(path), fields: Arc::default() }).collect();
    Cases { shared: told.fields, each }
}

fn query(mut told: Told<'_>, text: &Bytes, target: &TargetFacts) -> Cases {
    told.bytes("text", text);
    let whole = || Resource::target(&target.name, &target.kind);
    let parsed = ["kind", "object", "tables", "names", "functions", "where", "statements", "parsed"];
    if !told.slice.looks_below_target && !told.any(&parsed) {
        return Cases { shared: told.fields, each: vec![Case { resource: whole(), fields: Arc::default() }] };
    }
    let sql = Sql::parse(text);
    told.tell("statements", || sql.statements.and_then(|count| i64::try_from(count).ok()).map(Value::Number));
    let slice = told.slice;
    let mut each = Vec::new();
    for part in &sql.parts {
        if each.len() > CASES_MAX {
            break;
        }
        let mut told = Told::new(slice);
        told.text("kind", part.kind.as_deref());
        told.text("object", part.object.as_deref());
        let named = |name: fn(&Table) -> String| {
            part.tables.as_ref().map(|tables| Value::Texts(tables.iter().map(name).collect()))
        };
        told.tell("tables", || named(Table::full));
        told.tell("names", || named(|table| table.name.clone()));
        told.texts("functions", part.functions.as_ref());
        told.flag("where", part.filtered);
        told.flag("parsed", Some(part.is_understood()));
        let fields = Arc::new(told.fields);
        let mut add = |resource| each.push(Case { resource, fields: Arc::clone(&fields) });
        match &part.tables {
            None => add(Resource::uncertain(&target.name, Kind::Table)),
            Some(tables) if tables.is_empty() => add(whole()),
            Some(tables) => tables.iter().for_each(|named| add(table(named, target))),
        }
    }
    Cases { shared: told.fields, each }
}

fn table(table: &Table, target: &TargetFacts) -> Resource {
    let mut attributes = vec![("name", table.name.clone())];
    attributes.extend(table.schema.clone().map(|schema| ("schema", schema)));
    Resource {
        attributes,
        bare: table.schema.as_ref().map(|_| format!("{} {}", target.name, table.name)),
        ..Resource::below(&target.name, Kind::Table, &table.full())
    }
}

fn request(told: &mut Told<'_>, method: &Bytes, url: &Bytes, target: &TargetFacts) -> Resource {
    // Some servers take `delete` for `DELETE`, some take the method from a field (`POST>DELETE`): what it means is theirs.
    let plain = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    told.text("method", std::str::from_utf8(method).ok().filter(|text| text.as_bytes().iter().all(plain)));
    let fields = ["host", "port", "path", "raw", "query", "parsed"];
    if !told.slice.looks_below_target && !told.any(&fields) {
        return Resource::target(&target.name, &target.kind);
    }
    let url = Url::parse(url);
    told.text("host", url.host.as_deref());
    told.tell("port", || url.port.map(|port| Value::Number(i64::from(port))));
    // A tunnel has no path, and shows none of those that are asked for within it.
    told.text("path", url.path.as_deref());
    told.text("raw", url.raw.as_deref());
    told.text("query", url.query.as_deref());
    told.flag("parsed", Some(url.host.is_some() && (url.path.is_some() || url.is_tunnel)));
    let host = url.host.as_deref().map(|host| Resource::below(&target.name, Kind::Host, host));
    match (host, &url.path) {
        (Some(host), _) if url.is_tunnel => host,
        (Some(host), Some(path)) => {
            let own = url.host.unwrap_or_default();
            let mut below = Resource::below(&target.name, Kind::Path, &format!("{own}{path}")).within(host.thing);
            below.attributes = vec![("path", path.clone())];
            below
        }
        _ => Resource::uncertain(&target.name, Kind::Path),
    }
}

fn push(mut told: Told<'_>, push: &Push, target: &TargetFacts) -> Cases {
    let texts = |all: &[Bytes]| -> Option<BTreeSet<String>> {
        all.iter().map(|text| String::from_utf8(text.to_vec()).ok()).collect()
    };
    let knows_paths = knows_paths(push);
    told.bytes("repository", &push.repository);
    told.tell("paths", || knows_paths.then(|| texts(&push.paths)).flatten().map(Value::Texts));
    told.flag("complete", Some(knows_paths));
    told.tell("options", || texts(&push.options).map(Value::Texts));
    let repository = String::from_utf8_lossy(&push.repository);
    let parent = Resource::below(&target.name, Kind::Repository, &repository).thing;
    let slice = told.slice;
    let mut each = Vec::new();
    for update in &push.updates {
        let mut told = Told::new(slice);
        let name = String::from_utf8_lossy(&update.name);
        let known = update.change != RefChange::Unknown;
        told.text("ref", Some(&name));
        told.text("change", known.then(|| update.change.name()));
        told.flag("forced", known.then_some(update.change == RefChange::Forced));
        let mut resource =
            Resource::below(&target.name, Kind::Ref, &format!("{repository} {name}")).within(parent.clone());
        resource.attributes = vec![("name", name.into_owned())];
        each.push(Case { resource, fields: Arc::new(told.fields) });
    }
    if each.is_empty() {
        let resource = Resource { certain: false, ..Resource::uncertain(&target.name, Kind::Ref) };
        each.push(Case { resource, fields: Arc::default() });
    }
    Cases { shared: told.fields, each }
}
