//! Settings of targets about Git: how packs are recorded, and which pushes are refused.

use toml::Spanned;
use wiretape_git::Packs;

use super::faults::Faults;

/// The pushes that a target refuses, as they are written; policies read them.
pub(super) fn refused(texts: &[Spanned<String>], faults: &mut Faults<'_>) -> Vec<String> {
    for text in texts {
        if let Err(fault) = wiretape_policy::check_refusal(text.get_ref()) {
            faults.add(&text.span(), fault);
        }
    }
    texts.iter().map(|text| text.get_ref().clone()).collect()
}

pub(super) fn packs(text: Option<&Spanned<String>>, faults: &mut Faults<'_>) -> Packs {
    match text.map(|text| (text.get_ref().as_str(), text.span())) {
        None | Some(("whole", _)) => Packs::Whole,
        Some(("listed", _)) => Packs::Listed,
        Some((other, span)) => {
            faults.add(&span, format!("packs = {other:?} is unknown: it is \"whole\" or \"listed\""));
            Packs::Whole
        }
    }
}
