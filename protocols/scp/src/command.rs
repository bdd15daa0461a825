//! The command that an scp client runs at the target.

/// Which way the files go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the upstream: `scp -t`.
    Upload,
    /// From the upstream to the client: `scp -f`.
    Download,
}

/// The direction of an scp command line; `None` unless it surely is one, and nothing but one.
///
/// Conservative: a command line that runs anything beside scp, changes its streams, or has an option that the client
/// never sends, is not read as scp.
#[must_use]
pub fn direction(command: &[u8]) -> Option<Direction> {
    if !is_single(command) {
        return None;
    }
    let mut words = command.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    let program = words.next()?;
    if program.rsplit(|byte| *byte == b'/').next() != Some(b"scp") {
        return None;
    }
    let mut found = None;
    for word in words {
        let Some(options @ [_, ..]) = word.strip_prefix(b"-").filter(|options| *options != b"-") else {
            return found;
        };
        for option in options {
            let direction = match option {
                b't' => Direction::Upload,
                b'f' => Direction::Download,
                b'v' | b'r' | b'p' | b'd' | b'q' => continue,
                _ => return None,
            };
            if found.replace(direction).is_some_and(|other| other != direction) {
                return None;
            }
        }
    }
    // Both `-t` and `-f` want a path behind them.
    None
}

/// True when a shell runs one program for this command line and leaves its streams alone.
fn is_single(command: &[u8]) -> bool {
    let mut quote = None;
    let mut bytes = command.iter().peekable();
    while let Some(byte) = bytes.next() {
        match (quote, byte) {
            // What is put in its place may be what a command says; and some quotes begin with it.
            (None | Some(b'"'), b'$')
                if bytes.peek().is_some_and(|next| !next.is_ascii_alphanumeric() && **next != b'_') =>
            {
                return false;
            }
            (None | Some(b'"'), b'\\') => {
                bytes.next();
            }
            (None | Some(b'"'), b'`') => return false,
            (Some(open), close) => {
                if open == *close {
                    quote = None;
                }
            }
            (None, b'\'' | b'"') => quote = Some(*byte),
            (None, b';' | b'|' | b'&' | b'<' | b'>' | b'(' | b')' | b'\n' | b'\r' | b'#' | b'{' | b'}') => {
                return false;
            }
            (None, _) => {}
        }
    }
    quote.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clients_send_is_recognised() {
        for (command, expected) in [
            ("scp -t /tmp/x", Direction::Upload),
            ("scp -f /tmp/x", Direction::Download),
            ("scp -r -p -d -t -- /tmp/x", Direction::Upload),
            ("scp -v -f -- 'a file; with | signs'", Direction::Download),
            ("scp -rpt .", Direction::Upload),
            ("/usr/bin/scp -q -f ~/x*", Direction::Download),
            ("scp  -t  \"a b\"", Direction::Upload),
            ("scp -t a\\;b", Direction::Upload),
            ("scp -t -- -odd", Direction::Upload),
            ("scp -f $HOME/notes", Direction::Download),
        ] {
            assert_eq!(direction(command.as_bytes()), Some(expected), "{command}");
        }
    }

    #[test]
    fn anything_else_is_not() {
        for command in [
            "",
            "scp",
            "scp -t",
            "scp a b:c",
            "scp -t -f x",
            "scp -S ./evil -t x",
            "scp -t x; rm -rf /",
            "scp -t x && true",
            "scp -f x | tee y",
            "scp -f x > y",
            "scp -t `id`",
            "scp -t \"`id`\"",
            "scp -t $(id)",
            "scp -t \"$(id)\"",
            "scp -t \"$\\\n(id)\"",
            "scp -t \"${x:=`id`}\"",
            "scp -t \"$[x[\\$(id)]]\"",
            "scp -t x\nid",
            "scp -t $'\\'' ;id #'",
            "scp -t 'x",
            "sudo scp -t x",
            "scpx -t x",
            "-t x",
            "sh -c 'scp -t x'",
        ] {
            assert_eq!(direction(command.as_bytes()), None, "{command}");
        }
    }
}
