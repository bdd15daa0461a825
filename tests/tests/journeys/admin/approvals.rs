//! Questions that a real client waits for, answered by the API and by the commands; and whoever is told of them.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;

use serde_json::{Value, json};
use wiretape_tests::configuration::User;
use wiretape_tests::program::Running;
use wiretape_tests::secrets::Token;
use wiretape_tests::stage::wait_until;

use super::hall::{Hall, ask, wiretape};

/// What signs notices, in base64 as the configuration has it.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

impl Hall {
    /// Ana makes a file, which is asked; the file, and her client, which waits.
    fn touch(&self, name: &str) -> (PathBuf, Running) {
        let file = self.stage.folder.join(name);
        let running = self.stage.ssh().arg(format!("touch {}", file.display())).start();
        (file, running)
    }

    /// The question that waits, as Bea sees it.
    fn question(&self) -> Value {
        let (folder, gateway) = self.parts();
        let open = || ask(folder, gateway, Some(&self.people.bea), "GET", "/v1/approvals", None).body;
        wait_until("a question waits", || open()["approvals"].as_array().is_some_and(|open| !open.is_empty()));
        open()["approvals"][0].clone()
    }
}

#[test]
fn whoever_is_asked_approves_and_nobody_else_does() {
    let hall = Hall::new();
    let (folder, gateway) = hall.parts();
    let (file, ssh) = hall.touch("made");
    let question = hall.question();
    assert_eq!(question["requester"]["name"], "ana");
    assert_eq!(question["detail"], format!("touch {}", file.display()));
    assert_eq!((&question["action"], &question["rule"]), (&json!("ssh.exec"), &json!("touch")));
    assert_eq!((&question["text"], &question["yours"]), (&json!("files are precious"), &json!(true)));
    let id = question["id"].as_str().expect("a name");
    let approve = format!("/v1/approvals/{id}/approve");
    let post = |token, path: &str, body: Value| ask(folder, gateway, token, "POST", path, Some(&body));
    let own = ask(folder, gateway, Some(&hall.people.ana), "GET", &format!("/v1/approvals/{id}"), None);
    assert_eq!((own.status, &own.body["state"], &own.body["yours"]), (200, &json!("open"), &json!(false)));
    assert_eq!(post(None, &approve, json!({})).status, 401);
    assert_eq!(post(Some(&hall.people.ana), &approve, json!({})).status, 403, "her own");
    assert_eq!(post(Some(&hall.people.root), &approve, json!({})).status, 403, "he is not asked");
    assert!(!file.exists(), "nothing passes while it is asked");
    let said = post(Some(&hall.people.bea), &approve, json!({ "why": "go on" }));
    assert_eq!((said.status, &said.body["state"]), (200, &json!("approved")), "{said:?}");
    ssh.finish().good();
    assert!(file.exists());
    assert_eq!(post(Some(&hall.people.bea), &approve, json!({})).status, 409, "it is over");
    // Another file is another question.
    let (file, ssh) = hall.touch("refused");
    let id = hall.question()["id"].as_str().expect("a name").to_owned();
    let refuse = format!("/v1/approvals/{id}/refuse");
    assert_eq!(post(Some(&hall.people.bea), &refuse, json!({ "why": "not today" })).status, 200);
    let finished = ssh.finish();
    assert_eq!(finished.code(), 126);
    assert!(finished.errors().contains("not today"), "{}", finished.errors());
    assert!(!file.exists());
}

#[test]
fn the_commands_show_everything_that_is_asked_and_nothing_that_a_terminal_acts_on() {
    let hall = Hall::new();
    let (folder, gateway) = hall.parts();
    let file = folder.join("made");
    let hostile = format!("touch {}; printf '\u{1b}[2J\u{1b}]0;owned\u{7}'\n\n  needs     nobody", file.display());
    let ssh = hall.stage.ssh().arg(&hostile).start();
    let id = hall.question()["id"].as_str().expect("a name").to_owned();
    let shown = wiretape(folder, gateway, &hall.people.bea, &["approvals"]).succeed().text();
    assert!(shown.chars().all(|letter| letter == '\n' || !letter.is_control()), "{shown:?}");
    assert!(shown.starts_with(&format!("{id} open, yours to answer\n")), "{shown}");
    assert!(shown.contains(&format!("│ touch {}; printf '␛[2J␛]0;owned␇'\n", file.display())), "{shown}");
    assert!(shown.contains("\n  needs     1 of leads\n") && shown.contains("\n  │   needs     nobody\n"), "{shown}");
    let list = wiretape(folder, gateway, &hall.people.bea, &["approvals", "--json"]).succeed().text();
    assert_eq!(serde_json::from_str::<Value>(&list).expect("JSON")["approvals"][0]["detail"], hostile.as_str());
    let own = wiretape(folder, gateway, &hall.people.ana, &["approve", &id]).finish();
    assert_ne!(own.code(), 0);
    assert!(own.errors().contains("nobody answers their own question"), "{}", own.errors());
    let wrong = wiretape(folder, gateway, &hall.people.bea, &["approve", &id, "--for", "25h"]).finish();
    assert!(wrong.code() != 0 && wrong.errors().contains("a day"), "{}", wrong.errors());
    let done = wiretape(folder, gateway, &hall.people.bea, &["refuse", &id, "--why", "what is that"]).succeed().text();
    assert!(done.contains("refused   bea: what is that\n"), "{done}");
    assert_eq!(ssh.finish().code(), 126);
    assert_eq!(wiretape(folder, gateway, &hall.people.bea, &["approvals"]).succeed().text(), "No question waits.\n");
    let all = wiretape(folder, gateway, &hall.people.bea, &["approvals", "--all"]).succeed().text();
    assert!(all.starts_with(&format!("{id} refused\n")), "{all}");
}

