//! Secrets of a test: tokens of people, and that none of them is found where it must not be.

use std::path::{Path, PathBuf};

use crate::gateway::{Gateway, programs};
use crate::program::Program;

/// A token by which a person shows who they are.
#[derive(Clone)]
pub struct Token {
    /// What the person keeps.
    pub secret: String,
    /// The line about it in the person's table of the configuration.
    pub line: String,
}

impl Token {
    /// A new token of `person`.
    #[must_use]
    pub fn make(person: &str) -> Self {
        let text = Program::new(programs().join("wiretape")).args(["token", person]).succeed().text();
        let line =
            text.lines().find(|line| line.trim().starts_with("token_hash = ")).unwrap_or_else(|| panic!("{text}"));
        let secret = text.split_whitespace().find(|word| word.starts_with("wt_")).unwrap_or_else(|| panic!("{text}"));
        assert!(!line.contains(secret), "the configuration does not hold the token");
        Self { secret: secret.to_owned(), line: line.trim().to_owned() }
    }
}

/// No file that the gateway wrote, no line that it logged and nothing that it shows has one of `secrets` in it.
pub fn are_nowhere(gateway: &Gateway, secrets: &[&str]) {
    are_not_in(gateway.log().as_bytes(), "the log", secrets);
    let files = files_below(&gateway.configuration.data_dir);
    assert!(files.len() >= 2, "the catalogue and a tape are searched: {files:?}");
    for path in files {
        are_not_in(&std::fs::read(&path).unwrap_or_default(), &path.display().to_string(), secrets);
    }
    // Tapes are compressed: what stands on them is searched as it is shown.
    for session in gateway.record().sessions() {
        are_not_in(session.events().everything().as_bytes(), "the events of a session", secrets);
        are_not_in(&session.program("show", &[]).succeed().stdout, "what is shown of a session", secrets);
        let json = session.program("show", &["--json"]).succeed();
        are_not_in(&json.stdout, "the events of a session as JSON", secrets);
    }
}

/// None of `secrets` stands in `text`, which is what stands in `place`.
pub fn are_not_in(text: &[u8], place: &str, secrets: &[&str]) {
    for secret in secrets {
        assert!(!secret.is_empty(), "an empty secret is found everywhere");
        let found = text.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found, "a secret stands in {place}");
    }
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let paths = std::fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path());
    paths.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}
