//! The keys by which sessions are cancelled: clients get the gateway's, which stand for the targets'.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use secrecy::{ExposeSecret, SecretSlice};
use tokio::sync::{mpsc, oneshot};

/// Cancel requests of one session that wait to be recorded.
const REQUESTS_WAITING_MAX: usize = 8;

/// Tries to find a process number that is free.
const TRIES_MAX: usize = 64;

/// The sessions that can be cancelled.
#[derive(Default)]
pub(crate) struct CancelKeys {
    sessions: Mutex<HashMap<u32, Entry>>,
}

struct Entry {
    key: SecretSlice<u8>,
    requests: mpsc::Sender<CancelAsked>,
}

/// Somebody asked to cancel what a session runs; the session records that and passes it on.
pub(crate) struct CancelAsked {
    /// The address that it came from.
    pub(crate) address: String,
    /// Told when it was recorded and passed on; dropped when it could not be.
    pub(crate) passed_on: oneshot::Sender<()>,
}

/// A session's place among those that can be cancelled. Dropping it gives it up.
pub(crate) struct CancelPlace<'a> {
    keys: &'a CancelKeys,
    /// The process number that the client is told.
    pub(crate) process_id: u32,
    /// The key that the client is told.
    pub(crate) key: SecretSlice<u8>,
    /// What was asked.
    pub(crate) requests: mpsc::Receiver<CancelAsked>,
}

impl Drop for CancelPlace<'_> {
    fn drop(&mut self) {
        self.keys.sessions().remove(&self.process_id);
    }
}

impl CancelKeys {
    /// A place with a new key of `length` bytes.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub(crate) fn place(&self, length: usize) -> anyhow::Result<CancelPlace<'_>> {
        let mut key = vec![0; length];
        random(&mut key)?;
        let key = SecretSlice::from(key);
        let (put, requests) = mpsc::channel(REQUESTS_WAITING_MAX);
        for _ in 0..TRIES_MAX {
            let mut number = [0; 4];
            random(&mut number)?;
            // A process number is positive for every client that reads it as signed.
            let process_id = u32::from_be_bytes(number) & 0x7fff_ffff;
            let mut sessions = self.sessions();
            if process_id != 0 && !sessions.contains_key(&process_id) {
                sessions.insert(process_id, Entry { key: key.clone(), requests: put });
                drop(sessions);
                return Ok(CancelPlace { keys: self, process_id, key, requests });
            }
        }
        anyhow::bail!("no process number is free")
    }

    /// Asks the session that `process_id` and `key` stand for; `false` when they stand for none, or it has ended.
    pub(crate) async fn ask(&self, process_id: u32, key: &[u8], address: String) -> bool {
        let requests = {
            let sessions = self.sessions();
            let Some(entry) = sessions.get(&process_id) else { return false };
            // Hashes compare in constant time: how long it takes says nothing of how near a guess was.
            if blake3::hash(entry.key.expose_secret()) != blake3::hash(key) {
                return false;
            }
            entry.requests.clone()
        };
        let (put, passed_on) = oneshot::channel();
        requests.try_send(CancelAsked { address, passed_on: put }).is_ok() && passed_on.await.is_ok()
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<u32, Entry>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn random(bytes: &mut [u8]) -> anyhow::Result<()> {
    getrandom::fill(bytes).map_err(|error| anyhow::anyhow!("the system gives no random bytes: {error}"))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::CancelKeys;

    #[tokio::test]
    async fn only_the_right_key_reaches_the_session_and_only_while_it_lives() {
        let keys = CancelKeys::default();
        let mut place = keys.place(32).unwrap();
        let (process_id, key) = (place.process_id, place.key.expose_secret().to_vec());
        assert!(!keys.ask(process_id, &key[..31], String::new()).await);
        assert!(!keys.ask(process_id, &[0; 32], String::new()).await);
        assert!(!keys.ask(process_id ^ 1, &key, String::new()).await);
        let ask = keys.ask(process_id, &key, "127.0.0.1:7".to_owned());
        let session = async {
            let asked = place.requests.recv().await.unwrap();
            assert_eq!(asked.address, "127.0.0.1:7");
            asked.passed_on.send(()).unwrap();
        };
        let (reached, ()) = tokio::join!(ask, session);
        assert!(reached);
        drop(place);
        assert!(!keys.ask(process_id, &key, String::new()).await);
    }
}
