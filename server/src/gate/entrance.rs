//! The entrance of stream doors: connections and datagrams of protocols without credentials.
//!
//! A peer is decided by its address and its certificate. Programs of this machine may write; others need a
//! network that was let in, or a client certificate. While there is no admin nobody gets in: a client of TCP connects again.

use std::{
    net::{IpAddr, Ipv4Addr},
    num::NonZeroUsize,
    sync::Arc,
    time::{Duration, Instant},
};

use access::{Access, Caller, Need, Principal, Refusal, RefusalClass, State};
use lru::LruCache;
use metrics::{counter, describe_counter};
use parking_lot::Mutex;

use crate::audit::{Action, Audit, network_of};

/// The prefix of a key.
const KEY: &str = "lb_";
/// The minimum interval between log lines about one refused peer; all are counted.
const LOGGED_EVERY: Duration = Duration::from_secs(60);
/// The maximum number of log lines about refused peers in this interval. Anybody can cause them.
const LINES: usize = 10;
/// How long the decision about a sender of datagrams counts.
const REMEMBERED: Duration = Duration::from_secs(1);
/// The bounds of remembered peers and senders. Peers are those of two intervals.
const PEERS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(2 * LINES - 1);
const SENDERS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(4095);

/// The entrance of one kind of door. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Entrance {
    access: Access,
    door: &'static str,
    shared: Arc<Shared>,
    audit: Audit,
}

struct Shared {
    logged: Mutex<Logged>,
    /// The senders of datagrams, with the time of the decision; `None` for refused ones.
    senders: Mutex<LruCache<IpAddr, (Instant, Option<Principal>)>>,
}

/// The log lines about refusals that anybody can cause, counted by interval.
pub(crate) struct Logged {
    /// When a refusal of a peer was last logged.
    peers: LruCache<IpAddr, Instant>,
    /// When the interval began.
    begun: Option<Instant>,
    /// The log lines of the interval.
    lines: usize,
    /// The refusals that got none, although their peers had none either.
    left_out: u64,
}

impl Logged {
    pub(crate) fn new() -> Self {
        Self { peers: LruCache::new(PEERS), begun: None, lines: 0, left_out: 0 }
    }

    /// Whether a refusal is logged; and how many were left out, at the first one after an interval.
    pub(crate) fn note(&mut self, peer: IpAddr, now: Instant) -> (bool, u64) {
        let is_recent = |last: &Instant| now.saturating_duration_since(*last) < LOGGED_EVERY;
        let mut left_out = 0;
        if !self.begun.as_ref().is_some_and(is_recent) {
            left_out = std::mem::take(&mut self.left_out);
            (self.begun, self.lines) = (Some(now), 0);
        }
        let network = network_of(peer);
        if self.peers.get(&network).is_some_and(is_recent) {
            return (false, left_out);
        }
        if self.lines == LINES {
            self.left_out += 1;
            return (false, left_out);
        }
        self.lines += 1;
        self.peers.put(network, now);
        (true, left_out)
    }
}

impl Entrance {
    pub(crate) fn new(access: Access, audit: Audit, door: &'static str) -> Self {
        describe_counter!("logboom_refused_connections_total", "Connections to stream doors that were refused.");
        describe_counter!("logboom_refused_datagrams_total", "Datagrams whose sender may not write.");
        let (logged, senders) = (Mutex::new(Logged::new()), Mutex::new(LruCache::new(SENDERS)));
        Self { access, door, shared: Arc::new(Shared { logged, senders }), audit }
    }

    /// Decides about a connection of a peer by its [`source`](super::source). A refusal is for [`Entrance::refuse`].
    ///
    /// # Errors
    /// The peer may not write without a secret.
    pub(crate) fn admit(&self, peer: IpAddr, certificate: Option<&str>) -> Result<Principal, Refusal> {
        let peer = peer.to_canonical();
        let caller = Caller { address: peer, secret: None, session: None, certificate, forwarded: false };
        match self.decide(&caller) {
            // These protocols carry no secret. Programs of this machine are trusted.
            Err(refusal) if refusal.class == RefusalClass::Unknown && self.trusts(peer) => {
                self.decide(&Caller { secret: Some(self.access.internal()), ..caller })
            }
            decided => decided,
        }
    }

    /// Decides about a connection that will prove the secret of the door. If that is a key, its terms hold. Otherwise
    /// the secret allows to send, without terms.
    ///
    /// # Errors
    /// The secret is a key that may not write through this door, or no longer.
    pub(crate) fn admit_with(&self, peer: IpAddr, secret: &str) -> Result<Principal, Refusal> {
        let is_key = secret.starts_with(KEY);
        let address = if is_key { peer.to_canonical() } else { Ipv4Addr::LOCALHOST.into() };
        let secret = Some(if is_key { secret } else { self.access.internal() });
        self.decide(&Caller { address, secret, session: None, certificate: None, forwarded: false })
    }

    /// Whether somebody may come in at all: there is an admin, or everything is open.
    pub(crate) fn is_closed(&self) -> bool {
        self.access.state() == State::Closed
    }

    fn decide(&self, caller: &Caller<'_>) -> Result<Principal, Refusal> {
        let principal = self.access.decide(caller)?;
        principal.may(Need::Write(self.door)).map(|()| principal)
    }

