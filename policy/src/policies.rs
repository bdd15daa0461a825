//! All policies in force.

use std::sync::Arc;

use wiretape_core::Decided;

use crate::action::Actions;
use crate::bench::{Bench, Reads};
use crate::circumstances::{Circumstances, Source, Subject, TargetFacts};
use crate::compile;
use crate::context::{self, Types};
use crate::decided::refused;
use crate::faults::Faults;
use crate::moment::Time;
use crate::objection::Objection;
use crate::resource::{Kind, Resource, Thing};
use crate::rule::Rule;
use crate::slice::{Heads, Slice};

/// Policies that were found to be in order.
#[derive(Debug)]
pub struct Policies {
    rules: Vec<Arc<Rule>>,
    warnings: Vec<String>,
    targets: Vec<TargetFacts>,
    types: Arc<Types>,
    embedded: bool,
    reads: Reads,
}

impl Policies {
    /// Checks and takes apart the policies of `sources`, for a gateway with these targets. `None` stands for the
    /// embedded default: what a target's `groups` let in may do everything there, and members of the group `admins` may
    /// use the admin API.
    ///
    /// # Errors
    /// Everything that is wrong: what is no Cedar, what does not fit the [schema](crate::SCHEMA), annotations that
    /// mean nothing, two policies of one name, patterns in targets' settings that are none.
    pub fn compile(sources: Option<&[Source]>, targets: &[TargetFacts]) -> Result<Self, Faults> {
        let embedded = [Source { name: "default.cedar".to_owned(), text: crate::DEFAULT.to_owned() }];
        let mut faults = Faults::default();
        for target in targets {
            for refused in &target.refuse {
                if let Err(text) = Objection::parse(refused) {
                    faults.add(&format!("target {}", target.name), 0, text, "");
                }
            }
        }
        let compiled = compile::rules(sources.unwrap_or(&embedded));
        let types = Types::new().map_err(|text| faults.add("schema.cedarschema", 0, text, ""));
        match (compiled, types) {
            (Ok((rules, warnings)), Ok(types)) if faults.is_empty() => Ok(Self {
                rules: rules.into_iter().map(Arc::new).collect(),
                warnings,
                targets: targets.to_vec(),
                types: Arc::new(types),
                embedded: sources.is_none(),
                reads: |_| false,
            }),
            (compiled, _) => {
                faults.0.extend(compiled.err().into_iter().flat_map(|more| more.0));
                Err(faults)
            }
        }
    }

    /// The same where `reads` says of command lines whether somebody reads what their program carries, and has it judged as
    /// it is done. Any other line that starts a program which copies files (`scp`, `sftp-server`) is judged as one that
    /// reads and writes files that are not known, too. Without this, nobody reads anything.
    #[must_use]
    pub fn reading(self, reads: fn(&[u8]) -> bool) -> Self {
        Self { reads, ..self }
    }

    /// What is odd about the policies but not wrong, each with its file and line.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// How many policies there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// True when nothing is permitted, because there is no policy.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// True for the embedded default.
    #[must_use]
    pub fn is_embedded(&self) -> bool {
        self.embedded
    }

    /// Whether both say the same: no rule is new, gone, or other than it was.
    #[must_use]
    pub fn has_the_rules_of(&self, other: &Self) -> bool {
        self.rules.len() == other.rules.len()
            && self.rules.iter().zip(&other.rules).all(|(one, other)| one.is_same(other))
    }

    /// What of the policies can matter to `subject` at `target`.
    #[must_use]
    pub fn session(self: &Arc<Self>, subject: &Subject, target: &TargetFacts, circumstances: &Circumstances) -> Bench {
        let rules = self
            .rules
            .iter()
            .enumerate()
            .filter(|(_, rule)| rule.principal.matches(subject) && rule.resource.concerns(target))
            .map(|(number, rule)| (number, Arc::clone(rule)))
            .collect();
        Bench::new(Arc::clone(&self.types), rules, subject, target, circumstances, self.reads)
    }

    /// Whether `subject` may do `action` (one of the admin actions: `session.list`, `session.read`, `session.end`,
    /// `approval.list`, `approval.answer`, `target.read`, `target.write`, `policy.check`, `revocation.write`, `metrics.read`).
    ///
    /// `resource` is the name of a target, where it is about one (the target of a session, for sessions and approvals):
    /// policies then see the target with its labels. Any other name is something of the gateway's own.
    #[must_use]
    pub fn administer(&self, subject: &Subject, action: &str, resource: &str, unix_nanos: u64) -> Decided {
        let target = self.targets.iter().find(|target| target.name == resource);
        let about = match target {
            Some(target) => Resource::target(&target.name, &target.kind),
            None => Resource {
                thing: Thing::new(Kind::Office, resource),
                parent: None,
                attributes: vec![("name", resource.to_owned())],
                certain: true,
                bare: None,
            },
        };
        self.judged_office(subject, action, &about, target, unix_nanos)
            .unwrap_or_else(|trouble| refused(&format!("it could not be judged: {trouble}")))
    }

    fn judged_office(
        &self,
        subject: &Subject,
        action: &str,
        about: &Resource,
        target: Option<&TargetFacts>,
        unix_nanos: u64,
    ) -> Result<Decided, context::Trouble> {
        let actions = Actions::named(action);
        if !actions.meet(Actions::named("admin")) {
            return Ok(refused(&format!("{action} is no action of the admin API")));
        }
        let rules: Vec<(usize, Arc<Rule>)> = self
            .rules
            .iter()
            .enumerate()
            .filter(|(_, rule)| {
                rule.actions.meet(actions)
                    && rule.principal.matches(subject)
                    && rule.resource.matches_office(&about.thing, target)
            })
            .map(|(number, rule)| (number, Arc::clone(rule)))
            .collect();
        let mut slice = Slice::new(self.types.entity("Action", action)?, rules.clone());
        let mut heads = Heads::default();
        for (number, rule) in &rules {
            match rule.conditions {
                None => drop(heads.hold.insert(*number)),
                Some(_) => heads.open.push(*number),
            }
        }
        let mut entities = vec![self.types.principal(subject)?];
        let principal = entities.iter().map(cedar_policy::Entity::uid).next().ok_or("no principal")?;
        match target {
            Some(target) => entities.push(self.types.target(target)?),
            None => entities.push(self.types.office(about)?),
        }
        let entities = context::entities(entities)?;
        let time = context::time(Time::at(unix_nanos))?;
        let context = context::pairs([("time".to_owned(), time)].into_iter())?;
        let resource = self.types.thing(&about.thing)?;
        slice.decide(heads, action, || Ok((principal, resource, context, Arc::new(entities))))
    }
}
