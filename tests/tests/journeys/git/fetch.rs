//! What clients take: clones, fetches, a look at the refs, archives. By every road and with every git of the machine.

use wiretape_core::Side;
use wiretape_core::event::GitService;
use wiretape_tests::exchange::recorded;
use wiretape_tests::forge::PASSWORD;
use wiretape_tests::git::Git;
use wiretape_tests::repository::{Repository, Size, fill};
use wiretape_tests::secrets;
use wiretape_tests::workshop::{ROADS_THROUGH, Road, Workshop};

/// A repository with something of everything: branches, a merge, tags of both kinds, files that are not text.
fn varied<'a>(workshop: &'a Workshop, name: &str, format: &str) -> Repository<'a> {
    let bare = workshop.bare_of(name, format);
    let tree = workshop.tree(&format!("{name}-source"), format);
    tree.sh(
        "mkdir -p folder/deep && seq 1 2000 > file && head -c 5000 /dev/urandom > folder/binary &&
             echo deep > folder/deep/file && git add . && git commit -qm 'First of all' &&
             git tag light && git checkout -qb side && seq 1 10 > other && git add . && git commit -qm 'On the side' &&
             git checkout -q main && seq 5 2005 > file && git commit -qam 'Second' &&
             git merge -q --no-ff -m 'Merged' side && git tag -a -m 'A release' v1 && git tag -a -m 'On a tag' v1-1 v1",
    );
    tree.git(&["push", "--quiet", "--mirror", &bare.path.display().to_string()]);
    bare
}

/// The two are the same, object for object.
fn same(clone: &Repository<'_>, bare: &Repository<'_>) {
    clone.check();
    assert_eq!(clone.objects(), bare.objects());
}

#[test]
fn a_clone_is_the_same_by_every_road_and_every_version_of_the_protocol() {
    for git in Git::all() {
        let workshop = Workshop::of(&git);
        let bare = varied(&workshop, "varied.git", "sha1");
        for road in ROADS_THROUGH {
            for version in ["0", "1", "2"] {
                let before = workshop.gateway.record().sessions().len();
                let to = format!("clone-{road:?}-{version}");
                let chosen = format!("protocol.version={version}");
                let url = workshop.url(road, "varied.git");
                let client = workshop.git(road).args(["-c", &chosen, "-c", "transfer.unpackLimit=1"]);
                let client = client.args(["clone", "--quiet", "--mirror", &url, &to]);
                let finished = client.succeed();
                assert_eq!(finished.errors(), "", "{road:?} {version}");
                let clone = workshop.at(&to);
                same(&clone, &bare);
                assert_eq!(clone.refs(), bare.refs());
                let talks: Vec<_> =
                    workshop.ended().split_off(before).into_iter().flat_map(|(_, e)| e.talks()).collect();
                assert!(talks.iter().all(|talk| talk.service == GitService::UploadPack
                    && talk.repository == workshop.recorded_name(road, "varied.git")));
                let advertised = talks.iter().find_map(|talk| talk.advertised()).expect("what the target offers");
                assert_eq!(advertised.0.to_string(), version, "{road:?}");
                let named = talks.iter().find(|talk| !talk.refs().is_empty()).expect("the target names its refs");
                let mut refs = bare.refs();
                refs.insert("HEAD".to_owned(), bare.id("HEAD"));
                let mut seen = named.ref_names();
                seen.retain(|name, _| !name.ends_with("^{}"));
                assert_eq!(seen, refs, "{road:?} {version}");
                let head = named.refs().into_iter().find(|of| of.name.as_ref() == b"HEAD").expect("HEAD is a ref");
                assert_eq!(head.symref_target.as_deref(), Some(&b"refs/heads/main"[..]), "{road:?} {version}");
                let tag = named.refs().into_iter().find(|of| of.name.as_ref() == b"refs/tags/v1-1").expect("a tag");
                assert_eq!(tag.peeled.map(|id| id.to_string()), Some(bare.id("v1-1^{}")), "{road:?} {version}");
                let wanted: Vec<String> = talks.iter().flat_map(|talk| talk.wanted()).flat_map(|w| w.ids).collect();
                assert!(wanted.contains(&bare.id("main")), "{wanted:?}");
                let packs: Vec<_> = talks.iter().flat_map(|talk| talk.packs()).collect();
                assert_eq!(packs.len(), 1, "{road:?} {version}: {packs:?}");
                assert_eq!(packs[0].objects as usize, bare.objects().len());
                let pack = clone.sh("cat objects/pack/*.pack | sha256sum | cut -d' ' -f1");
                assert_eq!(packs[0].sha256, pack.trim(), "the pack is the one that the client keeps");
                assert_eq!(packs[0].side, Side::Upstream);
            }
        }
        secrets::are_nowhere(&workshop.gateway, &[&workshop.token.secret, PASSWORD]);
    }
}

