//! What was recorded of Git: conversations with a repository, each with what both sides said in it.

use std::collections::BTreeMap;

use wiretape_core::event::{
    AdvertisedRef, FileChange, GitEvent, GitService, Kind, ObjectId, RefReport, RefUpdate, SessionEvent,
};
use wiretape_core::{Event, Lane, Side, Verdict};

use crate::record::Events;

/// One lane on which git was spoken.
#[derive(Clone, Debug)]
pub struct Talk {
    /// Where it stood.
    pub lane: Lane,
    /// What it was for.
    pub service: GitService,
    /// The repository, as the client asked for it.
    pub repository: String,
    /// All that was recorded on the lane, of every family.
    pub events: Vec<Event>,
}

/// A pack that went by.
#[derive(Clone, Debug)]
pub struct Packed {
    /// Who sent it.
    pub side: Side,
    /// Objects that it says it holds.
    pub objects: u32,
    /// Its size.
    pub bytes: u64,
    /// The checksum at its end, in hexadecimal digits.
    pub checksum: String,
    /// SHA-256 of it all, in hexadecimal digits.
    pub sha256: String,
    /// Whether the checksum is right.
    pub intact: Option<bool>,
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn texts<'a>(lines: impl IntoIterator<Item = &'a bytes::Bytes>) -> Vec<String> {
    lines.into_iter().map(|line| text(line)).collect()
}

impl Talk {
    /// The events of the family `git`, and who said them.
    pub fn git(&self) -> impl Iterator<Item = (Side, &GitEvent)> {
        self.events.iter().filter_map(|event| match &event.kind {
            Kind::Git(kind) => Some((event.side, kind)),
            _ => None,
        })
    }

