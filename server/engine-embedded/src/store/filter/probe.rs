//! Evaluates one test of a query on single values.
//!
//! It calls the query language's own matcher on a record that contains only the value, so that scans and the matcher
//! cannot disagree (C7).

use model::{
    Query, Record, RecordId, Severity, Text, Value,
    query::{Expr, Field, Test},
};

/// A test, and a record that holds the current value.
pub(crate) struct Probe {
    query: Query,
    key: Text,
    record: Record,
}

/// An empty record.
pub(crate) fn blank() -> Record {
    Record {
        id: RecordId::default(),
        time: 0,
        observed_time: 0,
        severity: Severity::INFO,
        level: Text::default(),
        service: Text::default(),
        node: Text::default(),
        message: String::new(),
        attributes: Vec::new(),
        trace_id: None,
        span_id: None,
    }
}

impl Probe {
    pub(crate) fn new(field: &Field, test: &Test) -> Self {
        let key = match field {
            Field::Attribute(key) => Text::from(key.as_str()),
            _ => Text::default(),
        };
        Self { query: Query { expr: Expr::Field(field.clone(), test.clone()) }, key, record: blank() }
    }

    /// Whether the current value passes the test.
    fn passes(&self) -> bool {
        self.query.matches(&self.record)
    }

    pub(crate) fn level(&mut self, severity: Severity, level: &str) -> bool {
        self.record.severity = severity;
        self.record.level = Text::from(level);
        self.passes()
    }

    pub(crate) fn service(&mut self, service: &str) -> bool {
        self.record.service = Text::from(service);
        self.passes()
    }

    pub(crate) fn node(&mut self, node: &str) -> bool {
        self.record.node = Text::from(node);
        self.passes()
    }

    pub(crate) fn message(&mut self, message: &str) -> bool {
        self.record.message.clear();
        self.record.message.push_str(message);
        self.passes()
    }

    pub(crate) fn trace_id(&mut self, id: [u8; 16]) -> bool {
        self.record.trace_id = Some(id);
        self.passes()
    }

    pub(crate) fn span_id(&mut self, id: [u8; 8]) -> bool {
        self.record.span_id = Some(id);
        self.passes()
    }

    pub(crate) fn id(&mut self, id: RecordId) -> bool {
        self.record.id = id;
        self.passes()
    }

    pub(crate) fn attribute(&mut self, value: Value) -> bool {
        match self.record.attributes.first_mut() {
            Some((_, old)) => *old = value,
            None => self.record.attributes.push((self.key.clone(), value)),
        }
        self.passes()
    }
}
