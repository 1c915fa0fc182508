//! Records that a sink refused, as dead letters.

use model::StoredRecord;

use super::Outgoing;
use crate::{Batch, DeadLetters, NewDeadLetter, Result, envelope};

/// The letters written by one call.
const LETTERS: usize = 100;
/// The start of [`NewDeadLetter::producer`].
const PRODUCER: &str = "sink ";

/// Whether a dead letter with this producer was written by a sink. Its records are in the store.
pub fn is_of_sink(producer: &str) -> bool {
    producer.starts_with(PRODUCER)
}

/// Writes the refused records, with the reasons.
pub(crate) async fn dead_letters(
    store: &(impl DeadLetters + ?Sized),
    sink: &str,
    refused: &[(StoredRecord, String)],
) -> Result<()> {
    for some in refused.chunk_by(continues).collect::<Vec<_>>().chunks(LETTERS) {
        let letters: Vec<NewDeadLetter> = some.iter().filter_map(|run| letter(sink, run)).collect();
        store.put_dead_letters(&letters).await?;
    }
    Ok(())
}

/// Whether both records fit one batch, and were refused for the same reason.
fn continues((one, reason): &(StoredRecord, String), (next, other): &(StoredRecord, String)) -> bool {
    let (one, next) = (&one.record, &next.record);
    reason == other && one.id.nth(1) == next.id && one.observed_time == next.observed_time
}

fn letter(sink: &str, run: &[(StoredRecord, String)]) -> Option<NewDeadLetter> {
    let (first, reason) = run.first()?;
    let producer = format!("{PRODUCER}{sink}");
    let batch = Batch {
        id: Outgoing::new(sink, run.iter().map(|(stored, _)| stored.clone()).collect()).id,
        client_id: false,
        producer: producer.as_str().into(),
        observed_time: first.record.observed_time,
        records: run.iter().map(|(stored, _)| stored.record.clone()).collect(),
    };
    Some(NewDeadLetter {
        reason: reason.clone(),
        producer,
        batch_id: Some(batch.id),
        records: u32::try_from(run.len()).unwrap_or(u32::MAX),
        payload: envelope::encode(&batch),
    })
}