    /// Whether an event called `name` is among them.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.events.iter().any(|event| event.kind.name() == name)
    }

    /// What `side` said, verbatim.
    #[must_use]
    pub fn said(&self, side: Side) -> Vec<u8> {
        let mut all = Vec::new();
        for (by, event) in self.git() {
            if let (true, GitEvent::Data { bytes }) = (by == side, event) {
                all.extend_from_slice(bytes);
            }
        }
        all
    }

    /// Bytes of packs of `side` that were not kept.
    #[must_use]
    pub fn omitted(&self, side: Side) -> u64 {
        let omitted = self.git().map(|(by, event)| match event {
            GitEvent::Omitted { bytes } if by == side => *bytes,
            _ => 0,
        });
        omitted.sum()
    }

    /// The version of the protocol and the capabilities that the target offered.
    #[must_use]
    pub fn advertised(&self) -> Option<(u8, Vec<String>)> {
        self.git().find_map(|(_, event)| match event {
            GitEvent::Advertised { version, capabilities } => Some((*version, texts(capabilities))),
            _ => None,
        })
    }

    /// The refs that the target named.
    #[must_use]
    pub fn refs(&self) -> Vec<AdvertisedRef> {
        let refs = self.git().filter_map(|(_, event)| match event {
            GitEvent::Refs { refs } => Some(refs.clone()),
            _ => None,
        });
        refs.flatten().collect()
    }

    /// The refs that the target named, by name, and what they point to.
    #[must_use]
    pub fn ref_names(&self) -> BTreeMap<String, String> {
        let named = self.refs().into_iter().filter_map(|of| Some((text(&of.name), of.id?.to_string())));
        named.collect()
    }

    /// The commands of version 2, and their arguments.
    #[must_use]
    pub fn commands(&self) -> Vec<(String, Vec<String>)> {
        let commands = self.git().filter_map(|(_, event)| match event {
            GitEvent::Command { name, arguments, .. } => Some((text(name), texts(arguments))),
            _ => None,
        });
        commands.collect()
    }

    /// What the client wanted, request by request.
    #[must_use]
    pub fn wanted(&self) -> Vec<Wanted> {
        let wanted = self.git().filter_map(|(_, event)| match event {
            GitEvent::Wanted { ids, refs, capabilities, shallow, deepen, filter } => Some(Wanted {
                ids: ids.iter().map(ToString::to_string).collect(),
                refs: texts(refs),
                capabilities: texts(capabilities),
                shallow: shallow.iter().map(ToString::to_string).collect(),
                deepen: texts(deepen),
                filter: filter.as_deref().map(text),
            }),
            _ => None,
        });
        wanted.collect()
    }

    /// What the client said that it has.
    #[must_use]
    pub fn haves(&self) -> Vec<String> {
        let haves = self.git().filter_map(|(_, event)| match event {
            GitEvent::Haves { ids, .. } => Some(ids),
            _ => None,
        });
        haves.flatten().map(ToString::to_string).collect()
    }

    /// What the target answered to that.
    #[must_use]
    pub fn acknowledged(&self) -> Vec<String> {
        let lines = self.git().filter_map(|(_, event)| match event {
            GitEvent::Acknowledged { lines } => Some(lines),
            _ => None,
        });
        lines.flatten().map(|line| text(line)).collect()
    }

    /// The updates of a push.
    #[must_use]
    pub fn updates(&self) -> Vec<RefUpdate> {
        let updates = self.git().filter_map(|(_, event)| match event {
            GitEvent::Update(update) => Some(update.clone()),
            _ => None,
        });
        updates.collect()
    }

    /// The updates of a push, one after the other: `<ref> <word for what it does>`.
    #[must_use]
    pub fn changes(&self) -> Vec<String> {
        let updates = self.updates();
        updates.iter().map(|update| format!("{} {}", text(&update.name), update.change.name())).collect()
    }

    /// The options of a push.
    #[must_use]
    pub fn options(&self) -> Vec<String> {
        let options = self.git().filter_map(|(_, event)| match event {
            GitEvent::Options { options } => Some(texts(options)),
            _ => None,
        });
        options.flatten().collect()
    }

    /// The certificate of a signed push.
    #[must_use]
    pub fn certificate(&self) -> Option<String> {
        self.git().find_map(|(_, event)| match event {
            GitEvent::Certificate { text: bytes, .. } => Some(text(bytes)),
            _ => None,
        })
    }

    /// The packs.
    #[must_use]
    pub fn packs(&self) -> Vec<Packed> {
        let packs = self.git().filter_map(|(side, event)| match event {
            GitEvent::Pack { objects, bytes, checksum, sha256, intact } => Some(Packed {
                side,
                objects: *objects,
                bytes: *bytes,
                checksum: checksum.to_string(),
                sha256: crate::random::hex(sha256),
                intact: *intact,
            }),
            _ => None,
        });
        packs.collect()
    }

    /// What a pushed pack had in it: commits, trees, blobs, tags, objects that could not be resolved, and why not all
    /// was read.
    #[must_use]
    pub fn contents(&self) -> Option<([u32; 5], String)> {
        self.git().find_map(|(_, event)| match event {
            GitEvent::Contents { commits, trees, blobs, tags, unresolved, cut } => {
                Some(([*commits, *trees, *blobs, *tags, *unresolved], cut.clone()))
            }
            _ => None,
        })
    }

    /// The commits that a push brought, by their names.
    #[must_use]
    pub fn commits(&self) -> BTreeMap<String, &GitEvent> {
        let commits = self.git().filter_map(|(_, event)| match event {
            GitEvent::Commit { id, .. } => Some((id.to_string(), event)),
            _ => None,
        });
        commits.collect()
    }

    /// The files that `commit` changes, by path, and whether those are all.
    #[must_use]
    pub fn files(&self, commit: &str) -> (BTreeMap<String, FileChange>, bool) {
        let mut all = true;
        let mut named = BTreeMap::new();
        for (_, event) in self.git() {
            if let GitEvent::Files { commit: of, files, complete, .. } = event
                && of.to_string() == commit
            {
                all &= complete;
                named.extend(files.iter().map(|file| (text(&file.path), file.clone())));
            }
        }
        (named, all)
    }

    /// The annotated tags that a push brought, by their names.
    #[must_use]
    pub fn tags(&self) -> BTreeMap<String, &GitEvent> {
        let tags = self.git().filter_map(|(_, event)| match event {
            GitEvent::Tag { name, .. } => Some((text(name), event)),
            _ => None,
        });
        tags.collect()
    }

    /// The objects of a pack that is not kept.
    #[must_use]
    pub fn objects(&self) -> Vec<ObjectId> {
        let objects = self.git().filter_map(|(_, event)| match event {
            GitEvent::Objects { objects } => Some(objects),
            _ => None,
        });
        objects.flatten().map(|object| object.id).collect()
    }

    /// What became of a push: of its pack, and of its refs (`<ref> ok` or `<ref> <why not>`).
    #[must_use]
    pub fn report(&self) -> Option<(String, Vec<String>)> {
        let line = |of: &RefReport| format!("{} {}", text(&of.name), of.error.as_deref().map_or("ok".into(), text));
        self.git().find_map(|(_, event)| match event {
            GitEvent::Report { unpack, refs } => Some((text(unpack), refs.iter().map(line).collect())),
            _ => None,
        })
    }

    /// What was shown to the person at the client.
    #[must_use]
    pub fn progress(&self) -> String {
        let mut all = Vec::new();
        for (_, event) in self.git() {
            if let GitEvent::Progress { bytes } = event {
                all.extend_from_slice(bytes);
            }
        }
        text(&all)
    }

    /// The errors that ended it.
    #[must_use]
    pub fn errors(&self) -> Vec<String> {
        let errors = self.git().filter_map(|(_, event)| match event {
            GitEvent::Error { message } => Some(text(message)),
            _ => None,
        });
        errors.collect()
    }

    /// The decisions about it: the action, the rule that decided and, where it was refused, why.
    #[must_use]
    pub fn decisions(&self) -> Vec<(String, String, Option<String>)> {
        let decisions = self.events.iter().filter_map(|event| match &event.kind {
            Kind::Session(SessionEvent::Decision { action, rule, verdict, .. }) => {
                let why = match verdict {
                    Verdict::Allow => None,
                    Verdict::Refuse(reason) => Some(reason.text.clone()),
                };
                Some((action.clone(), rule.clone(), why))
            }
            _ => None,
        });
        decisions.collect()
    }
}

/// What a client wanted to have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Objects.
    pub ids: Vec<String>,
    /// Refs.
    pub refs: Vec<String>,
    /// Capabilities that the client chose.
    pub capabilities: Vec<String>,
    /// Commits whose parents it does not have.
    pub shallow: Vec<String>,
    /// How deep.
    pub deepen: Vec<String>,
    /// What can be left out.
    pub filter: Option<String>,
}

impl Events {
    /// Events of the family `git`.
    pub fn git(&self) -> impl Iterator<Item = &GitEvent> {
        self.0.iter().filter_map(|event| match &event.kind {
            Kind::Git(kind) => Some(kind),
            _ => None,
        })
    }

    /// The lanes on which git was spoken, in the order in which that began.
    #[must_use]
    pub fn talks(&self) -> Vec<Talk> {
        let begun = self.0.iter().filter_map(|event| match &event.kind {
            Kind::Git(GitEvent::Service { service, repository }) => Some((event.lane, *service, text(repository))),
            _ => None,
        });
        let talks = begun.map(|(lane, service, repository)| {
            let events = self.0.iter().filter(|event| event.lane == lane).cloned().collect();
            Talk { lane, service, repository, events }
        });
        talks.collect()
    }
}
