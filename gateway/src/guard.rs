//! What the targets' settings refuse.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use bytes::Bytes;
use globset::GlobMatcher;
use wiretape_core::event::{RefChange, RefUpdate};
use wiretape_core::judge::{ActionKind, AllowAll, Push};
use wiretape_core::{Action, Guard, Judgement, Moment, Reason, Unit, Verdict};

use crate::config::{PushRule, Target};

/// The guard of a session with `target`.
pub(crate) fn of(target: &Target) -> Box<dyn Guard> {
    of_any(&[target])
}

/// The guard of a session that may be with any of `targets`: what one of them refuses is refused.
pub(crate) fn of_any(targets: &[&Target]) -> Box<dyn Guard> {
    let rules: Vec<PushRule> = targets.iter().flat_map(|target| target.refuse.iter().cloned()).collect();
    if rules.is_empty() { Box::new(AllowAll) } else { Box::new(PushGuard { rules }) }
}

/// Refuses pushes, and allows all else.
struct PushGuard {
    rules: Vec<PushRule>,
}

impl Guard for PushGuard {
    fn judge(&mut self, _at: Moment, _unit: Unit, action: &Action) -> Judgement {
        let ActionKind::Push(push) = &action.kind else { return Judgement::Ruled(Verdict::Allow) };
        let refused = self.rules.iter().find_map(|rule| Some((rule, objection(rule, push)?)));
        Judgement::Ruled(match refused {
            Some((rule, text)) => Verdict::Refuse(Reason::new(format!("refuse {}", rule.name()), text)),
            None => Verdict::Allow,
        })
    }
}

/// What `rule` has against `push`, if anything. What is not known is not allowed.
fn objection(rule: &PushRule, push: &Push) -> Option<String> {
    match rule {
        PushRule::Forced => push.updates.iter().find_map(|update| match update.change {
            RefChange::Forced => Some(format!("a forced update of {} is not allowed here", shown(&update.name))),
            RefChange::Unknown => Some(format!(
                "forced updates are not allowed here, and whether this one of {} is could not be found out",
                shown(&update.name)
            )),
            RefChange::Created | RefChange::Deleted | RefChange::FastForward => None,
        }),
        PushRule::Deleted => {
            let deleted = push.updates.iter().find(|update| update.change == RefChange::Deleted)?;
            Some(format!("removing {} is not allowed here", shown(&deleted.name)))
        }
        PushRule::Ref(names) => {
            let named = push.updates.iter().find(|update| is_match(names, &update.name))?;
            Some(format!("changing {} is not allowed here", shown(&named.name)))
        }
        PushRule::Path(paths) => match push.paths.iter().find(|path| is_match(paths, path)) {
            Some(path) => Some(format!("changing {} is not allowed here", shown(path))),
            None if push.complete || push.updates.iter().all(brings_nothing) => None,
            None => Some(format!(
                "changing {} is not allowed here, and not every path of this push could be found out",
                paths.glob()
            )),
        },
    }
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
    use globset::Glob;
    use wiretape_core::event::{ObjectId, RefChange, RefUpdate};
    use wiretape_core::judge::Push;

    use super::objection;
    use crate::config::PushRule;

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
        let path = PushRule::Path(Glob::new("secrets/**").unwrap().compile_matcher());
        for (rule, push, refused) in [
            (PushRule::Forced, push(RefChange::FastForward, &[], true), false),
            (PushRule::Forced, push(RefChange::Forced, &[], true), true),
            (PushRule::Forced, push(RefChange::Unknown, &[], true), true),
            (PushRule::Deleted, push(RefChange::Deleted, &[], true), true),
            (PushRule::Deleted, push(RefChange::Created, &[], true), false),
            (path.clone(), push(RefChange::FastForward, &["a", "secrets/b/c"], true), true),
            (path.clone(), push(RefChange::FastForward, &["a", "secret"], true), false),
            (path.clone(), push(RefChange::FastForward, &["a"], false), true),
            (path, push(RefChange::Deleted, &[], false), false),
        ] {
            assert_eq!(objection(&rule, &push).is_some(), refused, "{rule:?} {push:?}");
        }
    }
}
