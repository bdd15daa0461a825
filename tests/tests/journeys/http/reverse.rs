//! The gateway stands in for the servers: who comes in and by what, what the server gets of it, and what is refused.

use serde_json::Value;
use wiretape_core::event::SessionEvent;
use wiretape_tests::authority::Authority;
use wiretape_tests::configuration::{Target, User};
use wiretape_tests::exchange::recorded;
use wiretape_tests::program::Program;
use wiretape_tests::secrets;
use wiretape_tests::stage::{PERSON, wait_until};
use wiretape_tests::web::{OWN_NAMES, Road, WEB_TARGETS, Web, WebServer, values};

/// What the target's credential is in these tests.
const SECRET: &str = "s3cret-of-the-target-7f3a";

/// curl to the gateway that says nothing of who asks; it writes the status behind what it was told.
fn stranger(web: &Web) -> Program {
    let curl = web.folder.program("curl").args(["--silent", "--show-error", "--write-out", "\n%{http_code}"]);
    curl.arg("--cacert").arg(web.gateway.certificate())
}

/// `text` by the alphabet of RFC 4648, as OpenSSL writes it.
fn base64(text: &str) -> String {
    Program::new("openssl").args(["base64", "-A"]).input(text).succeed().text()
}

#[test]
fn the_targets_own_credential_takes_the_place_of_the_persons() {
    let login = format!("login = {:?}", "svc");
    let ways: [(&[&str], &str, String); 4] = [
        (&[], "authorization", format!("Bearer {SECRET}")),
        (&[&login], "authorization", format!("Basic {}", base64(&format!("svc:{SECRET}")))),
        (&["header = \"X-Api-Key\""], "x-api-key", SECRET.to_owned()),
        (&["header = \"Private-Token\""], "private-token", SECRET.to_owned()),
    ];
    for (lines, field, value) in ways {
        let web = Web::with(|_, _, configuration| {
            configuration.environment.push(("API_TOKEN".to_owned(), SECRET.to_owned()));
            for name in WEB_TARGETS {
                let target = configuration.target(name);
                target.set("credential = { env = \"API_TOKEN\" }");
                for line in lines {
                    target.set(line);
                }
            }
        });
        for target in ["plain", "secure"] {
            for road in [Road::Reverse, Road::Forward] {
                // What the client says in the same field is not the target's to see.
                let curl = web.curl(road).args(["-H", "cookie: own=1", "-H", "proxy-connection: keep-alive"]);
                let curl = curl.arg("-H").arg(format!("{field}: of-the-client"));
                let curl = if field == "authorization" && road == Road::Reverse { web.curl(road) } else { curl };
                curl.args(["--data", "x"]).arg(web.url(road, target) + "/echo").succeed();
                let request = web.server.request();
                assert_eq!(values(&request, field), [value.as_str()], "{lines:?} {target} {road:?}: {request}");
                assert_eq!(values(&request, "proxy-authorization"), [""; 0]);
                if field != "authorization" {
                    assert_eq!(values(&request, "authorization"), [""; 0], "{target} {road:?}");
                }
            }
        }
        assert_eq!(super::exchanges(&web.gateway).len(), 4);
        let shown = [SECRET, &web.token.secret, &base64(&format!("{PERSON}:{}", web.token.secret))];
        secrets::are_nowhere(&web.gateway, &shown);
        secrets::are_nowhere(&web.gateway, &[&base64(&format!("svc:{SECRET}"))]);
    }
}