#[test]
fn an_approval_for_a_while_covers_what_is_asked_again_until_it_is_taken_back() {
    let hall = Hall::new();
    let (folder, gateway) = hall.parts();
    let (_, ssh) = hall.touch("first");
    let id = hall.question()["id"].as_str().expect("a name").to_owned();
    wiretape(folder, gateway, &hall.people.bea, &["approve", &id, "--for", "30m"]).succeed();
    ssh.finish().good();
    let (second, ssh) = hall.touch("second");
    ssh.finish().good();
    assert!(second.exists(), "in another session, without another question");
    let grant = format!("/v1/approvals/{id}/grant");
    assert_eq!(ask(folder, gateway, Some(&hall.people.bea), "DELETE", &grant, None).status, 204);
    let (third, ssh) = hall.touch("third");
    let id = hall.question()["id"].as_str().expect("a name").to_owned();
    wiretape(folder, gateway, &hall.people.bea, &["refuse", &id]).succeed();
    assert_eq!(ssh.finish().code(), 126);
    assert!(!third.exists());
}

#[test]
fn who_approved_and_is_revoked_or_leaves_the_group_before_the_last_one_approves_does_not_count() {
    let (cyd, dan) = (Token::make("cyd"), Token::make("dan"));
    let hall = Hall::with(|folder, configuration| {
        let policy = folder.join("policies/policy.cedar");
        let text = std::fs::read_to_string(&policy).expect("the policy");
        assert!(text.contains("@approval(\"leads\")"));
        std::fs::write(&policy, text.replace("@approval(\"leads\")", "@approval(\"leads:2\")")).expect("it is written");
        for (name, token) in [("cyd", &cyd), ("dan", &dan)] {
            let groups = format!("groups = [\"leads\"] # {name}");
            configuration.users.push(User::named(name).line(&token.line).line(&groups));
        }
    });
    let (folder, gateway) = hall.parts();
    let post = |token: &Token, path: &str, body: Value| ask(folder, gateway, Some(token), "POST", path, Some(&body));
    let approve = |token: &Token, id: &str| post(token, &format!("/v1/approvals/{id}/approve"), json!({})).body;
    let by = |question: &Value| {
        let answers = question["answers"].as_array().expect("answers").iter();
        answers.map(|answer| answer["by"]["name"].as_str().expect("a name").to_owned()).collect::<Vec<_>>()
    };

    let (file, ssh) = hall.touch("made");
    let id = hall.question()["id"].as_str().expect("a name").to_owned();
    assert_eq!(by(&approve(&hall.people.bea, &id)), ["bea"]);
    let revoked = json!({ "kind": "person", "name": "bea" });
    assert_eq!(post(&hall.people.root, "/v1/revocations", revoked).status, 201);
    let second = approve(&cyd, &id);
    assert_eq!((&second["state"], by(&second)), (&json!("open"), vec!["cyd".to_owned()]), "{second}");
    assert!(!file.exists());
    let third = approve(&dan, &id);
    assert_eq!((&third["state"], by(&third)), (&json!("approved"), vec!["cyd".to_owned(), "dan".to_owned()]));
    ssh.finish().good();
    assert!(file.exists());

    let (file, ssh) = hall.touch("other");
    let open = || ask(folder, gateway, Some(&dan), "GET", "/v1/approvals", None).body["approvals"][0].clone();
    wait_until("a question waits", || open()["id"].is_string());
    let id = open()["id"].as_str().expect("a name").to_owned();
    assert_eq!(by(&approve(&cyd, &id)), ["cyd"]);
    let text = std::fs::read_to_string(gateway.file()).expect("the configuration");
    let moved = text.replace("groups = [\"leads\"] # cyd", "groups = [\"guests\"] # cyd");
    assert_ne!(moved, text);
    std::fs::write(gateway.file(), moved).expect("it is written");
    wait_until("it is read again", || gateway.log().contains("the configuration was read again"));
    let last = approve(&dan, &id);
    assert_eq!((&last["state"], by(&last)), (&json!("open"), vec!["dan".to_owned()]), "{last}");
    assert!(!file.exists());
    post(&dan, &format!("/v1/approvals/{id}/refuse"), json!({}));
    assert_eq!(ssh.finish().code(), 126);
}

