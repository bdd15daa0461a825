//! How often somebody may guess.
//!
//! Wrong logins cost: each address has so many, and gets one back after a while; so has each person, from all
//! addresses together. Whoever has none left is held off before anything is looked up.
//!
//! * What is proved by a key (a signature made with it) is no guess: it is neither asked for here nor counted, so
//!   nobody locks anybody's keys out.
//! * An address from which a person came in lately is that person's own: the person's limit does not hold there. So
//!   somebody who guesses at Ana from elsewhere does not keep Ana out, and from an address that is new Ana waits a
//!   second at most for her turn.
//! * An IPv6 address stands for its /64, which is what one customer has.
//! * A login that goes well gives nothing back: who has one account must not guess at the others for free.
//! * Memory is bounded. Who fails least is forgotten first.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use thiserror::Error;

use crate::limits::{
    ATTEMPTS_ADDRESS_MAX, ATTEMPTS_ADDRESS_PAUSE, ATTEMPTS_KEPT_MAX, ATTEMPTS_KNOWN_FOR, ATTEMPTS_PERSON_MAX,
    ATTEMPTS_PERSON_PAUSE, NAME_BYTES_MAX,
};

/// Nobody looked at the login: there were too many wrong ones before.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("too many wrong logins: try again later")]
pub struct HeldOff {
    /// When the next one is looked at, in nanoseconds since 1970-01-01 UTC.
    pub until_unix_nanos: u64,
    /// Whether it is the first that is held off in a row: worth a record. The others are counted in a [`Held`].
    pub first: bool,
}

/// A row of logins that were held off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// From where; an IPv6 address is the first of its /64. `None` when they were held off because of the person.
    pub address: Option<IpAddr>,
    /// The person's name as it was given; empty when they were held off because of the address.
    pub person: String,
    /// How many.
    pub count: u64,
    /// When the first one was, in nanoseconds since 1970-01-01 UTC.
    pub since_unix_nanos: u64,
    /// When the last one was.
    pub until_unix_nanos: u64,
}

/// The wrong logins of all addresses and persons.
#[derive(Debug, Default)]
pub struct Attempts(Mutex<Tables>);

#[derive(Debug, Default)]
struct Tables {
    addresses: HashMap<IpAddr, Account>,
    persons: HashMap<String, Account>,
    /// From where persons came in, and when last.
    known: HashMap<(String, IpAddr), u64>,
}

/// The wrong logins of one address or person.
#[derive(Clone, Copy, Debug, Default)]
struct Account {
    /// When all of them will be forgiven: each adds a pause.
    clear_at: u64,
    /// Those that were held off since they were last told of.
    held: u64,
    held_since: u64,
    held_until: u64,
}

/// How many wrong logins, and after which pause one is forgiven.
#[derive(Clone, Copy)]
struct Allowance {
    most: u64,
    pause: Duration,
}

const ADDRESS: Allowance = Allowance { most: ATTEMPTS_ADDRESS_MAX, pause: ATTEMPTS_ADDRESS_PAUSE };
const PERSON: Allowance = Allowance { most: ATTEMPTS_PERSON_MAX, pause: ATTEMPTS_PERSON_PAUSE };

impl Allowance {
    fn pause_nanos(self) -> u64 {
        u64::try_from(self.pause.as_nanos()).unwrap_or(u64::MAX)
    }

    /// The time to which an account may be filled: beyond it, there is no attempt left.
    fn full(self, now: u64) -> u64 {
        now.saturating_add(self.pause_nanos().saturating_mul(self.most))
    }
}

impl Account {
    /// When the next attempt is looked at; `None`: now.
    fn waits_until(&self, allowance: Allowance, now: u64) -> Option<u64> {
        let next = self.clear_at.saturating_add(allowance.pause_nanos());
        // A clock that was set back must not hold anybody off for longer than a full account would.
        let next = next.min(allowance.full(now).saturating_add(allowance.pause_nanos()));
        (next > allowance.full(now)).then(|| now.saturating_add(next - allowance.full(now)))
    }

