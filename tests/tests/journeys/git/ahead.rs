//! Pushes that no rule looks into go to the server while they come, all but their end: what counts is that the server can
//! do nothing with that. Where a rule looks into them, nothing of them goes before they are judged.

use wiretape_core::Side;
use wiretape_core::event::SessionEvent;
use wiretape_tests::git::Git;
use wiretape_tests::pkt;
use wiretape_tests::program::Running;
use wiretape_tests::record::Events;
use wiretape_tests::repository::Repository;
use wiretape_tests::stage::wait_until;
use wiretape_tests::tap::Tap;
use wiretape_tests::workshop::{FORGE, FORGE_SSH, ROADS_THROUGH, Road, Workshop};

/// Bytes of the file that is pushed; it does not compress.
const LARGE_BYTES: usize = 20_000_000;

/// What the server may have of such a push when it has none of its pack: requests, logins, questions.
const ASIDE_BYTES: usize = 200_000;

/// How a client sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// HTTP/1.1, in chunks.
    Chunks,
    /// HTTP/2.
    Two,
    Ssh,
}

const MANNERS: [Manner; 3] = [Manner::Chunks, Manner::Two, Manner::Ssh];

/// The world of a test, with taps before both servers.
struct Stage {
    workshop: Workshop,
    web: Tap,
    ssh: Tap,
}

impl Stage {
    fn new(settings: &[&str], policy: Option<&str>) -> Self {
        let mut taps = None;
        let workshop = Workshop::staged(&Git::first(), false, |forge, configuration| {
            let (web, ssh) = (Tap::start(forge.http()), Tap::start(forge.sshd().address()));
            configuration.target(FORGE).set(&format!("url = \"http://{}\"", web.address()));
            configuration.target(FORGE_SSH).set(&format!("address = \"{}\"", ssh.address()));
            for name in [FORGE, FORGE_SSH] {
                settings.iter().for_each(|line| configuration.target(name).set(line));
            }
            if let Some(rules) = policy {
                let folder = configuration.data_dir.parent().expect("a folder").join("policies");
                std::fs::create_dir_all(&folder).expect("a folder can be made");
                std::fs::write(folder.join("rules.cedar"), rules).expect("a file can be written");
                configuration.policy = vec![format!("folder = {:?}", folder.display().to_string())];
            }
            taps = Some((web, ssh));
        });
        let (web, ssh) = taps.expect("they were started");
        Self { workshop, web, ssh }
    }

    /// Bytes that the servers have got so far.
    fn sent_bytes(&self) -> usize {
        self.web.passed().into_iter().chain(self.ssh.passed()).map(|passed| passed.client.len()).sum()
    }

    /// A server's empty repository, which keeps packs as they are.
    fn bare(&self, name: &str) -> Repository<'_> {
        let bare = self.workshop.bare(name);
        bare.git(&["config", "receive.unpackLimit", "1"]);
        bare
    }

    /// A work tree with one large file in it.
    fn tree(&self, name: &str) -> Repository<'_> {
        let tree = self.workshop.tree(name, "sha1");
        tree.sh(&format!("head -c {LARGE_BYTES} /dev/urandom > large && git add . && git commit -qm Large"));
        tree
    }

    /// A client by hand, whose content comes from its standard input.
    fn client(&self, manner: Manner, name: &str) -> Running {
        let workshop = &self.workshop;
        if manner == Manner::Ssh {
            let path = workshop.forge.repositories().join(name);
            let ssh = workshop.folder.program("ssh").arg("-F").arg(workshop.ssh_config()).arg("gateway");
            return ssh.arg(format!("git-receive-pack '{}'", path.display())).input_held().start();
        }
        let version = if manner == Manner::Chunks { "--http1.1" } else { "--http2" };
        let curl = workshop.curl(Road::Reverse).args([version, "--request", "POST", "--upload-file", "-"]);
        let curl = curl.args(["--header", "Content-Type: application/x-git-receive-pack-request"]);
        curl.arg(workshop.url(Road::Reverse, name) + "/git-receive-pack").input_held().start()
    }

    /// The sessions that were recorded after `before` others and in which somebody pushed.
    fn pushed(&self, before: usize) -> Vec<Events> {
        let sessions = self.workshop.ended().split_off(before).into_iter().map(|(_, events)| events);
        sessions.filter(|events| events.talks().iter().any(|talk| talk.said(Side::Client).len() > 1000)).collect()
    }

    fn sessions(&self) -> usize {
        self.workshop.gateway.record().sessions().len()
    }
}

