//! What an action is about, as policies know it.

/// The types of resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    Label,
    Target,
    Table,
    Repository,
    Ref,
    Host,
    Path,
    Office,
}

impl Kind {
    /// The name of the type in the schema.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Label => "Label",
            Self::Target => "Target",
            Self::Table => "Table",
            Self::Repository => "Repository",
            Self::Ref => "Ref",
            Self::Host => "Host",
            Self::Path => "Path",
            Self::Office => "Office",
        }
    }

    /// The type of that name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let all =
            [Self::Label, Self::Target, Self::Table, Self::Repository, Self::Ref, Self::Host, Self::Path, Self::Office];
        all.into_iter().find(|kind| kind.name() == name)
    }
}

/// One thing: its type and its name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Thing {
    pub(crate) kind: Kind,
    pub(crate) id: String,
}

impl Thing {
    pub(crate) fn new(kind: Kind, id: impl Into<String>) -> Self {
        Self { kind, id: id.into() }
    }
}

/// What an action is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Resource {
    /// Itself; of one that is not certain, what it may be.
    pub(crate) thing: Thing,
    /// What it stands in, below the target: a ref in a repository, a path in a host.
    pub(crate) parent: Option<Thing>,
    /// Its attributes.
    pub(crate) attributes: Vec<(&'static str, String)>,
    /// False when all that is known is that it stands below the target, or is the target.
    pub(crate) certain: bool,
    /// What else it may be in truth: the same table in a schema that nobody named.
    pub(crate) bare: Option<String>,
}

impl Resource {
    /// The target of the session.
    pub(crate) fn target(name: &str, kind: &str) -> Self {
        Self {
            thing: Thing::new(Kind::Target, name),
            parent: None,
            attributes: vec![("name", name.to_owned()), ("kind", kind.to_owned())],
            certain: true,
            bare: None,
        }
    }

    /// Something of a type below the target `target`, which calls it `name`.
    pub(crate) fn below(target: &str, kind: Kind, name: &str) -> Self {
        let attribute = match kind {
            Kind::Repository | Kind::Path => "path",
            _ => "name",
        };
        Self {
            thing: Thing::new(kind, format!("{target} {name}")),
            parent: None,
            attributes: vec![(attribute, name.to_owned())],
            certain: true,
            bare: None,
        }
    }

    /// Something of such a type below the target, nobody knows what.
    pub(crate) fn uncertain(target: &str, kind: Kind) -> Self {
        Self { thing: Thing::new(kind, target), parent: None, attributes: Vec::new(), certain: false, bare: None }
    }

    /// The same, standing in `parent`.
    pub(crate) fn within(self, parent: Thing) -> Self {
        Self { parent: Some(parent), ..self }
    }
}

impl Resource {
    /// Whether this may be `thing` under another name: a table of which one of the two does not say in which schema it
    /// is.
    pub(crate) fn may_be(&self, thing: &Thing) -> bool {
        if self.thing.kind != Kind::Table || thing.kind != Kind::Table {
            return false;
        }
        match &self.bare {
            Some(bare) => *bare == thing.id,
            None => match (self.thing.id.split_once(' '), thing.id.split_once(' ')) {
                (Some((_, own)), Some((_, name))) => name.strip_suffix(own).is_some_and(|schema| schema.ends_with('.')),
                _ => false,
            },
        }
    }
}
