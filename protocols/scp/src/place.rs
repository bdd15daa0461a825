//! Where at the target a transfer takes place, as far as its command tells.

use bytes::Bytes;

use crate::command::Direction;

/// Paths that one command may name; what a longer one names is not told.
const PATHS_MAX: usize = 64;

/// What an scp command names at the target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place(Option<Named>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Named {
    /// What is brought goes there: into it where it is a folder; it is one surely, or only the target knows.
    Onto { path: Vec<u8>, is_folder: bool },
    /// What is fetched is among these.
    From(Vec<Source>),
}

/// A path that is fetched, or a pattern of such paths.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Source {
    path: Vec<u8>,
    /// The last part is a pattern.
    is_pattern: bool,
}

/// One word of a command, as a shell hands it to a program.
#[derive(Debug, Default)]
struct Word {
    bytes: Vec<u8>,
    /// Where the first letter of a pattern stands.
    pattern: Option<usize>,
    home: Home,
}

/// Whether a word begins with a tilde that stands for the login's own home.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Home {
    #[default]
    No,
    /// It does, unless something but a slash comes next.
    Perhaps,
    Yes,
}

impl Place {
    /// What `command` names, which transfers in `direction` (see [`direction`](crate::direction)).
    ///
    /// Nothing where its words depend on more than the command: on variables, the homes of others, or files that match
    /// anything but the end of a path.
    #[must_use]
    pub fn of(command: &[u8], direction: Direction) -> Self {
        Self(named(command, direction))
    }

    /// The paths that what was announced as `path` may have at the target; `path` is told from where the transfer began.
    /// One of them it has. Empty where the command does not tell.
    #[must_use]
    pub fn paths(&self, path: &Bytes) -> Vec<Bytes> {
        let (first, below) = match path.iter().position(|byte| *byte == b'/') {
            Some(slash) => path.split_at(slash),
            None => (path.as_ref(), &b""[..]),
        };
        match &self.0 {
            None => Vec::new(),
            Some(Named::Onto { path: folder, is_folder: true }) => vec![within(folder, path)],
            Some(Named::Onto { path: named, is_folder: false }) => {
                vec![Bytes::from([named, below].concat()), within(named, path)]
            }
            Some(Named::From(sources)) => {
                let found = sources.iter().filter_map(|source| source.announced_as(first));
                found.map(|path| Bytes::from([&path, below].concat())).collect()
            }
        }
    }
}

impl Source {
    /// The path that is announced as `name`, if that is how this one is: by the last of its parts.
    fn announced_as(&self, name: &[u8]) -> Option<Vec<u8>> {
        let (folder, last) = match self.path.iter().rposition(|byte| *byte == b'/') {
            Some(slash) => self.path.split_at(slash + 1),
            None => (&b""[..], self.path.as_slice()),
        };
        if self.is_pattern {
            return Some([folder, name].concat());
        }
        // A home, the root and the like are announced by another name, or by none.
        (last == name || matches!(last, b"" | b"." | b"..")).then(|| self.path.clone())
    }
}

fn within(folder: &[u8], path: &[u8]) -> Bytes {
    let slash: &[u8] = if folder.is_empty() || folder.ends_with(b"/") { b"" } else { b"/" };
    Bytes::from([folder, slash, path].concat())
}

