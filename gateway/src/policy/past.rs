//! What was decided in a recorded session, rebuilt from its events.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::{Bytes, BytesMut};
use wiretape_core::event::{
    FileEvent, GitEvent, HttpEvent, ProcessEvent, ProcessKind, QueryEvent, RefUpdate, SessionEvent, StreamEvent,
    StreamKind,
};
use wiretape_core::judge::{ActionKind, Push};
use wiretape_core::{Event, Kind, Lane, Moment, Side, Verdict};

/// Actions of one lane that wait for their decision.
const WAITING_MAX: usize = 4096;

/// Bytes of a path that is told in part which have to be those of the path that was asked for.
const COMMON_BYTES_MIN: usize = 16;

/// An action with what was decided about it.
pub(super) struct Past {
    pub(super) at: Moment,
    pub(super) action: ActionKind,
    /// `allow`, `refuse` or `ask`.
    pub(super) decided: &'static str,
    /// Whether it passed in the end.
    pub(super) passed: bool,
}

/// What was decided about an action.
struct Decision<'a> {
    name: &'a str,
    resource: &'a str,
    verdict: &'a Verdict,
    was_asked: bool,
}

/// A push as far as it was told.
#[derive(Default)]
struct Pushed {
    repository: Bytes,
    updates: Vec<RefUpdate>,
    options: Vec<Bytes>,
    paths: BTreeSet<Bytes>,
    incomplete: bool,
}

/// What happened so far.
#[derive(Default)]
pub(super) struct Story {
    waiting: BTreeMap<Lane, VecDeque<(Moment, ActionKind)>>,
    pushes: BTreeMap<Lane, Pushed>,
    /// Questions that stand, by their names, and the actions and resources that they are about.
    asked: BTreeMap<String, (String, String)>,
    /// The action and the resource of a question that ended just now: what is decided then is what it was about.
    answered: Option<(String, String)>,
    /// The commands that lanes run.
    commands: BTreeMap<Lane, Bytes>,
    unknown: usize,
    /// Whether decisions that allow are recorded, too.
    tells_all: bool,
}

impl Story {
    /// Takes in one event; gives what it decides.
    pub(super) fn hear(&mut self, event: &Event) -> Option<Past> {
        let (lane, at) = (event.lane, event.at);
        match &event.kind {
            Kind::Session(SessionEvent::Decision { action, resource, rule, verdict, .. }) if action != "connect" => {
                self.tells_all |= *verdict == Verdict::Allow;
                let was_asked = self.answered.take().is_some_and(|(name, about)| {
                    // Of what may pass the record keeps less.
                    name == *action && about.starts_with(resource.trim_end_matches('…'))
                });
                // Answered now, or before by somebody whose answer reached further.
                let was_asked = was_asked || rule.split(", ").any(|rule| rule.starts_with("approved by "));
                self.decide(lane, at, &Decision { name: action, resource, verdict, was_asked })
            }
            Kind::Session(SessionEvent::Asked(asked)) => {
                self.asked.insert(asked.question.clone(), (asked.action.clone(), asked.resource.clone()));
                None
            }
            Kind::Session(SessionEvent::Answered(answered)) => {
                self.answered = self.asked.remove(&answered.question);
                None
            }
            Kind::Git(said) => {
                if let Some(action) = self.push(lane, said) {
                    self.wait(lane, at, action);
                }
                None
            }
            Kind::File(FileEvent::Asked { operation, .. }) => {
                let action = match self.commands.get(&lane).filter(|command| wiretape_protocols::is_scp(command)) {
                    Some(command) => wiretape_protocols::transfer(command, operation),
                    None => Some(ActionKind::File(Box::new(operation.clone()))),
                };
                if let Some(action) = action {
                    self.wait(lane, at, action);
                }
                None
            }
            // What the gateway said to a database of its own was asked by nobody.
            Kind::Query(_) if event.side == Side::Upstream => None,
            kind => {
                if let Kind::Process(ProcessEvent::Start { kind: ProcessKind::Exec { command } }) = kind {
                    self.commands.insert(lane, command.clone());
                }
                if let Some(action) = action(kind) {
                    self.wait(lane, at, action);
                }
                None
            }
        }
    }

    /// Decisions about what the tape does not tell.
    pub(super) fn unknown(&self) -> usize {
        self.unknown
    }

