//! Texts by number, for keys of dictionaries.

use std::{collections::HashMap, sync::Arc};

use arrow_array::{Array as _, StringArray, builder::StringBuilder};
use foldhash::fast::RandomState;

/// The number of texts from which a dictionary is begun anew. More than those of a column that repeats within a row
/// group; a column that changes its texts over time does not keep them all.
pub(super) const MOST_TEXTS: usize = 16_384;
/// The bytes of texts from which a dictionary is begun anew: half of one that the writer gives up.
pub(super) const MOST_BYTES: usize = 512 << 10;

/// Texts, numbered in the order in which they come.
#[derive(Default)]
pub(super) struct NumberedTexts {
    known: HashMap<Box<str>, i32, RandomState>,
    texts: StringBuilder,
    /// [`Self::texts`] as far as they were last asked for.
    array: Option<Arc<StringArray>>,
}

impl NumberedTexts {
    /// The number of a text.
    pub(super) fn number(&mut self, text: &str) -> i32 {
        if let Some(known) = self.known.get(text) {
            return *known;
        }
        let next = self.known.len() as i32;
        self.known.insert(text.into(), next);
        self.texts.append_value(text);
        next
    }

    /// All texts by number. Copied only if there are new ones.
    pub(super) fn array(&mut self) -> Arc<StringArray> {
        match &self.array {
            Some(array) if array.len() == self.known.len() => array.clone(),
            _ => self.array.insert(Arc::new(self.texts.finish_cloned())).clone(),
        }
    }

    /// Whether they are so many that they should be forgotten, as soon as no number of them is in use.
    pub(super) fn are_many(&self) -> bool {
        self.known.len() > MOST_TEXTS || self.bytes() > MOST_BYTES
    }

    pub(super) fn bytes(&self) -> usize {
        self.texts.values_slice().len()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }
}
