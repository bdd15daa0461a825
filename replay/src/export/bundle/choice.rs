//! Which conversations go into a bundle.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use wiretape_core::Lane;
use wiretape_core::event::{GitService, ObjectId, RefUpdate};

use super::Settings;
use super::survey::{Conversation, Survey};
use crate::describe;
use crate::repository::format::Format;

/// Repositories that an error names.
const REPOSITORIES_NAMED_MAX: usize = 8;

/// What was chosen.
pub(super) struct Chosen {
    /// Whether it was pushed; else it was fetched.
    pub(super) pushed: bool,
    /// The lanes, in order, with the sizes of the packs on each.
    pub(super) lanes: Vec<(Lane, Vec<u64>)>,
    pub(super) format: Format,
    pub(super) filter: Option<Bytes>,
    /// Refs with what they point to.
    refs: Vec<(Bytes, ObjectId)>,
    /// Of a fetch: what was asked for by name of the object.
    wanted: BTreeSet<ObjectId>,
}

impl Chosen {
    /// The refs that the bundle has: those that were pushed; or those of the target that a fetch brought.
    pub(super) fn refs(&self, held: impl Fn(&ObjectId) -> bool) -> Vec<(Bytes, ObjectId)> {
        if self.pushed {
            return self.refs.clone();
        }
        let brought = |id: &ObjectId| held(id) || self.wanted.contains(id);
        let mut refs: Vec<_> = self.refs.iter().filter(|(_, id)| brought(id)).cloned().collect();
        let named: BTreeSet<ObjectId> = refs.iter().map(|(_, id)| *id).collect();
        let unnamed = self.wanted.iter().filter(|id| !named.contains(id));
        refs.extend(unnamed.map(|id| (Bytes::from(format!("refs/wiretape/{id}")), *id)));
        refs
    }
}

pub(super) fn chosen(survey: &Survey, settings: &Settings) -> anyhow::Result<Chosen> {
    let of = |service| survey.conversations.iter().filter(move |(_, conversation)| conversation.service == service);
    let pushes: Vec<_> = of(GitService::ReceivePack).filter(|(_, push)| !push.updates.is_empty()).collect();
    let fetches: Vec<_> =
        of(GitService::UploadPack).filter(|(_, fetch)| fetch.omitted || !fetch.packs.is_empty()).collect();
    let is_meant = |push: &Conversation, update: &RefUpdate| settings.refused || push.is_accepted(update);
    let meant: Vec<_> = pushes
        .iter()
        .copied()
        .filter(|(_, push)| push.updates.iter().any(|update| !update.new.is_null() && is_meant(push, update)))
        .collect();
    if !meant.is_empty() {
        let repository = one_repository(&meant)?;
        let mut refs = BTreeMap::new();
        // A push that only deletes brings nothing, and takes a ref away.
        for (_, push) in pushes.iter().filter(|(_, push)| push.repository == repository) {
            for update in push.updates.iter().filter(|update| is_meant(push, update)) {
                match update.new.is_null() {
                    true => refs.remove(&update.name),
                    false => refs.insert(update.name.clone(), update.new),
                };
            }
        }
        ensure!(!refs.is_empty(), "every ref that was pushed was deleted again: there is nothing to write");
        return with_packs(true, &meant, refs, BTreeSet::new());
    }
    if !fetches.is_empty() {
        let repository = one_repository(&fetches)?;
        let refs = survey.refs.get(&repository).cloned().unwrap_or_default();
        let wanted = fetches.iter().flat_map(|(_, fetch)| fetch.wanted.iter().copied()).collect();
        return with_packs(false, &fetches, refs, wanted);
    }
    match pushes.len() {
        0 => bail!("nothing was pushed or fetched: there is nothing to write into a bundle"),
        number if pushes.iter().any(|(_, push)| push.updates.iter().any(|update| !update.new.is_null())) => bail!(
            "of the session's pushes ({number}) the target accepted none; --refused writes what was pushed nevertheless"
        ),
        _ => bail!("refs were deleted and nothing was pushed: there is nothing to write into a bundle"),
    }
}

fn with_packs(
    pushed: bool,
    conversations: &[(&Lane, &Conversation)],
    refs: BTreeMap<Bytes, ObjectId>,
    wanted: BTreeSet<ObjectId>,
) -> anyhow::Result<Chosen> {
    if let Some((lane, _)) = conversations.iter().find(|(_, conversation)| conversation.omitted) {
        bail!(
            "the pack of lane {lane} was not kept: the target has `packs = \"listed\"`, and the recording holds only \
             its digest and the names of its objects"
        );
    }
    if let Some((lane, _)) = conversations.iter().find(|(_, conversation)| conversation.packs.is_empty()) {
        bail!("the pack of lane {lane} is not whole in the recording");
    }
    let named = || refs.values().chain(&wanted);
    let format = named().next().map(Format::of).context("it is not known what was fetched")?;
    ensure!(named().all(|id| Format::of(id) == format), "the session names objects by two kinds of hash");
    Ok(Chosen {
        pushed,
        lanes: conversations.iter().map(|(lane, conversation)| (**lane, conversation.packs.clone())).collect(),
        format,
        filter: conversations.iter().find_map(|(_, conversation)| conversation.filter.clone()),
        refs: refs.into_iter().collect(),
        wanted,
    })
}

/// The repository that all of these concern.
fn one_repository(conversations: &[(&Lane, &Conversation)]) -> anyhow::Result<Bytes> {
    let mut repositories: BTreeMap<&Bytes, Lane> = BTreeMap::new();
    for (lane, conversation) in conversations {
        repositories.entry(&conversation.repository).or_insert(**lane);
    }
    if repositories.len() > 1 {
        let named = repositories.iter().take(REPOSITORIES_NAMED_MAX);
        let named: Vec<_> = named.map(|(name, lane)| format!("--lane {lane} ({})", describe::path(name))).collect();
        bail!(
            "the session concerns {} repositories, and a bundle holds one; choose with {}",
            repositories.len(),
            named.join(" or ")
        );
    }
    Ok(repositories.keys().next().map(|name| Bytes::clone(name)).unwrap_or_default())
}
