//! The window and the order of a search.

use std::ops::Range;

use arrow_array::{BooleanArray, RecordBatch, types::Int64Type};
use arrow_buffer::BooleanBuffer;
use model::RecordId;
use parts::{
    columns,
    ranges::common,
    reader::{Footer, Group},
    reading::Condition,
    schema::{self, Columns},
};
use pipeline::TimeRange;

/// The order of the results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// By time, then by position, both descending: the order within parts.
    Newest,
    /// By time, then by position, both ascending.
    Oldest,
    /// By position, ascending.
    Position,
}

/// The sort key of a record in an order; smaller keys come first.
pub(super) type Key = (i64, i64);

impl Order {
    pub(crate) fn key(self, time: i64, position: i64) -> Key {
        match self {
            // The complement reverses the order and, unlike negation, cannot overflow.
            Self::Newest => (!time, !position),
            Self::Oldest => (time, position),
            Self::Position => (position, 0),
        }
    }

    /// The first half of the smallest key of any record within these bounds.
    pub(super) fn bound(self, time: (i64, i64), position: (i64, i64)) -> i64 {
        match self {
            Self::Newest => !time.1,
            Self::Oldest => time.0,
            Self::Position => position.0,
        }
    }
}

/// The conditions on records besides the query.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    pub(crate) time: TimeRange,
    /// Only positions after this one.
    pub(crate) after: i64,
    /// Only positions up to this one.
    pub(crate) upto: i64,
    /// Only records after this time and position in the order.
    pub(crate) beyond: Option<(i64, i64)>,
    /// Only row groups that may contain this id; the query must also test for it.
    pub(crate) id: Option<RecordId>,
}

impl Window {
    pub(crate) const ALL: Self = Self { time: TimeRange::ALL, after: i64::MIN, upto: i64::MAX, beyond: None, id: None };

    pub(crate) fn of_time(time: TimeRange) -> Self {
        Self { time, ..Self::ALL }
    }

    pub(super) fn contains(&self, order: Order, time: i64, position: i64) -> bool {
        let beyond = self.beyond.is_none_or(|(last_time, last)| order.key(time, position) > order.key(last_time, last));
        self.time.contains(time) && self.after < position && position <= self.upto && beyond
    }

    /// Whether records within these bounds can be in the window.
    pub(crate) fn meets(&self, time: (i64, i64), position: (i64, i64)) -> bool {
        let timely = time.0 < self.time.to && time.1 >= self.time.from;
        timely && position.1 > self.after && position.0 <= self.upto
    }

    /// Whether all records within these bounds are in the window.
    pub(crate) fn covers(&self, time: (i64, i64), position: (i64, i64)) -> bool {
        let timely = time.0 >= self.time.from && time.1 < self.time.to;
        timely && position.0 > self.after && position.1 <= self.upto && self.beyond.is_none()
    }

    /// The rows of a row group in pages that may overlap the window.
    pub(crate) fn rows(&self, footer: &Footer, place: usize) -> Vec<Range<usize>> {
        let Some(group) = footer.groups.get(place) else { return Vec::new() };
        let pages = |column, wanted: &dyn Fn((i64, i64)) -> bool| {
            footer.rows_of_pages(place, footer.columns.place(column), wanted)
        };
        let timely = pages(schema::TIME, &|time| self.meets(time, group.position));
        common(&timely, &pages(schema::POSITION, &|position| self.meets(group.time, position)))
    }

    /// The window as a condition on the rows of a row group; `None` if all are inside.
    pub(crate) fn condition(&self, order: Order, group: &Group, layout: &Columns) -> Option<Condition> {
        if self.covers(group.time, group.position) {
            return None;
        }
        let window = *self;
        let test = move |batch: &RecordBatch| {
            let times = columns::times(batch, schema::TIME)?;
            let positions = columns::numbers::<Int64Type>(batch, schema::POSITION)?.values();
            let inside = |row: usize| window.contains(order, times[row], positions[row]);
            Ok(BooleanArray::new(BooleanBuffer::collect_bool(batch.num_rows(), inside), None))
        };
        let columns = vec![layout.place(schema::TIME), layout.place(schema::POSITION)];
        Some(Condition { columns, test: Box::new(test) })
    }
}