#[test]
fn a_certificate_of_the_gateways_own_opens_the_target() {
    let mut server = None;
    let web = Web::with(|folder, _, configuration| {
        let authority = Authority::of(folder.path(), "authority");
        let theirs = Authority::make(folder.path(), "theirs");
        let started = WebServer::start(folder, &authority.issue("strict", &OWN_NAMES), Some(&theirs.certificate()));
        let own = theirs.issue("gateway-of-ours", &[]);
        let file = |path: &std::path::Path| path.display().to_string();
        let target = |name: &str| {
            Target::web(name, &started.url("secure"))
                .line(&format!("tls_ca = {:?}", file(&authority.certificate())))
                .line(&format!("hosts = [\"{name}.example:443\"]"))
        };
        configuration.targets.push(
            target("strict")
                .line(&format!("tls_certificate = {:?}", file(&own.certificate)))
                .line(&format!("tls_key = {:?}", file(&own.key))),
        );
        configuration.targets.push(target("bare"));
        server = Some(started);
    });
    let server = server.expect("it was started");
    for option in ["--http1.1", "--http2"] {
        web.curl(Road::Reverse).arg(option).arg(web.url(Road::Reverse, "strict") + "/echo").succeed();
        assert_eq!(server.request()["certificate"], "gateway-of-ours");
    }
    let curl = web.curl(Road::Reverse).args(["--write-out", "\n%{http_code}"]);
    let told = curl.arg(web.url(Road::Reverse, "bare") + "/echo").succeed().text();
    let told = problem(&told, 502);
    assert!(told["reason"].as_str().is_some_and(|reason| reason.contains("bare")), "{told}");
    assert_eq!(server.requests().len(), 2, "without a certificate nothing comes in");
}

/// What the gateway says of its own with `status`: an object with a word, a sentence and the session's name.
fn problem(said: &str, status: u16) -> Value {
    let (json, code) = said.rsplit_once('\n').expect("the status stands last");
    assert_eq!(code, status.to_string(), "{said}");
    let told: Value = serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {said}"));
    for name in ["error", "reason"] {
        assert!(told[name].as_str().is_some_and(|text| !text.is_empty()), "{told}");
    }
    told
}

#[test]
fn a_person_is_known_by_a_token_as_bearer_and_as_password() {
    let web = short_labels();
    let url = web.url(Road::Reverse, "plain") + "/text";
    let basic = |login: &str| format!("{login}:{}", web.token.secret);
    let bearer = format!("authorization: Bearer {}", web.token.secret);
    let lower = format!("authorization: bearer {}", web.token.secret);
    let ways = [
        ["-H", bearer.as_str()],
        ["-H", lower.as_str()],
        ["--user", &*basic(PERSON)].map(|word| &*word.to_owned().leak()),
        ["--user", &*basic(&format!("{PERSON}+run-7"))].map(|word| &*word.to_owned().leak()),
    ];
    for way in ways {
        let said = stranger(&web).args(["--range", "0-5"]).args(way).arg(&url).succeed().text();
        assert_eq!(said, "line 0\n206", "{way:?}");
        assert_eq!(values(&web.server.request(), "authorization"), [""; 0]);
    }
    let sessions = super::ended(&web.gateway);
    assert_eq!(sessions.len(), 4);
    for (session, events) in &sessions {
        assert_eq!((session.text("person"), session.text("target")), (PERSON, "plain"));
        let authorization = recorded(&events.exchange().fields, "authorization");
        assert_eq!(authorization.len(), 1, "that there was a credential is recorded, the credential is not");
    }
    assert_eq!(labels(&sessions[3].1), ["run-7"]);
    assert!(sessions[..3].iter().all(|(_, events)| labels(events).is_empty()));
}

/// A stage on which what has a label is soon over.
fn short_labels() -> Web {
    Web::with(|_, _, configuration| configuration.http_settings.push("label_linger = 1".to_owned()))
}

fn labels(events: &wiretape_tests::record::Events) -> Vec<String> {
    let labels = events.session().filter_map(|event| match event {
        SessionEvent::Labelled { label } => Some(label.clone()),
        _ => None,
    });
    labels.collect()
}

