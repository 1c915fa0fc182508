//! Chooses the parts to merge.
//!
//! Parts of one day are merged by size (tiered compaction): as soon as [`FAN`] of them are of similar size, or together
//! make a full part. A past day is merged into full parts and one remainder. A record is rewritten once per factor of
//! [`FAN`] between its flushed part and a full one: once under load, three times at a trickle. A day has fewer than `3
//! * FAN` parts besides its full ones.

use std::{collections::BTreeMap, sync::Arc};

use crate::catalogue::ledger::DAY;
use parts::reader::Part;

/// The number of parts of similar size that are merged at once.
const FAN: usize = 16;

/// The parts to merge next, all of one day; none if nothing is due. A part of `full` rows is never merged again. `now`
/// is in nanoseconds since the Unix epoch.
pub(super) fn choose(parts: &[Arc<Part>], full: u64, fan: usize, now: i64) -> Vec<Arc<Part>> {
    let fan = fan.clamp(2, FAN);
    let mut days: BTreeMap<i64, Vec<&Arc<Part>>> = BTreeMap::new();
    // A part of more than half of `full` counts as full: merged with another, it would be too large.
    for part in parts.iter().filter(|part| part.info.rows <= full / 2) {
        days.entry(part.info.max_time.div_euclid(DAY)).or_default().push(part);
    }
    // The newest day first: it is searched most.
    for (day, mut parts) in days.into_iter().rev() {
        // Neighbours in time, so that row groups of the merged part hardly overlap.
        parts.sort_by_key(|part| part.info.max_time);
        let over = day < now.div_euclid(DAY);
        if over && parts.len() > 1 {
            return up_to(full, parts);
        }
        let mut tiers: BTreeMap<u32, Vec<&Arc<Part>>> = BTreeMap::new();
        for part in parts {
            tiers.entry(tier(part.info.rows, full, fan)).or_default().push(part);
        }
        // Smaller tiers first: they become parts of the next tier.
        for (_, alike) in tiers {
            let rows: u64 = alike.iter().map(|part| part.info.rows).sum();
            if alike.len() >= fan || (alike.len() > 1 && rows >= full) {
                return up_to(full, alike);
            }
        }
    }
    Vec::new()
}

/// Parts that remain after a period of load: flushed full memtables without compression, too few for [`choose`], even
/// if there is only one. `passing` identifies them.
pub(super) fn left_after_load(parts: &[Arc<Part>], full: u64, passing: impl Fn(&Part) -> bool) -> Vec<Arc<Part>> {
    let mut days: BTreeMap<i64, Vec<&Arc<Part>>> = BTreeMap::new();
    for part in parts.iter().filter(|part| part.info.rows <= full / 2 && passing(part)) {
        days.entry(part.info.max_time.div_euclid(DAY)).or_default().push(part);
    }
    let mut left = days.pop_last().map(|(_, parts)| parts).unwrap_or_default();
    left.sort_by_key(|part| part.info.max_time);
    up_to(full, left)
}

/// The tier of a part: how often a part of this size can grow by the fan-out until it is full, counted from the top.
/// Larger numbers are larger parts.
fn tier(rows: u64, full: u64, fan: usize) -> u32 {
    let mut tier = u32::MAX;
    let mut size = full / 2;
    while rows < size / fan as u64 {
        size /= fan as u64;
        tier -= 1;
    }
    tier
}

/// The first parts that make a full one, at least two.
fn up_to(full: u64, parts: Vec<&Arc<Part>>) -> Vec<Arc<Part>> {
    let mut rows = 0;
    let mut chosen: Vec<Arc<Part>> = Vec::new();
    for part in parts {
        rows += part.info.rows;
        if chosen.len() >= 2 && rows > full {
            break;
        }
        chosen.push(part.clone());
    }
    chosen
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use parts::PartInfo;

    const FULL: u64 = 2_000_000;

    fn part(day: i64, minute: i64, rows: u64) -> Arc<Part> {
        let time = day * DAY + minute * 60_000_000_000;
        let info =
            PartInfo { path: format!("{day}/{minute}"), rows, min_time: time, max_time: time, ..PartInfo::default() };
        Arc::new(Part::new(info, Path::new(""), Arc::default()))
    }

    fn chosen(parts: &[Arc<Part>], now_day: i64) -> Vec<String> {
        choose(parts, FULL, FAN, now_day * DAY).iter().map(|part| part.info.path.clone()).collect()
    }

    #[test]
    fn parts_that_are_alike_are_merged_once_they_are_many() {
        let mut parts: Vec<_> = (0..15).map(|minute| part(9, minute, 90_000)).collect();
        assert_eq!(chosen(&parts, 9), [""; 0]);
        parts.push(part(9, 20, 1_000));
        assert_eq!(chosen(&parts, 9), [""; 0], "a small one is not alike");
        parts.push(part(9, 21, 80_000));
        assert_eq!(chosen(&parts, 9).len(), 16);
        assert_eq!(chosen(&parts, 9)[0], "9/0");
    }

    #[test]
    fn what_a_time_of_load_has_left_is_merged_by_days() {
        let mut parts: Vec<_> = (0..3).map(|minute| part(9, minute, 65_536)).collect();
        parts.extend([part(9, 10, 1_000), part(9, 11, 1_900_000), part(8, 1, 65_536)]);
        let left = |parts: &[Arc<Part>]| left_after_load(parts, FULL, |part| part.info.rows != 1_000).len();
        assert_eq!((left(&parts), left(&parts[3..]), left(&parts[3..5])), (3, 1, 0));
    }

    #[test]
    fn a_day_that_is_over_becomes_one_part_and_full_parts_are_left_alone() {
        let parts = [part(8, 1, 1_900_000), part(8, 2, 10), part(8, 3, 500_000), part(9, 1, 7)];
        assert_eq!(chosen(&parts, 9), ["8/2", "8/3"]);
        assert_eq!(chosen(&parts[..2], 9), [""; 0]);
    }

    #[test]
    fn nothing_becomes_much_larger_than_full_and_a_trickle_is_rewritten_few_times() {
        let mut parts: Vec<Arc<Part>> = Vec::new();
        let (mut rewritten, mut flushed) = (0, 0);
        for minute in 0..1_440 {
            parts.push(part(9, minute, 1_000));
            flushed += 1_000;
            loop {
                let merge = choose(&parts, FULL, FAN, 9 * DAY);
                if merge.is_empty() {
                    break;
                }
                let rows: u64 = merge.iter().map(|part| part.info.rows).sum();
                rewritten += rows;
                parts.retain(|part| !merge.iter().any(|gone| gone.info.path == part.info.path));
                parts.push(part(9, minute + 10_000 * merge.len() as i64, rows));
            }
        }
        assert!(parts.iter().all(|part| part.info.rows <= 2 * FULL));
        assert!(parts.len() < 3 * FAN && rewritten <= 3 * flushed, "{} parts, {rewritten} rows", parts.len());
    }
}
