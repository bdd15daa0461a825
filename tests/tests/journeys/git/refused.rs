//! Pushes that the target's settings refuse: the client learns it as from a hook of the server, and nothing of them gets
//! to the server.

use wiretape_core::Side;
use wiretape_tests::git::Git;
use wiretape_tests::repository::Repository;
use wiretape_tests::secrets;
use wiretape_tests::talk::Talk;
use wiretape_tests::workshop::{ROADS_THROUGH, Road, Workshop};

const RULES: &str = "refuse = [\"forced\", \"deleted\", \"ref:refs/tags/*\", \"path:secrets/**\"]";

/// What the server has, to the last file.
fn state(bare: &Repository<'_>) -> String {
    bare.sh("find . -type f -not -name index | sort | xargs sha256sum")
}

/// Pushes `words` from the work tree `tree`, which is refused by the rule named `rule`, and gives what was recorded.
fn refused(workshop: &Workshop, road: Road, bare: &Repository<'_>, tree: &str, words: &[&str], rule: &str) -> Talk {
    let before = workshop.gateway.record().sessions().len();
    let had = state(bare);
    let name = bare.path.file_name().expect("a name").to_string_lossy().into_owned();
    let (options, refs): (Vec<&str>, Vec<&str>) = words.iter().partition(|word| word.starts_with('-'));
    let push = workshop.git_in(road, tree).arg("push").args(options).arg(workshop.url(road, &name)).args(refs);
    let said = push.finish().coded(1).errors();
    assert_eq!(state(bare), had, "{road:?} {words:?}: nothing got to the server");
    let mut talks: Vec<Talk> = workshop.ended().split_off(before).into_iter().flat_map(|(_, e)| e.talks()).collect();
    talks.retain(|talk| !talk.updates().is_empty());
    assert_eq!(talks.len(), 1, "{road:?} {words:?}: {said}");
    let talk = talks.remove(0);
    let (action, by, why) = talk.decisions().pop().expect("a decision");
    let why = why.expect("it is refused");
    assert_eq!((action.as_str(), by.as_str()), ("git.push", rule));
    assert!(said.contains(&format!("remote: wiretape: {why}")), "{road:?} {words:?}: {said}");
    let lines: Vec<&str> = said.lines().filter(|line| line.starts_with(" ! [remote rejected] ")).collect();
    assert_eq!(lines.len(), talk.updates().len(), "{said}");
    assert!(said.contains("error: failed to push some refs to"), "{said}");
    let (unpack, refs) = talk.report().expect("what the gateway said in the server's place");
    assert_eq!((unpack.as_str(), refs.len()), ("ok", talk.updates().len()));
    assert!(refs.iter().all(|line| !line.ends_with(" ok")), "{refs:?}");
    for (line, update) in refs.iter().zip(talk.updates()) {
        let (name, reason) = line.split_once(' ').expect("a name and a reason");
        assert_eq!(name.as_bytes(), update.name.as_ref());
        assert!(lines.iter().any(|line| line.ends_with(&format!("({reason})"))), "{reason}: {said}");
    }
    assert!(talk.progress().contains(&why), "what the person is shown is recorded");
    talk
}

fn good(workshop: &Workshop, road: Road, tree: &str, name: &str, words: &[&str]) {
    workshop.git_in(road, tree).args(["push", "--quiet"]).arg(workshop.url(road, name)).args(words).succeed();
}

