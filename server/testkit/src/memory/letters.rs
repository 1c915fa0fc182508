//! Dead letters of the reference store, without limits.

use pipeline::{DeadLetter, DeadLetterHead, DeadLetterRequest, DeadLettersStatus};

/// The requested page; `letters` are sorted oldest first.
pub(super) fn page(letters: &[DeadLetter], request: &DeadLetterRequest) -> Vec<DeadLetterHead> {
    let filter = &request.filter;
    let contains = |text: &str, part: &Option<String>| {
        part.as_ref().is_none_or(|part| text.to_ascii_lowercase().contains(&part.to_ascii_lowercase()))
    };
    let passes = |dead: &&DeadLetter| {
        request.before.is_none_or(|before| dead.id < before)
            && filter.upto.is_none_or(|upto| dead.id <= upto)
            && filter.range.contains(dead.time)
            && contains(&dead.letter.reason, &filter.reason)
            && contains(&dead.letter.producer, &filter.producer)
            && filter.service.as_ref().is_none_or(|service| dead.letter.services().contains(service))
    };
    letters.iter().rev().filter(passes).take(request.limit).map(head).collect()
}

fn head(dead: &DeadLetter) -> DeadLetterHead {
    let letter = &dead.letter;
    DeadLetterHead {
        id: dead.id,
        time: dead.time,
        reason: letter.reason.clone(),
        producer: letter.producer.clone(),
        batch_id: letter.batch_id,
        records: letter.records,
        bytes: letter.payload.len() as u64,
        services: letter.services(),
    }
}

pub(super) fn status(letters: &[DeadLetter]) -> DeadLettersStatus {
    DeadLettersStatus {
        letters: letters.len() as u64,
        bytes: letters.iter().map(|dead| dead.letter.weight()).sum(),
        ..DeadLettersStatus::default()
    }
}
