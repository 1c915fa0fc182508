//! Keeps audit records apart: nobody but Logboom itself can send one.
//!
//! The rule holds for the normalised record, so it does not matter by which door, terms or alias the service and the
//! attributes came. The record itself is kept: a service may be called `logboom` for other reasons.

use model::{Record, Text, audit, limits};

/// Renames the attributes of audit records in a record of Logboom's service, to `claimed.audit…`. A key at the limit is
/// shortened.
pub(crate) fn disown(record: &mut Record) {
    if record.service != audit::SERVICE || !record.attributes.iter().any(|(key, _)| audit::is_reserved(key)) {
        return;
    }
    for (key, _) in record.attributes.iter_mut().filter(|(key, _)| audit::is_reserved(key)) {
        let room = limits::KEY_BYTES - audit::CLAIMED.len();
        *key = Text::from(format!("{}{}", audit::CLAIMED, &key[..key.floor_char_boundary(room)]));
    }
    // What was renamed comes before what had the name already, and wins.
    record.attributes.sort_by(|(left, _), (right, _)| left.cmp(right));
    record.attributes.dedup_by(|later, earlier| later.0 == earlier.0);
}

#[cfg(test)]
mod tests {
    use model::Value;

    use super::*;
    use crate::normalise::{Normaliser, RawRecord};

    fn keys(service: &str, node: &str, keys: &[&str]) -> Vec<(String, String)> {
        let attribute = |(place, key): (usize, &&str)| (Text::from(*key), Value::Text(place.to_string().into()));
        let raw = RawRecord {
            service: service.into(),
            node: node.into(),
            message: "m".into(),
            attributes: keys.iter().enumerate().map(attribute).collect(),
            ..RawRecord::default()
        };
        let mut record = Normaliser::default().record(raw, 1).unwrap();
        disown(&mut record);
        assert!(record.attributes.is_sorted_by(|(left, _), (right, _)| left < right), "{record:?}");
        record.attributes.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
    }

    fn names(service: &str, node: &str, all: &[&str]) -> Vec<String> {
        keys(service, node, all).into_iter().map(|(key, _)| key).collect()
    }

    #[test]
    fn only_records_of_logboom_lose_the_attributes_of_audit_records() {
        let sent = ["audit", "audit.actor", "auditor", "zone"];
        let renamed = ["auditor", "claimed.audit", "claimed.audit.actor", "zone"];
        assert_eq!(names("logboom", "", &sent), renamed);
        // Without a service, the node is the service.
        assert_eq!(names("", "logboom", &sent), renamed);
        for service in ["shop", "Logboom", "logboom.x"] {
            assert_eq!(names(service, "logboom", &sent), sent, "{service}");
        }
        assert_eq!(names("logboom", "", &["zone"]), ["zone"]);
    }

    #[test]
    fn a_renamed_attribute_wins_over_one_of_that_name_and_stays_within_the_limit() {
        let both = keys("logboom", "", &["audit", "claimed.audit"]);
        assert_eq!(both, [("claimed.audit".to_owned(), "0".to_owned())]);
        let long = format!("audit.{}", "é".repeat(125));
        assert_eq!(long.len(), limits::KEY_BYTES);
        let renamed = names("logboom", "", &[&long]).remove(0);
        assert!(renamed.starts_with("claimed.audit.é") && renamed.len() <= limits::KEY_BYTES, "{renamed}");
    }
}
