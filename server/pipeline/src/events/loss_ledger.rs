//! Events of the loss ledger.

use metrics::{Gauge, gauge};

use crate::loss_ledger::{Hour, Line, Summary, Totals};

/// The limit of services that the log names.
const NAMED: usize = 5;

/// One of the sums.
type Number = fn(&Totals) -> u64;

/// The totals of the newest counts.
pub(crate) struct LedgerGauges {
    outcomes: [(Gauge, Number); 9],
    hours: Gauge,
    uncertain: Gauge,
    counted: Gauge,
}

impl LedgerGauges {
    pub(crate) fn register() -> Self {
        let records = |outcome: &'static str| gauge!("logboom_ledger_records", "outcome" => outcome);
        Self {
            outcomes: [
                (records("received"), |totals| totals.received),
                (records("stored"), |totals| totals.stored),
                (records("deduplicated"), |totals| totals.deduplicated),
                (records("rejected"), |totals| totals.rejected),
                (records("dead"), |totals| totals.dead),
                (records("deleted"), |totals| totals.deleted),
                (records("in_flight"), |totals| totals.in_flight),
                (records("missing"), |totals| totals.missing),
                (records("surplus"), |totals| totals.surplus),
            ],
            hours: gauge!("logboom_ledger_hours"),
            uncertain: gauge!("logboom_ledger_uncertain_hours"),
            counted: gauge!("logboom_ledger_counted_timestamp_seconds"),
        }
    }

    pub(crate) fn set(&self, summary: &Summary) {
        for (gauge, of) in &self.outcomes {
            gauge.set(of(&summary.totals) as f64);
        }
        self.hours.set(summary.hours as f64);
        self.uncertain.set(summary.uncertain as f64);
        self.counted.set(summary.counted as f64 / 1e9);
    }
}

/// An hour has more missing records than when it was last counted.
pub(crate) struct LossFound<'a> {
    pub(crate) hour: Hour,
    pub(crate) missing: u64,
    pub(crate) lines: &'a [Line],
}

impl LossFound<'_> {
    pub(crate) fn emit(self) {
        let missing = self.lines.iter().filter(|line| line.missing > 0);
        let services: Vec<&str> = missing.map(|line| line.service.as_str()).take(NAMED).collect();
        tracing::error!(
            hour = %self.hour,
            missing = self.missing,
            services = services.join(", "),
            "stored records are missing; `logboom ledger` shows the hour"
        );
    }
}
