//! Bars from counts: the geometry of the histogram, without rendering.

use model::{LevelClass, api::HistogramView};

use super::clock::{epoch_millis, rfc3339};

/// The counts of one bucket by level class.
pub(crate) type Counts = [u64; LevelClass::ALL.len()];

/// Adjacent bars of equal width, without gaps.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Bars {
    /// The start of the first bar, in milliseconds since the Unix epoch.
    start: i64,
    /// The width of a bar in milliseconds; 0 while nothing is counted.
    step: i64,
    pub(crate) bars: Vec<Counts>,
}

/// The maximum number of bars, more than fit on any screen.
const BARS: usize = 2_000;

impl Bars {
    pub(crate) fn new(view: &HistogramView) -> Self {
        let step = ((view.bucket_seconds * 1000.0) as i64).max(1);
        let Some(start) = view.buckets.iter().filter_map(|bucket| epoch_millis(&bucket.time)).min() else {
            return Self { step, ..Self::default() };
        };
        let mut bars = Vec::new();
        for bucket in &view.buckets {
            let Some(time) = epoch_millis(&bucket.time) else { continue };
            let place = ((time - start) / step) as usize;
            if place >= BARS {
                continue;
            }
            if bars.len() <= place {
                bars.resize(place + 1, Counts::default());
            }
            let Some(counts) = bars.get_mut(place) else { continue };
            for class in LevelClass::ALL {
                counts[class.index()] += bucket.counts.get(class.name()).copied().unwrap_or_default();
            }
        }
        Self { start, step, bars }
    }

    /// The start of bar `place` in RFC 3339, which is also the end of the previous one.
    pub(crate) fn time(&self, place: usize) -> String {
        rfc3339(self.start + self.step * place as i64)
    }

    /// Whether a time of day without a date would be ambiguous.
    pub(crate) fn spans_days(&self) -> bool {
        self.step.saturating_mul(self.bars.len() as i64) > 86_400_000
    }

    /// The total of the highest bar, at least 1.
    pub(crate) fn highest(&self) -> u64 {
        self.bars.iter().map(|counts| counts.iter().sum()).max().unwrap_or(0).max(1)
    }

    pub(crate) fn totals(&self) -> Counts {
        let mut totals = Counts::default();
        for counts in &self.bars {
            totals.iter_mut().zip(counts).for_each(|(total, count)| *total += count);
        }
        totals
    }

    /// The totals; `None` while nothing is counted.
    pub(crate) fn counted_totals(&self) -> Option<Counts> {
        (self.step > 0).then(|| self.totals())
    }
}

/// Formats a count with separators: `1,234,567`.
pub(crate) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Formats a count compactly: `999`, `12.3k`, `4.5M`.
pub(crate) fn short(count: u64) -> String {
    match count {
        0..1_000 => count.to_string(),
        1_000..100_000 => format!("{}.{}k", count / 1_000, count % 1_000 / 100),
        100_000..1_000_000 => format!("{}k", count / 1_000),
        1_000_000..100_000_000 => format!("{}.{}M", count / 1_000_000, count % 1_000_000 / 100_000),
        _ => format!("{}M", count / 1_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::api::BucketView;

    #[test]
    fn buckets_that_are_missing_are_empty_bars() {
        let bucket = |time: &str, count| BucketView { time: time.into(), counts: [("error".into(), count)].into() };
        let view = HistogramView {
            bucket_seconds: 15.0,
            buckets: vec![bucket("2026-01-01T00:00:00.000000000Z", 2), bucket("2026-01-01T00:00:45.000000000Z", 3)],
        };
        let bars = Bars::new(&view);
        assert_eq!(bars.bars.iter().map(|counts| counts[4]).collect::<Vec<_>>(), [2, 0, 0, 3]);
        assert_eq!(bars.time(3), "2026-01-01T00:00:45.000Z");
        assert_eq!((bars.highest(), bars.totals()[4]), (3, 5));
        assert_eq!(bars.counted_totals(), Some(bars.totals()));
        assert_eq!(Bars::new(&HistogramView::default()).highest(), 1);
    }

    #[test]
    fn no_records_are_not_the_same_as_no_count() {
        assert_eq!(Bars::new(&HistogramView::default()).counted_totals(), Some(Counts::default()));
        assert_eq!(Bars::default().counted_totals(), None);
        assert_eq!(Bars::default().highest(), 1);
    }

    #[test]
    fn counts_read_well() {
        for (count, full, brief) in [
            (0, "0", "0"),
            (999, "999", "999"),
            (12_345, "12,345", "12.3k"),
            (123_456, "123,456", "123k"),
            (4_567_890, "4,567,890", "4.5M"),
        ] {
            assert_eq!((grouped(count).as_str(), short(count).as_str()), (full, brief));
        }
    }
}
