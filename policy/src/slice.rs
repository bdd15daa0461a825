//! The rules that can matter for one action in one session.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use cedar_policy::{
    AuthorizationError, Authorizer, Context, Decision, Entities, EntityUid, PolicyId, PolicySet, Request,
};
use wiretape_core::Decided;
use wiretape_core::decided::say;

use crate::context::Trouble;
use crate::decided::refused;
use crate::limits::PREPARED_MAX;
use crate::resource::Resource;
use crate::rule::{self, Looks, Rule, Stance};
use crate::scope::Match;

/// Rules that are asked in one go whether any of them holds.
const PROBED_TOGETHER: usize = 8;

/// The rules of one action, and what their conditions look at.
#[derive(Debug)]
pub(crate) struct Slice {
    pub(crate) action: EntityUid,
    rules: Vec<(usize, Arc<Rule>)>,
    /// What the conditions of all of them look at.
    pub(crate) looks: Arc<Looks>,
    /// Whether any of them asks what of the target an action is about.
    pub(crate) looks_below_target: bool,
    sets: HashMap<Vec<usize>, Arc<PolicySet>>,
    probes: HashMap<Vec<usize>, Arc<Probe>>,
}

/// Many rules, asked a few at a time whether any of them holds: most do not.
#[derive(Debug)]
struct Probe {
    policies: PolicySet,
    /// The rules that each of those stands for.
    groups: Vec<Vec<usize>>,
}

/// What the heads of rules say of one resource, and what is left to ask.
#[derive(Debug, Default)]
pub(crate) struct Heads {
    /// Rules that hold.
    pub(crate) hold: BTreeSet<usize>,
    /// Rules of which it cannot be told whether they hold: none of them helps to let anything pass.
    pub(crate) unsure: BTreeSet<usize>,
    /// Rules whose conditions decide.
    pub(crate) open: Vec<usize>,
    /// Those of them that hold for the resource only perhaps.
    pub(crate) perhaps: BTreeSet<usize>,
    /// Whether the conditions of any of these look at the resource itself.
    pub(crate) looks_resource: bool,
}

impl Slice {
    pub(crate) fn new(action: EntityUid, rules: Vec<(usize, Arc<Rule>)>) -> Self {
        let mut looks = Looks::default();
        rules.iter().for_each(|(_, rule)| looks.with(&rule.looks));
        let looks_below_target = rules.iter().any(|(_, rule)| rule.looks_below_target());
        Self { action, rules, looks: Arc::new(looks), looks_below_target, sets: HashMap::new(), probes: HashMap::new() }
    }

    /// Whether there are rules, and each of them permits whatever stands below the target, under no conditions. A rule
    /// that looks at anything more makes an action one of several cases, which can be too many to be judged.
    pub(crate) fn permits_whatever_it_is(&self) -> bool {
        let is_plain = |rule: &Rule| {
            rule.stance == Stance::Permit && rule.conditions.is_none() && !rule.resource.looks_below_target()
        };
        !self.rules.is_empty() && self.rules.iter().all(|(_, rule)| is_plain(rule))
    }

    /// What the heads say of `resource`.
    pub(crate) fn heads(&self, resource: &Resource) -> Heads {
        let mut heads = Heads::default();
        for (number, rule) in &self.rules {
            let held = rule.resource.matches(resource);
            let is_permit = rule.stance == Stance::Permit;
            if held == Match::No || (held == Match::Maybe && is_permit) {
                continue;
            }
            let mistakes = rule.looks.resource && (!resource.certain || rule.looks.may_mistake(resource));
            if rule.conditions.is_none() {
                if held == Match::Yes {
                    heads.hold.insert(*number)
                } else {
                    heads.unsure.insert(*number)
                };
            } else if mistakes {
                // A permit that may be mistaken permits nothing.
                if !is_permit {
                    heads.unsure.insert(*number);
                }
            } else {
                heads.open.push(*number);
                heads.looks_resource |= rule.looks.resource;
                if held == Match::Maybe {
                    heads.perhaps.insert(*number);
                }
            }
        }
        heads
    }

