//! The results of one worker, and their sum.

use std::collections::BTreeMap;

use tokio::time::Instant;

use crate::{door::Parcel, manifest::joined};

/// The number of different failure reasons in a report.
const REASONS: usize = 8;

/// One acknowledged parcel.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Acknowledgement {
    pub first: u64,
    pub count: u64,
    /// Microseconds from the start of the run.
    pub at: u64,
    /// Microseconds from the scheduled time (or sending) to the acknowledgement.
    pub latency: u64,
}

#[derive(Debug)]
pub(crate) struct Tally {
    begin: Instant,
    pub acknowledgements: Vec<Acknowledgement>,
    /// Numbers of the refused records in acknowledged parcels.
    pub refused: Vec<u64>,
    /// The number of records given up.
    pub given_up: u64,
    /// The number of resent parcels.
    pub retries: u64,
    pub reasons: BTreeMap<String, u64>,
}

impl Tally {
    pub(crate) fn new(begin: Instant) -> Self {
        Self {
            begin,
            acknowledgements: Vec::new(),
            refused: Vec::new(),
            given_up: 0,
            retries: 0,
            reasons: BTreeMap::new(),
        }
    }

    pub(crate) fn acknowledge(&mut self, parcel: &Parcel, since: Instant, refused: &[u32]) {
        let now = Instant::now();
        let micros = |from: Instant| now.saturating_duration_since(from).as_micros() as u64;
        self.acknowledgements.push(Acknowledgement {
            first: parcel.first,
            count: parcel.count,
            at: micros(self.begin),
            latency: micros(since),
        });
        self.refused.extend(refused.iter().map(|&place| parcel.first + u64::from(place)));
    }

    pub(crate) fn give_up(&mut self, parcel: &Parcel, reason: String) {
        self.given_up += parcel.count;
        self.note(reason);
    }

    pub(crate) fn retry(&mut self, reason: String) {
        self.retries += 1;
        self.note(reason);
    }

    fn note(&mut self, reason: String) {
        if self.reasons.len() < REASONS || self.reasons.contains_key(&reason) {
            *self.reasons.entry(reason).or_default() += 1;
        }
    }

    /// An instant as microseconds since the start of the run.
    pub(crate) fn micros(&self, instant: Instant) -> u64 {
        instant.saturating_duration_since(self.begin).as_micros() as u64
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.acknowledgements.extend(other.acknowledgements);
        self.refused.extend(other.refused);
        self.given_up += other.given_up;
        self.retries += other.retries;
        for (reason, count) in other.reasons {
            *self.reasons.entry(reason).or_default() += count;
        }
    }

    /// The acknowledged records, as ranges of numbers.
    pub(crate) fn acknowledged(&self) -> Vec<(u64, u64)> {
        let mut refused = self.refused.clone();
        refused.sort_unstable();
        let mut ranges = Vec::with_capacity(self.acknowledgements.len());
        for parcel in &self.acknowledgements {
            let end = parcel.first + parcel.count;
            let mut first = parcel.first;
            let from = refused.partition_point(|&number| number < parcel.first);
            for &number in refused[from..].iter().take_while(|&&number| number < end) {
                if number > first {
                    ranges.push((first, number - 1));
                }
                first = number + 1;
            }
            if first < end {
                ranges.push((first, end - 1));
            }
        }
        joined(ranges)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn refused_records_are_cut_out_of_what_was_acknowledged() {
        let mut tally = Tally::new(Instant::now());
        let parcel = |first| Parcel { sequence: 0, first, count: 10, body: Bytes::new() };
        tally.acknowledge(&parcel(10), Instant::now(), &[0, 5, 6]);
        tally.acknowledge(&parcel(0), Instant::now(), &[]);
        assert_eq!(tally.acknowledged(), [(0, 9), (11, 14), (17, 19)]);
    }
}
