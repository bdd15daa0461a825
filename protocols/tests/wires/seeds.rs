//! The seeds of the fuzz targets are the cases: short ones, in the bytes that the targets read.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use wiretape_core::{Side, Verdict};

use crate::cases;
use crate::stage::{Turn, turns};

/// Seeds are kept in the repository: long cases stay cases.
const SEED_BYTES_MAX: usize = 4096;

fn seed(first: u8, turns: &[Turn]) -> Vec<u8> {
    let mut bytes = vec![first];
    for turn in turns {
        match turn {
            Turn::Say(side, said) => {
                for piece in said.chunks(usize::from(u16::MAX)) {
                    bytes.push(u8::from(*side == Side::Upstream));
                    bytes.extend((piece.len() as u16).to_be_bytes());
                    bytes.extend(piece);
                }
            }
            Turn::End(Side::Client) => bytes.push(2),
            Turn::End(Side::Upstream) => bytes.push(3),
            Turn::Answer(Verdict::Allow) => bytes.push(4),
            Turn::Answer(Verdict::Refuse(_)) => bytes.push(5),
            Turn::Close(_) => bytes.push(6),
            Turn::Waiting(_) => bytes.push(7),
        }
    }
    bytes
}

/// Where the seed of a case lies, and what it is.
fn seeds() -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds");
    let mut seeds = Vec::new();
    for path in cases::all() {
        let (_, case) = cases::read(&path);
        let (target, first) = case.seed();
        let bytes = seed(first, &case.turns());
        let folder_of_wire = path.components().rev().nth(2).unwrap().as_os_str();
        let target = target.map_or(folder_of_wire, OsStr::new);
        if bytes.len() <= SEED_BYTES_MAX {
            seeds.push((folder.join(target).join(path.file_stem().unwrap()), bytes));
        }
    }
    seeds
}

#[test]
fn seeds_are_the_cases() {
    let write = std::env::var_os("WIRETAPE_CASES").is_some_and(|value| value == "write");
    for (path, bytes) in seeds() {
        if write {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &bytes).unwrap();
        }
        assert!(std::fs::read(&path).is_ok_and(|kept| kept == bytes), "{} is not its case", path.display());
    }
}

#[test]
fn a_seed_is_read_as_it_was_written() {
    for path in cases::all() {
        let (_, case) = cases::read(&path);
        let said = |turns: &[Turn]| {
            let says = turns.iter().filter_map(|turn| match turn {
                Turn::Say(side, said) => Some((*side, said.clone())),
                _ => None,
            });
            let mut joined: Vec<(Side, Vec<u8>)> = Vec::new();
            for (side, bytes) in says {
                match joined.last_mut() {
                    Some((before, said)) if *before == side => said.extend(bytes),
                    _ => joined.push((side, bytes.to_vec())),
                }
            }
            joined
        };
        let turns = turns(&seed(0, &case.turns())[1..]);
        assert_eq!(said(&turns), said(&case.turns()), "{}", path.display());
    }
}
