//! The menu: a person who names no target chooses one on the terminal.
//!
//! Until then the menu is the upstream of the session, and is recorded like one. The chosen target then takes the
//! lane over: what the client had asked for (terminal, environment, shell) is asked of it again.

use std::future::poll_fn;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wiretape_core::event::{SessionEvent, StreamKind, TerminalSize};
use wiretape_core::judge::ActionKind;
use wiretape_core::{Action, Judgement, Lane, Question, Reason, Side, Unit, Verdict};
use wiretape_policy::Circumstances;
use wiretape_ssh::{Message, OpenFailure, Request, words};

use super::refuse;
use crate::admission;
use crate::clock::SessionClock;
use crate::config::{Config, Target, TargetKind};
use crate::gateway::Gateway;
use crate::guard::Choice;
use crate::identity::Principal;
use crate::line::{Door, Line};
use crate::outlet::{OutletQueue, Parcel, outlet, request_bytes};
use crate::questions::{ASKING_HELD_BYTES_MAX, Asker, News};
use crate::transport;

/// Messages of a client that are kept while people are asked.
const ASKING_MESSAGES_MAX: usize = 4096;

/// The rule of a reason that nobody is left to hear.
const WITHDRAWN: &str = "withdrawn";

/// The choice between the targets that a person may use.
#[derive(Clone)]
pub(super) struct MenuUpstream {
    gateway: Arc<Gateway>,
    principal: Principal,
    chooser: Chooser,
    reach: Reach,
    chosen: Arc<OnceLock<Arc<dyn Door>>>,
}

/// Makes the way to the target that was chosen.
type Reach = fn(&Gateway, &Line, &Target, String, &str) -> Arc<dyn Door>;

/// What a session that begins with the menu is judged and asked by, once it goes on to a target.
#[derive(Clone)]
pub(crate) struct Chooser {
    pub(crate) choice: Choice,
    pub(crate) asker: Asker,
    pub(crate) clock: SessionClock,
}

/// Where a client of the menu is told that it waits, and what it says meanwhile.
struct Asking<'a> {
    line: &'a Line,
    lane: Lane,
    /// Whether the client has a terminal to be told on.
    is_shown: bool,
    queue: &'a mut OutletQueue,
    /// What the client said meanwhile.
    said: &'a mut Vec<Message>,
}

impl Asking<'_> {
    /// Asks people, and waits for what they say for as long as the client does.
    ///
    /// # Errors
    /// The client left, or nobody can be asked.
    async fn answer(self, asker: &Asker, unit: Unit, question: &Question) -> Result<Verdict, Reason> {
        let Self { line, lane, is_shown, queue, said } = self;
        let (mut pending, asked) = asker.ask(unit, question)?;
        line.note_asked(unit, asked);
        let tell = |text: &str| {
            if is_shown {
                show(line, lane, words(text, true));
            }
        };
        tell(&pending.text());
        let mut said_bytes = 0_usize;
        let mut listens = true;
        loop {
            let message = tokio::select! {
                news = poll_fn(|context| pending.poll_news(context)) => match news {
                    News::Reminder(text) => {
                        tell(&text);
                        continue;
                    }
                    News::Settled(settled) => {
                        line.note_answered(unit, Some(&settled));
                        return Ok(settled.verdict.clone());
                    }
                },
                parcel = queue.next(), if listens => parcel.ok().flatten().map(|parcel| parcel.message),
                _ = line.closed() => None,
            };
            match message {
                None | Some(Message::Close { .. }) => {
                    line.note_answered(unit, None);
                    return Err(Reason::new(WITHDRAWN, "whoever asked went away"));
                }
                Some(message) => {
                    if let Message::Data { bytes, .. } = &message {
                        said_bytes = said_bytes.saturating_add(bytes.len());
                    }
                    said.push(message);
                    // What more the client says waits where it is.
                    listens = said_bytes < ASKING_HELD_BYTES_MAX && said.len() < ASKING_MESSAGES_MAX;
                }
            }
        }
    }
}

/// Notes what was decided about what the menu leads to.
fn decided(line: &Line, action: &str, resource: String, rule: &str, verdict: Verdict) {
    let (action, rule) = (action.to_owned(), rule.to_owned());
    line.note(SessionEvent::Decision { action, resource, rule, verdict, nanos: 0 });
}

/// What a key does.
enum Key {
    Up,
    Down,
    Digit(usize),
    Choose,
    Leave,
}

