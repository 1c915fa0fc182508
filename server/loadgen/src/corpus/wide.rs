//! Forty attributes like those of Kubernetes, HTTP, a database and a shop, half of them of high cardinality. As JSON
//! they are nested, and a record has about 950 bytes.

use model::Value;

use super::{
    Sample, Trace, message, plain,
    templates::{PATHS, WORDS},
    values::{hex8, hex16, text},
};
use crate::random::SplitMix;

const NAMESPACES: [&str; 12] =
    ["shop", "shop", "shop", "core", "core", "edge", "data", "search", "media", "risk", "batch", "tools"];
const ZONES: [&str; 3] = ["eu-west-1a", "eu-west-1b", "eu-west-1c"];
const METHODS: [&str; 6] = ["GET", "GET", "GET", "POST", "PUT", "DELETE"];
const STATUSES: [u16; 16] = [200, 200, 200, 200, 200, 200, 200, 201, 201, 204, 304, 400, 401, 404, 500, 503];
const AGENTS: [&str; 5] = ["okhttp/5.1", "curl/8.14", "grpc-go/1.76", "axios/1.12", "shop-ios/7"];
const COUNTRIES: [&str; 8] = ["KR", "KR", "KR", "JP", "US", "DE", "FR", "BR"];
const TABLES: [&str; 14] = [
    "orders", "items", "users", "carts", "stock", "prices", "refunds", "ledger", "audit", "tokens", "media", "reviews",
    "coupons", "parcels",
];
const OPERATIONS: [&str; 4] = ["select", "select", "insert", "update"];
const CURRENCIES: [&str; 4] = ["KRW", "EUR", "USD", "JPY"];
const VERSIONS: [&str; 6] = ["4.17.0", "4.17.1", "4.17.2", "4.18.0", "4.18.1", "5.0.0"];
const MESSAGES: [&str; 12] = [
    "handled {p} for a customer of region {w}",
    "order {n} reserved {n} items",
    "cart {h} merged after sign-in",
    "payment {h} captured by provider {w}",
    "slow statement on replica {w}-{n}",
    "stock of {w} lowered to {n}",
    "session {h} extended",
    "price list {w} applied, {n} rules",
    "coupon {h} rejected: {w}",
    "parcel {n} handed to carrier {w}",
    "review {n} queued for moderation",
    "token {h} refreshed",
];
/// One record in a thousand.
const RARE: &str = "deadline exceeded while waiting for ledger {w}";

/// Pods per service.
const PODS: u32 = 150;

pub(super) fn fill(random: &mut SplitMix, sample: &mut Sample<'_>) {
    let template = if random.per_mille(1) { RARE } else { random.pick(&MESSAGES) };
    message::fill(template, &WORDS, random, &mut sample.message);
    sample.trace = random.per_mille(500).then(|| Trace {
        trace_id: (u128::from(random.next()) << 64 | u128::from(random.next()) | 1).to_be_bytes(),
        span_id: (random.next() | 1).to_be_bytes(),
    });
    kubernetes(random, sample);
    http(random, sample);
    database(random, sample);
    shop(random, sample);
    process(random, sample);
}