    fn fail(&mut self, allowance: Allowance, now: u64) {
        let clear_at = self.clear_at.clamp(now, allowance.full(now));
        self.clear_at = clear_at.saturating_add(allowance.pause_nanos()).min(allowance.full(now));
    }

    fn hold(&mut self, until_unix_nanos: u64, now: u64) -> HeldOff {
        let first = self.held == 0;
        if first {
            self.held_since = now;
        }
        self.held = self.held.saturating_add(1);
        self.held_until = now;
        HeldOff { until_unix_nanos, first }
    }
}

impl Attempts {
    /// Whether a guess from `address`, at `person` where one is named, is looked at now (nanoseconds since 1970-01-01
    /// UTC). To be asked before a password or a token is looked at, never for a key or a certificate.
    ///
    /// # Errors
    /// When there were too many wrong ones.
    pub fn may_try(&self, address: IpAddr, person: Option<&str>, now: u64) -> Result<(), HeldOff> {
        let address = network(address);
        let mut tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(account) = tables.addresses.get_mut(&address)
            && let Some(until) = account.waits_until(ADDRESS, now)
        {
            return Err(account.hold(until, now));
        }
        let Some(person) = person.map(named) else { return Ok(()) };
        let own = (person, address);
        if tables.known.get(&own).is_some_and(|last| now.saturating_sub(*last) < nanos(ATTEMPTS_KNOWN_FOR)) {
            return Ok(());
        }
        if let Some(account) = tables.persons.get_mut(&own.0)
            && let Some(until) = account.waits_until(PERSON, now)
        {
            return Err(account.hold(until, now));
        }
        Ok(())
    }

    /// A guess was wrong.
    pub fn failed(&self, address: IpAddr, person: Option<&str>, now: u64) {
        let mut tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        account(&mut tables.addresses, network(address), now).fail(ADDRESS, now);
        if let Some(person) = person.map(named) {
            account(&mut tables.persons, person, now).fail(PERSON, now);
        }
    }

    /// A login from `address` went well that was counted among the wrong ones when it began, because whoever begins one
    /// may leave it.
    pub fn forgiven(&self, address: IpAddr) {
        let mut tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(account) = tables.addresses.get_mut(&network(address)) {
            account.clear_at = account.clear_at.saturating_sub(ADDRESS.pause_nanos());
        }
    }

    /// A login went well: the address is the person's own from now on.
    pub fn succeeded(&self, address: IpAddr, person: &str, now: u64) {
        let mut tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        make_room(&mut tables.known, |last| *last);
        tables.known.insert((named(person), network(address)), now);
    }

    /// The rows of logins that were held off and are told of once: those of which nothing was heard for `quiet`.
    /// To be asked now and then, so that one record tells of them all.
    pub fn held(&self, now: u64, quiet: Duration) -> Vec<Held> {
        fn over<'a, K: 'a>(
            accounts: &'a mut HashMap<K, Account>,
            before: u64,
        ) -> impl Iterator<Item = (&'a K, Account)> {
            accounts.iter_mut().filter(move |(_, account)| account.held > 0 && account.held_until <= before).map(
                |(key, account)| {
                    let told = *account;
                    account.held = 0;
                    (key, told)
                },
            )
        }
        let before = now.saturating_sub(nanos(quiet));
        let mut tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let tables = &mut *tables;
        let row = |account: Account, address, person| Held {
            address,
            person,
            count: account.held,
            since_unix_nanos: account.held_since,
            until_unix_nanos: account.held_until,
        };
        let addresses = over(&mut tables.addresses, before)
            .map(|(address, account)| row(account, Some(*address), String::new()))
            .collect::<Vec<_>>();
        let persons = over(&mut tables.persons, before).map(|(person, account)| row(account, None, person.clone()));
        addresses.into_iter().chain(persons).collect()
    }

