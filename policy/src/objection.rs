//! What the settings of targets refuse: pushes.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use bytes::Bytes;
use globset::{GlobBuilder, GlobMatcher};
use wiretape_core::event::{RefChange, RefUpdate};
use wiretape_core::judge::Push;

/// Whether `text` is a push that settings can refuse: `forced`, `deleted`, `ref:<pattern>`, `path:<pattern>`.
///
/// # Errors
/// In words: what is wrong with it, and what to write.
pub fn check_refusal(text: &str) -> Result<(), String> {
    Objection::parse(text).map(|_| ())
}

/// A push that is refused.
#[derive(Clone, Debug)]
pub(crate) enum Objection {
    /// One that rewrites or leaves behind history.
    Forced,
    /// One that removes a ref.
    Deleted,
    /// One that changes a ref of such a name.
    Ref(GlobMatcher),
    /// One of whose commits changes a file of such a path.
    Path(GlobMatcher),
}

impl Objection {
    /// Reads it as it is written in settings.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let pattern = |glob: &str| {
            let glob = GlobBuilder::new(glob).literal_separator(true).backslash_escape(true).build();
            glob.map(|glob| glob.compile_matcher()).map_err(|error| format!("{text:?} is no pattern: {error}"))
        };
        match text.split_once(':') {
            None if text == "forced" => Ok(Self::Forced),
            None if text == "deleted" => Ok(Self::Deleted),
            Some(("ref", glob)) if !glob.is_empty() => pattern(glob).map(Self::Ref),
            Some(("path", glob)) if !glob.is_empty() => pattern(glob).map(Self::Path),
            _ => Err(format!(
                "{text:?} refuses nothing: write \"forced\", \"deleted\", \"ref:refs/tags/*\" or \"path:secrets/**\""
            )),
        }
    }

    /// The name of the rule.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Forced => "refuse forced".to_owned(),
            Self::Deleted => "refuse deleted".to_owned(),
            Self::Ref(names) => format!("refuse ref:{}", names.glob()),
            Self::Path(paths) => format!("refuse path:{}", paths.glob()),
        }
    }

    /// What it has against `push`, if anything. What is not known is not allowed.
    pub(crate) fn to(&self, push: &Push) -> Option<String> {
        match self {
            Self::Forced => push.updates.iter().find_map(|update| match update.change {
                RefChange::Forced => Some(format!("a forced update of {} is not allowed here", shown(&update.name))),
                RefChange::Unknown => Some(format!(
                    "forced updates are not allowed here, and whether this one of {} is could not be found out",
                    shown(&update.name)
                )),
                RefChange::Created | RefChange::Deleted | RefChange::FastForward => None,
            }),
            Self::Deleted => {
                let deleted = push.updates.iter().find(|update| update.change == RefChange::Deleted)?;
                Some(format!("removing {} is not allowed here", shown(&deleted.name)))
            }
            Self::Ref(names) => {
                let named = push.updates.iter().find(|update| is_match(names, &update.name))?;
                Some(format!("changing {} is not allowed here", shown(&named.name)))
            }
            Self::Path(paths) => match push.paths.iter().find(|path| is_match(paths, path)) {
                Some(path) => Some(format!("changing {} is not allowed here", shown(path))),
                None if knows_paths(push) => None,
                None => Some(format!(
                    "changing {} is not allowed here, and not every path of this push could be found out",
                    paths.glob()
                )),
            },
        }
    }
}

/// Whether every path that the push changes is known.
pub(crate) fn knows_paths(push: &Push) -> bool {
    push.complete || push.updates.iter().all(brings_nothing)
}

/// An update that brings no commit has no paths.
fn brings_nothing(update: &RefUpdate) -> bool {
    update.change == RefChange::Deleted
}

fn is_match(glob: &GlobMatcher, name: &Bytes) -> bool {
    glob.is_match(OsStr::from_bytes(name))
}

fn shown(name: &Bytes) -> String {
    String::from_utf8_lossy(name).into_owned()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use wiretape_core::event::{ObjectId, RefChange, RefUpdate};
    use wiretape_core::judge::Push;

    use super::Objection;

    fn push(change: RefChange, paths: &[&'static str], complete: bool) -> Push {
        let id = ObjectId::Sha1([1; 20]);
        let name = Bytes::from_static(b"refs/heads/main");
        Push {
            repository: Bytes::from_static(b"/x.git"),
            updates: vec![RefUpdate { name, old: id, new: id, change }],
            options: Vec::new(),
            paths: paths.iter().map(|path| Bytes::from_static(path.as_bytes())).collect(),
            complete,
        }
    }

    #[test]
    fn what_is_not_known_is_refused_where_a_rule_depends_on_it() {
        for (rule, push, refused) in [
            ("forced", push(RefChange::FastForward, &[], true), false),
            ("forced", push(RefChange::Forced, &[], true), true),
            ("forced", push(RefChange::Unknown, &[], true), true),
            ("deleted", push(RefChange::Deleted, &[], true), true),
            ("deleted", push(RefChange::Created, &[], true), false),
            ("ref:refs/heads/*", push(RefChange::Created, &[], true), true),
            ("ref:refs/tags/*", push(RefChange::Created, &[], true), false),
            ("path:secrets/**", push(RefChange::FastForward, &["a", "secrets/b/c"], true), true),
            ("path:secrets/**", push(RefChange::FastForward, &["a", "secret"], true), false),
            ("path:secrets/**", push(RefChange::FastForward, &["a"], false), true),
            ("path:secrets/**", push(RefChange::Deleted, &[], false), false),
        ] {
            let objection = Objection::parse(rule).unwrap();
            assert_eq!(objection.to(&push).is_some(), refused, "{rule} {push:?}");
            assert_eq!(objection.name(), format!("refuse {rule}"));
        }
        for nothing in ["", "force", "ref:", "path:[", "tag:x"] {
            assert!(Objection::parse(nothing).is_err(), "{nothing}");
        }
    }
}
