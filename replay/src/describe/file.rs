//! Operations on files in words.

use wiretape_core::event::{FileEvent, FileOperation, OpenMode};

use super::{label, path};
use crate::legible::{hex, size};

/// An event of the family `file` in one line.
pub(super) fn file(event: &FileEvent) -> String {
    match event {
        FileEvent::Asked { request, operation: asked } => format!("#{request} {}", operation(asked)),
        FileEvent::Answered { request, status: code, message } => format!("#{request} {}", answer(*code, message)),
        FileEvent::Read { path: name, offset, length } => {
            format!("read {} of {}, from byte {offset}", size(*length), path(name))
        }
        FileEvent::Written { path: name, offset, length } => {
            format!("wrote {} of {}, from byte {offset}", size(*length), path(name))
        }
        FileEvent::Closed { path: name, read_bytes, written_bytes, content_sha256 } => {
            closed(name, *read_bytes, *written_bytes, content_sha256.as_ref())
        }
    }
}

/// The end of a transfer: how much of what passed, and its hash.
#[must_use]
pub fn closed(name: &[u8], read_bytes: u64, written_bytes: u64, sha256: Option<&[u8; 32]>) -> String {
    let name = path(name);
    let mut text = match (read_bytes, written_bytes) {
        (0, 0) => format!("closed {name}"),
        (read, 0) => format!("read {} of {name}", size(read)),
        (0, written) => format!("wrote {} of {name}", size(written)),
        (read, written) => format!("read {} and wrote {} of {name}", size(read), size(written)),
    };
    if let Some(sha256) = sha256 {
        text.push_str(&format!(", sha256 {}", hex(sha256)));
    }
    text
}

/// What is asked of files, in words: `open /etc/hosts for reading`.
#[must_use]
pub fn operation(operation: &FileOperation) -> String {
    match operation {
        FileOperation::Open { path: name, mode } => format!("open {} {}", path(name), open_mode(*mode)),
        FileOperation::List { path: name } => format!("list {}", path(name)),
        FileOperation::Stat { path: name, follow: true } => format!("stat {}", path(name)),
        FileOperation::Stat { path: name, follow: false } => format!("lstat {}", path(name)),
        FileOperation::SetAttributes { path: name, size, permissions, owner, times } => {
            let mut changes = Vec::new();
            changes.extend(size.map(|size| format!("size {size}")));
            changes.extend(permissions.map(|bits| format!("permissions {bits:04o}")));
            changes.extend(owner.map(|(user, group)| format!("owner {user}:{group}")));
            changes.extend(times.map(|(_, modified)| {
                format!("modified {}", crate::wallclock::short(modified.saturating_mul(1_000_000_000)))
            }));
            if changes.is_empty() {
                format!("set nothing of {}", path(name))
            } else {
                format!("set {} of {}", changes.join(", "), path(name))
            }
        }
        FileOperation::Rename { from, to, replace } => {
            let replacing = if *replace { ", replacing it" } else { "" };
            format!("rename {} to {}{replacing}", path(from), path(to))
        }
        FileOperation::Remove { path: name } => format!("remove {}", path(name)),
        FileOperation::MakeDirectory { path: name } => format!("make directory {}", path(name)),
        FileOperation::RemoveDirectory { path: name } => format!("remove directory {}", path(name)),
        FileOperation::Link { target, path: name, symbolic } => {
            let kind = if *symbolic { "symbolic link" } else { "hard link" };
            format!("make {kind} {} to {}", path(name), path(target))
        }
        FileOperation::ReadLink { path: name } => format!("read link {}", path(name)),
        FileOperation::RealPath { path: name } => format!("resolve {}", path(name)),
        FileOperation::Send { path: name, size: bytes, permissions } => {
            format!("send {}, {}, permissions {permissions:04o}", path(name), size(*bytes))
        }
        FileOperation::Extension { name, path: first } => match first.is_empty() {
            true => label(name),
            false => format!("{} {}", label(name), path(first)),
        },
    }
}

/// The words for an SFTP status code (draft-ietf-secsh-filexfer-02 section 7).
#[must_use]
pub fn status(code: u32) -> String {
    let words = match code {
        0 => "ok",
        1 => "end of file",
        2 => "no such file",
        3 => "permission denied",
        4 => "failure",
        5 => "bad message",
        6 => "no connection",
        7 => "connection lost",
        8 => "not supported",
        _ => return format!("status {code}"),
    };
    words.to_owned()
}

/// The target's answer in words.
fn answer(code: u32, message: &str) -> String {
    if message.is_empty() || message.eq_ignore_ascii_case(&status(code)) {
        status(code)
    } else {
        format!("{}: {}", status(code), label(message))
    }
}

fn open_mode(mode: OpenMode) -> String {
    let purpose = match (mode.read, mode.write, mode.append) {
        (true, true, _) => "for reading and writing",
        (true, false, false) => "for reading",
        (_, _, true) => "for appending",
        (false, true, false) => "for writing",
        (false, false, false) => "for nothing",
    };
    let mut words = vec![purpose];
    words.extend(mode.create.then_some("made if missing"));
    words.extend(mode.truncate.then_some("cut to nothing"));
    words.extend(mode.exclusive.then_some("must be new"));
    words.join(", ")
}
