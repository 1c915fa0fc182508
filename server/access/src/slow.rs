//! Slows failed log-ins, for each account from each network, for each network, and for each account.
//!
//! Few failures are free for an account from one network, and many from all networks together, so that others cannot
//! lock a user out by failing under the user's name.
//!
//! An account that has logged in from a network is slowed there by its own failures alone, so that nobody else can hold
//! its user back.
//!
//! A network that a proxy has named proves nothing: whoever passes the proxy by can write any address.
//!
//! An attempt is counted before its password is checked, so that many at once do not pass together. One that succeeds
//! is taken back. Counting writes into a bounded memory, so an attempt is only looked at until its turn to be checked has
//! come: attempts that cost their sender nothing push nobody's failures out.

use std::{
    borrow::Borrow,
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroUsize,
    time::Duration,
};

use lru::LruCache;
use model::Nanos;
use parking_lot::Mutex;

use crate::{Refusal, presented::Slowed};

/// The failures of an account from one network that are not slowed.
const PAIR_FREE: u32 = 5;
/// The failures of an account from all networks that are not slowed.
const ACCOUNT_FREE: u32 = 100;
/// The failures of an address that are not slowed.
const ADDRESS_FREE: u32 = 10;
/// The wait after the first failure past these. It doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// Failures are forgotten this long after the last one.
const FORGET: Duration = Duration::from_secs(3600);
/// The maximum number of accounts, of addresses, and of accounts from one network. The oldest are forgotten.
const MOST: NonZeroUsize = NonZeroUsize::new(10_000).unwrap();

/// The recent failures. Kept by this process alone.
pub(crate) struct Slow {
    failures: Mutex<Failures>,
}

struct Failures {
    pairs: LruCache<(String, IpAddr), Entry>,
    accounts: LruCache<String, Entry>,
    addresses: LruCache<IpAddr, Entry>,
    /// The accounts that have logged in from a network.
    proven: LruCache<(String, IpAddr), ()>,
}

#[derive(Clone, Copy, Default)]
struct Entry {
    failures: u32,
    last: Nanos,
}

impl Entry {
    /// Forgets old failures. A failure in the future, after the clock was set back, counts as one of now.
    fn aged(self, now: Nanos) -> Self {
        let is_old = now.saturating_sub(self.last) >= nanos(FORGET);
        if is_old { Self::default() } else { Self { last: self.last.min(now), ..self } }
    }

    /// How long the next attempt has to wait, if it has to.
    fn wait(self, free: u32, now: Nanos) -> Option<Duration> {
        let past = self.failures.checked_sub(free)?;
        let wait = FIRST_WAIT.saturating_mul(1 << past.min(10)).min(LONGEST_WAIT);
        let passed = now.saturating_sub(self.last).max(0).unsigned_abs();
        wait.checked_sub(Duration::from_nanos(passed)).filter(|left| !left.is_zero())
    }

    fn failed(self, now: Nanos) -> Self {
        Self { failures: self.failures.saturating_add(1), last: now }
    }
}

impl Slow {
    pub(crate) fn new() -> Self {
        let failures = Failures {
            pairs: LruCache::new(MOST),
            accounts: LruCache::new(MOST),
            addresses: LruCache::new(MOST),
            proven: LruCache::new(MOST),
        };
        Self { failures: Mutex::new(failures) }
    }

    /// Looks whether an attempt may be made now. Counts nothing.
    ///
    /// # Errors
    /// `TooMany` while the account or the address has to wait.
    pub(crate) fn check(&self, account: &str, from: impl Into<Slowed>, now: Nanos) -> Result<(), Refusal> {
        let from = from.into();
        let pair = (account.to_owned(), network_of(from.address));
        self.failures.lock().look(&pair, from.may_prove, now).map(drop)
    }

    /// Counts an attempt as failed until [`Slow::succeeded`] or [`Slow::not_tried`].
    ///
    /// # Errors
    /// `TooMany` while the account or the address has to wait. Such an attempt is not counted.
    pub(crate) fn attempt(&self, account: &str, from: impl Into<Slowed>, now: Nanos) -> Result<(), Refusal> {
        let from = from.into();
        let pair = (account.to_owned(), network_of(from.address));
        let mut failures = self.failures.lock();
        let Current { of_pair, of_account, of_address, is_proven } = failures.look(&pair, from.may_prove, now)?;
        let network = pair.1;
        failures.pairs.put(pair, of_pair.failed(now));
        if !is_proven {
            failures.accounts.put(account.to_owned(), of_account.failed(now));
            failures.addresses.put(network, of_address.failed(now));
        }
        Ok(())
    }

