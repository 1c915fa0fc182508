//! Tests of messages on the bytes of their pages.

use memchr::memmem::Finder;
use model::query::{Field, Pattern, Test};
use parts::scan::Page;
use pipeline::Result;

use super::{
    contains::{Contains, keep_matches},
    probe::Probe,
};

/// A test of the message.
pub(crate) enum MessageLeaf {
    Contains(Contains),
    Prefix(String),
    /// A regular expression, and a text that is in each match.
    Pattern(Pattern, Option<String>),
    Other(Box<Probe>),
}

impl MessageLeaf {
    /// A test of [`Field::Message`].
    pub(crate) fn new(test: &Test) -> Self {
        match test {
            Test::Prefix(prefix) => Self::Prefix(prefix.clone()),
            Test::Regex(pattern) => {
                // First, because it compiles the pattern, and clones share what is compiled.
                let literal = pattern.required_literal().map(str::to_owned);
                Self::Pattern(pattern.clone(), literal)
            }
            test => Self::Other(Box::new(Probe::new(&Field::Message, test))),
        }
    }

    /// Clears the entries of the messages that do not pass.
    pub(crate) fn scan(&mut self, page: &Page<'_>, passes: &mut [bool]) -> Result<()> {
        match self {
            Self::Contains(contains) => contains.scan_page(page, passes),
            Self::Prefix(prefix) => keep(passes, |row| {
                let message = page.bytes().get(page.range(row)?).unwrap_or_default();
                Ok(message.starts_with(prefix.as_bytes()))
            }),
            Self::Pattern(pattern, Some(literal)) => {
                let finder = Finder::new(literal.as_bytes());
                let find = |bytes: &[u8], from: usize| {
                    let start = from + finder.find(bytes.get(from..)?)?;
                    Some(start..start + literal.len())
                };
                keep_matches(page, passes, find, |row| Ok(pattern.is_match(page.message(row)?)))
            }
            Self::Pattern(pattern, None) => {
                page.check()?;
                keep(passes, |row| Ok(pattern.is_match(page.message(row)?)))
            }
            Self::Other(probe) => {
                page.check()?;
                keep(passes, |row| Ok(probe.message(page.message(row)?)))
            }
        }
    }
}