#[test]
fn repositories_of_sha_256_are_cloned() {
    let workshop = Workshop::new();
    let bare = varied(&workshop, "varied.git", "sha256");
    for road in ROADS_THROUGH {
        for version in ["0", "2"] {
            let to = format!("clone-{road:?}-{version}");
            let chosen = format!("protocol.version={version}");
            let url = workshop.url(road, "varied.git");
            workshop.git(road).args(["-c", &chosen, "clone", "--quiet", "--mirror", &url, &to]).succeed();
            same(&workshop.at(&to), &bare);
        }
    }
    let fetches = workshop.fetches();
    assert_eq!(fetches.len(), 6);
    for talk in fetches {
        assert!(talk.wanted().iter().all(|wanted| wanted.ids.iter().all(|id| id.len() == 64)));
        let packs = talk.packs();
        assert_eq!(packs.len(), 1);
        assert_eq!((packs[0].checksum.len(), packs[0].objects as usize), (64, bare.objects().len()));
    }
}

#[test]
fn what_was_fetched_before_is_not_fetched_again() {
    for git in Git::all() {
        let workshop = Workshop::of(&git);
        let bare = varied(&workshop, "varied.git", "sha1");
        for road in ROADS_THROUGH {
            for version in ["0", "2"] {
                let to = format!("clone-{road:?}-{version}");
                workshop.clone_to(road, "varied.git", &to, &[]).git(&["config", "protocol.version", version]);
                workshop.at("varied.git-source").sh(&format!(
                    "echo more-{to} >> file && git commit -qam 'More for {to}' && git push -q {} HEAD:main",
                    bare.path.display()
                ));
                let before = workshop.gateway.record().sessions().len();
                workshop.git_in(road, &to).args(["pull", "--quiet", "--ff-only"]).succeed();
                let clone = workshop.at(&to);
                assert_eq!(clone.id("main"), bare.id("main"));
                clone.check();
                let talks: Vec<_> =
                    workshop.ended().split_off(before).into_iter().flat_map(|(_, e)| e.talks()).collect();
                let haves: Vec<String> = talks.iter().flat_map(|talk| talk.haves()).collect();
                assert!(haves.contains(&bare.id("main~1")), "{road:?} {version}: {haves:?}");
                let said: Vec<String> = talks.iter().flat_map(|talk| talk.acknowledged()).collect();
                assert!(said.iter().any(|line| line.starts_with(&format!("ACK {}", bare.id("main~1")))), "{said:?}");
                let packs: Vec<_> = talks.iter().flat_map(|talk| talk.packs()).collect();
                assert_eq!(packs.len(), 1);
                assert_eq!(packs[0].objects, 3, "a commit, a tree and a file");
            }
        }
    }
}

#[test]
fn a_look_at_the_refs_shows_them() {
    for git in Git::all() {
        let workshop = Workshop::of(&git);
        let bare = varied(&workshop, "varied.git", "sha1");
        for version in ["0", "1", "2"] {
            let look = |road: Road| {
                let git =
                    workshop.git(road).args(["-c", &format!("protocol.version={version}"), "ls-remote", "--symref"]);
                git.arg(workshop.url(road, "varied.git")).succeed().text()
            };
            let direct = look(Road::Direct);
            assert!(direct.contains(&bare.id("main")));
            for road in ROADS_THROUGH {
                assert_eq!(look(road), direct, "{road:?} {version}");
            }
        }
        let talks = workshop.talks();
        assert!(talks.iter().all(|talk| talk.wanted().is_empty() && talk.packs().is_empty()));
        let commands: Vec<_> = talks.iter().flat_map(|talk| talk.commands()).collect();
        assert_eq!(commands.len(), 3);
        assert!(
            commands.iter().all(|(name, arguments)| name == "ls-refs" && arguments.contains(&"symrefs".to_owned()))
        );
    }
}

