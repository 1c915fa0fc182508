//! Refusals of one caller for one reason become one record a minute, with their number. Anybody can cause refusals, so
//! the number of records is bounded too.

use std::{collections::HashMap, net::IpAddr, time::Duration};

use tokio::time::Instant;

use super::{
    action::Action,
    event::{Actor, Event},
};

/// The interval in which refusals are counted together.
const INTERVAL: Duration = Duration::from_secs(60);
/// The callers and reasons that are told apart within an interval. Those beyond are counted together.
const MOST: usize = 200;
/// Those of one network. Who calls picks names and keys at will, and must not use up the room of all others.
const MOST_OF_NETWORK: usize = 20;

/// The network of the caller, and [`Event::subject`].
type Key = (Option<IpAddr>, (Action, Actor, String, String));

/// The refusals of the last minute.
#[derive(Default)]
pub(super) struct Refusals(HashMap<Key, Held>);

struct Held {
    /// When the last record was written.
    since: Instant,
    /// What was refused since, with its number.
    event: Option<Event>,
}

impl Refusals {
    /// Counts a refusal. Returns it if it is the first one of its kind in this interval: it is written at once.
    pub(super) fn note(&mut self, mut event: Event, now: Instant) -> Option<Event> {
        let mut key = key_of(&event);
        if !self.0.contains_key(&key) && self.of_network(key.0) >= MOST_OF_NETWORK {
            event = event.of_network();
            key = key_of(&event);
        }
        if !self.0.contains_key(&key) && self.0.len() >= MOST {
            event = event.of_others();
            key = key_of(&event);
        }
        match self.0.get_mut(&key) {
            None => {
                self.0.insert(key, Held { since: now, event: None });
                Some(event)
            }
            Some(held) => {
                match &mut held.event {
                    None => held.event = Some(event),
                    // The target and the time are those of the first one.
                    Some(first) => first.count += event.count,
                }
                None
            }
        }
    }

    /// The number of those of a network. At most [`MOST`] are looked at.
    fn of_network(&self, network: Option<IpAddr>) -> usize {
        self.0.keys().filter(|(of, _)| *of == network).count()
    }

    /// The refusals whose minute is over.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Event> {
        let mut due = Vec::new();
        self.0.retain(|_, held| {
            if now.saturating_duration_since(held.since) < INTERVAL {
                return true;
            }
            held.since = now;
            let event = held.event.take();
            let goes_on = event.is_some();
            due.extend(event);
            goes_on
        });
        due
    }

    /// All that were not written, at the end of the program.
    pub(super) fn rest(&mut self) -> Vec<Event> {
        self.0.drain().filter_map(|(_, held)| held.event).collect()
    }
}

fn key_of(event: &Event) -> Key {
    (event.source.network(), event.subject())
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::audit::source::Source;

    fn refusal(peer: u32, reason: &str) -> Event {
        let source = Source::from(IpAddr::V4(Ipv4Addr::from(peer)));
        Event::refused(1, Actor::user("kim"), source, Action::Refused, "GET /metrics".to_owned(), reason)
    }

    fn counts(events: &[Event]) -> Vec<u64> {
        events.iter().map(|event| event.count).collect()
    }

    #[test]
    fn one_caller_and_reason_make_one_record_a_minute() {
        let (mut refusals, begun) = (Refusals::default(), Instant::now());
        assert_eq!(refusals.note(refusal(1, "no"), begun).map(|event| event.count), Some(1));
        for _ in 0..5 {
            assert_eq!(refusals.note(refusal(1, "no"), begun), None);
        }
        assert!(refusals.note(refusal(2, "no"), begun).is_some(), "another caller");
        assert!(refusals.note(refusal(1, "never"), begun).is_some(), "another reason");
        assert!(refusals.due(begun + INTERVAL - Duration::from_millis(1)).is_empty());
        let minute = begun + INTERVAL;
        assert_eq!(counts(&refusals.due(minute)), [5]);
        // The next minute has begun with that record.
        assert_eq!(refusals.note(refusal(1, "no"), minute), None);
        assert!(refusals.note(refusal(2, "no"), minute).is_some());
        assert_eq!(counts(&refusals.due(minute + INTERVAL)), [1]);
        assert!(refusals.due(minute + 2 * INTERVAL).is_empty());
        assert!(refusals.0.is_empty());
    }

    #[test]
    fn attempts_on_several_accounts_are_told_apart() {
        let attempt = |account: &str| {
            let source = Source::from(IpAddr::V4(Ipv4Addr::LOCALHOST));
            Event::refused(1, Actor::user("nobody"), source, Action::LogIn, account.to_owned(), "wrong")
        };
        let (mut refusals, now) = (Refusals::default(), Instant::now());
        let noted = ["kim", "lee", "kim"].map(|account| refusals.note(attempt(account), now).is_some());
        assert_eq!(noted, [true, true, false]);
    }

    #[test]
    fn one_network_cannot_use_up_the_room_of_others() {
        let (mut refusals, now) = (Refusals::default(), Instant::now());
        let all = 300;
        let noted: Vec<Event> =
            (0..all).filter_map(|number| refusals.note(refusal(1, &format!("no {number}")), now)).collect();
        assert_eq!(noted.len(), MOST_OF_NETWORK + 1);
        let first = refusal(1, "no 0");
        let together = noted.last().unwrap();
        assert_eq!((together.source, &together.subject().1), (first.source, &first.subject().1));
        assert!(together.target.is_empty());
        let other = refusals.note(refusal(2, "no"), now);
        assert_eq!(other, Some(refusal(2, "no")), "another network is told apart");
        let rest = refusals.due(now + INTERVAL);
        let total: u64 = counts(&noted).iter().chain(&counts(&rest)).sum();
        assert_eq!((total, rest.len()), (all, 1));
    }

    #[test]
    fn strangers_cannot_fill_the_store() {
        let (mut refusals, now) = (Refusals::default(), Instant::now());
        let all = 10 * MOST as u32;
        let noted: Vec<Event> = (0..all).filter_map(|peer| refusals.note(refusal(peer, "no"), now)).collect();
        assert_eq!(noted.len(), MOST + 1);
        assert!(noted.last().is_some_and(|event| event.source == Source::default() && event.target.is_empty()));
        let rest = refusals.due(now + INTERVAL);
        let total: u64 = counts(&noted).iter().chain(&counts(&rest)).sum();
        assert_eq!((total, rest.len()), (u64::from(all), 1));
    }
}
