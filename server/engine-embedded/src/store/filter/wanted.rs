//! The values for which a query asks, as a question to the lookups of parts (`parts::lookup`).

use std::ops::Range;

use model::query::{Expr, Field, Query, Test};
use parts::{
    lookup::{self, Probe, Wanted, rows_of, slabs_of},
    ranges::common,
    reader::{Footer, Part},
    schema,
};
use pipeline::Result;

/// The maximum number of values in a question. Each costs some microseconds for each row group.
const MOST_VALUES: usize = 64;

/// The values that each matching record has; `None` if the query requires none, or too many.
pub(crate) fn wanted(query: &Query) -> Option<Wanted> {
    required(&query.expr).filter(|wanted| wanted.values() <= MOST_VALUES)
}

/// Whether no record of the part can match, by its lookup: without a look at its footer.
pub(crate) fn rules_out(query: &Query, part: &Part) -> bool {
    // The totals of the row groups, in the footer, decide about these at once.
    let wanted = if query.is_by_service_and_class() { None } else { wanted(query) };
    wanted.and_then(|wanted| part.slabs(&wanted)).is_some_and(|slabs| slabs.is_empty())
}

/// Those of the rows of a row group that may match, by the part's lookup.
pub(super) fn rows(query: &Query, part: &Part, group: usize, rows: &[Range<usize>]) -> Vec<Range<usize>> {
    let slabs = wanted(query).and_then(|wanted| part.slabs_of_group(group, &wanted));
    slabs.map_or_else(|| rows.to_vec(), |slabs| common(rows, &rows_of(slabs)))
}

/// Those of the rows of a row group that may match, by the bytes of its ids, also of attributes: to search them costs less
/// than to decode rows.
///
/// # Errors
/// As for reading the part.
pub(super) fn rows_with_ids(
    query: &Query,
    part: &Part,
    footer: &Footer,
    group: usize,
    rows: Vec<Range<usize>>,
) -> Result<Vec<Range<usize>>> {
    if rows.is_empty() {
        return Ok(rows);
    }
    let slabs = Ids { part, footer, group }.slabs(&query.expr, slabs_of(&rows))?;
    Ok(match slabs {
        Some(slabs) => common(&rows, &rows_of(slabs)),
        None => rows,
    })
}

fn required(expr: &Expr) -> Option<Wanted> {
    match expr {
        Expr::And(operands) => {
            let mut required: Vec<Wanted> = operands.iter().filter_map(required).collect();
            // Those with the fewest values cost least, and an id rules out most.
            required.sort_by_key(|wanted| (!is_by_id(wanted), wanted.values()));
            (!required.is_empty()).then_some(Wanted::And(required))
        }
        Expr::Or(operands) => operands.iter().map(required).collect::<Option<_>>().map(Wanted::Or),
        Expr::Field(field, Test::AnyOf(texts)) => any_of(field, texts).map(Wanted::Any),
        Expr::All | Expr::Not(_) | Expr::Contains(_) | Expr::Field(..) => None,
    }
}

fn is_by_id(wanted: &Wanted) -> bool {
    matches!(wanted, Wanted::Any(probes) if probes.iter().all(Probe::is_id))
}

fn any_of(field: &Field, texts: &[String]) -> Option<Vec<Probe>> {
    let field = match field {
        Field::TraceId => lookup::Field::Trace,
        Field::SpanId => lookup::Field::Span,
        Field::Service => lookup::Field::Service,
        Field::Node => lookup::Field::Node,
        Field::Attribute(key) => lookup::Field::Attribute(key),
        Field::Level | Field::Message | Field::Id => return None,
    };
    Some(match field {
        // An invalid id matches nothing.
        lookup::Field::Trace | lookup::Field::Span => ids(texts).iter().map(|id| Probe::id(field, id)).collect(),
        _ => texts.iter().map(|text| Probe::text(field, text)).collect(),
    })
}

/// The ids as bytes; invalid ids are dropped.
fn ids(texts: &[String]) -> Vec<Vec<u8>> {
    texts.iter().filter_map(|text| hex::decode(text).ok()).collect()
}

/// The ids of a row group.
struct Ids<'a> {
    part: &'a Part,
    footer: &'a Footer,
    group: usize,
}