fn kubernetes(random: &mut SplitMix, sample: &mut Sample<'_>) {
    let service = sample.service;
    // The suffix of a pod derives from its service and replica.
    let name = service.bytes().fold(0_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    let replica = random.below(PODS);
    let suffix = SplitMix::of(name, replica.into()).next();
    let namespace = NAMESPACES[(name % NAMESPACES.len() as u64) as usize];
    let pod = text(format_args!("{service}-{:07x}-{:05x}", suffix >> 36, suffix & 0xf_ffff));
    sample.attributes.extend([
        ("kubernetes.namespace", Value::Text(namespace.into())),
        ("kubernetes.pod", pod),
        ("kubernetes.container", Value::Text(service.into())),
        ("kubernetes.zone", Value::Text(ZONES[replica as usize % ZONES.len()].into())),
        ("kubernetes.restarts", Value::Int((suffix >> 20 & 3) as i64)),
    ]);
}

fn http(random: &mut SplitMix, sample: &mut Sample<'_>) {
    let path = random.pick(&PATHS);
    let path = match random.below(4) {
        0 => text(format_args!("{path}/{}", random.pick(&WORDS))),
        _ => Value::Text(path.into()),
    };
    // Few clients send many requests, and many send few.
    let [.., high, low] = (random.below(256) * random.below(256)).to_be_bytes();
    sample.attributes.extend([
        ("http.method", Value::Text(random.pick(&METHODS).into())),
        ("http.status", Value::Int(random.pick(&STATUSES).into())),
        ("http.path", path),
        ("http.agent", Value::Text(random.pick(&AGENTS).into())),
        ("http.bytes_in", Value::Int(random.below(8_000).into())),
        ("http.bytes_out", Value::Int((random.below(300) * random.below(300)).into())),
        ("client.ip", text(format_args!("203.0.{high}.{low}"))),
        ("client.port", Value::Int((1_024 + random.below(64_000)).into())),
        ("client.country", Value::Text(random.pick(&COUNTRIES).into())),
        ("request_id", hex16(random.next())),
    ]);
}

fn database(random: &mut SplitMix, sample: &mut Sample<'_>) {
    let micros = 10 * random.below(200) * random.below(200) + random.below(1_000);
    sample.attributes.extend([
        ("db.table", Value::Text(random.pick(&TABLES).into())),
        ("db.op", Value::Text(random.pick(&OPERATIONS).into())),
        ("db.ms", Value::Float(f64::from(micros / 10) / 100.0)),
        ("db.rows", Value::Int((random.below(60) * random.below(60)).into())),
        ("cache.hit", Value::Bool(random.per_mille(800))),
        ("cache.key", hex8(random.next() as u32)),
        ("queue.partition", Value::Int(random.below(12).into())),
        ("queue.offset", Value::Int((random.next() >> 40) as i64)),
        ("queue.lag", Value::Int((random.below(80) * random.below(80)).into())),
    ]);
}

fn shop(random: &mut SplitMix, sample: &mut Sample<'_>) {
    sample.attributes.extend([
        ("tenant", text(format_args!("t-{:03}", random.below(25) * random.below(20)))),
        ("user_id", text(format_args!("u{}", random.below(100_000)))),
        ("session.id", hex8(random.next() as u32)),
        ("session.age_s", Value::Int(random.below(90_000).into())),
        ("order.id", Value::Int(random.below(5_000_000).into())),
        ("order.cents", Value::Int(random.below(250_000).into())),
        ("order.currency", Value::Text(random.pick(&CURRENCIES).into())),
        ("duration_ms", Value::Int(plain::duration_ms(random))),
    ]);
}

fn process(random: &mut SplitMix, sample: &mut Sample<'_>) {
    sample.attributes.extend([
        ("build.version", Value::Text(random.pick(&VERSIONS).into())),
        ("build.canary", Value::Bool(random.per_mille(50))),
        ("cpu_us", Value::Int((random.below(300) * random.below(300)).into())),
        ("mem_kb", Value::Int((20_000 + random.below(400_000)).into())),
        ("gc_us", Value::Int(random.below(20_000).into())),
        ("retries", Value::Int(random.below(3).into())),
        ("shard", Value::Int(random.below(32).into())),
        ("thread", Value::Int(random.below(16).into())),
    ]);
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::super::{encode, kind::CorpusKind, tests::corpus};

    #[test]
    fn a_record_has_forty_nested_attributes_and_about_950_bytes() {
        let corpus = corpus(CorpusKind::Wide);
        let lines = encode::json_lines(&corpus, 0, 2_000);
        assert!((900..1_000).contains(&(lines.len() / 2_000)), "{}", lines.len() / 2_000);
        for line in lines.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
            let record: serde_json::Value = serde_json::from_slice(line).unwrap();
            for pointer in ["/kubernetes/namespace", "/kubernetes/pod", "/http/path", "/client/ip", "/db/table"] {
                assert!(record.pointer(pointer).is_some_and(serde_json::Value::is_string), "{pointer} of {record}");
            }
            assert!(record["http"]["status"].is_i64() && record["db"]["ms"].is_f64(), "{record}");
            assert!(record["duration_ms"].is_i64() && record["user_id"].is_string(), "{record}");
        }
    }

    #[test]
    fn half_of_the_attributes_have_many_values() {
        let corpus = corpus(CorpusKind::Wide);
        let mut values = BTreeMap::<String, BTreeSet<String>>::new();
        for number in 0..20_000 {
            for (key, value) in &corpus.sample(number).attributes[2..] {
                values.entry((*key).to_owned()).or_default().insert(value.to_string());
            }
        }
        assert_eq!(values.len(), 40);
        let many = values.values().filter(|values| values.len() > 1_000).count();
        assert!((18..=22).contains(&many), "{many}");
        // 150 for each of 20 services, of which the rare ones have not shown all of theirs.
        assert!((2_600..=3_000).contains(&values["kubernetes.pod"].len()));
        assert!(values["request_id"].len() == 20_000 && values["tenant"].len() > 100);
        assert!(values["kubernetes.namespace"].len() > 4 && values["http.status"].len() == 9);
    }
}
