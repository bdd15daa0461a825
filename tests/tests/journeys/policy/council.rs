//! People who are asked, and what they are asked.

use serde_json::Value;
use wiretape_core::Verdict;
use wiretape_core::event::{QuestionAnswered, QuestionAsked, SessionEvent};
use wiretape_tests::configuration::{Configuration, User};
use wiretape_tests::gateway::{Gateway, programs};
use wiretape_tests::program::Program;
use wiretape_tests::record::Events;
use wiretape_tests::secrets::Token;
use wiretape_tests::stage::wait_until;

/// What every stage of these journeys permits beside its own rules: to connect, and that the leads answer.
pub(super) const COMMON: &str = r#"
@id("enter")
permit (principal, action == Action::"connect", resource);
@id("leads-answer")
permit (principal in Group::"leads", action in Action::"admin", resource);
"#;

/// Somebody who answers.
pub(super) struct Council {
    /// Bea's token; she is one of the leads.
    bea: Token,
    /// Ana's token; she asks.
    ana: Option<Token>,
}

impl Council {
    /// Puts `rules` in force, and Bea among those who may answer.
    pub(super) fn convene(configuration: &mut Configuration, rules: &str) -> Self {
        let folder = configuration.data_dir.parent().expect("a folder").join("policies");
        std::fs::create_dir_all(&folder).expect("a folder can be made");
        std::fs::write(folder.join("common.cedar"), COMMON).expect("a file can be written");
        std::fs::write(folder.join("rules.cedar"), rules).expect("a file can be written");
        configuration.policy = vec![format!("folder = {:?}", folder.display().to_string())];
        configuration.admin = true;
        let bea = Token::make("bea");
        configuration.users.push(User::named("bea").line(&bea.line).line("groups = [\"leads\"]"));
        Self { bea, ana: None }
    }

    /// Ana has a token too.
    pub(super) fn with_ana(self, ana: &Token) -> Self {
        Self { ana: Some(ana.clone()), ..self }
    }

    fn wiretape(gateway: &Gateway, token: &Token, words: &[&str]) -> Program {
        let (command, rest) = words.split_first().expect("a command");
        let api = format!("http://{}", gateway.admin());
        Program::new(programs().join("wiretape"))
            .arg(command)
            .args(["--gateway", &api])
            .args(rest)
            .env("WIRETAPE_TOKEN", &token.secret)
    }

    /// The questions that wait.
    pub(super) fn open(&self, gateway: &Gateway) -> Vec<Value> {
        let text = Self::wiretape(gateway, &self.bea, &["approvals", "--json"]).succeed().text();
        let mut list: Value = serde_json::from_str(&text).expect("questions as JSON");
        list["approvals"].as_array_mut().map(std::mem::take).expect("a list")
    }

    /// Waits for a question about `words`, and gives its id and all that is asked.
    pub(super) fn question(&self, gateway: &Gateway, words: &str) -> (String, String) {
        let found = || {
            let open = self.open(gateway);
            let asked = open.into_iter().find(|asked| asked["detail"].as_str().is_some_and(|it| it.contains(words)))?;
            let text = |field: &str| asked[field].as_str().expect("text").to_owned();
            Some((text("id"), text("detail")))
        };
        wait_until(&format!("a question about {words}"), || found().is_some());
        found().expect("it waits for an answer")
    }

    /// Bea approves what is asked about `words`.
    pub(super) fn approve(&self, gateway: &Gateway, words: &str) -> String {
        self.approve_for(gateway, words, &[])
    }

    /// Bea approves what is asked about `words`, as far as the options of her command say.
    pub(super) fn approve_for(&self, gateway: &Gateway, words: &str, options: &[&str]) -> String {
        let (id, _) = self.question(gateway, words);
        // Nobody approves their own.
        if let Some(ana) = &self.ana {
            assert!(!Self::wiretape(gateway, ana, &["approve", &id]).finish().status.success(), "{id}");
        }
        Self::wiretape(gateway, &self.bea, &[&["approve", &id], options].concat()).succeed();
        id
    }

    /// Bea refuses it, and says why.
    pub(super) fn refuse(&self, gateway: &Gateway, words: &str) -> String {
        let (id, _) = self.question(gateway, words);
        Self::wiretape(gateway, &self.bea, &["refuse", &id, "--why", "not on a Friday"]).succeed();
        id
    }

    /// The figure `name` of the gateway.
    pub(super) fn figure(&self, gateway: &Gateway, name: &str) -> String {
        let curl = Program::new("curl").args(["-sS", "--fail-with-body", "-H"]);
        let curl = curl.arg(format!("Authorization: Bearer {}", self.bea.secret));
        let figures = curl.arg(format!("http://{}/metrics", gateway.admin())).succeed().text();
        let value = figures.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("no {name} in {figures}")).to_owned()
    }

    /// Waits until no question waits.
    pub(super) fn silence(&self, gateway: &Gateway) {
        wait_until("no question waits", || self.open(gateway).is_empty());
    }
}

/// What was asked in a session.
pub(super) fn asked(events: &Events) -> Vec<QuestionAsked> {
    let asked = events.session().filter_map(|event| match event {
        SessionEvent::Asked(asked) => Some(asked.as_ref().clone()),
        _ => None,
    });
    asked.collect()
}

/// How the questions of a session ended.
pub(super) fn answered(events: &Events) -> Vec<QuestionAnswered> {
    let answered = events.session().filter_map(|event| match event {
        SessionEvent::Answered(answered) => Some(answered.as_ref().clone()),
        _ => None,
    });
    answered.collect()
}

/// The decisions of a session about actions called `action`: the rules, whether it was allowed, and the reason.
pub(super) fn decisions(events: &Events, action: &str) -> Vec<(String, bool, String)> {
    let decisions = events.session().filter_map(|event| match event {
        SessionEvent::Decision { action: name, rule, verdict, .. } if name == action => Some(match verdict {
            Verdict::Allow => (rule.clone(), true, String::new()),
            Verdict::Refuse(reason) => (rule.clone(), false, reason.text.clone()),
        }),
        _ => None,
    });
    decisions.collect()
}

/// One question was asked by `rule`, and `by` approved it.
pub(super) fn approved(events: &Events, rule: &str) {
    let (asked, answered) = (asked(events), answered(events));
    assert_eq!((asked.len(), answered.len()), (1, 1), "{asked:?} {answered:?}");
    assert_eq!((asked[0].rule.as_str(), asked[0].approvers[0].group.as_str()), (rule, "leads"));
    assert_eq!(answered[0].question, asked[0].question);
    assert_eq!((&answered[0].verdict, answered[0].by.as_slice()), (&Verdict::Allow, &["bea".to_owned()][..]));
    assert!(answered[0].nanos > 0);
}

/// One question was asked by `rule`, and ended with a refusal: by Bea, or by nobody.
pub(super) fn not_approved(events: &Events, rule: &str, by_bea: bool) -> String {
    let (asked, answered) = (asked(events), answered(events));
    assert_eq!((asked.len(), answered.len()), (1, 1), "{asked:?} {answered:?}");
    assert_eq!(asked[0].rule, rule);
    assert_eq!(answered[0].by.len(), usize::from(by_bea), "{answered:?}");
    match &answered[0].verdict {
        Verdict::Refuse(reason) => reason.text.clone(),
        Verdict::Allow => panic!("{answered:?}"),
    }
}
