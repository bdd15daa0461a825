//! Requests by curl.

use wiretape_core::Verdict;
use wiretape_core::event::SessionEvent;
use wiretape_tests::program::Running;
use wiretape_tests::record::Events;
use wiretape_tests::stage::wait_until;
use wiretape_tests::web::{Road, Web};

use super::council::{Council, approved, decisions, not_approved};

/// Reading is permitted, the settings are forbidden, removing is asked.
pub(super) const RULES: &str = r#"
@id("reads")
permit (principal, action == Action::"http.request", resource) when { context.method == "GET" && context.parsed };
@id("no-settings")
@reason("nobody touches the settings")
forbid (principal, action == Action::"http.request", resource) when { context.path like "/settings*" };
@id("removals")
@approval("leads")
permit (principal, action == Action::"http.request", resource) when { context.method == "DELETE" };
"#;

/// The way that these requests go.
pub(super) const ROAD: Road = Road::Reverse;

fn stage() -> (Web, Council) {
    let mut council = None;
    let web = Web::with(|_, _, configuration| council = Some(Council::convene(configuration, RULES)));
    let council = council.expect("it was convened").with_ana(&web.token);
    (web, council)
}

fn curl(web: &Web, method: &str, path: &str) -> Running {
    let url = format!("{}{path}", web.url(ROAD, "plain"));
    let curl = web.curl(ROAD).args(["--write-out", "\n%{http_code}", "--path-as-is", "--request", method]);
    curl.arg(url).start()
}

fn record(web: &Web) -> Events {
    let session = web.gateway.record().one();
    session.verified().coded(0);
    session.events()
}

#[test]
fn a_request_that_is_permitted_is_answered() {
    let (web, _council) = stage();
    let finished = curl(&web, "GET", "/text").finish().good();
    assert!(finished.text().ends_with("\n200"), "{}", finished.text());
    assert_eq!(decisions(&record(&web), "http.request"), [("reads".to_owned(), true, String::new())]);
}

#[test]
fn a_request_that_is_forbidden_is_a_403_that_says_why() {
    let (web, _council) = stage();
    // However the path is written.
    for path in ["/settings", "/%73ettings", "/text/../settings"] {
        let finished = curl(&web, "GET", path).finish().good();
        assert!(finished.text().ends_with("\n403"), "{path}: {}", finished.text());
        assert!(finished.text().contains("nobody touches the settings"), "{}", finished.text());
    }
    assert!(web.server.requests().is_empty());
    for session in web.gateway.record().ended(3) {
        let decided = decisions(&session.events(), "http.request");
        assert!(decided.len() == 1 && decided[0].0.contains("no-settings") && !decided[0].1, "{decided:?}");
    }
}

#[test]
fn a_request_that_cannot_be_read_is_refused_where_rules_look_at_it() {
    let (web, _council) = stage();
    let finished = curl(&web, "GET", "/text/%zz").finish().good();
    assert!(finished.text().ends_with("\n403"), "{}", finished.text());
    assert!(web.server.requests().is_empty());
}

#[test]
fn a_request_that_is_approved_is_answered_then_and_not_before() {
    let (web, council) = stage();
    let running = curl(&web, "DELETE", "/echo?order=9");
    council.question(&web.gateway, "/echo?order=9");
    assert!(web.server.requests().is_empty());
    council.approve(&web.gateway, "/echo?order=9");
    let finished = running.finish().good();
    assert!(finished.text().ends_with("\n200"), "{}", finished.text());
    assert_eq!(web.server.request()["method"], "DELETE");
    approved(&record(&web), "removals");
}

#[test]
fn a_request_that_is_not_approved_is_a_403() {
    let (web, council) = stage();
    let running = curl(&web, "DELETE", "/echo?order=9");
    council.refuse(&web.gateway, "/echo?order=9");
    let finished = running.finish().good();
    assert!(finished.text().ends_with("\n403"), "{}", finished.text());
    assert!(finished.text().contains("not on a Friday"), "{}", finished.text());
    assert!(web.server.requests().is_empty());
    not_approved(&record(&web), "removals", true);
}

#[test]
fn who_leaves_takes_the_question_along() {
    let (web, council) = stage();
    let running = curl(&web, "DELETE", "/echo?order=9");
    council.question(&web.gateway, "/echo?order=9");
    drop(running);
    council.silence(&web.gateway);
    not_approved(&record(&web), "removals", false);
    assert!(web.server.requests().is_empty());
}

#[test]
fn who_would_rather_come_again_is_told_where_to_ask_and_passes_once_it_is_approved() {
    let (web, council) = stage();
    let ask = |path: &str| {
        let url = format!("{}{path}", web.url(ROAD, "plain"));
        let curl =
            web.curl(ROAD).args(["--http1.1", "--include", "--request", "DELETE", "--header", "Prefer: respond-async"]);
        curl.arg(url).succeed().text()
    };
    let answer = ask("/echo?order=9");
    assert!(answer.starts_with("HTTP/1.1 202 ") && answer.contains("approval_pending"), "{answer}");
    let (id, _) = council.question(&web.gateway, "/echo?order=9");
    assert!(answer.contains(&format!("location: /v1/approvals/{id}\r\n")), "{answer}");
    // Whoever asks again before that is told of the same question.
    assert!(ask("/echo?order=9").contains(&id));
    assert!(web.server.requests().is_empty());
    council.approve(&web.gateway, "/echo?order=9");
    // The approval is for exactly this, and once.
    assert!(ask("/echo?order=8").starts_with("HTTP/1.1 202 "));
    assert!(ask("/echo?order=9").starts_with("HTTP/1.1 200 "));
    assert!(ask("/echo?order=9").starts_with("HTTP/1.1 202 "));
    wait_until("the server's word of one request", || web.server.requests().len() == 1);
}

