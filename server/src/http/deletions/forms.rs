//! The targets of the forms of the page System and of the preview. The preview is a page, because the address of a redirect
//! would contain the query, and addresses are logged.

use access::{Need, Principal};
use app::pages::{DeletionTrial, Visit, deletion_page};
use axum::{
    Extension,
    extract::{DefaultBodyLimit, State},
    http::HeaderMap,
    response::{IntoResponse as _, Response},
};
use pipeline::{Error, ErrorClass, Result, deletion::Deletion};

use super::act::{NewDeletion, Selection, begin, end, try_out};
use crate::{
    audit::Source,
    gate::Routes,
    http::{
        form::{FORM_BYTES, Fields, see_other, shortened, url_of},
        problem::Problem,
    },
    state::DeletionsState,
};

/// Where the section of the page System is.
const SECTION: &str = "/system#deletions";

/// Outside the API: the target of forms.
pub(crate) fn forms() -> Routes<DeletionsState> {
    Routes::new().post("/system/deletions", Need::Admin, handle_form).layer(DefaultBodyLimit::max(FORM_BYTES))
}

async fn handle_form(
    State(state): State<DeletionsState>,
    Extension(principal): Extension<Principal>,
    source: Source,
    headers: HeaderMap,
    form: Fields,
) -> Response {
    let selection = Selection {
        query: form.get("query").trim().to_owned(),
        from: form.trimmed("from").map(str::to_owned),
        to: form.trimmed("to").map(str::to_owned),
        all: form.get("all") == "true",
    };
    let refused = match form.get("action") {
        "cancel" => match end(&state, &principal, source, form.get("id")).await {
            Ok(_) => return see_other(SECTION),
            Err(error) if is_fault(&error) => return Problem::from(error).into_response(),
            Err(error) => {
                let error = shortened(&error.message);
                return see_other(&format!("{}#deletions", url_of("/system", &[("deletion-error", &error)])));
            }
        },
        "start" => match start_form(&state, &principal, source, &selection, &form).await {
            Ok(_) => return see_other(SECTION),
            Err(error) if is_fault(&error) => return Problem::from(error).into_response(),
            Err(error) => Some(error.message),
        },
        _ => None,
    };
    let outcome = match try_out(&state, &principal, &selection).await {
        Err(error) if is_fault(&error) => return Problem::from(error).into_response(),
        outcome => outcome.map_err(|error| error.message),
    };
    let Selection { query, from, to, all } = selection;
    let (from, to) = (from.unwrap_or_default(), to.unwrap_or_default());
    let visit = Visit { headers: &headers, query: "", site: &state.site };
    deletion_page(&visit, &DeletionTrial { query, from, to, all, outcome, refused }).into_response()
}

fn is_fault(error: &Error) -> bool {
    matches!(error.class, ErrorClass::Corrupt | ErrorClass::Internal)
}

/// Starts the deletion that the form confirms by the number of its records.
async fn start_form(
    state: &DeletionsState,
    principal: &Principal,
    source: Source,
    selection: &Selection,
    form: &Fields,
) -> Result<Deletion> {
    let records = confirmed(form.get("typed"), form.get("records"))?;
    let deletion = NewDeletion {
        query: selection.query.clone(),
        from: selection.from.clone(),
        to: selection.to.clone(),
        all: selection.all,
        position: form.get("position").to_owned(),
        records,
        archives: form.get("archives") == "true",
        reason: form.get("reason").trim().to_owned(),
    };
    begin(state, principal, source, deletion).await
}

/// The number that a person has typed, if it is that of the preview. Separators of thousands are left out.
fn confirmed(typed: &str, records: &str) -> Result<u64> {
    let number = |text: &str| {
        let digits: String = text.chars().filter(|letter| !matches!(letter, ',' | '.' | ' ' | '\'' | '_')).collect();
        digits.parse::<u64>().ok()
    };
    match (number(typed), number(records)) {
        (Some(typed), Some(records)) if typed == records => Ok(records),
        _ => Err(Error::invalid(format!(
            "the number of records was not confirmed: {} is written, and {records} is the number; nothing was deleted",
            if typed.trim().is_empty() { "nothing" } else { typed }
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_confirms_by_the_number_of_records() {
        for (typed, records, is_confirmed) in [
            ("17", "17", true),
            (" 12,345 ", "12345", true),
            ("12.345", "12345", true),
            ("", "17", false),
            ("18", "17", false),
            ("yes", "17", false),
            ("", "", false),
            ("-17", "17", false),
        ] {
            let result = confirmed(typed, records);
            assert_eq!(result.is_ok(), is_confirmed, "{typed:?} {records:?}: {result:?}");
        }
    }
}
