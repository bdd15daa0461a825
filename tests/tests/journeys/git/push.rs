//! What clients give: every kind of update, by every road and with every git of the machine.

use wiretape_core::Side;
use wiretape_core::event::{GitEvent, ObjectKind, SignatureKind};
use wiretape_tests::forge::PASSWORD;
use wiretape_tests::git::Git;
use wiretape_tests::program::Finished;
use wiretape_tests::repository::Repository;
use wiretape_tests::secrets;
use wiretape_tests::talk::Talk;
use wiretape_tests::workshop::{ROADS_THROUGH, Road, Workshop};

use super::brought;

/// A work tree called `name` with a first commit, of which the server knows nothing.
fn begun<'a>(workshop: &'a Workshop, name: &str, format: &str) -> Repository<'a> {
    let tree = workshop.tree(name, format);
    tree.sh("mkdir -p folder/deep && seq 1 2000 > file && head -c 5000 /dev/urandom > folder/binary &&
             echo deep > folder/deep/file && echo first > 'name with space' && git add . &&
             git commit -qm 'First of all

With more to say.'");
    tree
}

/// Pushes from the work tree at `tree` to the server's repository `name`.
fn push(workshop: &Workshop, road: Road, tree: &str, name: &str, words: &[&str]) -> Finished {
    let (options, refs): (Vec<&str>, Vec<&str>) = words.iter().partition(|word| word.starts_with('-'));
    workshop.git_in(road, tree).arg("push").args(options).arg(workshop.url(road, name)).args(refs).finish()
}

/// The one push that was recorded after `before` sessions.
fn pushed(workshop: &Workshop, before: usize) -> Talk {
    let sessions = workshop.ended().split_off(before);
    let mut pushes: Vec<Talk> =
        sessions.into_iter().flat_map(|(_, events)| events.talks()).filter(|talk| !talk.updates().is_empty()).collect();
    assert_eq!(pushes.len(), 1, "one push");
    pushes.remove(0)
}

/// A push that goes well, and what was recorded of it: the updates are `changes`, the report says that all is well, the
/// commits and files are those of `range`, and the pack is whole.
fn good(workshop: &Workshop, road: Road, bare: &Repository<'_>, tree: &str, words: &[&str], changes: &[&str]) -> Talk {
    let before = workshop.gateway.record().sessions().len();
    let name = bare.path.file_name().expect("a name").to_string_lossy().into_owned();
    let known: Vec<String> = bare.refs().into_values().collect();
    push(workshop, road, tree, &name, words).good();
    bare.check();
    let talk = pushed(workshop, before);
    assert_eq!(talk.changes(), changes, "{road:?} {words:?}");
    assert_eq!(talk.repository, workshop.recorded_name(road, &name));
    let (unpack, refs) = talk.report().expect("what became of it");
    assert_eq!(unpack, "ok");
    assert_eq!(refs.len(), changes.len());
    assert!(refs.iter().all(|line| line.ends_with(" ok")), "{refs:?}");
    let now = bare.refs();
    for update in talk.updates() {
        let name = String::from_utf8_lossy(&update.name).into_owned();
        let expected = now.get(&name).cloned().unwrap_or_else(|| "0".repeat(update.new.to_string().len()));
        assert_eq!(update.new.to_string(), expected, "{name}");
    }
    let mut range: Vec<String> =
        talk.updates().iter().filter(|update| !update.new.is_null()).map(|update| update.new.to_string()).collect();
    if !range.is_empty() {
        range.push("--not".to_owned());
        range.extend(known);
        brought(&talk, bare, &range.iter().map(String::as_str).collect::<Vec<_>>());
    }
    for pack in talk.packs() {
        assert_eq!((pack.side, pack.intact), (Side::Client, Some(true)));
        let ([commits, trees, blobs, tags, unresolved], cut) = talk.contents().expect("what was in the pack");
        assert_eq!((commits + trees + blobs + tags, unresolved, cut.as_str()), (pack.objects, 0, ""));
        let said = talk.said(Side::Client);
        let kept = &said[said.len() - usize::try_from(pack.bytes).expect("a size")..];
        assert_eq!(wiretape_tests::random::digest_of(kept), pack.sha256, "the pack is on the tape");
    }
    talk
}

