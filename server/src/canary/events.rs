//! Metrics of the canary.

use metrics::{
    Counter, Gauge, Histogram, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};

/// Describes the metrics.
pub(super) fn describe() {
    describe_counter!("logboom_canary_sent_total", Unit::Count, "Records that the canary has sent, by door.");
    describe_counter!("logboom_canary_failed_total", Unit::Count, "Records of the canary that the door did not take.");
    describe_gauge!(
        "logboom_canary_missing",
        Unit::Count,
        "Records of the canary that are not there 30 s after they were sent."
    );
    describe_counter!("logboom_canary_doubled_total", Unit::Count, "Records of the canary that arrived twice.");
    describe_counter!("logboom_canary_late_total", Unit::Count, "Records of the canary that took more than 5 s.");
    describe_histogram!(
        "logboom_canary_seconds",
        Unit::Seconds,
        "From sending a record of the canary to a tail that shows it."
    );
}

/// The metrics of one door.
pub(super) struct DoorMeters {
    pub(super) sent: Counter,
    pub(super) failed: Counter,
    pub(super) missing: Gauge,
    pub(super) doubled: Counter,
    pub(super) late: Counter,
    pub(super) seconds: Histogram,
}

impl DoorMeters {
    pub(super) fn register(door: &str) -> Self {
        let door = || door.to_owned();
        Self {
            sent: counter!("logboom_canary_sent_total", "door" => door()),
            failed: counter!("logboom_canary_failed_total", "door" => door()),
            missing: gauge!("logboom_canary_missing", "door" => door()),
            doubled: counter!("logboom_canary_doubled_total", "door" => door()),
            late: counter!("logboom_canary_late_total", "door" => door()),
            seconds: histogram!("logboom_canary_seconds", "door" => door()),
        }
    }
}
