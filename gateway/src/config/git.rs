//! Settings of targets about Git: how packs are recorded, and which pushes are refused.

use globset::{GlobBuilder, GlobMatcher};
use toml::Spanned;
use wiretape_git::Packs;

use super::faults::Faults;

/// A push that is refused.
#[derive(Clone, Debug)]
pub(crate) enum PushRule {
    /// One that rewrites or leaves behind history.
    Forced,
    /// One that removes a ref.
    Deleted,
    /// One that changes a ref of such a name.
    Ref(GlobMatcher),
    /// One of whose commits changes a file of such a path.
    Path(GlobMatcher),
}

impl PushRule {
    /// The rule as it is written in the configuration.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Forced => "forced".to_owned(),
            Self::Deleted => "deleted".to_owned(),
            Self::Ref(names) => format!("ref:{}", names.glob()),
            Self::Path(paths) => format!("path:{}", paths.glob()),
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let pattern = |glob: &str| {
            let glob = GlobBuilder::new(glob).literal_separator(true).backslash_escape(true).build();
            glob.map(|glob| glob.compile_matcher()).map_err(|error| format!("{text:?} is no pattern: {error}"))
        };
        match text.split_once(':') {
            None if text == "forced" => Ok(Self::Forced),
            None if text == "deleted" => Ok(Self::Deleted),
            Some(("ref", glob)) if !glob.is_empty() => pattern(glob).map(Self::Ref),
            Some(("path", glob)) if !glob.is_empty() => pattern(glob).map(Self::Path),
            _ => Err(format!(
                "{text:?} refuses nothing: write \"forced\", \"deleted\", \"ref:refs/tags/*\" or \"path:secrets/**\""
            )),
        }
    }
}

pub(super) fn rules(texts: &[Spanned<String>], faults: &mut Faults<'_>) -> Vec<PushRule> {
    let mut rules = Vec::new();
    for text in texts {
        match PushRule::parse(text.get_ref()) {
            Ok(rule) => rules.push(rule),
            Err(fault) => faults.add(&text.span(), fault),
        }
    }
    rules
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
