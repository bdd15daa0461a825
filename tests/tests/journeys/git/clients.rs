//! Clients of other houses: dulwich (Python) and isomorphic-git (JavaScript). And the ways in which git itself learns a
//! password.

use wiretape_tests::program::{Finished, Program};
use wiretape_tests::stage::{PERSON, client_python, client_script};
use wiretape_tests::talk::Talk;
use wiretape_tests::workshop::{ROADS_THROUGH, Road, Workshop};

use super::brought;

const RULE: &str = "refuse = [\"forced\"]";

fn dulwich(workshop: &Workshop, road: Road, name: &str, folder: &str, word: &str) -> Finished {
    let program = workshop.folder.program(client_python()).arg(client_script("dulwich_client.py"));
    let program = program.arg(workshop.url(road, name)).arg(workshop.folder.join(folder)).arg(word);
    let program = match road {
        Road::Forward => program.env("WEB_PROXY", workshop.proxy()),
        Road::Reverse => program
            .env("GIT_USER", PERSON)
            .env("GIT_PASSWORD", &workshop.token.secret)
            .env("SSL_CERT_FILE", workshop.gateway.certificate()),
        _ => program.env("GIT_SSH_COMMAND", workshop.ssh_command()),
    };
    program.finish()
}

fn isomorphic(workshop: &Workshop, name: &str, folder: &str, word: &str) -> Finished {
    let program = Program::new("node").arg(client_script("isomorphic_git_client.js"));
    let program = workshop.folder.dressed(program).env("NODE_PATH", std::env::var_os("NODE_PATH").unwrap_or_default());
    let program = program.arg(workshop.url(Road::Reverse, name)).arg(workshop.folder.join(folder)).arg(word);
    program
        .env("GIT_USER", PERSON)
        .env("GIT_PASSWORD", &workshop.token.secret)
        .env("NODE_EXTRA_CA_CERTS", workshop.gateway.certificate())
        .finish()
}

/// The pushes that were recorded after `before` sessions.
fn pushes(workshop: &Workshop, before: usize) -> Vec<Talk> {
    let sessions = workshop.ended().split_off(before);
    let talks = sessions.into_iter().flat_map(|(_, events)| events.talks());
    talks.filter(|talk| !talk.updates().is_empty()).collect()
}

#[test]
fn dulwich_works_as_it_is() {
    let workshop = Workshop::with(&wiretape_tests::git::Git::first(), &[RULE]);
    let tree = workshop.tree("tree", "sha1");
    tree.sh("seq 1 500 > file && git add . && git commit -qm First && echo 2 >> file && git commit -qam Second");
    for road in ROADS_THROUGH {
        let name = format!("{road:?}.git");
        let bare = workshop.bare(&name);
        tree.git(&["push", "--quiet", &bare.path.display().to_string(), "main"]);
        let first = bare.id("main");
        let own = format!("own-{road:?}");
        dulwich(&workshop, road, &name, &own, "clone").good();
        let clone = workshop.at(&own);
        clone.check();
        assert_eq!(clone.objects(), bare.objects());
        let before = workshop.gateway.record().sessions().len();
        clone.sh("echo 3 >> file && git commit -qam 'By dulwich'");
        dulwich(&workshop, road, &name, &own, "push").good();
        assert_eq!(bare.id("main"), clone.id("HEAD"));
        bare.check();
        let pushed = pushes(&workshop, before);
        assert_eq!(pushed.len(), 1);
        assert_eq!(pushed[0].changes(), ["refs/heads/main fast-forward"]);
        brought(&pushed[0], &bare, &["main", "--not", &first]);

        let before = workshop.gateway.record().sessions().len();
        clone.sh("git commit -q --amend -m Rewritten");
        let refused = dulwich(&workshop, road, &name, &own, "force");
        let pushed = pushes(&workshop, before);
        assert_eq!(pushed.len(), 1, "{} {}", refused.text(), refused.errors());
        assert_eq!(pushed[0].changes(), ["refs/heads/main forced"]);
        assert_ne!(bare.id("main"), clone.id("HEAD"), "it is refused");
        let said = refused.text() + &refused.errors();
        assert!(said.contains("forced"), "and the client says so: {said}");
    }
}

