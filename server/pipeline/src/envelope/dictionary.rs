//! The dictionary of a batch: each word once.

use std::collections::HashMap;

use foldhash::fast::RandomState;

/// Numbers distinct words in order of appearance. The hash is seeded, because the words come from clients.
#[derive(Default)]
pub(super) struct Dictionary<'a> {
    numbers: HashMap<&'a str, u32, RandomState>,
    words: Vec<&'a str>,
}

impl<'a> Dictionary<'a> {
    /// The number of `word`. `guess` is tried first: records are similar, so the same position mostly has the same
    /// word.
    pub(super) fn number(&mut self, word: &'a str, guess: u32) -> u32 {
        if self.words.get(guess as usize).is_some_and(|guessed| *guessed == word) {
            return guess;
        }
        let next = self.words.len() as u32;
        let words = &mut self.words;
        *self.numbers.entry(word).or_insert_with(|| {
            words.push(word);
            next
        })
    }

    pub(super) fn into_words(self) -> Vec<String> {
        self.words.into_iter().map(str::to_owned).collect()
    }
}
