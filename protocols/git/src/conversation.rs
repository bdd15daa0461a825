//! What a carrier carries: which service of git, on which repository, and which part of the conversation.

use bytes::Bytes;
use wiretape_core::Carrier;
use wiretape_core::event::GitService;
use wiretape_core::nest::Content;

/// A conversation of git, as far as what opens it tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conversation {
    /// What it is for.
    pub service: GitService,
    /// The repository, as the client asked for it: a path.
    pub repository: Bytes,
    /// Which part of it is carried, and by what.
    pub part: Part,
}

/// Which part of a conversation is carried, and by what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of it, by a command of SSH.
    Command {
        /// The repository as it stood in the command line, with its quotes.
        argument: Bytes,
    },
    /// What the target offers: `GET …/info/refs?service=…` (gitprotocol-http, "Discovering References").
    Advertisement,
    /// One request and its response: `POST …/git-upload-pack`, `POST …/git-receive-pack`.
    Request {
        /// The path before the name of the service, without a `/` at its end.
        base: Bytes,
    },
}

impl Part {
    /// True for what an exchange of HTTP carries.
    pub(crate) fn is_exchange(&self) -> bool {
        !matches!(self, Self::Command { .. })
    }
}

/// How the media types of git's requests begin.
const MEDIA_TYPES: &[u8] = b"application/x-git-";

const SERVICES: [GitService; 3] = [GitService::UploadPack, GitService::ReceivePack, GitService::UploadArchive];

/// The conversation that `carrier` carries; `None` when it is none of git's, or not surely one.
#[must_use]
pub fn conversation(carrier: &Carrier) -> Option<Conversation> {
    match carrier {
        Carrier::Exec { command } => command_of(command),
        Carrier::Content(content) => exchange_of(content),
        Carrier::Subsystem { .. } | Carrier::Forward { .. } | Carrier::Connection { .. } | Carrier::Upgrade { .. } => {
            None
        }
    }
}

/// Whether the content of such a request could be git's: cheaper to ask than [`conversation`]. `path`: with its query;
/// `content_type`: the value of the field.
#[must_use]
pub fn may_read(method: &[u8], path: &[u8], content_type: &[u8]) -> bool {
    let name = path.split(|byte| *byte == b'?').next().unwrap_or_default();
    let name = name.strip_suffix(b"/").unwrap_or(name);
    match method {
        b"GET" | b"HEAD" => name.ends_with(b"/info/refs") || path.contains(&b'%'),
        // What a name leads to is the server's to say, but for the media type of the request.
        b"POST" => {
            let media_type = content_type.trim_ascii_start();
            SERVICES.iter().any(|service| name.ends_with(service.name().as_bytes()))
                || media_type.get(..MEDIA_TYPES.len()).is_some_and(|start| start.eq_ignore_ascii_case(MEDIA_TYPES))
                || path.contains(&b'%')
        }
        _ => false,
    }
}

/// `git-upload-pack '/x.git'`, `git upload-pack '/x.git'`, `/usr/bin/git-upload-pack --strict '/x.git'`.
fn command_of(command: &Bytes) -> Option<Conversation> {
    let mut words = Words { command, at: 0 }.collect::<Option<Vec<_>>>()?.into_iter();
    let program = words.next()?.text;
    let program = program.rsplit(|byte| *byte == b'/').next()?;
    let name = match program {
        b"git" => [b"git-".as_slice(), &words.next()?.text].concat(),
        _ => program.to_vec(),
    };
    let service = SERVICES.into_iter().find(|service| service.name().as_bytes() == name)?;
    let mut words = words.skip_while(|word| is_harmless(&word.text));
    let repository = words.next().filter(|word| !word.text.is_empty() && !word.text.starts_with(b"-"))?;
    if words.next().is_some() {
        return None;
    }
    let argument = command.get(repository.start..repository.end).map(|argument| command.slice_ref(argument))?;
    Some(Conversation { service, repository: repository.text.into(), part: Part::Command { argument } })
}

/// Options that leave what is said as it is.
fn is_harmless(option: &[u8]) -> bool {
    matches!(option, b"--strict" | b"--no-strict" | b"--quiet" | b"-q" | b"--skip-connectivity-check")
        || option.starts_with(b"--timeout=")
}

struct Word {
    text: Vec<u8>,
    start: usize,
    end: usize,
}

/// The words of a command line, as a shell reads them. `None` for one with anything in it that a shell would act upon.
struct Words<'a> {
    command: &'a [u8],
    at: usize,
}

