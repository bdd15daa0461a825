//! A guard that decides by words.

use wiretape_core::judge::ActionKind;
use wiretape_core::{Action, Approvers, Guard, Judgement, Moment, Question, Reason, Unit, Verdict};

/// What is decided about actions whose resource holds a word.
#[derive(Clone, Debug)]
pub(crate) enum Rule {
    Refuse { word: String, rule: String, text: String },
    Ask { word: String, rule: String, group: String },
}

/// The first rule whose word is found decides; nothing found is allowed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules(pub(crate) Vec<Rule>);

impl Guard for Rules {
    fn judge(&mut self, _at: Moment, _unit: Unit, action: &Action) -> Judgement {
        let resource = match &action.kind {
            // What a resource says of a long text is only its start.
            ActionKind::Query { text } => String::from_utf8_lossy(text).into_owned(),
            other => other.resource(),
        };
        for rule in &self.0 {
            match rule {
                Rule::Refuse { word, rule, text } if resource.contains(word) => {
                    return Judgement::Ruled(Verdict::Refuse(Reason::new(rule, text)));
                }
                Rule::Ask { word, rule, group } if resource.contains(word) => {
                    let approvers = vec![Approvers { group: group.clone(), count: 1 }];
                    let (rule, text) = (rule.clone(), String::new());
                    return Judgement::Ask(Question { action: action.clone(), approvers, rule, text });
                }
                Rule::Refuse { .. } | Rule::Ask { .. } => {}
            }
        }
        Judgement::Ruled(Verdict::Allow)
    }
}