#[test]
fn the_webhook_that_the_configuration_names_now_is_told() {
    let listen = || TcpListener::bind("127.0.0.1:0").expect("a port");
    let (first, second) = (listen(), listen());
    let address = |listener: &TcpListener| listener.local_addr().expect("an address").to_string();
    let hall = Hall::with(|folder, configuration| {
        let secret = folder.write("webhook.secret", SECRET).display().to_string();
        let url = format!("http://{}/hook", address(&first));
        configuration.approval =
            vec![format!("webhook = {{ url = {url:?}, secret = {{ password_file = {secret:?} }} }}")];
    });
    let (_, gateway) = hall.parts();
    for listener in [&first, &second] {
        listener.set_nonblocking(true).expect("it can be asked");
    }
    let told = |listener: &TcpListener, name: &str| {
        let (_, ssh) = hall.touch(name);
        wait_until("the webhook is told", || match listener.accept() {
            Ok((socket, _)) => {
                let mut begin = [0; 4];
                socket.set_nonblocking(false).expect("it can be waited for");
                (&socket).read_exact(&mut begin).expect("it is read");
                &begin == b"POST"
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => false,
            Err(error) => panic!("{error}"),
        });
        drop(ssh);
    };
    told(&first, "one");
    let text = std::fs::read_to_string(gateway.file()).expect("the configuration");
    std::fs::write(gateway.file(), text.replace(&address(&first), &address(&second))).expect("it is written");
    wait_until("it is read again", || gateway.log().contains("the configuration was read again"));
    told(&second, "two");
    assert!(!gateway.log().contains("that takes a restart"), "{}", gateway.log());
}

#[test]
fn the_webhook_is_told_of_a_question_and_what_it_is_told_is_signed() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let hall = Hall::with(|folder, configuration| {
        let secret = folder.write("webhook.secret", SECRET);
        let secret = secret.display().to_string();
        let webhook =
            format!("webhook = {{ url = \"http://{address}/hook\", secret = {{ password_file = {secret:?} }} }}");
        configuration.approval = vec![webhook];
    });
    let (folder, gateway) = hall.parts();
    let (_, ssh) = hall.touch("made");
    let (mut socket, _) = listener.accept().expect("the webhook is told");
    let mut text = String::new();
    let (head, body) = loop {
        let mut piece = [0; 4096];
        let count = socket.read(&mut piece).expect("it is read");
        assert!(count > 0, "it is cut off: {text}");
        text += std::str::from_utf8(&piece[..count]).expect("text");
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        if body.len() >= field(head, "content-length").parse::<usize>().expect("a number") {
            break (head, body);
        }
    };
    socket.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").expect("it is answered");
    let notice: Value = serde_json::from_str(body).expect("JSON");
    let question = hall.question();
    assert_eq!((&notice["data"]["id"], &notice["data"]["who"]["name"]), (&question["id"], &json!("ana")));
    assert_eq!(notice["data"]["what"], question["detail"]);
    // Python's own library is the other hand.
    let program = "import sys,hmac,hashlib,base64;k=base64.b64decode(sys.argv[1]);\
                   print(base64.b64encode(hmac.new(k,sys.stdin.buffer.read(),hashlib.sha256).digest()).decode())";
    let key = SECRET.strip_prefix("whsec_").expect("a prefix");
    let signed = format!("{}.{}.{body}", field(head, "webhook-id"), field(head, "webhook-timestamp"));
    let python = folder.program("python3").args(["-c", program, key]).input(signed.into_bytes());
    assert_eq!(field(head, "webhook-signature"), format!("v1,{}", python.succeed().text().trim()));
    let id = question["id"].as_str().expect("a name");
    wiretape(folder, gateway, &hall.people.bea, &["approve", id]).succeed();
    ssh.finish().good();
    assert!(!gateway.log().contains(key), "the secret is in no log");
}

fn field<'a>(head: &'a str, name: &str) -> &'a str {
    let fields = head.lines().filter_map(|line| line.split_once(": "));
    let mut found = fields.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    found.next().unwrap_or_else(|| panic!("no {name} in {head}"))
}
