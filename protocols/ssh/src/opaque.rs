//! Forwarded streams that are encrypted from end to end, told by their first bytes.

use crate::limits;

/// The first bytes of one side of a stream.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Signature {
    seen: [u8; limits::SIGNATURE_BYTES],
    length: usize,
}

impl Signature {
    /// Takes in the next bytes; says what the stream is, once, when that is certain.
    pub(crate) fn look(&mut self, bytes: &[u8]) -> Option<&'static str> {
        if self.length == self.seen.len() {
            return None;
        }
        for &byte in bytes {
            let Some(place) = self.seen.get_mut(self.length) else { break };
            *place = byte;
            self.length += 1;
            if let Some(what) = self.known() {
                self.length = self.seen.len();
                return Some(what);
            }
        }
        None
    }

    fn known(&self) -> Option<&'static str> {
        match self.seen.get(..self.length)? {
            // RFC 4253 section 4.2: the identification string.
            b"SSH-2.0-" | b"SSH-1.99-" => Some("ssh, encrypted from end to end"),
            // RFC 8446 section 5.1: a handshake record (22) of version 3.x that carries a client hello (1).
            [22, 3, 0..=4, _, _, 1] => Some("tls, encrypted from end to end"),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Signature;

    #[test]
    fn ssh_and_tls_are_told_by_their_first_bytes_however_they_are_cut() {
        let known: &[(&[u8], Option<&str>)] = &[
            (b"SSH-2.0-OpenSSH_9.2\r\n", Some("ssh, encrypted from end to end")),
            (b"SSH-1.99-x", Some("ssh, encrypted from end to end")),
            (&[22, 3, 1, 2, 0, 1, 0, 1, 252], Some("tls, encrypted from end to end")),
            (&[22, 3, 1, 2, 0, 2, 0, 1, 252], None),
            (b"GET / HTTP/1.1\r\n", None),
            (b"xSSH-2.0-", None),
            (b"SSH-2.", None),
        ];
        for (bytes, what) in known {
            assert_eq!(Signature::default().look(bytes), *what, "{bytes:?}");
            let mut cut = Signature::default();
            let found: Vec<&str> = bytes.chunks(1).filter_map(|chunk| cut.look(chunk)).collect();
            assert_eq!(found.first().copied(), *what);
            assert!(found.len() <= 1);
        }
    }
}
