//! Rows whose pages may hold a wanted number, by the bounds of the pages.

use std::ops::Range;

use model::query::{Expr, Field, Test};
use parts::{ranges::common, reader::Footer};

use super::{bounds::numbers_in, formed::is_compared};

/// Those of the rows of a row group that may match.
pub(super) fn rows(expr: &Expr, footer: &Footer, group: usize, rows: Vec<Range<usize>>) -> Vec<Range<usize>> {
    match expr {
        Expr::And(operands) => operands.iter().fold(rows, |rows, operand| self::rows(operand, footer, group, rows)),
        Expr::Field(Field::Attribute(key), test) => match wanted(key, test, footer, group) {
            Some((place, wanted)) => {
                let overlaps =
                    |bounds: (i64, i64)| wanted.iter().any(|(first, last)| bounds.0 <= *last && bounds.1 >= *first);
                common(&rows, &footer.rows_of_pages(group, place, overlaps))
            }
            None => rows,
        },
        _ => rows,
    }
}

/// The only column of an attribute with values in a row group, and the ranges of its numbers that pass; `None` if others may pass.
fn wanted(key: &str, test: &Test, footer: &Footer, group: usize) -> Option<(usize, Vec<(i64, i64)>)> {
    let layout = &footer.columns;
    let mut columns = layout.of_attribute(key).filter(|(place, _)| footer.may_have_values(group, *place));
    let (place, column) = columns.next()?;
    if !layout.rest_of(key).is_none() || columns.next().is_some() {
        return None;
    }
    let form = &column.form;
    let ranges = match test {
        Test::AnyOf(texts) if form.is_of_numbers() => {
            texts.iter().filter_map(|text| form.to_number(text)).map(|number| (number, number)).collect()
        }
        Test::Compare(comparison, bound) if is_compared(form) => {
            numbers_in(*comparison, *bound, |number| form.to_float(number)).into_iter().collect()
        }
        _ => return None,
    };
    Some((*place, ranges))
}

#[cfg(test)]
mod tests {
    use std::{slice, sync::Arc};

    use model::{Query, Record, RecordId, Value};
    use parts::{
        builder::Row,
        reader::{Footers, Part},
        writer::{self, Effort},
    };

    use super::*;
    use crate::store::filter::probe::blank;

    const ROWS: usize = 20_000;

    #[test]
    fn pages_without_a_wanted_number_are_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let record = |row: usize| {
            let attributes = vec![
                ("job".into(), Value::Text(format!("job-{row}").into())),
                ("order".into(), Value::Text(row.to_string().into())),
                ("ratio".into(), Value::Float(row as f64 / 100.0)),
                ("size".into(), Value::Int(row as i64)),
            ];
            // Newest first.
            Record { time: 1_767_323_045_000_000_000 - row as i64, attributes, ..blank() }
        };
        let records: Vec<Record> = (0..ROWS).map(record).collect();
        let row = |record| Row { record, position: 7, id_base: RecordId::base(1, 0) };
        let of_part: Vec<Row<'_>> = records.iter().map(row).collect();
        let info = writer::write(folder.path(), "2026-01-02", &of_part, Effort::Quick).unwrap();
        let footer = Part::new(info, folder.path(), Arc::new(Footers::default())).footer().unwrap();
        let all = || std::iter::once(0..ROWS).collect();
        let found = |text: &str| rows(&Query::parse(text).unwrap().expr, &footer, 0, all());
        for (text, expected) in [
            ("job:job-0", 0..4_096),
            ("job:job-5000", 4_096..8_192),
            ("job:job-5000,job-9000", 4_096..12_288),
            ("order>=5000 order<6000", 4_096..8_192),
            ("order>=5000 ratio<60", 4_096..8_192),
            ("ratio:50", 4_096..8_192),
            // Others decide about these, or nothing does.
            ("job:job-1*", 0..ROWS),
            ("job>5", 0..ROWS),
            ("size:5", 0..ROWS),
            ("nothing:5", 0..ROWS),
            ("order:5 OR order:6", 0..ROWS),
            ("-order:5", 0..ROWS),
        ] {
            assert_eq!(found(text), slice::from_ref(&expected), "{text}");
        }
        for text in ["job:job-05", "job:other", "order:\"017\"", "order>1e9", "ratio:\"0.50\""] {
            assert!(found(text).is_empty(), "{text}");
        }
    }
}
