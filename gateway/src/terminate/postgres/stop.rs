//! Why a client of PostgreSQL does not come in.

/// Why a step of the entrance was the last one.
pub(super) enum Stop {
    Gone,
    /// The client knows now where to log in.
    Shown {
        text: String,
    },
    Refused {
        code: &'static str,
        rule: String,
        text: String,
        hint: Option<String>,
    },
}

impl From<std::io::Error> for Stop {
    fn from(_: std::io::Error) -> Self {
        Self::Gone
    }
}

pub(super) fn refuse(code: &'static str, rule: &'static str, text: impl Into<String>) -> Stop {
    Stop::Refused { code, rule: rule.to_owned(), text: text.into(), hint: None }
}