fn named(command: &[u8], direction: Direction) -> Option<Named> {
    let mut words = words(command)?.into_iter().skip(1).peekable();
    let mut is_folder = false;
    let mut ended = false;
    while let Some(word) = words.next_if(|word| !ended && word.bytes.starts_with(b"-")) {
        ended = word.bytes == b"--";
        is_folder |= word.bytes.contains(&b'd');
        // In quotes an option is one to the program alone.
        if word.bytes.contains(if direction == Direction::Upload { &b'f' } else { &b't' }) {
            return None;
        }
    }
    let words: Vec<Word> = words.collect();
    // Some programs look for options behind paths, too.
    if words.is_empty() || words.len() > PATHS_MAX || (!ended && words.iter().any(|word| word.bytes.starts_with(b"-")))
    {
        return None;
    }
    match direction {
        Direction::Upload => {
            let [word] = words.as_slice() else { return None };
            let source = word.source()?;
            is_folder |= word.bytes.ends_with(b"/") || matches!(source.path.as_slice(), b"" | b"." | b"..");
            (!source.is_pattern).then_some(Named::Onto { path: source.path, is_folder })
        }
        Direction::Download => words.iter().map(Word::source).collect::<Option<Vec<_>>>().map(Named::From),
    }
}

impl Word {
    /// The path that the word names, without slashes at its end; `None` where it does not tell.
    fn source(&self) -> Option<Source> {
        let after_pattern = self.pattern.and_then(|place| self.bytes.get(place..)).unwrap_or_default();
        if after_pattern.contains(&b'/') {
            return None;
        }
        let mut path = self.bytes.as_slice();
        if self.home == Home::Yes {
            path = path.strip_prefix(b"~").unwrap_or(path);
            while let [b'/', rest @ ..] = path {
                path = rest;
            }
        }
        while let [rest @ .., _] = path.strip_suffix(b"/").unwrap_or_default() {
            path = path.get(..=rest.len()).unwrap_or_default();
        }
        let path = if path.is_empty() && self.home == Home::Yes { b"." } else { path };
        Some(Source { path: path.to_vec(), is_pattern: self.pattern.is_some() })
    }

    /// Something in quotes comes next; false where it is not told what that makes of the word.
    fn quote(&mut self) -> bool {
        self.home != Home::Perhaps
    }

    /// A byte outside of quotes comes next; false where it is not told what that makes of the word.
    fn push(&mut self, byte: u8) -> bool {
        match (self.home, byte) {
            (Home::No, b'~') if self.bytes.is_empty() => self.home = Home::Perhaps,
            (Home::Perhaps, b'/') => self.home = Home::Yes,
            (Home::Perhaps, _) => return false,
            // A word that some shells take for the place of a program.
            (Home::No, b'=') if self.bytes.is_empty() => return false,
            (_, b'*' | b'?' | b'[' | b']' | b'^') => {
                self.pattern.get_or_insert(self.bytes.len());
            }
            _ => {}
        }
        self.bytes.push(byte);
        true
    }
}

