//! Packs that are not what they say: each is refused with a sentence, or harmless.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use sha1::{Digest as _, Sha1};
use wiretape_core::event::GitEvent;
use wiretape_core::limits::{GIT_COMMITS_MAX, GIT_FILES_MAX};
use wiretape_core::{Examination as _, Held, Lost};
use wiretape_git::pack::{Asked, ObjectFormat, PushExamination, Understood};

use crate::generated::{History, history};
use crate::oracle::examine;
use crate::repository::{NoTarget, Pieces, Repository};

const COMMIT: u8 = 1;
const TREE: u8 = 2;
const BLOB: u8 = 3;
const OFS_DELTA: u8 = 6;
const REF_DELTA: u8 = 7;

fn zlib(content: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// Kind and size as an entry begins with them.
fn head(kind: u8, mut bytes: u64) -> Vec<u8> {
    let mut head = vec![kind << 4 | (bytes & 15) as u8];
    bytes >>= 4;
    while bytes > 0 {
        *head.last_mut().unwrap() |= 0x80;
        head.push((bytes & 0x7f) as u8);
        bytes >>= 7;
    }
    head
}

fn whole(kind: u8, content: &[u8]) -> Vec<u8> {
    [head(kind, content.len() as u64), zlib(content)].concat()
}

/// A delta of what stands `distance` bytes before it; up to 127.
fn near(distance: u8, delta: &[u8]) -> Vec<u8> {
    [head(OFS_DELTA, delta.len() as u64), vec![distance], zlib(delta)].concat()
}

fn of(base: &[u8], delta: &[u8]) -> Vec<u8> {
    [head(REF_DELTA, delta.len() as u64), base.to_vec(), zlib(delta)].concat()
}

fn headed(version: u32, count: u32, entries: &[Vec<u8>]) -> Vec<u8> {
    let mut pack = [b"PACK".as_slice(), &version.to_be_bytes(), &count.to_be_bytes(), &entries.concat()].concat();
    let checksum = Sha1::digest(&pack);
    pack.extend_from_slice(&checksum);
    pack
}

fn pack(entries: &[Vec<u8>]) -> Vec<u8> {
    headed(2, entries.len() as u32, entries)
}

fn blob_id(content: &[u8]) -> Vec<u8> {
    Sha1::digest([format!("blob {}\0", content.len()).as_bytes(), content].concat()).to_vec()
}

fn read(pack: &[u8]) -> Understood {
    let asked = Asked::Content { base: "/x.git".into() };
    let mut held = Pieces { bytes: pack, piece_bytes: usize::MAX, ends: true };
    examine(asked, ObjectFormat::Sha1, Vec::new(), true, &mut held, &mut NoTarget)
}

fn problem(pack: &[u8]) -> String {
    let understood = read(pack);
    assert!(understood.events.is_empty() && understood.paths.is_empty() && !understood.complete);
    understood.problem.expect("the pack was taken")
}

fn unresolved(pack: &[u8]) -> u32 {
    let understood = read(pack);
    assert_eq!(understood.problem, None);
    match understood.events[1] {
        GitEvent::Contents { unresolved, .. } => unresolved,
        ref other => panic!("{other:?}"),
    }
}

#[test]
fn a_pack_of_nothing_is_a_pack_and_so_is_one_of_version_3() {
    for pack in [pack(&[]), headed(3, 1, &[whole(BLOB, b"x")])] {
        let understood = read(&pack);
        assert_eq!((understood.problem, understood.end), (None, pack.len() as u64));
        assert!(understood.complete);
    }
}

#[test]
fn what_follows_a_pack_is_not_part_of_it() {
    let pack = pack(&[whole(BLOB, b"x")]);
    let understood = read(&[pack.as_slice(), b"PACK and more"].concat());
    assert_eq!((understood.problem, understood.end), (None, pack.len() as u64));
}

#[test]
fn what_is_no_pack_is_refused() {
    assert!(problem(b"HELLO, WORLD").contains("does not begin with PACK"));
    assert!(problem(&headed(4, 0, &[])).contains("version 4"));
    assert!(problem(&headed(2, 5_000_001, &[])).contains("5000001 objects"));
    assert!(problem(b"PACK").contains("breaks off after 4 bytes"));
    assert!(problem(b"").contains("breaks off after 0 bytes"));
}

#[test]
fn what_is_gone_ends_the_examination() {
    struct Gone;
    impl Held for Gone {
        fn read(&mut self, offset: u64, into: &mut [u8]) -> Result<usize, Lost> {
            let begun = b"PACK\0\0\0\x02".get(offset as usize..).filter(|rest| !rest.is_empty()).ok_or(Lost)?;
            into[..begun.len()].copy_from_slice(begun);
            Ok(begun.len())
        }
    }
    let asked = Asked::Exec { repository: "'/x.git'".into() };
    let understood = examine(asked, ObjectFormat::Sha1, Vec::new(), false, &mut Gone, &mut NoTarget);
    assert_eq!(understood.problem.as_deref(), Some("what was held of the push is gone"));
}

#[test]
fn a_pack_may_begin_behind_a_list_of_commands() {
    let pack = pack(&[whole(BLOB, b"hello"), near(whole(BLOB, b"hello").len() as u8, &[5, 5, 0x90, 5])]);
    let pushed = [b"00a0 refs and so on 0000".as_slice(), &pack].concat();
    let examination =
        PushExamination::new(Asked::Content { base: "/x".into() }, ObjectFormat::Sha1, 24, Vec::new(), true);
    let finding = examination.examine(&mut Pieces::whole(&pushed), &mut NoTarget);
    let understood = finding.0.downcast_ref::<Understood>().unwrap();
    assert_eq!((understood.problem.as_ref(), understood.end), (None, pushed.len() as u64));
    assert!(matches!(understood.events[0], GitEvent::Pack { bytes, .. } if bytes == pack.len() as u64));
}

#[test]
fn a_wrong_checksum_is_refused() {
    let mut pack = pack(&[whole(BLOB, b"x")]);
    *pack.last_mut().unwrap() ^= 1;
    assert!(problem(&pack).contains("checksum"));
}

#[test]
fn a_count_that_lies_is_refused() {
    // More than there are: the checksum is read as an object. Fewer: an object is read as the checksum.
    let entry = whole(BLOB, b"x");
    problem(&headed(2, 2, std::slice::from_ref(&entry)));
    assert!(problem(&headed(2, 1, &[entry.clone(), entry])).contains("checksum"));
    problem(&headed(2, 4_999_999, &[]));
}

#[test]
fn sizes_that_lie_are_refused() {
    for (said, what) in [(99, "more"), (101, "less"), (0, "more"), (3_000_000, "less"), (1, "more")] {
        let lying = [head(BLOB, said), zlib(&[b'a'; 100])].concat();
        assert!(problem(&pack(&[lying])).contains(what), "{said}");
    }
    // Much more than it says: a bomb is not unpacked to its end.
    let bomb = [head(BLOB, 10), zlib(&vec![0; 50_000_000])].concat();
    assert!(problem(&pack(&[bomb])).contains("more than the 10 bytes"));
    let large = [head(BLOB, 3_000_000), zlib(&vec![0; 50_000_000])].concat();
    assert!(problem(&pack(&[large])).contains("more than the 3000000 bytes"));
}

#[test]
fn a_pack_that_unpacks_to_more_than_is_allowed_is_refused_before_it_does() {
    let lying = [head(BLOB, 17 << 30), zlib(b"x")].concat();
    assert!(problem(&pack(&[lying])).contains("unpack to more than"));
    // A size that no number holds.
    assert!(problem(&pack(&[[vec![0xbf], vec![0xff; 20], zlib(b"x")].concat()])).contains("no number holds"));
    assert!(problem(&pack(&[[head(OFS_DELTA, 4), vec![0xff; 20]].concat()])).contains("no number holds"));
}

#[test]
fn what_zlib_did_not_write_is_refused() {
    assert!(problem(&pack(&[[head(BLOB, 4), vec![0xff; 40]].concat()])).contains("not compressed"));
    let mut wrong = whole(BLOB, b"some content");
    let last = wrong.len() - 1;
    wrong[last] ^= 1;
    assert!(problem(&pack(&[wrong])).contains("not compressed"));
}

#[test]
fn kinds_that_are_none_are_refused() {
    for kind in [0, 5] {
        assert!(problem(&pack(&[whole(kind, b"x")])).contains(&format!("no kind that is known: {kind}")));
    }
}

#[test]
fn a_delta_of_what_is_no_object_is_refused() {
    let base = whole(BLOB, b"hello");
    let copy = [5, 5, 0x90, 5];
    let before = base.len() as u8;
    assert_eq!(unresolved(&pack(&[base.clone(), near(before, &copy)])), 0);
    for distance in [0, 1, before - 1, before + 1, before + 12, 100] {
        let told = problem(&pack(&[base.clone(), near(distance, &copy)]));
        assert!(told.contains("outside of the pack's objects"), "{distance}: {told}");
    }
}

#[test]
fn a_delta_that_does_not_fit_is_refused() {
    let base = whole(BLOB, b"hello");
    let before = base.len() as u8;
    for (delta, what) in [
        (&[4, 4, 0x90, 4][..], "of another size"),
        (&[5, 5, 0x91, 3, 5], "does not have"),
        (&[5, 6, 0x90, 5], "less than it says"),
        (&[5, 4, 0x90, 5], "more than it says"),
        (&[5, 5, 0], "broken"),
        (&[0x85], "broken"),
        (&[], "broken"),
    ] {
        let told = problem(&pack(&[base.clone(), near(before, delta)]));
        assert!(told.contains(what), "{told}");
    }
}

#[test]
fn deltas_that_stand_on_each_other_stay_unresolved() {
    let copy = [5, 5, 0x90, 5];
    // Each names the other; one names itself; one names what nobody has.
    let (one, other) = (blob_id(b"1"), blob_id(b"2"));
    assert_eq!(unresolved(&pack(&[of(&one, &copy), of(&other, &copy)])), 2);
    assert_eq!(unresolved(&pack(&[of(&blob_id(b"hello"), &copy)])), 1);
    let first = of(&one, &copy);
    let distance = first.len() as u8;
    assert_eq!(unresolved(&pack(&[first, near(distance, &copy)])), 2);
}

#[test]
fn bases_may_come_behind_their_deltas() {
    // Each is a delta of the one behind it: "a", "ab", … by name.
    let contents: Vec<Vec<u8>> = (0..12_u8).map(|number| vec![b'a' + number; 1 + usize::from(number)]).collect();
    let mut entries = Vec::new();
    for pair in contents.windows(2) {
        let own = pair[0].len() as u8;
        let delta = [vec![pair[1].len() as u8, own, own], pair[0].clone()].concat();
        entries.push(of(&blob_id(&pair[1]), &delta));
    }
    entries.push(whole(BLOB, contents.last().unwrap()));
    let understood = read(&pack(&entries));
    assert_eq!(understood.problem, None);
    let GitEvent::Objects { objects } = &understood.events[2] else { panic!("no objects") };
    let told: Vec<Vec<u8>> = objects.iter().map(|object| object.id.as_bytes().to_vec()).collect();
    assert_eq!(told, contents.iter().map(|content| blob_id(content)).collect::<Vec<_>>());
}

#[test]
fn deltas_on_too_many_deltas_are_refused() {
    let mut entries = vec![whole(BLOB, b"hello")];
    for _ in 0..4097 {
        let before = entries.last().unwrap().len() as u8;
        entries.push(near(before, &[5, 5, 0x90, 5]));
    }
    assert!(problem(&pack(&entries)).contains("more than 4096 deltas"));
    entries.pop();
    assert_eq!(unresolved(&pack(&entries)), 0);
}

#[test]
fn an_object_that_is_there_twice_is_told_once() {
    let id = "7f".repeat(20);
    let text = format!("tree {id}\nauthor A <a> 1 +0000\ncommitter B <b> 2 +0000\n\nTwice\n");
    let entry = whole(COMMIT, text.as_bytes());
    let understood = read(&pack(&[entry.clone(), entry]));
    assert_eq!(understood.problem, None);
    let commits = understood.events.iter().filter(|event| matches!(event, GitEvent::Commit { .. })).count();
    assert_eq!(commits, 1);
}

#[test]
fn commits_that_say_nonsense_are_counted_and_no_more() {
    let entries = [b"".as_slice(), b"tree x\n", b"\0\0\0", &[b'\n'; 1000]].map(|text| whole(COMMIT, text));
    let understood = read(&pack(&entries));
    assert_eq!((understood.problem.as_ref(), understood.complete), (None, false));
    assert!(matches!(&understood.events[1], GitEvent::Contents { commits: 4, cut, .. } if cut.contains("4 commits")));
}

fn id_of(kind: &str, content: &[u8]) -> Vec<u8> {
    Sha1::digest([format!("{kind} {}\0", content.len()).as_bytes(), content].concat()).to_vec()
}

fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A commit of the tree that `levels` trees make, each of which holds the one before it `times` times.
fn towering(levels: usize, times: u8) -> Vec<u8> {
    let mut entries = vec![whole(BLOB, b"x")];
    let (mut mode, mut id) = ("100644", blob_id(b"x"));
    for _ in 0..levels {
        let tree: Vec<u8> = (0..times)
            .flat_map(|at| [format!("{mode} {}\0", char::from(b'a' + at)).as_bytes(), &id].concat())
            .collect();
        entries.push(whole(TREE, &tree));
        (mode, id) = ("40000", id_of("tree", &tree));
    }
    let commit = format!("tree {}\nauthor A <a> 1 +0000\ncommitter B <b> 2 +0000\n\nHigh\n", hex(&id));
    entries.push(whole(COMMIT, commit.as_bytes()));
    pack(&entries)
}

fn files(understood: &Understood) -> Vec<&wiretape_core::event::FileChange> {
    let files = understood.events.iter().filter_map(|event| match event {
        GitEvent::Files { files, .. } => Some(files),
        _ => None,
    });
    files.flatten().collect()
}

#[test]
fn trees_in_trees_are_followed_so_far() {
    let understood = read(&towering(200, 1));
    assert_eq!((files(&understood).len(), understood.complete), (1, true));
    assert_eq!(understood.paths[0].len(), 399);
    let understood = read(&towering(400, 1));
    assert_eq!((files(&understood).len(), understood.complete), (0, false));
}

#[test]
fn trees_that_multiply_end_at_the_limit_of_files() {
    let understood = read(&towering(8, 20));
    assert_eq!((understood.problem.as_ref(), understood.complete), (None, false));
    assert_eq!(files(&understood).len(), GIT_FILES_MAX);
    assert!(crate::oracle::cut(&understood).contains("more files"));
}

#[test]
fn objects_behind_those_that_are_remembered_are_counted() {
    let entry = whole(BLOB, b"x");
    let distance = entry.len() as u8;
    let mut entries = vec![entry; 256 * 1024];
    entries.push(near(distance, &[1, 1, 0x90, 1]));
    entries.push(of(&blob_id(b"x"), &[1, 1, 0x90, 1]));
    entries.push(whole(BLOB, b"y"));
    let understood = read(&pack(&entries));
    assert_eq!((understood.problem.as_ref(), understood.complete), (None, false));
    assert!(matches!(understood.events[0], GitEvent::Pack { objects: 262_147, .. }));
    assert!(crate::oracle::cut(&understood).contains("only the first 262144 objects"));
}

#[test]
fn only_the_newest_of_many_commits_are_told_and_long_messages_are_cut() {
    let repository = Repository::new(ObjectFormat::Sha1);
    let mut stream = String::new();
    for number in 0..GIT_COMMITS_MAX + 3 {
        let message = if number == GIT_COMMITS_MAX { "long ".repeat(20_000) } else { "c\n".to_owned() };
        stream += &format!("commit refs/heads/main\ncommitter B <b> {} +0000\n", 1_600_000_000 + number);
        stream += &format!("data {}\n{message}\n", message.len());
    }
    repository.import(stream.as_bytes());
    let pack = repository.pack(&["main"], &[], &["--delta-base-offset"]);
    let understood = read(&pack);
    assert_eq!((understood.problem.as_ref(), understood.complete), (None, false));
    let commits: Vec<(String, usize)> = understood
        .events
        .iter()
        .filter_map(|event| match event {
            GitEvent::Commit { id, message, .. } => Some((id.to_string(), message.len())),
            _ => None,
        })
        .collect();
    let newest = repository.text(["rev-list", "-n", &GIT_COMMITS_MAX.to_string(), "main"]);
    assert_eq!(commits.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(), newest.lines().collect::<Vec<_>>());
    assert_eq!((commits[0].1, commits[2].1), (2, 64 * 1024));
    assert!(crate::oracle::cut(&understood).contains("10000 commits"));
}

#[test]
fn a_commit_of_more_parents_than_are_recorded_says_so() {
    let parents: String = (0..5000).map(|number| format!("parent {number:040x}\n")).collect();
    let text = format!("tree {}\n{parents}author A <a> 1 +0000\ncommitter B <b> 2 +0000\n\nMany\n", "7f".repeat(20));
    let understood = read(&pack(&[whole(COMMIT, text.as_bytes())]));
    let parents = understood.events.iter().find_map(|event| match event {
        GitEvent::Commit { parents, .. } => Some(parents.len()),
        _ => None,
    });
    assert_eq!((understood.problem.as_ref(), parents), (None, Some(1024)));
    assert!(crate::oracle::cut(&understood).contains("more parents"));
}

#[test]
fn a_pack_may_come_byte_by_byte_and_nothing_is_read_behind_it() {
    let History { repository, commits } = history(ObjectFormat::Sha1, 3, 6);
    let pack = repository.pack(&[commits.last().unwrap()], &[], &["--delta-base-offset"]);
    let asked = || Asked::Content { base: "/x.git".into() };
    let at_once = examine(asked(), ObjectFormat::Sha1, Vec::new(), true, &mut Pieces::whole(&pack), &mut NoTarget);
    for piece_bytes in [1, 7, 4096] {
        let mut pieces = Pieces { bytes: &pack, piece_bytes, ends: false };
        let told = examine(asked(), ObjectFormat::Sha1, Vec::new(), true, &mut pieces, &mut NoTarget);
        assert_eq!(told, at_once);
    }
}

/// What is held of a push, and how far it may go ahead.
struct Ahead<'p> {
    pieces: Pieces<'p>,
    bytes: u64,
}

