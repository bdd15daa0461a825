//! A question for reading: all of it, and nothing in it that a terminal acts on.

use std::fmt::Write;

use wiretape_replay::legible::legible;

use crate::approvals::{Question, Several, Somebody};

/// A question for reading. What is asked stands there whole, each line of it behind a bar, so that no text of the
/// question looks like one of the lines around it.
pub(crate) fn question(question: &Question) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {name:<9} {}", legible(value));
    };
    line("who", &somebody(&question.requester));
    line("target", &question.target);
    line("action", &question.action);
    line("session", &question.session);
    line("rule", &question.rule);
    if !question.text.is_empty() {
        line("why", &question.text);
    }
    line("asked", &question.asked);
    match &question.ended {
        Some(ended) => line("ended", ended),
        None => line("expires", &question.expires),
    }
    for answer in &question.answers {
        let verb = if answer.approved { "approved" } else { "refused" };
        let scope = match answer.scope.as_str() {
            "once" => String::new(),
            "session" => ", for the session".to_owned(),
            until => format!(", until {until}"),
        };
        let why = if answer.why.is_empty() { String::new() } else { format!(": {}", answer.why) };
        line(verb, &format!("{}{scope}{why}", somebody(&answer.by)));
    }
    if question.state == "open" {
        line("needs", &several(&question.missing));
    }
    let yours = if question.yours { ", yours to answer" } else { "" };
    let head = format!("{} {}{yours}\n", legible(&question.id), legible(&question.state));
    let mut body = String::new();
    for asked in question.detail.split('\n') {
        let _ = writeln!(body, "  │ {}", legible(asked));
    }
    format!("{head}{text}{body}")
}

fn somebody(who: &Somebody) -> String {
    let mut text = who.name.clone();
    if who.kind != "person" {
        let _ = write!(text, " ({})", who.kind);
    }
    if !who.on_behalf_of.is_empty() {
        let _ = write!(text, " for {}", who.on_behalf_of);
    }
    if !who.issuer.is_empty() {
        let _ = write!(text, " by {}", who.issuer);
    }
    text
}

fn several(approvers: &[Several]) -> String {
    let each = approvers.iter().map(|asked| format!("{} of {}", asked.count, asked.group));
    each.collect::<Vec<_>>().join(" and ")
}

#[cfg(test)]
mod tests {
    use super::{Question, Several, Somebody, question};

    fn hostile() -> Question {
        let escape = "\u{1b}[2J\u{1b}]0;owned\u{7}\r\u{202e}";
        Question {
            id: "q7k3m2ab".to_owned(),
            state: "open".to_owned(),
            asked: "2026-11-22T15:00:00.000000000Z".to_owned(),
            expires: "2026-11-22T15:15:00.000000000Z".to_owned(),
            ended: None,
            session: "0".repeat(26),
            requester: Somebody {
                name: format!("ana{escape}"),
                kind: "agent".to_owned(),
                issuer: String::new(),
                subject: String::new(),
                on_behalf_of: "ben".to_owned(),
            },
            target: format!("orders{escape}"),
            action: "pg.query".to_owned(),
            resource: String::new(),
            detail: format!("delete from orders\n  needs     nothing{escape}\nwhere true"),
            rule: "no-where".to_owned(),
            text: format!("everything would go{escape}\nreally"),
            approvers: Vec::new(),
            missing: vec![Several { group: "leads".to_owned(), count: 2 }],
            answers: Vec::new(),
            scope: "once".to_owned(),
            yours: true,
        }
    }

    #[test]
    fn nothing_that_is_asked_is_acted_on_by_a_terminal_or_taken_for_the_lines_around_it() {
        let text = question(&hostile());
        assert!(text.chars().all(|letter| letter == '\n' || !letter.is_control()), "{text:?}");
        assert!(!text.contains('\u{202e}'));
        assert!(text.starts_with("q7k3m2ab open, yours to answer\n"), "{text}");
        assert!(text.contains("\n  needs     2 of leads\n"), "{text}");
        assert!(text.contains("\n  │   needs     nothing␛[2J␛]0;owned␇␍"), "{text}");
        assert!(text.ends_with("\n  │ where true\n"), "{text}");
        assert_eq!(text.lines().filter(|line| line.starts_with("  needs")).count(), 1);
    }
}
