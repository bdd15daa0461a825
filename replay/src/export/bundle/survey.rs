//! The conversations of a session, without their packs.

use std::collections::BTreeMap;

use bytes::Bytes;
use wiretape_core::event::{AdvertisedRef, GitEvent, GitService, ObjectId, RefUpdate};
use wiretape_core::{Event, Kind, Lane, Side};

use crate::limits::{BUNDLE_REFS_MAX, OUTLINE_LANES_MAX};
use crate::repository::conversation::Sent;

/// What a session did with repositories.
#[derive(Default)]
pub(super) struct Survey {
    pub(super) conversations: BTreeMap<Lane, Conversation>,
    /// Refs that targets have, by repository, as they were said last.
    pub(super) refs: BTreeMap<Bytes, BTreeMap<Bytes, ObjectId>>,
    refs_kept: usize,
}

/// One conversation.
pub(super) struct Conversation {
    pub(super) service: GitService,
    pub(super) repository: Bytes,
    pub(super) updates: Vec<RefUpdate>,
    sent: Sent,
    /// What the target said: of each ref whether it was updated.
    reported: Option<BTreeMap<Bytes, bool>>,
    refused: bool,
    /// The sizes of the packs that went by.
    pub(super) packs: Vec<u64>,
    /// Whether packs were not kept.
    pub(super) omitted: bool,
    pub(super) wanted: Vec<ObjectId>,
    pub(super) filter: Option<Bytes>,
}

impl Conversation {
    fn new(service: GitService, repository: Bytes) -> Self {
        Self {
            service,
            repository,
            updates: Vec::new(),
            sent: Sent::default(),
            reported: None,
            refused: false,
            packs: Vec::new(),
            omitted: false,
            wanted: Vec::new(),
            filter: None,
        }
    }

    /// Whether the target did what `update` says.
    pub(super) fn is_accepted(&self, update: &RefUpdate) -> bool {
        match &self.reported {
            _ if self.refused => false,
            Some(reported) => reported.get(&update.name).copied().unwrap_or_default(),
            // Who does not ask gets no report.
            None => !self.sent.wants_report(),
        }
    }

    fn take(&mut self, side: Side, said: &GitEvent) {
        match said {
            GitEvent::Data { bytes } if side == Side::Client && self.service == GitService::ReceivePack => {
                self.sent.feed(bytes);
            }
            GitEvent::Omitted { .. } => self.omitted = true,
            GitEvent::Update(update) if self.updates.len() < BUNDLE_REFS_MAX => self.updates.push(update.clone()),
            GitEvent::Pack { bytes, .. } => self.packs.push(*bytes),
            // The gateway's own report says that it refused.
            GitEvent::Report { .. } if side == Side::Client => self.refused = true,
            GitEvent::Report { unpack, refs } => {
                let reported = self.reported.get_or_insert_default();
                for report in refs.iter().take(BUNDLE_REFS_MAX) {
                    reported.insert(report.name.clone(), report.error.is_none() && unpack.as_ref() == b"ok");
                }
            }
            GitEvent::Error { .. } if side == Side::Client => self.refused = true,
            GitEvent::Wanted { ids, filter, .. } => {
                let room = BUNDLE_REFS_MAX.saturating_sub(self.wanted.len());
                self.wanted.extend(ids.iter().take(room));
                self.filter = filter.clone().or(self.filter.take());
            }
            _ => {}
        }
    }
}

impl Survey {
    pub(super) fn take(&mut self, event: &Event) {
        let Kind::Git(said) = &event.kind else { return };
        match said {
            GitEvent::Service { service, repository } if self.conversations.len() < OUTLINE_LANES_MAX => {
                self.conversations.insert(event.lane, Conversation::new(*service, repository.clone()));
            }
            GitEvent::Refs { refs } => {
                let repository = self.conversations.get(&event.lane).map(|its| its.repository.clone());
                self.note_refs(repository.unwrap_or_default(), refs);
            }
            said => {
                if let Some(conversation) = self.conversations.get_mut(&event.lane) {
                    conversation.take(event.side, said);
                }
            }
        }
    }

    fn note_refs(&mut self, repository: Bytes, refs: &[AdvertisedRef]) {
        let known = self.refs.entry(repository).or_default();
        for its in refs {
            let Some(id) = its.id.filter(|_| self.refs_kept < BUNDLE_REFS_MAX) else { continue };
            if known.insert(its.name.clone(), id).is_none() {
                self.refs_kept += 1;
            }
        }
    }
}

/// Whether an event says something that holds for other conversations with the repository too: which refs it has.
pub(super) fn is_about_the_repository(event: &Event) -> bool {
    matches!(event.kind, Kind::Git(GitEvent::Refs { .. } | GitEvent::Service { .. }))
}
