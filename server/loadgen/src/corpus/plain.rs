//! Records like those of microservices: about two hundred message templates of 120 to 200 bytes and a rare one (0.1 %),
//! a trace on half of the records and request attributes on 60 %.

use model::Value;

use super::{Sample, Trace, message, values};
use crate::random::SplitMix;

const METHODS: [&str; 5] = ["GET", "GET", "POST", "PUT", "DELETE"];
const STATUSES: [u16; 8] = [200, 200, 200, 201, 204, 301, 404, 500];

/// The draws and their order are fixed: they determine the bytes of every record.
pub(super) fn fill(random: &mut SplitMix, sample: &mut Sample<'_>) {
    message::write(random, &mut sample.message);
    sample.trace = random.per_mille(500).then(|| Trace {
        trace_id: (u128::from(random.next()) << 64 | u128::from(random.next()) | 1).to_be_bytes(),
        span_id: (random.next() | 1).to_be_bytes(),
    });
    if random.per_mille(600) {
        let attributes = &mut sample.attributes;
        attributes.push(("http.method", Value::Text(random.pick(&METHODS).into())));
        attributes.push(("http.status", Value::Int(random.pick(&STATUSES).into())));
        attributes.push(("duration_ms", Value::Int(duration_ms(random))));
        attributes.push(("user_id", values::text(format_args!("u{}", random.below(100_000)))));
    }
}

/// Most requests are fast, few are slow.
pub(super) fn duration_ms(random: &mut SplitMix) -> i64 {
    i64::from(random.below(40) * random.below(40) + random.below(9))
}
