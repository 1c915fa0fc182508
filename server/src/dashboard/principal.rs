//! The principal of the current request of the dashboard.

use access::{Need, Principal};
use app::backend::{AccessNote, BackendError, BackendErrorClass};

use crate::{
    audit::{Action, Audit, Source},
    gate::source_of_call,
};

/// Who has made the request, as the gate has decided. Without a decision: one that may nothing.
///
/// Works for pages and for server functions. Call it before the first await, because the context of the request may be
/// gone after it.
pub(super) fn principal() -> Principal {
    app::request_extension().unwrap_or_else(Principal::nobody)
}

/// From where the current request comes; as [`principal`].
pub(super) fn source() -> Source {
    app::request_head(source_of_call).unwrap_or_default()
}

/// Refuses a request whose principal may not do this.
pub(super) fn check(principal: &Principal, need: Need) -> Result<(), BackendError> {
    principal.may(need).map_err(|refusal| BackendError::new(BackendErrorClass::Forbidden, refusal.message))
}

/// As [`check`], and notes a refusal. `what` was asked for.
pub(super) fn check_noted(audit: &Audit, principal: &Principal, need: Need, what: &str) -> Result<(), BackendError> {
    if let Err(refusal) = principal.may(need) {
        audit.refused(principal, source(), Action::Refused, what, &refusal);
    }
    check(principal, need)
}

/// What the pages offer to the principal. `is_open` is whether everybody who reaches the server may do everything.
pub(super) fn note(principal: &Principal, is_open: bool) -> AccessNote {
    AccessNote {
        user: principal.label().map(str::to_owned),
        may_edit: principal.may(Need::Edit).is_ok(),
        may_admin: principal.may(Need::Admin).is_ok(),
        is_open,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_request_nothing_is_allowed() {
        let nobody = principal();
        for need in [Need::Read, Need::Edit, Need::Admin] {
            let error = check(&nobody, need).unwrap_err();
            assert_eq!(error.class, BackendErrorClass::Forbidden);
        }
        assert_eq!(note(&nobody, false), AccessNote::default());
        assert!(note(&Principal::everybody(), true).may_admin);
    }
}