/// The menu as it is drawn.
struct Page {
    rows: Vec<(String, String)>,
    at: usize,
    /// The number that is being typed.
    number: usize,
    size: TerminalSize,
    /// Bytes of an escape sequence that is not complete yet.
    partial: Vec<u8>,
}

impl MenuUpstream {
    pub(super) fn new(gateway: Arc<Gateway>, principal: Principal, chooser: Chooser, reach: Reach) -> Self {
        Self { gateway, principal, chooser, reach, chosen: Arc::new(OnceLock::new()) }
    }

    /// Serves one lane: the menu, then what was chosen.
    async fn serve(self, line: Line, lane: Lane, mut queue: OutletQueue) {
        if let Some(chosen) = self.chosen.get() {
            return chosen.open(&line, lane, queue);
        }
        let config = self.gateway.config();
        let mut asked: Vec<Message> = Vec::new();
        let mut asked_bytes = 0_usize;
        let mut page: Option<Page> = None;
        let mut size = None;
        while let Ok(Some(parcel)) = queue.next().await {
            match parcel.message {
                Message::Open { kind: StreamKind::Session, lane } => {
                    asked.push(Message::Open { lane, kind: StreamKind::Session });
                    line.say(Side::Upstream, Message::Opened { lane });
                }
                Message::Open { kind: StreamKind::DirectTcpip { host, port, .. }, .. } => {
                    return self.jump(&config, &line, lane, queue, &host, port).await;
                }
                Message::Open { .. } | Message::Listen { .. } => {
                    refuse::answer(&line, lane, parcel.message, &self.unnamed(&config));
                    return;
                }
                Message::Request { lane, request, want_reply } => {
                    if matches!(request, Request::Exec { .. } | Request::Subsystem { .. }) {
                        return line.close(self.unnamed(&config));
                    }
                    match &request {
                        Request::Pty { size: wished, .. } => size = Some(*wished),
                        Request::WindowChange { size: changed } => {
                            size = Some(*changed);
                            if let Some(page) = &mut page {
                                page.size = *changed;
                                show(&line, lane, page.draw());
                            }
                        }
                        Request::Shell => match size {
                            None => return line.close(self.unnamed(&config)),
                            Some(size) => {
                                let drawn = Page::new(self.permitted(&config), size);
                                show(&line, lane, drawn.draw());
                                page = Some(drawn);
                            }
                        },
                        _ => {}
                    }
                    // Of sizes the newest counts, and it is kept apart.
                    if !matches!(request, Request::WindowChange { .. }) {
                        let message = Message::Request { lane, request, want_reply: false };
                        asked_bytes = asked_bytes.saturating_add(request_bytes(&message));
                        asked.push(message);
                    }
                    if asked_bytes > ASKING_HELD_BYTES_MAX {
                        return line.close(Reason::new("limits", "too much was said before a target was chosen"));
                    }
                    if want_reply {
                        line.say(Side::Upstream, Message::Answer { lane, accepted: true });
                    }
                }
                Message::Data { bytes, .. } => {
                    let Some(drawn) = &mut page else { continue };
                    match drawn.press(&bytes) {
                        Pressed::Nothing => {}
                        Pressed::Moved => show(&line, lane, drawn.draw()),
                        Pressed::Left => return leave(&line, lane),
                        Pressed::Chose { name, rest } => {
                            show(&line, lane, Bytes::from_static(b"\x1b[2J\x1b[H"));
                            let size = drawn.size;
                            let typed = Message::Data { lane, error: false, bytes: bytes.slice(rest..) };
                            asked.push(typed);
                            return self.hand_over(&config, &line, lane, queue, asked, &name, size).await;
                        }
                    }
                }
                Message::Close { .. } => return,
                _ => {}
            }
        }
    }

