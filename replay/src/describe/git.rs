//! Git in words.

use wiretape_core::event::{
    AdvertisedRef, FileChange, GitEvent, GitService, ObjectId, RefReport, RefUpdate, SignatureKind,
};

use super::{QUOTE_LETTERS, quote};
use crate::legible::{count, excerpt_bytes, hex, size};
use crate::limits::LABEL_LETTERS_MAX;
use crate::repository::words::{self, short};

/// Names that one line says.
const ITEMS_NAMED_MAX: usize = 8;

/// An event of the family `git` in one line.
pub(super) fn git(said: &GitEvent) -> String {
    match said {
        GitEvent::Service { service, repository } => format!("{} {}", service.name(), text(repository)),
        GitEvent::Data { bytes } => format!("said {}", quote(bytes)),
        GitEvent::Omitted { bytes } => format!("{} of a pack, not kept", size(*bytes)),
        GitEvent::Advertised { version, capabilities } => {
            format!("speaks version {version}: {}", named(capabilities.iter().map(text)))
        }
        GitEvent::Refs { refs } => format!("has {}: {}", count_of(refs, "ref"), named(refs.iter().map(advertised))),
        GitEvent::Command { name, capabilities: _, arguments } => match arguments.as_slice() {
            [] => format!("command {}", text(name)),
            arguments => format!("command {} with {}", text(name), named(arguments.iter().map(text))),
        },
        GitEvent::Wanted { ids, refs, capabilities: _, shallow, deepen, filter } => {
            let mut wants: Vec<String> = ids.iter().take(ITEMS_NAMED_MAX + 1).map(short).collect();
            wants.extend(refs.iter().take(ITEMS_NAMED_MAX + 1).map(text));
            let left = (ids.len() + refs.len()).saturating_sub(wants.len());
            let mut line = format!("wants {}", more(named(wants.into_iter()), left));
            if !shallow.is_empty() {
                line.push_str(&format!("; shallow at {}", count_of(shallow, "commit")));
            }
            for deepen in deepen.iter().take(ITEMS_NAMED_MAX) {
                line.push_str(&format!("; {}", text(deepen)));
            }
            line.extend(filter.as_ref().map(|filter| format!("; filter {}", text(filter))));
            line
        }
        GitEvent::Haves { ids, done } => {
            let done = if *done { ", and that is all" } else { "" };
            format!("has {}{done}", count_of(ids, "commit"))
        }
        GitEvent::Acknowledged { lines } => named(lines.iter().map(text)),
        GitEvent::Update(update) => update_line(update),
        GitEvent::Options { options } => format!("push options: {}", named(options.iter().map(text))),
        GitEvent::Certificate { text: certificate, signature } => {
            format!("push certificate of {}, {}", size(certificate.len() as u64), signed(Some(*signature)))
        }
        GitEvent::Pack { objects, bytes, checksum, sha256, intact } => {
            let intact = match intact {
                Some(true) => ", intact",
                Some(false) => ", NOT what its checksum says",
                None => "",
            };
            let count = count(u64::from(*objects), "object");
            format!("pack of {count}, {}, {checksum}{intact}; SHA-256 {}", size(*bytes), hex(sha256))
        }
        GitEvent::Contents { commits, trees, blobs, tags, unresolved, cut } => {
            let kinds = [(commits, "commit"), (trees, "tree"), (blobs, "blob"), (tags, "tag")];
            let kinds: Vec<_> = kinds.iter().map(|(number, kind)| count(u64::from(**number), kind)).collect();
            let mut line = format!("the pack holds {}", kinds.join(", "));
            if *unresolved > 0 {
                line.push_str(&format!("; {unresolved} are differences from what it does not hold"));
            }
            if !cut.is_empty() {
                line.push_str(&format!("; {}", super::label(cut)));
            }
            line
        }
        GitEvent::Objects { objects } => {
            let listed = objects.iter().map(|object| format!("{} {}", words::object(object.kind), short(&object.id)));
            format!("{}: {}", count_of(objects, "object"), named(listed))
        }
        GitEvent::Commit { id, author, message, signature, .. } => {
            let signed = if signature.is_some() { format!(" ({})", signed(*signature)) } else { String::new() };
            format!("commit {id} by {}: {}{signed}", text(&author.name), subject(message))
        }
        GitEvent::Files { commit, files, complete, .. } => {
            let rest = if *complete { "" } else { " and others" };
            let changed = |file: &FileChange| format!("{} {}", words::status(file.status), text(&file.path));
            format!("{} changes {}{rest}", short(commit), named(files.iter().map(changed)))
        }
        GitEvent::Tag { id, target, target_kind, name, signature, .. } => {
            let signed = if signature.is_some() { format!(" ({})", signed(*signature)) } else { String::new() };
            let target = format!("{} {}", words::object(*target_kind), short(target));
            format!("tag {} {id} of {target}{signed}", text(name))
        }
        GitEvent::Report { unpack, refs } => {
            let refs = named(refs.iter().map(reported));
            format!("unpack {}; {refs}", text(unpack))
        }
        GitEvent::Progress { bytes } => format!("remote: {}", quote(bytes)),
        GitEvent::Error { message } => format!("ERROR: {}", text(message)),
        GitEvent::LfsBatch { operation, objects, reference } => {
            let bytes = objects.iter().fold(0_u64, |sum, (_, bytes)| sum.saturating_add(*bytes));
            let of = reference.as_ref().map(|its| format!(" for {}", text(its))).unwrap_or_default();
            format!("lfs {} of {}, {}{of}", text(operation), count_of(objects, "object"), size(bytes))
        }
        GitEvent::LfsObject { id, bytes } => format!("lfs object {}, {}", hex(id), size(*bytes)),
    }
}

