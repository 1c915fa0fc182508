//! Aggregation (C13): matching rows become groups, and groups become tables.
//!
//! A [`Question`] is what an aggregation asks of each record, whatever the range. Its rows are counted unit by unit, each
//! with [`Tallies`] of its own, which end in the [`Totals`] of the aggregation. What a unit adds may be kept as [`Kept`]
//! and added again by another aggregation with the same question. [`counts`](super::counts) makes the units and runs them.

mod codes;
mod encode;
mod groups;
mod pending;
mod tally;
mod totals;

use std::hash::{BuildHasher as _, Hash, Hasher};

use foldhash::fast::RandomState;
use model::{
    LevelClass, Query,
    aggregate::{Aggregation, Grouping},
};
use parts::{reader::Group, schema::Columns};
use pipeline::Result;

use self::tally::{Tally, measures_time};
pub(super) use self::{
    codes::Rows,
    totals::{Kept, Totals},
};

/// The query and groupings of an aggregation. Two are equal if they count each record alike.
pub(super) struct Question {
    pub(super) query: Query,
    /// [`Query::split_by_service`]: of the filter of audit records, other fields decide for one service alone.
    pub(super) by_service: Option<(Query, Query)>,
    pub(super) groupings: Vec<Grouping>,
    hash: u64,
    bytes: usize,
}

impl Question {
    pub(super) fn new(aggregation: &Aggregation, hasher: &RandomState) -> Self {
        let Aggregation { query, groupings, .. } = aggregation;
        let text = query.to_string();
        let grouped: Vec<String> = groupings.iter().map(|grouping| format!("{:?}", grouping.keys)).collect();
        Self {
            query: query.clone(),
            by_service: query.split_by_service(),
            groupings: groupings.clone(),
            hash: hasher.hash_one((&text, &grouped)),
            bytes: 8 * text.len() + grouped.iter().map(String::len).sum::<usize>(),
        }
    }

    /// About its bytes in memory.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

impl PartialEq for Question {
    /// Compares expressions, not their text: a query that the parser did not make may have the text of another.
    fn eq(&self, other: &Self) -> bool {
        let is_alike =
            |(one, other): (&Grouping, &Grouping)| one.keys == other.keys && measures_time(one) == measures_time(other);
        self.hash == other.hash
            && self.groupings.len() == other.groupings.len()
            && self.groupings.iter().zip(&other.groupings).all(is_alike)
            && self.query == other.query
    }
}

/// No number of a query is NaN.
impl Eq for Question {}

impl Hash for Question {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

/// One tally per grouping, for one unit of work.
pub(super) struct Tallies<'q>(Vec<Tally<'q>>);

impl<'q> Tallies<'q> {
    pub(super) fn new(question: &'q Question, totals: &'q Totals) -> Self {
        let groupings = question.groupings.iter().enumerate();
        Self(groupings.map(|(place, grouping)| Tally::new(grouping, place, totals)).collect())
    }

    /// The columns of a part that they read.
    pub(super) fn columns(&self, layout: &Columns) -> Vec<usize> {
        let mut columns: Vec<usize> = self.0.iter().flat_map(|tally| tally.columns(layout)).collect();
        columns.sort_unstable();
        columns.dedup();
        columns
    }

    /// Whether the services and level classes of the matching rows of a row group suffice.
    pub(super) fn is_by_service_and_class(&self, group: &Group) -> bool {
        self.0.iter().all(|tally| tally.is_by_service_and_class(group))
    }

    /// Adds rows of such a row group.
    pub(super) fn add_total(&mut self, group: &Group, service: &str, class: LevelClass, rows: u64) {
        self.0.iter_mut().for_each(|tally| tally.add_total(group, service, class, rows));
    }

    pub(super) fn add_rows(&mut self, rows: Rows<'_>) -> Result<()> {
        self.0.iter_mut().try_for_each(|tally| tally.add_rows(rows))
    }

    /// A copy of the groups of the unit; `None` if they are too many to keep.
    pub(super) fn kept(&mut self) -> Option<Kept> {
        let groups: Vec<_> = self.0.iter_mut().map(Tally::finish).collect::<Option<_>>()?;
        Kept::of(groups.into_iter())
    }

    /// Ends the unit: adds its groups to the totals.
    pub(super) fn finish(self) {
        self.0.into_iter().for_each(Tally::add_to_totals);
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
    fn questions_are_equal_if_they_count_alike() {
        let hasher = RandomState::default();
        let question = |query: &str, keys: &[Field], measures: &[Measure], limit| {
            let keys = keys.iter().cloned().map(Key::Field).collect();
            let groupings = vec![Grouping { keys, measures: measures.to_vec(), limit }];
            let query = Query::parse(query).unwrap();
            Question::new(&Aggregation { query, range: TimeRange::ALL, groupings }, &hasher)
        };
        let hash = |question: &Question| hasher.hash_one(question);
        let (count, both) = (&[Measure::Count][..], &[Measure::Count, Measure::NewestTime][..]);
        let one = question("level:error /a+/ x:/b+/", &[Field::Service], count, 10);
        // A pattern that is compiled already, and more groups to answer.
        let other = question("level:error /a+/ x:/b+/", &[Field::Service], count, 20);
        other.query.compile().unwrap();
        assert!(one == other && hash(&one) == hash(&other));
        for different in [
            question("level:error /a+/ x:/c+/", &[Field::Service], count, 10),
            question("level:error /a+/ x:/b+/", &[Field::Node], count, 10),
            question("level:error /a+/ x:/b+/", &[Field::Service], both, 10),
            question("level:error /a+/ x:/b+/", &[], count, 10),
        ] {
            assert!(one != different);
        }
    }

    #[test]
    fn two_queries_with_one_text_are_two_questions() {
        use model::query::{Expr, Test};

        let hasher = RandomState::default();
        let question = |expr| {
            let aggregation = Aggregation::counting(Query { expr }, TimeRange::ALL, Vec::new(), 1);
            Question::new(&aggregation, &hasher)
        };
        // Not one of the parser's.
        let nobody = question(Expr::Field(Field::Service, Test::AnyOf(Vec::new())));
        let word = question(Expr::Contains("service".to_owned()));
        assert!(nobody != word);
    }
}
