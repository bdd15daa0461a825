//! Who asks and who answers, and when both are the same.

use wiretape_core::event::PrincipalKind;

/// Who asked: somebody who was recognised when the session opened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Principal {
    /// The name.
    pub name: String,
    /// A person, an agent or a service.
    pub kind: PrincipalKind,
    /// Who vouches for it: an issuer's URL; empty for the users of the configuration.
    pub issuer: String,
    /// The issuer's own name for it; empty without an issuer.
    pub subject: String,
    /// Whom it acts for, by name or by the issuer's own name; empty when for itself.
    pub on_behalf_of: String,
}

impl Principal {
    /// Whether one human being may stand behind both: the same name, the same subject of an issuer, one acts for the
    /// other, or both act for the same.
    ///
    /// Names are compared across issuers and without regard to case: two people who are taken for one wait for a third,
    /// one who is taken for two approves alone.
    #[must_use]
    pub fn is_one_with(&self, other: &Self) -> bool {
        let names = |who: &Self| [who.name.to_lowercase(), who.on_behalf_of.to_lowercase()];
        let subjects = |who: &Self| [who.subject.clone(), who.on_behalf_of.clone()];
        meet(&names(self), &names(other)) || (self.issuer == other.issuer && meet(&subjects(self), &subjects(other)))
    }
}

/// Whether a word that is not empty stands in both.
fn meet(left: &[String], right: &[String]) -> bool {
    left.iter().any(|word| !word.is_empty() && right.contains(word))
}

/// Who answers: somebody who was recognised, with the groups of this moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answerer {
    /// Who.
    pub principal: Principal,
    /// The groups that it belongs to now.
    pub groups: Vec<String>,
    /// The name of the token by which it was recognised, as that can be revoked; empty where it has none.
    pub login: String,
}
