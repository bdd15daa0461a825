//! What policies say of an action, and which of several decisions is the strictest.

use crate::judge::Approvers;

/// What stands for a rule where none permits something. No rule is called so.
pub const NO_PERMIT: &str = "no permit";

/// What policies say of an action. No rule's name holds a comma.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decided {
    /// It may pass.
    Allow {
        /// The rules that permit it.
        rules: Vec<String>,
    },
    /// It may not.
    Refuse {
        /// The rules that forbid it; [`NO_PERMIT`] where none permits it.
        rules: Vec<String>,
        /// What the client is told.
        text: String,
    },
    /// It may, once people approved.
    Ask {
        /// The rules that want it asked.
        rules: Vec<String>,
        /// Who has to approve: all of these.
        approvers: Vec<Approvers>,
        /// Why, in the rules' words; may be empty.
        text: String,
    },
}

impl Decided {
    /// The rules that decided.
    #[must_use]
    pub fn rules(&self) -> &[String] {
        match self {
            Self::Allow { rules } | Self::Refuse { rules, .. } | Self::Ask { rules, .. } => rules,
        }
    }

    /// The word for it: `allow`, `refuse` or `ask`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Allow { .. } => "allow",
            Self::Refuse { .. } => "refuse",
            Self::Ask { .. } => "ask",
        }
    }

    /// The stricter of two decisions about parts of one action: a refusal before a question before leave to pass. Where
    /// both are alike, what both say holds.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (refused @ Self::Refuse { .. }, _) | (_, refused @ Self::Refuse { .. }) => refused,
            (
                Self::Ask { mut rules, mut approvers, mut text },
                Self::Ask { rules: more_rules, approvers: more_approvers, text: more_text },
            ) => {
                unite(&mut rules, more_rules);
                more_approvers.into_iter().for_each(|more| more.join(&mut approvers));
                if !text.split("; ").any(|said| said == more_text) {
                    say(&mut text, &more_text);
                }
                Self::Ask { rules, approvers, text }
            }
            (asked @ Self::Ask { .. }, Self::Allow { .. }) | (Self::Allow { .. }, asked @ Self::Ask { .. }) => asked,
            (Self::Allow { mut rules }, Self::Allow { rules: more }) => {
                unite(&mut rules, more);
                Self::Allow { rules }
            }
        }
    }
}

/// Adds what is not there yet.
fn unite(rules: &mut Vec<String>, more: Vec<String>) {
    for rule in more {
        if !rules.contains(&rule) {
            rules.push(rule);
        }
    }
}

/// Adds a reason to `text`, behind `; ` where there are some already.
pub fn say(text: &mut String, more: &str) {
    if more.is_empty() {
        return;
    }
    if !text.is_empty() {
        text.push_str("; ");
    }
    text.push_str(more);
}

#[cfg(test)]
mod tests {
    use super::Decided;
    use crate::judge::Approvers;

    #[test]
    fn of_two_decisions_the_stricter_holds_and_alike_ones_hold_together() {
        let allow = |rule: &str| Decided::Allow { rules: vec![rule.to_owned()] };
        let refuse = Decided::Refuse { rules: vec!["no".to_owned()], text: "never".to_owned() };
        let ask = |rule: &str, group: &str, count: u32, text: &str| Decided::Ask {
            rules: vec![rule.to_owned()],
            approvers: vec![Approvers { group: group.to_owned(), count }],
            text: text.to_owned(),
        };
        assert_eq!(allow("a").and(allow("b")), Decided::Allow { rules: vec!["a".to_owned(), "b".to_owned()] });
        assert_eq!(allow("a").and(allow("a")), allow("a"));
        assert_eq!(ask("q", "leads", 1, "why").and(allow("a")), ask("q", "leads", 1, "why"));
        assert_eq!(ask("q", "leads", 1, "why").and(refuse.clone()), refuse);
        assert_eq!(allow("a").and(refuse.clone()), refuse);
        assert_eq!(ask("q", "leads", 1, "why").and(ask("q", "leads", 2, "why")), ask("q", "leads", 2, "why"));
        let both = ask("q", "leads", 1, "why").and(ask("r", "owners", 1, "so"));
        let Decided::Ask { rules, approvers, text } = both else { panic!("{both:?}") };
        assert_eq!((rules.join(", "), approvers.len(), text.as_str()), ("q, r".to_owned(), 2, "why; so"));
    }
}