/// Clears the entries of the messages for which `holds` is false.
fn keep(passes: &mut [bool], mut holds: impl FnMut(usize) -> Result<bool>) -> Result<()> {
    for (row, passes) in passes.iter_mut().enumerate().filter(|(_, passes)| **passes) {
        *passes = holds(row)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{iter, ops::Range, path::Path, slice, sync::Arc};

    use arrow_array::RecordBatch;
    use model::{Query, Record, RecordId, Severity};
    use parts::{
        PartInfo,
        builder::Row,
        decode,
        reader::{Footers, Part},
        reading::{Condition, Reading},
        schema,
        writer::{self, Effort},
    };
    use proptest::{collection::vec, prelude::*, sample::select};

    use crate::store::{
        filter::{Bound, bind, candidates},
        scans::Cancel,
    };

    const NEWEST: i64 = 1_767_323_045_000_000_000;

    /// Records from the newest on, each a nanosecond older than the one before it.
    fn records(messages: &[String]) -> Vec<Record> {
        let record = |(row, message): (usize, &String)| Record {
            id: RecordId::base(1, 0),
            time: NEWEST - row as i64,
            observed_time: 0,
            severity: Severity::INFO,
            level: "info".into(),
            service: ["shop", "bank", "post"][row % 3].into(),
            node: "n1".into(),
            message: message.clone(),
            attributes: Vec::new(),
            trace_id: None,
            span_id: None,
        };
        messages.iter().enumerate().map(record).collect()
    }

    fn written(folder: &Path, records: &[Record], effort: Effort) -> PartInfo {
        let row = |record| Row { record, position: 7, id_base: RecordId::base(1, 0) };
        let rows: Vec<Row<'_>> = records.iter().map(row).collect();
        writer::write(folder, "2026-01-02", &rows, effort).unwrap()
    }

    /// The numbers of the matching records, evaluated on pages or, with `decoded`, on columns.
    fn found(part: &Part, query: &Query, rows: &[Range<usize>], decoded: bool) -> Vec<usize> {
        let footer = part.footer().unwrap();
        let conditions = match bind(query, &footer.columns, &Cancel::default()) {
            Bound::Nothing => return Vec::new(),
            Bound::Conditions(conditions) => conditions,
        };
        let message = footer.columns.place(schema::MESSAGE);
        let of_messages = conditions.iter().filter(|condition| condition.columns == [message]).count();
        assert!(of_messages <= 1, "messages are read for all conditions at once");
        let conditions = conditions.into_iter().map(|Condition { columns, mut test }| {
            if columns == [message] {
                assert!(test.on_pages().is_some());
            }
            if decoded {
                Condition { columns, test: Box::new(move |batch: &RecordBatch| test.rows(batch)) }
            } else {
                Condition { columns, test }
            }
        });
        let reading = Reading { columns: footer.all_columns(), conditions: conditions.collect(), ..Reading::default() };
        let mut found = Vec::new();
        for batch in part.read(&footer, 0, rows, reading).unwrap() {
            for stored in decode::records(&batch.unwrap(), &footer.columns).unwrap() {
                found.push((NEWEST - stored.record.time) as usize);
            }
        }
        found
    }

    fn expected(records: &[Record], query: &Query, rows: &[Range<usize>]) -> Vec<usize> {
        let is_match = |row: &usize| query.matches(&records[*row]);
        rows.iter().cloned().flatten().filter(is_match).collect()
    }

    const TESTS: &[&str] = &[
        "timeout",
        "T",
        "é",
        "\"\u{212a}elvin\"",
        "\"out re\"",
        "\"t t\"",
        "\"timeout kelvin\"",
        "\"meout reset k\"",
        "\"out, re\"",
        "\"한é한\"",
        "message:re*",
        "message:timeout*",
        "message:한*",
        "message:/^$/",
        "message:/time.*reset/",
        "message:/out r/",
        "message:/[aé]한/",
        "message:/^.{5,9}$/",
        "message:/timeout|한/",
        "message:/(?i)TIMEOUT|out,/",
        "message:/(?i)kelvin/",
        "message:/(?i)é한/",
        "message:/(time)?out (?:re){1,2}set/",
        "message:/(?:)/",
        "message:*",
        "message>1",
        "service:shop",
        "service:nowhere",
        "level:info",
    ];

    fn question() -> impl Strategy<Value = String> {
        let test = select(TESTS).prop_map(str::to_owned);
        test.prop_recursive(3, 10, 3, |inner| {
            prop_oneof![
                vec(inner.clone(), 2..4).prop_map(|parts| format!("({})", parts.join(" "))),
                vec(inner.clone(), 2..4).prop_map(|parts| format!("({})", parts.join(" OR "))),
                inner.prop_map(|part| format!("NOT ({part})")),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn pages_columns_and_the_matcher_agree(
            messages in vec("(timeout|reset|kelvin|KELVIN|\u{212a}|T|a|é|한|[0-9]|,| |\n){0,8}", 1..200),
            questions in vec(question(), 1..8),
            cuts in vec(any::<prop::sample::Index>(), 4),
            effort in select(vec![Effort::Passing, Effort::Quick, Effort::Lasting]),
        ) {
            let folder = tempfile::tempdir().unwrap();
            let records = records(&messages);
            let info = written(folder.path(), &records, effort);
            let part = Part::new(info, folder.path(), Arc::new(Footers::default()));
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(records.len() + 1)).collect();
            cuts.sort_unstable();
            let some = [cuts[0]..cuts[1], cuts[2]..cuts[3]];
            let some: Vec<Range<usize>> = some.into_iter().filter(|rows| !rows.is_empty()).collect();
            let all: Vec<Range<usize>> = iter::once(0..records.len()).collect();
            for text in &questions {
                // A query may not have as many regular expressions as some of these.
                let Ok(query) = Query::parse(text) else { continue };
                for rows in [&all, &some] {
                    let expected = expected(&records, &query, rows);
                    let kept = candidates(&query, &part, &part.footer().unwrap(), 0, rows).unwrap();
                    prop_assert!(kept == *rows || expected.is_empty(), "{} is ruled out", text);
                    prop_assert_eq!(&found(&part, &query, rows, false), &expected, "{} on pages", text);
                    prop_assert_eq!(&found(&part, &query, rows, true), &expected, "{} on columns", text);
                }
            }
        }
    }

    #[test]
    fn a_text_is_found_in_each_page_and_where_few_messages_are_selected() {
        let folder = tempfile::tempdir().unwrap();
        let messages: Vec<String> = (0..20_000)
            .map(|row| match row % 1_000 {
                7 => format!("timeout {row}"),
                8 => "time".to_owned(),
                9 => "out".to_owned(),
                _ => format!("accepted {row}"),
            })
            .collect();
        let records = records(&messages);
        let rows = [0..100, 4_000..4_010, 4_090..9_008, 16_000..20_000];
        for effort in [Effort::Passing, Effort::Lasting] {
            let info = written(folder.path(), &records, effort);
            let part = Part::new(info, folder.path(), Arc::new(Footers::default()));
            for text in [
                "timeout",
                "service:bank timeout",
                "timeout accepted",
                "timeout OR time",
                "\"ed 1900\" message:/d 190.1/",
                "-accepted -timeout",
                "message:/out 1.*7$/ timeout",
                "message:time* -timeout",
                "nowhere",
            ] {
                let query = Query::parse(text).unwrap();
                for rows in [&rows[..], slice::from_ref(&(0..20_000)), slice::from_ref(&(19_007..19_008))] {
                    let expected = expected(&records, &query, rows);
                    assert_eq!(found(&part, &query, rows, false), expected, "{text}");
                    assert_eq!(found(&part, &query, rows, true), expected, "{text}");
                }
            }
        }
    }
}