    fn trusts(&self, peer: IpAddr) -> bool {
        peer.is_loopback() && self.access.state() == State::Guarded
    }

    /// Counts, logs and notes a refused connection.
    pub(crate) fn refuse(&self, peer: IpAddr, refusal: &Refusal) {
        counter!("logboom_refused_connections_total", "door" => self.door).increment(1);
        self.log(peer, refusal, Instant::now());
    }

    /// Decides about a datagram received `now`. A refused one is counted and logged.
    pub(crate) fn admit_datagram(&self, sender: IpAddr, now: Instant) -> Option<Principal> {
        if self.access.state() == State::Open {
            return self.admit(sender, None).ok();
        }
        let known = self.shared.senders.lock().get(&sender).cloned();
        let fresh = known.filter(|(decided, principal)| {
            let is_revoked = principal.as_ref().is_some_and(|principal| principal.revoked().is_cancelled());
            now.saturating_duration_since(*decided) < REMEMBERED && !is_revoked
        });
        let principal = match fresh {
            Some((_, principal)) => principal,
            None => {
                let decided = self.admit(sender, None);
                if let Err(refusal) = &decided {
                    self.log(sender, refusal, now);
                }
                let principal = decided.ok();
                self.shared.senders.lock().put(sender, (now, principal.clone()));
                principal
            }
        };
        if principal.is_none() {
            counter!("logboom_refused_datagrams_total", "door" => self.door).increment(1);
        }
        principal
    }

    fn log(&self, peer: IpAddr, refusal: &Refusal, now: Instant) {
        let target = format!("door {}", self.door);
        self.audit.refused(&Principal::nobody(), peer.into(), Action::Refused, target, refusal);
        let (is_logged, left_out) = self.shared.logged.lock().note(peer, now);
        let (door, reason) = (self.door, refusal.message.as_str());
        if left_out > 0 {
            tracing::warn!(door, left_out, "further refusals of peers were not logged one by one");
        }
        if is_logged {
            tracing::warn!(
                door, %peer, reason,
                "a peer of a stream door is refused; to let it in, start with --anonymous write=CIDR, or add its network \
                 to a server by `logboom anonymous set`"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use access::{Options, Posture};
    use pipeline::clock::Clock;

    use super::*;

    const SECRET: &str = "lb_abcdefgh_0123456789abcdef0123456789abcdef";
    const OTHER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 1, 2, 3));
    const FRIEND: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 9, 2, 3));

    fn entrance() -> Entrance {
        let anonymous = vec!["write=10.9.0.0/16".parse().unwrap()];
        let options = Options { posture: Posture::Network, anonymous, issuer: None, clock: Clock::system() };
        Entrance::new(Access::fixed(&[SECRET.to_owned()], options).unwrap(), Audit::default(), "syslog")
    }

    #[test]
    fn programs_of_this_machine_and_named_networks_may_write() {
        let entrance = entrance();
        let mapped = Ipv4Addr::new(10, 9, 2, 3).to_ipv6_mapped().into();
        for (peer, admitted) in [
            (Ipv4Addr::LOCALHOST.into(), true),
            (Ipv6Addr::LOCALHOST.into(), true),
            (FRIEND, true),
            (mapped, true),
            (OTHER, false),
        ] {
            assert_eq!(entrance.admit(peer, None).is_ok(), admitted, "{peer}");
        }
        assert!(entrance.admit_with(OTHER, SECRET).is_ok());
        assert!(entrance.admit_with(OTHER, "any text").is_ok());
        assert!(entrance.admit_with(OTHER, "lb_abcdefgh_ffffffffffffffffffffffffffffffff").is_err());
    }

    #[test]
    fn a_decision_about_datagrams_counts_for_a_second_and_the_memory_of_them_is_bounded() {
        let (entrance, now) = (entrance(), Instant::now());
        for _ in 0..2 {
            assert!(entrance.admit_datagram(FRIEND, now).is_some());
            assert!(entrance.admit_datagram(OTHER, now).is_none());
        }
        assert!(entrance.admit_datagram(FRIEND, now + REMEMBERED).is_some());
        for number in 0..2 * SENDERS.get() as u32 {
            entrance.admit_datagram(IpAddr::V4(number.into()), now);
        }
        assert_eq!(entrance.shared.senders.lock().len(), SENDERS.get());
        assert_eq!(entrance.shared.logged.lock().lines, LINES);
    }

    #[test]
    fn strangers_cannot_fill_the_log() {
        let (mut logged, now) = (Logged::new(), Instant::now());
        let peer = |number: u32| IpAddr::V4(number.into());
        assert_eq!((0..50).filter(|number| logged.note(peer(*number), now).0).count(), LINES);
        let end = now + LOGGED_EVERY;
        // One that has its line is not left out.
        assert_eq!(logged.note(peer(0), end - Duration::from_secs(1)), (false, 0));
        assert_eq!(logged.note(peer(50), end), (true, 40));
        assert_eq!(logged.note(peer(51), end), (true, 0));
        let [one, same, other] =
            ["2001:db8::1", "2001:db8::2:0:0:3", "2001:db8:0:1::1"].map(|text| text.parse().unwrap());
        assert_eq!([one, same, other].map(|peer| logged.note(peer, end).0), [true, false, true]);
    }
}