    fn permitted<'a>(&self, config: &'a Config) -> Vec<&'a Target> {
        let permitted = |target: &&Target| target.is_for_ssh() && target.permits(self.principal.groups());
        config.targets.values().filter(permitted).collect()
    }

    /// Why a client that names no target and has no terminal gets nowhere.
    fn unnamed(&self, config: &Config) -> Reason {
        let names: Vec<&str> = self.permitted(config).iter().map(|target| target.name.as_str()).collect();
        let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        Reason::new("unknown-target", format!("name a target: ssh <target>@<gateway>; yours are: {names}"))
    }

    #[expect(clippy::too_many_arguments, reason = "the whole state of the menu goes over to the target")]
    async fn hand_over(
        &self,
        config: &Config,
        line: &Line,
        lane: Lane,
        mut queue: OutletQueue,
        asked: Vec<Message>,
        name: &str,
        size: TerminalSize,
    ) {
        let Some(target) = config.targets.get(name).filter(|target| target.permits(self.principal.groups())) else {
            return;
        };
        let login = match &target.kind {
            TargetKind::Ssh(ssh) => ssh.login.clone(),
            TargetKind::Command(_) | TargetKind::Postgres(_) | TargetKind::Http(_) | TargetKind::Tunnel(_) => {
                String::new()
            }
        };
        let mut said = Vec::new();
        let asking = Asking { line, lane, is_shown: true, queue: &mut queue, said: &mut said };
        if let Err(reason) = self.clear(asking, target, &login, ActionKind::Shell).await {
            if reason.rule == WITHDRAWN {
                return;
            }
            show(line, lane, words(&reason.text, true));
            return line.close(reason);
        }
        let reach = || (self.reach)(&self.gateway, line, target, login, self.principal.name());
        let upstream = self.chosen.get_or_init(reach);
        let (put, take) = outlet(self.gateway.spool_folder().to_owned());
        // The newest size is the one that counts.
        let resized = said.iter().rev().find_map(|message| match message {
            Message::Request { request: Request::WindowChange { size }, .. } => Some(*size),
            _ => None,
        });
        let size = resized.unwrap_or(size);
        for message in asked.into_iter().chain(said) {
            let message = match message {
                Message::Request { request: Request::Pty { term, modes, .. }, lane, want_reply } => {
                    Message::Request { lane, request: Request::Pty { term, size, modes }, want_reply }
                }
                Message::Request { request: Request::WindowChange { .. }, .. } => continue,
                other => other,
            };
            let _memory_only = put.push(Parcel { message, event: None });
        }
        upstream.take_over(line, lane, take);
        while let Ok(Some(parcel)) = queue.next().await {
            if put.push(parcel).is_err() {
                break;
            }
            put.room().await;
        }
        put.finish();
    }

    /// Whether the session may go on to `target` with what it did so far: the policy is asked now, when it is known
    /// what for, and people are, where it says so.
    async fn clear(&self, asking: Asking<'_>, target: &Target, login: &str, done: ActionKind) -> Result<(), Reason> {
        let Asking { line, lane, .. } = asking;
        let Chooser { choice, asker, clock } = &self.chooser;
        let session = line.recording().id();
        let circumstances = Circumstances {
            client_address: self.gateway.presence().address_of(session),
            protocol: "ssh".to_owned(),
            login: login.to_owned(),
            label: None,
        };
        let refused = |action: &str, resource: String, reason: Reason| {
            let verdict = Verdict::Refuse(reason.clone());
            decided(line, action, resource, &reason.rule, verdict);
            reason
        };
        let cleared =
            admission::clear_for(&self.gateway, *clock, session, asker.clone(), &self.principal, target, circumstances);
        let mut clearance = cleared.map_err(|reason| refused("connect", target.name.clone(), reason))?;
        asker.aim(&target.name);
        let (name, resource) = (done.name(), done.resource());
        let unit = Unit { lane, serial: 0 };
        match clearance.guard.judge(clock.now(), unit, &Action { lane, kind: done }) {
            Judgement::Ruled(Verdict::Allow) | Judgement::Decided { verdict: Verdict::Allow, .. } => {}
            Judgement::Ruled(Verdict::Refuse(reason)) | Judgement::Decided { verdict: Verdict::Refuse(reason), .. } => {
                return Err(refused(name, resource, reason));
            }
            Judgement::Ask(question) => {
                let verdict = asking.answer(asker, unit, &question).await?;
                decided(line, name, resource, &question.rule, verdict.clone());
                if let Verdict::Refuse(reason) = verdict {
                    return Err(reason);
                }
            }
        }
        line.note(clearance.decision(&target.name));
        choice.set(clearance.guard);
        Ok(())
    }

    /// `ssh -J`: a connection to a target's own address, in which the client speaks to the target by itself.
    async fn jump(&self, config: &Config, line: &Line, lane: Lane, mut queue: OutletQueue, host: &str, port: u32) {
        let target = config.targets.get(host).filter(|target| target.permits(self.principal.groups()));
        let ssh = target.and_then(|target| match &target.kind {
            TargetKind::Ssh(ssh) => Some((target, ssh)),
            TargetKind::Command(_) | TargetKind::Postgres(_) | TargetKind::Http(_) | TargetKind::Tunnel(_) => None,
        });
        let Some((target, ssh)) = ssh else {
            let text = format!("there is no ssh target {host} for you here: jump by a target's name");
            return line.say(Side::Upstream, rejected(lane, OpenFailure::AdministrativelyProhibited, text));
        };
        if port != 22 {
            let text = format!("jump to {host} without a port: the gateway knows its address");
            return line.say(Side::Upstream, rejected(lane, OpenFailure::AdministrativelyProhibited, text));
        }
        // What is said inside is for the target alone: no rule can see into it.
        let forward = ActionKind::Forward { destination: ssh.address.clone() };
        let mut said = Vec::new();
        let asking = Asking { line, lane, is_shown: false, queue: &mut queue, said: &mut said };
        if let Err(reason) = self.clear(asking, target, &ssh.login, forward).await {
            return line.say(Side::Upstream, rejected(lane, OpenFailure::AdministrativelyProhibited, reason.text));
        }
        let socket = match tokio::net::TcpStream::connect(&ssh.address).await {
            Ok(socket) => socket,
            Err(error) => {
                let text = format!("no connection to {host}: {error}");
                return line.say(Side::Upstream, rejected(lane, OpenFailure::ConnectFailed, text));
            }
        };
        transport::prepare(&socket);
        line.say(Side::Upstream, Message::Opened { lane });
        let (mut read, mut write) = socket.into_split();
        let reading = async {
            let mut buffer = bytes::BytesMut::new();
            loop {
                buffer.reserve(32 * 1024);
                match read.read_buf(&mut buffer).await {
                    Ok(0) | Err(_) => break,
                    Ok(_) => {
                        let bytes = buffer.split().freeze();
                        line.say(Side::Upstream, Message::Data { lane, error: false, bytes });
                        line.room(Side::Upstream, lane).await;
                    }
                }
            }
            line.say(Side::Upstream, Message::Eof { lane });
            line.say(Side::Upstream, Message::Close { lane });
        };
        let writing = async {
            while let Ok(Some(parcel)) = queue.next().await {
                if line.kept(parcel.event).await.is_err() {
                    return;
                }
                match parcel.message {
                    Message::Data { bytes, .. } if write.write_all(&bytes).await.is_err() => return,
                    Message::Eof { .. } => {
                        let _closed_already = write.shutdown().await;
                    }
                    Message::Close { .. } => return,
                    _ => {}
                }
            }
        };
        tokio::select! {
            () = writing => {}
            () = async { reading.await; std::future::pending::<()>().await } => {}
        }
    }
}