impl Held for Ahead<'_> {
    fn read(&mut self, offset: u64, into: &mut [u8]) -> Result<usize, Lost> {
        self.pieces.read(offset, into)
    }

    fn let_ahead(&mut self, offset: u64) {
        self.bytes = self.bytes.max(offset);
    }
}

#[test]
fn however_a_pack_comes_and_whatever_stands_behind_it_its_end_never_goes_ahead() {
    for format in [ObjectFormat::Sha1, ObjectFormat::Sha256] {
        let History { repository, commits } = history(format, 5, 40);
        let pack = repository.pack(&[commits.last().unwrap()], &[], &["--delta-base-offset", "--compression=0"]);
        assert!(pack.len() > 20_000, "{}", pack.len());
        for behind in [0, 1, 31, 200_000] {
            let pushed = [pack.as_slice(), &vec![0; behind]].concat();
            for piece_bytes in [1, 13, 4096, pack.len() - 1, pack.len(), usize::MAX] {
                let pieces = Pieces { bytes: &pushed, piece_bytes, ends: true };
                let mut held = Ahead { pieces, bytes: 0 };
                let asked = Asked::Content { base: "/x.git".into() };
                let understood = examine(asked, format, Vec::new(), true, &mut held, &mut NoTarget);
                assert_eq!((understood.problem, understood.end), (None, pack.len() as u64));
                assert!(held.bytes < pack.len() as u64, "{piece_bytes}: {} of {}", held.bytes, pack.len());
                let most = pack.len() - piece_bytes.min(pack.len());
                assert!(held.bytes >= most as u64, "{piece_bytes}: what was read may go: {}", held.bytes);
            }
        }
        // Of one that is broken nothing goes behind the place where that shows.
        let mut broken = pack.clone();
        broken[12] = 0x50;
        let pieces = Pieces { bytes: &broken, piece_bytes: 1, ends: true };
        let mut held = Ahead { pieces, bytes: 0 };
        let asked = Asked::Content { base: "/x.git".into() };
        let understood = examine(asked, format, Vec::new(), true, &mut held, &mut NoTarget);
        assert!(understood.problem.is_some() && held.bytes <= 13, "{}", held.bytes);
    }
}

