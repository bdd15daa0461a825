//! What `wiretape login` keeps on a person's machine.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use reqwest::Url;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use crate::offer::IssuerOffer;
use crate::web::vetted;

/// A login that is kept, in the file of its gateway. Nobody but its owner can read it.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// The URL of the gateway's API.
    pub(crate) gateway: String,
    /// PEM file of the authorities by which the gateway is known; `None`: those of the system.
    pub(crate) ca: Option<PathBuf>,
    pub(crate) issuer: IssuerOffer,
    /// How a new token is had.
    pub(crate) way: Way,
    /// What the gateway calls the principal; empty when it has not said.
    #[serde(default)]
    pub(crate) name: String,
    /// The last token.
    pub(crate) token: String,
    /// Where the gateway listens, as it said.
    pub(crate) ssh: String,
    pub(crate) postgres: String,
    pub(crate) http: String,
}

/// How a new token is had when one ends.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Way {
    /// By this refresh token of a person.
    Refresh(String),
    /// Not at all: the person logs in again.
    Nothing,
    /// By the client's own secret, in this file.
    Client { id: String, secret_file: PathBuf },
    /// From this file, which somebody else keeps fresh.
    File(PathBuf),
}

/// The folder of it all, and the gateway of one command.
pub(crate) struct Home {
    folder: PathBuf,
    name: String,
}

impl Home {
    /// The place for `gateway`, or, when none is named, for the only one that there is a login for.
    pub(crate) fn of(gateway: Option<&str>) -> anyhow::Result<Self> {
        let folder = folder()?;
        if let Some(gateway) = gateway {
            let name = file_name(&address(gateway)?);
            return Ok(Self { folder, name });
        }
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&folder).into_iter().flatten() {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "json")
                && let Some(name) = path.file_stem()
            {
                names.push(name.to_string_lossy().into_owned());
            }
        }
        match names.as_slice() {
            [] => bail!("nobody is logged in: run `wiretape login --gateway https://…`"),
            [name] => Ok(Self { folder, name: name.clone() }),
            several => bail!("say which gateway, by --gateway: there are logins for {}", several.join(", ")),
        }
    }

    /// Keeps other commands out until the returned file goes: a refresh token may be good for one use only.
    pub(crate) fn lock(&self) -> anyhow::Result<File> {
        self.make()?;
        let path = self.path("lock");
        let file = File::options().create(true).truncate(false).write(true).mode(0o600).open(&path);
        let file = file.with_context(|| format!("cannot open {}", path.display()))?;
        flock(&file, FlockOperation::LockExclusive)?;
        Ok(file)
    }

    pub(crate) fn read(&self) -> anyhow::Result<Kept> {
        let path = self.path("json");
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                bail!("nobody is logged in at {}: run `wiretape login`", self.name)
            }
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        serde_json::from_slice(&text)
            .with_context(|| format!("{} is not a login of this program: run `wiretape login` again", path.display()))
    }

    pub(crate) fn write(&self, kept: &Kept) -> anyhow::Result<()> {
        self.put("json", serde_json::to_string_pretty(kept)?.as_bytes())
    }

    /// Writes a file whole, for its owner's eyes only.
    pub(crate) fn put(&self, extension: &str, content: &[u8]) -> anyhow::Result<()> {
        self.make()?;
        put(&self.path(extension), content)
    }

    /// Takes everything away.
    pub(crate) fn remove(&self) -> anyhow::Result<()> {
        for extension in ["json", KEY, PUBLIC_KEY, CERTIFICATE, "lock"] {
            match std::fs::remove_file(self.path(extension)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(error).with_context(|| format!("cannot remove {}", self.path(extension).display()));
                }
                _ => {}
            }
        }
        Ok(())
    }

    pub(crate) fn path(&self, extension: &str) -> PathBuf {
        self.folder.join(format!("{}.{extension}", self.name))
    }

    /// The name of the gateway, as its files and the configuration of `ssh` call it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    fn make(&self) -> anyhow::Result<()> {
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder);
        made.with_context(|| format!("cannot make {}", self.folder.display()))
    }
}

/// The key for SSH.
pub(crate) const KEY: &str = "id_ed25519";
/// Its public half.
pub(crate) const PUBLIC_KEY: &str = "id_ed25519.pub";
/// Its certificate: where `ssh` and `ssh-add` look for it, beside the key.
pub(crate) const CERTIFICATE: &str = "id_ed25519-cert.pub";

/// Writes the file at `path` whole, with mode 0600, in the place of what is there.
pub(crate) fn put(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).with_context(|| format!("in {}", folder.display()))?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(())
}

/// The gateway's URL; `https` where the person writes only a name.
pub(crate) fn address(gateway: &str) -> anyhow::Result<Url> {
    let url = if gateway.contains("://") { vetted(gateway)? } else { vetted(&format!("https://{gateway}"))? };
    ensure!(url.has_host(), "{gateway} names no host");
    Ok(url)
}

/// Whether `text`, which the gateway said of itself, is a place that a client can go to: port 0 is none.
pub(crate) fn is_place(text: &str) -> bool {
    text.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok()).is_some_and(|port| port != 0)
}

/// `url` as the name of a file: host and port.
fn file_name(url: &Url) -> String {
    let mut name: String = url
        .host_str()
        .unwrap_or_default()
        .chars()
        .filter(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | ':'))
        .map(|letter| if letter == ':' { '_' } else { letter })
        .collect();
    if let Some(port) = url.port() {
        name = format!("{name}_{port}");
    }
    name.trim_start_matches('.').to_owned()
}

/// Where it is kept: `$XDG_CONFIG_HOME/wiretape`, else `~/.config/wiretape`.
fn folder() -> anyhow::Result<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")));
    Ok(base.context("neither XDG_CONFIG_HOME nor HOME says where logins are kept")?.join("wiretape"))
}

/// A file that a person named, so that it is found from everywhere later.
pub(crate) fn absolute(path: &Path) -> anyhow::Result<PathBuf> {
    std::path::absolute(path).with_context(|| format!("{} is no path", path.display()))
}