impl Door for MenuUpstream {
    fn open(&self, line: &Line, lane: Lane, queue: OutletQueue) {
        tokio::spawn(self.clone().serve(line.clone(), lane, queue));
    }
}

/// What a key press led to.
enum Pressed {
    Nothing,
    Moved,
    Left,
    /// A target, and where in what was typed the part begins that is meant for it.
    Chose {
        name: String,
        rest: usize,
    },
}

impl Page {
    fn new(targets: Vec<&Target>, size: TerminalSize) -> Self {
        let rows = targets
            .into_iter()
            .map(|target| {
                let what = match &target.kind {
                    TargetKind::Ssh(ssh) => format!("ssh  {}@{}", ssh.login, ssh.address),
                    TargetKind::Command(command) => format!("run  {}", command.command.join(" ")),
                    TargetKind::Postgres(_) | TargetKind::Http(_) | TargetKind::Tunnel(_) => String::new(),
                };
                (target.name.clone(), what)
            })
            .collect();
        Self { rows, at: 0, number: 0, size, partial: Vec::new() }
    }

    fn draw(&self) -> Bytes {
        let mut text = String::from("\x1b[2J\x1b[HWhere to?  (arrows or a number, Enter; q leaves)\r\n\r\n");
        if self.rows.is_empty() {
            text.push_str("  There is no target that you may use. Ask the operator of this gateway for one.\r\n");
        }
        let height = usize::try_from(self.size.rows).unwrap_or(24).saturating_sub(4).max(1);
        let first = (self.at + 1).saturating_sub(height);
        let width = self.rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        let columns = usize::try_from(self.size.columns).unwrap_or(80).max(20);
        for (number, (name, what)) in self.rows.iter().enumerate().skip(first).take(height) {
            let row: String = format!(" {:>3}  {name:<width$}  {what}", number + 1).chars().take(columns - 1).collect();
            if number == self.at {
                text.push_str(&format!("\x1b[7m{row}\x1b[0m\r\n"));
            } else {
                text.push_str(&format!("{row}\r\n"));
            }
        }
        Bytes::from(text)
    }

