//! What no good client or server does: packs that are broken, lines that are none, peers that die in the middle.

use std::path::Path;

use wiretape_core::Side;
use wiretape_tests::pkt;
use wiretape_tests::program::Running;
use wiretape_tests::repository::Repository;
use wiretape_tests::stage::wait_until;
use wiretape_tests::talk::Talk;
use wiretape_tests::workshop::{ROADS_THROUGH, Road, Workshop};

/// What clients say of themselves in a push.
const CAPABILITIES: &str = "report-status side-band-64k agent=by/hand";

/// A server's repository with a branch `main`, and a work tree that is one commit ahead of it.
fn ahead<'a>(workshop: &'a Workshop, name: &str) -> (Repository<'a>, Repository<'a>) {
    let bare = workshop.bare(name);
    let tree = workshop.tree(&format!("{name}-tree"), "sha1");
    tree.sh("seq 1 5000 > file && git add . && git commit -qm First");
    tree.git(&["push", "--quiet", &bare.path.display().to_string(), "main"]);
    tree.sh("echo more >> file && head -c 100000 /dev/urandom > other && git add . && git commit -qm Second");
    (bare, tree)
}

/// The pack of what `tree` is ahead; `options` are those of `git pack-objects`.
fn pack(tree: &Repository<'_>, options: &str) -> Vec<u8> {
    let script = "printf '%s\\n' HEAD ^HEAD~1 | git pack-objects -q --revs --stdout";
    tree.sh(&format!("{script} {options} > ../pack"));
    std::fs::read(tree.path.with_file_name("pack")).expect("the pack is there")
}

/// Says `content` to the program that takes pushes, and gives what comes back.
fn say(workshop: &Workshop, road: Road, name: &str, content: &[u8], options: &[&str]) -> Vec<u8> {
    let file = workshop.folder.write("said", content);
    if road == Road::Ssh {
        let path = workshop.forge.repositories().join(name);
        let ssh = workshop.folder.program("ssh").arg("-F").arg(workshop.ssh_config()).arg("gateway");
        return ssh.arg(format!("git-receive-pack '{}'", path.display())).input_file(&file).finish().stdout;
    }
    let kind = "Content-Type: application/x-git-receive-pack-request";
    let url = workshop.url(road, name) + "/git-receive-pack";
    let curl = workshop.curl(road).args(["--header", kind]).args(options);
    curl.arg("--data-binary").arg(format!("@{}", file.display())).arg(url).finish().stdout
}

/// The conversation that was recorded after `before` sessions and in which a push was begun.
fn begun(workshop: &Workshop, before: usize) -> Talk {
    let sessions = workshop.ended().split_off(before);
    let mut talks: Vec<Talk> = sessions.into_iter().flat_map(|(_, events)| events.talks()).collect();
    // What comes in chunks is tried out with an empty request first.
    talks.retain(|talk| talk.said(Side::Client).len() > pkt::FLUSH.len());
    assert_eq!(talks.len(), 1, "{:?}", talks.iter().map(|talk| &talk.events).collect::<Vec<_>>());
    talks.remove(0)
}

#[test]
fn what_is_made_by_hand_passes_where_it_is_right() {
    let workshop = Workshop::new();
    for (number, (options, curl)) in [
        ("--delta-base-offset", &[][..]),
        ("", &["--header", "Expect: 100-continue"]),
        ("--delta-base-offset", &["--header", "Transfer-Encoding: chunked"]),
        // Deltas against what the server has: who sends that has not heard that it should not.
        ("--thin --delta-base-offset", &[]),
        ("--thin", &[]),
    ]
    .into_iter()
    .enumerate()
    {
        for road in ROADS_THROUGH {
            let name = format!("{road:?}-{number}.git");
            let (bare, tree) = ahead(&workshop, &name);
            let before = workshop.gateway.record().sessions().len();
            let mut content = pkt::update(&tree.id("HEAD~1"), &tree.id("HEAD"), "refs/heads/main", CAPABILITIES);
            content.extend(pack(&tree, options));
            let answer = say(&workshop, road, &name, &content, curl);
            let answer = String::from_utf8_lossy(&answer);
            assert!(answer.contains("unpack ok") && answer.contains("ok refs/heads/main"), "{road:?}: {answer}");
            assert_eq!(bare.id("main"), tree.id("HEAD"));
            bare.check();
            let talk = begun(&workshop, before);
            assert_eq!(talk.changes(), ["refs/heads/main fast-forward"], "{road:?} {options}");
            assert_eq!(talk.commits().len(), 1);
            assert_eq!(talk.packs()[0].objects, 4);
            let (files, complete) = talk.files(&tree.id("HEAD"));
            assert!(complete, "{road:?} {options}");
            let lines: Vec<_> = files.iter().map(|(path, file)| (path.as_str(), file.lines)).collect();
            assert_eq!(lines, [("file", Some((1, 0))), ("other", None)]);
        }
    }
}

