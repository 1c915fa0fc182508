//! Evaluates one test of a query on single values.
//!
//! It calls the query language's own matcher on a record that contains only the value, so that scans and the matcher
//! cannot disagree (C7).

use arrow_array::{Array as _, StringArray};
use model::{
    Query, Record, RecordId, Severity, Text, Value,
    query::{Expr, Field, Test},
};
use parts::columns::is_same_dictionary;

/// A test, and a record that holds the current value.
pub(crate) struct Probe {
    query: Query,
    key: Text,
    record: Record,
    verdicts: Verdicts,
}

/// The outcomes of a test for the values of a dictionary, each tested when it is first met. The batches of a row group
/// share a dictionary, so a value is tested once a row group.
#[derive(Default)]
pub(super) struct Verdicts {
    values: Option<StringArray>,
    /// By the place in the dictionary; `None` if not tested yet.
    known: Vec<Option<bool>>,
}

impl Verdicts {
    /// The outcome for the value at `place`. A place outside of the dictionary fails.
    pub(super) fn of(&mut self, place: usize, test: impl FnOnce(&str) -> bool) -> bool {
        let (Some(values), Some(known)) = (&self.values, self.known.get_mut(place)) else { return false };
        *known.get_or_insert_with(|| test(values.value(place)))
    }
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
        Self {
            query: Query { expr: Expr::Field(field.clone(), test.clone()) },
            key,
            record: blank(),
            verdicts: Verdicts::default(),
        }
    }

    /// Takes the outcomes for a dictionary, which are returned by [`Self::keep`].
    pub(super) fn verdicts(&mut self, values: &StringArray) -> Verdicts {
        let verdicts = std::mem::take(&mut self.verdicts);
        if verdicts.values.as_ref().is_some_and(|known| is_same_dictionary(known, values)) {
            return verdicts;
        }
        Verdicts { values: Some(values.clone()), known: vec![None; values.len()] }
    }

    pub(super) fn keep(&mut self, verdicts: Verdicts) {
        self.verdicts = verdicts;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_of_a_dictionary_is_tested_once() {
        let mut probe = Probe::new(&Field::Service, &Test::Exists);
        let (one, other) = (StringArray::from(vec!["a", "b"]), StringArray::from(vec!["b", "a"]));
        let mut tested = Vec::new();
        for (values, places) in [(&one, [0, 0, 1]), (&one, [1, 0, 1]), (&other, [0, 1, 1]), (&one, [0, 0, 0])] {
            let mut verdicts = probe.verdicts(values);
            for place in places {
                let passes = verdicts.of(place, |text| {
                    tested.push(text.to_owned());
                    text == "a"
                });
                assert_eq!(passes, values.value(place) == "a");
            }
            assert!(!verdicts.of(2, |_| true), "there is no such value");
            probe.keep(verdicts);
        }
        assert_eq!(tested, ["a", "b", "b", "a", "a"]);
    }
}
