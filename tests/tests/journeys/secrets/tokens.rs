//! Keys that are changed into tokens: at Google's service and at GitHub's, as they are documented.

use wiretape_tests::configuration::Target;
use wiretape_tests::forge::Forge;
use wiretape_tests::git::Git;
use wiretape_tests::secrets;
use wiretape_tests::stage::wait_until;
use wiretape_tests::token_service::TokenService;
use wiretape_tests::web::{Road, Web};

/// A stage with targets that the tokens open, named by what is asked for.
fn web(life: u32, sources: impl FnOnce(&TokenService) -> Vec<(&'static str, String)>) -> (Web, TokenService) {
    let mut service = None;
    let web = Web::with(|folder, _, configuration| {
        let started = TokenService::start(folder, life, None);
        for (name, source) in sources(&started) {
            // One host stands for one target: these are reached by their names alone.
            let host = format!("hosts = [\"{name}.example:80\"]");
            configuration.targets.push(Target::web(name, &started.url()).line(&host).line(&source));
        }
        service = Some(started);
    });
    (web, service.expect("it was started"))
}

fn opened(web: &Web, target: &str) -> String {
    web.curl(Road::Reverse).arg(web.url(Road::Reverse, target) + "/resource").succeed().text()
}

#[test]
fn keys_become_the_tokens_that_they_were_asked_for() {
    let (web, service) = web(3600, |service| {
        vec![
            ("all", service.google_source("")),
            ("some", service.google_source(", scopes = [\"https://scope/a\", \"b\"]")),
            ("iap", service.google_source(", audience = \"client.apps.example\"")),
            ("app", service.github_source("")),
            ("part", service.github_source(", repositories = [\"web\"], permissions = { contents = \"read\" }")),
        ]
    });
    let expected = [
        ("all", "access:https://www.googleapis.com/auth/cloud-platform"),
        ("some", "access:https://scope/a b"),
        ("iap", "id:client.apps.example"),
        ("app", "installation:{}"),
        ("part", "installation:{\"permissions\": {\"contents\": \"read\"}, \"repositories\": [\"web\"]}"),
    ];
    for _ in 0..3 {
        for (target, kind) in expected {
            assert_eq!(opened(&web, target), format!("opened by {kind}\n"));
        }
    }
    assert_eq!(service.refused(), [""; 0]);
    let issued = service.issued(expected.len());
    assert_eq!(issued.len(), expected.len(), "each is fetched once: {issued:?}");
    let tokens: Vec<&str> = issued.iter().map(|(_, token)| token.as_str()).collect();
    secrets::are_nowhere(&web.gateway, &tokens);
}

#[test]
fn a_token_is_fetched_anew_before_it_ends() {
    let (web, service) = web(8, |service| vec![("all", service.google_source("")), ("app", service.github_source(""))]);
    wait_until("each token was issued three times", || {
        for (target, start) in [("all", "opened by access"), ("app", "opened by installation")] {
            let said = opened(&web, target);
            assert!(said.starts_with(start), "{target} was shown a token that had ended: {said}");
        }
        service.issued(0).len() >= 6
    });
}

#[test]
fn what_a_service_refuses_is_told_in_our_own_words() {
    let mut wrong = None;
    let (web, service) = web(3600, |service| {
        // The keys of each other.
        let swapped = service.github_source("").replace("github.key", "google.key");
        wrong = Some(service.github.clone());
        vec![
            ("swapped", swapped),
            ("elsewhere", service.github_source("").replace("678", "679")),
            ("nokey", service.google_source("").replace("service-account.json", "github.key")),
        ]
    });
    let told =
        |target: &str| web.curl(Road::Reverse).arg(web.url(Road::Reverse, target) + "/resource").succeed().text();
    let cases = [
        ("swapped", "GitHub gives no token for the installation 678 (status 401: does the key belong to the app"),
        ("elsewhere", "the app has no such installation"),
        ("nokey", "is no key of a service account"),
    ];
    for (target, words) in cases {
        let said = told(target);
        assert!(said.contains(words), "{target}: {said}");
        assert!(!said.contains("s3cret"), "{said}");
    }
    assert!(service.issued(0).is_empty());
    let key = std::fs::read_to_string(wrong.expect("it was set")).expect("the key is there");
    let line = key.lines().nth(5).expect("a line of the key");
    secrets::are_nowhere(&web.gateway, &["s3cret-in-an-answer", line]);
}

#[test]
fn git_clones_by_the_token_of_an_app() {
    let token = "ghs_token-of-the-installation-0a1b";
    let mut forge = None;
    let web = Web::with(|folder, _, configuration| {
        let service = TokenService::start(folder, 3600, Some(token));
        let git = Git::debian();
        let key = wiretape_tests::keys::Key::make(folder.path(), "forge_key");
        let started = Forge::start(folder, &git, &key, false);
        // The account that GitHub has for tokens.
        folder.write("passwords", format!("x-access-token:{{PLAIN}}{token}\n"));
        let source = service.github_source("");
        configuration
            .targets
            .push(Target::web("code", &started.url()).line("login = \"x-access-token\"").line(&source));
        forge = Some((started, service));
    });
    let (forge, service) = forge.expect("they were started");
    let bare = forge.make(&web.folder, "project.git", "sha1");
    let script = "git init --quiet work && cd work && git config user.name t && git config user.email t@localhost && \
                  echo in > file && git add file && git commit --quiet -m first && \
                  git push --quiet \"$1\" HEAD:refs/heads/main";
    web.folder.program("sh").args(["-ec", script, "sh"]).arg(forge.repositories().join("project.git")).succeed();
    let git = web.folder.program("git").arg("-c");
    let git = git.arg(format!("http.sslCAInfo={}", web.trusted(Road::Reverse).display())).arg("-c");
    let git = git.arg(format!("http.extraHeader=Authorization: Bearer {}", web.token.secret));
    let url = web.url(Road::Reverse, "code") + "/project.git";
    git.args(["clone", "--quiet", "--branch", "main"]).arg(url).arg("cloned").succeed();
    assert_eq!(std::fs::read_to_string(web.folder.join("cloned/file")).expect("it was cloned"), "in\n");
    assert_eq!(service.issued(1).len(), 1);
    secrets::are_nowhere(&web.gateway, &[token]);
    drop(bare);
}
