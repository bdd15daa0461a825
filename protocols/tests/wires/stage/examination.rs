//! Examinations on the stage: each on a thread of its own, as far as what is held lets it come.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use bytes::Bytes;
use wiretape_core::{Asking, Effect, Examiner, Finding, Held, Inquiry, Lost, Side, Unanswered, Unit};

/// What is held for the target, and the examinations that look at it.
#[derive(Default)]
pub(crate) struct Examining {
    shelf: Arc<Shelf>,
    threads: BTreeMap<Unit, JoinHandle<()>>,
}

/// What was held, as examinations see it.
#[derive(Default)]
struct Shelf {
    stock: Mutex<Stock>,
    moved: Condvar,
}

#[derive(Default)]
struct Stock {
    bytes: Vec<u8>,
    ended: bool,
    lost: bool,
    progress: BTreeMap<Unit, Progress>,
}

/// How far an examination has come.
enum Progress {
    Working,
    /// What it wants to read has not come.
    Waiting,
    Done(Finding),
}

impl Shelf {
    fn lock(&self) -> MutexGuard<'_, Stock> {
        self.stock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&'a self, stock: MutexGuard<'a, Stock>) -> MutexGuard<'a, Stock> {
        self.moved.wait(stock).unwrap_or_else(PoisonError::into_inner)
    }

    /// What changes what is held sets everybody to work again.
    fn change(&self, change: impl FnOnce(&mut Stock)) {
        let mut stock = self.lock();
        change(&mut stock);
        for progress in stock.progress.values_mut().filter(|progress| matches!(progress, Progress::Waiting)) {
            *progress = Progress::Working;
        }
        self.moved.notify_all();
    }

    fn come(&self, unit: Unit, progress: Progress) {
        self.lock().progress.insert(unit, progress);
        self.moved.notify_all();
    }
}

impl Examining {
    /// The client said its last.
    pub(crate) fn end(&mut self) {
        self.shelf.change(|stock| stock.ended = true);
    }

    /// Takes notice of what is to be held or examined.
    pub(crate) fn take(&mut self, effect: &Effect<Bytes>) {
        match effect {
            Effect::Hold { to: Side::Upstream, message, .. } => {
                self.shelf.change(|stock| stock.bytes.extend_from_slice(message));
            }
            Effect::Discard { to: Side::Upstream, .. } | Effect::Close(_) => {
                self.shelf.change(|stock| stock.lost = true);
            }
            Effect::Examine { unit, examiner, .. } => self.begin(*unit, examiner.clone()),
            _ => {}
        }
    }

    fn begin(&mut self, unit: Unit, Examiner(examination): Examiner) {
        self.shelf.come(unit, Progress::Working);
        let shelf = Arc::clone(&self.shelf);
        let work = move || {
            let finding = examination.examine(&mut Reader { shelf: Arc::clone(&shelf), unit }, &mut Nobody);
            shelf.come(unit, Progress::Done(finding));
        };
        self.threads.insert(unit, std::thread::spawn(work));
    }

    /// What an examination found, once all of them have come as far as they can.
    pub(crate) fn found(&mut self) -> Option<(Unit, Finding)> {
        let mut stock = self.shelf.lock();
        while stock.progress.values().any(|progress| matches!(progress, Progress::Working)) {
            stock = self.shelf.wait(stock);
        }
        let done = stock.progress.iter().find_map(|(unit, progress)| match progress {
            Progress::Done(finding) => Some((*unit, finding.clone())),
            _ => None,
        });
        let (unit, finding) = done?;
        stock.progress.remove(&unit);
        let lost = stock.lost;
        drop(stock);
        if let Some(thread) = self.threads.remove(&unit) {
            thread.join().expect("an examination does not panic");
        }
        (!lost).then_some((unit, finding))
    }
}

impl Drop for Examining {
    fn drop(&mut self) {
        self.shelf.change(|stock| stock.lost = true);
        for thread in std::mem::take(&mut self.threads).into_values().filter(|_| !std::thread::panicking()) {
            thread.join().expect("an examination does not panic");
        }
    }
}

/// What is held, for one examination.
struct Reader {
    shelf: Arc<Shelf>,
    unit: Unit,
}

impl Held for Reader {
    fn read(&mut self, offset: u64, into: &mut [u8]) -> Result<usize, Lost> {
        let mut stock = self.shelf.lock();
        loop {
            if stock.lost {
                return Err(Lost);
            }
            let rest = usize::try_from(offset).ok().and_then(|offset| stock.bytes.get(offset..)).unwrap_or_default();
            if !rest.is_empty() || stock.ended {
                let length = rest.len().min(into.len());
                into[..length].copy_from_slice(&rest[..length]);
                return Ok(length);
            }
            stock.progress.insert(self.unit, Progress::Waiting);
            self.shelf.moved.notify_all();
            while matches!(stock.progress.get(&self.unit), Some(Progress::Waiting)) {
                stock = self.shelf.wait(stock);
            }
        }
    }
}

/// A target that cannot be asked.
struct Nobody;

impl Asking for Nobody {
    fn ask(&mut self, _: &Inquiry, _: &mut dyn FnMut(&[u8]) -> bool) -> Result<(), Unanswered> {
        Err(Unanswered("nobody is there".to_owned()))
    }
}
