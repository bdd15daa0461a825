//! `wiretape policy test`: may somebody do something?

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, anyhow, bail};
use bytes::Bytes;
use clap::Args;
use wiretape_core::Decided;
use wiretape_core::event::{FileOperation, ObjectId, OpenMode, PrincipalKind, RefChange, RefUpdate};
use wiretape_core::judge::{ActionKind, Approvers, Push};
use wiretape_policy::{Circumstances, Policies, Subject, TargetFacts};
use wiretape_replay::command::print;

use super::choice::{ALLOWED, ASKED, PoliciesArgs, REFUSED, shown};
use super::date;
use crate::clock::unix_nanos;
use crate::config::Config;

/// Who, where, when and what.
#[derive(Args, Debug)]
pub(crate) struct TestArgs {
    #[command(flatten)]
    policies: PoliciesArgs,
    #[command(flatten)]
    who: Who,
    #[command(flatten)]
    what: What,
    /// The target, of the configuration where it is there; left out for the actions of the admin API
    #[arg(long, value_name = "NAME")]
    target: Option<String>,
    /// A label of the target
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    target_label: Vec<(String, String)>,
    /// The login at the target
    #[arg(long, default_value = "")]
    login: String,
    /// The client's address
    #[arg(long)]
    address: Option<IpAddr>,
    /// The work that the client says the session belongs to
    #[arg(long)]
    label: Option<String>,
    /// When, in UTC: 2026-11-22T15:04, or seconds since 1970; else now
    #[arg(long, value_parser = date::parse)]
    time: Option<u64>,
}

/// Who asks.
#[derive(Args, Debug)]
#[group(required = true, multiple = true)]
struct Who {
    /// A person, of the configuration where it is there
    #[arg(long, value_name = "NAME", conflicts_with_all = ["agent", "service"])]
    person: Option<String>,
    /// An agent
    #[arg(long, value_name = "NAME", conflicts_with = "service")]
    agent: Option<String>,
    /// A service
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    /// A group besides those of the configuration
    #[arg(long, value_name = "NAME")]
    group: Vec<String>,
    /// Who vouches: an issuer's URL
    #[arg(long, value_name = "URL", default_value = "")]
    issuer: String,
    /// For whom else
    #[arg(long, value_name = "NAME", default_value = "")]
    on_behalf_of: String,
    /// What the issuer's token claims
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    claim: Vec<(String, String)>,
}

/// What is asked.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
struct What {
    /// An action without more to it: connect, ssh.shell, ssh.agent, session.list, target.write, …
    #[arg(long, value_name = "NAME")]
    action: Option<String>,
    /// A command line for the target's shell
    #[arg(long, value_name = "LINE")]
    command: Option<String>,
    /// A subsystem of SSH
    #[arg(long, value_name = "NAME")]
    subsystem: Option<String>,
    /// A connection onward from the target
    #[arg(long, value_name = "HOST:PORT")]
    forward: Option<String>,
    /// A text of SQL
    #[arg(long, value_name = "TEXT")]
    sql: Option<String>,
    /// A request: `GET https://host/path`
    #[arg(long, value_name = "METHOD URL")]
    request: Option<String>,
    /// A file: read:/path, write:/path, remove:/path, list:/path, rename:/from:/to
    #[arg(long, value_name = "WHAT:PATH")]
    file: Option<String>,
    /// A repository that is fetched
    #[arg(long, value_name = "PATH")]
    fetch: Option<String>,
    /// A push: `/org/x.git refs/heads/main:forced:src/a,src/b`; created, deleted, fast-forward, forced or unknown
    #[arg(long, value_name = "REPOSITORY REF:CHANGE[:PATHS]")]
    push: Option<String>,
}

