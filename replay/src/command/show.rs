//! `show`: everything that a tape holds.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use wiretape_core::event::{PrincipalKind, SessionEvent};
use wiretape_core::{Event, Kind, Lane};
use wiretape_recorder::{Ending, SessionRow, Tape};

use super::args::ShowArgs;
use super::catalogue;
use crate::describe::{self, label};
use crate::legible::{count, hex, size};
use crate::{json, timecode, wallclock};

pub(super) fn show(data_dir: &Path, args: &ShowArgs, output: &mut dyn Write) -> anyhow::Result<()> {
    let archive = catalogue::open(data_dir)?;
    let row = catalogue::find(&archive, &args.session)?;
    let tape = catalogue::tape(&row)?;
    let wanted = |event: &Event| args.lane.is_none_or(|lane| event.lane == Lane(lane));
    if !args.json {
        head(&row, &tape, output)?;
    }
    let mut lines = json::Lines::default();
    for (number, event) in tape.events().enumerate() {
        let event = event?;
        let number = number as u64;
        if args.json && wanted(&event) {
            writeln!(output, "{}", lines.event(number, &event))?;
        } else if wanted(&event) {
            writeln!(output, "{}", describe::row(number, &event))?;
        }
    }
    Ok(())
}

fn head(row: &SessionRow, tape: &Tape, output: &mut dyn Write) -> anyhow::Result<()> {
    let mut fields: Vec<(&str, String)> = vec![("session", row.id.to_string()), ("person", label(&row.person))];
    if row.kind != PrincipalKind::Person {
        fields.push(("kind", row.kind.name().to_owned()));
    }
    fields.push(("for", label(&row.on_behalf_of)));
    // Only the tape knows the rest of who it was.
    if let Some(Ok(Event { kind: Kind::Session(SessionEvent::Opened(opened)), .. })) = tape.events().next() {
        let vouched = match (opened.issuer.as_str(), opened.subject.as_str()) {
            ("", "") => String::new(),
            (issuer, subject) => format!("{} as {}", label(issuer), label(subject)),
        };
        fields.push(("issuer", vouched));
        fields.push(("groups", label(&opened.groups.join(", "))));
        fields.push(("proof", label(&opened.proof)));
        fields.push(("program", label(&opened.client_program)));
        fields.push(("rule", label(&opened.rule)));
        fields.push(("gateway", label(&opened.gateway)));
    }
    fields.push(("client", label(&row.client_address)));
    fields.push(("target", label(&format!("{} ({})", row.target, row.target_kind))));
    fields.push(("login", label(&row.login)));
    fields.push(("protocol", label(&row.protocol)));
    fields.push(("label", label(&row.label)));
    fields.push(("what", label(&row.what)));
    fields.push(("opened", wallclock::exact(row.opened_unix_nanos)));
    if let Some(closed) = row.closed_unix_nanos {
        let lasted = Duration::from_nanos(closed.saturating_sub(row.opened_unix_nanos));
        fields.push(("closed", format!("{}, after {}", wallclock::exact(closed), timecode::span(lasted))));
    }
    fields.push(("state", row.state.name().to_owned()));
    fields.push(("reason", label(&row.reason)));
    fields.push((
        "content",
        format!("{}, {} up, {} down", count(row.events, "event"), size(row.client_bytes), size(row.upstream_bytes)),
    ));
    fields.push(("tape", format!("{}, {}", row.tape.display(), size(row.tape_bytes))));
    if let Ending::Sealed(trailer) = tape.ending() {
        fields.push(("root", hex(&trailer.root)));
    }
    for (name, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
        writeln!(output, "{name:>9}  {value}")?;
    }
    writeln!(output)?;
    Ok(())
}