impl Ids<'_> {
    /// Those of the slabs with a record that may match; `None` if ids do not decide.
    fn slabs(&self, expr: &Expr, slabs: u16) -> Result<Option<u16>> {
        match expr {
            Expr::And(operands) => {
                let mut known = None;
                for operand in operands {
                    known = self.slabs(operand, known.unwrap_or(slabs))?.or(known);
                }
                Ok(known)
            }
            Expr::Or(operands) => {
                let mut any = 0;
                for operand in operands {
                    let Some(more) = self.slabs(operand, slabs)? else { return Ok(None) };
                    any |= more;
                }
                Ok(Some(any))
            }
            Expr::Field(Field::TraceId, Test::AnyOf(texts)) => self.holding(schema::TRACE_ID, texts, slabs).map(Some),
            Expr::Field(Field::SpanId, Test::AnyOf(texts)) => self.holding(schema::SPAN_ID, texts, slabs).map(Some),
            Expr::Field(Field::Attribute(key), Test::AnyOf(texts)) => self.attribute(key, texts, slabs),
            Expr::All | Expr::Not(_) | Expr::Contains(_) | Expr::Field(..) => Ok(None),
        }
    }

    /// Those of the slabs with one of the texts as bytes; `None` if the attribute has other columns.
    fn attribute(&self, key: &str, texts: &[String], slabs: u16) -> Result<Option<u16>> {
        let layout = &self.footer.columns;
        let has_values = |place: usize| self.footer.may_have_values(self.group, place);
        let columns: Vec<_> = layout.of_attribute(key).filter(|(place, _)| has_values(*place)).collect();
        let are_bytes = columns.iter().all(|(_, column)| column.form.byte_length().is_some());
        // Each text is a search of its own.
        if !layout.rest_of(key).is_none() || columns.is_empty() || !are_bytes || texts.len() > MOST_VALUES {
            return Ok(None);
        }
        let mut any = 0;
        for (place, column) in columns {
            let bytes = |text: &String| column.form.to_bytes(text, &mut [0; 64]).map(<[u8]>::to_vec);
            let values: Vec<Vec<u8>> = texts.iter().filter_map(bytes).collect();
            any |= self.part.slabs_holding(self.footer, self.group, *place, slabs, &values)?;
        }
        Ok(Some(any))
    }

    fn holding(&self, column: &str, texts: &[String], slabs: u16) -> Result<u16> {
        self.part.slabs_holding(self.footer, self.group, self.footer.columns.place(column), slabs, &ids(texts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "trace_id:000102030405060708090a0b0c0d0e0f";

    #[test]
    fn a_query_asks_for_the_values_that_each_match_has() {
        for (text, values) in [
            (TRACE, Some(1)),
            ("span_id:0001020304050607", Some(1)),
            ("order:17", Some(1)),
            ("order:17,18,19", Some(3)),
            ("service:a node:b x:y", Some(3)),
            ("order:17 timeout -user:5", Some(1)),
            ("order:17 OR user:5", Some(2)),
            ("order:17 (user:5 OR user:6 word)", Some(3)),
            ("order:17 OR timeout", None),
            ("order:17 OR -user:5", None),
            ("-order:17", None),
            ("order:*", None),
            ("order:1*", None),
            ("order>17", None),
            ("order:/17/", None),
            ("level:error", None),
            ("level:word", None),
            ("id:000102030405-0607-0809-0a0b-0c0d0e0f", None),
            ("message:a", None),
            ("", None),
        ] {
            let query = Query::parse(text).unwrap();
            assert_eq!(wanted(&query).map(|wanted| wanted.values()), values, "{text}");
        }
        let many: Vec<String> = (0..=MOST_VALUES).map(|number| format!("v{number}")).collect();
        assert!(wanted(&Query::parse(&format!("x:{}", many.join(","))).unwrap()).is_none());
        assert!(wanted(&Query::parse(&format!("x:{}", many[1..].join(","))).unwrap()).is_some());
    }

    #[test]
    fn ids_are_asked_for_first() {
        let wanted = wanted(&Query::parse(&format!("service:a {TRACE}")).unwrap()).unwrap();
        let Wanted::And(operands) = &wanted else { panic!("{wanted:?}") };
        assert_eq!(operands.iter().map(is_by_id).collect::<Vec<_>>(), [true, false]);
    }
}