    /// What was never decided by an event: on tapes that only tell what was refused it was allowed.
    pub(super) fn rest(self) -> Vec<Past> {
        if self.tells_all {
            return Vec::new();
        }
        let mut rest = Vec::new();
        for waiting in self.waiting.into_values() {
            let is_git = waiting.iter().any(|(_, action)| action.name().starts_with("git."));
            for (at, action) in waiting {
                // A request that carries Git is judged as what it carries.
                if !(is_git && matches!(action, ActionKind::Request { .. } | ActionKind::Exec { .. })) {
                    rest.push(Past { at, action, decided: "allow", passed: true });
                }
            }
        }
        rest
    }

    fn wait(&mut self, lane: Lane, at: Moment, action: ActionKind) {
        let waiting = self.waiting.entry(lane).or_default();
        if waiting.len() >= WAITING_MAX {
            waiting.pop_front();
        }
        waiting.push_back((at, action));
    }

    fn decide(&mut self, lane: Lane, at: Moment, decision: &Decision<'_>) -> Option<Past> {
        let Decision { name, resource, verdict, .. } = *decision;
        let decided = match verdict {
            _ if decision.was_asked => "ask",
            Verdict::Allow => "allow",
            Verdict::Refuse(_) => "refuse",
        };
        let action = if name == "git.push" {
            self.pushes.get_mut(&lane).filter(|push| !push.updates.is_empty()).map(|push| (at, push.take()))
        } else {
            let waiting = self.waiting.entry(lane).or_default();
            let place = waiting.iter().position(|(_, action)| action.name() == name);
            // What waits before it was judged as something else, or not at all. It was judged when it came, however long
            // people took to answer.
            place.and_then(|place| waiting.drain(..=place).next_back())
        };
        let action = action.and_then(|(at, action)| Some((at, judged(action, resource)?)));
        match action {
            Some((at, action)) => Some(Past { at, action, decided, passed: *verdict == Verdict::Allow }),
            None => {
                self.unknown += 1;
                None
            }
        }
    }

    fn push(&mut self, lane: Lane, said: &GitEvent) -> Option<ActionKind> {
        let push = self.pushes.entry(lane).or_default();
        match said {
            GitEvent::Service { repository, .. } => {
                *push = Pushed { repository: repository.clone(), ..Pushed::default() };
                return Some(ActionKind::Fetch { repository: repository.clone() });
            }
            GitEvent::Update(update) => push.updates.push(update.clone()),
            GitEvent::Options { options } => push.options.extend(options.iter().cloned()),
            GitEvent::Files { files, complete, .. } => {
                push.paths.extend(files.iter().map(|file| file.path.clone()));
                push.incomplete |= !complete;
            }
            _ => {}
        }
        None
    }
}

impl Pushed {
    fn take(&mut self) -> ActionKind {
        let repository = self.repository.clone();
        let Self { repository, updates, options, paths, incomplete } =
            std::mem::replace(self, Self { repository: repository.clone(), ..Self::default() });
        let paths = paths.into_iter().collect();
        ActionKind::Push(Box::new(Push { repository, updates, options, paths, complete: !incomplete }))
    }
}

/// What was judged, where a decision about `resource` tells more of it than the event of `action`: of a request the event
/// says how the client reached it, and the decision what the target was to be asked for.
fn judged(action: ActionKind, resource: &str) -> Option<ActionKind> {
    let ActionKind::Request { url, .. } = &action else { return Some(action) };
    let Some((method, there)) = resource.split_once(' ') else { return Some(action) };
    let method = || Bytes::copy_from_slice(method.as_bytes());
    let Some(begun) = there.strip_suffix('…') else {
        return Some(ActionKind::Request { method: method(), url: Bytes::copy_from_slice(there.as_bytes()) });
    };
    // The rest of it is the rest of what the client asked for, which may have named the target before that.
    let asked = std::str::from_utf8(url).ok()?.split_once("://")?.1;
    let path = asked.get(asked.find('/')?..)?;
    let below = path.get(1..)?.find('/').and_then(|end| path.get(end + 1..));
    let whole = [Some(path), below].into_iter().flatten().find_map(|path| {
        let place = begun.match_indices('/').map(|(place, _)| place).find(|place| {
            begun.get(*place..).is_some_and(|tail| tail.len() >= COMMON_BYTES_MIN && path.starts_with(tail))
        })?;
        Some([begun.get(..place)?, path].concat())
    })?;
    Some(ActionKind::Request { method: method(), url: Bytes::from(whole) })
}

