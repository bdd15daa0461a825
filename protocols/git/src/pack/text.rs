//! Commits and annotated tags, as their objects say them.

use bytes::Bytes;
use wiretape_core::event::{Ident, ObjectId, ObjectKind, SignatureKind};

use super::limits::NAME_BYTES_MAX;

/// What a commit says.
pub(super) struct CommitText<'a> {
    pub(super) tree: ObjectId,
    pub(super) parents: Vec<ObjectId>,
    pub(super) author: Ident,
    pub(super) committer: Ident,
    pub(super) message: &'a [u8],
    pub(super) signature: Option<SignatureKind>,
}

/// What an annotated tag says.
pub(super) struct TagText<'a> {
    pub(super) target: ObjectId,
    pub(super) target_kind: ObjectKind,
    pub(super) name: &'a [u8],
    pub(super) tagger: Option<Ident>,
    pub(super) message: &'a [u8],
    pub(super) signature: Option<SignatureKind>,
}

/// Lines of a head as (name, value), and what stands behind it. A line that goes on the one before has an empty name.
struct Head<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Head<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let end = memchr::memchr(b'\n', self.rest).unwrap_or(self.rest.len());
        let (line, behind) = self.rest.split_at_checked(end)?;
        self.rest = behind.get(1..).unwrap_or_default();
        if line.is_empty() {
            return None;
        }
        let blank = memchr::memchr(b' ', line).unwrap_or(line.len());
        Some((line.get(..blank).unwrap_or_default(), line.get(blank + 1..).unwrap_or_default()))
    }
}

/// Reads a commit; `None`: it is none that git would write.
pub(super) fn commit(content: &[u8]) -> Option<CommitText<'_>> {
    let mut head = Head { rest: content };
    let tree = head.next().filter(|(name, _)| *name == b"tree").and_then(|(_, id)| ObjectId::from_hex(id))?;
    let mut parents = Vec::new();
    let (mut author, mut committer, mut signature) = (None, None, None);
    for (name, value) in head.by_ref() {
        match name {
            b"parent" if author.is_none() => parents.push(ObjectId::from_hex(value)?),
            b"author" if author.is_none() => author = Some(ident(value)),
            b"committer" if committer.is_none() => committer = Some(ident(value)),
            b"gpgsig" | b"gpgsig-sha256" if signature.is_none() => signature = Some(signature_kind(value)),
            _ => {}
        }
    }
    Some(CommitText {
        tree,
        parents,
        author: author.unwrap_or_default(),
        committer: committer.unwrap_or_default(),
        message: head.rest,
        signature,
    })
}

/// Reads an annotated tag; `None`: it is none that git would write.
pub(super) fn tag(content: &[u8]) -> Option<TagText<'_>> {
    let mut head = Head { rest: content };
    let target = head.next().filter(|(name, _)| *name == b"object").and_then(|(_, id)| ObjectId::from_hex(id))?;
    let target_kind = match head.next().filter(|(name, _)| *name == b"type")?.1 {
        b"commit" => ObjectKind::Commit,
        b"tree" => ObjectKind::Tree,
        b"blob" => ObjectKind::Blob,
        b"tag" => ObjectKind::Tag,
        _ => return None,
    };
    let name = head.next().filter(|(name, _)| *name == b"tag")?.1;
    let (mut tagger, mut signature) = (None, None);
    for (name, value) in head.by_ref() {
        match name {
            b"tagger" if tagger.is_none() => tagger = Some(ident(value)),
            b"gpgsig" | b"gpgsig-sha256" if signature.is_none() => signature = Some(signature_kind(value)),
            _ => {}
        }
    }
    let mut message = head.rest;
    // The signature is the last part of the message, from the last line that begins one.
    let signed = memchr::memmem::rfind_iter(message, b"-----BEGIN ").find(|at| {
        let line_begins = *at == 0 || message.get(at - 1) == Some(&b'\n');
        line_begins && message.get(*at..).is_some_and(|text| signature_kind(text) != SignatureKind::Other)
    });
    if let Some((text, armour)) = signed.and_then(|at| message.split_at_checked(at)) {
        message = text;
        signature = Some(signature_kind(armour));
    }
    Some(TagText { target, target_kind, name, tagger, message, signature })
}

/// How something is signed, by the beginning of its signature.
fn signature_kind(armour: &[u8]) -> SignatureKind {
    let kinds: [(&[u8], SignatureKind); 4] = [
        (b"-----BEGIN PGP SIGNATURE-----", SignatureKind::OpenPgp),
        (b"-----BEGIN PGP MESSAGE-----", SignatureKind::OpenPgp),
        (b"-----BEGIN SSH SIGNATURE-----", SignatureKind::Ssh),
        (b"-----BEGIN SIGNED MESSAGE-----", SignatureKind::X509),
    ];
    kinds.iter().find(|(beginning, _)| armour.starts_with(beginning)).map_or(SignatureKind::Other, |(_, kind)| *kind)
}

