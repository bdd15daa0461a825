//! Where connections are until they have logged in. When it is full, whoever has been in it longest has to leave: a
//! crowd that only stands there keeps nobody out who has business.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// Connections that may be about to log in at one time.
const LOGINS_WAITING_MAX: usize = 2048;

/// The connections that have not logged in yet.
#[derive(Default)]
pub(crate) struct Antechamber {
    seats: Mutex<Seats>,
}

#[derive(Default)]
struct Seats {
    next: u64,
    /// In the order in which they were taken.
    taken: BTreeMap<u64, oneshot::Sender<()>>,
}

/// A place in the antechamber. Dropping it gives it up.
pub(crate) struct Seat<'a> {
    antechamber: &'a Antechamber,
    number: u64,
    left: oneshot::Receiver<()>,
}

impl Antechamber {
    /// Takes a seat, if need be that of whoever has been there longest.
    pub(crate) fn enter(&self) -> Seat<'_> {
        let (put, left) = oneshot::channel();
        let mut seats = self.seats();
        if seats.taken.len() >= LOGINS_WAITING_MAX
            && let Some((_, longest)) = seats.taken.pop_first()
        {
            let _left_already = longest.send(());
        }
        let number = seats.next;
        seats.next += 1;
        seats.taken.insert(number, put);
        drop(seats);
        Seat { antechamber: self, number, left }
    }

    fn seats(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat<'_> {
    /// Resolves when the seat was given to another.
    pub(crate) async fn lost(&mut self) {
        // The sender is kept in the antechamber until the seat is given up: it never goes without a word.
        let _word = (&mut self.left).await;
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.antechamber.seats().taken.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::{Antechamber, LOGINS_WAITING_MAX};

    #[tokio::test]
    async fn the_longest_there_leaves_and_whoever_went_by_himself_does_not_count() {
        let antechamber = Antechamber::default();
        let mut seats: Vec<_> = (0..LOGINS_WAITING_MAX).map(|_| antechamber.enter()).collect();
        drop(seats.remove(1));
        let _fits = antechamber.enter();
        assert!(seats[0].left.try_recv().is_err());
        let _one_more = antechamber.enter();
        seats[0].lost().await;
        assert!(seats[1].left.try_recv().is_err());
        assert_eq!(antechamber.seats().taken.len(), LOGINS_WAITING_MAX);
    }
}