    /// How many addresses and persons are remembered: never more than a bound.
    #[must_use]
    pub fn remembered(&self) -> usize {
        let tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tables.addresses.len() + tables.persons.len() + tables.known.len()
    }
}

/// What one customer has: an IPv4 address, or the /64 of an IPv6 address.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
    }
}

/// A name as a key: whatever a stranger sends, no longer than names are.
fn named(person: &str) -> String {
    let mut end = person.len().min(NAME_BYTES_MAX);
    while !person.is_char_boundary(end) {
        end -= 1;
    }
    person.get(..end).unwrap_or_default().to_lowercase()
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The account of `key`, made when there is none; room is made for it first.
fn account<K: Clone + Eq + Hash>(accounts: &mut HashMap<K, Account>, key: K, now: u64) -> &mut Account {
    if accounts.len() >= ATTEMPTS_KEPT_MAX && !accounts.contains_key(&key) {
        accounts.retain(|_, account| account.clear_at > now || account.held > 0);
        make_room(accounts, |account| account.clear_at);
    }
    accounts.entry(key).or_default()
}

/// Forgets a quarter of a full table: those of least `worth`. So the work is done once for many.
fn make_room<K: Clone + Eq + Hash, V>(table: &mut HashMap<K, V>, worth: impl Fn(&V) -> u64) {
    if table.len() < ATTEMPTS_KEPT_MAX {
        return;
    }
    let mut worths: Vec<u64> = table.values().map(&worth).collect();
    let quarter = worths.len() / 4;
    let (_, limit, _) = worths.select_nth_unstable(quarter);
    let limit = *limit;
    let mut left = quarter.max(1);
    table.retain(|_, value| {
        let goes = left > 0 && worth(value) <= limit;
        left -= usize::from(goes);
        !goes
    });
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
    use std::time::Duration;

    use super::Attempts;
    use crate::limits::{ATTEMPTS_ADDRESS_MAX, ATTEMPTS_KEPT_MAX, ATTEMPTS_PERSON_MAX};

    const SECOND: u64 = 1_000_000_000;
    const START: u64 = 1_800_000_000 * SECOND;
    const QUIET: Duration = Duration::from_secs(60);

    fn address(number: u32) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + number))
    }

    /// Guesses wrongly; true when the guess was looked at.
    fn guess(attempts: &Attempts, from: IpAddr, at: &str, now: u64) -> bool {
        let looked = attempts.may_try(from, Some(at), now).is_ok();
        if looked {
            attempts.failed(from, Some(at), now);
        }
        looked
    }

    #[test]
    fn a_hundred_thousand_wrong_logins_are_held_off_and_hurt_nobody_else() {
        let attempts = Attempts::default();
        let (thief, ana) = (address(1), address(2));
        attempts.succeeded(ana, "ana", START);
        let looked = (0..100_000).filter(|number| guess(&attempts, thief, "ana", START + number * 1_000_000)).count();
        // A hundred seconds: those that an address has at once, and one for each pause.
        assert_eq!(looked, 20 + 99_999 / 6_000);
        let now = START + 100 * SECOND;
        assert!(attempts.may_try(ana, Some("ana"), now).is_ok(), "the same person from another address");
        assert!(attempts.may_try(address(3), Some("bob"), now).is_ok(), "another person");
        let held = attempts.held(now + 61 * SECOND, QUIET);
        assert_eq!(held.len(), 1, "one row tells of them all");
        assert_eq!((held[0].address, held[0].count), (Some(thief), 100_000 - looked as u64));
        assert!(attempts.held(now + 200 * SECOND, QUIET).is_empty(), "and only once");
    }

    #[test]
    fn the_first_that_is_held_off_is_told_from_the_others() {
        let attempts = Attempts::default();
        for _ in 0..ATTEMPTS_ADDRESS_MAX {
            assert!(guess(&attempts, address(1), "x", START));
        }
        let held = |now| attempts.may_try(address(1), None, now).unwrap_err();
        assert!(held(START).first);
        assert!(!held(START).first);
        assert_eq!(held(START + SECOND).until_unix_nanos, START + 6 * SECOND);
        assert!(attempts.may_try(address(1), None, START + 6 * SECOND).is_ok());
        assert!(attempts.held(START + 2 * SECOND, QUIET).is_empty(), "the row goes on");
    }

    #[test]
    fn guesses_from_many_addresses_slow_a_person_where_nobody_knows_her_and_nowhere_else() {
        let attempts = Attempts::default();
        let (home, hotel) = (address(1), address(2));
        attempts.succeeded(home, "ana", START);
        let looked = (0..5_000).filter(|number| guess(&attempts, address(100 + number), "Ana", START)).count();
        assert_eq!(looked as u64, ATTEMPTS_PERSON_MAX);
        assert!(attempts.may_try(home, Some("ana"), START).is_ok(), "where she came in before");
        let held = attempts.may_try(hotel, Some("ana"), START).unwrap_err();
        assert!(held.until_unix_nanos <= START + SECOND, "a second at most");
        assert!(attempts.may_try(hotel, Some("ana"), held.until_unix_nanos).is_ok());
        assert!(attempts.may_try(hotel, Some("bob"), START).is_ok());
    }

    #[test]
    fn an_address_of_version_six_stands_for_its_network() {
        let attempts = Attempts::default();
        let of = |network: u64, host: u64| {
            IpAddr::V6(Ipv6Addr::from_bits(u128::from(0x2001_0db8_0000_0000 + network) << 64 | u128::from(host)))
        };
        for host in 0..ATTEMPTS_ADDRESS_MAX {
            assert!(guess(&attempts, of(1, host), "", START));
        }
        assert!(attempts.may_try(of(1, 77), None, START).is_err());
        assert!(attempts.may_try(of(2, 77), None, START).is_ok());
        let mapped = IpAddr::V6(Ipv4Addr::new(10, 0, 0, 9).to_ipv6_mapped());
        for _ in 0..ATTEMPTS_ADDRESS_MAX {
            assert!(guess(&attempts, mapped, "y", START));
        }
        assert!(attempts.may_try(address(9), None, START).is_err(), "the same address, written otherwise");
        assert!(attempts.may_try(address(10), None, START).is_ok());
    }

    #[test]
    fn what_began_and_went_well_was_not_wrong() {
        let attempts = Attempts::default();
        for _ in 0..3 * ATTEMPTS_ADDRESS_MAX {
            assert!(guess(&attempts, address(1), "", START));
            attempts.forgiven(address(1));
        }
        for _ in 0..ATTEMPTS_ADDRESS_MAX {
            assert!(guess(&attempts, address(1), "", START));
        }
        assert!(!guess(&attempts, address(1), "", START));
        attempts.forgiven(address(2));
        assert_eq!(attempts.held(START, Duration::ZERO).len(), 1, "who did nothing is not remembered");
    }

    #[test]
    fn memory_is_bounded_and_the_worst_are_remembered() {
        let attempts = Attempts::default();
        let thief = address(0);
        for _ in 0..ATTEMPTS_ADDRESS_MAX {
            attempts.failed(thief, None, START);
        }
        for number in 1..(3 * ATTEMPTS_KEPT_MAX as u32) {
            attempts.failed(address(number), Some(&format!("nobody {number}")), START);
            attempts.succeeded(address(number), &format!("somebody {number}"), START);
        }
        assert!(attempts.remembered() <= 3 * ATTEMPTS_KEPT_MAX, "{}", attempts.remembered());
        assert!(attempts.may_try(thief, None, START).is_err());
    }

    #[test]
    fn a_clock_that_is_set_back_holds_nobody_off_for_long() {
        let attempts = Attempts::default();
        for _ in 0..3 * ATTEMPTS_ADDRESS_MAX {
            attempts.failed(address(1), None, START);
        }
        let before = START - 86_400 * SECOND;
        let held = attempts.may_try(address(1), None, before).unwrap_err();
        assert!(held.until_unix_nanos <= before + 6 * SECOND);
    }
}
