//! Much: a repository of 50,000 objects, and pushes that are larger than the memory that they may take.

use wiretape_core::Side;
use wiretape_tests::git::Git;
use wiretape_tests::processes;
use wiretape_tests::repository::{Size, fill};
use wiretape_tests::workshop::{ROADS_THROUGH, Road, Workshop};

use super::brought;

/// A push of 300 MB may let the gateway grow by so much.
const GROWTH_KIB_MAX: u64 = 64 * 1024;

#[test]
fn fifty_thousand_objects_arrive_as_they_were_sent() {
    let workshop = Workshop::new();
    let bare = workshop.bare("many.git");
    fill(&bare, Size { commits: 5000, files: 6, bytes: 400, random: false });
    let objects = bare.objects();
    assert!(objects.len() >= 50_000, "{} objects", objects.len());
    for road in ROADS_THROUGH {
        let to = format!("clone-{road:?}.git");
        let clone = workshop.clone_to(road, "many.git", &to, &["--mirror"]);
        clone.check();
        assert_eq!(clone.refs(), bare.refs());
        assert!(clone.objects() == objects, "every object is there");
        let name = format!("{road:?}.git");
        let other = workshop.bare(&name);
        workshop.git_in(road, &to).args(["push", "--quiet"]).arg(workshop.url(road, &name)).arg("main").succeed();
        other.check();
        assert_eq!(other.refs(), bare.refs());
        assert!(other.objects() == objects, "every object is there");
    }
    let fetches = workshop.fetches();
    assert_eq!(fetches.iter().flat_map(|talk| talk.packs()).map(|pack| pack.objects as usize).sum::<usize>(), {
        objects.len() * 3
    });
    let pushes = workshop.pushes();
    assert_eq!(pushes.len(), 3);
    for talk in pushes {
        assert_eq!(talk.packs()[0].objects as usize, objects.len());
        assert_eq!(talk.packs()[0].intact, Some(true));
        let ([commits, trees, blobs, tags, unresolved], cut) = talk.contents().expect("what was in the pack");
        assert_eq!((commits, commits + trees + blobs + tags), (5000, talk.packs()[0].objects));
        assert_eq!((unresolved, cut.as_str()), (0, ""));
        assert_eq!(talk.commits().len(), 5000);
    }
}

#[test]
fn a_large_push_is_held_in_little_memory() {
    for (settings, roads) in [
        (&[][..], &ROADS_THROUGH[..]),
        (&["packs = \"listed\""], &[Road::Forward]),
        (&["refuse = [\"path:secrets/**\"]"], &[Road::Reverse, Road::Ssh]),
    ] {
        let workshop = Workshop::with(&Git::first(), settings);
        let large = workshop.bare("large.git");
        fill(&large, Size { commits: 60, files: 1, bytes: 5_000_000, random: true });
        let small = workshop.bare("small.git");
        fill(&small, Size { commits: 60, files: 3, bytes: 50_000, random: true });
        for road in roads {
            let road = *road;
            let push = |from: &str, to: &str| {
                let git = workshop.git(road).arg("-C").arg(workshop.forge.repositories().join(from));
                git.args(["-c", "http.postBuffer=100000", "push", "--quiet"])
                    .arg(workshop.url(road, to))
                    .arg("main")
                    .succeed();
            };
            // What is set up once is not what is measured.
            let _warm = workshop.bare(&format!("warm-{road:?}.git"));
            push("small.git", &format!("warm-{road:?}.git"));
            let before = processes::resident_peak_kib(workshop.gateway.number());
            let name = format!("{road:?}.git");
            let bare = workshop.bare(&name);
            push("large.git", &name);
            let growth = processes::resident_peak_kib(workshop.gateway.number()).saturating_sub(before);
            assert!(growth < GROWTH_KIB_MAX, "{road:?} {settings:?}: grown by {growth} KiB");
            assert_eq!(bare.refs(), large.refs());
            assert!(bare.objects() == large.objects(), "every object is there");
        }
        let pushes: Vec<_> = workshop.pushes().into_iter().filter(|talk| talk.packs()[0].bytes > 300_000_000).collect();
        assert_eq!(pushes.len(), roads.len());
        brought(&pushes[0], &large, &["main"]);
        for talk in pushes {
            assert_eq!(talk.commits().len(), 60);
            let listed = settings.iter().any(|line| line.contains("listed"));
            let kept = talk.said(Side::Client).len() as u64;
            let (bytes, omitted) = (talk.packs()[0].bytes, talk.omitted(Side::Client));
            if listed {
                assert!(kept < 1000 && omitted == bytes, "{kept} kept, {omitted} left out of {bytes}");
                let mut names: Vec<String> = talk.objects().iter().map(ToString::to_string).collect();
                names.sort();
                assert!(names == large.objects().into_iter().collect::<Vec<_>>(), "every object is listed");
            } else {
                assert!(kept > bytes && omitted == 0 && talk.objects().is_empty());
            }
        }
    }
}
