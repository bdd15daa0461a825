//! The policies in force, and the guards of sessions that ask them.

mod choice;
pub(crate) mod command;
mod date;
mod past;
mod replay;
mod trial;

use std::io::Read;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use anyhow::{Context, bail};
use bytes::Bytes;
use wiretape_core::{
    Action, Carrier, Decided, Guard, Judgement, Lane, Moment, NestedWires, Question, Reason, Unit, Verdict,
};
use wiretape_policy::{Bench, Circumstances, Policies, Source, Subject, TargetFacts};
use wiretape_protocols::Table;

use crate::clock::{SessionClock, unix_nanos};
use crate::config::Config;

/// A file of policies, in bytes.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Files of policies.
const FILES_MAX: usize = 1000;

/// What the files of policies are called.
const EXTENSION: &str = "cedar";

/// The policies in force. Sessions that run hear of new ones.
pub(crate) struct InForce {
    policies: RwLock<Arc<Policies>>,
    generation: AtomicU64,
}

/// Says who has approved what a rule asks, where somebody has.
pub(crate) type Grants = Box<dyn Fn(&str) -> Option<String> + Send>;

/// The guard of one session: what the policies in force say of its principal and its target.
pub(crate) struct PolicyGuard {
    in_force: Arc<InForce>,
    generation: u64,
    bench: Bench,
    subject: Subject,
    target: TargetFacts,
    circumstances: Circumstances,
    grants: Grants,
    clock: SessionClock,
    /// What people have to say before anything is done in the session.
    entrance: Option<Entrance>,
}

/// A question about the session itself, asked with the first thing that is done in it.
struct Entrance {
    rule: String,
    approvers: Vec<wiretape_core::Approvers>,
    text: String,
}

/// The policies that `config` names.
///
/// # Errors
/// They cannot be read, or are of no use: every fault with its file and line.
pub(crate) fn compile(config: &Config) -> anyhow::Result<Policies> {
    let sources = config.policies.as_deref().map(sources).transpose()?;
    let targets: Vec<TargetFacts> = config.targets.values().map(crate::config::Target::facts).collect();
    let policies = Policies::compile(sources.as_deref(), &targets)
        .map_err(|faults| anyhow::anyhow!("{faults}"))
        .with_context(|| match &config.policies {
            Some(folder) => format!("the policies in {} are of no use", folder.display()),
            None => "the targets' settings are of no use".to_owned(),
        })?;
    Ok(policies.reading(is_read))
}

/// The files of policies in `folder`, in the order of their names.
///
/// # Errors
/// They cannot be read, or are too many or too large.
pub(crate) fn sources(folder: &Path) -> anyhow::Result<Vec<Source>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut sources = Vec::new();
    for entry in entries {
        let path = entry.with_context(|| format!("cannot read {}", folder.display()))?.path();
        if path.extension().is_none_or(|extension| extension != EXTENSION) {
            continue;
        }
        if sources.len() >= FILES_MAX {
            bail!("{} has more than {FILES_MAX} files of policies", folder.display());
        }
        let mut text = String::new();
        let file = std::fs::File::open(&path).with_context(|| format!("cannot read {}", path.display()))?;
        file.take(FILE_BYTES_MAX + 1)
            .read_to_string(&mut text)
            .with_context(|| format!("cannot read {}", path.display()))?;
        if text.len() as u64 > FILE_BYTES_MAX {
            bail!("{} is larger than a file of policies can be ({FILE_BYTES_MAX} bytes)", path.display());
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        sources.push(Source { name, text });
    }
    sources.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(sources)
}

/// Whether a wire reads what a program carries that `command` runs.
pub(crate) fn is_read(command: &[u8]) -> bool {
    let command = Bytes::copy_from_slice(command);
    Table::default().wire(Lane::CONNECTION, &Carrier::Exec { command }).is_some()
}

impl InForce {
    pub(crate) fn new(policies: Policies) -> Self {
        Self { policies: RwLock::new(Arc::new(policies)), generation: AtomicU64::new(0) }
    }

    /// The policies, and a number that changes with them.
    pub(crate) fn current(&self) -> (u64, Arc<Policies>) {
        let policies = self.policies.read().unwrap_or_else(PoisonError::into_inner);
        (self.generation(), Arc::clone(&policies))
    }

    /// Puts others in force. True when their rules are not those that were in force.
    pub(crate) fn replace(&self, policies: Policies) -> bool {
        let mut current = self.policies.write().unwrap_or_else(PoisonError::into_inner);
        let changed = !current.has_the_rules_of(&policies);
        *current = Arc::new(policies);
        self.generation.fetch_add(1, Ordering::Release);
        changed
    }

    fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }
}

impl PolicyGuard {
    /// The guard of a session of `subject` with `target`.
    pub(crate) fn new(
        in_force: Arc<InForce>,
        subject: Subject,
        target: TargetFacts,
        circumstances: Circumstances,
        grants: Grants,
        clock: SessionClock,
    ) -> Self {
        let (generation, policies) = in_force.current();
        let bench = policies.session(&subject, &target, &circumstances);
        Self { in_force, generation, bench, subject, target, circumstances, grants, clock, entrance: None }
    }

    /// Whether the session may begin: the verdict, the rules that gave it, and how long that took in nanoseconds. What
    /// people have to approve is allowed here, and asked with the first thing that is done in the session.
    pub(crate) fn connect(&mut self) -> (Verdict, String, u64) {
        let began = self.clock.now();
        self.entrance = None;
        let decided = self.bench.connect(unix_nanos());
        let rule = decided.rules().join(", ");
        let verdict = match decided {
            Decided::Allow { .. } => Verdict::Allow,
            Decided::Refuse { text, .. } => Verdict::Refuse(Reason::new(rule.clone(), text)),
            Decided::Ask { approvers, text, .. } => {
                self.entrance = Some(Entrance { rule: rule.clone(), approvers, text });
                Verdict::Allow
            }
        };
        (verdict, rule, self.nanos_since(began))
    }

    /// The rules by which people have to say something before anything is done in the session.
    pub(crate) fn entrance(&self) -> Option<&str> {
        self.entrance.as_ref().map(|entrance| entrance.rule.as_str())
    }

    fn nanos_since(&self, began: Moment) -> u64 {
        self.clock.now().as_nanos().saturating_sub(began.as_nanos())
    }

    /// Takes new policies in, where there are.
    fn renew(&mut self) {
        if self.generation == self.in_force.generation() {
            return;
        }
        let (generation, policies) = self.in_force.current();
        self.generation = generation;
        self.bench = policies.session(&self.subject, &self.target, &self.circumstances);
        // Whoever may not connect any more does nothing more; what was asked at the entrance is asked anew.
        let (verdict, rule, _) = self.connect();
        if let Verdict::Refuse(reason) = verdict {
            self.entrance = Some(Entrance { rule, approvers: Vec::new(), text: reason.text });
        } else if self.entrance.as_ref().is_some_and(|entrance| (self.grants)(&entrance.rule).is_some()) {
            self.entrance = None;
        }
    }
}

impl Guard for PolicyGuard {
    fn looks_into(&mut self, _at: Moment, action: &'static str) -> bool {
        self.renew();
        // Whoever may not come in yet, or no more, is asked about or refused with whatever is done.
        self.entrance.is_some() || self.bench.looks_into(action)
    }

    fn judge(&mut self, _at: Moment, _unit: Unit, action: &Action) -> Judgement {
        let began = self.clock.now();
        self.renew();
        let decided = match &self.entrance {
            Some(Entrance { rule, approvers, text }) if approvers.is_empty() => {
                Decided::Refuse { rules: vec![rule.clone()], text: text.clone() }
            }
            Some(entrance) if (self.grants)(&entrance.rule).is_some() => {
                self.entrance = None;
                self.bench.decide(unix_nanos(), &action.kind)
            }
            Some(Entrance { rule, approvers, text }) => {
                let decided = self.bench.decide(unix_nanos(), &action.kind);
                let ask = Decided::Ask { rules: vec![rule.clone()], approvers: approvers.clone(), text: text.clone() };
                decided.and(ask)
            }
            None => self.bench.decide(unix_nanos(), &action.kind),
        };
        let rule = decided.rules().join(", ");
        match decided {
            Decided::Allow { .. } => {
                Judgement::Decided { verdict: Verdict::Allow, rule, nanos: self.nanos_since(began) }
            }
            Decided::Refuse { text, .. } => {
                let verdict = Verdict::Refuse(Reason::new(rule.clone(), text));
                Judgement::Decided { verdict, rule, nanos: self.nanos_since(began) }
            }
            Decided::Ask { approvers, text, .. } => match (self.grants)(&rule) {
                Some(by) => {
                    let rule = format!("{rule}, {by}");
                    Judgement::Decided { verdict: Verdict::Allow, rule, nanos: self.nanos_since(began) }
                }
                None => Judgement::Ask(Question { action: action.clone(), approvers, rule, text }),
            },
        }
    }
}