#[test]
fn a_shallow_clone_is_deepened() {
    for git in Git::all() {
        let workshop = Workshop::of(&git);
        let bare = workshop.bare("deep.git");
        fill(&bare, Size { commits: 30, files: 2, bytes: 300, random: false });
        for road in ROADS_THROUGH {
            for version in ["0", "2"] {
                let to = format!("clone-{road:?}-{version}");
                let before = workshop.gateway.record().sessions().len();
                let chosen = format!("protocol.version={version}");
                let clone = workshop.clone_to(road, "deep.git", &to, &["--depth", "3", "-c", &chosen]);
                assert_eq!(clone.commits(&["HEAD"]).len(), 3);
                workshop.git_in(road, &to).args(["fetch", "--quiet", "--deepen", "5"]).succeed();
                assert_eq!(clone.commits(&["HEAD"]).len(), 8);
                workshop.git_in(road, &to).args(["fetch", "--quiet", "--shallow-since=1700000600 +0000"]).succeed();
                assert_eq!(clone.commits(&["HEAD"]).len(), 20);
                workshop.git_in(road, &to).args(["fetch", "--quiet", "--unshallow"]).succeed();
                assert_eq!(clone.commits(&["HEAD"]), bare.commits(&["main"]));
                clone.check();
                let talks: Vec<_> =
                    workshop.ended().split_off(before).into_iter().flat_map(|(_, e)| e.talks()).collect();
                let mut deepen: Vec<String> = talks.iter().flat_map(|t| t.wanted()).flat_map(|w| w.deepen).collect();
                deepen.dedup();
                let first = deepen.first().expect("how deep");
                assert_eq!(first, "deepen 3", "{road:?} {version}: {deepen:?}");
                assert!(deepen.contains(&"deepen-relative".to_owned()) || version == "0", "{deepen:?}");
                assert!(deepen.iter().any(|line| line.starts_with("deepen-since ")), "{deepen:?}");
                assert!(deepen.contains(&"deepen 2147483647".to_owned()), "{deepen:?}");
                let lines: Vec<String> = talks.iter().flat_map(|talk| talk.acknowledged()).collect();
                assert!(lines.contains(&format!("shallow {}", bare.id("main~2"))), "{lines:?}");
                assert!(lines.contains(&format!("unshallow {}", bare.id("main~2"))), "{lines:?}");
                let shallow: Vec<String> = talks.iter().flat_map(|t| t.wanted()).flat_map(|w| w.shallow).collect();
                assert!(shallow.contains(&bare.id("main~2")), "{shallow:?}");
            }
        }
    }
}

#[test]
fn a_partial_clone_fetches_what_it_lacks_when_it_needs_it() {
    for git in Git::all() {
        let workshop = Workshop::of(&git);
        let bare = varied(&workshop, "varied.git", "sha1");
        for road in ROADS_THROUGH {
            for (version, filter) in [("0", "blob:none"), ("2", "blob:none"), ("2", "tree:0"), ("2", "blob:limit=1k")] {
                let to = format!("clone-{road:?}-{version}-{}", filter.replace([':', '='], "-"));
                let before = workshop.gateway.record().sessions().len();
                let chosen = format!("protocol.version={version}");
                let wanted = format!("--filter={filter}");
                let clone = workshop.clone_to(road, "varied.git", &to, &["--no-checkout", &wanted, "-c", &chosen]);
                assert!(clone.sh("git rev-list --all --objects --missing=print | grep -c '^?' || true").trim() != "0");
                workshop.git_in(road, &to).args(["checkout", "--quiet", "HEAD~1"]).succeed();
                assert_eq!(clone.git(&["cat-file", "-p", "HEAD:file"]), bare.git(&["cat-file", "-p", "main~1:file"]));
                let talks: Vec<_> =
                    workshop.ended().split_off(before).into_iter().flat_map(|(_, e)| e.talks()).collect();
                let wanted: Vec<_> = talks.iter().flat_map(|talk| talk.wanted()).collect();
                let filters: Vec<_> = wanted.iter().filter_map(|wanted| wanted.filter.clone()).collect();
                let told = if filter == "blob:limit=1k" { "blob:limit=1024" } else { filter };
                assert!(filters.contains(&told.to_owned()), "{road:?}: {filters:?}");
                let blob = bare.id("main~1:file");
                assert!(wanted.iter().any(|wanted| wanted.ids.contains(&blob)), "{road:?} {filter}: {wanted:?}");
            }
        }
    }
}