/// Reads `Name <address> seconds +hhmm`, of which every part may be missing.
fn ident(text: &[u8]) -> Ident {
    let opens = memchr::memchr(b'<', text).unwrap_or(text.len());
    let (name, behind) = text.split_at_checked(opens).unwrap_or_default();
    let behind = behind.get(1..).unwrap_or_default();
    let closes = memchr::memrchr(b'>', behind).unwrap_or(behind.len());
    let (email, behind) = behind.split_at_checked(closes).unwrap_or_default();
    let time = String::from_utf8_lossy(behind.get(1..).unwrap_or_default());
    let mut words = time.split_ascii_whitespace();
    let seconds = words.next().and_then(|word| word.parse().ok()).unwrap_or_default();
    let zone: i16 = words.next().and_then(|word| word.parse().ok()).unwrap_or_default();
    Ident { name: short(name.trim_ascii()), email: short(email), seconds, offset_minutes: zone / 100 * 60 + zone % 100 }
}

/// A name, as much of it as is recorded.
fn short(name: &[u8]) -> Bytes {
    Bytes::copy_from_slice(name.get(..NAME_BYTES_MAX).unwrap_or(name))
}

#[cfg(test)]
mod tests {
    use super::{commit, ident, tag};
    use wiretape_core::event::{ObjectKind, SignatureKind};

    #[test]
    fn a_name_may_be_anything_and_times_may_be_missing() {
        let ana = ident(b"Ana  M <ana@example.com> 1700000000 -0330");
        assert_eq!((ana.name.as_ref(), ana.email.as_ref()), (&b"Ana  M"[..], &b"ana@example.com"[..]));
        assert_eq!((ana.seconds, ana.offset_minutes), (1_700_000_000, -210));
        let odd = ident(b"<a>b> 99999999999999999999 +99999");
        assert_eq!(
            (odd.name.as_ref(), odd.email.as_ref(), odd.seconds, odd.offset_minutes),
            (&b""[..], &b"a>b"[..], 0, 0)
        );
        assert_eq!(ident(b"nobody").name.as_ref(), b"nobody");
        assert_eq!(ident(b"").seconds, 0);
        assert_eq!(ident(&[b'a'; 100_000]).name.len(), 512);
    }

    #[test]
    fn a_signature_stands_in_the_head_of_a_commit() {
        let id = "7f".repeat(20);
        for (armour, kind) in [
            ("-----BEGIN PGP SIGNATURE-----", SignatureKind::OpenPgp),
            ("-----BEGIN SSH SIGNATURE-----", SignatureKind::Ssh),
            ("-----BEGIN SIGNED MESSAGE-----", SignatureKind::X509),
            ("-----BEGIN SOMETHING-----", SignatureKind::Other),
        ] {
            let text = format!(
                "tree {id}\nparent {id}\nauthor A <a> 1 +0000\ncommitter B <b> 2 +0000\n\
                 gpgsig {armour}\n \n parent x\n -----END\n\nSay\n\ngpgsig no\n"
            );
            let read = commit(text.as_bytes()).unwrap();
            assert_eq!((read.parents.len(), read.signature), (1, Some(kind)));
            assert_eq!(read.message, b"Say\n\ngpgsig no\n");
        }
        assert!(commit(b"").is_none());
        assert!(commit(b"tree 12\n\n").is_none());
        assert!(commit(format!("tree {id}").as_bytes()).is_some());
    }

    #[test]
    fn a_signature_stands_at_the_end_of_a_tag() {
        let id = "7f".repeat(32);
        let text = format!(
            "object {id}\ntype commit\ntag v1\ntagger A <a> 1 +0000\n\nOne\n-----BEGIN X-----\n\
             -----BEGIN SSH SIGNATURE-----\nU1NI\n-----END SSH SIGNATURE-----\n"
        );
        let read = tag(text.as_bytes()).unwrap();
        assert_eq!((read.name, read.target_kind), (&b"v1"[..], ObjectKind::Commit));
        assert_eq!((read.message, read.signature), (&b"One\n-----BEGIN X-----\n"[..], Some(SignatureKind::Ssh)));
        let bare = tag(b"object 1234567890123456789012345678901234567890\ntype blob\ntag x\n").unwrap();
        assert_eq!((bare.tagger, bare.message, bare.signature), (None, &b""[..], None));
    }
}