/// What is wrong with a push, and what its bytes are then.
fn wrongs(begin: &[u8], pack: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut pack = pack.to_vec();
        change(&mut pack);
        [begin, &pack].concat()
    };
    // A blob of half a gigabyte of zeros, as zlib writes it: far more than it says that it is.
    let bomb = || {
        let mut object = vec![0xb5, 0x01];
        object.extend(zeros());
        object
    };
    vec![
        ("a checksum that is wrong", with(&|pack| *pack.last_mut().expect("bytes") ^= 1)),
        (
            "bytes that are other ones",
            with(&|pack| {
                let middle = pack.len() / 2;
                pack[middle] ^= 0xff;
            }),
        ),
        ("a version that is none", with(&|pack| pack[7] = 9)),
        ("no pack at all", [begin, b"PUCK and nothing else that is like one"].concat()),
        ("more objects than there are", with(&|pack| pack[11] += 1)),
        ("fewer objects than there are", with(&|pack| pack[11] -= 1)),
        ("the end missing", with(&|pack| pack.truncate(pack.len() - 1000))),
        ("four thousand million objects", with(&|pack| pack[8..12].copy_from_slice(&[0xff; 4]))),
        (
            "an object that is not what it says",
            with(&|pack| {
                pack.truncate(12);
                pack[11] = 1;
                pack.extend(bomb());
                pack.extend([0; 20]);
            }),
        ),
    ]
}

/// A megabyte of zeros, deflated.
fn zeros() -> Vec<u8> {
    let script = "import sys, zlib; sys.stdout.buffer.write(zlib.compress(bytes(1 << 20)))";
    wiretape_tests::program::Program::new("python3").args(["-c", script]).succeed().stdout
}

#[test]
fn a_pack_that_is_broken_does_not_get_to_the_server() {
    let workshop = Workshop::new();
    for road in ROADS_THROUGH {
        let name = format!("{road:?}.git");
        let (bare, tree) = ahead(&workshop, &name);
        let begin = pkt::update(&tree.id("HEAD~1"), &tree.id("HEAD"), "refs/heads/main", CAPABILITIES);
        let had = bare.sh("find . -type f | sort | xargs sha256sum");
        for (what, content) in wrongs(&begin, &pack(&tree, "")) {
            let before = workshop.gateway.record().sessions().len();
            let answer = say(&workshop, road, &name, &content, &[]);
            let answer = String::from_utf8_lossy(&answer);
            let talk = begun(&workshop, before);
            assert!(answer.contains("ng refs/heads/main "), "{road:?}, {what}: {answer}");
            assert!(answer.contains("unpack ") && !answer.contains("unpack ok"), "{road:?}, {what}: {answer}");
            assert_eq!(talk.errors().len(), 1, "{road:?}, {what}: {:?}", talk.events);
            assert_eq!(talk.said(Side::Client), content, "{road:?}, {what}: what was said is on the tape");
            assert_eq!(bare.sh("find . -type f | sort | xargs sha256sum"), had, "{road:?}, {what}");
            assert!(workshop.gateway.runs());
        }
        // What is right goes as before.
        let answer = say(&workshop, road, &name, &[begin, pack(&tree, "")].concat(), &[]);
        assert!(String::from_utf8_lossy(&answer).contains("unpack ok"));
        assert_eq!(bare.id("main"), tree.id("HEAD"));
    }
}

#[test]
fn lines_that_are_none_end_only_who_says_them() {
    let workshop = Workshop::new();
    let (bare, tree) = ahead(&workshop, "x.git");
    let update = pkt::update(&tree.id("HEAD~1"), &tree.id("HEAD"), "refs/heads/main", CAPABILITIES);
    let contents: Vec<Vec<u8>> = vec![
        b"garbage that is no line".to_vec(),
        b"zzzz".to_vec(),
        b"0003".to_vec(),
        b"fff1".to_vec(),
        b"ffff".repeat(20_000),
        pkt::line("not an update"),
        [pkt::line("0 0 refs/heads/main\0"), pkt::FLUSH.to_vec()].concat(),
        [&update[..update.len() - 4], &pkt::line(vec![b'x'; 65_000]), pkt::FLUSH].concat(),
        wiretape_tests::random::bytes(300_000),
        Vec::new(),
    ];
    for road in ROADS_THROUGH {
        for content in &contents {
            let _whatever = say(&workshop, road, "x.git", content, &[]);
            assert!(workshop.gateway.runs(), "{road:?} {:?}", &content[..content.len().min(40)]);
        }
        for content in &contents {
            let file = workshop.folder.write("said", content);
            if road == Road::Ssh {
                let ssh = workshop.folder.program("ssh").arg("-F").arg(workshop.ssh_config()).arg("gateway");
                let _whatever =
                    ssh.arg(format!("git-upload-pack '{}'", bare.path.display())).input_file(&file).finish();
            } else {
                let kind = "Content-Type: application/x-git-upload-pack-request";
                let curl = workshop.curl(road).args(["--header", kind, "--header", "Git-Protocol: version=2"]);
                let curl = curl.arg("--data-binary").arg(format!("@{}", file.display()));
                let _whatever = curl.arg(workshop.url(road, "x.git") + "/git-upload-pack").finish();
            }
        }
    }
    assert_eq!(bare.id("main"), tree.id("HEAD~1"));
    assert!(workshop.ended().iter().all(|(session, _)| session.state() != "live"));
    let _cloned = workshop.clone_to(Road::Reverse, "x.git", "clone", &[]);
}

