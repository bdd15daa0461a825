//! The head of a policy: for whom, for which actions, for what.
//!
//! Heads are matched here and not by Cedar, so that most of them are matched once for each session. A test compares what
//! comes of it with what Cedar says of whole policies.

use std::collections::BTreeSet;

use cedar_policy::{ActionConstraint, EntityUid, PrincipalConstraint, ResourceConstraint};

use crate::action::Actions;
use crate::circumstances::{Subject, TargetFacts, principal_type};
use crate::resource::{Kind, Resource, Thing};

/// Whether something is what a head says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Match {
    Yes,
    No,
    /// It cannot be told.
    Maybe,
}

impl From<bool> for Match {
    fn from(is: bool) -> Self {
        if is { Self::Yes } else { Self::No }
    }
}

/// For whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PrincipalScope {
    of_type: Option<String>,
    /// Type and name; a principal is in itself and in its groups.
    within: Option<(String, String)>,
    exactly: bool,
}

impl PrincipalScope {
    pub(crate) fn new(constraint: &PrincipalConstraint) -> Self {
        let (of_type, within, exactly) = match constraint {
            PrincipalConstraint::Any => (None, None, false),
            PrincipalConstraint::Eq(entity) => (None, Some(entity), true),
            PrincipalConstraint::In(entity) => (None, Some(entity), false),
            PrincipalConstraint::Is(name) => (Some(name), None, false),
            PrincipalConstraint::IsIn(name, entity) => (Some(name), Some(entity), false),
        };
        Self { of_type: of_type.map(ToString::to_string), within: within.map(named), exactly }
    }

    pub(crate) fn matches(&self, subject: &Subject) -> bool {
        let own = principal_type(subject.kind);
        let is_self = |kind: &str, name: &str| kind == own && name == subject.name;
        self.of_type.as_deref().is_none_or(|of_type| of_type == own)
            && self.within.as_ref().is_none_or(|(kind, name)| {
                is_self(kind, name) || (!self.exactly && kind == "Group" && subject.groups.contains(name))
            })
    }
}

/// Type and name of an entity.
fn named(entity: &EntityUid) -> (String, String) {
    (entity.type_name().to_string(), entity.id().unescaped().to_owned())
}

/// The actions of a head.
pub(crate) fn actions(constraint: &ActionConstraint) -> Actions {
    let one = |entity: &EntityUid| Actions::named(entity.id().unescaped());
    match constraint {
        ActionConstraint::Any => Actions::ALL,
        ActionConstraint::Eq(entity) => one(entity),
        ActionConstraint::In(entities) => entities.iter().map(one).fold(Actions::default(), Actions::with),
    }
}

/// For what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ResourceScope {
    of_type: Option<Kind>,
    within: Option<Thing>,
    exactly: bool,
    /// It names a type that no resource has.
    impossible: bool,
}

impl ResourceScope {
    pub(crate) fn new(constraint: &ResourceConstraint) -> Self {
        let (of_type, within, exactly) = match constraint {
            ResourceConstraint::Any => (None, None, false),
            ResourceConstraint::Eq(entity) => (None, Some(entity), true),
            ResourceConstraint::In(entity) => (None, Some(entity), false),
            ResourceConstraint::Is(name) => (Some(name), None, false),
            ResourceConstraint::IsIn(name, entity) => (Some(name), Some(entity), false),
        };
        let kind = of_type.map(|name| Kind::named(&name.to_string()));
        let thing = within.map(|entity| {
            let (kind, id) = named(entity);
            Kind::named(&kind).map(|kind| Thing::new(kind, id))
        });
        Self {
            impossible: kind == Some(None) || thing == Some(None),
            of_type: kind.flatten(),
            within: thing.flatten(),
            exactly,
        }
    }

    /// Whether it can hold for anything of the target.
    pub(crate) fn concerns(&self, target: &TargetFacts) -> bool {
        if self.impossible {
            return false;
        }
        match &self.within {
            None => true,
            Some(thing) => match thing.kind {
                Kind::Label => !self.exactly && is_labelled(target, &thing.id),
                Kind::Target => thing.id == target.name,
                Kind::Office => false,
                Kind::Table | Kind::Repository | Kind::Ref | Kind::Host | Kind::Path => {
                    thing.id.strip_prefix(target.name.as_str()).is_some_and(|rest| rest.starts_with(' '))
                }
            },
        }
    }

    /// Whether it depends on more of a resource than that it stands below the target.
    pub(crate) fn looks_below_target(&self) -> bool {
        self.of_type.is_some()
            || self.exactly
            || self.within.as_ref().is_some_and(|thing| !matches!(thing.kind, Kind::Label | Kind::Target))
    }

    /// Whether `resource` is what it says, of a target that it [concerns](Self::concerns).
    pub(crate) fn matches(&self, resource: &Resource) -> Match {
        if !self.looks_below_target() {
            return Match::Yes;
        }
        if !resource.certain {
            return Match::Maybe;
        }
        if self.of_type.is_some_and(|kind| kind != resource.thing.kind) {
            return Match::No;
        }
        let Some(thing) = &self.within else { return Match::Yes };
        if *thing == resource.thing {
            return Match::Yes;
        }
        if resource.may_be(thing) {
            return Match::Maybe;
        }
        let above = !self.exactly
            && (matches!(thing.kind, Kind::Label | Kind::Target) || resource.parent.as_ref() == Some(thing));
        above.into()
    }

    /// Whether it holds for something of the gateway's own, which stands below `target` if below any.
    pub(crate) fn matches_office(&self, thing: &Thing, target: Option<&TargetFacts>) -> bool {
        !self.impossible
            && self.of_type.is_none_or(|kind| kind == thing.kind)
            && self.within.as_ref().is_none_or(|within| {
                within == thing
                    || (!self.exactly
                        && within.kind == Kind::Label
                        && target.is_some_and(|target| is_labelled(target, &within.id)))
            })
    }
}

/// Whether the target has the label `label`, written `name=value`.
fn is_labelled(target: &TargetFacts, label: &str) -> bool {
    target.labels.iter().any(|(name, value)| {
        label.strip_prefix(name.as_str()).and_then(|rest| rest.strip_prefix('=')).is_some_and(|rest| rest == value)
    })
}

/// The labels of a target as things.
pub(crate) fn labels(target: &TargetFacts) -> BTreeSet<Thing> {
    target.labels.iter().map(|(name, value)| Thing::new(Kind::Label, format!("{name}={value}"))).collect()
}