#[test]
fn every_kind_of_update_is_recorded_for_what_it_is() {
    for git in Git::all() {
        let workshop = Workshop::of(&git);
        for road in ROADS_THROUGH {
            let bare = workshop.bare(&format!("{road:?}.git"));
            let tree = begun(&workshop, &format!("tree-{road:?}"), "sha1");
            let own = format!("tree-{road:?}");
            let good = |words: &[&str], changes: &[&str]| good(&workshop, road, &bare, &own, words, changes);
            good(&["HEAD:refs/heads/main"], &["refs/heads/main created"]);
            tree.sh("seq 10 2010 > file && git rm -q 'name with space' && echo new > 'ünïcode' && git add . &&
                     git commit -qm Second && ln -s file link && chmod +x file && git add . && git commit -qm Third");
            let first = bare.id("main");
            let talk = good(&["main"], &["refs/heads/main fast-forward"]);
            assert_eq!(talk.updates()[0].old.to_string(), first);
            // More than one at once.
            tree.sh("git checkout -qb side main~1 && echo side > side && git add . && git commit -qm Aside &&
                     git tag light && git tag -a -m 'A release' v1 && git tag -a -m 'On a tag' v1-1 v1");
            let talk = good(
                &["side", "light", "v1", "v1-1"],
                &[
                    "refs/heads/side created",
                    "refs/tags/light created",
                    "refs/tags/v1 created",
                    "refs/tags/v1-1 created",
                ],
            );
            let tags = talk.tags();
            assert_eq!(tags.len(), 2);
            let GitEvent::Tag { target, target_kind, tagger, message, signature, .. } = tags["v1-1"] else { panic!() };
            assert_eq!((target.to_string(), *target_kind), (tree.id("v1"), ObjectKind::Tag));
            assert_eq!(tagger.as_ref().map(|of| of.email.as_ref()), Some(&b"bo@example.org"[..]));
            assert_eq!((message.as_ref(), *signature), (&b"On a tag\n"[..], None));
            // A merge is told by its first parent.
            tree.sh("git checkout -q main && git merge -q --no-ff -m Merged side");
            good(&["main"], &["refs/heads/main fast-forward"]);
            // Rewritten, after which the server has what came before only by name.
            tree.sh("git reset -q --hard HEAD~2 && echo other >> file && git commit -qam Rewritten");
            good(&["--force", "main"], &["refs/heads/main forced"]);
            // Nothing new: what becomes of a ref is known to the server alone.
            tree.sh("git branch ahead side && git branch behind side~1");
            good(&["behind:refs/heads/moving"], &["refs/heads/moving created"]);
            let talk = good(&["ahead:refs/heads/moving"], &["refs/heads/moving fast-forward"]);
            assert!(talk.commits().is_empty());
            good(&["--force", "behind:refs/heads/moving"], &["refs/heads/moving forced"]);
            good(&["main:refs/heads/moving"], &["refs/heads/moving fast-forward"]);
            good(&["--force", "ahead:refs/heads/moving"], &["refs/heads/moving forced"]);
            let talk =
                good(&["--delete", "moving", "light"], &["refs/heads/moving deleted", "refs/tags/light deleted"]);
            assert!(talk.packs().is_empty() && talk.commits().is_empty());
            assert_eq!(bare.refs().keys().collect::<Vec<_>>().len(), 4);
        }
        secrets::are_nowhere(&workshop.gateway, &[&workshop.token.secret, PASSWORD]);
    }
}

#[test]
fn pushes_to_repositories_of_sha_256_are_understood() {
    let workshop = Workshop::new();
    for road in ROADS_THROUGH {
        let bare = workshop.bare_of(&format!("{road:?}.git"), "sha256");
        let own = format!("tree-{road:?}");
        let tree = begun(&workshop, &own, "sha256");
        good(&workshop, road, &bare, &own, &["main"], &["refs/heads/main created"]);
        tree.sh("seq 10 2010 > file && git commit -qam Second");
        good(&workshop, road, &bare, &own, &["main"], &["refs/heads/main fast-forward"]);
        tree.sh("git commit -q --amend -m Rewritten");
        let talk = good(&workshop, road, &bare, &own, &["--force", "main"], &["refs/heads/main forced"]);
        assert_eq!(talk.updates()[0].new.as_bytes().len(), 32);
        assert_eq!(talk.packs()[0].checksum.len(), 64);
    }
}

#[test]
fn a_pull_takes_what_somebody_else_pushed() {
    let workshop = Workshop::new();
    let bare = workshop.bare("shared.git");
    let tree = begun(&workshop, "tree", "sha1");
    for road in ROADS_THROUGH {
        good(
            &workshop,
            road,
            &bare,
            "tree",
            &["main"],
            &[if road == Road::Reverse { "refs/heads/main created" } else { "refs/heads/main fast-forward" }],
        );
        let other = format!("other-{road:?}");
        workshop.clone_to(road, "shared.git", &other, &[]);
        workshop.at(&other).sh(&format!("echo {other} >> file && git commit -qam 'By {other}'"));
        good(&workshop, road, &bare, &other, &["main"], &["refs/heads/main fast-forward"]);
        tree.sh("git commit -q --allow-empty -m 'Meanwhile'");
        push(&workshop, road, "tree", "shared.git", &["main"]).coded(1);
        let pull = workshop.git_in(road, "tree").args(["pull", "--quiet", "--no-rebase", "--no-edit"]);
        pull.arg(workshop.url(road, "shared.git")).arg("main").succeed();
        assert_eq!(tree.id("HEAD^2"), bare.id("main"));
    }
    good(&workshop, Road::Ssh, &bare, "tree", &["main"], &["refs/heads/main fast-forward"]);
}

/// Writes a hook of the server's repository.
fn hook(bare: &Repository<'_>, name: &str, script: &str) {
    let path = bare.path.join("hooks").join(name);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder can be made");
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("a file can be written");
    bare.sh(&format!("chmod +x hooks/{name}"));
}

#[test]
fn what_a_hook_of_the_server_refuses_is_refused_in_its_words() {
    for git in Git::all() {
        let workshop = Workshop::of(&git);
        for (number, (kind, script, reason)) in [
            ("pre-receive", "echo 'not today' >&2; exit 1", "pre-receive hook declined"),
            ("update", "echo \"no $1\" >&2; test \"$1\" != refs/heads/main", "hook declined"),
        ]
        .into_iter()
        .enumerate()
        {
            let tree = begun(&workshop, &format!("tree{number}"), "sha1");
            tree.git(&["branch", "side"]);
            let own = format!("tree{number}");
            let see = |road: Road, options: &[&str]| {
                let name = format!("{kind}-{road:?}-{}.git", options.len());
                let bare = workshop.bare(&name);
                hook(&bare, kind, script);
                let words: Vec<&str> = options.iter().copied().chain(["main", "side"]).collect();
                let finished = push(&workshop, road, &own, &name, &words).coded(1);
                let said: Vec<String> = finished
                    .errors()
                    .lines()
                    .filter(|line| !line.starts_with("To ") && !line.starts_with("error: failed to push"))
                    .map(|line| line.trim_end().to_owned())
                    .collect();
                (said, bare.refs().into_keys().collect::<Vec<_>>())
            };
            for options in [&[][..], &["--atomic"][..]] {
                let direct = see(Road::Direct, options);
                assert!(direct.0.iter().any(|line| line.starts_with("remote: no")), "{direct:?}");
                assert!(direct.0.iter().any(|line| line.contains(reason)), "{direct:?}");
                for road in ROADS_THROUGH {
                    let before = workshop.gateway.record().sessions().len();
                    assert_eq!(see(road, options), direct, "{road:?} {options:?}");
                    let talk = pushed(&workshop, before);
                    let (unpack, refs) = talk.report().expect("a report");
                    assert_eq!((unpack.as_str(), refs.len()), ("ok", 2));
                    assert!(refs.iter().any(|line| line.ends_with(reason)), "{refs:?}");
                    assert!(talk.progress().contains("no"), "{}", talk.progress());
                }
            }
        }
    }
}

#[test]
fn options_of_a_push_arrive_and_are_recorded() {
    for git in Git::all() {
        let workshop = Workshop::of(&git);
        begun(&workshop, "tree", "sha1");
        for road in ROADS_THROUGH {
            let bare = workshop.bare(&format!("{road:?}.git"));
            hook(&bare, "pre-receive", "echo $GIT_PUSH_OPTION_COUNT $GIT_PUSH_OPTION_0 $GIT_PUSH_OPTION_1 > options");
            let words = ["--push-option=ci.skip", "--push-option=reviewer=ünï code", "main"];
            let talk = good(&workshop, road, &bare, "tree", &words, &["refs/heads/main created"]);
            assert_eq!(talk.options(), ["ci.skip", "reviewer=ünï code"]);
            let arrived = std::fs::read_to_string(bare.path.join("options")).expect("the hook wrote it");
            assert_eq!(arrived, "2 ci.skip reviewer=ünï code\n");
        }
    }
}

#[test]
fn a_signed_push_arrives_as_it_was_signed() {
    for git in Git::all() {
        let workshop = Workshop::of(&git);
        let tree = begun(&workshop, "tree", "sha1");
        let key = workshop.person.file.display().to_string();
        let allowed = format!("bo@example.org {}\n", workshop.person.public);
        let allowed = workshop.folder.write("allowed", allowed).display().to_string();
        tree.sh(&format!(
            "git config gpg.format ssh && git config user.signingkey {key} && git commit -q -S --amend -m Signed &&
             git tag -s -m 'A signed tag' v1"
        ));
        for road in ROADS_THROUGH {
            let bare = workshop.bare(&format!("{road:?}.git"));
            bare.git(&["config", "gpg.ssh.allowedSignersFile", &allowed]);
            hook(
                &bare,
                "pre-receive",
                "git cat-file blob $GIT_PUSH_CERT > certificate
                 echo $GIT_PUSH_CERT_STATUS $GIT_PUSH_CERT_NONCE_STATUS > status",
            );
            let updates = ["refs/heads/main created", "refs/tags/v1 created"];
            let talk = good(&workshop, road, &bare, "tree", &["--signed", "main", "v1"], &updates);
            let arrived = std::fs::read_to_string(bare.path.join("certificate")).expect("the hook wrote it");
            assert_eq!(talk.certificate().expect("a certificate"), arrived);
            let by_ssh = talk
                .git()
                .any(|(_, event)| matches!(event, GitEvent::Certificate { signature: SignatureKind::Ssh, .. }));
            assert!(by_ssh && arrived.contains("BEGIN SSH SIGNATURE"), "{arrived}");
            let GitEvent::Tag { signature, .. } = talk.tags()["v1"] else { panic!("no tag") };
            assert_eq!(*signature, Some(SignatureKind::Ssh));
            // By HTTP the nonce comes back in another request.
            let status = std::fs::read_to_string(bare.path.join("status")).expect("the hook wrote it");
            assert!(status.starts_with("G "), "{road:?}: {status}");
        }
    }
}

#[test]
fn what_is_large_passes_in_one_piece_and_in_chunks() {
    let workshop = Workshop::new();
    let tree = workshop.tree("tree", "sha1");
    tree.sh("head -c 60000000 /dev/urandom > large && git add . && git commit -qm Large");
    for (number, buffer) in ["1000", "200000000"].into_iter().enumerate() {
        for road in ROADS_THROUGH {
            let bare = workshop.bare(&format!("{road:?}-{number}.git"));
            tree.git(&["config", "http.postBuffer", buffer]);
            let talk = good(&workshop, road, &bare, "tree", &["main"], &["refs/heads/main created"]);
            assert!(talk.packs()[0].bytes > 60_000_000);
            assert_eq!(bare.objects(), tree.objects());
        }
    }
}

#[test]
fn pushes_at_the_same_time_do_not_meet() {
    let workshop = Workshop::new();
    for road in ROADS_THROUGH {
        let bare = workshop.bare(&format!("{road:?}.git"));
        let running: Vec<_> = (0..6)
            .map(|number| {
                let own = format!("tree-{road:?}-{number}");
                begun(&workshop, &own, "sha1")
                    .sh(&format!("echo {number} > own && git add . && git commit -qm {number}"));
                let name = format!("{road:?}.git");
                let git = workshop.git_in(road, &own).arg("push").arg(workshop.url(road, &name));
                git.arg(format!("HEAD:refs/heads/of-{number}")).start()
            })
            .collect();
        for client in running {
            client.finish().good();
        }
        bare.check();
        assert_eq!(bare.refs().len(), 6);
    }
    let pushes = workshop.pushes();
    assert_eq!(pushes.len(), 18);
    for talk in pushes {
        assert_eq!((talk.commits().len(), talk.updates().len()), (2, 1));
    }
}

#[test]
fn nobody_is_offered_to_send_what_only_the_server_could_read() {
    let workshop = Workshop::new();
    let tree = begun(&workshop, "tree", "sha1");
    for road in ROADS_THROUGH {
        let bare = workshop.bare(&format!("{road:?}.git"));
        good(&workshop, road, &bare, "tree", &["main"], &["refs/heads/main created"]);
        tree.sh("echo more >> file && git commit -qam More");
        let name = format!("{road:?}.git");
        let git = workshop.git_in(road, "tree").env("GIT_TRACE_PACKET", "1").args(["push", "--thin"]);
        let traced = git.arg(workshop.url(road, &name)).arg("main").succeed().errors();
        let offered: Vec<&str> = traced.lines().filter(|line| line.contains("report-status-v2 delete-refs")).collect();
        assert!(!offered.is_empty() && offered.iter().all(|line| line.contains(" no-thin")), "{road:?}: {traced}");
        let talk = workshop.pushes().pop().expect("a push");
        let (version, capabilities) = workshop
            .talks()
            .iter()
            .filter(|other| other.repository == talk.repository)
            .find_map(Talk::advertised)
            .expect("what the server offers");
        assert!(version == 0 && !capabilities.contains(&"no-thin".to_owned()), "the record has the server's words");
        assert_eq!(talk.contents().expect("a pack").0[4], 0, "nothing is unresolved");
        bare.check();
    }
}