/// A push of the branch `main` of `tree`, byte for byte.
fn content(tree: &Repository<'_>) -> Vec<u8> {
    tree.sh("echo HEAD | git pack-objects -q --revs --stdout > ../pack");
    let pack = std::fs::read(tree.path.with_file_name("pack")).expect("the pack is there");
    let mut content =
        pkt::update(&pkt::nothing(), &tree.id("HEAD"), "refs/heads/main", "report-status side-band-64k agent=by/hand");
    content.extend(pack);
    content
}

/// What the record says of what the server has and should not go on with.
fn markers(events: &Events) -> Vec<String> {
    let labels = events.session().filter_map(|event| match event {
        SessionEvent::Marker { label } => Some(label.clone()),
        _ => None,
    });
    labels.collect()
}

/// Whether nothing of a push took effect: what a server gets it keeps apart until it has all of it (git-receive-pack(1),
/// "Quarantine Environment").
fn is_untouched(bare: &Repository<'_>) -> bool {
    bare.refs().is_empty() && bare.sh("find objects -type f -not -path '*incoming-*' | wc -l").trim() == "0"
}

#[test]
fn what_no_rule_looks_into_goes_on_while_it_comes() {
    let stage = Stage::new(&[], None);
    let content = content(&stage.tree("tree"));
    let (first, second) = content.split_at(content.len() / 2);
    for manner in MANNERS {
        let name = format!("{manner:?}.git");
        let bare = stage.bare(&name);
        let (before, had) = (stage.sessions(), stage.sent_bytes());
        let mut client = stage.client(manner, &name);
        client.say(first).expect("it reads");
        wait_until("the server has most of the first half", || stage.sent_bytes() > had + first.len() / 4 * 3);
        assert!(bare.refs().is_empty(), "{manner:?}: nothing takes effect");
        client.say(second).expect("it reads");
        client.say_no_more();
        let answer = client.finish().text();
        assert!(answer.contains("unpack ok") && answer.contains("ok refs/heads/main"), "{manner:?}: {answer}");
        assert_eq!(bare.refs().len(), 1);
        bare.check();
        let talks: Vec<_> = stage.pushed(before).iter().flat_map(Events::talks).collect();
        assert_eq!(talks.len(), 1);
        assert_eq!((talks[0].commits().len(), talks[0].packs()[0].intact), (1, Some(true)), "{manner:?}");
        assert_eq!(talks[0].said(Side::Client), content);
    }
}

#[test]
fn what_a_rule_looks_into_does_not_go_before_it_is_judged() {
    let policy = r#"
        permit (principal, action, resource);
        @reason("no such files")
        forbid (principal, action == Action::"git.push", resource) when { context has paths && context.paths.contains("large") };
    "#;
    for (settings, policy) in [(&["refuse = [\"path:large\"]"][..], None), (&[], Some(policy))] {
        let stage = Stage::new(settings, policy);
        let content = content(&stage.tree("tree"));
        for manner in MANNERS {
            let name = format!("{manner:?}.git");
            let bare = stage.bare(&name);
            let (before, had) = (stage.sessions(), stage.sent_bytes());
            let mut client = stage.client(manner, &name);
            client.say(&content).expect("it reads");
            client.say_no_more();
            let answer = client.finish().text();
            assert!(answer.contains("ng refs/heads/main "), "{manner:?}: {answer}");
            let pushed = stage.pushed(before);
            assert!(pushed.len() == 1 && markers(&pushed[0]).is_empty());
            assert!(stage.sent_bytes() - had < ASIDE_BYTES, "{manner:?}: {} bytes", stage.sent_bytes() - had);
            assert!(is_untouched(&bare));
        }
    }
}