/// The words of a command as a shell hands them on, patterns and the login's own home left as they stand; `None` where it
/// puts something else in the place of any of them.
fn words(command: &[u8]) -> Option<Vec<Word>> {
    let mut words = Vec::new();
    let mut word: Option<Word> = None;
    let mut quote = None;
    let mut bytes = command.iter().copied();
    while let Some(byte) = bytes.next() {
        if quote.is_none() && matches!(byte, b' ' | b'\t') {
            words.extend(word.take());
            continue;
        }
        let word = word.get_or_insert_default();
        match (quote, byte) {
            (None, b'\'' | b'"') if word.quote() => quote = Some(byte),
            (Some(open), close) if open == close => quote = None,
            (None | Some(b'"'), b'$' | b'`') | (None, b'\'' | b'"') => return None,
            (None | Some(b'"'), b'\\') => {
                let next = bytes.next().filter(|next| *next != b'\n' && (quote.is_some() || word.quote()))?;
                if quote.is_some() && !matches!(next, b'$' | b'`' | b'"' | b'\\') {
                    word.bytes.push(b'\\');
                }
                word.bytes.push(next);
            }
            (None, byte) if word.push(byte) => {}
            (None, _) => return None,
            (Some(_), byte) => word.bytes.push(byte),
        }
    }
    words.extend(word);
    for word in &mut words {
        if word.home == Home::Perhaps {
            word.home = Home::Yes;
        }
    }
    quote.is_none().then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(command: &str, announced: &'static str) -> Vec<String> {
        let direction = crate::direction(command.as_bytes()).unwrap();
        let paths = Place::of(command.as_bytes(), direction).paths(&Bytes::from_static(announced.as_bytes()));
        paths.iter().map(|path| String::from_utf8(path.to_vec()).unwrap()).collect()
    }

    #[test]
    fn what_is_brought_goes_into_the_folder_or_becomes_what_is_named() {
        for (command, announced, expected) in [
            ("scp -t /srv/", "x", &["/srv/x"][..]),
            ("scp -t /srv//", "x", &["/srv/x"]),
            ("scp -d -t /srv", "x", &["/srv/x"]),
            ("scp -r -d -t -- '/srv/a b'", "t/x", &["/srv/a b/t/x"]),
            ("scp -t .", "x", &["./x"]),
            ("scp -t ~", "x", &["./x"]),
            ("scp -t ~/in/", "x", &["in/x"]),
            ("scp -t ''", "x", &["x"]),
            ("scp -t /srv/y", "x", &["/srv/y", "/srv/y/x"]),
            ("scp -r -t /srv/y", "t/s/x", &["/srv/y/s/x", "/srv/y/t/s/x"]),
            ("scp -t a\\ b", "x", &["a b", "a b/x"]),
            ("scp -t \"a'b\"", "x", &["a'b", "a'b/x"]),
            ("scp -t \"a\\b\\\"\"", "x", &["a\\b\"", "a\\b\"/x"]),
            ("scp -t /", "x", &["/x"]),
            ("scp -t '~'", "x", &["~", "~/x"]),
            ("scp -t -- -odd", "x", &["-odd", "-odd/x"]),
            ("scp -t /srv/../etc/", "x", &["/srv/../etc/x"]),
            // Only the target knows.
            ("scp -t $HOME", "x", &[]),
            ("scp -t \"$HOME\"", "x", &[]),
            ("scp -t ~root", "x", &[]),
            ("scp -t ~\"/x\"", "x", &[]),
            ("scp -t ~\\/x", "x", &[]),
            ("scp -t \"a\\\nb\"", "x", &[]),
            ("scp -t /s*v/", "x", &[]),
            ("scp -t /srv/*", "x", &[]),
            ("scp -t a b", "x", &[]),
            ("scp -t a -f", "x", &[]),
            ("scp -t '-f' a", "x", &[]),
            ("scp -t =ls", "x", &[]),
        ] {
            assert_eq!(paths(command, announced), expected, "{command}");
        }
    }

    #[test]
    fn what_is_fetched_is_what_is_named() {
        for (command, announced, expected) in [
            ("scp -f /srv/x", "x", &["/srv/x"][..]),
            ("scp -r -f /srv/t", "t/s/x", &["/srv/t/s/x"]),
            ("scp -r -f /srv/t//", "t/x", &["/srv/t/x"]),
            ("scp -f x", "x", &["x"]),
            ("scp -f ~/x", "x", &["x"]),
            ("scp -r -f ~", "ana/x", &["./x"]),
            ("scp -r -f .", "./x", &["./x"]),
            ("scp -f /srv/*.key", "own.key", &["/srv/own.key"]),
            ("scp -f *", "x", &["x"]),
            ("scp -f /srv/'*'", "*", &["/srv/*"]),
            ("scp -f /allowed/* /secret/key", "key", &["/allowed/key", "/secret/key"]),
            ("scp -f /a/x /b/y", "y", &["/b/y"]),
            ("scp -f /allowed/\\.\\./secret/key", "key", &["/allowed/../secret/key"]),
            // Not what is announced for it.
            ("scp -f /srv/x", "y", &[]),
            ("scp -f /*/x", "x", &[]),
            ("scp -f $X", "x", &[]),
            ("scp -f ~root/x", "x", &[]),
        ] {
            assert_eq!(paths(command, announced), expected, "{command}");
        }
    }
}
