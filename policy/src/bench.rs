//! One session's policies, ready to be asked.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use cedar_policy::{Context, Entities, Entity, EntityUid, RestrictedExpression};
use wiretape_core::Decided;
use wiretape_core::event::{FileOperation, OpenMode};
use wiretape_core::judge::{ActionKind, Transfer};

use crate::action::Actions;
use crate::case::{self, Cases};
use crate::circumstances::{Circumstances, Subject, TargetFacts};
use crate::context::{self, Trouble, Types};
use crate::decided::refused;
use crate::limits::{DECISION_KEY_BYTES_MAX, DECISIONS_KEPT_MAX, PREPARED_MAX};
use crate::moment::Time;
use crate::objection::Objection;
use crate::resource::{Kind, Resource, Thing};
use crate::rule::{Looks, Rule};
use crate::shell::CommandLine;
use crate::slice::Slice;

/// Whether what is done by a command line is judged as it is done, because somebody reads what its program carries.
pub(crate) type Reads = fn(&[u8]) -> bool;
/// What decides in one session: the policies that can matter to its principal and its target.
#[derive(Debug)]
pub struct Bench {
    types: Arc<Types>,
    rules: Vec<(usize, Arc<Rule>)>,
    target: TargetFacts,
    objections: Vec<Objection>,
    /// Why nothing at all is allowed, where that is so.
    outside: Option<Decided>,
    principal: Result<Entity, Trouble>,
    circumstances: Vec<(&'static str, RestrictedExpression)>,
    slices: HashMap<&'static str, Slice>,
    /// The principal and the target, and with either a resource below it.
    below_target: Option<Arc<Entities>>,
    places: HashMap<Thing, Arc<Entities>>,
    kept: BTreeMap<(&'static str, Vec<u8>), Decided>,
    reads: Reads,
}

impl Bench {
    pub(crate) fn new(
        types: Arc<Types>,
        rules: Vec<(usize, Arc<Rule>)>,
        subject: &Subject,
        target: &TargetFacts,
        circumstances: &Circumstances,
        reads: Reads,
    ) -> Self {
        let is_in = target.groups.is_empty() || target.groups.iter().any(|group| subject.groups.contains(group));
        let mut outside = (!is_in).then(|| Decided::Refuse {
            rules: vec!["groups".to_owned()],
            text: format!("{} is not for any group of yours", target.name),
        });
        let mut objections = Vec::new();
        for refused in &target.refuse {
            match Objection::parse(refused) {
                Ok(objection) => objections.push(objection),
                Err(text) => {
                    outside =
                        Some(Decided::Refuse { rules: vec![format!("refuse {}", refused.replace(',', " "))], text });
                }
            }
        }
        Self {
            principal: types.principal(subject),
            circumstances: context::circumstances(circumstances),
            types,
            rules,
            target: target.clone(),
            objections,
            outside,
            slices: HashMap::new(),
            below_target: None,
            places: HashMap::new(),
            kept: BTreeMap::new(),
            reads,
        }
    }

    /// Whether the session may be opened.
    pub fn connect(&mut self, unix_nanos: u64) -> Decided {
        let resource = Resource::target(&self.target.name, &self.target.kind);
        self.judge(unix_nanos, "connect", None, |_, _| Cases::one(resource))
    }

    /// What is said of `action` by a principal who connects for it at `unix_nanos` (since 1970); without one, of
    /// connecting alone.
    pub fn enter(&mut self, unix_nanos: u64, action: Option<&ActionKind>) -> Decided {
        match (self.connect(unix_nanos), action) {
            (connected, None) => connected,
            (Decided::Allow { .. }, Some(action)) => self.decide(unix_nanos, action),
            (stricter, Some(action)) => stricter.and(self.decide(unix_nanos, action)),
        }
    }

    /// Whether an action may pass, `unix_nanos` after 1970-01-01 UTC.
    pub fn decide(&mut self, unix_nanos: u64, action: &ActionKind) -> Decided {
        if let ActionKind::Push(push) = action
            && self.outside.is_none()
            && let Some((objection, text)) =
                self.objections.iter().find_map(|objection| Some((objection, objection.to(push)?)))
        {
            return Decided::Refuse { rules: vec![objection.name()], text };
        }
        let decided = self.decide_alone(unix_nanos, action);
        match action {
            ActionKind::Exec { command } if decided.name() != "refuse" && self.copies_unread(command) => {
                let [read, write] = unknown_copies();
                decided.and(self.decide_alone(unix_nanos, &read)).and(self.decide_alone(unix_nanos, &write))
            }
            _ => decided,
        }
    }

    fn decide_alone(&mut self, unix_nanos: u64, action: &ActionKind) -> Decided {
        self.judge(unix_nanos, action.name(), key(action), |slice, target| case::of(action, slice, target))
    }

    /// Whether `command` starts a program that copies files, in a way that nobody reads.
    fn copies_unread(&self, command: &[u8]) -> bool {
        let programs = CommandLine::parse(command).programs.unwrap_or_default();
        ["scp", "sftp-server"].iter().any(|program| programs.contains(*program)) && !(self.reads)(command)
    }

    /// Whether what an action of this name is about, or what is in it, can change what is decided of it. `false` is a
    /// promise for as long as these policies hold: whatever it is, it is allowed.
    pub fn looks_into(&mut self, action: &'static str) -> bool {
        // A command can be judged as the copying of files besides.
        if self.outside.is_some() || !self.objections.is_empty() || action == "ssh.exec" {
            return true;
        }
        if !self.slices.contains_key(action) {
            let Ok(slice) = self.slice(action) else { return true };
            self.slices.insert(action, slice);
        }
        self.slices.get(action).is_none_or(|slice| !slice.permits_whatever_it_is())
    }

    /// How many policies can matter in this session, and how many of them for the action of this name.
    #[must_use]
    pub fn rules(&self, action: &str) -> (usize, usize) {
        let wanted = Actions::named(action);
        (self.rules.len(), self.rules.iter().filter(|(_, rule)| rule.actions.meet(wanted)).count())
    }

    fn judge(
        &mut self,
        unix_nanos: u64,
        action: &'static str,
        key: Option<Vec<u8>>,
        cases: impl FnOnce(&Slice, &TargetFacts) -> Cases,
    ) -> Decided {
        if let Some(refused) = &self.outside {
            return refused.clone();
        }
        // The session's slice is taken out so that it can be asked beside the rest, and put back.
        let slice = match self.slices.remove(action) {
            Some(slice) => Ok(slice),
            None => self.slice(action),
        };
        let mut slice = match slice {
            Ok(slice) => slice,
            Err(trouble) => return refused(&format!("it could not be judged: {trouble}")),
        };
        let key = key.filter(|_| !slice.looks.at("time")).map(|key| (action, key));
        let known = key.as_ref().and_then(|key| self.kept.get(key).cloned());
        let decided = known.unwrap_or_else(|| {
            let cases = cases(&slice, &self.target);
            let decided = self
                .all(&mut slice, action, unix_nanos, cases)
                .unwrap_or_else(|trouble| refused(&format!("it could not be judged: {trouble}")));
            if let Some(key) = key {
                if self.kept.len() >= DECISIONS_KEPT_MAX {
                    self.kept.clear();
                }
                self.kept.insert(key, decided.clone());
            }
            decided
        });
        self.slices.insert(action, slice);
        decided
    }

    fn slice(&self, action: &'static str) -> Result<Slice, Trouble> {
        let wanted = Actions::named(action);
        let rules = self.rules.iter().filter(|(_, rule)| rule.actions.meet(wanted)).cloned().collect();
        Ok(Slice::new(self.types.entity("Action", action)?, rules))
    }

    /// The strictest of what is decided about each thing that an action is about.
    fn all(&mut self, slice: &mut Slice, action: &str, unix_nanos: u64, cases: Cases) -> Result<Decided, Trouble> {
        let Some(cases) = cases.within_limits(slice.looks_below_target) else {
            return Ok(refused("it is about more than can be judged"));
        };
        let looks = Arc::clone(&slice.looks);
        let mut shared = None;
        let mut decided: Option<Decided> = None;
        for case in &cases.each {
            let heads = slice.heads(&case.resource);
            let looks_resource = heads.looks_resource;
            let one = slice.decide(heads, action, || {
                if shared.is_none() {
                    shared = Some(self.shared(&looks, unix_nanos, &cases)?);
                }
                let shared = shared.clone().ok_or("no context")?;
                let context = match case.fields.is_empty() {
                    true => shared,
                    false => shared.merge(context::context(&case.fields)?).map_err(|error| error.to_string())?,
                };
                let (resource, entities) = self.place(&case.resource, looks_resource)?;
                Ok((self.principal.clone()?.uid(), resource, context, entities))
            })?;
            let both = match decided {
                Some(known) => known.and(one),
                None => one,
            };
            if matches!(both, Decided::Refuse { .. }) {
                return Ok(both);
            }
            decided = Some(both);
        }
        decided.ok_or_else(|| "it is about nothing".to_owned())
    }

    /// What all cases of an action have in common, as far as it is looked at.
    fn shared(&self, looks: &Looks, unix_nanos: u64, cases: &Cases) -> Result<Context, Trouble> {
        let mut pairs: Vec<(String, RestrictedExpression)> = self
            .circumstances
            .iter()
            .filter(|(name, _)| looks.at(name))
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect();
        if looks.at("time") {
            pairs.push(("time".to_owned(), context::time(Time::at(unix_nanos))?));
        }
        context::pairs(pairs.into_iter().chain(context::expressions(&cases.shared)))
    }

    /// The resource as Cedar is told of it, with the entities that are looked at.
    fn place(&mut self, resource: &Resource, itself: bool) -> Result<(EntityUid, Arc<Entities>), Trouble> {
        let types = Arc::clone(&self.types);
        if itself && resource.thing.kind != Kind::Target {
            let uid = types.thing(&resource.thing)?;
            if let Some(known) = self.places.get(&resource.thing) {
                return Ok((uid, Arc::clone(known)));
            }
            let mut entities = types.resource(resource, &self.target)?;
            entities.push(types.target(&self.target)?);
            entities.push(self.principal.clone()?);
            let entities = Arc::new(context::entities(entities)?);
            if self.places.len() >= PREPARED_MAX {
                self.places.clear();
            }
            self.places.insert(resource.thing.clone(), Arc::clone(&entities));
            return Ok((uid, entities));
        }
        // Whatever stands below the target stands in what the target stands in.
        let uid = types.entity(Kind::Target.name(), &self.target.name)?;
        if let Some(known) = &self.below_target {
            return Ok((uid, Arc::clone(known)));
        }
        let entities = Arc::new(context::entities(vec![self.principal.clone()?, types.target(&self.target)?])?);
        self.below_target = Some(Arc::clone(&entities));
        Ok((uid, entities))
    }
}

/// A file that is read and one that is written, of neither of which the path is known.
fn unknown_copies() -> [ActionKind; 2] {
    let read = FileOperation::Open { path: Bytes::new(), mode: OpenMode { read: true, ..OpenMode::default() } };
    let write = FileOperation::Send { path: Bytes::new(), size: 0, permissions: 0 };
    [read, write].map(|operation| ActionKind::Transfer(Box::new(Transfer { operation, paths: Vec::new() })))
}

/// What an action is remembered by; `None` for one that is not.
fn key(action: &ActionKind) -> Option<Vec<u8>> {
    let text = |parts: &[&[u8]]| -> Option<Vec<u8>> {
        let length: usize = parts.iter().map(|part| part.len() + 1).sum();
        (length <= DECISION_KEY_BYTES_MAX).then(|| parts.join(&0))
    };
    match action {
        ActionKind::Exec { command: bytes }
        | ActionKind::Query { text: bytes }
        | ActionKind::Fetch { repository: bytes } => text(&[bytes]),
        // A method has no zero byte (RFC 9110 section 5.6.2).
        ActionKind::Request { method, url } if !method.contains(&0) => text(&[method, url]),
        _ => None,
    }
}