#[test]
fn what_turns_out_to_be_broken_when_most_of_it_went_has_no_effect() {
    let stage = Stage::new(&[], None);
    let good = content(&stage.tree("tree"));
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut content = good.clone();
        change(&mut content);
        content
    };
    let wrongs = [
        ("a checksum that is wrong", with(&|content| *content.last_mut().expect("bytes") ^= 1)),
        ("an end that is missing", with(&|content| content.truncate(content.len() - 1))),
        // The pack itself is good, and a server that had all of it would take it.
        ("something behind the pack", with(&|content| content.extend(vec![0; 3_000_000]))),
        (
            "a byte that is another",
            with(&|content| {
                let place = content.len() - 1_000_000;
                content[place] ^= 0xff;
            }),
        ),
    ];
    for manner in MANNERS {
        let name = format!("{manner:?}.git");
        let bare = stage.bare(&name);
        for (what, content) in &wrongs {
            let (before, had) = (stage.sessions(), stage.sent_bytes());
            let mut client = stage.client(manner, &name);
            let (first, second) = content.split_at(LARGE_BYTES / 4 * 3);
            client.say(first).expect("it reads");
            wait_until("it goes ahead", || stage.sent_bytes() - had > LARGE_BYTES / 2);
            client.say(second).expect("it reads");
            client.say_no_more();
            let answer = client.finish().text();
            assert!(answer.contains("ng refs/heads/main "), "{manner:?}, {what}: {answer}");
            assert_eq!(answer.matches("unpack ").count(), 1, "{manner:?}, {what}: one report: {answer}");
            assert!(is_untouched(&bare));
            let pushed = stage.pushed(before);
            assert_eq!(pushed.len(), 1, "{manner:?}, {what}");
            let marked = markers(&pushed[0]);
            assert!(marked.len() == 1 && marked[0].contains("of what does not pass"), "{manner:?}, {what}: {marked:?}");
            assert_eq!(pushed[0].talks()[0].errors().len(), 1);
        }
        bare.check();
        // What is right goes as before.
        let mut client = stage.client(manner, &name);
        client.say(&good).expect("it reads");
        client.say_no_more();
        assert!(client.finish().text().contains("unpack ok"));
        assert_eq!(bare.refs().len(), 1);
    }
}

#[test]
fn rules_that_change_meanwhile_hold_at_the_end() {
    let permit = "permit (principal, action, resource);";
    let stage = Stage::new(&[], Some(permit));
    let content = content(&stage.tree("tree"));
    let (first, second) = content.split_at(content.len() / 2);
    let rules = stage.workshop.folder.join("policies/rules.cedar");
    for manner in MANNERS {
        let name = format!("{manner:?}.git");
        let bare = stage.bare(&name);
        let had = stage.sent_bytes();
        let before = stage.sessions();
        let mut client = stage.client(manner, &name);
        client.say(first).expect("it reads");
        wait_until("it goes ahead", || stage.sent_bytes() > had + first.len() / 2);
        let reads = || stage.workshop.gateway.log().matches("the configuration was read again").count();
        let read = reads();
        let freeze = "@reason(\"frozen\") forbid (principal, action == Action::\"git.push\", resource);";
        std::fs::write(&rules, format!("{permit}{freeze}")).expect("a file can be written");
        wait_until("the rules are in force", || reads() > read);
        client.say(second).expect("it reads");
        client.say_no_more();
        let answer = client.finish().text();
        assert!(answer.contains("ng refs/heads/main frozen"), "{manner:?}: {answer}");
        assert!(is_untouched(&bare));
        let pushed = stage.pushed(before);
        assert!(pushed.len() == 1 && markers(&pushed[0]).len() == 1, "{manner:?}");
        let read = reads();
        std::fs::write(&rules, permit).expect("a file can be written");
        wait_until("the rules are in force", || reads() > read);
    }
}

#[test]
fn a_server_that_gives_up_early_is_heard_as_without_the_gateway() {
    let stage = Stage::new(&[], None);
    stage.tree("tree");
    for buffer in ["1000", "200000000"] {
        stage.workshop.at("tree").git(&["config", "http.postBuffer", buffer]);
        for road in [Road::Direct, Road::DirectSsh].into_iter().chain(ROADS_THROUGH) {
            let name = format!("{road:?}-{buffer}.git");
            let bare = stage.bare(&name);
            bare.git(&["config", "receive.maxInputSize", "1m"]);
            let push = stage.workshop.git_in(road, "tree").arg("push").arg(stage.workshop.url(road, &name)).arg("main");
            let finished = push.finish();
            let said = finished.errors();
            assert_eq!(finished.code(), 1, "{road:?} {buffer}: {said}");
            let reported =
                said.contains("pack exceeds maximum allowed size") && said.contains("[remote rejected] main -> main");
            // A web server whose program ends before it has read all may have nothing better to say, with the gateway or
            // without.
            let failed = !matches!(road, Road::Ssh | Road::DirectSsh) && said.contains("RPC failed; HTTP 502");
            assert!(reported || failed, "{road:?} {buffer}: {said}");
            assert!(is_untouched(&bare));
            assert!(stage.workshop.gateway.runs());
        }
    }
}
