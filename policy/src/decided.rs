//! What is decided where no rule says so.

use wiretape_core::Decided;
use wiretape_core::decided::NO_PERMIT;

/// A refusal because no permit can be found.
pub(crate) fn refused(text: &str) -> Decided {
    Decided::Refuse { rules: vec![NO_PERMIT.to_owned()], text: text.to_owned() }
}