#[test]
fn a_person_is_known_by_a_certificate() {
    let web = Web::with(|folder, _, configuration| {
        let people = Authority::make(folder.path(), "people");
        configuration.tls.push(format!("client_ca = {:?}", people.certificate().display().to_string()));
        configuration.users.push(User::named("bo").line("certificate_names = [\"bo@example.com\"]"));
    });
    let people = Authority::of(web.folder.path(), "people");
    let url = web.url(Road::Reverse, "plain") + "/text";
    let with = |certificate: &wiretape_tests::authority::Certificate, option: &str| {
        let curl = stranger(&web).args([option, "--range", "0-5", "--cert"]).arg(&certificate.certificate);
        curl.arg("--key").arg(&certificate.key).arg(&url)
    };
    let ana = people.issue(PERSON, &[]);
    let bo = people.issue("whoever", &["email:bo@example.com"]);
    for (certificate, option) in [(&ana, "--http1.1"), (&ana, "--http2"), (&bo, "--http2")] {
        assert_eq!(with(certificate, option).succeed().text(), "line 0\n206");
    }
    let sessions = super::ended(&web.gateway);
    let persons: Vec<_> = sessions.iter().map(|(session, _)| session.text("person")).collect();
    assert_eq!(persons, [PERSON, PERSON, "bo"]);
    // What is said beside a certificate is for the target, but for tokens of the gateway's own, good or not.
    let beside = |value: &str| with(&ana, "--http1.1").arg("-H").arg(format!("Authorization: Bearer {value}"));
    problem(&beside("wt_not_a_token_of_anybody").succeed().text(), 401);
    assert_eq!(web.server.requests().len(), 3);
    // A token of somebody whom the gateway does not know: {"alg":"ES256"}, {"iss":"https://other"}.
    let others = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJodHRwczovL290aGVyIn0.AAAA";
    for _ in 0..30 {
        assert_eq!(beside(others).succeed().text(), "line 0\n206");
    }
    // And it counts for no guess.
    assert_eq!(beside(&web.token.secret).succeed().text(), "line 0\n206");
    wait_until("the server has said what it got", || web.server.requests().len() == 34);
    let seen = web.server.requests();
    assert_eq!(values(&seen[33], "authorization"), [""; 0]);
    assert!(seen[3..33].iter().all(|request| values(request, "authorization") == [format!("Bearer {others}")]));
    // Somebody whom the authority knows and the gateway does not, and somebody of another authority.
    problem(&with(&people.issue("nobody", &[]), "--http1.1").succeed().text(), 401);
    let strangers = Authority::make(web.folder.path(), "strangers").issue(PERSON, &[]);
    let refused = with(&strangers, "--http1.1").finish();
    assert!(!refused.status.success() || refused.text().ends_with("\n401"), "{}", refused.text());
    assert_eq!(web.server.requests().len(), 34);
}

#[test]
fn who_does_not_say_who_they_are_is_told_how_to() {
    let web = Web::new();
    let url = web.url(Road::Reverse, "plain") + "/echo";
    let wrong: [&[&str]; 5] = [
        &[],
        &["-H", "authorization: Bearer wt_not_a_token_of_anybody"],
        &["--user", "ana:wt_not_a_token_of_anybody"],
        &["-H", "authorization: Basic !!!"],
        &["-H", "authorization: Negotiate abc"],
    ];
    for option in ["--http1.1", "--http2"] {
        for words in wrong {
            let said = stranger(&web).args(["--dump-header", "-", option]).args(words).arg(&url).succeed().text();
            let said = said.replace('\r', "");
            let (head, rest) = said.split_once("\n\n").expect("a head");
            let told = problem(rest, 401);
            let challenges: Vec<_> =
                head.lines().filter(|line| line.to_lowercase().starts_with("www-authenticate:")).collect();
            let challenges = challenges.join(" ");
            assert!(challenges.contains("Basic realm=") && challenges.contains("Bearer"), "{words:?}: {head}");
            assert!(head.to_lowercase().contains("content-type: application/json"), "{head}");
            // Who says nothing of themselves has not tried anything yet.
            let tried = words.iter().any(|word| word.contains("wt_"));
            assert!(told["session"].is_string() || !tried, "an attempt is recorded: {told}");
        }
    }
    // The token is another person's.
    let said = stranger(&web).arg("--user").arg(format!("bo:{}", web.token.secret)).arg(&url).succeed().text();
    problem(&said, 401);
    assert_eq!(web.server.requests().len(), 0);
    let sessions = web.gateway.record().all_ended();
    assert!(sessions.len() >= 5, "a token that is nobody's, and one that is another's: {}", sessions.len());
    for session in &sessions {
        assert_eq!((session.state(), session.text("person")), ("refused", ""), "{}", session.reason());
        session.verified().coded(0);
    }
    secrets::are_nowhere(&web.gateway, &[&web.token.secret, "wt_not_a_token_of_anybody"]);
}

