//! The rules that can matter for one action in one session.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use cedar_policy::{
    AuthorizationError, Authorizer, Context, Decision, Entities, EntityUid, PolicyId, PolicySet, Request,
};

use crate::context::Trouble;
use crate::decided::{Decided, require, say};
use crate::limits::PREPARED_MAX;
use crate::policies::refused;
use crate::resource::Resource;
use crate::rule::{Looks, Rule, Stance};
use crate::scope::Match;

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
        Self { action, rules, looks: Arc::new(looks), looks_below_target, sets: HashMap::new() }
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
            let conditions = self.conditions(&open)?;
            let (principal, resource, context, entities) = request()?;
            let request = Request::new(principal, self.action.clone(), resource, context, None);
            let request = request.map_err(|error| error.to_string())?;
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
                    wanted.iter().for_each(|wanted| require(&mut approvers, wanted.clone()));
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
