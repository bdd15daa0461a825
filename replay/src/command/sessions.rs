//! `sessions`: the list.

use std::io::Write;
use std::path::Path;

use wiretape_core::event::PrincipalKind;
use wiretape_recorder::{Archive, Filter, SessionRow, SessionState};

use super::args::{KindArg, SessionsArgs, StateArg};
use super::catalogue;
use crate::{clock, json, table, wallclock};

pub(super) fn sessions(data_dir: &Path, args: &SessionsArgs, output: &mut dyn Write) -> anyhow::Result<()> {
    let archive = catalogue::open(data_dir)?;
    let since = args.since.as_ref().map(|text| wallclock::parse_since(text, clock::wall_nanos()));
    let filter = Filter {
        person: args.person.clone(),
        kind: args.kind.map(kind),
        on_behalf_of: args.on_behalf_of.clone(),
        target: args.target.clone(),
        label: args.label.clone(),
        state: args.state.map(state),
        since_unix_nanos: since.transpose().map_err(anyhow::Error::msg)?,
        limit: Some(args.limit),
        ..Filter::default()
    };
    let rows = archive.sessions(&filter)?;
    if args.json {
        let objects: Vec<String> = rows.iter().map(json::session).collect();
        writeln!(output, "[{}]", objects.join(",\n "))?;
    } else if rows.is_empty() {
        writeln!(output, "no sessions")?;
    } else {
        for line in lines(&archive, &rows) {
            writeln!(output, "{line}")?;
        }
    }
    Ok(())
}

/// The table of `rows`, heads first.
pub(super) fn lines(archive: &Archive, rows: &[SessionRow]) -> Vec<String> {
    let named: Vec<_> = rows.iter().map(|row| (row, catalogue::short_id(archive, &row.id))).collect();
    table::sessions(&named)
}

fn kind(arg: KindArg) -> PrincipalKind {
    match arg {
        KindArg::Person => PrincipalKind::Person,
        KindArg::Agent => PrincipalKind::Agent,
        KindArg::Service => PrincipalKind::Service,
    }
}

fn state(arg: StateArg) -> SessionState {
    match arg {
        StateArg::Live => SessionState::Live,
        StateArg::Closed => SessionState::Closed,
        StateArg::CutOff => SessionState::CutOff,
        StateArg::Refused => SessionState::Refused,
    }
}