    /// As [`Slow::check`], for a log-in by an identity provider, whose account is not known yet.
    ///
    /// # Errors
    /// `TooMany` while the address has to wait.
    pub(crate) fn check_external(&self, address: IpAddr, now: Nanos) -> Result<(), Refusal> {
        self.failures.lock().look_at_address(&network_of(address), now).map(drop)
    }

    /// As [`Slow::attempt`], for a log-in by an identity provider. It counts until [`Slow::not_failed_external`].
    ///
    /// # Errors
    /// `TooMany` while the address has to wait. Such an attempt is not counted.
    pub(crate) fn attempt_external(&self, address: IpAddr, now: Nanos) -> Result<(), Refusal> {
        let network = network_of(address);
        let mut failures = self.failures.lock();
        let of_address = failures.look_at_address(&network, now)?;
        failures.addresses.put(network, of_address.failed(now));
        Ok(())
    }

    /// The provider has authenticated somebody, or could not be asked.
    pub(crate) fn not_failed_external(&self, address: IpAddr) {
        take_back(&mut self.failures.lock().addresses, &network_of(address));
    }

    /// The password was right: the account has no failures from this network any more, and one less from all; so has
    /// the network.
    pub(crate) fn succeeded(&self, account: &str, from: impl Into<Slowed>) {
        let from = from.into();
        let network = network_of(from.address);
        let pair = (account.to_owned(), network);
        let mut failures = self.failures.lock();
        failures.pairs.pop(&pair);
        // Of a proven one, only the pair was counted.
        let was_proven = from.may_prove && failures.proven.put(pair, ()).is_some();
        if !was_proven {
            take_back(&mut failures.accounts, account);
            take_back(&mut failures.addresses, &network);
        }
    }

    /// The password was not checked.
    pub(crate) fn not_tried(&self, account: &str, from: impl Into<Slowed>) {
        let from = from.into();
        let network = network_of(from.address);
        let pair = (account.to_owned(), network);
        let mut failures = self.failures.lock();
        take_back(&mut failures.pairs, &pair);
        let is_proven = from.may_prove && failures.proven.contains(&pair);
        if !is_proven {
            take_back(&mut failures.accounts, account);
            take_back(&mut failures.addresses, &network);
        }
    }
}

/// The counts of failures that apply to an attempt.
struct Current {
    of_pair: Entry,
    of_account: Entry,
    of_address: Entry,
    is_proven: bool,
}

impl Failures {
    /// Returns the counts that apply to an attempt now. Adds no entry.
    fn look(&mut self, pair: &(String, IpAddr), may_prove: bool, now: Nanos) -> Result<Current, Refusal> {
        let (account, network) = pair;
        let of_pair = current(&mut self.pairs, pair, now);
        let of_account = current(&mut self.accounts, account.as_str(), now);
        let of_address = current(&mut self.addresses, network, now);
        let is_proven = may_prove && self.proven.get(pair).is_some();
        let of_others = || [of_account.wait(ACCOUNT_FREE, now), of_address.wait(ADDRESS_FREE, now)];
        let [by_account, by_address] = if is_proven { [None; 2] } else { of_others() };
        let waits = [of_pair.wait(PAIR_FREE, now), by_account, by_address];
        match waits.into_iter().flatten().max() {
            Some(wait) => Err(too_many(wait)),
            None => Ok(Current { of_pair, of_account, of_address, is_proven }),
        }
    }

    /// Returns the count that applies to an attempt without an account now. Adds no entry.
    fn look_at_address(&mut self, network: &IpAddr, now: Nanos) -> Result<Entry, Refusal> {
        let of_address = current(&mut self.addresses, network, now);
        of_address.wait(ADDRESS_FREE, now).map_or(Ok(of_address), |wait| Err(too_many(wait)))
    }
}

fn too_many(wait: Duration) -> Refusal {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    Refusal::too_many(
        format!("too many log-ins have failed for this name or from this address; try again in {seconds} s"),
        Duration::from_secs(seconds),
    )
}

/// The entry as it counts now.
fn current<K, Q>(entries: &mut LruCache<K, Entry>, key: &Q, now: Nanos) -> Entry
where
    K: Hash + Eq + Borrow<Q>,
    Q: Hash + Eq + ?Sized,
{
    let Some(entry) = entries.get_mut(key) else { return Entry::default() };
    *entry = entry.aged(now);
    *entry
}

fn take_back<K, Q>(entries: &mut LruCache<K, Entry>, key: &Q)
where
    K: Hash + Eq + Borrow<Q>,
    Q: Hash + Eq + ?Sized,
{
    if let Some(entry) = entries.get_mut(key) {
        entry.failures = entry.failures.saturating_sub(1);
    }
}

