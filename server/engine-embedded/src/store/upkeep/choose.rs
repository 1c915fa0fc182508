//! Chooses the parts to merge.
//!
//! Parts of one day are merged by size (tiered compaction): as soon as [`FAN`] of them are of similar size, or together
//! make a full part. A past day is merged into full parts and one remainder. A record is rewritten once per factor of
//! [`FAN`] between its flushed part and a full one: three times at a trickle.
//!
//! Parts of full memtables are merged by their rows instead, into one that counts as full: a record is rewritten once
//! under load. A memtable is full by its bytes, so that one of records with many attributes has a few thousand rows, and
//! [`FAN`] of them make a tenth of a full part, which would be rewritten again.
//!
//! A day has fewer than `3 * FAN` parts besides its full ones, and under load up to [`MOST_PASSING`] more.

use std::{collections::BTreeMap, sync::Arc};

use crate::catalogue::ledger::DAY;
use parts::reader::Part;

/// The number of parts of similar size that are merged at once.
const FAN: usize = 16;
/// The number of parts of full memtables that are merged, however few rows they have, and the most at once. They are not
/// compressed, a merge has the footers of all of them in memory, and a search reads all of them.
const MOST_PASSING: usize = 96;

/// The parts to merge next, all of one day; none if nothing is due. A part of `full` rows is never merged again. `now`
/// is in nanoseconds since the Unix epoch. Parts for which `passing` holds are left to [`due_after_load`], unless their
/// day is over.
pub(super) fn choose(
    parts: &[Arc<Part>],
    full: u64,
    fan: usize,
    now: i64,
    passing: impl Fn(&Part) -> bool,
) -> Vec<Arc<Part>> {
    let fan = fan.clamp(2, FAN);
    let today = now.div_euclid(DAY);
    let days = by_day(parts, full, |day, part| day < today || !passing(part));
    // The newest day first: it is searched most.
    for (day, mut parts) in days.into_iter().rev() {
        // Neighbours in time, so that row groups of the merged part hardly overlap.
        parts.sort_by_key(|part| part.info.max_time);
        if day < today && parts.len() > 1 {
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

/// Parts of full memtables, which `passing` identifies, as soon as they make a part that counts as full, or are many.
/// With `is_quiet`, a period of load is over: what it left is due, even if there is only one.
pub(super) fn due_after_load(
    parts: &[Arc<Part>],
    full: u64,
    fan: usize,
    is_quiet: bool,
    passing: impl Fn(&Part) -> bool,
) -> Vec<Arc<Part>> {
    let fan = fan.clamp(2, FAN);
    let days = by_day(parts, full, |_, part| passing(part));
    for (_, mut parts) in days.into_iter().rev() {
        let rows: u64 = parts.iter().map(|part| part.info.rows).sum();
        // As many as two tiers take; of large ones no fewer than before, because a search reads few parts faster.
        let many = parts.len() >= (fan * fan).min(MOST_PASSING);
        let enough = rows >= full || (rows > full / 2 && parts.len() >= fan);
        if is_quiet || many || enough {
            parts.sort_by_key(|part| part.info.max_time);
            // More are there only if merges have failed or waited for long.
            parts.truncate(MOST_PASSING);
            return up_to(full, parts);
        }
    }
    Vec::new()
}

/// The parts that are not full, by day. A part of more than half of `full` rows counts as full: merged with another, it
/// would be too large.
fn by_day(parts: &[Arc<Part>], full: u64, wanted: impl Fn(i64, &Part) -> bool) -> BTreeMap<i64, Vec<&Arc<Part>>> {
    let mut days: BTreeMap<i64, Vec<&Arc<Part>>> = BTreeMap::new();
    for part in parts.iter().filter(|part| part.info.rows <= full / 2) {
        let day = part.info.max_time.div_euclid(DAY);
        if wanted(day, part) {
            days.entry(day).or_default().push(part);
        }
    }
    days
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
        at(format!("{day}/{minute}"), day * DAY + minute * 60_000_000_000, rows)
    }

    /// A part whose name ends in its kind.
    fn named(day: i64, second: i64, rows: u64, kind: &str) -> Arc<Part> {
        at(format!("{day}/{second}-{kind}"), day * DAY + second * 1_000_000_000, rows)
    }

    fn at(path: String, time: i64, rows: u64) -> Arc<Part> {
        let info = PartInfo { path, rows, min_time: time, max_time: time, ..PartInfo::default() };
        Arc::new(Part::new(info, Path::new(""), Arc::default()))
    }

    fn chosen(parts: &[Arc<Part>], now_day: i64) -> Vec<String> {
        choose(parts, FULL, FAN, now_day * DAY, |_| false).iter().map(|part| part.info.path.clone()).collect()
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
        let passing = |part: &Part| part.info.rows != 1_000;
        let left = |parts: &[Arc<Part>]| due_after_load(parts, FULL, FAN, true, passing).len();
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
                let merge = choose(&parts, FULL, FAN, 9 * DAY, |_| false);
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

    /// Flushes `count` full memtables of `rows` rows, with a merge of all that is due after each. Returns the rows that
    /// were rewritten, the most parts that were not full, and the parts.
    fn loaded(count: u64, rows: u64) -> (u64, usize, Vec<Arc<Part>>) {
        let passing = |part: &Part| part.info.path.ends_with("passing");
        let mut parts: Vec<Arc<Part>> = Vec::new();
        let (mut rewritten, mut most) = (0, 0);
        for number in 0..count {
            parts.push(named(9, number as i64, rows, "passing"));
            loop {
                most = most.max(parts.iter().filter(|part| part.info.rows <= FULL / 2).count());
                let mut merge = due_after_load(&parts, FULL, FAN, false, passing);
                if merge.is_empty() {
                    merge = choose(&parts, FULL, FAN, 9 * DAY, passing);
                }
                if merge.is_empty() {
                    break;
                }
                let rows: u64 = merge.iter().map(|part| part.info.rows).sum();
                rewritten += rows;
                parts.retain(|part| !merge.iter().any(|gone| gone.info.path == part.info.path));
                parts.push(named(9, number as i64, rows, "merged"));
            }
        }
        (rewritten, most, parts)
    }

    #[test]
    fn under_load_a_record_is_rewritten_once_however_few_fit_in_memory() {
        for rows in [11_000, 30_000, 65_536, 400_000, 900_000] {
            let count = 20 * FULL / rows;
            let (rewritten, most, parts) = loaded(count, rows);
            let merged = parts.iter().filter(|part| part.info.path.ends_with("merged"));
            assert!(merged.clone().all(|part| part.info.rows > FULL / 2 && part.info.rows <= FULL), "{rows}");
            assert_eq!(merged.map(|part| part.info.rows).sum::<u64>(), rewritten, "{rows}");
            assert!(rewritten + FULL >= count * rows && most <= MOST_PASSING, "{rows}: {most} parts");
        }
    }

    #[test]
    fn tiny_parts_of_a_time_of_load_do_not_pile_up() {
        let (rewritten, most, parts) = loaded(20_000, 100);
        assert!(most < MOST_PASSING + 3 * FAN && parts.len() < MOST_PASSING + 3 * FAN, "{most} parts");
        assert!(rewritten <= 3 * 20_000 * 100, "{rewritten} rows");
    }

    #[test]
    fn a_backlog_is_merged_in_steps_from_its_oldest_part_on() {
        let parts: Vec<_> = (0..1_000).rev().map(|second| named(9, second, 100, "passing")).collect();
        for is_quiet in [false, true] {
            let due = due_after_load(&parts, FULL, FAN, is_quiet, |_| true);
            let oldest = parts.iter().rev().take(MOST_PASSING);
            assert!(due.iter().map(|part| &part.info.path).eq(oldest.map(|part| &part.info.path)));
        }
    }

    #[test]
    fn parts_of_full_memtables_of_a_day_that_is_over_are_merged_with_its_others() {
        let parts = [named(8, 1, 9_000, "passing"), named(8, 2, 500, "quick"), named(9, 1, 9_000, "passing")];
        let passing = |part: &Part| part.info.path.ends_with("passing");
        assert!(due_after_load(&parts, FULL, FAN, false, passing).is_empty());
        assert_eq!(choose(&parts, FULL, FAN, 9 * DAY, passing).len(), 2);
    }
}
