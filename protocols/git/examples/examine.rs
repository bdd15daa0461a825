//! Reads a pack from a file as a push would be read, and says what that takes: `examine <pack> [sha256]`.
//!
//! There is no target to ask: what the pack lacks stays unknown.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::time::Instant;

use bytes::Bytes;
use wiretape_core::event::GitEvent;
use wiretape_core::{Asking, Examination as _, Held, Inquiry, Lost, Unanswered};
use wiretape_git::pack::{Asked, ObjectFormat, PushExamination, Understood};

struct Pack {
    file: File,
    bytes: u64,
    /// When the last byte was read first.
    came: Option<Instant>,
}

impl Held for Pack {
    fn read(&mut self, offset: u64, into: &mut [u8]) -> Result<usize, Lost> {
        let read = self.file.read_at(into, offset).map_err(|_| Lost)?;
        if offset + read as u64 == self.bytes {
            self.came.get_or_insert_with(Instant::now);
        }
        Ok(read)
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
    let file = File::open(pack)?;
    let mut pack = Pack { bytes: file.metadata()?.len(), file, came: None };
    let began = Instant::now();
    let finding = examination.examine(&mut pack, &mut NoTarget);
    let seconds = began.elapsed().as_secs_f64();
    let behind = pack.came.map(|came| came.elapsed().as_secs_f64()).unwrap_or_default();
    let understood = finding.0.downcast_ref::<Understood>().ok_or("nothing was understood")?;
    println!(
        "{seconds:.2} s, {behind:.2} s of it behind the last byte, {} bytes, {} events, {} paths, problem: {:?}",
        understood.end,
        understood.events.len(),
        understood.paths.len(),
        understood.problem
    );
    let files = understood.events.iter().map(|event| match event {
        GitEvent::Files { files, .. } => (files.len(), files.capacity()),
        _ => (0, 0),
    });
    let (files, capacity) = files.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    println!("{files} {capacity} files, {:?}", understood.events.get(1));
    Ok(())
}
