//! Settings that a client gives with its login: `role`, `search_path` and all others are what `SET` would make them, and
//! are judged as `SET` is.

use bytes::Bytes;
use wiretape_core::event::SessionEvent;
use wiretape_core::judge::ActionKind;
use wiretape_core::{Action, Guard, Judgement, Reason, Unit, Verdict};
use wiretape_postgres::startup::Startup;
use wiretape_recorder::Recording;

use super::LANE;
use crate::admission::of_session;
use crate::clock::SessionClock;
use crate::dial::postgres::Failure;

/// What every driver says of itself, and how texts and times look to it. The first three are no settings.
const ORDINARY: [&str; 15] = [
    "user",
    "database",
    "replication",
    "application_name",
    "client_encoding",
    "client_min_messages",
    "datestyle",
    "intervalstyle",
    "timezone",
    "bytea_output",
    "extra_float_digits",
    "geqo",
    "statement_timeout",
    "lock_timeout",
    "idle_in_transaction_session_timeout",
];

/// Judges the settings in `startup`; what is allowed, and what is not, is on the record. Says why there is no session.
///
/// A question is a refusal here: a client that logs in cannot be told that it waits.
pub(super) fn judge(
    clock: SessionClock,
    recording: &Recording,
    guard: &mut dyn Guard,
    startup: &Startup,
) -> Option<Failure> {
    let settings = startup.settings();
    // Options of the protocol begin so; a server of today knows none.
    let judged = settings.iter().filter(|(name, _)| !ORDINARY.contains(&name.as_str()) && !name.starts_with("_pq_."));
    for (serial, (name, value)) in judged.enumerate() {
        let kind = ActionKind::Query { text: statement(name, value) };
        let (action, resource) = (kind.name().to_owned(), kind.resource());
        // The wire of the session counts from 1 on its own.
        let unit = Unit { lane: LANE, serial: u64::MAX.saturating_sub(serial as u64) };
        let (verdict, rule, nanos) = match guard.judge(clock.now(), unit, &Action { lane: LANE, kind }) {
            Judgement::Ruled(Verdict::Allow) => continue,
            Judgement::Ruled(Verdict::Refuse(reason)) => {
                let rule = reason.rule.clone();
                (Verdict::Refuse(reason), rule, 0)
            }
            Judgement::Decided { verdict, rule, nanos } => (verdict, rule, nanos),
            Judgement::Ask(question) => {
                let text = format!("{}: ask for it with SET, in the session", question.text);
                (Verdict::Refuse(Reason::new(question.rule.clone(), text)), question.rule, 0)
            }
        };
        let refusal = match &verdict {
            Verdict::Allow => None,
            Verdict::Refuse(reason) => Some(reason.text.clone()),
        };
        let decision = SessionEvent::Decision { action, resource, rule, verdict, nanos };
        if let Err(lost) = recording.append(of_session(clock.now(), decision)) {
            let text = format!("the session ends here, because it can no longer be recorded: {lost}");
            return Some(Failure::Told { code: "58030", text });
        }
        if let Some(text) = refusal {
            return Some(Failure::Told { code: "42501", text: format!("the setting {name:?} is refused: {text}") });
        }
    }
    None
}

/// The statement that does the same; of what is not understood, one whose setting is not known.
fn statement(name: &str, value: &str) -> Bytes {
    let value = value.replace('\'', "''");
    Bytes::from(match name {
        "" => "SET ?".to_owned(),
        name => format!("SET \"{}\" TO '{value}'", name.replace('"', "\"\"")),
    })
}

#[cfg(test)]
mod tests {
    use super::statement;

    #[test]
    fn a_setting_is_judged_as_the_statement_that_makes_it() {
        assert_eq!(statement("role", "it's"), "SET \"role\" TO 'it''s'");
        assert_eq!(statement("a\"b", ""), "SET \"a\"\"b\" TO ''");
        assert_eq!(statement("", "x"), "SET ?");
    }
}
