//! Bundles of what real git pushed and fetched, taken by real git again.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod archive;
mod repositories;

use std::collections::BTreeMap;
use std::path::Path;

use archive::{event, opened};
use repositories::{Place, oid};
use wiretape_core::event::GitEvent;
use wiretape_core::{Event, Kind, Lane, Side};
use wiretape_recorder::Tape;
use wiretape_replay::export::bundle::{Settings, write};

fn bundle_with(events: &[Event], settings: &Settings) -> Result<Vec<u8>, String> {
    let mut bundle = Vec::new();
    match write(&events.to_vec(), settings, &mut bundle) {
        Ok(_) => Ok(bundle),
        Err(error) => Err(format!("{error:#}")),
    }
}

fn bundle(events: &[Event]) -> Result<Vec<u8>, String> {
    bundle_with(events, &Settings::default())
}

/// A folder with some history: files that change a little in many commits, so that packs hold differences.
fn history(place: &Place, work: &str, commits: usize) {
    let mut lines: Vec<String> = (0..400).map(|number| format!("line {number} of many {}\n", number * 7919)).collect();
    for number in 0..commits {
        lines[number * 13 % 400] = format!("changed in {number}\n");
        place.commit(work, "src/long.txt", lines.concat(), &format!("Change {number}\n\nBecause of it."));
    }
}

fn refs_of(place: &Place, bundle: &str) -> BTreeMap<String, String> {
    let listed = place.git("", &["bundle", "list-heads", bundle]);
    listed.lines().map(|line| line.split_once(' ').unwrap()).map(|(id, name)| (name.into(), id.into())).collect()
}

#[test]
fn an_initial_push_is_cloned_from_its_bundle() {
    for format in ["sha1", "sha256"] {
        let place = Place::new(format);
        place.target("target");
        place.work("work");
        history(&place, "work", 12);
        place.git("work", &["tag", "-a", "v1", "-m", "First"]);
        place.git("work", &["branch", "topic", "HEAD~3"]);
        let said = place.push("work", "target", &["main", "topic", "v1"]);
        let mut events = vec![opened()];
        place.pushed(&mut events, 10, 1, "target", &said);
        place.keep("x.bundle", &bundle(&events).unwrap());
        place.git("", &["clone", "-q", "x.bundle", "clone"]);
        assert_eq!(place.objects("clone"), place.objects("target"), "{format}");
        let mut refs = place.refs("target");
        refs.insert("HEAD".into(), place.id("target", "main"));
        assert_eq!(refs_of(&place, "x.bundle"), refs);
        place.git("target", &["bundle", "verify", "-q", "../x.bundle"]);
        place.git("clone", &["fsck", "--strict"]);
    }
}

#[test]
fn later_pushes_stand_on_earlier_ones() {
    let place = Place::new("sha1");
    place.target("target");
    place.work("work");
    history(&place, "work", 4);
    let first = place.push("work", "target", &["main"]);
    let mut initial = vec![opened()];
    place.pushed(&mut initial, 10, 1, "target", &first);
    place.git("", &["clone", "-q", "--bare", "target", "before"]);
    let base = place.id("work", "HEAD");
    history(&place, "work", 6);
    place.git("work", &["checkout", "-q", "-b", "side", "HEAD~2"]);
    place.commit("work", "side.txt", "aside\n", "Aside");
    place.git("work", &["checkout", "-q", "main"]);
    place.git("work", &["merge", "-q", "--no-ff", "-m", "Join", "side"]);
    let second = place.push("work", "target", &["main", "side"]);
    let mut later = vec![opened()];
    place.pushed(&mut later, 20, 2, "target", &second);
    place.keep("later.bundle", &bundle(&later).unwrap());
    let verified = place.git("before", &["bundle", "verify", "../later.bundle"]);
    assert!(verified.contains(&base), "{verified}");
    place.git("before", &["fetch", "-q", "../later.bundle", "refs/heads/*:refs/heads/*"]);
    assert_eq!((place.objects("before"), place.refs("before")), (place.objects("target"), place.refs("target")));
    // Without what it stands on, it says what is missing.
    place.target("empty");
    assert!(!place.try_git("empty", &["bundle", "verify", "../later.bundle"], &[]).status.success());

    // Both in one session are one bundle, which stands on nothing.
    let mut both = initial.clone();
    both.extend(later.into_iter().skip(1));
    place.keep("both.bundle", &bundle(&both).unwrap());
    place.git("", &["clone", "-q", "--bare", "both.bundle", "clone"]);
    assert_eq!((place.objects("clone"), place.refs("clone")), (place.objects("target"), place.refs("target")));
    place.git("clone", &["fsck", "--strict"]);
}

