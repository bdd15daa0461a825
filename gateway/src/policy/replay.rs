//! `wiretape policy replay`: what policies would have decided about what is recorded.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use wiretape_core::event::{PrincipalKind, SessionEvent, SessionOpened};
use wiretape_core::{Decided, Kind, Verdict};
use wiretape_policy::{Bench, Circumstances, Policies, Subject, TargetFacts};
use wiretape_recorder::{Archive, Filter, SessionRow, Tape};
use wiretape_replay::command::print;

use super::choice::{ALLOWED, ASKED, PoliciesArgs, shown};
use super::date;
use super::past::{Past, Story};
use crate::clock::unix_nanos;
use crate::config::{Config, Target};

/// Which sessions.
#[derive(Args, Debug)]
pub(crate) struct ReplayArgs {
    #[command(flatten)]
    policies: PoliciesArgs,
    /// Sessions, or the first letters of their ids; else all that are listed
    session: Vec<String>,
    /// Those opened since then: 24h, 7d, 2026-11-22T15:04
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Of this principal only
    #[arg(long, value_name = "NAME")]
    person: Option<String>,
    /// To this target only
    #[arg(long, value_name = "NAME")]
    target: Option<String>,
    /// Only the counts
    #[arg(long)]
    quiet: bool,
}

/// What came of it.
#[derive(Default)]
struct Sums {
    sessions: usize,
    left_out: usize,
    as_before: usize,
    /// By what was decided then and what would be now.
    otherwise: BTreeMap<(&'static str, &'static str), usize>,
    unknown: usize,
}

/// Lists what would be decided otherwise.
pub(super) fn run(args: &ReplayArgs, config: Option<&Config>, data_dir: &Path) -> anyhow::Result<ExitCode> {
    let policies = Arc::new(args.policies.compile(config)?);
    let archive =
        Archive::open(data_dir).with_context(|| format!("cannot open the recordings in {}", data_dir.display()))?;
    let rows = if args.session.is_empty() {
        let since = args.since.as_deref().map(|text| date::parse_since(text, unix_nanos())).transpose();
        let filter = Filter {
            person: args.person.clone(),
            target: args.target.clone(),
            since_unix_nanos: since.map_err(|text| anyhow::anyhow!(text))?,
            ..Filter::default()
        };
        archive.sessions(&filter)?
    } else {
        args.session.iter().map(|prefix| archive.find(prefix)).collect::<Result<Vec<_>, _>>()?
    };
    let mut sums = Sums::default();
    for row in rows {
        let tape: PathBuf = archive.tape_path(&row.id);
        let read = Tape::open(&tape).map_err(anyhow::Error::from);
        let read = read.and_then(|tape| of_session(&policies, config, &row, &tape, args.quiet, &mut sums));
        if let Err(error) = read {
            eprintln!("{}: {error:#}", row.id);
            sums.left_out += 1;
        }
    }
    let otherwise: usize = sums.otherwise.values().sum();
    print(&format!(
        "{} decisions of {} sessions: {} as before, {otherwise} otherwise\n",
        sums.as_before + otherwise,
        sums.sessions,
        sums.as_before
    ))?;
    for ((then, now), count) in &sums.otherwise {
        print(&format!("  {count} × {then} then, {now} now\n"))?;
    }
    if sums.unknown > 0 {
        print(&format!("  {} decisions about what the tapes do not tell in full are left out\n", sums.unknown))?;
    }
    if sums.left_out > 0 {
        print(&format!(
            "  {} sessions without a known principal or target, or unreadable, are left out\n",
            sums.left_out
        ))?;
    }
    Ok(ExitCode::from(if otherwise == 0 { ALLOWED } else { ASKED }))
}

/// Whom and what a session was about.
struct Scene {
    subject: Subject,
    target: TargetFacts,
    circumstances: Circumstances,
}

impl Scene {
    /// `None` where nobody was recognised, or no target named.
    fn new(opened: &SessionOpened, config: Option<&Config>) -> Option<Self> {
        if opened.person.is_empty() || opened.target.is_empty() || opened.target_kind.is_empty() {
            return None;
        }
        let known = config.and_then(|config| config.targets.get(&opened.target)).map(Target::facts);
        Some(Self {
            subject: Subject {
                name: opened.person.clone(),
                kind: opened.kind,
                groups: opened.groups.clone(),
                issuer: opened.issuer.clone(),
                on_behalf_of: opened.on_behalf_of.clone(),
                // What else the issuer claimed is not recorded.
                claims: BTreeMap::new(),
            },
            target: known.unwrap_or_else(|| TargetFacts {
                name: opened.target.clone(),
                kind: opened.target_kind.clone(),
                ..TargetFacts::default()
            }),
            circumstances: Circumstances {
                client_address: opened.client_address.parse::<SocketAddr>().ok().map(|address| address.ip()),
                protocol: opened.protocol.clone(),
                login: opened.login.clone(),
                label: None,
            },
        })
    }