    fn press(&mut self, bytes: &[u8]) -> Pressed {
        let mut outcome = Pressed::Nothing;
        for (at, &byte) in bytes.iter().enumerate() {
            let Some(key) = self.key(byte) else { continue };
            match key {
                Key::Up => self.at = self.at.saturating_sub(1),
                Key::Down => self.at = (self.at + 1).min(self.rows.len().saturating_sub(1)),
                Key::Digit(digit) => {
                    // "1", then "12": a digit goes on with the number while there is such a row.
                    let longer = self.number * 10 + digit;
                    self.number = if longer <= self.rows.len() { longer } else { digit };
                    if self.number >= 1 && self.number <= self.rows.len() {
                        self.at = self.number - 1;
                    }
                    outcome = Pressed::Moved;
                    continue;
                }
                Key::Choose => match self.rows.get(self.at) {
                    Some((name, _)) => return Pressed::Chose { name: name.clone(), rest: at + 1 },
                    None => return Pressed::Left,
                },
                Key::Leave => return Pressed::Left,
            }
            self.number = 0;
            outcome = Pressed::Moved;
        }
        outcome
    }

    fn key(&mut self, byte: u8) -> Option<Key> {
        if !self.partial.is_empty() {
            self.partial.push(byte);
            let key = match self.partial.as_slice() {
                [0x1b, b'[' | b'O'] => return None,
                [0x1b, _, b'A'] => Some(Key::Up),
                [0x1b, _, b'B'] => Some(Key::Down),
                _ => None,
            };
            self.partial.clear();
            return key;
        }
        match byte {
            0x1b => {
                self.partial.push(byte);
                None
            }
            b'k' => Some(Key::Up),
            b'j' => Some(Key::Down),
            b'0'..=b'9' => Some(Key::Digit(usize::from(byte - b'0'))),
            b'\r' | b'\n' => Some(Key::Choose),
            b'q' | 0x03 | 0x04 => Some(Key::Leave),
            _ => None,
        }
    }
}

fn show(line: &Line, lane: Lane, bytes: Bytes) {
    line.say(Side::Upstream, Message::Data { lane, error: false, bytes });
}

fn leave(line: &Line, lane: Lane) {
    show(line, lane, Bytes::from_static(b"\x1b[2J\x1b[H"));
    let request = Request::ExitStatus { status: 0 };
    line.say(Side::Upstream, Message::Request { lane, request, want_reply: false });
    line.say(Side::Upstream, Message::Eof { lane });
    line.say(Side::Upstream, Message::Close { lane });
}

fn rejected(lane: Lane, reason: OpenFailure, text: String) -> Message {
    Message::Rejected { lane, reason, text }
}

#[cfg(test)]
mod tests {
    use wiretape_core::event::TerminalSize;

    use super::{Page, Pressed};

    fn page(count: usize) -> Page {
        let rows = (1..=count).map(|number| (format!("t{number}"), String::new())).collect();
        Page {
            rows,
            at: 0,
            number: 0,
            size: TerminalSize { columns: 80, rows: 24, width_px: 0, height_px: 0 },
            partial: Vec::new(),
        }
    }

    #[test]
    fn arrows_digits_and_enter_choose() {
        for (keys, expected) in [
            (&b"\r"[..], "t1"),
            (b"\x1b[B\x1b[B\x1b[A\r", "t2"),
            (b"jj\r", "t3"),
            (b"12\r", "t12"),
            (b"7\r", "t7"),
            (b"\x1b[A\r", "t1"),
        ] {
            match page(12).press(keys) {
                Pressed::Chose { name, rest } => assert_eq!((name.as_str(), rest), (expected, keys.len()), "{keys:?}"),
                _ => panic!("{keys:?} chose nothing"),
            }
        }
    }

    #[test]
    fn an_arrow_cut_in_two_is_still_an_arrow() {
        let mut page = page(3);
        assert!(matches!(page.press(b"\x1b"), Pressed::Nothing));
        assert!(matches!(page.press(b"[B"), Pressed::Moved));
        assert!(matches!(page.press(b"\r"), Pressed::Chose { name, .. } if name == "t2"));
    }

    #[test]
    fn what_is_typed_ahead_is_left_for_the_target() {
        let keys = b"2\rls -l\r";
        match page(3).press(keys) {
            Pressed::Chose { name, rest } => assert_eq!((name.as_str(), &keys[rest..]), ("t2", &b"ls -l\r"[..])),
            _ => panic!("nothing was chosen"),
        }
    }

    #[test]
    fn an_empty_menu_can_only_be_left() {
        assert!(matches!(page(0).press(b"\r"), Pressed::Left));
        assert!(matches!(page(3).press(b"\x03"), Pressed::Left));
    }
}