    /// The rule with this number.
    pub(crate) fn rule(&self, number: usize) -> Option<&Arc<Rule>> {
        let place = self.rules.binary_search_by_key(&number, |(number, _)| *number).ok()?;
        self.rules.get(place).map(|(_, rule)| rule)
    }

    /// The conditions of these rules, ready to be asked.
    pub(crate) fn conditions(&mut self, open: &[usize]) -> Result<Arc<PolicySet>, Trouble> {
        if let Some(set) = self.sets.get(open) {
            return Ok(Arc::clone(set));
        }
        let mut set = PolicySet::new();
        for number in open {
            if let Some(conditions) = self.rule(*number).and_then(|rule| rule.conditions.clone()) {
                set.add(conditions).map_err(|error| error.to_string())?;
            }
        }
        if self.sets.len() >= PREPARED_MAX {
            self.sets.clear();
        }
        let set = Arc::new(set);
        self.sets.insert(open.to_vec(), Arc::clone(&set));
        Ok(set)
    }

    /// The same rules, a few at a time.
    fn probe(&mut self, open: &[usize]) -> Result<Arc<Probe>, Trouble> {
        if let Some(probe) = self.probes.get(open) {
            return Ok(Arc::clone(probe));
        }
        let mut probe = Probe { policies: PolicySet::new(), groups: Vec::new() };
        let stances: [fn(&Stance) -> bool; 3] = [
            |stance| *stance == Stance::Forbid,
            |stance| matches!(stance, Stance::Ask(_)),
            |stance| *stance == Stance::Permit,
        ];
        for is in stances {
            let alike = |number: &&usize| self.rule(**number).is_some_and(|rule| is(&rule.stance));
            let numbers: Vec<usize> = open.iter().filter(alike).copied().collect();
            for group in numbers.chunks(PROBED_TOGETHER) {
                let rules: Vec<&Rule> = group.iter().filter_map(|number| self.rule(*number)).map(Arc::as_ref).collect();
                let policy = rule::any(&rules, probe.groups.len())?;
                probe.policies.add(policy).map_err(|error| error.to_string())?;
                probe.groups.push(group.to_vec());
            }
        }
        if self.probes.len() >= PREPARED_MAX {
            self.probes.clear();
        }
        let probe = Arc::new(probe);
        self.probes.insert(open.to_vec(), Arc::clone(&probe));
        Ok(probe)
    }

    /// Of `open` those that may hold, or fail.
    fn probed(&mut self, open: &[usize], request: &Request, entities: &Entities) -> Result<Vec<usize>, Trouble> {
        let probe = self.probe(open)?;
        let response = Authorizer::new().is_authorized(request, &probe.policies, entities);
        let failed = response.diagnostics().errors().map(|error| {
            let AuthorizationError::PolicyEvaluationError(error) = error;
            error.policy_id()
        });
        let mut left = Vec::new();
        for id in response.diagnostics().reason().chain(failed) {
            let place = AsRef::<str>::as_ref(id).parse::<usize>().map_err(|error| error.to_string())?;
            left.extend(probe.groups.get(place).into_iter().flatten().copied());
        }
        left.sort_unstable();
        Ok(left)
    }

