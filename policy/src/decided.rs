//! What is decided, and which of several decisions is the strictest.

use wiretape_core::judge::Approvers;

/// What stands for a rule where none permits.
pub(crate) const NO_PERMIT: &str = "no permit";

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
        /// The rules that forbid it; `no permit` where none permits it.
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
                more_approvers.into_iter().for_each(|more| require(&mut approvers, more));
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

    /// True when nothing can be stricter.
    pub(crate) fn is_final(&self) -> bool {
        matches!(self, Self::Refuse { .. })
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

/// Adds `more` to those who have to approve; of one group as many as either says.
pub(crate) fn require(approvers: &mut Vec<Approvers>, more: Approvers) {
    match approvers.iter_mut().find(|known| known.group == more.group) {
        Some(known) => known.count = known.count.max(more.count),
        None => approvers.push(more),
    }
}

/// Adds a reason to `text`.
pub(crate) fn say(text: &mut String, more: &str) {
    if more.is_empty() {
        return;
    }
    if !text.is_empty() {
        text.push_str("; ");
    }
    text.push_str(more);
}

/// A refusal because no permit can be found.
pub(crate) fn refused(text: &str) -> Decided {
    Decided::Refuse { rules: vec![NO_PERMIT.to_owned()], text: text.to_owned() }
}
