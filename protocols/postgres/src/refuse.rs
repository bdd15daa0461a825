//! What the client is told when something does not pass, in `ErrorResponse`s (PostgreSQL's documentation, sections "Error
//! and Notice Message Fields" and "PostgreSQL Error Codes").

use bytes::Bytes;
use wiretape_core::Reason;
use wiretape_core::event::{Field, QueryEvent};

/// `program_limit_exceeded`: the code of a message that is too long to be judged.
pub(crate) const TOO_LONG: &str = "54000";

/// What the target gets in the place of something refused when it has to fail there: no SQL, whatever else it is. The
/// target's own log has it.
pub(crate) const NO_SQL: Bytes = Bytes::from_static(b"refused by the gateway");

/// The error that stands in for the answer to a refused request: `insufficient_privilege`.
pub(crate) fn refused(reason: &Reason) -> QueryEvent {
    let mut fields = error("ERROR", "42501", &reason.text);
    fields.push(field(b'H', &format!("The rule {} decided so.", reason.rule)));
    QueryEvent::Error { fields }
}

/// The notice that tells a client that it waits, with the code of notices that mean nothing further.
pub(crate) fn waiting(text: &str) -> QueryEvent {
    QueryEvent::Notice { fields: error("NOTICE", "00000", &format!("wiretape: {text}")) }
}

/// The last message of a session that the gateway ends.
pub(crate) fn closed(code: Option<&str>, reason: &Reason) -> QueryEvent {
    let code = code.unwrap_or(match reason.rule.as_str() {
        // io_error
        "recorder" | "spool" => "58030",
        // configuration_limit_exceeded
        "limits" => "53400",
        // protocol_violation
        "protocol" => "08P01",
        // connection_failure
        "target" => "08006",
        // admin_shutdown
        _ => "57P01",
    });
    QueryEvent::Error { fields: error("FATAL", code, &reason.text) }
}

/// True of an error after which its sender ends the session. The severity is in the field `V`, in English; before
/// PostgreSQL 9.6 in `S`.
pub(crate) fn is_fatal(event: &QueryEvent) -> bool {
    let QueryEvent::Error { fields } = event else { return false };
    let severity = |letter| fields.iter().find(|field| field.letter == letter);
    let severity = severity(b'V').or_else(|| severity(b'S'));
    severity.is_some_and(|field| field.text == "FATAL" || field.text == "PANIC")
}

fn error(severity: &str, code: &str, text: &str) -> Vec<Field> {
    vec![field(b'S', severity), field(b'V', severity), field(b'C', code), field(b'M', text)]
}

/// A reason is somebody's words: a zero byte in it would end the field.
fn field(letter: u8, text: &str) -> Field {
    Field { letter, text: Bytes::from(text.replace('\0', " ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message_of;

    fn reason(rule: &str, text: &str) -> Reason {
        Reason::new(rule, text)
    }

    #[test]
    fn a_refusal_is_an_error_with_its_rule() {
        let message = message_of(&refused(&reason("freeze", "not\0now")));
        let fields = b"SERROR\0VERROR\0C42501\0Mnot now\0HThe rule freeze decided so.\0\0";
        assert_eq!(message.get(5..).unwrap(), fields);
    }

    #[test]
    fn a_farewell_says_what_for() {
        for (rule, code) in [
            ("recorder", "58030"),
            ("spool", "58030"),
            ("limits", "53400"),
            ("protocol", "08P01"),
            ("target", "08006"),
            ("admin", "57P01"),
            ("shutdown", "57P01"),
            ("elders", "57P01"),
        ] {
            let event = closed(None, &reason(rule, "so it is"));
            assert!(is_fatal(&event));
            let QueryEvent::Error { fields } = event else { unreachable!() };
            assert_eq!(fields[2], field(b'C', code), "{rule}");
        }
    }

    #[test]
    fn errors_that_end_a_session_are_known() {
        let event = |fields: &[(u8, &str)]| QueryEvent::Error {
            fields: fields.iter().map(|(letter, text)| field(*letter, text)).collect(),
        };
        assert!(is_fatal(&event(&[(b'S', "FATAL"), (b'V', "FATAL")])));
        assert!(is_fatal(&event(&[(b'S', "PANIK"), (b'V', "PANIC")])));
        assert!(is_fatal(&event(&[(b'S', "FATAL")])));
        assert!(!is_fatal(&event(&[(b'S', "FATAL"), (b'V', "ERROR")])));
        assert!(!is_fatal(&event(&[(b'M', "FATAL")])));
        assert!(!is_fatal(&QueryEvent::Sync));
    }
}
