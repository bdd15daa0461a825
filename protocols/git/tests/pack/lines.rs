//! Commits, files and lines are those that git tells.

use wiretape_core::event::{FileStatus, GitEvent};
use wiretape_git::pack::{Asked, ObjectFormat};

use crate::generated::{Chance, History, edited, history, text};
use crate::oracle::{agree, examine, push, update};
use crate::repository::{NoTarget, Pieces, Repository, Target, Way};

/// Options of `git pack-objects`: what pushes use, and what they could.
const OPTIONS: [&[&str]; 4] =
    [&["--delta-base-offset"], &[], &["--thin", "--delta-base-offset"], &["--delta-base-offset", "--window=0"]];

#[test]
fn generated_histories_are_understood_as_git_understands_them() {
    for seed in 1..=12 {
        let format = if seed % 3 == 0 { ObjectFormat::Sha256 } else { ObjectFormat::Sha1 };
        let History { repository, commits } = history(format, seed, 24);
        let new = commits.last().unwrap();
        let way = if seed % 2 == 0 { Way::Exec } else { Way::Content };
        println!("seed {seed}, {format:?}, {way:?}");
        push(&repository, new, None, way, OPTIONS[seed as usize % 4]);
        push(&repository, new, Some(&commits[4 + seed as usize % 16]), way, OPTIONS[(seed as usize + 1) % 4]);
    }
}

/// One more version of the file `long`.
fn commit(stream: &mut Vec<u8>, number: usize, content: &[u8]) {
    let seconds = 1_600_000_000 + number;
    stream.extend(format!("commit refs/heads/main\ncommitter Ben <b@example.com> {seconds} +0000\n").into_bytes());
    stream.extend(format!("data 2\nc\nM 100644 inline long\ndata {}\n", content.len()).into_bytes());
    stream.extend_from_slice(content);
    stream.push(b'\n');
}

#[test]
fn long_texts_that_differ_much_are_counted_as_git_counts_them() {
    let repository = Repository::new(ObjectFormat::Sha1);
    let mut chance = Chance::new(99);
    let mut stream: Vec<u8> = Vec::new();
    let mut content = text(&mut chance, 3000);
    for number in 0..36_usize {
        match number % 7 {
            // All other, of the same few lines; of lines that are nowhere else; much repeated; with edits.
            0 => content = text(&mut chance, 2000 + number * 20),
            1 => content.extend((0..3000).flat_map(|line| format!("line {number} {}\n", line * 7 % 901).into_bytes())),
            2 => content = [content.as_slice(), &text(&mut chance, 700), &content].concat(),
            3 => content = content.split_inclusive(|byte| *byte == b'\n').rev().collect::<Vec<_>>().concat(),
            4 => {
                let lines = content.split_inclusive(|byte| *byte == b'\n');
                content = lines.filter(|_| chance.below(3) > 0).collect::<Vec<_>>().concat();
            }
            5 => (0..40).for_each(|_| content = edited(&mut chance, &content)),
            // Lines that all stand in both, in another order, and runs of them that agree in between.
            _ => {
                let mut lines: Vec<String> = (0..4000).map(|line| format!("{number} {line}\n")).collect();
                commit(&mut stream, number, &lines.concat().into_bytes());
                for at in (0..3900).step_by(2) {
                    if chance.below(4) > 0 && at / 100 % 3 > 0 {
                        lines.swap(at, at + 1 + chance.below(60));
                    }
                }
                content = lines.concat().into_bytes();
            }
        }
        content.truncate(300_000);
        commit(&mut stream, number, &content);
    }
    // Only of texts as long as this git takes a way that is not the shortest but good.
    for seed in 0..4 {
        let mut lines: Vec<String> = (0..40_000).map(|line| format!("{seed} {line}\n")).collect();
        commit(&mut stream, 100, &lines.concat().into_bytes());
        let mut at = 0;
        while at < 39_000 {
            lines.swap(at, at + 1 + chance.below(2 + seed * 20));
            at += 1 + chance.below(6 + seed * 30);
        }
        commit(&mut stream, 101, &lines.concat().into_bytes());
    }
    repository.import(&stream);
    push(&repository, &repository.text(["rev-parse", "main"]), None, Way::Exec, OPTIONS[0]);
}

#[test]
fn without_a_target_to_ask_what_the_pack_holds_is_said_and_no_more() {
    let History { repository, commits } = history(ObjectFormat::Sha1, 5, 12);
    let (old, new) = (commits[7].as_str(), commits.last().unwrap().as_str());
    let pack = repository.pack(&[new], &[old], OPTIONS[0]);
    let updates = vec![update("refs/heads/main", Some(old), new)];
    let asked = Asked::Content { base: "/x.git".into() };
    let understood = examine(asked, ObjectFormat::Sha1, updates, false, &mut Pieces::whole(&pack), &mut NoTarget);
    assert_eq!(understood.problem, None);
    assert!(!understood.complete);
    let files: Vec<_> = understood
        .events
        .iter()
        .filter_map(|event| match event {
            GitEvent::Files { files, complete: false, .. } => Some(files),
            _ => None,
        })
        .flatten()
        .collect();
    assert!(!files.is_empty());
    assert!(files.iter().any(|file| file.status == FileStatus::Written && file.new.is_some()));
}

/// `PACK_REPOSITORY=/some/repo.git PACK_RANGE='new old' cargo test -p wiretape-git --test pack -- --ignored named`.
#[test]
#[ignore = "reads a repository that is named in the environment"]
fn a_repository_named_in_the_environment_is_understood_as_git_understands_it() {
    let repository = Repository::at(std::env::var("PACK_REPOSITORY").unwrap().into());
    let range = std::env::var("PACK_RANGE").unwrap();
    let mut range = range.split(' ').map(|revision| repository.text(["rev-parse", revision]));
    let (new, old) = (range.next().unwrap(), range.next());
    let olds: Vec<&str> = old.iter().map(String::as_str).collect();
    let pack = repository.pack(&[&new], &olds, OPTIONS[0]);
    let mut asking = Target::new(&repository);
    let updates = vec![update("refs/heads/main", old.as_deref(), &new)];
    let opened = asking.opened(Way::Exec);
    let understood = examine(opened, ObjectFormat::Sha1, updates, false, &mut Pieces::whole(&pack), &mut asking);
    println!("{} bytes, asked {} times, {:?}", pack.len(), asking.asked, understood.events.get(1));
    agree(&repository, &understood, &[&new], &olds);
}
