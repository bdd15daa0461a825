//! What Cedar is told: entities, and the context of a request.

use core::net::IpAddr;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::str::FromStr;

use cedar_policy::{Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, RestrictedExpression};

use crate::circumstances::{Circumstances, Subject, TargetFacts, principal_type};
use crate::moment::Time;
use crate::resource::{Kind, Resource, Thing};
use crate::scope;

/// A value of a field of the context.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Value {
    Text(String),
    Flag(bool),
    Number(i64),
    Texts(BTreeSet<String>),
}

impl Value {
    fn expression(&self) -> RestrictedExpression {
        let text = |text: &String| RestrictedExpression::new_string(text.clone());
        match self {
            Self::Text(value) => text(value),
            Self::Flag(value) => RestrictedExpression::new_bool(*value),
            Self::Number(value) => RestrictedExpression::new_long(*value),
            Self::Texts(values) => RestrictedExpression::new_set(values.iter().map(text)),
        }
    }
}

/// Fields of a context with their values. What is not known has no value here.
pub(crate) type Fields = Vec<(&'static str, Value)>;

/// The types of the schema by name: Cedar parses their names, and once is enough.
#[derive(Clone, Debug)]
pub(crate) struct Types(HashMap<&'static str, EntityTypeName>);

/// Anything that Cedar does not take; what is asked is then refused.
pub(crate) type Trouble = String;

impl Types {
    pub(crate) fn new() -> Result<Self, Trouble> {
        let kinds =
            [Kind::Label, Kind::Target, Kind::Table, Kind::Repository, Kind::Ref, Kind::Host, Kind::Path, Kind::Office];
        let names = kinds.into_iter().map(Kind::name).chain(["Person", "Agent", "Service", "Group", "Action"]);
        let mut types = HashMap::new();
        for name in names {
            types.insert(name, EntityTypeName::from_str(name).map_err(|error| error.to_string())?);
        }
        Ok(Self(types))
    }

    /// The entity `id` of the type `name`.
    pub(crate) fn entity(&self, name: &str, id: &str) -> Result<EntityUid, Trouble> {
        let of_type = self.0.get(name).ok_or_else(|| format!("no type {name}"))?;
        Ok(EntityUid::from_type_name_and_id(of_type.clone(), EntityId::new(id)))
    }

    pub(crate) fn thing(&self, thing: &Thing) -> Result<EntityUid, Trouble> {
        self.entity(thing.kind.name(), &thing.id)
    }

    /// The principal with its groups, attributes and claims.
    pub(crate) fn principal(&self, subject: &Subject) -> Result<Entity, Trouble> {
        let text = |text: &str| RestrictedExpression::new_string(text.to_owned());
        let attributes = [
            ("name".to_owned(), text(&subject.name)),
            ("issuer".to_owned(), text(&subject.issuer)),
            ("on_behalf_of".to_owned(), text(&subject.on_behalf_of)),
        ];
        let groups = subject.groups.iter().map(|group| self.entity("Group", group)).collect::<Result<Vec<_>, _>>()?;
        let claims = subject.claims.iter().map(|(name, values)| {
            (name.clone(), RestrictedExpression::new_set(values.iter().map(|value| text(value))))
        });
        let uid = self.entity(principal_type(subject.kind), &subject.name)?;
        Entity::new_with_tags(uid, attributes, groups, claims).map_err(|error| error.to_string())
    }

    /// A target below its labels.
    pub(crate) fn target(&self, target: &TargetFacts) -> Result<Entity, Trouble> {
        let labels = scope::labels(target).iter().map(|label| self.thing(label)).collect::<Result<HashSet<_>, _>>()?;
        self.described(&Resource::target(&target.name, &target.kind), labels)
    }

    /// Something of the gateway's own.
    pub(crate) fn office(&self, resource: &Resource) -> Result<Entity, Trouble> {
        self.described(resource, HashSet::new())
    }

    /// A resource and what it stands in, up to the target.
    pub(crate) fn resource(&self, resource: &Resource, target: &TargetFacts) -> Result<Vec<Entity>, Trouble> {
        if resource.thing.kind == Kind::Target {
            return Ok(Vec::new());
        }
        let above = HashSet::from([self.entity(Kind::Target.name(), &target.name)?]);
        Ok(match &resource.parent {
            Some(parent) => {
                let parent_uid = self.thing(parent)?;
                let parent = Entity::new_no_attrs(parent_uid.clone(), above);
                vec![parent, self.described(resource, HashSet::from([parent_uid]))?]
            }
            None => vec![self.described(resource, above)?],
        })
    }

    fn described(&self, resource: &Resource, parents: HashSet<EntityUid>) -> Result<Entity, Trouble> {
        let attributes = resource
            .attributes
            .iter()
            .map(|(name, value)| ((*name).to_owned(), RestrictedExpression::new_string(value.clone())))
            .collect();
        Entity::new(self.thing(&resource.thing)?, attributes, parents).map_err(|error| error.to_string())
    }
}

/// Entities with what stands above them.
pub(crate) fn entities(entities: Vec<Entity>) -> Result<Entities, Trouble> {
    Entities::from_entities(entities, None).map_err(|error| error.to_string())
}

/// What of `fields` is looked at, as Cedar takes it.
pub(crate) fn context(fields: &Fields) -> Result<Context, Trouble> {
    pairs(expressions(fields))
}

/// The same, one by one.
pub(crate) fn expressions(fields: &Fields) -> impl Iterator<Item = (String, RestrictedExpression)> {
    fields.iter().map(|(name, value)| ((*name).to_owned(), value.expression()))
}

/// A context out of names and values.
pub(crate) fn pairs(pairs: impl Iterator<Item = (String, RestrictedExpression)>) -> Result<Context, Trouble> {
    Context::from_pairs(pairs).map_err(|error| error.to_string())
}

/// The time as a field.
pub(crate) fn time(time: Time) -> Result<RestrictedExpression, Trouble> {
    let number = RestrictedExpression::new_long;
    RestrictedExpression::new_record([
        ("unix".to_owned(), number(time.unix)),
        ("hour".to_owned(), number(time.hour)),
        ("minute".to_owned(), number(time.minute)),
        ("weekday".to_owned(), RestrictedExpression::new_string(time.weekday.to_owned())),
    ])
    .map_err(|error| error.to_string())
}

/// What every action of a session has in common but for the time.
pub(crate) fn circumstances(known: &Circumstances) -> Vec<(&'static str, RestrictedExpression)> {
    let text = |text: &String| RestrictedExpression::new_string(text.clone());
    let mut fields = vec![("protocol", text(&known.protocol)), ("login", text(&known.login))];
    fields.extend(known.client_address.map(|address| ("address", self::address(address))));
    fields.extend(known.label.as_ref().map(|label| ("label", text(label))));
    fields
}

fn address(address: IpAddr) -> RestrictedExpression {
    // A socket that takes both kinds shows IPv4 clients in the form of IPv6.
    RestrictedExpression::new_ip(address.to_canonical().to_string())
}