#[test]
fn what_is_not_there_and_what_is_not_for_everybody() {
    let web = Web::with(|_, _, configuration| configuration.target("secure").set("groups = [\"operators\"]"));
    let ask = |path: &str| {
        let url = format!("https://localhost:{}{path}", web.gateway.http().port());
        web.curl(Road::Reverse).args(["--write-out", "\n%{http_code}"]).arg(url).succeed().text()
    };
    let told = problem(&ask("/nothing/x"), 404);
    assert!(told["reason"].as_str().expect("a reason").contains("nothing"), "{told}");
    problem(&ask("/"), 404);
    // Who may not use it is not told that it is there.
    let told = problem(&ask("/secure/echo"), 404);
    let refused = web.gateway.record().sessions();
    let refused = refused.iter().find(|session| session.text("target") == "secure").expect("it is recorded");
    assert_eq!((refused.id(), refused.text("person")), (told["session"].as_str().expect("a name"), PERSON));
    assert_eq!(web.server.requests().len(), 0);
    assert!(ask("/plain/text").ends_with("\n200"), "the gateway serves on");
}

#[test]
fn a_target_has_a_host_name_of_its_own() {
    let web = Web::with(|folder, _, configuration| {
        configuration.http_settings.push("domain = \"gateway.example\"".to_owned());
        let authority = Authority::of(folder.path(), "authority");
        let own = authority.issue("gateway", &["DNS:localhost", "DNS:*.gateway.example"]);
        configuration.tls.push(format!("certificate = {:?}", own.certificate.display().to_string()));
        configuration.tls.push(format!("key = {:?}", own.key.display().to_string()));
    });
    let port = web.gateway.http().port();
    let ask = |option: &str, name: &str, path: &str| {
        let curl = web.folder.program("curl").args(["--silent", "--show-error", "--include", option, "--cacert"]);
        let curl = curl.arg(web.authority.certificate()).args(["--connect-to", &format!("::127.0.0.1:{port}")]);
        let curl = curl.arg("--header").arg(format!("authorization: Bearer {}", web.token.secret));
        curl.arg(format!("https://{name}.gateway.example:{port}{path}")).succeed().text()
    };
    for option in ["--http1.1", "--http2"] {
        for target in ["plain", "secure"] {
            let said = ask(option, target, "/echo/plain?x=1");
            assert!(said.contains("\"path\":\"/echo/plain?x=1\""), "{option} {target}: {said}");
            // What leads to the server's own host leads to the name that stands for it.
            for to in ["absolute", "relative"] {
                let moved = ask(option, target, &format!("/moved/{to}")).to_lowercase();
                let onward = format!("location: https://{target}.gateway.example:{port}/text\r\n");
                assert!(moved.contains(&onward) || moved.contains("location: /text\r\n"), "{moved}");
            }
            let cookies = ask(option, target, "/cookies").to_lowercase();
            assert!(cookies.contains("path=/;") && cookies.contains("path=/cookies;"), "{cookies}");
        }
    }
    let sessions = super::ended(&web.gateway);
    let of = |target: &str| sessions.iter().filter(|(session, _)| session.text("target") == target).count();
    assert_eq!((of("plain"), of("secure")), (8, 8));
    assert!(ask("--http2", "nothing", "/").contains("404"));
}