#[test]
fn only_what_the_target_accepted_is_exported() {
    let place = Place::new("sha1");
    place.target("target");
    place.git("target", &["config", "receive.denyNonFastForwards", "true"]);
    place.work("work");
    history(&place, "work", 3);
    let mut events = vec![opened()];
    let said = place.push("work", "target", &["main"]);
    place.pushed(&mut events, 10, 1, "target", &said);
    let accepted = place.id("work", "HEAD");
    place.git("work", &["reset", "-q", "--hard", "HEAD~1"]);
    place.commit("work", "other.txt", "other\n", "Other");
    let said = place.push("work", "target", &["-f", "main", "main:refs/heads/new"]);
    place.pushed(&mut events, 20, 2, "target", &said);
    assert_eq!(place.id("target", "main"), accepted, "the target refuses to be forced");
    place.keep("x.bundle", &bundle(&events).unwrap());
    let refs = refs_of(&place, "x.bundle");
    assert_eq!(refs["refs/heads/main"], accepted);
    assert_eq!(refs["refs/heads/new"], place.id("work", "HEAD"));

    // Of the refused one alone there is only what was refused.
    let said = place.push("work", "target", &["-f", "main"]);
    let mut refused = vec![opened()];
    place.pushed(&mut refused, 10, 1, "target", &said);
    assert!(bundle(&refused).unwrap_err().contains("--refused"));
    let settings = Settings { refused: true, lane: None };
    place.keep("refused.bundle", &bundle_with(&refused, &settings).unwrap());
    place.git("target", &["bundle", "verify", "-q", "../refused.bundle"]);
    assert_eq!(refs_of(&place, "refused.bundle")["refs/heads/main"], place.id("work", "HEAD"));
}

#[test]
fn what_is_deleted_again_is_no_ref_and_a_ref_to_what_is_there_needs_no_object() {
    let place = Place::new("sha1");
    place.target("target");
    place.work("work");
    history(&place, "work", 2);
    let mut events = vec![opened()];
    for (number, arguments) in [&["main", "main:gone"][..], &[":gone"]].into_iter().enumerate() {
        let said = place.push("work", "target", arguments);
        place.pushed(&mut events, 10, 1 + number as u32, "target", &said);
    }
    place.keep("x.bundle", &bundle(&events).unwrap());
    assert_eq!(refs_of(&place, "x.bundle").into_keys().collect::<Vec<_>>(), ["HEAD", "refs/heads/main"]);

    let said = place.push("work", "target", &["main:copy"]);
    let mut copy = vec![opened()];
    place.pushed(&mut copy, 10, 1, "target", &said);
    place.keep("copy.bundle", &bundle(&copy).unwrap());
    place.git("target", &["bundle", "verify", "-q", "../copy.bundle"]);
    place.git("", &["clone", "-q", "--bare", "target", "clone"]);
    place.git("clone", &["fetch", "-q", "../copy.bundle", "refs/heads/copy:refs/heads/fetched"]);
    assert_eq!(place.id("clone", "fetched"), place.id("work", "HEAD"));

    let said = place.push("work", "target", &[":copy"]);
    let mut deleted = vec![opened()];
    place.pushed(&mut deleted, 10, 1, "target", &said);
    assert!(bundle(&deleted).unwrap_err().contains("nothing was pushed"));
}

#[test]
fn what_was_cloned_is_cloned_from_its_bundle() {
    let place = Place::new("sha1");
    place.target("target");
    place.work("work");
    history(&place, "work", 8);
    place.git("work", &["tag", "-a", "v1", "-m", "First"]);
    place.push("work", "target", &["main", "v1"]);
    for version in ["0", "1", "2"] {
        let name = format!("cloned{version}");
        let said = place.fetch("", "target", version, &["clone", "-q", "@", &name]);
        let mut events = vec![opened()];
        place.fetched(&mut events, 10, 1, "target", &said);
        place.keep("x.bundle", &bundle(&events).unwrap());
        let again = format!("again{version}");
        place.git("", &["clone", "-q", "x.bundle", &again]);
        assert_eq!(place.objects(&again), place.objects("target"), "version {version}");
        assert!(refs_of(&place, "x.bundle").contains_key("refs/tags/v1"));
    }
    // What is fetched later is thin, and needs what was there.
    place.git("", &["clone", "-q", "--bare", "target", "before"]);
    history(&place, "work", 5);
    place.push("work", "target", &["main"]);
    let said = place.fetch("cloned2", "target", "2", &["fetch", "-q", "@", "main"]);
    let mut events = vec![opened()];
    place.fetched(&mut events, 10, 1, "target", &said);
    place.keep("thin.bundle", &bundle(&events).unwrap());
    place.git("before", &["fetch", "-q", "../thin.bundle", "main:main"]);
    assert_eq!(place.objects("before"), place.objects("target"));
}