/// What counts as one address: an IPv4 address, or a network of 64 bits, which one subscriber has to itself.
fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        address => address,
    }
}

fn nanos(duration: Duration) -> Nanos {
    Nanos::try_from(duration.as_nanos()).unwrap_or(Nanos::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RefusalClass;

    const SECOND: Nanos = 1_000_000_000;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// Fails `count` times, each as early as it may. Returns the time after.
    fn fail(slow: &Slow, account: &str, from: IpAddr, count: usize, mut now: Nanos) -> Nanos {
        for _ in 0..count {
            while let Err(refusal) = slow.attempt(account, from, now) {
                now += nanos(refusal.retry_after.unwrap());
            }
        }
        now
    }

    fn wait(slow: &Slow, account: &str, from: IpAddr, now: Nanos) -> Option<u64> {
        let refusal = slow.attempt(account, from, now).err()?;
        assert_eq!(refusal.class, RefusalClass::TooMany);
        Some(refusal.retry_after.unwrap().as_secs())
    }

    #[test]
    fn an_account_waits_ever_longer_after_five_failures_from_one_network() {
        let slow = Slow::new();
        let from = address("10.0.0.9");
        let mut now = 7 * SECOND;
        for _ in 0..5 {
            slow.attempt("kim", from, now).unwrap();
        }
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
            assert_eq!(wait(&slow, "kim", from, now), Some(seconds));
            // A refused attempt does not make the wait longer.
            assert_eq!(wait(&slow, "kim", from, now), Some(seconds));
            assert_eq!(wait(&slow, "kim", from, now + 1), Some(seconds));
            now += seconds.cast_signed() * SECOND;
            slow.attempt("kim", from, now).unwrap();
        }
        // Nobody is locked out by the failures of others.
        slow.attempt("kim", address("127.0.0.1"), now).unwrap();
    }

    #[test]
    fn an_account_waits_after_a_hundred_failures_from_all_networks() {
        let slow = Slow::new();
        for number in 0..100 {
            slow.attempt("kim", IpAddr::from([10, 0, 0, number]), 0).unwrap();
        }
        assert_eq!(wait(&slow, "kim", address("127.0.0.1"), 0), Some(1));
        slow.attempt("lee", address("127.0.0.1"), 0).unwrap();
        slow.attempt("kim", address("127.0.0.1"), SECOND).unwrap();
        // The right password does not make the others free.
        slow.succeeded("kim", address("127.0.0.1"));
        assert_eq!(wait(&slow, "kim", address("127.0.0.2"), SECOND), Some(1));
    }

    #[test]
    fn an_address_waits_after_ten_failures_whatever_the_names() {
        for (one, same, other) in
            [("127.0.0.1", "::ffff:127.0.0.1", "127.0.0.2"), ("fd00::1", "fd00::ffff:0:0:1", "fd00:0:0:1::1")]
        {
            let slow = Slow::new();
            for number in 0..10 {
                slow.attempt(&format!("user{number}"), address(one), 0).unwrap();
            }
            assert_eq!(wait(&slow, "someone", address(same), 0), Some(1));
            slow.attempt("someone", address(other), 0).unwrap();
        }
    }

    #[test]
    fn success_clears_the_account_there_and_takes_one_failure_off_the_address() {
        let slow = Slow::new();
        let from = address("10.0.0.1");
        let now = fail(&slow, "kim", from, 9, 0);
        let now = now + nanos(LONGEST_WAIT);
        slow.attempt("kim", from, now).unwrap();
        slow.succeeded("kim", from);
        // Nine are left, and the tenth is the last that is free.
        slow.attempt("lee", from, now).unwrap();
        assert_eq!(wait(&slow, "lee", from, now), Some(1));
        slow.not_tried("lee", from);
        slow.attempt("lee", from, now).unwrap();
    }

    #[test]
    fn others_hold_nobody_back_where_the_account_has_logged_in_before() {
        let slow = Slow::new();
        let (home, elsewhere) = (address("10.0.0.1"), address("10.9.9.9"));
        slow.attempt("kim", home, 0).unwrap();
        slow.succeeded("kim", home);
        for number in 0..100 {
            slow.attempt("kim", IpAddr::from([10, 0, 1, number]), 0).unwrap();
        }
        for number in 0..10 {
            slow.attempt(&format!("stranger{number}"), home, 0).unwrap();
        }
        assert_eq!(wait(&slow, "lee", home, 0), Some(1), "the address is slowed");
        assert_eq!(wait(&slow, "kim", elsewhere, 0), Some(1), "the account is slowed");
        // Its own failures count there as everywhere.
        for _ in 0..5 {
            slow.attempt("kim", home, 0).unwrap();
        }
        assert_eq!(wait(&slow, "kim", home, 0), Some(1));
        // They take nothing back that others have done.
        slow.not_tried("kim", home);
        slow.attempt("kim", home, 0).unwrap();
        slow.succeeded("kim", home);
        assert_eq!(wait(&slow, "kim", elsewhere, 0), Some(1));
        assert_eq!(wait(&slow, "lee", home, 0), Some(1));
    }

    #[test]
    fn failures_are_forgotten_after_an_hour_and_a_clock_that_is_set_back_harms_nobody() {
        let slow = Slow::new();
        let from = address("10.0.0.1");
        let now = fail(&slow, "kim", from, 12, nanos(FORGET) * 3);
        let back = now - nanos(FORGET);
        let seconds = wait(&slow, "kim", from, back).unwrap();
        assert!(seconds <= 60);
        slow.attempt("kim", from, back + seconds.cast_signed() * SECOND).unwrap();
        let later = now + nanos(FORGET);
        for _ in 0..5 {
            slow.attempt("kim", from, later).unwrap();
        }
        assert_eq!(wait(&slow, "kim", from, later), Some(1));
    }

    #[test]
    fn an_address_that_a_proxy_names_is_never_proven() {
        let (slow, home) = (Slow::new(), address("10.0.0.1"));
        // Where kim has logged in without a proxy.
        slow.attempt("kim", home, 0).unwrap();
        slow.succeeded("kim", home);
        for number in 0..100 {
            slow.attempt("kim", IpAddr::from([10, 0, 1, number]), 0).unwrap();
        }
        let forged = Slowed { address: home, may_prove: false };
        assert!(slow.check("kim", forged, 0).is_err() && slow.attempt("kim", forged, 0).is_err());
        slow.check("kim", home, 0).unwrap();
        // Nor does a success behind a proxy prove anything.
        let other = Slowed { address: address("10.0.0.2"), may_prove: false };
        slow.attempt("lee", other, 0).unwrap();
        slow.succeeded("lee", other);
        assert!(!slow.failures.lock().proven.contains(&("lee".to_owned(), other.address)));
        assert_eq!(slow.failures.lock().addresses.get(&other.address).unwrap().failures, 0);
    }

    #[test]
    fn a_look_counts_nothing_and_pushes_nobody_out() {
        let (slow, from) = (Slow::new(), address("10.0.0.1"));
        fail(&slow, "first", from, 5, 0);
        for number in 0..=MOST.get() {
            let stranger = IpAddr::from(u32::try_from(number).unwrap().to_be_bytes());
            slow.check(&format!("other{number}"), stranger, 0).unwrap();
            slow.check_external(stranger, 0).unwrap();
        }
        assert_eq!(wait(&slow, "first", from, 0), Some(1));
        let failures = slow.failures.lock();
        assert_eq!([failures.pairs.len(), failures.accounts.len(), failures.addresses.len()], [1; 3]);
    }

    #[test]
    fn log_ins_by_a_provider_are_slowed_by_their_address() {
        let (slow, from) = (Slow::new(), address("10.0.0.1"));
        for _ in 0..20 {
            slow.attempt_external(from, 0).unwrap();
            slow.not_failed_external(from);
        }
        for _ in 0..10 {
            slow.check_external(from, 0).unwrap();
            slow.attempt_external(from, 0).unwrap();
        }
        let refusal = slow.attempt_external(from, 0).unwrap_err();
        assert_eq!((refusal.class, refusal.retry_after), (RefusalClass::TooMany, Some(Duration::from_secs(1))));
        assert!(slow.check_external(from, 0).is_err());
        slow.check_external(address("10.0.0.2"), 0).unwrap();
        slow.check_external(from, SECOND).unwrap();
    }

    #[test]
    fn the_maps_are_bounded_and_the_oldest_goes_first() {
        let slow = Slow::new();
        let first = address("10.0.0.1");
        fail(&slow, "first", first, 5, 0);
        assert_eq!(wait(&slow, "first", first, 0), Some(1));
        for number in 0..MOST.get() {
            let from = IpAddr::from(u32::try_from(number).unwrap().to_be_bytes());
            slow.attempt(&format!("other{number}"), from, 0).unwrap();
        }
        let failures = slow.failures.lock();
        let lengths = [failures.pairs.len(), failures.accounts.len(), failures.addresses.len()];
        assert_eq!(lengths, [MOST.get(); 3]);
        assert!(!failures.accounts.contains("first") && !failures.pairs.contains(&("first".to_owned(), first)));
    }
}