#[test]
fn what_a_rule_refuses_is_refused_in_gits_words() {
    for git in Git::all() {
        let workshop = Workshop::with(&git, &[RULES]);
        for road in ROADS_THROUGH {
            let name = format!("{road:?}.git");
            let bare = workshop.bare(&name);
            let own = format!("tree-{road:?}");
            let tree = workshop.tree(&own, "sha1");
            tree.sh(
                "seq 1 500 > file && git add . && git commit -qm First && echo 2 >> file && git commit -qam Second",
            );
            good(&workshop, road, &own, &name, &["main", "main:refs/heads/side"]);
            let refused = |words: &[&str], rule: &str| refused(&workshop, road, &bare, &own, words, rule);

            tree.sh("git commit -q --amend -m Rewritten");
            let talk = refused(&["--force", "main"], "refuse forced");
            assert_eq!(talk.changes(), ["refs/heads/main forced"]);
            assert_eq!(talk.commits().len(), 1, "what it would have brought is recorded");
            // Nothing but what the server has already: it alone can say what that would do.
            let talk = refused(&["--force", "main~1:refs/heads/main"], "refuse forced");
            assert_eq!(talk.changes(), ["refs/heads/main forced"]);
            let talk = refused(&["--delete", "side"], "refuse deleted");
            assert_eq!(talk.changes(), ["refs/heads/side deleted"]);
            refused(&["main:refs/tags/v1"], "refuse ref:refs/tags/*");

            tree.sh(
                "git reset -q --hard main@{1} && mkdir -p secrets/deep && echo key > secrets/deep/key && git add . &&
                     git commit -qm Secret && git rm -qr secrets && git commit -qm 'Not any more'",
            );
            let talk = refused(&["main", "main:refs/heads/other"], "refuse path:secrets/**");
            assert_eq!(talk.changes(), ["refs/heads/main fast-forward", "refs/heads/other created"]);
            assert_eq!(talk.commits().len(), 2);
            refused(&["--atomic", "main", "main:refs/heads/other"], "refuse path:secrets/**");
            refused(&["--push-option=ci.skip", "main"], "refuse path:secrets/**");
            // All else still goes.
            tree.sh("git reset -q --hard HEAD~2 && echo 3 >> file && git commit -qam Third");
            good(&workshop, road, &own, &name, &["main", "main:refs/heads/third"]);
            assert_eq!(bare.id("main"), tree.id("main"));
            bare.check();
        }
        secrets::are_nowhere(&workshop.gateway, &[&workshop.token.secret]);
    }
}

#[test]
fn what_is_refused_may_be_large() {
    let workshop = Workshop::with(&Git::first(), &[RULES]);
    let tree = workshop.tree("tree", "sha1");
    tree.sh("mkdir secrets && head -c 60000000 /dev/urandom > secrets/large && git add . && git commit -qm Large");
    for (number, buffer) in ["1000", "200000000"].into_iter().enumerate() {
        for road in ROADS_THROUGH {
            tree.git(&["config", "http.postBuffer", buffer]);
            let bare = workshop.bare(&format!("{road:?}-{number}.git"));
            let talk = refused(&workshop, road, &bare, "tree", &["main"], "refuse path:secrets/**");
            assert!(talk.packs()[0].bytes > 60_000_000);
            assert!(talk.said(Side::Client).len() > 60_000_000, "what was refused is on the tape");
        }
    }
}

#[test]
fn a_signed_push_is_refused_like_any_other() {
    let workshop = Workshop::with(&Git::first(), &[RULES]);
    let tree = workshop.tree("tree", "sha1");
    let key = workshop.person.file.display().to_string();
    tree.sh(&format!(
        "git config gpg.format ssh && git config user.signingkey {key} && mkdir secrets && echo key > secrets/key &&
         git add . && git commit -qm Secret"
    ));
    for road in ROADS_THROUGH {
        let bare = workshop.bare(&format!("{road:?}.git"));
        let talk = refused(&workshop, road, &bare, "tree", &["--signed", "main"], "refuse path:secrets/**");
        assert!(talk.certificate().expect("a certificate").contains("BEGIN SSH SIGNATURE"));
    }
}

#[test]
fn who_pushes_several_times_over_one_connection_is_refused_only_what_is_refused() {
    let workshop = Workshop::with(&Git::first(), &[RULES]);
    let tree = workshop.tree("tree", "sha1");
    tree.sh("echo 1 > file && git add . && git commit -qm First && git checkout -qb bad && mkdir secrets &&
             echo key > secrets/key && git add . && git commit -qm Secret");
    let bare = workshop.bare("x.git");
    let socket = workshop.folder.join("socket");
    let shared = format!(
        "{} -o ControlMaster=auto -o ControlPersist=60 -o ControlPath={}",
        workshop.ssh_command(),
        socket.display()
    );
    let push = |what: &str| {
        let git = workshop.git_in(Road::Ssh, "tree").env("GIT_SSH_COMMAND", &shared).args(["push", "--quiet"]);
        git.arg(workshop.url(Road::Ssh, "x.git")).arg(what).finish()
    };
    push("main").good();
    for _ in 0..3 {
        push("bad").coded(1);
    }
    push("main:refs/heads/other").good();
    assert_eq!(bare.refs().keys().collect::<Vec<_>>(), ["refs/heads/main", "refs/heads/other"]);
    let exit = workshop.folder.program("ssh").arg("-F").arg(workshop.ssh_config());
    exit.args(["-o", &format!("ControlPath={}", socket.display()), "-O", "exit", "gateway"]).succeed();
    let sessions = workshop.ended();
    assert_eq!(sessions.len(), 1, "one connection is one session");
    assert_eq!(sessions[0].1.talks().len(), 5);
}
