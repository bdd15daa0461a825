//! From the events of a conversation of git to the text of a case.

use bytes::Bytes;
use wiretape_core::Carrier;
use wiretape_core::event::{AdvertisedRef, FileChange, GitEvent, Ident, ObjectId, RefReport};
use wiretape_core::nest::Content;

use super::words::text;

/// What carries the conversation that a case names: `command …`, `get …`, `post …`.
pub(super) fn carrier(what: &str) -> Carrier {
    let content = |method: &'static str, path: &str| {
        let (method, path) = (method.into(), Bytes::copy_from_slice(path.as_bytes()));
        Carrier::Content(Box::new(Content { method, path, ..Content::default() }))
    };
    match what.split_once(' ') {
        Some(("command", command)) => Carrier::Exec { command: Bytes::copy_from_slice(command.as_bytes()) },
        Some(("get", path)) => content("GET", path),
        Some(("post", path)) => content("POST", path),
        _ => panic!("{what:?} carries no git"),
    }
}

/// What an event says beside its name.
pub(super) fn told(event: &GitEvent) -> String {
    match event {
        GitEvent::Service { service, repository } => format!("{} of {}", service.name(), text(repository)),
        GitEvent::Data { bytes } | GitEvent::Progress { bytes } | GitEvent::Error { message: bytes } => text(bytes),
        GitEvent::Omitted { bytes } => format!("{bytes} bytes"),
        GitEvent::Advertised { version, capabilities } => format!("version {version} {}", texts(capabilities)),
        GitEvent::Refs { refs } => refs.iter().map(advertised).collect::<Vec<_>>().join(", "),
        GitEvent::Command { name, capabilities, arguments } => {
            format!("{} with {} of {}", text(name), texts(capabilities), texts(arguments))
        }
        GitEvent::Wanted { ids, refs, capabilities, shallow, deepen, filter } => {
            let filter = filter.as_ref().map_or(String::new(), |filter| format!(" filter {}", text(filter)));
            let (shallow, deepen) = (named("shallow", &names(shallow)), named("deepen", &texts(deepen)));
            let refs = named("refs", &texts(refs));
            format!("{}{refs}{shallow}{deepen}{filter} with {}", names(ids), texts(capabilities))
        }
        GitEvent::Haves { ids, done } => format!("{}{}", names(ids), if *done { " done" } else { "" }),
        GitEvent::Acknowledged { lines } => texts(lines),
        GitEvent::Update(update) => {
            let (old, new) = (name(&update.old), name(&update.new));
            format!("{} {old} to {new} {}", text(&update.name), update.change.name())
        }
        GitEvent::Options { options } => texts(options),
        GitEvent::Certificate { text: certificate, signature } => {
            format!("{signature:?} {}", text(certificate)).to_lowercase()
        }
        GitEvent::Pack { objects, bytes, checksum, sha256, intact } => {
            let digest: String = sha256.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
            format!("{objects} objects {bytes} bytes checksum {} sha256 {digest} intact {intact:?}", name(checksum))
        }
        GitEvent::Contents { commits, trees, blobs, tags, unresolved, cut } => {
            format!("{commits} commits {trees} trees {blobs} blobs {tags} tags {unresolved} unresolved {cut:?}")
        }
        GitEvent::Objects { objects } => {
            let told = objects.iter().map(|one| format!("{:?} {} {}", one.kind, name(&one.id), one.bytes));
            told.collect::<Vec<_>>().join(", ").to_lowercase()
        }
        GitEvent::Commit { id, tree, parents, author, committer, message, signature } => format!(
            "{} tree {} parents {} by {} and {} {} signed {signature:?}",
            name(id),
            name(tree),
            names(parents),
            ident(author),
            ident(committer),
            text(message),
        ),
        GitEvent::Files { commit, parent, files, complete } => {
            let files: Vec<_> = files.iter().map(file).collect();
            let parent = parent.as_ref().map_or("nothing".to_owned(), name);
            let complete = if *complete { "" } else { " and more" };
            format!("{} from {parent}: {}{complete}", name(commit), files.join(", "))
        }
        GitEvent::Tag { id, target, target_kind, name: tag, tagger, message, signature } => format!(
            "{} {} of {target_kind:?} {} by {} {} signed {signature:?}",
            name(id),
            text(tag),
            name(target),
            tagger.as_deref().map_or("nobody".to_owned(), ident),
            text(message),
        ),
        GitEvent::Report { unpack, refs } => {
            format!("unpack {}: {}", text(unpack), refs.iter().map(report).collect::<Vec<_>>().join(", "))
        }
        other => format!("{other:?}"),
    }
}

/// As many digits as tell objects apart.
fn name(id: &ObjectId) -> String {
    id.to_string().chars().take(8).collect()
}

fn names(ids: &[ObjectId]) -> String {
    format!("[{}]", ids.iter().map(name).collect::<Vec<_>>().join(" "))
}

fn texts(texts: &[Bytes]) -> String {
    format!("[{}]", texts.iter().map(|one| text(one)).collect::<Vec<_>>().join(" "))
}

fn named(what: &str, list: &str) -> String {
    if list == "[]" { String::new() } else { format!(" {what} {list}") }
}

fn advertised(reference: &AdvertisedRef) -> String {
    let id = reference.id.as_ref().map_or("unborn".to_owned(), name);
    let peeled = reference.peeled.as_ref().map_or(String::new(), |id| format!(" of {}", name(id)));
    let symref = reference.symref_target.as_ref().map_or(String::new(), |target| format!(" as {}", text(target)));
    format!("{} {id}{peeled}{symref}", text(&reference.name))
}

fn ident(ident: &Ident) -> String {
    format!("{} <{}> {} {}", text(&ident.name), text(&ident.email), ident.seconds, ident.offset_minutes)
}

fn file(change: &FileChange) -> String {
    let lines = match change.lines {
        Some((added, removed)) => format!(" +{added} -{removed}"),
        None => String::new(),
    };
    let binary = if change.binary { " binary" } else { "" };
    format!("{} {}{lines}{binary}", format!("{:?}", change.status).to_lowercase(), text(&change.path))
}

fn report(report: &RefReport) -> String {
    let outcome = report.error.as_ref().map_or("ok".to_owned(), |why| format!("ng {}", text(why)));
    format!("{} {outcome}{}", text(&report.name), named("with", &texts(&report.options)))
}
