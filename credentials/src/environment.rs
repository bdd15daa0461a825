//! What programs that the gateway starts see of its environment.

use std::ffi::OsString;

/// Variables of the gateway's own environment that every program may need and that hold no secret.
pub const CHILD_VARIABLES: &[&str] = &["PATH", "HOME", "LANG"];

/// The environment of a credential program: [`CHILD_VARIABLES`] and the variables that the setting names.
pub(crate) fn of_child(named: &[String]) -> Vec<(OsString, OsString)> {
    let names = CHILD_VARIABLES.iter().copied().chain(named.iter().map(String::as_str));
    names.filter_map(|name| Some((OsString::from(name), std::env::var_os(name)?))).collect()
}
