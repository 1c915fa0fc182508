//! Aggregation (C13): matching rows become groups, and groups become tables.
//!
//! A [`Question`] is what an aggregation asks of each record, whatever the range. Its rows are counted unit by unit, each
//! with [`Tallies`] of its own, which end in the [`Totals`] of the aggregation. What a unit adds may be kept as [`Kept`]
//! and added again by another aggregation with the same question. [`counts`](super::counts) makes the units and runs them.

mod codes;
mod counters;
mod encode;
mod groups;
mod pending;
mod question;
mod tally;
mod totals;

use model::LevelClass;
use parts::{reader::Group, schema::Columns};
use pipeline::Result;

use self::tally::Tally;
pub(super) use self::{
    codes::Rows,
    question::{Name, Question},
    totals::{Kept, Totals},
};

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
