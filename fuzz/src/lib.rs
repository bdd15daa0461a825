//! What the fuzz targets of the byte wires hold any input to. `cargo test` holds the seeds to it, without a fuzzer.
#![allow(clippy::panic, clippy::expect_used, reason = "failing is how a fuzz target speaks")]

mod database;
mod git;
mod http1;
mod lfs;
mod oracle;
mod session;
#[path = "../../protocols/tests/wires/stage/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the tests of the wires use more of the stage")]
mod stage;
mod token;
mod websocket;

use wiretape_core::{ByteWire, Lane};
use wiretape_line::LineWire;
use wiretape_scp::{Direction, Place, ScpWire};
use wiretape_sftp::SftpWire;

pub use database::{postgres, postgres_login};
pub use git::{git_fetch, pkt_line, receive_pack};
pub use http1::http1;
pub use lfs::lfs;
pub use session::session_line;
pub use token::token;
pub use websocket::websocket;

const LANE: Lane = Lane(1);

/// The line wire.
pub fn line(input: &[u8]) {
    wire(input, |_| Box::new(LineWire::new(LANE)), true);
}

/// The scp wire; the first byte says which way the files go.
pub fn scp(input: &[u8]) {
    let make = |first: u8| -> ByteWire {
        let direction = if first & 1 == 0 { Direction::Upload } else { Direction::Download };
        Box::new(ScpWire::new(LANE, direction, Place::default()))
    };
    wire(input, make, false);
}

/// The SFTP wire.
pub fn sftp(input: &[u8]) {
    wire(input, |_| Box::new(SftpWire::new(LANE)), false);
}

fn wire(input: &[u8], make: fn(u8) -> ByteWire, records: bool) {
    if let [first, conversation @ ..] = input {
        oracle::check(|| make(*first), &stage::turns(conversation), *first, records);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    type Target = fn(&[u8]);

    fn seeds(target: &str) -> Vec<Vec<u8>> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
        let files = std::fs::read_dir(folder).expect("a folder of seeds");
        files.map(|file| std::fs::read(file.expect("a file").path()).expect("a seed")).collect()
    }

    #[test]
    fn seeds_are_held_to_the_laws() {
        let targets: [(&str, Target); 13] = [
            ("git_fetch", super::git_fetch),
            ("pkt_line", super::pkt_line),
            ("receive_pack", super::receive_pack),
            ("http1", super::http1),
            ("lfs", super::lfs),
            ("line", super::line),
            ("postgres", super::postgres),
            ("postgres_login", super::postgres_login),
            ("scp", super::scp),
            ("sftp", super::sftp),
            ("session_line", super::session_line),
            ("token", super::token),
            ("websocket", super::websocket),
        ];
        for (target, run) in targets {
            let seeds = seeds(target);
            assert!(!seeds.is_empty(), "{target} has no seeds");
            seeds.iter().for_each(|seed| run(seed));
        }
    }
}
