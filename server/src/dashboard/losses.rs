//! Missing records on the page System: the parameters of its URL, and a page of dead letters.

use app::backend::{Done, LettersPage};
use pipeline::{ErrorClass, Result};
use reading::{LetterFilter, LetterPage, Letters};

use crate::config::age_text;

/// The most characters of an error in the page's URL.
const FORM_ERROR: usize = 500;

/// The parameters of the page's URL.
pub(super) struct LossesParameters {
    pub(super) filter: LetterFilter,
    /// The id before which the page of letters begins.
    pub(super) before: Option<i64>,
    /// The result of the last form action.
    pub(super) done: Option<Done>,
    /// Why the last form of a replay was refused.
    pub(super) replay_error: Option<String>,
    /// Why the last form of a deletion was refused.
    pub(super) deletion_error: Option<String>,
}

impl LossesParameters {
    /// Parses a URL query. Unknown parameters are ignored.
    pub(super) fn read(parameters: &str) -> Self {
        let mut filter = LetterFilter::default();
        let (mut before, mut done, mut numbers) = (None, None, Vec::new());
        let (mut replay_error, mut deletion_error) = (None, None);
        let shortened = |error: &str| -> Option<String> { Some(error.chars().take(FORM_ERROR).collect()) };
        for (name, value) in url::form_urlencoded::parse(parameters.trim_start_matches('?').as_bytes()) {
            let text = || Some(value.clone().into_owned());
            match &*name {
                "reason" => filter.reason = text(),
                "door" => filter.door = text(),
                "service" => filter.service = text(),
                "from" => filter.from = text(),
                "to" => filter.to = text(),
                "before" => before = value.parse().ok(),
                "done" => done = text(),
                "replay-error" => replay_error = shortened(&value),
                "deletion-error" => deletion_error = shortened(&value),
                "number" => numbers.extend(value.parse::<u64>()),
                _ => {}
            }
        }
        let done = match (done.as_deref(), &numbers[..]) {
            (Some("replayed"), &[letters, records, failed]) => Some(Done::Replayed { letters, records, failed }),
            (Some("deleted"), &[letters]) => Some(Done::Deleted(letters)),
            (Some("given-up"), []) => Some(Done::GivenUp),
            (Some("nothing"), []) => Some(Done::Nothing),
            _ => None,
        };
        Self { filter, before, done, replay_error, deletion_error }
    }
}

/// The letters of the page. An invalid filter is reported on the page.
pub(super) async fn letters_page(letters: &Letters, filter: &LetterFilter, before: Option<i64>) -> Result<LettersPage> {
    let (status, bounds) = (letters.status(), letters.bounds());
    let page = LettersPage {
        filter: filter.fields(),
        count: status.letters,
        bytes: status.bytes,
        dropped: status.dropped,
        dropped_records: status.dropped_records,
        most_bytes: bounds.bytes,
        most_age: age_text(bounds.age),
        ..LettersPage::default()
    };
    match letters.page(filter, before).await {
        Ok(LetterPage { letters, next, newest }) => Ok(LettersPage { letters, next, newest, ..page }),
        Err(error) if error.class == ErrorClass::Invalid => Ok(LettersPage { error: Some(error.message), ..page }),
        Err(error) => Err(error),
    }
}
