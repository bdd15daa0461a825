//! Key pairs, made by ssh-keygen.

use std::path::{Path, PathBuf};

use crate::program::Program;

/// A key pair without a passphrase.
#[derive(Clone)]
pub struct Key {
    /// The file of the private half.
    pub file: PathBuf,
    /// The public half as one line without its comment: `ssh-ed25519 AAAA…`.
    pub public: String,
}

impl Key {
    /// Makes an Ed25519 key in `folder`, called `name`.
    #[must_use]
    pub fn make(folder: &Path, name: &str) -> Self {
        Self::make_of(folder, name, "ed25519")
    }

    /// Makes a key of another type that ssh-keygen knows.
    #[must_use]
    pub fn make_of(folder: &Path, name: &str, kind: &str) -> Self {
        let file = folder.join(name);
        Program::new("ssh-keygen").args(["-q", "-t", kind, "-N", "", "-C", name, "-f"]).arg(&file).succeed();
        let line = std::fs::read_to_string(file.with_extension("pub")).expect("ssh-keygen wrote the public half");
        let public = line.split(' ').take(2).collect::<Vec<_>>().join(" ");
        Self { file, public }
    }
}
