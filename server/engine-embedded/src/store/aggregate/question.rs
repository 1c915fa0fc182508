//! What an aggregation asks of each record, and the name of it.

use std::{
    hash::{BuildHasher as _, Hash, Hasher},
    sync::Arc,
};

use foldhash::fast::RandomState;
use model::{
    Query,
    aggregate::{Aggregation, Grouping},
    query::{Expr, Test},
};

use super::tally::measures_time;

/// The query and groupings of an aggregation.
pub(crate) struct Question {
    pub(crate) query: Query,
    /// [`Query::split_by_service`]: of the filter of audit records, other fields decide for one service alone.
    pub(crate) by_service: Option<(Query, Query)>,
    pub(crate) groupings: Vec<Grouping>,
    pub(crate) name: Arc<Name>,
}

impl Question {
    pub(crate) fn new(aggregation: &Aggregation, hasher: &RandomState) -> Self {
        let Aggregation { query, groupings, .. } = aggregation;
        let grouped: Vec<_> = groupings.iter().map(|grouping| (&grouping.keys, measures_time(grouping))).collect();
        let text = format!("{} by {grouped:?}", written(&query.expr));
        Self {
            query: query.clone(),
            by_service: query.split_by_service(),
            groupings: groupings.clone(),
            name: Arc::new(Name { hash: hasher.hash_one(&text), text }),
        }
    }
}

/// Two questions with equal names count each record alike, whatever their ranges and limits.
///
/// A result that is kept has the name and not the question: a compiled pattern takes megabytes.
#[derive(PartialEq, Eq)]
pub(crate) struct Name {
    /// First, since it decides most comparisons.
    hash: u64,
    text: String,
}

impl Name {
    /// About its bytes in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.text.len()
    }
}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

/// The whole expression, with all texts in quotes. The text of a query does not suffice: a query that the parser did not
/// make may have the text of another.
fn written(expr: &Expr) -> String {
    let list = |operands: &[Expr]| operands.iter().map(written).collect::<Vec<_>>().join(", ");
    match expr {
        Expr::All => "all".to_owned(),
        Expr::And(operands) => format!("and({})", list(operands)),
        Expr::Or(operands) => format!("or({})", list(operands)),
        Expr::Not(operand) => format!("not({})", written(operand)),
        Expr::Contains(text) => format!("contains({text:?})"),
        Expr::Field(field, Test::Regex(pattern)) => format!("{field:?} matches {:?}", pattern.source()),
        Expr::Field(field, test) => format!("{field:?} {test:?}"),
    }
}

#[cfg(test)]
mod tests {
    use model::{
        TimeRange,
        aggregate::{Key, Measure},
        query::Field,
    };

    use super::*;

    #[test]
    fn questions_that_count_alike_have_one_name() {
        let hasher = RandomState::default();
        let question = |query: &str, keys: Vec<Key>, measures: &[Measure], limit| {
            let groupings = vec![Grouping { keys, measures: measures.to_vec(), limit }];
            let query = Query::parse(query).unwrap();
            query.compile().unwrap();
            Question::new(&Aggregation { query, range: TimeRange::ALL, groupings }, &hasher)
        };
        let by = |field: &Field| vec![Key::Field(field.clone())];
        let (service, node) = (by(&Field::Service), by(&Field::Node));
        let (count, both) = ([Measure::Count], [Measure::Count, Measure::NewestTime]);
        let text = "level:error /a+/ x:/b+/ (y>=5 OR -z:a,b)";
        let one = question(text, service.clone(), &count, 10).name;
        // The limit is one of the answer.
        let other = question(text, service.clone(), &count, 20).name;
        assert!(one == other && hasher.hash_one(&one) == hasher.hash_one(&other));
        assert!(one.bytes() < 500, "the compiled patterns are not in it");
        for different in [
            question("level:error /a+/ x:/c+/ (y>=5 OR -z:a,b)", service.clone(), &count, 10),
            question("level:error /a+/ x:/b+/ (y>=6 OR -z:a,b)", service.clone(), &count, 10),
            question("level:error /a+/ x:/b+/ (y>=5 OR z:a,b)", service.clone(), &count, 10),
            question("level:error /a+/ x:/b+/ y>=5 -z:a,b", service.clone(), &count, 10),
            question(text, node, &count, 10),
            question(text, service, &both, 10),
            question(text, vec![Key::Time { width: 1 << 62 }], &count, 10),
            question(text, vec![Key::Field(Field::Attribute("service".to_owned()))], &count, 10),
            question(text, Vec::new(), &count, 10),
        ] {
            assert!(one != different.name, "{}", different.name.text);
        }
    }

    #[test]
    fn two_queries_with_one_text_have_two_names() {
        let hasher = RandomState::default();
        let name = |expr| {
            let aggregation = Aggregation::counting(Query { expr }, TimeRange::ALL, Vec::new(), 1);
            Question::new(&aggregation, &hasher).name
        };
        let any_of = |texts: &[&str]| {
            let texts = texts.iter().map(|text| (*text).to_owned()).collect();
            name(Expr::Field(Field::Service, Test::AnyOf(texts)))
        };
        // Not one of the parser's.
        assert!(any_of(&[]) != name(Expr::Contains("service".to_owned())));
        assert!(any_of(&["a", "b"]) != any_of(&["a\", \"b"]));
    }
}
