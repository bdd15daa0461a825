//! A policy, taken apart: its head, its conditions, and what its annotations say.

use std::collections::BTreeSet;

use cedar_policy::{Effect, Policy, PolicyId};
use serde_json::{Value, json};
use wiretape_core::judge::Approvers;

use crate::action::Actions;
use crate::resource::{Kind, Resource, Thing};
use crate::scope::{self, PrincipalScope, ResourceScope};

/// What a rule does where it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stance {
    Permit,
    /// Permits what these approve.
    Ask(Vec<Approvers>),
    Forbid,
}

/// What the conditions of rules look at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Looks {
    /// Fields of the context.
    fields: BTreeSet<String>,
    /// Every field of the context, as far as can be told.
    everything: bool,
    /// The resource itself, and not only below which target or label it stands.
    pub(crate) resource: bool,
    /// Tables that they compare with.
    tables: BTreeSet<String>,
}

impl Looks {
    /// Whether they look at the field `name`.
    pub(crate) fn at(&self, name: &str) -> bool {
        self.everything || self.fields.contains(name)
    }

    /// Adds what others look at.
    pub(crate) fn with(&mut self, other: &Self) {
        self.fields.extend(other.fields.iter().cloned());
        self.everything |= other.everything;
        self.resource |= other.resource;
        self.tables.extend(other.tables.iter().cloned());
    }

    /// Whether they compare a resource with one that it may be without being called so.
    pub(crate) fn may_mistake(&self, resource: &Resource) -> bool {
        self.tables.iter().any(|table| resource.may_be(&Thing::new(Kind::Table, table.as_str())))
    }

    /// Reads conditions in Cedar's JSON form.
    fn read(&mut self, value: &Value) {
        match value {
            Value::Array(values) => values.iter().for_each(|value| self.read(value)),
            Value::Object(members) => {
                for (operator, operands) in members {
                    match operator.as_str() {
                        "." | "has" if operands["left"] == json!({"Var": "context"}) => match operands["attr"].as_str()
                        {
                            Some(field) => {
                                self.fields.insert(field.to_owned());
                            }
                            None => self.everything = true,
                        },
                        "in" if is_resource(&operands["left"]) && is_above_all(&operands["right"]) => {}
                        "Var" if operands == "context" => self.everything = true,
                        "Var" if operands == "resource" => self.resource = true,
                        "Value" if operands.pointer("/__entity/type").and_then(Value::as_str) == Some("Table") => {
                            let id = operands.pointer("/__entity/id").and_then(Value::as_str).unwrap_or_default();
                            self.tables.insert(id.to_owned());
                        }
                        "Value" => {}
                        _ => self.read(operands),
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
}

fn is_resource(value: &Value) -> bool {
    *value == json!({"Var": "resource"})
}

/// Whether a value is a target or a label, or a set of those: a resource stands in them whatever it is.
fn is_above_all(value: &Value) -> bool {
    if let Some(Value::Array(values)) = value.get("Set") {
        return values.iter().all(is_above_all);
    }
    let of_type = value.pointer("/Value/__entity/type").and_then(Value::as_str);
    matches!(of_type, Some("Target" | "Label"))
}

/// A policy.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    /// What it is called in records and messages.
    pub(crate) id: String,
    /// What it does.
    pub(crate) stance: Stance,
    /// What the client is told.
    pub(crate) reason: String,
    /// For whom.
    pub(crate) principal: PrincipalScope,
    /// For which actions.
    pub(crate) actions: Actions,
    /// For what.
    pub(crate) resource: ResourceScope,
    /// Its conditions as a policy with an empty head; `None` for one without.
    pub(crate) conditions: Option<Policy>,
    /// The same as one expression, in Cedar's JSON form.
    pub(crate) expression: Value,
    /// What its conditions look at.
    pub(crate) looks: Looks,
}

impl Rule {
    /// Whether it is called the same and does the same.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.id == other.id
            && self.stance == other.stance
            && self.principal == other.principal
            && self.actions == other.actions
            && self.resource == other.resource
            && self.expression == other.expression
    }

    /// The rule that `policy` is, the one with the number `number` of all. The error is what is wrong with it.
    pub(crate) fn new(
        policy: &Policy,
        number: usize,
        id: String,
        approvers: Vec<Approvers>,
        reason: String,
    ) -> Result<Self, String> {
        let mut form = policy.to_json().map_err(|error| error.to_string())?;
        let mut looks = Looks::default();
        let expression = whole(form.get("conditions").and_then(Value::as_array).map_or(&[][..], Vec::as_slice));
        let conditions = match form.get("conditions") {
            Some(Value::Array(conditions)) if conditions.is_empty() => None,
            None => None,
            Some(conditions) => {
                looks.read(conditions);
                if let Some(form) = form.as_object_mut() {
                    for part in ["principal", "action", "resource"] {
                        form.insert(part.to_owned(), json!({"op": "All"}));
                    }
                }
                let id = PolicyId::new(number.to_string());
                Some(Policy::from_json(Some(id), form).map_err(|error| error.to_string())?)
            }
        };
        let stance = match policy.effect() {
            Effect::Forbid => Stance::Forbid,
            Effect::Permit if approvers.is_empty() => Stance::Permit,
            Effect::Permit => Stance::Ask(approvers),
        };
        Ok(Self {
            id,
            stance,
            reason,
            principal: PrincipalScope::new(&policy.principal_constraint()),
            actions: scope::actions(&policy.action_constraint()),
            resource: ResourceScope::new(&policy.resource_constraint()),
            conditions,
            expression,
            looks,
        })
    }

    /// Whether it can matter for actions of a target that it concerns beyond that: its head or its conditions look below
    /// the target.
    pub(crate) fn looks_below_target(&self) -> bool {
        self.resource.looks_below_target() || self.looks.resource
    }
}

/// The clauses of a policy as one expression: what `when` says and what `unless` does not.
fn whole(clauses: &[Value]) -> Value {
    let clause = |clause: &Value| match clause["kind"].as_str() {
        Some("unless") => json!({"!": {"arg": clause["body"]}}),
        _ => clause["body"].clone(),
    };
    let all = clauses.iter().map(clause).reduce(|left, right| json!({"&&": {"left": left, "right": right}}));
    all.unwrap_or_else(|| json!({"Value": true}))
}

/// A policy that forbids where any of `rules` holds.
pub(crate) fn any(rules: &[&Rule], number: usize) -> Result<Policy, String> {
    let expressions = rules.iter().map(|rule| rule.expression.clone());
    let any = expressions.reduce(|left, right| json!({"||": {"left": left, "right": right}}));
    let anything = json!({"op": "All"});
    let form = json!({
        "effect": "forbid",
        "principal": anything,
        "action": anything,
        "resource": anything,
        "conditions": [{"kind": "when", "body": any.ok_or("no rules")?}],
    });
    Policy::from_json(Some(PolicyId::new(number.to_string())), form).map_err(|error| error.to_string())
}
