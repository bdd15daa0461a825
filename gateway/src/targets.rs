//! Targets that were created at run time: each in a file of the data folder, read like the configuration.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde_json::Value;

use crate::config::Config;

/// The folder of the files, in the data folder.
const FOLDER: &str = "targets";

/// A file of a target, in bytes.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// Targets that can be created at run time.
const TARGETS_MAX: usize = 4096;

/// Reads the configuration at `path` together with what was created at run time. `data_dir` overrides the one that it
/// names.
///
/// # Errors
/// As [`Config::read`]; or a file of a target is of no use.
pub(crate) fn read(path: &Path, data_dir: Option<&Path>) -> anyhow::Result<Config> {
    let mut config = Config::read(path)?;
    if let Some(data_dir) = data_dir {
        config.data_dir = data_dir.to_owned();
    }
    let created = texts(&config.data_dir)?;
    if created.is_empty() {
        return Ok(config);
    }
    let names: Vec<String> = created.iter().map(|(name, _)| name.clone()).collect();
    joined(path, &config.data_dir, created.into_iter().map(|(_, text)| text), names)
}

/// What the configuration would be with `table` as the target `name`, or without that target.
///
/// # Errors
/// In words: what is wrong with it.
pub(crate) fn with(path: &Path, data_dir: &Path, name: &str, table: Option<&Value>) -> anyhow::Result<Config> {
    let mut created = texts(data_dir)?;
    created.retain(|(known, _)| known != name);
    if let Some(table) = table {
        created.push((name.to_owned(), text(table)?));
    }
    if created.len() > TARGETS_MAX {
        bail!("{TARGETS_MAX} targets were created already: remove one first");
    }
    let names: Vec<String> = created.iter().map(|(name, _)| name.clone()).collect();
    joined(path, data_dir, created.into_iter().map(|(_, text)| text), names)
}

/// Keeps `table` as the target `name`.
///
/// # Errors
/// The disk does not take it.
pub(crate) fn keep(data_dir: &Path, name: &str, table: &Value) -> anyhow::Result<()> {
    let folder = data_dir.join(FOLDER);
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut file = tempfile::NamedTempFile::new_in(&folder).context("cannot make a file")?;
    file.write_all(text(table)?.as_bytes()).and_then(|()| file.as_file().sync_all()).context("cannot write")?;
    file.persist(file_of(data_dir, name)).context("cannot keep the file")?;
    fs::File::open(&folder).and_then(|folder| folder.sync_all()).context("cannot keep the file")
}

/// Forgets the target `name`.
///
/// # Errors
/// The disk does not do it.
pub(crate) fn forget(data_dir: &Path, name: &str) -> anyhow::Result<()> {
    fs::remove_file(file_of(data_dir, name)).with_context(|| format!("cannot remove the file of {name}"))
}

fn file_of(data_dir: &Path, name: &str) -> PathBuf {
    data_dir.join(FOLDER).join(format!("{name}.toml"))
}

fn joined(
    path: &Path,
    data_dir: &Path,
    created: impl Iterator<Item = String>,
    names: Vec<String>,
) -> anyhow::Result<Config> {
    let mut text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    for created in created {
        text.push('\n');
        text.push_str(&created);
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut config = Config::parse(&text, folder).with_context(|| {
        format!(
            "{} together with the targets that were created at run time ({}) is of no use",
            path.display(),
            names.join(", ")
        )
    })?;
    config.data_dir = data_dir.to_owned();
    config.created = names.into_iter().collect();
    Ok(config)
}

/// The names and texts of the targets that were created.
fn texts(data_dir: &Path) -> anyhow::Result<Vec<(String, String)>> {
    let folder = data_dir.join(FOLDER);
    let mut texts = Vec::new();
    if !folder.is_dir() {
        return Ok(texts);
    }
    for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry.with_context(|| format!("cannot read {}", folder.display()))?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".toml"))
        else {
            continue;
        };
        let length = fs::metadata(&path).with_context(|| format!("cannot read {}", path.display()))?.len();
        if length > FILE_BYTES_MAX {
            bail!("{} is larger than a target can be ({FILE_BYTES_MAX} bytes)", path.display());
        }
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        texts.push((name.to_owned(), text));
    }
    texts.sort_unstable();
    Ok(texts)
}

fn text(table: &Value) -> anyhow::Result<String> {
    let table: toml::Value = serde_json::from_value(table.clone()).context("a target has no null in it")?;
    let mut file = toml::Table::new();
    file.insert("target".to_owned(), toml::Value::Array(vec![table]));
    toml::to_string(&file).context("a target is a table")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{forget, keep, read, with};

    #[test]
    fn what_is_created_stands_beside_the_configuration_and_goes_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wiretape.toml");
        std::fs::write(
            &path,
            "data_dir = \"data\"\n[[target]]\nname = \"a\"\nkind = \"command\"\ncommand = [\"sh\"]\n",
        )
        .unwrap();
        let data_dir = folder.path().join("data");
        let table = json!({"name": "b", "kind": "command", "command": ["sh"], "labels": {"env": "test"}});
        assert_eq!(with(&path, &data_dir, "b", Some(&table)).unwrap().targets.len(), 2);
        keep(&data_dir, "b", &table).unwrap();
        let config = read(&path, None).unwrap();
        assert_eq!(config.targets["b"].labels["env"], "test");
        assert!(config.created.contains("b") && !config.created.contains("a"));
        forget(&data_dir, "b").unwrap();
        assert_eq!(read(&path, None).unwrap().targets.len(), 1);
        let error = with(&path, &data_dir, "a", Some(&json!({"name": "a", "kind": "nothing"}))).err().unwrap();
        assert!(format!("{error:#}").contains("kind"), "{error:#}");
    }
}
