//! What became of the received records.

use model::{
    Nanos, Sight,
    api::{LedgerLossView, LedgerNumbers, LedgerRowView, LedgerSummaryView, LedgerView},
    time,
};
use pipeline::{
    Error, Result, TimeRange,
    loss_ledger::{Auditor, Hour, Line, REACH, State, Totals},
};

use crate::{Clock, DefaultRange, RangeText, sight::need_whole_sight};

/// The hours that are counted where none are named.
const HOURS: i64 = 24;
/// The limit of hours with missing records in a summary.
const LOSSES: usize = 100;

/// Answers from the loss ledger.
#[derive(Clone)]
pub struct Losses {
    auditor: Auditor,
    clock: Clock,
}

impl Losses {
    pub fn new(auditor: Auditor, clock: Clock) -> Self {
        Self { auditor, clock }
    }

    /// For a caller with this sight.
    ///
    /// # Errors
    /// `Forbidden` for a limited sight: the ledger counts by service, and no other filter applies to
    /// what it has counted.
    pub fn seen_by(&self, sight: &Sight) -> Result<&Self> {
        need_whole_sight(sight, "the numbers of the loss ledger")?;
        Ok(self)
    }

    /// Counts the hours that the range touches; by default the last 24.
    ///
    /// # Errors
    /// `Invalid` for a range that is no range, or has too many services.
    pub async fn rows(&self, range: RangeText<'_>) -> Result<LedgerView> {
        let (from, to) = self.hours(range.resolve(&self.clock, DefaultRange::All)?)?;
        let mut lines = self.auditor.lines(from, to).await?;
        let totals = Totals::of(&lines);
        lines.sort_by(|one, other| (other.hour, &one.service).cmp(&(one.hour, &other.service)));
        Ok(LedgerView {
            from: time::format_rfc3339(from.start()),
            to: time::format_rfc3339(to.start()),
            totals: numbers(&totals),
            rows: lines.into_iter().map(row).collect(),
        })
    }

    /// What the newest counts of all hours say.
    pub async fn summary(&self) -> Result<LedgerSummaryView> {
        let summary = self.auditor.summary().await?;
        let since = summary.since.map(Hour::start);
        let age = since.map_or(0, |since| self.clock.now().saturating_sub(since));
        Ok(LedgerSummaryView {
            since: since.map(time::format_rfc3339),
            since_hours: age.max(0).div_euclid(Hour::WIDTH).unsigned_abs() + u64::from(since.is_some()),
            hours: summary.hours,
            uncertain_hours: summary.uncertain,
            counted: since.map(|_| time::format_rfc3339(summary.counted)),
            totals: numbers(&summary.totals),
            losses: summary.losses.into_iter().take(LOSSES).map(loss).collect(),
        })
    }

    /// The hours of a range, within what the ledger knows.
    fn hours(&self, range: TimeRange) -> Result<(Hour, Hour)> {
        let now = self.clock.now();
        // Clocks of clients are allowed to be ahead.
        let end = Hour::of(now).next().next();
        let to = if range.to == Nanos::MAX { end } else { Hour::of(range.to.saturating_sub(1)).next().min(end) };
        let from = if range.from == Nanos::MIN { Hour(to.0 - HOURS) } else { Hour::of(range.from) };
        let from = from.max(Hour::oldest(now));
        if from >= to {
            let days = REACH.as_secs() / 86_400;
            return Err(Error::invalid(format!(
                "from and to name no hour that the loss ledger knows; it knows the last {days} days"
            )));
        }
        Ok((from, to))
    }
}

fn loss((hour, missing): (Hour, u64)) -> LedgerLossView {
    let (from, to) = (time::format_rfc3339(hour.start()), time::format_rfc3339(hour.next().start()));
    LedgerLossView { from, to, missing }
}

fn row(line: Line) -> LedgerRowView {
    let state = match line.state {
        State::Settled => "settled",
        State::InFlight => "in_flight",
        State::Uncertain => "uncertain",
        State::Expired => "expired",
    };
    LedgerRowView {
        hour: time::format_rfc3339(line.hour.start()),
        numbers: numbers(&Totals::of([&line])),
        service: line.service,
        rejected_by: line.rejected,
        state: state.to_owned(),
    }
}

fn numbers(totals: &Totals) -> LedgerNumbers {
    let Totals { received, stored, deduplicated, rejected, dead, deleted, in_flight, missing, surplus } = *totals;
    LedgerNumbers { received, stored, deduplicated, rejected, dead, deleted, in_flight, missing, surplus }
}