/// Bytes of the files below `folder`.
fn size(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let sizes = entries.flatten().map(|entry| match entry.metadata() {
        Ok(data) if data.is_dir() => size(&entry.path()),
        Ok(data) => data.len(),
        Err(_) => 0,
    });
    sizes.sum()
}

/// A push of 80 MB that is under way: some of it is recorded.
fn under_way(workshop: &Workshop, road: Road, name: &str) -> Running {
    let had = size(&workshop.gateway.configuration.data_dir);
    let push = workshop.git_in(road, "tree").args(["push", "--quiet"]).arg(workshop.url(road, name)).arg("main");
    let push = push.start();
    wait_until("a push that is under way", || {
        size(&workshop.gateway.configuration.data_dir) > had + 4_000_000 || !push.runs()
    });
    push
}

#[test]
fn a_client_that_dies_in_the_middle_leaves_nothing_at_the_server() {
    let workshop = Workshop::new();
    let tree = workshop.tree("tree", "sha1");
    tree.sh("head -c 80000000 /dev/urandom > large && git add . && git commit -qm Large &&
             git config http.postBuffer 1000");
    for road in ROADS_THROUGH {
        let name = format!("{road:?}.git");
        let bare = workshop.bare(&name);
        let before = workshop.gateway.record().sessions().len();
        let push = under_way(&workshop, road, &name);
        let family = wiretape_tests::processes::below(push.number(), "");
        push.signal(rustix::process::Signal::KILL);
        for number in family {
            wiretape_tests::processes::signal(number, rustix::process::Signal::KILL);
        }
        let _killed = push.wait();
        let talk = begun(&workshop, before);
        assert!(talk.report().is_none());
        assert!(bare.refs().is_empty());
        // What had gone ahead the server keeps apart, until it cleans up: git does not when a signal ends it.
        assert_eq!(bare.sh("find objects -type f -not -path '*incoming-*' | wc -l").trim(), "0", "{road:?}");
        workshop.git_in(road, "tree").args(["push", "--quiet"]).arg(workshop.url(road, &name)).arg("main").succeed();
        assert_eq!(bare.id("main"), tree.id("main"));
    }
}

/// A hook in the middle of which the server dies: the web server with all that it started, or the connection of SSH.
fn dying(workshop: &Workshop, road: Road) -> String {
    let victims = if matches!(road, Road::Ssh | Road::DirectSsh) {
        "$(cut -d' ' -f4 /proc/$PPID/stat) $PPID".to_owned()
    } else {
        let master = workshop.forge.web_number();
        format!("{master} $(cat /proc/{master}/task/{master}/children)")
    };
    format!("#!/bin/sh\necho dying >&2\nkill -9 {victims}\n")
}

#[test]
fn a_server_that_dies_in_the_middle_is_told_to_the_client() {
    let mut codes = Vec::new();
    for road in [Road::Direct, Road::Reverse, Road::Forward, Road::DirectSsh, Road::Ssh] {
        let workshop = Workshop::new();
        let tree = workshop.tree("tree", "sha1");
        tree.sh("seq 1 5000 > file && git add . && git commit -qm First");
        let bare = workshop.bare("x.git");
        let hook = bare.path.join("hooks/pre-receive");
        std::fs::create_dir_all(bare.path.join("hooks")).expect("a folder can be made");
        std::fs::write(&hook, dying(&workshop, road)).expect("a file can be written");
        bare.sh("chmod +x hooks/pre-receive");
        let push = workshop.git_in(road, "tree").arg("push").arg(workshop.url(road, "x.git")).arg("main");
        let finished = push.finish();
        assert_ne!(finished.code(), 0);
        codes.push(finished.code());
        if ROADS_THROUGH.contains(&road) {
            let talk = begun(&workshop, 0);
            assert_eq!(talk.changes(), ["refs/heads/main created"]);
            assert!(talk.report().is_none(), "nobody knows what became of it");
            assert!(workshop.gateway.runs());
        }
    }
    assert_eq!((codes[1], codes[2], codes[4]), (codes[0], codes[0], codes[3]), "as without the gateway");
}
