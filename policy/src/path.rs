//! Paths of files, as far as they say which file is meant.

use bytes::Bytes;

/// The path as policies see it: from the root, or with `~/` before it where it is below the login's own folder.
///
/// `None` where its words do not say which file it is: with `..` in it (what stands above a link is not what it looks
/// like), with a zero byte, or in no UTF-8.
pub(crate) fn plain(path: &Bytes) -> Option<String> {
    let text = std::str::from_utf8(path).ok()?;
    if text.contains('\0') {
        return None;
    }
    let mut parts = Vec::new();
    for part in text.split('/') {
        match part {
            "" | "." => {}
            ".." => return None,
            part => parts.push(part),
        }
    }
    let root = if text.starts_with('/') { "/" } else { "~/" };
    Some(format!("{root}{}", parts.join("/")))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::plain;

    #[test]
    fn a_path_is_one_text_however_it_is_written() {
        for (written, seen) in [
            ("/etc/passwd", Some("/etc/passwd")),
            ("//etc/./passwd", Some("/etc/passwd")),
            ("/etc//passwd/", Some("/etc/passwd")),
            ("/", Some("/")),
            ("", Some("~/")),
            (".", Some("~/")),
            (".ssh/authorized_keys", Some("~/.ssh/authorized_keys")),
            ("./.ssh/x", Some("~/.ssh/x")),
            ("/home/../etc/passwd", None),
            ("..", None),
            ("/etc/passwd\0.txt", None),
            ("/a/..b", Some("/a/..b")),
        ] {
            assert_eq!(plain(&Bytes::from_static(written.as_bytes())).as_deref(), seen, "{written:?}");
        }
        assert_eq!(plain(&Bytes::from_static(b"/tmp/\xff")), None);
    }
}
