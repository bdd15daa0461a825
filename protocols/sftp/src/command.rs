//! The command that runs an SFTP server.

/// True when a command line surely runs an SFTP server and nothing else: its path, and plain options behind it.
///
/// One that is told where to start (`-d`) is not read: its paths would not be what they look like.
#[must_use]
pub fn is_server(command: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-=, ".contains(byte);
    let mut words = command.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    let program = words.next().and_then(|path| path.rsplit(|byte| *byte == b'/').next());
    let starts_elsewhere = words.any(|word| word.starts_with(b"-") && word.contains(&b'd'));
    matches!(program, Some(b"sftp-server" | b"internal-sftp")) && command.iter().all(plain) && !starts_elsewhere
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_recognised() {
        for command in ["/usr/lib/openssh/sftp-server", "sftp-server -R -l INFO", "internal-sftp", " sftp-server "] {
            assert!(is_server(command.as_bytes()), "{command}");
        }
    }

    #[test]
    fn anything_else_is_not() {
        for command in [
            "",
            "sftp-serverx",
            "sftp-server -d /etc",
            "sftp-server -Rd /etc",
            "sftp-server -d/etc",
            "sh -c sftp-server",
            "sftp-server; id",
            "sftp-server | tee x",
            "sftp-server\nid",
        ] {
            assert!(!is_server(command.as_bytes()), "{command}");
        }
    }
}
