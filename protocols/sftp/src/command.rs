//! The command that runs an SFTP server.

/// True when a command line surely runs an SFTP server and nothing else: its path, and plain options behind it.
#[must_use]
pub fn is_server(command: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-=, ".contains(byte);
    let mut words = command.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    let program = words.next().and_then(|path| path.rsplit(|byte| *byte == b'/').next());
    matches!(program, Some(b"sftp-server" | b"internal-sftp")) && command.iter().all(plain)
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
        for command in
            ["", "sftp-serverx", "sh -c sftp-server", "sftp-server; id", "sftp-server | tee x", "sftp-server\nid"]
        {
            assert!(!is_server(command.as_bytes()), "{command}");
        }
    }
}