#[test]
fn a_changed_byte_is_found_wherever_it_is() {
    let History { repository, commits } = history(ObjectFormat::Sha1, 4, 2);
    let mut pack = repository.pack(&[commits.last().unwrap()], &[], &["--delta-base-offset"]);
    assert!(pack.len() < 40_000, "{}", pack.len());
    for position in 0..pack.len() {
        let change = 1 << (position % 8);
        pack[position] ^= change;
        // The checksum covers every byte before it.
        assert!(read(&pack).problem.is_some(), "byte {position}");
        pack[position] ^= change;
        if position % 16 == 0 || pack.len() - position < 64 {
            let cut = problem(&pack[..position]);
            assert!(cut.contains("breaks off"), "{cut}");
        }
    }
}

#[test]
fn bytes_changed_under_a_right_checksum_never_do_harm() {
    let History { repository, commits } = history(ObjectFormat::Sha1, 4, 2);
    let pack = repository.pack(&[commits.last().unwrap()], &[], &["--delta-base-offset", "--compression=0"]);
    let end = pack.len() - 20;
    let (mut taken, mut refused) = (0, 0);
    for position in (0..end).step_by(3) {
        let mut changed = pack[..end].to_vec();
        changed[position] ^= 1 << (position % 8);
        let checksum = Sha1::digest(&changed);
        changed.extend_from_slice(&checksum);
        match read(&changed).problem {
            Some(_) => refused += 1,
            None => taken += 1,
        }
    }
    // Adler-32 stands at the end of every object: almost nothing gets past it.
    assert!(refused > taken * 10, "{refused} refused, {taken} taken");
}
