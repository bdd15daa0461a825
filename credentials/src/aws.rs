//! Keys of AWS, wherever each of them is.

use std::path::Path;

use serde::Deserialize;

use crate::source::{Gives, Source};

/// Keys of AWS, or of what speaks like it, and for what they sign.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Aws {
    /// Where the name of the key is.
    pub access_key_id: Source,
    /// Where the key is.
    pub secret_access_key: Source,
    /// Where the token of keys is that were lent for some time.
    pub session_token: Option<Source>,
    /// The region, such as `eu-central-1`.
    pub region: String,
    /// The service, by the name that signatures know it by, such as `s3`, `dynamodb` or `execute-api`.
    pub service: String,
}

impl Aws {
    pub(crate) fn beside(self, folder: &Path) -> Self {
        Self {
            access_key_id: self.access_key_id.beside(folder),
            secret_access_key: self.secret_access_key.beside(folder),
            session_token: self.session_token.map(|source| source.beside(folder)),
            ..self
        }
    }

    pub(crate) fn faults(&self, vault: bool) -> Vec<String> {
        let mut faults = Vec::new();
        let sources = [
            ("access_key_id", Some(&self.access_key_id)),
            ("secret_access_key", Some(&self.secret_access_key)),
            ("session_token", self.session_token.as_ref()),
        ];
        for (name, source) in sources {
            let Some(source) = source else { continue };
            if source.gives() != Gives::Password {
                faults.push(format!(
                    "{name} is a text: one of {{ env = \"…\" }}, {{ password_file = \"…\" }}, {{ vault = {{ … }} }}, …"
                ));
            }
            faults.extend(source.faults(vault));
        }
        let is_word = |word: &str| {
            !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        };
        for (name, word) in [("region", &self.region), ("service", &self.service)] {
            if !is_word(word) {
                faults.push(format!(
                    "{name} = {word:?} is none: write it as AWS does, such as \"eu-central-1\" or \"s3\""
                ));
            }
        }
        faults
    }
}