    /// Decides what the heads leave open, by asking Cedar: `request` gives principal, resource, context and entities.
    pub(crate) fn decide(
        &mut self,
        heads: Heads,
        action: &str,
        request: impl FnOnce() -> Result<(EntityUid, EntityUid, Context, Arc<Entities>), Trouble>,
    ) -> Result<Decided, Trouble> {
        let Heads { mut hold, mut unsure, mut open, perhaps, .. } = heads;
        let is = |slice: &Self, number: &usize, stance: fn(&Stance) -> bool| {
            slice.rule(*number).is_some_and(|rule| stance(&rule.stance))
        };
        let is_forbid = |stance: &Stance| *stance == Stance::Forbid;
        let is_permit = |stance: &Stance| *stance == Stance::Permit;
        let settled = hold.iter().chain(&unsure).any(|number| is(self, number, is_forbid));
        if hold.iter().any(|number| is(self, number, is_permit)) {
            // One permit is as good as two.
            open.retain(|number| !is(self, number, is_permit));
        }
        if !settled && !open.is_empty() {
            let (principal, resource, context, entities) = request()?;
            let request = Request::new(principal, self.action.clone(), resource, context, None);
            let request = request.map_err(|error| error.to_string())?;
            if open.len() > PROBED_TOGETHER {
                open = self.probed(&open, &request, &entities)?;
            }
            let conditions = self.conditions(&open)?;
            let response = Authorizer::new().is_authorized(&request, &conditions, &entities);
            let number = |id: &PolicyId| AsRef::<str>::as_ref(id).parse::<usize>().map_err(|error| error.to_string());
            for id in response.diagnostics().reason() {
                let number = number(id)?;
                if perhaps.contains(&number) {
                    unsure.insert(number)
                } else {
                    hold.insert(number)
                };
            }
            let forbidden = response.decision() == Decision::Deny && response.diagnostics().reason().next().is_some();
            for error in response.diagnostics().errors() {
                let AuthorizationError::PolicyEvaluationError(error) = error;
                let number = number(error.policy_id())?;
                // What failed beside a policy that forbids says nothing more.
                if !forbidden && !is(self, &number, is_permit) {
                    unsure.insert(number);
                }
            }
        }
        Ok(self.sum(&hold, &unsure, action))
    }

    /// What rules that hold, and rules of which that cannot be told, decide together.
    fn sum(&self, hold: &BTreeSet<usize>, unsure: &BTreeSet<usize>, action: &str) -> Decided {
        let of = |numbers: &BTreeSet<usize>, wanted: fn(&Stance) -> bool| -> Vec<&Arc<Rule>> {
            numbers.iter().filter_map(|number| self.rule(*number)).filter(|rule| wanted(&rule.stance)).collect()
        };
        let ids = |rules: &[&Arc<Rule>]| rules.iter().map(|rule| rule.id.clone()).collect::<Vec<_>>();
        let reasons = |rules: &[&Arc<Rule>]| {
            let mut text = String::new();
            let reasons: BTreeSet<&str> = rules.iter().map(|rule| rule.reason.as_str()).collect();
            reasons.into_iter().for_each(|reason| say(&mut text, reason));
            text
        };
        let forbids = of(hold, |stance| *stance == Stance::Forbid);
        if !forbids.is_empty() {
            let rules = ids(&forbids);
            let text = match reasons(&forbids) {
                text if text.is_empty() => format!("{action} is not allowed here ({})", rules.join(", ")),
                text => text,
            };
            return Decided::Refuse { rules, text };
        }
        let unsure = of(unsure, |stance| *stance != Stance::Permit);
        if !unsure.is_empty() {
            let rules = ids(&unsure);
            let mut text = reasons(&unsure);
            let what = format!("what {} depends on could not be made out", rules.join(", "));
            say(&mut text, &what);
            return Decided::Refuse { rules, text };
        }
        let asks = of(hold, |stance| matches!(stance, Stance::Ask(_)));
        if !asks.is_empty() {
            let mut approvers = Vec::new();
            for rule in &asks {
                if let Stance::Ask(wanted) = &rule.stance {
                    wanted.iter().for_each(|wanted| wanted.clone().join(&mut approvers));
                }
            }
            return Decided::Ask { rules: ids(&asks), approvers, text: reasons(&asks) };
        }
        let permits = of(hold, |stance| *stance == Stance::Permit);
        if permits.is_empty() {
            return refused(&format!("nothing permits {action} here"));
        }
        Decided::Allow { rules: ids(&permits) }
    }
}