    /// Who says now what would be decided in a session that opened at `unix_nanos`.
    fn judge(&self, policies: &Arc<Policies>, unix_nanos: u64) -> Judge {
        let mut bench = policies.session(&self.subject, &self.target, &self.circumstances);
        let connected = bench.connect(unix_nanos);
        let entrance = matches!(connected, Decided::Ask { .. }).then(|| connected.clone());
        Judge { bench, connected, entrance }
    }
}

/// What policies say of a session, action by action.
struct Judge {
    bench: Bench,
    connected: Decided,
    /// What is asked at the entrance is asked with the first thing that is done, until it is approved.
    entrance: Option<Decided>,
}

impl Judge {
    fn decide(&mut self, unix_nanos: u64, past: &Past) -> Decided {
        let decided = self.bench.decide(unix_nanos, &past.action);
        let entrance = if past.passed { self.entrance.take() } else { self.entrance.clone() };
        entrance.into_iter().fold(decided, Decided::and)
    }
}

fn of_session(
    policies: &Arc<Policies>,
    config: Option<&Config>,
    row: &SessionRow,
    tape: &Tape,
    quiet: bool,
    sums: &mut Sums,
) -> anyhow::Result<()> {
    let mut scene: Option<(Scene, Judge)> = None;
    let mut story = Story::default();
    let mut refused_at_the_door = false;
    for event in tape.events() {
        let event = event?;
        if let Kind::Session(said) = &event.kind {
            match said {
                SessionEvent::Opened(opened) => {
                    scene = Scene::new(opened, config).map(|scene| {
                        let judge = scene.judge(policies, row.opened_unix_nanos);
                        (scene, judge)
                    });
                }
                SessionEvent::Labelled { label } => {
                    if let Some((scene, judge)) = &mut scene {
                        scene.circumstances.label = Some(label.clone());
                        *judge = scene.judge(policies, row.opened_unix_nanos);
                    }
                }
                SessionEvent::Decision { action, verdict: Verdict::Refuse(_), .. } if action == "connect" => {
                    refused_at_the_door = true;
                }
                _ => {}
            }
        }
        let Some((_, judge)) = &mut scene else { continue };
        if let Some(past) = story.hear(&event) {
            tell(judge, row, &past, quiet, sums)?;
        }
    }
    let Some((scene, mut judge)) = scene else {
        sums.left_out += 1;
        return Ok(());
    };
    sums.sessions += 1;
    sums.unknown += story.unknown();
    for past in story.rest() {
        tell(&mut judge, row, &past, quiet, sums)?;
    }
    let then = if refused_at_the_door { "refuse" } else { "allow" };
    let now = if matches!(judge.connected, Decided::Refuse { .. }) { "refuse" } else { "allow" };
    let kind = PrincipalKind::name(scene.subject.kind);
    let resource = format!("{} as {kind}", scene.target.name);
    compare(row, "connect", &resource, (then, now), judge.connected.rules(), quiet, sums)?;
    Ok(())
}

fn tell(judge: &mut Judge, row: &SessionRow, past: &Past, quiet: bool, sums: &mut Sums) -> io::Result<()> {
    let at = row.opened_unix_nanos.saturating_add(past.at.as_nanos());
    let now = judge.decide(at, past);
    let names = (past.decided, now.name());
    compare(row, past.action.name(), &past.action.resource(), names, now.rules(), quiet, sums)
}

fn compare(
    row: &SessionRow,
    action: &str,
    resource: &str,
    (then, now): (&'static str, &'static str),
    rules: &[String],
    quiet: bool,
    sums: &mut Sums,
) -> io::Result<()> {
    // What was put to people and allowed or refused by them is asked again.
    if then == now {
        sums.as_before += 1;
        return Ok(());
    }
    *sums.otherwise.entry((then, now)).or_default() += 1;
    if !quiet {
        print(&format!(
            "{} {} at {}: {action} {}: {then} then, {now} now ({})\n",
            row.id,
            shown(&row.person),
            shown(&row.target),
            shown(resource),
            rules.join(", ")
        ))?;
    }
    Ok(())
}