/// The action that an event asks for, if it asks for any.
fn action(kind: &Kind) -> Option<ActionKind> {
    Some(match kind {
        Kind::Process(ProcessEvent::Start { kind }) => match kind {
            ProcessKind::Shell => ActionKind::Shell,
            ProcessKind::Exec { command } => ActionKind::Exec { command: command.clone() },
            ProcessKind::Subsystem { name } => ActionKind::Subsystem { name: name.clone() },
        },
        Kind::Process(ProcessEvent::Agent) => ActionKind::Agent,
        Kind::Stream(StreamEvent::Open { kind: StreamKind::DirectTcpip { host, port, .. } }) => {
            ActionKind::Forward { destination: destination(host, Some(*port)) }
        }
        Kind::Stream(StreamEvent::Open { kind: StreamKind::DirectStreamlocal { path } }) => {
            ActionKind::Forward { destination: path.clone() }
        }
        Kind::Stream(StreamEvent::Listen { address, port }) => {
            ActionKind::Forward { destination: destination(address, *port) }
        }
        Kind::Query(QueryEvent::Simple { text } | QueryEvent::Parse { text, .. }) => {
            ActionKind::Query { text: text.clone() }
        }
        Kind::Query(QueryEvent::Call { function_id, .. }) => ActionKind::Call { function_id: *function_id },
        Kind::Http(HttpEvent::Request { method, scheme, authority, path, .. }) => {
            ActionKind::Request { method: method.clone(), url: url(scheme, authority, path) }
        }
        _ => return None,
    })
}

/// As the wire of HTTP writes it: of a tunnel, which has no path, the authority alone.
fn url(scheme: &Bytes, authority: &Bytes, path: &Bytes) -> Bytes {
    if path.is_empty() {
        return authority.clone();
    }
    let path: &[u8] = if path.as_ref() == b"*" { b"" } else { path };
    let mut url = BytesMut::from(scheme.as_ref());
    for part in [b"://".as_slice(), authority, path] {
        url.extend_from_slice(part);
    }
    url.freeze()
}