/// Says what the policies say.
pub(super) fn run(args: &TestArgs, config: Option<&Config>) -> anyhow::Result<ExitCode> {
    let policies = Arc::new(args.policies.compile(config)?);
    let subject = args.who.subject(config)?;
    let now = args.time.unwrap_or_else(unix_nanos);
    let (asked, decided) = match (&args.what.action, args.what.kind()?) {
        (_, Some(action)) => {
            let what = format!("{} {}", action.name(), action.resource()).trim_end().to_owned();
            (what, args.ask(&policies, &subject, config, now, Some(&action))?)
        }
        (Some(name), None) if name == "connect" => (name.clone(), args.ask(&policies, &subject, config, now, None)?),
        (Some(name), None) => {
            (name.clone(), policies.administer(&subject, name, args.target.as_deref().unwrap_or_default(), now))
        }
        (None, None) => bail!("say what is to be done"),
    };
    let target = args.target.as_ref().map(|target| format!(" at {target}")).unwrap_or_default();
    print(&format!("{:8}{}{target}, as {} {}\n", decided.name(), shown(&asked), subject.kind.name(), subject.name))?;
    print(&format!("rules   {}\n", decided.rules().join(", ")))?;
    let code = match &decided {
        Decided::Allow { .. } => ALLOWED,
        Decided::Refuse { text, .. } => {
            print(&format!("says    {}\n", shown(text)))?;
            REFUSED
        }
        Decided::Ask { approvers, text, .. } => {
            print(&format!("asks    {}\n", approvers.iter().map(wanted).collect::<Vec<_>>().join(" and ")))?;
            if !text.is_empty() {
                print(&format!("says    {}\n", shown(text)))?;
            }
            ASKED
        }
    };
    Ok(ExitCode::from(code))
}

fn wanted(approvers: &Approvers) -> String {
    match approvers.count {
        1 => approvers.group.clone(),
        count => format!("{count} of {}", approvers.group),
    }
}

impl TestArgs {
    /// What is said of an action, by who has to be let in first.
    fn ask(
        &self,
        policies: &Arc<Policies>,
        subject: &Subject,
        config: Option<&Config>,
        now: u64,
        action: Option<&ActionKind>,
    ) -> anyhow::Result<Decided> {
        let target = self.facts(config)?;
        let protocol = match action.map_or("connect", ActionKind::name).split('.').next() {
            Some("pg") => "postgres",
            Some("http" | "git") => "http",
            _ if matches!(target.kind.as_str(), "postgres" | "http") => target.kind.as_str(),
            _ => "ssh",
        };
        let circumstances = Circumstances {
            client_address: self.address,
            protocol: protocol.to_owned(),
            login: self.login.clone(),
            label: self.label.clone(),
        };
        let mut bench = policies.session(subject, &target, &circumstances);
        Ok(bench.enter(now, action))
    }

    fn facts(&self, config: Option<&Config>) -> anyhow::Result<TargetFacts> {
        let name = self.target.as_ref().ok_or_else(|| anyhow!("name a target: --target"))?;
        let known = config.and_then(|config| config.targets.get(name));
        let mut facts = match known {
            Some(target) => target.facts(),
            None => {
                eprintln!(
                    "note: there is no target {name} in the configuration; it has the labels that are given here"
                );
                TargetFacts { name: name.clone(), ..TargetFacts::default() }
            }
        };
        facts.labels.extend(self.target_label.iter().cloned());
        Ok(facts)
    }
}

impl Who {
    fn subject(&self, config: Option<&Config>) -> anyhow::Result<Subject> {
        let (name, kind) = match (&self.person, &self.agent, &self.service) {
            (Some(name), _, _) => (name, PrincipalKind::Person),
            (_, Some(name), _) => (name, PrincipalKind::Agent),
            (_, _, Some(name)) => (name, PrincipalKind::Service),
            _ => bail!("say who: --person, --agent or --service"),
        };
        let known = config.and_then(|config| config.users.iter().find(|user| user.name == *name && user.kind == kind));
        let mut groups = known.map(|user| user.groups.clone()).unwrap_or_default();
        groups.extend(self.group.iter().cloned());
        let mut claims: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (claim, value) in &self.claim {
            claims.entry(claim.clone()).or_default().insert(value.clone());
        }
        Ok(Subject {
            name: name.clone(),
            kind,
            groups,
            issuer: self.issuer.clone(),
            on_behalf_of: self.on_behalf_of.clone(),
            claims,
        })
    }
}