#[test]
fn what_leads_on_leads_back_through_the_gateway() {
    let web = Web::with(|_, server, configuration| {
        let url = server.url("plain") + "/echo";
        configuration.targets.push(Target::web("based", &url).line("hosts = [\"based.example:80\"]"));
    });
    for target in ["plain", "secure"] {
        let url = web.url(Road::Reverse, target);
        let location = |path: &str| {
            let said = web.curl(Road::Reverse).args(["--include"]).arg(url.clone() + path).succeed().text();
            let line = said.lines().find(|line| line.to_lowercase().starts_with("location:")).expect("it leads on");
            line.split_once(": ").expect("a value").1.trim().to_owned()
        };
        let own = [format!("{url}/text"), format!("/{target}/text")];
        for to in ["/moved/absolute", "/moved/relative"] {
            assert!(own.contains(&location(to)), "{to}: {}", location(to));
        }
        assert_eq!(location("/moved/near"), "text");
        assert_eq!(location("/moved/elsewhere"), "https://elsewhere.example/x");
        let followed = web.curl(Road::Reverse).args(["--location", "--range", "0-5"]);
        assert_eq!(followed.arg(format!("{url}/moved/absolute")).succeed().text(), "line 0");
        let cookies = web.curl(Road::Reverse).args(["--include"]).arg(format!("{url}/cookies")).succeed().text();
        let cookies = cookies.to_lowercase();
        let paths: Vec<_> = cookies.lines().filter_map(|line| line.split_once("path=")).map(|(_, path)| path).collect();
        let first = |path: &str| path.split([';', '\r']).next().unwrap_or_default().trim_end_matches('/').to_owned();
        let paths: Vec<_> = paths.into_iter().map(first).collect();
        assert_eq!(paths, [format!("/{target}"), format!("/{target}/cookies")]);
    }
    // A target that begins below the root of its server.
    web.curl(Road::Reverse).arg(web.url(Road::Reverse, "based") + "/below?y").succeed();
    assert_eq!(web.server.request()["path"], "/echo/below?y");
    web.curl(Road::Reverse).arg(web.url(Road::Reverse, "based")).succeed();
    assert!(["/echo", "/echo/"].contains(&web.server.request()["path"].as_str().expect("a path")));
    secrets::are_nowhere(&web.gateway, &[&web.token.secret]);
    let on_tapes: String = super::ended(&web.gateway).iter().map(|(_, events)| events.everything()).collect();
    assert!(on_tapes.contains("theme=") && !on_tapes.contains("s3cret-of-the-target"), "cookies are credentials");
}

#[test]
fn what_a_proxy_adds_and_takes_away() {
    let web = Web::new();
    for option in ["--http1.1", "--http2"] {
        for target in ["plain", "secure"] {
            let own = ["-H", "x-own: kept", "-H", "te: trailers", "-H", "connection: x-hop", "-H", "x-hop: gone"];
            let own = if option == "--http2" { &own[..4] } else { &own[..] };
            web.curl(Road::Reverse).arg(option).args(own).arg(web.url(Road::Reverse, target) + "/echo").succeed();
            let request = web.server.request();
            assert_eq!(values(&request, "x-own"), ["kept"]);
            assert_eq!(values(&request, "x-hop"), [""; 0], "hop by hop: {request}");
            assert_eq!(values(&request, "via").len(), 1, "{request}");
            assert_eq!(values(&request, "forwarded").len(), 1, "{request}");
            let authority = request["authority"].as_str().expect("an authority");
            assert_eq!(authority, format!("localhost:{}", web.server.address(target).port()));
        }
    }
}

#[test]
fn one_connection_to_several_targets_is_a_session_each() {
    let web = Web::new();
    let url = |target: &str| web.url(Road::Reverse, target) + "/text";
    for option in ["--http1.1", "--http2"] {
        let before = web.gateway.record().sessions().len();
        let curl = web.curl(Road::Reverse).args([option, "--write-out", "%{num_connects}", "--output", "/dev/null"]);
        let rest = ["--output", "/dev/null", "--output", "/dev/null"];
        let said = curl.args(rest).args([url("plain"), url("secure"), url("plain")]).succeed().text();
        assert_eq!(said, "100", "one connection");
        let sessions = &super::ended(&web.gateway)[before..];
        let mut counts: Vec<_> =
            sessions.iter().map(|(session, events)| (session.text("target"), events.exchanges().len())).collect();
        counts.sort_unstable();
        assert_eq!(counts, [("plain", 2), ("secure", 1)], "{option}");
    }
}