#[test]
fn submodules_come_along() {
    let workshop = Workshop::new();
    let part = varied(&workshop, "part.git", "sha1");
    let whole = workshop.bare("whole.git");
    let tree = workshop.tree("whole", "sha1");
    // The parts stand beside the whole, whatever road leads there.
    tree.sh(&format!(
        "git -c protocol.file.allow=always submodule --quiet add {} part && git config -f .gitmodules \
         submodule.part.url ../part.git && git add . && git commit -qm whole && git push -q {} HEAD:main",
        part.path.display(),
        whole.path.display()
    ));
    for road in ROADS_THROUGH {
        let clone = workshop.clone_to(road, "whole.git", &format!("clone-{road:?}"), &["--recurse-submodules"]);
        assert_eq!(clone.sh("git -C part rev-parse HEAD").trim(), part.id("main"));
    }
    let names: Vec<String> = workshop.fetches().into_iter().map(|talk| talk.repository).collect();
    assert_eq!(names.iter().filter(|name| name.ends_with("/part.git")).count(), 3, "{names:?}");
}

#[test]
fn an_archive_is_made_at_the_server() {
    for git in Git::all() {
        let workshop = Workshop::of(&git);
        let bare = varied(&workshop, "varied.git", "sha1");
        let archive = |road: Road| {
            let remote = format!("--remote={}", workshop.url(road, "varied.git"));
            workshop.git(road).args(["archive", "--format=tar", &remote, "main", "folder"]).succeed().stdout
        };
        let through = archive(Road::Ssh);
        assert!(through == archive(Road::DirectSsh), "the same bytes");
        assert!(through.len() > 5000);
        let talks = workshop.talks();
        assert_eq!(talks.len(), 1);
        assert_eq!(talks[0].service, GitService::UploadArchive);
        assert_eq!(talks[0].repository, bare.path.display().to_string());
        let asked = String::from_utf8_lossy(&talks[0].said(Side::Client)).into_owned();
        assert!(asked.contains("argument main"), "{asked}");
        let said = talks[0].said(Side::Upstream);
        assert!(said.len() > through.len(), "the archive is on the tape");
    }
}

#[test]
fn many_haves_are_said_compressed() {
    for git in Git::all() {
        let workshop = Workshop::of(&git);
        let bare = workshop.bare("long.git");
        fill(&bare, Size { commits: 400, files: 1, bytes: 60, random: false });
        let source = workshop.clone_to(Road::Direct, "long.git", "source", &[]);
        // What the server has never seen makes a client tell more and more of what it has.
        source.sh("stream() { for side in $(seq 1 12); do for commit in $(seq 1 40); do
                     printf 'commit refs/heads/side%d\ncommitter B <b@example.org> %d +0000\ndata 2\nx\n' $side \
                       $((1800000000 + commit)); done; done; }
                   stream | git fast-import --quiet");
        for road in ROADS_THROUGH {
            for version in ["0", "2"] {
                bare.sh("git update-ref refs/heads/main main~1 2>/dev/null");
                let to = format!("clone-{road:?}-{version}");
                source.sh(&format!("cp -r . ../{to}"));
                let newer = "GIT_COMMITTER_DATE='1800009999 +0000' git commit-tree -p main -m newer main^{tree}";
                bare.sh(&format!("git update-ref refs/heads/main $({newer})"));
                let before = workshop.gateway.record().sessions().len();
                let fetch =
                    workshop.git_in(road, &to).args(["-c", &format!("protocol.version={version}"), "fetch", "-q"]);
                fetch.arg(workshop.url(road, "long.git")).arg("main").succeed();
                assert_eq!(workshop.at(&to).id("FETCH_HEAD"), bare.id("main"));
                let sessions = workshop.ended().split_off(before);
                let talks: Vec<_> = sessions.iter().flat_map(|(_, events)| events.talks()).collect();
                let haves: Vec<String> = talks.iter().flat_map(|talk| talk.haves()).collect();
                assert!(haves.len() > 40, "{road:?} {version}: {} haves", haves.len());
                assert!(haves.iter().all(|have| have.len() == 40));
                let exchanges: Vec<_> = sessions.iter().flat_map(|(_, events)| events.exchanges()).collect();
                let coded = exchanges.iter().any(|exchange| recorded(&exchange.fields, "content-encoding") == ["gzip"]);
                assert_eq!(coded, road != Road::Ssh, "what is long is compressed by HTTP");
            }
        }
    }
}
