//! What the configuration says of a secret in Vault.

use serde::Deserialize;

/// Segments of letters, digits and marks, none of which leads elsewhere.
pub(crate) fn is_path(text: &str) -> bool {
    let path = text.trim_end_matches('/');
    !path.is_empty()
        && path.split('/').all(|segment| {
            !["", ".", ".."].contains(&segment) && segment.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
        })
}

/// A field of a secret in Vault.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VaultSecret {
    /// As the API has it, without `/v1/`: `<mount>/data/<path>` for KV version 2, `<mount>/<path>` for version 1.
    pub path: String,
    /// The field.
    pub field: String,
    /// The version, for KV version 2; left out: the newest.
    pub version: Option<u64>,
    /// What the field is.
    #[serde(default)]
    pub kind: Kind,
    /// How long it is kept, in seconds, in the place of the table's setting.
    pub cache: Option<u64>,
}

/// What a field is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A password or a token.
    #[default]
    Password,
    /// An OpenSSH private key.
    Key,
}

impl VaultSecret {
    pub(crate) fn is_key(&self) -> bool {
        self.kind == Kind::Key
    }

    pub(crate) fn faults(&self, vault: bool) -> Vec<String> {
        let mut faults = Vec::new();
        if !vault {
            faults.push("vault = { … } needs a table [vault] with address, and token or role_id".to_owned());
        }
        if !is_path(self.path.trim_start_matches('/')) {
            faults.push(format!("path = {:?} is no path of Vault: write \"<mount>/data/<path>\"", self.path));
        }
        if self.path.trim_start_matches('/').starts_with("v1/") {
            faults.push(format!("path = {:?}: leave out v1/", self.path));
        }
        if self.field.is_empty() {
            faults.push("field names no field of the secret".to_owned());
        }
        faults
    }
}
