//! The sender of a submission: what its records get, whatever was sent, and how many it may send.
//!
//! Both belong to the key by which the sender was let in. All connections of one key share one [`Sender`], and so its
//! rates.

use std::sync::Arc;

use crate::{normalise::RawRecord, rates::Rates, terms::Terms};

/// Who sends. The default has no terms and costs nothing. Cheap to clone; the clones share the rates.
#[derive(Clone, Debug, Default)]
pub struct Sender(Option<Arc<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    terms: Terms,
    rates: Option<Rates>,
    is_audit: bool,
}

impl Sender {
    pub fn with_terms(terms: Terms) -> Self {
        let rates = Rates::of(&terms);
        Self(Some(Arc::new(Inner { terms, rates, is_audit: false })))
    }

    /// Logboom itself, which writes audit records. No caller may get it: from every other sender the attributes of audit
    /// records are renamed.
    pub fn audit() -> Self {
        Self(Some(Arc::new(Inner { is_audit: true, ..Inner::default() })))
    }

    /// Whether its records may be audit records. They are not redacted: a rule could take away who did something.
    pub(crate) fn is_audit(&self) -> bool {
        self.0.as_ref().is_some_and(|inner| inner.is_audit)
    }

    /// The name of the terms, if there are any.
    pub fn name(&self) -> Option<&str> {
        Some(self.0.as_ref()?.terms.name.as_str()).filter(|name| !name.is_empty())
    }

    /// The rates, if it has limits.
    pub(crate) fn rates(&self) -> Option<&Rates> {
        self.0.as_ref()?.rates.as_ref()
    }

    /// Sets the service and the attributes of the terms.
    pub(crate) fn apply(&self, records: &mut [RawRecord]) {
        let Some(inner) = &self.0 else { return };
        let Terms { service, fields, .. } = &inner.terms;
        let is_empty = |record: &RawRecord| record.message.is_empty() && record.attributes.is_empty();
        for record in records {
            if let Some(service) = service {
                record.service = service.clone();
            }
            // An empty record is refused, and the fields would hide that it is empty.
            if !is_empty(record) {
                // The last of equal keys wins.
                record.attributes.extend_from_slice(fields);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use model::Value;

    use super::*;

    #[test]
    fn service_and_fields_replace_what_was_sent() {
        let fields = vec![("env".into(), Value::Text("prod".into())), ("tenant".into(), Value::Text("acme".into()))];
        let sender = Sender::with_terms(Terms { service: Some("shop".into()), fields, ..Terms::default() });
        let sent = RawRecord {
            service: "other".into(),
            message: "m".into(),
            attributes: vec![("tenant".into(), Value::Text("evil".into()))],
            ..RawRecord::default()
        };
        let empty = RawRecord::default();
        let mut records = [sent.clone(), empty];
        sender.apply(&mut records);
        let normaliser = crate::normalise::Normaliser::default();
        let [sent_record, empty] = records.map(|raw| normaliser.record(raw, 1));
        let record = sent_record.unwrap();
        assert_eq!(record.service, "shop");
        assert_eq!(record.attribute("tenant"), Some(&Value::Text("acme".into())));
        assert_eq!(record.attribute("env"), Some(&Value::Text("prod".into())));
        assert_eq!(record.attributes.len(), 2);
        assert!(empty.unwrap_err().starts_with("message: empty"));

        let mut untouched = [sent.clone()];
        Sender::default().apply(&mut untouched);
        assert_eq!(untouched, [sent]);
    }
}
