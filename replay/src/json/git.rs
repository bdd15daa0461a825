//! An event of Git as JSON.

use bytes::Bytes;
use serde_json::{Map, Value};
use wiretape_core::event::{
    AdvertisedRef, FileChange, GitEvent, Ident, ObjectId, PackedObject, RefReport, SignatureKind, TreeFile,
};

use super::Object;
use super::object::text_or_base64;
use crate::legible::hex;
use crate::repository::words;

pub(super) fn git(object: &mut Object, event: &GitEvent) {
    match event {
        GitEvent::Service { service, repository } => {
            object.put("service", service.name());
            object.put_bytes("repository", repository);
        }
        GitEvent::Data { bytes } => object.put_payload(bytes),
        GitEvent::Omitted { bytes } => object.put("bytes", *bytes),
        GitEvent::Advertised { version, capabilities } => {
            object.put("version", *version);
            object.put("capabilities", texts(capabilities));
        }
        GitEvent::Refs { refs } => object.put("refs", refs.iter().map(advertised).collect::<Vec<_>>()),
        GitEvent::Command { name, capabilities, arguments } => {
            object.put_bytes("name", name);
            object.put("capabilities", texts(capabilities));
            object.put("arguments", texts(arguments));
        }
        GitEvent::Wanted { ids: wanted, refs, capabilities, shallow, deepen, filter } => {
            object.put("ids", ids(wanted));
            object.put("refs", texts(refs));
            object.put("capabilities", texts(capabilities));
            object.put("shallow", ids(shallow));
            object.put("deepen", texts(deepen));
            object.put("filter", filter.as_deref().map(text_or_base64));
        }
        GitEvent::Haves { ids: had, done } => {
            object.put("ids", ids(had));
            object.put("done", *done);
        }
        GitEvent::Acknowledged { lines } => object.put("lines", texts(lines)),
        GitEvent::Update(update) => {
            object.put_bytes("name", &update.name);
            object.put("old", update.old.to_string());
            object.put("new", update.new.to_string());
            object.put("change", update.change.name());
        }
        GitEvent::Options { options } => object.put("options", texts(options)),
        GitEvent::Certificate { text, signature: kind } => {
            object.put_payload(text);
            object.put("signature", words::signature(*kind));
        }
        GitEvent::Pack { objects, bytes, checksum, sha256, intact } => {
            object.put("objects", *objects);
            object.put("bytes", *bytes);
            object.put("checksum", checksum.to_string());
            object.put("sha256", hex(sha256));
            object.put("intact", *intact);
        }
        GitEvent::Contents { commits, trees, blobs, tags, unresolved, cut } => {
            object.put("commits", *commits);
            object.put("trees", *trees);
            object.put("blobs", *blobs);
            object.put("tags", *tags);
            object.put("unresolved", *unresolved);
            object.put("cut", cut.as_str());
        }
        GitEvent::Objects { objects } => object.put("objects", objects.iter().map(packed).collect::<Vec<_>>()),
        GitEvent::Commit { id, tree, parents, author, committer, message, signature } => {
            object.put("id", id.to_string());
            object.put("tree", tree.to_string());
            object.put("parents", ids(parents));
            object.put("author", ident(author));
            object.put("committer", ident(committer));
            object.put_bytes("message", message);
            object.put("signature", signed(*signature));
        }
        GitEvent::Files { commit, parent, files, complete } => {
            object.put("commit", commit.to_string());
            object.put("parent", parent.as_ref().map(ToString::to_string));
            object.put("files", files.iter().map(changed).collect::<Vec<_>>());
            object.put("complete", *complete);
        }
        GitEvent::Tag { id, target, target_kind, name, tagger, message, signature } => {
            object.put("id", id.to_string());
            object.put("target", target.to_string());
            object.put("target_kind", words::object(*target_kind));
            object.put_bytes("name", name);
            object.put("tagger", tagger.as_deref().map(ident));
            object.put_bytes("message", message);
            object.put("signature", signed(*signature));
        }
        GitEvent::Report { unpack, refs } => {
            object.put_bytes("unpack", unpack);
            object.put("refs", refs.iter().map(report).collect::<Vec<_>>());
        }
        GitEvent::Progress { bytes } => object.put_payload(bytes),
        GitEvent::Error { message } => object.put_bytes("message", message),
        GitEvent::LfsBatch { operation, objects, reference } => {
            object.put_bytes("operation", operation);
            let listed = |(id, bytes): &(Bytes, u64)| items([("id", text_or_base64(id)), ("bytes", (*bytes).into())]);
            object.put("objects", objects.iter().map(listed).collect::<Vec<_>>());
            object.put("ref", reference.as_deref().map(text_or_base64));
        }
        GitEvent::LfsObject { id, bytes } => {
            object.put("id", hex(id));
            object.put("bytes", *bytes);
        }
    }
}

fn texts(texts: &[Bytes]) -> Vec<Value> {
    texts.iter().map(|text| text_or_base64(text)).collect()
}

fn ids(ids: &[ObjectId]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}

fn items<const COUNT: usize>(items: [(&str, Value); COUNT]) -> Value {
    Value::Object(items.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn optional_id(id: Option<&ObjectId>) -> Value {
    id.map_or(Value::Null, |id| id.to_string().into())
}

fn signed(kind: Option<SignatureKind>) -> Value {
    kind.map(words::signature).into()
}

/// `peeled` and `symref_target` stand there only where there is one.
fn advertised(its: &AdvertisedRef) -> Value {
    let mut line = Map::new();
    line.insert("name".to_owned(), text_or_base64(&its.name));
    line.insert("id".to_owned(), optional_id(its.id.as_ref()));
    if let Some(peeled) = &its.peeled {
        line.insert("peeled".to_owned(), peeled.to_string().into());
    }
    if let Some(target) = &its.symref_target {
        line.insert("symref_target".to_owned(), text_or_base64(target));
    }
    Value::Object(line)
}

fn packed(object: &PackedObject) -> Value {
    items([
        ("id", object.id.to_string().into()),
        ("kind", words::object(object.kind).into()),
        ("bytes", object.bytes.into()),
    ])
}

fn ident(ident: &Ident) -> Value {
    items([
        ("name", text_or_base64(&ident.name)),
        ("email", text_or_base64(&ident.email)),
        ("unix_seconds", ident.seconds.into()),
        ("offset_minutes", ident.offset_minutes.into()),
    ])
}

fn changed(file: &FileChange) -> Value {
    items([
        ("path", text_or_base64(&file.path)),
        ("status", words::status(file.status).into()),
        ("old", tree_file(file.old.as_ref())),
        ("new", tree_file(file.new.as_ref())),
        ("lines", file.lines.map(|(added, removed)| vec![added, removed]).into()),
        ("binary", file.binary.into()),
    ])
}

fn tree_file(file: Option<&TreeFile>) -> Value {
    file.map_or(Value::Null, |file| {
        items([("mode", format!("{:06o}", file.mode).into()), ("id", file.id.to_string().into())])
    })
}

fn report(report: &RefReport) -> Value {
    items([
        ("name", text_or_base64(&report.name)),
        ("error", report.error.as_deref().map(text_or_base64).into()),
        ("options", texts(&report.options).into()),
    ])
}
