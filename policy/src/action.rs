//! The actions that policies are written about.

/// The actions of one group of actions.
pub(crate) struct Family {
    name: &'static str,
    actions: &'static [&'static str],
}

/// All actions, group by group; `use` is all but `admin`, and what is in no group but that stands under its name.
const FAMILIES: [Family; 7] = [
    Family { name: "use", actions: &["connect", "line.say"] },
    Family { name: "ssh", actions: &["ssh.shell", "ssh.exec", "ssh.subsystem", "ssh.forward", "ssh.agent"] },
    Family { name: "file", actions: &["file.read", "file.write", "file.remove", "file.list"] },
    Family { name: "pg", actions: &["pg.query", "pg.call"] },
    Family { name: "http", actions: &["http.request"] },
    Family { name: "git", actions: &["git.fetch", "git.push"] },
    Family {
        name: "admin",
        actions: &[
            "session.list",
            "session.read",
            "session.end",
            "approval.list",
            "approval.answer",
            "target.read",
            "target.write",
            "policy.check",
            "revocation.write",
            "metrics.read",
        ],
    },
];

/// The actions at the admin API, by their names.
pub fn office_actions() -> impl Iterator<Item = &'static str> {
    all().filter(|(family, _)| *family == "admin").map(|(_, action)| action)
}

/// Those of sessions: all others.
pub fn session_actions() -> impl Iterator<Item = &'static str> {
    all().filter(|(family, _)| *family != "admin").map(|(_, action)| action)
}

/// A set of actions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Actions(u64);

impl Actions {
    /// Every action.
    pub(crate) const ALL: Self = Self(u64::MAX);

    /// The action, or all actions of the group, that policies call so; none for any other name.
    pub(crate) fn named(name: &str) -> Self {
        let mut found = 0;
        for (number, (family, action)) in all().enumerate() {
            if action == name || family == name || (name == "use" && family != "admin") {
                found |= 1 << number;
            }
        }
        Self(found)
    }

    /// Those in either.
    pub(crate) fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether any is in both.
    pub(crate) fn meet(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// Every action with its group.
pub(crate) fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    FAMILIES.iter().flat_map(|family| family.actions.iter().map(|action| (family.name, *action)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use cedar_policy::Schema;

    use super::{Actions, all};

    #[test]
    fn the_schema_knows_the_same_actions_in_the_same_groups() {
        let (schema, _) = Schema::from_cedarschema_str(crate::SCHEMA).unwrap();
        let known: BTreeSet<String> = schema.actions().map(|action| action.id().unescaped().to_owned()).collect();
        let groups = ["use", "admin", "ssh", "file", "pg", "http", "git"];
        let ours = all().map(|(_, action)| action.to_owned()).chain(groups.map(str::to_owned)).collect();
        assert_eq!(known, ours);
        assert!(Actions::named("ssh").meet(Actions::named("ssh.exec")));
        assert!(Actions::named("use").meet(Actions::named("git.push")));
        assert!(!Actions::named("use").meet(Actions::named("admin")));
        assert!(!Actions::named("nothing").meet(Actions::ALL));
        let entities = schema.action_entities().unwrap();
        for (family, action) in all() {
            for group in ["use", "admin", "ssh", "file", "pg", "http", "git"] {
                let of = |name: &str| format!("Action::\"{name}\"").parse().unwrap();
                let held = entities.is_ancestor_of(&of(group), &of(action));
                let expected = group == family || (group == "use" && family != "admin");
                assert_eq!(held, expected, "{action} in {group}");
            }
        }
    }
}
