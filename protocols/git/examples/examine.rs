//! Reads a pack from a file as a push would be read, and says what that takes: `examine <pack> [sha256]`.
//!
//! There is no target to ask: what the pack lacks stays unknown.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::time::Instant;

use bytes::Bytes;
use wiretape_core::{Asking, Examination as _, Held, Inquiry, Lost, Unanswered};
use wiretape_git::pack::{Asked, ObjectFormat, PushExamination, Understood};

struct Pack(File);

impl Held for Pack {
    fn read(&mut self, offset: u64, into: &mut [u8]) -> Result<usize, Lost> {
        self.0.read_at(into, offset).map_err(|_| Lost)
    }
}

struct NoTarget;

impl Asking for NoTarget {
    fn ask(&mut self, _inquiry: &Inquiry, _hear: &mut dyn FnMut(&[u8]) -> bool) -> Result<(), Unanswered> {
        Err(Unanswered("there is no target".to_owned()))
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let pack = arguments.next().ok_or("the path of a pack is missing")?;
    let format = match arguments.next().as_deref() {
        Some("sha256") => ObjectFormat::Sha256,
        _ => ObjectFormat::Sha1,
    };
    let examination = PushExamination::new(Asked::Content { base: Bytes::new() }, format, 0, Vec::new(), false);
    let began = Instant::now();
    let finding = examination.examine(&mut Pack(File::open(pack)?), &mut NoTarget);
    let seconds = began.elapsed().as_secs_f64();
    let understood = finding.0.downcast_ref::<Understood>().ok_or("nothing was understood")?;
    println!(
        "{seconds:.2} s, {} bytes, {} events, {} paths, problem: {:?}",
        understood.end,
        understood.events.len(),
        understood.paths.len(),
        understood.problem
    );
    Ok(())
}