#[test]
fn what_a_partial_clone_left_out_is_said() {
    let place = Place::new("sha1");
    place.target("target");
    place.git("target", &["config", "uploadpack.allowFilter", "true"]);
    place.work("work");
    history(&place, "work", 3);
    place.push("work", "target", &["main"]);
    let said = place.fetch("", "target", "2", &["clone", "-q", "--bare", "--filter=blob:none", "@", "partial"]);
    let mut events = vec![opened()];
    place.fetched(&mut events, 10, 1, "target", &said);
    let bundle = bundle(&events).unwrap();
    assert!(bundle.starts_with(b"# v3 git bundle\n@object-format=sha1\n@filter=blob:none\n"));
    place.keep("x.bundle", &bundle);
    place.git("target", &["bundle", "verify", "-q", "../x.bundle"]);
}

#[test]
fn a_push_that_was_recorded_long_ago_is_still_cloned() {
    let place = Place::new("sha256");
    let tape = Path::new(env!("CARGO_MANIFEST_DIR")).join("../recorder/golden/v1-git-push.tape");
    let mut bundle = Vec::new();
    let remarks = write(&Tape::open(&tape).unwrap(), &Settings::default(), &mut bundle).unwrap();
    assert_eq!(remarks, Vec::<String>::new());
    place.keep("x.bundle", &bundle);
    place.git("", &["clone", "-q", "x.bundle", "clone"]);
    assert_eq!(place.git("clone", &["log", "--format=%s"]), "Fewer\nA shop of its own\n");
    place.git("clone", &["fsck", "--strict"]);
}

#[test]
fn what_cannot_be_exported_says_why() {
    assert!(bundle(&[opened()]).unwrap_err().contains("nothing was pushed or fetched"));
    let place = Place::new("sha1");
    place.target("target");
    place.work("work");
    history(&place, "work", 2);
    let said = place.push("work", "target", &["main"]);
    let mut events = vec![opened()];
    place.pushed(&mut events, 10, 1, "target", &said);

    let mut listed = events.clone();
    listed.retain(|event| !matches!(&event.kind, Kind::Git(GitEvent::Data { .. })));
    listed.push(event(11, Side::Client, 1, Kind::Git(GitEvent::Omitted { bytes: 1000 })));
    assert!(bundle(&listed).unwrap_err().contains("packs = \"listed\""));

    let mut cut = events.clone();
    let last = cut
        .iter()
        .rposition(|event| event.side == Side::Client && matches!(&event.kind, Kind::Git(GitEvent::Data { .. })));
    cut.remove(last.unwrap());
    assert!(bundle(&cut).unwrap_err().contains("does not hold all"));

    let mut changed = events.clone();
    for event in &mut changed {
        if let (Side::Client, Kind::Git(GitEvent::Data { bytes })) = (event.side, &mut event.kind) {
            let mut other = bytes.to_vec();
            *other.last_mut().unwrap() ^= 1;
            *bytes = other.into();
        }
    }
    assert!(bundle(&changed).unwrap_err().contains("checksum"));

    let mut two = events.clone();
    let elsewhere = events.iter().skip(1).cloned().map(|mut event| {
        event.lane = Lane(2);
        if let Kind::Git(GitEvent::Service { repository, .. }) = &mut event.kind {
            *repository = "/elsewhere.git".into();
        }
        event
    });
    two.extend(elsewhere);
    assert!(bundle(&two).unwrap_err().contains("--lane 2 (/elsewhere.git)"));
    let settings = Settings { refused: false, lane: Some(Lane(2)) };
    assert!(bundle_with(&two, &settings).is_ok());

    // A name that would be a line of its own in the bundle is no ref.
    let mut hostile = events.clone();
    for event in &mut hostile {
        match &mut event.kind {
            Kind::Git(GitEvent::Update(update)) => update.name = "refs/heads/a\n\nPACK".into(),
            Kind::Git(GitEvent::Report { refs, .. }) => refs[0].name = "refs/heads/a\n\nPACK".into(),
            _ => {}
        }
    }
    assert!(bundle(&hostile).unwrap_err().contains("no ref that a bundle could name"));
    assert_eq!(oid(&place.id("work", "HEAD")).to_string(), place.id("target", "main"));
}
