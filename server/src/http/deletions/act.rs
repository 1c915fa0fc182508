//! The actions of the API and of the forms, with the rights that they need.

use std::sync::Arc;

use access::Principal;
use model::{
    Position,
    deletion::{DeletionPreviewView, DeletionView},
    time::format_rfc3339,
};
use pipeline::{
    Error, Result,
    deletion::{Deletion, Ended, Request},
};
use reading::{DefaultRange, RangeText, need_whole_sight, open_ends, parse_query};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    audit::{self, Action, Audit, Source},
    state::DeletionsState,
};

/// What the sights of callers are checked for.
pub(super) const WHAT: &str = "deletions";

/// The records to delete.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Selection {
    /// The records, such as `user.id:4711`. Audit records are left out.
    #[schema(max_length = 4096, example = "user.id:4711")]
    pub(super) query: String,
    /// The first time of the records: RFC 3339, epoch milliseconds, or relative to now, such as `-7d`. Without it, all
    /// before `to`.
    pub(super) from: Option<String>,
    /// The end, exclusive, in the same forms. Without it, all after `from`.
    pub(super) to: Option<String>,
    /// Confirms a query that matches every record.
    #[serde(default)]
    pub(super) all: bool,
}

/// A deletion to start, after its preview.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewDeletion {
    /// As in the preview.
    #[schema(max_length = 4096, example = "user.id:4711")]
    pub(super) query: String,
    /// As in the answer of the preview.
    pub(super) from: Option<String>,
    /// As in the answer of the preview.
    pub(super) to: Option<String>,
    /// Confirms a query that matches every record.
    #[serde(default)]
    pub(super) all: bool,
    /// The position of the preview: records that arrived later stay.
    #[schema(example = "184467")]
    pub(super) position: String,
    /// The number of records of the preview. If more match, the deletion fails before it removes any.
    #[schema(example = 17)]
    pub(super) records: u64,
    /// Whether the records are also removed from the archive.
    #[serde(default)]
    pub(super) archives: bool,
    /// Why, for people.
    #[serde(default)]
    #[schema(max_length = 500, example = "request 2026-118 of a customer")]
    pub(super) reason: String,
}

/// A deletion for the API and the page System.
pub(crate) fn deletion_view(deletion: Deletion) -> DeletionView {
    let (fraction, (from, to)) = (deletion.fraction(), open_ends(deletion.range()));
    DeletionView {
        id: deletion.id,
        state: deletion.state.name().to_owned(),
        query: deletion.query,
        from,
        to,
        archives: deletion.archives,
        reason: deletion.reason,
        by: deletion.by,
        confirmed: deletion.confirmed,
        total: deletion.total,
        removed: deletion.removed,
        archived: deletion.archived,
        fraction,
        started: format_rfc3339(deletion.started),
        ended: deletion.ended.map(format_rfc3339),
        error: deletion.error,
    }
}

/// Previews a deletion.
///
/// # Errors
/// As `Reader::preview_deletion`.
pub(super) async fn try_out(
    state: &DeletionsState,
    principal: &Principal,
    selection: &Selection,
) -> Result<DeletionPreviewView> {
    let range = RangeText { from: selection.from.as_deref(), to: selection.to.as_deref() };
    let reader = state.reader.seen_by(principal.sight());
    let preview = reader.preview_deletion(&selection.query, selection.all, range).await?;
    Ok(DeletionPreviewView { has_archive: state.deletions.has_archive(), ..preview })
}

/// Starts a deletion.
///
/// # Errors
/// `Forbidden` for a limited sight. As `Deletions::add`.
pub(super) async fn begin(
    state: &DeletionsState,
    principal: &Principal,
    source: Source,
    deletion: NewDeletion,
) -> Result<Deletion> {
    need_whole_sight(principal.sight(), WHAT)?;
    let NewDeletion { query, from, to, all, position, records, archives, reason } = deletion;
    // A regular expression may take too much.
    parse_query(Some(&query)).await?;
    let range = state.reader.range(RangeText { from: from.as_deref(), to: to.as_deref() }, DefaultRange::All)?;
    let upto = position.trim().parse::<i64>().map(Position).map_err(|_| {
        Error::invalid(format!("position is {position:?}, which is no position; use that of the preview"))
    })?;
    if i64::try_from(records).is_err() {
        return Err(Error::invalid(format!("records is {records}; at most {} can be there", i64::MAX)));
    }
    let by = principal.name().to_owned();
    let request = Request { query, all, range, upto, confirmed: records, archives, reason, by };
    let deletion = state.deletions.add(request).await?;
    audit::note(&state.audit, principal, source, Action::DeletionStarted, target(&deletion));
    Ok(deletion)
}

/// Cancels a deletion.
///
/// # Errors
/// `Forbidden` for a limited sight. As `Deletions::cancel`.
pub(super) async fn end(state: &DeletionsState, principal: &Principal, source: Source, id: &str) -> Result<Deletion> {
    need_whole_sight(principal.sight(), WHAT)?;
    let deletion = state.deletions.cancel(id).await?;
    audit::note(&state.audit, principal, source, Action::DeletionCancelled, target(&deletion));
    Ok(deletion)
}

/// Notes in the audit that a deletion has ended, on the node that ran it.
pub(crate) fn noted(audit: Audit) -> Ended {
    Arc::new(move |deletion| {
        let Deletion { state, removed, archived, .. } = deletion;
        let outcome = format!("{}, {removed} removed from the store, {archived} from the archive", state.name());
        let target = format!("{}: {outcome}", target(deletion));
        audit::note_job(&audit, &deletion.by, Action::DeletionDone, target);
    })
}

/// A deletion in the audit.
fn target(deletion: &Deletion) -> String {
    let Deletion { id, query, confirmed, .. } = deletion;
    let query = if query.is_empty() { "*" } else { query.as_str() };
    format!("{id} of {confirmed} records of {query}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_refused_that_has_not_seen_a_preview() {
        for body in [r#"{"query":"a"}"#, r#"{"query":"a","position":"1"}"#, r#"{"query":"a","records":1}"#] {
            assert!(serde_json::from_str::<NewDeletion>(body).is_err(), "{body}");
        }
        let whole: NewDeletion = serde_json::from_str(r#"{"query":"a","position":"1","records":2}"#).unwrap();
        assert_eq!((whole.records, whole.archives, whole.all), (2, false, false));
    }
}
