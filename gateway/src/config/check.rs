//! From the file as written to a configuration that can be relied on, with every fault named at once.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::path::{Path, PathBuf};

use russh::keys::PublicKey;
use toml::Spanned;
use wiretape_credentials::{Gives, VaultSettings};
use wiretape_recorder::Durability;

use super::faults::Faults;
use super::setting::{beside, credential_source, has_port, is_name, principal_kind};
use super::{
    CommandTarget, Config, File, SshTarget, Target, TargetKind, TargetTable, TlsSettings, TlsTable, User, UserTable,
    git, http, identity, policy, postgres,
};

/// Shells that take a command line behind `-c`.
const SHELLS: &[&str] = &["sh", "bash", "dash", "zsh", "ksh", "fish"];

/// Where PostgreSQL clients come in, if there is anything for them.
const DEFAULT_POSTGRES: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 5433);

/// Where HTTP clients come in, if there is anything for them.
const DEFAULT_HTTP: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8443);

/// Where clients of the forward proxy come in, if there is anything for them.
const DEFAULT_PROXY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 3128);

/// The kinds of targets.
const KINDS: &[&str] = &["ssh", "command", "postgres", "http", "tunnel"];

/// Names that a target cannot have, because a client gives them another meaning.
const RESERVED: &[&str] = &["menu"];

pub(super) fn config(file: File, folder: &Path, faults: &mut Faults<'_>) -> Config {
    let vault = vault(file.vault, folder, faults);
    let users = users(file.users, faults);
    let person_names: BTreeSet<&str> = users.iter().map(|user| user.name.as_str()).collect();
    let mut targets = BTreeMap::new();
    for table in file.targets {
        let span = table.name.span();
        let name = table.name.get_ref().clone();
        if !is_name(&name) {
            faults.add(&span, format!("{name:?} cannot name a target: use letters, digits, '-', '_' and '.'"));
        }
        if RESERVED.contains(&name.as_str()) || person_names.contains(name.as_str()) {
            faults.add(&span, format!("the name {name:?} leads to the menu of targets: give this target another"));
        }
        if targets.contains_key(&name) {
            faults.add(&span, format!("there are two targets {name:?}: rename or remove one"));
        }
        if let Some(target) = target(table, folder, faults) {
            targets.insert(name, target);
        }
    }
    let http_settings = http::settings(file.http, faults);
    let any = |is: fn(&TargetKind) -> bool| targets.values().any(|target: &Target| is(&target.kind));
    let databases = any(|kind| matches!(kind, TargetKind::Postgres(_)));
    let servers = any(|kind| matches!(kind, TargetKind::Http(_)));
    let proxied = any(|kind| matches!(kind, TargetKind::Http(_) | TargetKind::Tunnel(_)));
    Config {
        data_dir: beside(folder, &file.data_dir),
        banner: file.banner,
        ssh: file.listen.ssh.0,
        postgres: file.listen.postgres.map(|address| address.0).or(databases.then_some(DEFAULT_POSTGRES)),
        http: file.listen.http.map(|address| address.0).or(servers.then_some(DEFAULT_HTTP)),
        proxy: file.listen.proxy.map(|address| address.0).or(proxied.then_some(DEFAULT_PROXY)),
        admin: file.listen.admin.map(|address| address.0),
        tls: tls(file.tls, http_settings.domain.clone(), folder, faults),
        http_settings,
        vault,
        core_dumps: file.core_dumps,
        users,
        issuers: identity::issuers(file.issuers, folder, faults),
        login: identity::login(file.login, faults),
        policies: policy::folder(&file.policy, folder, faults),
        approval: policy::approval(file.approval, folder, faults),
        targets,
        created: BTreeSet::new(),
        tables: BTreeMap::new(),
    }
}

/// Where Vault is; credentials that need it are only right where it is.
fn vault(table: Option<Spanned<VaultSettings>>, folder: &Path, faults: &mut Faults<'_>) -> Option<VaultSettings> {
    let table = table?;
    faults.has_vault();
    for fault in table.get_ref().faults() {
        faults.add(&table.span(), fault);
    }
    Some(table.into_inner().beside(folder))
}

fn tls(table: TlsTable, domain: Option<String>, folder: &Path, faults: &mut Faults<'_>) -> TlsSettings {
    let everywhere = match table.required.as_ref().map(|required| (required.get_ref().as_str(), required.span())) {
        None | Some(("off-loopback", _)) => false,
        Some(("always", _)) => true,
        Some((other, span)) => {
            faults.add(&span, format!("required = {other:?} is unknown: it is \"off-loopback\" or \"always\""));
            true
        }
    };
    let certificate = match (table.certificate, table.key) {
        (Some(certificate), Some(key)) => Some((beside(folder, certificate.get_ref()), beside(folder, key.get_ref()))),
        (None, None) => None,
        (Some(alone), None) | (None, Some(alone)) => {
            faults.add(&alone.span(), "certificate and key belong together: give both, or leave both out");
            None
        }
    };
    let names = match table.names.as_slice() {
        [] => {
            let own = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
            own.into_iter().chain(domain.into_iter().flat_map(|domain| [format!("*.{domain}"), domain])).collect()
        }
        names => names.iter().map(|name| name.get_ref().clone()).collect(),
    };
    let client_ca = table.client_ca.as_ref().map(|path| beside(folder, path.get_ref()));
    TlsSettings { certificate, names, everywhere, client_ca }
}