/// What a conversation is for, and with which repository: `fetch /org/repo.git`.
pub(crate) fn conversation(service: GitService, repository: &[u8]) -> String {
    let verb = match service {
        GitService::UploadPack => "fetch",
        GitService::ReceivePack => "push",
        GitService::UploadArchive => "archive",
    };
    format!("git {verb} {}", text(repository))
}

fn text(bytes: impl AsRef<[u8]>) -> String {
    excerpt_bytes(bytes.as_ref(), LABEL_LETTERS_MAX)
}

/// The first line of a message.
fn subject(message: &[u8]) -> String {
    let first = message.split(|byte| *byte == b'\n').find(|line| !line.is_empty()).unwrap_or_default();
    excerpt_bytes(first, QUOTE_LETTERS)
}

fn count_of<T>(items: &[T], noun: &str) -> String {
    count(items.len() as u64, noun)
}

fn advertised(its: &AdvertisedRef) -> String {
    match &its.id {
        Some(id) => format!("{} {}", text(&its.name), short(id)),
        None => text(&its.name),
    }
}

fn update_line(update: &RefUpdate) -> String {
    let id = |id: &ObjectId| if id.is_null() { "nothing".to_owned() } else { id.to_string() };
    format!("update {} from {} to {}: {}", text(&update.name), id(&update.old), id(&update.new), update.change.name())
}

fn reported(report: &RefReport) -> String {
    match &report.error {
        None => format!("{} ok", text(&report.name)),
        Some(error) => format!("{} NOT updated: {}", text(&report.name), text(error)),
    }
}

fn signed(kind: Option<SignatureKind>) -> String {
    kind.map_or_else(|| "not signed".to_owned(), |kind| format!("signed, {}", words::signature(kind)))
}

/// The first items, and how many more there are.
fn named(mut items: impl Iterator<Item = String>) -> String {
    let first: Vec<_> = items.by_ref().take(ITEMS_NAMED_MAX).collect();
    more(first.join(", "), items.count())
}

fn more(line: String, left: usize) -> String {
    if left == 0 { line } else { format!("{line} and {left} more") }
}