impl Iterator for Words<'_> {
    type Item = Option<Word>;

    fn next(&mut self) -> Option<Option<Word>> {
        let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
        self.at += self.command.get(self.at..)?.iter().take_while(|byte| blank(byte)).count();
        let start = self.at;
        let mut text = Vec::new();
        let mut quote = None;
        while let Some(byte) = self.command.get(self.at) {
            self.at += 1;
            match byte {
                byte if quote == Some(*byte) => quote = None,
                byte if quote == Some(b'\'') => text.push(*byte),
                // Even in these quotes a shell would act upon some.
                b'$' | b'`' | b'\\' | b'!' if quote.is_some() => return Some(None),
                byte if quote.is_some() => text.push(*byte),
                b'\'' | b'"' => quote = Some(*byte),
                byte if blank(byte) => return Some(Some(Word { text, start, end: self.at - 1 })),
                b'\\' => {
                    match self.command.get(self.at) {
                        Some(byte) if !byte.is_ascii_alphanumeric() && *byte != b'\n' => text.push(*byte),
                        _ => return Some(None),
                    }
                    self.at += 1;
                }
                byte if byte.is_ascii_alphanumeric() || b"@%_+=:,./~-".contains(byte) || *byte >= 0x80 => {
                    text.push(*byte);
                }
                _ => return Some(None),
            }
        }
        match start == self.at {
            true => None,
            false if quote.is_some() => Some(None),
            false => Some(Some(Word { text, start, end: self.at })),
        }
    }
}

/// The exchange of smart HTTP that this is. What a server could take for one is one: encoded letters are decoded.
fn exchange_of(content: &Content) -> Option<Conversation> {
    let mut parts = content.path.splitn(2, |byte| *byte == b'?');
    let path = decoded(parts.next()?);
    let query = parts.next().unwrap_or_default();
    let path = path.strip_suffix(b"/").unwrap_or(&path);
    if matches!(content.method.as_ref(), b"GET" | b"HEAD") {
        let repository = path.strip_suffix(b"/info/refs")?;
        let service = query.split(|byte| *byte == b'&').find_map(|field| {
            let field = decoded(field);
            SERVICES.into_iter().find(|known| field.strip_prefix(b"service=") == Some(known.name().as_bytes()))
        })?;
        let repository = Bytes::copy_from_slice(repository);
        return Some(Conversation { service, repository, part: Part::Advertisement });
    }
    if content.method.as_ref() != b"POST" {
        return None;
    }
    SERVICES.into_iter().find_map(|service| {
        let name = service.name().as_bytes();
        let media_type = [b"application/x-", name, b"-request"].concat();
        let base = match path.strip_suffix(name).and_then(|base| base.strip_suffix(b"/")) {
            Some(base) => base,
            // A name that only the server's own rules lead to the service.
            None if content.media_type == media_type => path,
            None => return None,
        };
        // The way to ask beside this is the way that this was asked.
        let raw = parts_before_name(&content.path, base.len() < path.len());
        Some(Conversation { service, repository: Bytes::copy_from_slice(base), part: Part::Request { base: raw } })
    })
}

/// The path as it stood, without its query and, where `named`, without its last name.
fn parts_before_name(path: &Bytes, named: bool) -> Bytes {
    let end = path.iter().position(|byte| *byte == b'?').unwrap_or(path.len());
    let mut path = path.slice(..end);
    if path.ends_with(b"/") {
        path.truncate(path.len() - 1);
    }
    if let Some(slash) = path.iter().rposition(|byte| *byte == b'/').filter(|_| named) {
        path.truncate(slash);
    }
    path
}