fn users(tables: Vec<UserTable>, faults: &mut Faults<'_>) -> Vec<User> {
    let mut users: Vec<User> = Vec::new();
    for table in tables {
        let name = table.name.get_ref().clone();
        if !is_name(&name) {
            faults.add(&table.name.span(), format!("{name:?} cannot name a user: use letters, digits, '-', '_', '.'"));
        }
        if users.iter().any(|user| user.name == name) {
            faults.add(&table.name.span(), format!("there are two users {name:?}: join them into one"));
        }
        let mut ssh_keys = Vec::new();
        for line in &table.ssh_keys {
            match PublicKey::from_openssh(line.get_ref()) {
                Err(error) => faults.add(
                    &line.span(),
                    format!("not an OpenSSH public key ({error}): paste a line of a .pub file, such as \"ssh-ed25519 AAAA… name\""),
                ),
                Ok(key) => match users.iter().find(|user| user.ssh_keys.iter().any(|known| known.key_data() == key.key_data())) {
                    Some(other) => faults.add(
                        &line.span(),
                        format!("this key already belongs to {:?}: a key must name one person", other.name),
                    ),
                    None => ssh_keys.push(key),
                },
            }
        }
        let token_hash = table.token_hash.and_then(|hash| {
            let parsed = parse_hash(hash.get_ref());
            if parsed.is_none() {
                let fault =
                    format!("token_hash is not 64 hexadecimal digits: run `wiretape token {name}` for a new one");
                faults.add(&hash.span(), fault);
            }
            parsed
        });
        let kind = principal_kind(table.kind.as_ref(), faults);
        let issuer = table.issuer.map(Spanned::into_inner);
        let certificate_names: Vec<String> =
            table.certificate_names.iter().map(|name| name.get_ref().clone()).collect();
        for (alias, written) in certificate_names.iter().zip(&table.certificate_names) {
            if let Some(other) = users.iter().find(|user| user.name == *alias || user.certificate_names.contains(alias))
            {
                let fault = format!("{alias:?} already leads to {:?}: it must name one person", other.name);
                faults.add(&written.span(), fault);
            }
        }
        users.push(User { name, kind, issuer, groups: table.groups, ssh_keys, certificate_names, token_hash });
    }
    users
}

fn target(table: TargetTable, folder: &Path, faults: &mut Faults<'_>) -> Option<Target> {
    let durability = match table.record.as_ref().map(|record| record.get_ref().as_str()) {
        None | Some("queued") => Durability::Queued,
        Some("written") => Durability::Written,
        Some("synced") => Durability::Synced,
        Some(other) => {
            if let Some(record) = &table.record {
                let fault = format!("record = {other:?} is unknown: it is \"queued\", \"written\" or \"synced\"");
                faults.add(&record.span(), fault);
            }
            Durability::Queued
        }
    };
    let packs = git::packs(table.packs.as_ref(), faults);
    let refuse = git::refused(&table.refuse, faults);
    let name = table.name.get_ref().clone();
    let groups = table.groups.clone();
    let labels = table.labels.clone();
    let kind = table.kind.get_ref().clone();
    if !KINDS.contains(&kind.as_str()) {
        let fault = format!("kind = {kind:?} is unknown: it is one of {}", KINDS.join(", "));
        faults.add(&table.kind.span(), fault);
        return None;
    }
    refuse_misplaced(&table, &kind, faults);
    let kind = match kind.as_str() {
        "ssh" => TargetKind::Ssh(Box::new(ssh_target(table, folder, faults)?)),
        "command" => TargetKind::Command(command_target(table, faults)?),
        "postgres" => TargetKind::Postgres(Box::new(postgres::target(table, folder, faults)?)),
        "http" => TargetKind::Http(Box::new(http::target(table, folder, faults)?)),
        _ => TargetKind::Tunnel(http::tunnel(&table, faults)?),
    };
    Some(Target { name, groups, labels, durability, packs, refuse, kind })
}

