//! Whether a name may be borne here: no issuer makes anybody a user of the configuration.

use crate::identity::Identity;
use crate::rejected::{Rejected, quoted};

/// A user of the configuration, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalUser<'a> {
    /// The name.
    pub name: &'a str,
    /// The name of the issuer that may vouch for the user, where the configuration says one (`issuer = "corp"`).
    pub issuer: Option<&'a str>,
}

/// The place in `users` of the user who `identity` is; `None` when it is a principal of its issuer alone.
///
/// * An identity without an issuer (a certificate that was given to a user of the configuration) is the user of
///   exactly that name.
/// * An identity of an issuer that bears the name of a user of the configuration, in whatever case of letters, is that
///   user when it is a person, the name is exactly the same, and the user's `issuer` names that issuer
///   (`issuer_name`); it then has the groups of both. Otherwise it is nobody.
/// * Any other name is free.
/// * The same holds for the name of whom it acts for: an issuer that may not vouch for a user has nobody act for the
///   user either.
///
/// # Errors
/// When the name is that of a user for whom the issuer may not vouch, or of a user who is no longer known.
pub fn standing(
    identity: &Identity,
    issuer_name: Option<&str>,
    users: &[LocalUser<'_>],
) -> Result<Option<usize>, Rejected> {
    if identity.issuer.is_empty() {
        let found = users.iter().position(|user| user.name == identity.name);
        return found.map(Some).ok_or_else(|| Rejected::UnknownUser(identity.name.clone()));
    }
    let whom = identity.on_behalf_of.to_lowercase();
    if let Some(user) = users.iter().find(|user| user.name.to_lowercase() == whom)
        && (user.name != identity.on_behalf_of || user.issuer.is_none() || user.issuer != issuer_name)
    {
        return Err(Rejected::NameTaken(identity.on_behalf_of.clone(), quoted(&identity.issuer)));
    }
    let name = identity.name.to_lowercase();
    let Some(place) = users.iter().position(|user| user.name.to_lowercase() == name) else { return Ok(None) };
    let vouched = users.get(place).is_some_and(|user| {
        user.name == identity.name
            && user.issuer.is_some()
            && user.issuer == issuer_name
            && identity.kind == wiretape_core::event::PrincipalKind::Person
    });
    if vouched { Ok(Some(place)) } else { Err(Rejected::NameTaken(identity.name.clone(), quoted(&identity.issuer))) }
}

#[cfg(test)]
mod tests {
    use wiretape_core::event::PrincipalKind;

    use super::{LocalUser, standing};
    use crate::identity::Identity;
    use crate::rejected::Rejected;

    fn users() -> [LocalUser<'static>; 2] {
        [LocalUser { name: "ana", issuer: None }, LocalUser { name: "bob", issuer: Some("corp") }]
    }

    fn identity(name: &str, issuer: &str) -> Identity {
        Identity { name: name.to_owned(), issuer: issuer.to_owned(), ..Identity::default() }
    }

    #[test]
    fn an_issuer_cannot_make_somebody_a_user_of_the_configuration() {
        for name in ["ana", "Ana", "ANA"] {
            let outcome = standing(&identity(name, "https://id"), Some("corp"), &users());
            assert!(matches!(outcome, Err(Rejected::NameTaken(..))), "{name}");
        }
        assert_eq!(standing(&identity("eve", "https://id"), Some("corp"), &users()), Ok(None));
    }

    #[test]
    fn a_user_may_be_vouched_for_by_the_issuer_that_the_configuration_names() {
        assert_eq!(standing(&identity("bob", "https://id"), Some("corp"), &users()), Ok(Some(1)));
        assert!(standing(&identity("Bob", "https://id"), Some("corp"), &users()).is_err());
        assert!(standing(&identity("bob", "https://other"), Some("other"), &users()).is_err());
        assert!(standing(&identity("bob", "https://other"), None, &users()).is_err());
        for kind in [PrincipalKind::Agent, PrincipalKind::Service] {
            let robot = Identity { kind, ..identity("bob", "https://id") };
            assert!(standing(&robot, Some("corp"), &users()).is_err());
        }
    }

    #[test]
    fn nobody_acts_for_a_user_of_the_configuration_on_the_word_of_anybody() {
        let agent = |whom: &str| Identity {
            kind: PrincipalKind::Agent,
            on_behalf_of: whom.to_owned(),
            ..identity("planner", "https://id")
        };
        for (whom, issuer) in [("ana", "corp"), ("Ana", "corp"), ("Bob", "corp"), ("bob", "other")] {
            let outcome = standing(&agent(whom), Some(issuer), &users());
            assert!(matches!(outcome, Err(Rejected::NameTaken(..))), "{whom} by {issuer}");
        }
        for (whom, issuer) in [("bob", "corp"), ("eve", "other"), ("", "corp")] {
            assert_eq!(standing(&agent(whom), Some(issuer), &users()), Ok(None), "{whom} by {issuer}");
        }
    }

    #[test]
    fn a_certificate_of_a_user_ends_with_the_user() {
        assert_eq!(standing(&identity("ana", ""), None, &users()), Ok(Some(0)));
        assert!(matches!(standing(&identity("gone", ""), None, &users()), Err(Rejected::UnknownUser(_))));
    }
}
