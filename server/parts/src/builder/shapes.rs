//! Finds the place of an attribute by the one before it.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::schema::Kind;

/// Numbers the keys of attributes, with their types, in the order of their first values.
///
/// The attributes of a record are sorted by key, so those of one kind of record come in the same order again. Mostly
/// one comparison with the key that followed last time replaces a look-up.
pub(super) struct Shapes<'a> {
    keys: Vec<(&'a str, Kind)>,
    /// The place that followed last time: at index 0 the first of a record, at `place + 1` the one after `place`.
    followers: Vec<usize>,
    known: HashMap<(&'a str, Kind), usize, RandomState>,
}

impl<'a> Shapes<'a> {
    pub(super) fn new() -> Self {
        Self { keys: Vec::new(), followers: vec![0], known: HashMap::default() }
    }

    /// The place of an attribute; `before` is the place of the record's attribute before it.
    pub(super) fn place(&mut self, before: Option<usize>, key: &'a str, kind: Kind) -> usize {
        let follower = before.map_or(0, |place| place + 1);
        let guess = self.followers[follower];
        if self.keys.get(guess) == Some(&(key, kind)) {
            return guess;
        }
        let next = self.keys.len();
        let place = *self.known.entry((key, kind)).or_insert(next);
        if place == next {
            self.keys.push((key, kind));
            self.followers.push(usize::MAX);
        }
        self.followers[follower] = place;
        place
    }

    /// The place of an attribute that had a value.
    pub(super) fn known(&self, key: &str, kind: Kind) -> Option<usize> {
        self.known.get(&(key, kind)).copied()
    }

    /// The keys by place.
    pub(super) fn keys(&self) -> &[(&'a str, Kind)] {
        &self.keys
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_stay_whatever_order_the_records_have() {
        let mut shapes = Shapes::new();
        let records = [
            &[("a", Kind::Int), ("b", Kind::Text), ("c", Kind::Text)][..],
            &[("a", Kind::Int), ("c", Kind::Text)],
            &[],
            &[("b", Kind::Text)],
            &[("a", Kind::Text), ("b", Kind::Text), ("c", Kind::Text)],
            &[("a", Kind::Int), ("b", Kind::Text), ("c", Kind::Text)],
        ];
        let mut places = Vec::new();
        for record in records {
            let mut before = None;
            for (key, kind) in record {
                let place = shapes.place(before, key, *kind);
                places.push(place);
                before = Some(place);
            }
        }
        assert_eq!(places, [0, 1, 2, 0, 2, 1, 3, 1, 2, 0, 1, 2]);
        assert_eq!(shapes.keys(), [("a", Kind::Int), ("b", Kind::Text), ("c", Kind::Text), ("a", Kind::Text)]);
        assert_eq!((shapes.known("a", Kind::Text), shapes.known("b", Kind::Int)), (Some(3), None));
    }
}