/// Reading is permitted, and nothing else.
const READING: &str = r#"
@id("reads")
permit (principal, action == Action::"http.request", resource) when { context.method == "GET" && context.path like "/text*" };
"#;

#[test]
fn a_request_whose_fields_name_another_method_or_path_is_refused_and_recorded_with_both() {
    let mut council = None;
    let web = Web::with(|_, _, configuration| council = Some(Council::convene(configuration, READING)));
    let url = format!("{}/text", web.url(ROAD, "plain"));
    let curl = |field: &str| {
        let curl = web.curl(ROAD).args(["--write-out", "\n%{http_code}", "--header", field]);
        curl.arg(&url).succeed().text()
    };
    assert!(curl("X-Other: DELETE").ends_with("\n200"));
    wait_until("the server's word of the request", || web.server.requests().len() == 1);
    let hidden = [
        ("X-HTTP-Method-Override: DELETE", ">DELETE "),
        ("x-http-method: PUT", ">PUT "),
        ("X_Method_Override: delete", ">delete "),
        ("X-Original-URL: /settings", "/text >/settings"),
        ("X-Rewrite-URL: /settings", "/text >/settings"),
    ];
    for (field, _) in hidden {
        let answer = curl(field);
        assert!(answer.ends_with("\n403"), "{field}: {answer}");
    }
    assert_eq!(web.server.requests().len(), 1, "none of them got there");
    let refused: Vec<String> = web
        .gateway
        .record()
        .ended(1 + hidden.len())
        .iter()
        .inspect(|session| drop(session.verified().coded(0)))
        .flat_map(|session| {
            let events = session.events();
            let refused = events.session().filter_map(|event| match event {
                SessionEvent::Decision { action, resource, verdict: Verdict::Refuse(_), .. } => {
                    (action == "http.request").then(|| format!("{resource} "))
                }
                _ => None,
            });
            refused.collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(refused.len(), hidden.len(), "{refused:?}");
    for (field, judged) in hidden {
        assert!(refused.iter().any(|resource| resource.contains(judged)), "{field}: {refused:?}");
    }
}

/// What is done from this machine's first address is permitted, what is done from its others is not.
const FROM_HERE: &str = r#"
@id("from-here")
permit (principal, action == Action::"http.request", resource) when { context.address == ip("127.0.0.1") };
"#;

#[test]
fn a_label_leads_nobody_past_what_is_said_of_where_they_are() {
    let mut council = None;
    let web = Web::with(|_, _, configuration| {
        configuration.http_settings.push("label_linger = 3600".to_owned());
        council = Some(Council::convene(configuration, FROM_HERE));
    });
    let url = format!("{}/text", web.url(ROAD, "plain"));
    let from = |address: &str| {
        let curl = web.curl(ROAD).args(["--ipv4", "--interface", address, "--header", "Wiretape-Label: run"]);
        curl.args(["--write-out", "\n%{http_code}"]).arg(&url).succeed().text()
    };
    assert!(from("127.0.0.1").ends_with("\n200"));
    let elsewhere = from("127.0.0.2");
    assert!(elsewhere.ends_with("\n403"), "{elsewhere}");
    assert!(from("127.0.0.1").ends_with("\n200"), "and nobody is kept out by that");
    wait_until("the server's word of two requests", || web.server.requests().len() == 2);
}

/// What the developers do is permitted.
const OF_DEVELOPERS: &str = r#"
@id("developers")
permit (principal in Group::"dev", action == Action::"http.request", resource);
"#;

#[test]
fn a_label_keeps_nobody_in_a_group_that_they_left() {
    let mut council = None;
    let web = Web::with(|_, _, configuration| {
        configuration.http_settings.push("label_linger = 3600".to_owned());
        let ana = configuration.users.remove(0).line("groups = [\"dev\"]");
        configuration.users.insert(0, ana);
        council = Some(Council::convene(configuration, OF_DEVELOPERS));
    });
    let url = format!("{}/text", web.url(ROAD, "plain"));
    let curl = || {
        let curl = web.curl(ROAD).args(["--header", "Wiretape-Label: run", "--write-out", "\n%{http_code}"]);
        curl.arg(&url).succeed().text()
    };
    assert!(curl().ends_with("\n200"));
    let text = std::fs::read_to_string(web.gateway.file()).expect("the configuration");
    assert_eq!(text.matches("[\"dev\"]").count(), 1);
    std::fs::write(web.gateway.file(), text.replace("[\"dev\"]", "[\"guests\"]")).expect("a file can be written");
    wait_until("it is read again", || web.gateway.log().contains("the configuration was read again"));
    let answer = curl();
    assert!(answer.ends_with("\n403"), "{answer}");
}