fn destination(host: &str, port: Option<u32>) -> String {
    match port {
        Some(port) if host.contains(':') => format!("[{host}]:{port}"),
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use wiretape_core::event::{
        FileEvent, FileOperation, GitEvent, GitService, ObjectId, ProcessEvent, ProcessKind, QueryEvent,
        QuestionAnswered, QuestionAsked, RefChange, RefUpdate, Scope, SessionEvent,
    };
    use wiretape_core::judge::ActionKind;
    use wiretape_core::{Event, Kind, Lane, Moment, Reason, Side, Verdict};

    use super::Story;

    fn event(kind: Kind) -> Event {
        Event { at: Moment::START, side: Side::Client, lane: Lane::CONNECTION, kind }
    }

    fn decision(action: &str, verdict: Verdict) -> Event {
        decision_by("x", action, verdict)
    }

    fn decision_by(rule: &str, action: &str, verdict: Verdict) -> Event {
        let (action, resource, rule) = (action.to_owned(), String::new(), rule.to_owned());
        event(Kind::Session(SessionEvent::Decision { action, resource, rule, verdict, nanos: 1 }))
    }

    fn query(text: &'static str) -> Event {
        event(Kind::Query(QueryEvent::Simple { text: Bytes::from_static(text.as_bytes()) }))
    }

    fn exec(command: &'static str) -> Event {
        let command = Bytes::from_static(command.as_bytes());
        event(Kind::Process(ProcessEvent::Start { kind: ProcessKind::Exec { command } }))
    }

    #[test]
    fn decisions_find_what_they_were_about() {
        let mut story = Story::default();
        let refused = || Verdict::Refuse(Reason::new("x", "no"));
        // It stands in the place of something refused, and was not judged.
        assert!(story.hear(&Event { side: Side::Upstream, ..query("refused by the gateway") }).is_none());
        assert!(story.hear(&query("SELECT 1")).is_none() && story.hear(&query("SELECT 2")).is_none());
        let first = story.hear(&decision("pg.query", Verdict::Allow)).unwrap();
        assert_eq!((first.action.resource().as_str(), first.decided), ("SELECT 1", "allow"));
        let (question, resource) = ("abcd2345".to_owned(), "SELECT 2".to_owned());
        let (action, verdict) = ("pg.query".to_owned(), refused());
        let asked = QuestionAsked { question: question.clone(), action, resource, ..QuestionAsked::default() };
        story.hear(&event(Kind::Session(SessionEvent::Asked(Box::new(asked)))));
        let (by, scope) = (Vec::new(), Scope::Once);
        let answered = QuestionAnswered { question, verdict, by, scope, nanos: 1 };
        story.hear(&event(Kind::Session(SessionEvent::Answered(Box::new(answered)))));
        let second = story.hear(&decision("pg.query", refused())).unwrap();
        assert_eq!((second.action.resource().as_str(), second.decided), ("SELECT 2", "ask"));
        story.hear(&query("SELECT 3"));
        let granted = decision_by("touch, approved by bea (abcd2345)", "pg.query", Verdict::Allow);
        let third = story.hear(&granted).unwrap();
        assert_eq!((third.decided, third.passed), ("ask", true), "somebody was asked before, for this too");
        assert!(story.hear(&decision("pg.query", refused())).is_none(), "there is nothing that it is about");
        assert_eq!(story.unknown(), 1);
        assert!(story.rest().is_empty());
    }

    #[test]
    fn a_request_is_what_the_target_was_asked_for() {
        let request = |path: &str| ActionKind::Request {
            method: Bytes::from_static(b"GET"),
            url: Bytes::from(format!("https://gateway:8443{path}")),
        };
        let long = "/a/page/that/has/a/name/of/many/letters";
        for (asked, told, judged) in [
            ("/shop/page".to_owned(), "GET http://shop/v1/page", Some("http://shop/v1/page".to_owned())),
            (format!("/shop{long}"), "GET http://shop/v1/a/page/that/has…", Some(format!("http://shop/v1{long}"))),
            (long.to_owned(), "GET https://host/a/page/that/has…", Some(format!("https://host{long}"))),
            (format!("/shop{long}"), "GET http://shop/another/way/to/it…", None),
        ] {
            let expected = judged.map(|url| ActionKind::Request { method: "GET".into(), url: url.into() });
            assert_eq!(super::judged(request(&asked), told), expected, "{asked} {told}");
        }
    }

    #[test]
    fn a_push_is_put_together_again() {
        let mut story = Story::default();
        let git = |said| event(Kind::Git(said));
        let id = ObjectId::Sha1([1; 20]);
        let update = |name: &'static str| RefUpdate {
            name: Bytes::from_static(name.as_bytes()),
            old: id,
            new: id,
            change: RefChange::Forced,
        };
        let repository = Bytes::from_static(b"/x.git");
        story.hear(&git(GitEvent::Service { service: GitService::ReceivePack, repository }));
        story.hear(&git(GitEvent::Options { options: vec![Bytes::from_static(b"ci.skip")] }));
        let files = GitEvent::Files { commit: id, parent: None, files: Vec::new(), complete: false };
        for said in [files, GitEvent::Update(update("a")), GitEvent::Update(update("b"))] {
            story.hear(&git(said));
        }
        let past = story.hear(&decision("git.push", Verdict::Allow)).unwrap();
        let ActionKind::Push(push) = past.action else { panic!("a push") };
        assert_eq!((push.repository.as_ref(), push.updates.len(), push.options.len()), (b"/x.git".as_slice(), 2, 1));
        assert!(!push.complete);
    }

    #[test]
    fn on_a_tape_that_tells_only_refusals_all_else_was_allowed() {
        let mut story = Story::default();
        story.hear(&exec("ls"));
        story.hear(&exec("rm"));
        let rest = story.rest();
        assert_eq!(rest.len(), 2);
        assert!(rest.iter().all(|past| past.decided == "allow"));
    }

    #[test]
    fn what_scp_announces_is_judged_by_its_names_at_the_target() {
        let mut story = Story::default();
        assert!(story.hear(&exec("scp -p -f /srv/x")).is_none());
        assert!(story.hear(&decision("ssh.exec", Verdict::Allow)).is_some());
        let announced = |operation| event(Kind::File(FileEvent::Asked { request: 1, operation }));
        let path = || Bytes::from_static(b"x");
        let (size, permissions, owner, times) = (None, None, None, Some((1, 2)));
        let set = FileOperation::SetAttributes { path: path(), size, permissions, owner, times };
        assert!(story.hear(&announced(set)).is_none());
        let send = FileOperation::Send { path: path(), size: 3, permissions: 0o644 };
        assert!(story.hear(&announced(send)).is_none());
        let past = story.hear(&decision("file.read", Verdict::Allow)).expect("it was announced");
        assert_eq!(past.action.resource(), "/srv/x");
        assert_eq!(story.unknown(), 0);
    }
}