#[test]
fn isomorphic_git_works_as_it_is() {
    let workshop = Workshop::with(&wiretape_tests::git::Git::first(), &[RULE]);
    let bare = workshop.bare("x.git");
    let tree = workshop.tree("tree", "sha1");
    tree.sh("seq 1 500 > file && git add . && git commit -qm First && echo 2 >> file && git commit -qam Second");
    tree.git(&["push", "--quiet", &bare.path.display().to_string(), "main"]);
    let first = bare.id("main");
    isomorphic(&workshop, "x.git", "own", "clone").good();
    let clone = workshop.at("own");
    assert_eq!(clone.id("HEAD"), first);
    isomorphic(&workshop, "x.git", "own", "commit").good();
    let pushed = isomorphic(&workshop, "x.git", "own", "push").good().text();
    assert!(pushed.contains("\"ok\":true"), "{pushed}");
    assert_eq!(bare.id("main"), clone.id("HEAD"));
    bare.check();
    clone.sh("git commit -q --amend -m Rewritten");
    let refused = isomorphic(&workshop, "x.git", "own", "force").text();
    assert!(refused.contains("\"ok\":false") && refused.contains("forced"), "{refused}");
    assert_ne!(bare.id("main"), clone.id("HEAD"), "it is refused");
    let pushed = workshop.pushes();
    assert_eq!(pushed.len(), 2);
    assert_eq!(pushed[0].changes(), ["refs/heads/main fast-forward"]);
    brought(&pushed[0], &bare, &["main", "--not", &first]);
    assert_eq!(pushed[1].changes(), ["refs/heads/main forced"]);
}

#[test]
fn git_learns_the_password_in_every_way_that_it_has() {
    let workshop = Workshop::new();
    let bare = workshop.bare("x.git");
    let tree = workshop.tree("tree", "sha1");
    tree.sh("echo 1 > file && git add . && git commit -qm First");
    tree.git(&["push", "--quiet", &bare.path.display().to_string(), "main"]);
    let url = workshop.url(Road::Reverse, "x.git");
    let trusted = format!("http.sslCAInfo={}", workshop.gateway.certificate().display());
    let git = || workshop.git.program(&workshop.folder).args(["-c", &trusted]);
    let secret = &workshop.token.secret;
    // In the URL, from a file, and by a program that is asked.
    let within = url.replace("https://", &format!("https://{PERSON}:{secret}@"));
    let look = git().args(["ls-remote", &within]).succeed().text();
    assert!(look.contains(&bare.id("main")));
    let stored = format!("credential.helper=store --file={}", workshop.folder.join("own-credentials").display());
    assert_eq!(git().args(["-c", &stored, "ls-remote", &url]).succeed().text(), look);
    let ask = workshop
        .folder
        .write("ask", format!("#!/bin/sh\ncase \"$1\" in U*) echo {PERSON};; *) echo {secret};; esac\n"));
    Program::new("chmod").arg("+x").arg(&ask).succeed();
    assert_eq!(git().env("GIT_ASKPASS", &ask).args(["ls-remote", &url]).succeed().text(), look);
    let bearer = format!("http.extraHeader=Authorization: Bearer {secret}");
    assert_eq!(git().args(["-c", &bearer, "ls-remote", &url]).succeed().text(), look);
    // URLs that stay as they are.
    let instead = format!("url.{}.insteadOf=https://forge.example.com/", url.trim_end_matches("x.git"));
    let old = "https://forge.example.com/x.git";
    assert_eq!(git().args(["-c", &stored, "-c", &instead, "ls-remote", old]).succeed().text(), look);
    // Nobody, and somebody else.
    let nobody = git().args(["ls-remote", &url]).finish().coded(128);
    assert!(nobody.errors().contains("could not read Username"), "{}", nobody.errors());
    let wrong = url.replace("https://", &format!("https://{PERSON}:wt_no_token_of_anybody@"));
    let wrong = git().args(["ls-remote", &wrong]).finish().coded(128);
    assert!(wrong.errors().contains("Authentication failed"), "{}", wrong.errors());
    wiretape_tests::secrets::are_nowhere(&workshop.gateway, &[secret, "wt_no_token_of_anybody"]);
}