/// Without percent-encoding (RFC 3986 section 2.1); what is no encoding stands as it is.
fn decoded(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [byte, after @ ..] = rest {
        rest = after;
        let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        match (byte, after) {
            (b'%', [high, low, behind @ ..]) => match (digit(high), digit(low)) {
                (Some(high), Some(low)) => {
                    decoded.push(high << 4 | low);
                    rest = behind;
                }
                _ => decoded.push(*byte),
            },
            _ => decoded.push(*byte),
        }
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::{Conversation, Part, conversation, may_read};
    use bytes::Bytes;
    use wiretape_core::Carrier;
    use wiretape_core::event::GitService::{self, ReceivePack, UploadArchive, UploadPack};
    use wiretape_core::nest::Content;

    fn exec(command: &'static str) -> Option<(GitService, String, String)> {
        let found = conversation(&Carrier::Exec { command: command.into() })?;
        let Part::Command { argument } = found.part else { panic!("{command}") };
        let text = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
        Some((found.service, text(&found.repository), text(&argument)))
    }

    #[test]
    fn commands_of_git_are_conversations() {
        for (command, service, repository, argument) in [
            ("git-upload-pack '/srv/x.git'", UploadPack, "/srv/x.git", "'/srv/x.git'"),
            ("git-receive-pack '~/x y.git'", ReceivePack, "~/x y.git", "'~/x y.git'"),
            ("git receive-pack 'x.git'", ReceivePack, "x.git", "'x.git'"),
            ("git-receive-pack --quiet \"it's/x.git\"", ReceivePack, "it's/x.git", "\"it's/x.git\""),
            ("/usr/lib/git-core/git-upload-archive x", UploadArchive, "x", "x"),
            ("git-upload-pack  'it'\\''s'\\!' here' ", UploadPack, "it's! here", "'it'\\''s'\\!' here'"),
            ("git-upload-pack --strict --timeout=5 ~ana/x.git", UploadPack, "~ana/x.git", "~ana/x.git"),
        ] {
            let expected = (service, repository.to_owned(), argument.to_owned());
            assert_eq!(exec(command), Some(expected), "{command}");
        }
    }

    #[test]
    fn what_a_shell_would_act_upon_is_no_conversation() {
        for command in [
            "",
            "git",
            "git-upload-pack",
            "git-upload-pack ''",
            "git-upload-pack 'x' 'y'",
            "git-upload-pack 'x'; id",
            "git-upload-pack 'x'\nid",
            "git-upload-pack 'x",
            "git-upload-pack $HOME/x",
            "git-upload-pack `id`",
            "git-upload-pack x*",
            "git-upload-pack \"$x\"",
            "git-upload-pack \"`id`\"",
            "git-upload-pack \"x",
            "git-upload-pack x\\",
            "git-upload-pack --stateless-rpc 'x'",
            "git-upload-pack --advertise-refs 'x'",
            "GIT_DIR=x git-upload-pack 'x'",
            "git-shell -c \"git-upload-pack 'x'\"",
            "git-lfs-authenticate x upload",
            "git clone x",
        ] {
            assert_eq!(exec(command), None, "{command}");
        }
    }

    fn exchange(method: &'static str, path: &'static str, media_type: &'static str) -> Option<Conversation> {
        let (method, path, media_type) = (method.into(), path.into(), media_type.into());
        conversation(&Carrier::Content(Box::new(Content { method, path, media_type, renamed: None })))
    }

    #[test]
    fn exchanges_of_smart_http_are_conversations() {
        let request = |base: &'static str| Part::Request { base: base.into() };
        for (method, path, service, repository, part) in [
            ("GET", "/o/x.git/info/refs?service=git-upload-pack", UploadPack, "/o/x.git", Part::Advertisement),
            ("GET", "/x/info/refs?a=b&%73ervice=git%2Dreceive-pack", ReceivePack, "/x", Part::Advertisement),
            ("POST", "/o/x.git/git-upload-pack", UploadPack, "/o/x.git", request("/o/x.git")),
            ("POST", "/git-receive-pack", ReceivePack, "", request("")),
            ("POST", "/x%20y/git%2Dreceive-pack?z", ReceivePack, "/x y", request("/x%20y")),
            ("POST", "/x.git/git-receive-pack/", ReceivePack, "/x.git", request("/x.git")),
        ] {
            let expected = Conversation { service, repository: repository.into(), part };
            assert_eq!(exchange(method, path, ""), Some(expected), "{method} {path}");
        }
        let odd = exchange("POST", "/odd/name", "application/x-git-receive-pack-request");
        let part = request("/odd/name");
        assert_eq!(odd, Some(Conversation { service: ReceivePack, repository: "/odd/name".into(), part }));
    }

    #[test]
    fn other_exchanges_are_none() {
        for (method, path) in [
            ("GET", "/x.git/info/refs"),
            ("GET", "/x.git/info/refs?service=git-shell"),
            ("GET", "/x.git/HEAD"),
            ("PUT", "/x.git/git-receive-pack"),
            ("POST", "/x.git/info/lfs/objects/batch"),
            ("POST", "/x.git/not-git-upload-pack"),
            ("POST", "/"),
        ] {
            assert_eq!(exchange(method, path, ""), None, "{method} {path}");
        }
    }

    #[test]
    fn what_could_be_a_conversation_is_looked_at_and_hardly_anything_else() {
        let upload = "application/x-git-upload-pack-request";
        for (method, path, content_type) in [
            ("GET", "/a/info/refs?service=git-upload-pack", ""),
            ("GET", "/a/info/refs/?%73ervice=git-upload-pack", ""),
            ("GET", "/a/inf%6f/refs?service=git-upload-pack", ""),
            ("POST", "/a/git-upload-pack", ""),
            ("POST", "/a/git-receive-pack/?x=y", "text/plain"),
            ("POST", "/a/git-receive-pac%6b", ""),
            ("POST", "/a/b", "application/x-git-receive-pack-request"),
            ("POST", "/a/b", " Application/X-Git-Upload-Pack-Request; x=y"),
        ] {
            assert!(may_read(method.as_bytes(), path.as_bytes(), content_type.as_bytes()), "{method} {path}");
        }
        for (method, path, content_type) in [
            ("GET", "/a/git-upload-pack", upload),
            ("PUT", "/a/git-upload-pack", upload),
            ("POST", "/v1/orders?x=git-upload-pack", "application/json"),
        ] {
            assert!(!may_read(method.as_bytes(), path.as_bytes(), content_type.as_bytes()), "{method} {path}");
        }
    }
}
