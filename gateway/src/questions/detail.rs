//! All of what is asked, for whoever answers.

use bytes::Bytes;
use wiretape_core::event::FileOperation;
use wiretape_core::judge::{ActionKind, Push};

use super::ContentDigest;

/// The permission bits by which a program runs as somebody else, or a folder keeps its files: they stand out.
const SPECIAL_BITS: u32 = 0o7000;

/// Everything that is asked, for whoever answers; nothing of it is cut, for nobody approves what nobody can read.
pub(super) fn detail(action: &ActionKind, content: Option<&ContentDigest>) -> String {
    let whole = action.resource_within(usize::MAX);
    match action {
        ActionKind::Push(push) => pushed(push),
        ActionKind::File(operation) => filed(operation),
        ActionKind::Transfer(transfer) => match &transfer.operation {
            FileOperation::Send { permissions, .. } if permissions & SPECIAL_BITS != 0 => {
                format!("{whole}\npermissions {permissions:04o}")
            }
            _ => whole,
        },
        _ => match content {
            None => whole,
            // A URL has no line ends in it.
            Some(content) => format!("{whole}\n{content}"),
        },
    }
}

fn text(bytes: &Bytes) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn pushed(push: &Push) -> String {
    let mut lines = vec![text(&push.repository)];
    lines.extend(push.updates.iter().map(|update| {
        let name = String::from_utf8_lossy(&update.name);
        format!("{name} {} {} -> {}", update.change.name(), update.old, update.new)
    }));
    lines.extend(push.options.iter().map(|option| format!("option {}", String::from_utf8_lossy(option))));
    lines.join("\n")
}

/// The path, and whatever of the operation its action does not say: writing to a file, who owns it and who may run it are
/// one action to policies.
fn filed(operation: &FileOperation) -> String {
    match operation {
        FileOperation::SetAttributes { path, size, permissions, owner, times } => {
            let set = [
                size.map(|size| format!("size {size}")),
                permissions.map(|permissions| format!("permissions {:04o}", permissions & 0o7777)),
                owner.map(|(user, group)| format!("owner {user}:{group}")),
                times.map(|(access, change)| format!("times {access} {change}")),
            ];
            std::iter::once(text(path)).chain(set.into_iter().flatten()).collect::<Vec<_>>().join("\n")
        }
        FileOperation::Rename { from, to, replace } => {
            let replacing = if *replace { "\nreplacing what is there" } else { "" };
            format!("rename {} -> {}{replacing}", text(from), text(to))
        }
        FileOperation::Link { target, path, symbolic } => {
            let kind = if *symbolic { "symbolic link" } else { "link" };
            format!("{kind} {} -> {}", text(path), text(target))
        }
        FileOperation::Send { path, size, permissions } => {
            format!("{}\n{size} bytes, permissions {permissions:04o}", text(path))
        }
        FileOperation::MakeDirectory { path } => format!("make directory {}", text(path)),
        FileOperation::RemoveDirectory { path } => format!("remove directory {}", text(path)),
        FileOperation::Extension { name, path } => format!("{name} {}", text(path)),
        FileOperation::Open { path, mode } if mode.truncate => format!("{}\nemptied first", text(path)),
        other => text(other.path()),
    }
}

#[cfg(test)]
mod tests {
    use wiretape_core::event::{FileOperation, OpenMode};
    use wiretape_core::judge::{ActionKind, Transfer};

    use super::detail;

    fn shown(operation: FileOperation) -> String {
        detail(&ActionKind::File(Box::new(operation)), None)
    }

    #[test]
    fn what_is_done_to_a_file_is_shown_as_far_as_its_action_does_not_say_it() {
        let path = || "/srv/run".into();
        let bare =
            FileOperation::SetAttributes { path: path(), size: None, permissions: None, owner: None, times: None };
        let all = FileOperation::SetAttributes {
            path: path(),
            size: Some(0),
            permissions: Some(0o104_777),
            owner: Some((0, 50)),
            times: Some((1, 2)),
        };
        let write = OpenMode { write: true, ..OpenMode::default() };
        let shown = [
            shown(bare),
            shown(all),
            shown(FileOperation::Rename { from: path(), to: "/etc/x".into(), replace: false }),
            shown(FileOperation::Rename { from: path(), to: "/etc/x".into(), replace: true }),
            shown(FileOperation::Link { target: "/etc/x".into(), path: path(), symbolic: true }),
            shown(FileOperation::Link { target: "/etc/x".into(), path: path(), symbolic: false }),
            shown(FileOperation::Send { path: path(), size: 7, permissions: 0o755 }),
            shown(FileOperation::MakeDirectory { path: path() }),
            shown(FileOperation::Extension { name: "copy-data".to_owned(), path: path() }),
            shown(FileOperation::Open { path: path(), mode: OpenMode { truncate: true, ..write } }),
        ];
        assert_eq!(
            shown,
            [
                "/srv/run",
                "/srv/run\nsize 0\npermissions 4777\nowner 0:50\ntimes 1 2",
                "rename /srv/run -> /etc/x",
                "rename /srv/run -> /etc/x\nreplacing what is there",
                "symbolic link /srv/run -> /etc/x",
                "link /srv/run -> /etc/x",
                "/srv/run\n7 bytes, permissions 0755",
                "make directory /srv/run",
                "copy-data /srv/run",
                "/srv/run\nemptied first",
            ]
        );
    }

    #[test]
    fn a_file_that_is_sent_as_one_that_runs_as_its_owner_is_shown_so() {
        let sent = |permissions: u32| {
            let operation = FileOperation::Send { path: "run".into(), size: 7, permissions };
            detail(&ActionKind::Transfer(Box::new(Transfer { operation, paths: vec!["/srv/run".into()] })), None)
        };
        assert_eq!([sent(0o755), sent(0o4755)], ["/srv/run", "/srv/run\npermissions 4755"]);
    }
}
