//! Audit records: what they are, and what tells them from other records.
//!
//! Logboom writes who did what to the server as records of its own service. Admins alone see them
//! ([`Sight::without_audit`](crate::Sight::without_audit)), and nobody else can write one: the admit stage renames the
//! attributes in records of others.

use crate::{
    Query, Record, Value,
    query::{Expr, Field, Test},
};

/// The service of Logboom's own records.
pub const SERVICE: &str = "logboom";
/// The attribute that is `true` in each audit record. The other attributes of an audit record begin with it and a dot.
pub const ATTRIBUTE: &str = "audit";
/// What is put before a reserved attribute in a record of somebody else.
pub const CLAIMED: &str = "claimed.";

/// The query for all audit records: `service:logboom audit:true`.
pub fn query() -> Query {
    let equals = |field, value: &str| Expr::Field(field, Test::AnyOf(vec![value.to_owned()]));
    let is_audit = equals(Field::Attribute(ATTRIBUTE.to_owned()), "true");
    Query { expr: Expr::and([equals(Field::Service, SERVICE), is_audit]) }
}

/// Whether the record is one. The same as [`query`], without building it.
pub fn is_audit(record: &Record) -> bool {
    record.service == SERVICE
        && match record.attribute(ATTRIBUTE) {
            Some(Value::Bool(is_audit)) => *is_audit,
            Some(Value::Text(text)) => text == "true",
            _ => false,
        }
}

/// Whether an attribute with this key belongs to audit records, in a record of [`SERVICE`].
pub fn is_reserved(key: &str) -> bool {
    key.strip_prefix(ATTRIBUTE).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LevelClass, RecordId, Text};

    fn record(service: &str, key: &str, value: Value) -> Record {
        Record {
            id: RecordId(7),
            time: 1,
            observed_time: 2,
            severity: LevelClass::Info.lowest(),
            level: "info".into(),
            service: service.into(),
            node: "n1".into(),
            message: "somebody logged in".to_owned(),
            attributes: vec![(Text::from(key), value)],
            trace_id: None,
            span_id: None,
        }
    }

    #[test]
    fn the_query_and_the_test_mean_the_same() {
        let text = |text: &str| Value::Text(text.into());
        assert_eq!(Query::parse("service:logboom audit:true"), Ok(query()));
        for (service, key, value, expected) in [
            ("logboom", "audit", Value::Bool(true), true),
            ("logboom", "audit", text("true"), true),
            ("logboom", "audit", text("True"), false),
            ("logboom", "audit", Value::Bool(false), false),
            ("logboom", "audit", Value::Int(1), false),
            ("logboom", "audit.action", Value::Bool(true), false),
            ("logboom", "claimed.audit", Value::Bool(true), false),
            ("Logboom", "audit", Value::Bool(true), false),
            ("shop", "audit", Value::Bool(true), false),
        ] {
            let record = record(service, key, value);
            assert_eq!((is_audit(&record), query().matches(&record)), (expected, expected), "{record:?}");
        }
    }

    #[test]
    fn the_attribute_and_all_below_it_are_reserved() {
        for (key, expected) in
            [("audit", true), ("audit.", true), ("audit.actor", true), ("audits", false), ("auditor.x", false)]
        {
            assert_eq!(is_reserved(key), expected, "{key}");
        }
    }
}