#[test]
fn what_belongs_together_is_found_by_its_label() {
    let web = Web::with(|_, _, configuration| configuration.http_settings.push("label_linger = 3600".to_owned()));
    for (road, target, label) in [
        (Road::Reverse, "plain", "run-1"),
        (Road::Reverse, "secure", "run-1"),
        (Road::Forward, "plain", "run-1"),
        (Road::Forward, "secure", "run-1"),
        (Road::Reverse, "plain", "run-2"),
    ] {
        let curl = web.curl(road).arg("--header").arg(format!("Wiretape-Label: {label}"));
        curl.arg(web.url(road, target) + "/echo").succeed();
        assert_eq!(values(&web.server.request(), "wiretape-label"), [""; 0], "it is the gateway's alone");
    }
    // As a proxy is asked, a label goes with the name of the person.
    let named = web.proxy().replace(&format!("{PERSON}:"), &format!("{PERSON}+run-1:"));
    let curl =
        web.folder.program("curl").args(["--silent", "--proxy", &named, "--cacert"]).arg(web.gateway.authority());
    curl.args([web.server.url("plain") + "/text", web.server.url("secure") + "/text"]).succeed();
    // Labels are waited for no longer when the gateway stops.
    web.gateway.finish();
    let sessions = super::ended(&web.gateway);
    // One session for each person and target, over all connections and on both ways.
    let mut counts: Vec<_> = sessions
        .iter()
        .map(|(session, events)| (session.text("target"), labels(events).concat(), events.exchanges().len()))
        .collect();
    counts.sort_unstable();
    assert_eq!(
        counts,
        [("plain", "run-1", 3), ("plain", "run-2", 1), ("secure", "run-1", 3)].map(|(t, l, n)| (t, l.to_owned(), n))
    );
    let listed = web.gateway.record().program(&["sessions", "--json", "--label", "run-1"]).succeed();
    let listed: Vec<Value> = serde_json::from_slice(&listed.stdout).expect("an array of sessions");
    assert_eq!(listed.len(), 2);
}

/// What a target's url opens is all that is open there, for the first request of a connection and for those behind it.
#[test]
fn a_path_does_not_step_out_of_what_the_url_opens() {
    let web = Web::with(|_, server, configuration| {
        configuration.targets.push(Target::web("below", &(server.url("plain") + "/below")));
    });
    let url = |path: &str| web.url(Road::Reverse, "below") + path;
    let curl = web.curl(Road::Reverse).args(["--path-as-is", "--write-out", "\n%{http_code} "]);
    let said = curl.args([url("/echo"), url("/../echo"), url("/a/%2e%2E/..%2fecho"), url("/a/../../echo?x")]).finish();
    let text = said.text();
    let codes: Vec<_> = text.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(codes.iter().filter(|code| **code == "400").count(), 3, "{text}");
    let server = web.server.request();
    assert!(server.to_string().contains("/below/echo"), "{server}");
}

/// A label's session waits for the next connection; what else the connection had is over with it.
#[test]
fn a_session_that_lingers_keeps_no_other_open() {
    let web = Web::with(|_, _, configuration| configuration.http_settings.push("label_linger = 3600".to_owned()));
    let url = |target: &str| web.url(Road::Reverse, target) + "/text";
    let known = format!("Authorization: Bearer {}", web.token.secret);
    let mut curl = web.curl(Road::Reverse).args(["--header", "Wiretape-Label: run-1"]).arg(url("secure"));
    for (target, label) in [("clear2", "Wiretape-Label: run-2"), ("plain", "X-Label: none")] {
        curl = curl.args(["--next", "--silent", "--header", &known, "--header", label, "--cacert"]);
        curl = curl.arg(web.gateway.certificate()).arg(url(target));
    }
    curl.succeed();
    let states = || -> Vec<(String, String)> {
        let sessions = web.gateway.record().sessions();
        let mut states: Vec<_> =
            sessions.iter().map(|one| (one.text("target").to_owned(), one.state().to_owned())).collect();
        states.sort();
        states
    };
    let expected = [("clear2", "live"), ("plain", "closed"), ("secure", "live")];
    let expected = expected.map(|(target, state)| (target.to_owned(), state.to_owned()));
    let wait = std::time::Duration::from_millis(100);
    for _ in 0..100 {
        if states() == expected {
            return;
        }
        std::thread::sleep(wait);
    }
    assert_eq!(states(), expected);
}
