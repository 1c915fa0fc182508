//! Numbers of records by hour and service.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use model::{Record, Text};

use crate::{Batch, hour::Hour};

/// Numbers of records by hour and service. It is made for every batch, so counting is cheap: no record allocates.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// A service has records of one hour, mostly.
    services: HashMap<Text, Vec<(Hour, u64)>, RandomState>,
}

impl Tally {
    /// The records of the batch.
    pub fn of(batch: &Batch) -> Self {
        let mut tally = Self::default();
        tally.add_batch(batch);
        tally
    }

    pub fn add_batch(&mut self, batch: &Batch) {
        batch.records.iter().for_each(|record| self.add(record));
    }

    pub fn add(&mut self, record: &Record) {
        self.add_count(Hour::of(record.time), &record.service, 1);
    }

    /// Adds records that were counted elsewhere.
    pub fn add_count(&mut self, hour: Hour, service: &Text, count: u64) {
        match self.services.get_mut(service.as_str()) {
            Some(hours) => match hours.iter_mut().find(|(other, _)| *other == hour) {
                Some((_, sum)) => *sum += count,
                None => hours.push((hour, count)),
            },
            None => {
                self.services.insert(service.clone(), vec![(hour, count)]);
            }
        }
    }

    /// Adds the numbers of another one.
    pub fn append(&mut self, other: Self) {
        for (service, hours) in other.services {
            let own = self.services.entry(service).or_default();
            for (hour, count) in hours {
                match own.iter_mut().find(|(other, _)| *other == hour) {
                    Some((_, sum)) => *sum += count,
                    None => own.push((hour, count)),
                }
            }
        }
    }

    pub fn is_empty(&self) -> bool {
        self.services.is_empty()
    }

    /// The number of records.
    pub fn records(&self) -> u64 {
        self.iter().map(|(.., count)| count).sum()
    }

    pub fn iter(&self) -> impl Iterator<Item = (Hour, &Text, u64)> {
        self.services
            .iter()
            .flat_map(|(service, hours)| hours.iter().map(move |(hour, count)| (*hour, service, *count)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::normalise::{Normaliser, RawRecord};

    fn record(service: &str, hour: i64) -> Record {
        let raw = RawRecord { service: service.into(), message: "m".into(), ..RawRecord::default() };
        let record = Normaliser::default().record(raw, 0).unwrap();
        Record { time: Hour(hour).start() + 1, ..record }
    }

    #[test]
    fn records_are_counted_by_hour_and_service() {
        let mut one = Tally::default();
        for (service, hour) in [("a", 1), ("a", 2), ("b", 1), ("a", 1)] {
            one.add(&record(service, hour));
        }
        let mut other = Tally::default();
        other.add(&record("b", 3));
        other.add(&record("a", 2));
        one.append(other);
        let mut counts: Vec<_> = one.iter().map(|(hour, service, count)| (service.as_str(), hour.0, count)).collect();
        counts.sort_unstable();
        assert_eq!(counts, [("a", 1, 2), ("a", 2, 2), ("b", 1, 1), ("b", 3, 1)]);
        assert_eq!(one.records(), 6);
    }
}