impl What {
    /// The action; `None` for one that no session asks about.
    fn kind(&self) -> anyhow::Result<Option<ActionKind>> {
        let bytes = |text: &str| Bytes::copy_from_slice(text.as_bytes());
        if let Some(name) = &self.action {
            return Ok(match name.as_str() {
                "ssh.shell" => Some(ActionKind::Shell),
                "ssh.agent" => Some(ActionKind::Agent),
                name if name == "connect" || wiretape_policy::office_actions().any(|action| action == name) => None,
                name if wiretape_policy::session_actions().any(|action| action == name) => {
                    bail!(
                        "{name} is asked with what it is about: --command, --subsystem, --forward, --file, --sql, --request, --fetch, --push"
                    )
                }
                _ => {
                    let office: Vec<&str> = wiretape_policy::office_actions().collect();
                    bail!("there is no action {name:?}: write connect, ssh.shell, ssh.agent, {}", office.join(", "))
                }
            });
        }
        let kind = if let Some(command) = &self.command {
            ActionKind::Exec { command: bytes(command) }
        } else if let Some(name) = &self.subsystem {
            ActionKind::Subsystem { name: name.clone() }
        } else if let Some(destination) = &self.forward {
            ActionKind::Forward { destination: destination.clone() }
        } else if let Some(text) = &self.sql {
            ActionKind::Query { text: bytes(text) }
        } else if let Some(request) = &self.request {
            let (method, url) =
                request.split_once(' ').context("write a method and a URL: \"GET https://host/path\"")?;
            ActionKind::Request { method: bytes(method), url: bytes(url) }
        } else if let Some(file) = &self.file {
            ActionKind::File(Box::new(self::file(file)?))
        } else if let Some(repository) = &self.fetch {
            ActionKind::Fetch { repository: bytes(repository) }
        } else if let Some(push) = &self.push {
            ActionKind::Push(Box::new(self::push(push)?))
        } else {
            return Ok(None);
        };
        Ok(Some(kind))
    }
}

fn file(text: &str) -> anyhow::Result<FileOperation> {
    let (what, path) = text.split_once(':').context("write what and a path: write:/etc/hosts")?;
    let bytes = |text: &str| Bytes::copy_from_slice(text.as_bytes());
    let open = |mode| FileOperation::Open { path: bytes(path), mode };
    Ok(match what {
        "read" => open(OpenMode { read: true, ..OpenMode::default() }),
        "write" => open(OpenMode { write: true, create: true, ..OpenMode::default() }),
        "remove" => FileOperation::Remove { path: bytes(path) },
        "list" => FileOperation::List { path: bytes(path) },
        "rename" => {
            let (from, to) = path.split_once(':').context("write both paths: rename:/from:/to")?;
            FileOperation::Rename { from: bytes(from), to: bytes(to), replace: true }
        }
        other => bail!("{other} is nothing that is done to files here: read, write, remove, list, rename"),
    })
}

fn push(text: &str) -> anyhow::Result<Push> {
    let shape = "write a repository, a ref and what becomes of it: \"/org/x.git refs/heads/main:forced\"";
    let (repository, update) = text.split_once(' ').context(shape)?;
    let mut parts = update.trim().splitn(3, ':');
    let (Some(name), Some(change)) = (parts.next(), parts.next()) else { bail!("{shape}") };
    let change = match change {
        "created" => RefChange::Created,
        "deleted" => RefChange::Deleted,
        "fast-forward" => RefChange::FastForward,
        "forced" => RefChange::Forced,
        "unknown" => RefChange::Unknown,
        other => bail!("{other} is nothing that becomes of a ref: created, deleted, fast-forward, forced, unknown"),
    };
    let id = ObjectId::Sha1([0; 20]);
    let bytes = |text: &str| Bytes::copy_from_slice(text.as_bytes());
    let paths: BTreeSet<&str> = parts.next().into_iter().flat_map(|paths| paths.split(',')).collect();
    Ok(Push {
        repository: bytes(repository),
        updates: vec![RefUpdate { name: bytes(name), old: id, new: id, change }],
        options: Vec::new(),
        paths: paths.into_iter().map(bytes).collect(),
        complete: true,
    })
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("{text:?} is no NAME=VALUE"))?;
    Ok((name.to_owned(), value.to_owned()))
}
