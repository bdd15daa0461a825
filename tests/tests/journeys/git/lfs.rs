//! Git LFS: large files go beside the repository, through the gateway as well.

use std::collections::BTreeSet;

use wiretape_core::event::{GitEvent, Kind};
use wiretape_tests::git::Git;
use wiretape_tests::random;
use wiretape_tests::secrets;
use wiretape_tests::workshop::{Road, Workshop};

#[test]
fn large_files_go_both_ways() {
    for git in Git::all() {
        let workshop = Workshop::staged(&git, true, |_, _| {});
        assert!(workshop.forge.keeps_large_files());
        for road in [Road::Reverse, Road::Forward] {
            let name = format!("{road:?}.git");
            let _bare = workshop.bare(&name);
            let own = format!("tree-{road:?}");
            let tree = workshop.tree(&own, "sha1");
            let url = workshop.url(road, &name);
            let mut files = BTreeSet::new();
            for number in 0..3 {
                let path = tree.path.join(format!("{number}.bin"));
                let bytes = 1_000_000 * (number + 1);
                files.insert((random::file(&path, bytes), bytes));
            }
            tree.sh(&format!(
                "git lfs install --local >/dev/null && git config lfs.locksverify false && git lfs track '*.bin' \
                 >/dev/null && git add . && git commit -qm Large && git remote add origin {url}"
            ));
            let before = workshop.gateway.record().sessions().len();
            workshop.git_in(road, &own).args(["push", "--quiet", "origin", "main"]).succeed();
            let seen = transfers(&workshop, before);
            assert_eq!(seen, (vec!["upload".to_owned()], files.clone(), files.clone()), "{road:?}");

            let before = workshop.gateway.record().sessions().len();
            let to = format!("clone-{road:?}");
            // A filter of the new repository's own fetches them at checkout.
            let filters = [
                "filter.lfs.process=git-lfs filter-process",
                "filter.lfs.smudge=git-lfs smudge -- %f",
                "filter.lfs.clean=git-lfs clean -- %f",
                "filter.lfs.required=true",
            ];
            let git = filters.iter().fold(workshop.git(road), |git, filter| git.args(["-c", filter]));
            git.args(["clone", "--quiet", &url, &to]).succeed();
            for number in 0..3 {
                let name = format!("{number}.bin");
                let came = random::digest(&workshop.folder.join(&to).join(&name));
                assert_eq!(came, random::digest(&tree.path.join(&name)));
            }
            let (operations, asked, came) = transfers(&workshop, before);
            assert!(operations.iter().all(|operation| operation == "download") && !operations.is_empty());
            assert_eq!((asked, came), (files.clone(), files), "{road:?}");
        }
        secrets::are_nowhere(&workshop.gateway, &[&workshop.token.secret, wiretape_tests::forge::PASSWORD]);
    }
}

/// Files by their SHA-256, and their sizes.
type Files = BTreeSet<(String, u64)>;

/// What was recorded after `before` sessions: the operations, the objects that were asked for, and those that went by.
fn transfers(workshop: &Workshop, before: usize) -> (Vec<String>, Files, Files) {
    let (mut operations, mut asked, mut came) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    for (_, events) in workshop.ended().split_off(before) {
        for event in events.0 {
            match event.kind {
                Kind::Git(GitEvent::LfsBatch { operation, objects, .. }) => {
                    operations.push(String::from_utf8_lossy(&operation).into_owned());
                    asked.extend(objects.iter().map(|(id, bytes)| (String::from_utf8_lossy(id).into_owned(), *bytes)));
                }
                Kind::Git(GitEvent::LfsObject { id, bytes }) => {
                    came.insert((random::hex(&id), bytes));
                }
                _ => {}
            }
        }
    }
    (operations, asked, came)
}
