//! A store whose records have a word that a limited sight must not see.

use std::sync::Arc;

use chrono::FixedOffset;
use model::{LevelClass, Query, Record, Sight, Value};
use pipeline::{Content, Delivery, Log as _, Receipt, clock};
use reading::{Clock, Reader};
use testkit::{
    memory::MemoryStore,
    records::{self, OBSERVED},
};

/// The word that is in everything that the limited sight must not see.
pub(crate) const WORD: &str = "xyzzy";
const SECOND: i64 = 1_000_000_000;
/// The time of all questions.
pub(crate) const NOW: i64 = OBSERVED + 60 * SECOND;

/// Sees the orders of the shop, without those who made them. The field of the filter is hidden, too.
pub(crate) fn limited() -> Sight {
    let filter = Query::parse("service:shop -internal:true").unwrap();
    Sight::new(Some(filter), ["user", "card.number", "internal"].map(str::to_owned).to_vec())
}

pub(crate) fn record(service: &str, message: &str, attributes: &[(&str, Value)]) -> Record {
    let mut record = records::batch(0, 1).records.remove(0);
    record.service = service.into();
    record.message = message.to_owned();
    record.attributes = attributes.iter().map(|(key, value)| ((*key).into(), value.clone())).collect();
    record.attributes.sort_by(|one, other| one.0.cmp(&other.0));
    record
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

/// An allowed record: only its hidden fields have the word, in values and in names.
fn order(message: &str, amount: i64) -> Record {
    let attributes = [
        ("amount", Value::Int(amount)),
        ("card", text("visa")),
        ("card.number", text(WORD)),
        ("card.number.xyzzy", text("4")),
        ("client.packet", text(r#"{"card":{"number":"xyzzy"}}"#)),
        ("internal", text(WORD)),
        ("user", text("Xyzzy Kim")),
        ("user.xyzzy", Value::Bool(true)),
        ("user.name.last", text(WORD)),
    ];
    record("shop", message, &attributes)
}

/// Three records that the limited sight sees, and three that have the word everywhere.
pub(crate) fn samples() -> Vec<Record> {
    let mut foreign = record("xyzzy-billing", "the XYZZY secret", &[("xyzzy.key", text(WORD))]);
    foreign.node = "xyzzy-node".into();
    foreign.level = WORD.into();
    foreign.severity = LevelClass::Error.lowest();
    let internal = |message| record("shop", message, &[("internal", Value::Bool(true)), ("xyzzy", text(WORD))]);
    let list = Record {
        attributes: vec![("amount".into(), Value::Int(7)), ("card".into(), text(r#"[{"number":"xyzzy"}]"#))],
        ..record("shop", "order 3 refunded", &[])
    };
    let records = [
        order("order 1 paid", 5),
        foreign,
        internal("order 2 xyzzy"),
        order("order 2 paid", 6),
        internal("xyzzy checked"),
        list,
    ];
    (0..).zip(records).map(|(place, record)| Record { time: OBSERVED + place * SECOND, ..record }).collect()
}

/// A store with these records, of which the ids are assigned.
pub(crate) async fn stored(records: Vec<Record>) -> Arc<MemoryStore> {
    let mut batch = records::batch(1, records.len());
    for (place, record) in batch.records.iter_mut().zip(records) {
        *place = Record { id: place.id, ..record };
    }
    let store = Arc::new(MemoryStore::new());
    let content = Content::Batch(Arc::new(batch));
    store.append(&[Delivery { receipt: Receipt(1), content }]).await.unwrap();
    store
}

pub(crate) fn clock() -> Clock {
    Clock { clock: clock::Clock::from_fn(|| NOW), assume_timezone: FixedOffset::east_opt(0).unwrap() }
}

pub(crate) fn reader(store: &Arc<MemoryStore>) -> Reader {
    Reader::new(store.clone(), clock())
}
