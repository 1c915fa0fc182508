//! The terms of a sender.

use model::{Text, Value};

/// What holds for the records of a sender.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Terms {
    /// For errors, such as `key lb_ab12cd34 (shop)`.
    pub name: Text,
    /// The service of every record, whatever was sent.
    pub service: Option<Text>,
    /// Attributes of every record; they replace what was sent.
    pub fields: Vec<(Text, Value)>,
    /// With a burst of two seconds. A submission of more records than the burst passes when the burst is whole, and the
    /// next ones wait until it is made up for.
    pub records_per_second: Option<u32>,
    /// The bytes of texts and attributes as received, for each day in UTC by the clock of the stage. Counted in the
    /// memory of this process: a restart begins anew, and several nodes count for themselves.
    pub bytes_per_day: Option<u64>,
}