fn ssh_target(table: TargetTable, folder: &Path, faults: &mut Faults<'_>) -> Option<SshTarget> {
    let name = table.name.get_ref();
    let span = table.name.span();
    let Some(address) = &table.address else {
        faults.add(&span, format!("target {name:?} needs address = \"host:port\""));
        return None;
    };
    if !has_port(address.get_ref()) {
        let fault = format!("address {:?} has no port: write it as \"host:22\" ([v6]:22 for IPv6)", address.get_ref());
        faults.add(&address.span(), fault);
    }
    let Some(login) = &table.login else {
        faults.add(&span, format!("target {name:?} needs login = \"…\", the account that the gateway logs in to"));
        return None;
    };
    let Some(credential) = table.credential else {
        let fault = format!(
            "target {name:?} needs credential = {{ key_file = \"…\" }}, {{ password_file = \"…\" }}, {{ vault = {{ … }} }} or another source"
        );
        faults.add(&span, fault);
        return None;
    };
    if credential.get_ref().gives() == Gives::Signature {
        faults.add(&credential.span(), "keys of AWS sign requests of HTTP: an SSH server takes a key or a password");
    }
    let credential = credential_source(credential, name, folder, faults);
    let host_key = table.host_key.as_ref().and_then(|line| match PublicKey::from_openssh(line.get_ref()) {
        Ok(key) => Some(key),
        Err(error) => {
            let fault = format!(
                "host_key is not an OpenSSH public key ({error}): paste what `ssh-keyscan` prints behind the host"
            );
            faults.add(&line.span(), fault);
            None
        }
    });
    Some(SshTarget {
        address: address.get_ref().clone(),
        login: login.get_ref().clone(),
        logins: table.logins.iter().map(|login| login.get_ref().clone()).collect(),
        credential,
        host_key,
    })
}

/// A setting, where it stands if it does, and the kinds of targets that have it.
type Setting<'a> = (&'a str, Option<Range<usize>>, &'a [&'a str]);

/// Settings that targets of this kind do not have.
fn refuse_misplaced(table: &TargetTable, kind: &str, faults: &mut Faults<'_>) {
    let span = |text: &Option<Spanned<String>>| text.as_ref().map(Spanned::span);
    let path = |path: &Option<Spanned<PathBuf>>| path.as_ref().map(Spanned::span);
    let words = |words: &Option<Spanned<Vec<String>>>| words.as_ref().map(Spanned::span);
    let settings: [Setting<'_>; 18] = [
        ("address", span(&table.address), &["ssh", "postgres"]),
        ("login", span(&table.login), &["ssh", "postgres", "http"]),
        ("logins", table.logins.first().map(Spanned::span), &["ssh"]),
        ("credential", table.credential.as_ref().map(Spanned::span), &["ssh", "postgres", "http"]),
        ("host_key", span(&table.host_key), &["ssh"]),
        ("command", words(&table.command), &["command"]),
        ("exec", words(&table.exec), &["command"]),
        ("database", span(&table.database), &["postgres"]),
        ("tls", span(&table.tls), &["postgres", "http"]),
        ("tls_ca", path(&table.tls_ca), &["postgres", "http"]),
        ("tls_certificate", path(&table.tls_certificate), &["postgres", "http"]),
        ("tls_key", path(&table.tls_key), &["postgres", "http"]),
        ("url", span(&table.url), &["http"]),
        ("header", span(&table.header), &["http"]),
        ("http", span(&table.http), &["http"]),
        ("packs", span(&table.packs), &["ssh", "http"]),
        ("refuse", table.refuse.first().map(Spanned::span), &["ssh", "http"]),
        ("hosts", table.hosts.first().map(Spanned::span), &["http", "tunnel"]),
    ];
    for (setting, span, kinds) in settings {
        if let (Some(span), false) = (span, kinds.contains(&kind)) {
            let fault = format!("{setting} belongs to targets of kind {}: remove it", kinds.join(", "));
            faults.add(&span, fault);
        }
    }
}

fn command_target(table: TargetTable, faults: &mut Faults<'_>) -> Option<CommandTarget> {
    let command = table.command.as_ref().map(|command| command.get_ref().clone()).unwrap_or_default();
    let Some(program) = command.first() else {
        faults.add(
            &table.name.span(),
            format!("target {:?} needs command = [\"program\", \"argument\", …]", table.name.get_ref()),
        );
        return None;
    };
    let exec = match table.exec {
        Some(exec) => Some(exec.into_inner()).filter(|words| !words.is_empty()),
        None => {
            let file_name = Path::new(program).file_name().and_then(|file_name| file_name.to_str()).unwrap_or_default();
            SHELLS.contains(&file_name).then(|| {
                let mut words = command.clone();
                words.push("-c".to_owned());
                words
            })
        }
    };
    Some(CommandTarget { command, exec })
}

fn parse_hash(text: &str) -> Option<[u8; 32]> {
    blake3::Hash::from_hex(text).ok().map(|hash| *hash.as_bytes())
}
