//! The page Access: the parameters of its URL, and the lists for an admin.

use access::{Access, DOORS, Principal};
use app::backend::{AccessAction, AccessDone, AccessLists};
use pipeline::Result;

/// The most characters of a text in the page's URL.
const TEXT: usize = 500;

/// Reads people, keys, networks and sessions. `principal` is the admin who looks.
pub(super) async fn lists(access: &Access, principal: &Principal, parameters: &str) -> Result<AccessLists> {
    let (done, error) = outcome(parameters);
    let mut sessions = access.sessions().list().await?;
    for session in &mut sessions {
        session.current = principal.session() == Some(session.id.as_str());
    }
    Ok(AccessLists {
        user: principal.user().map(str::to_owned),
        people: access.users().list().await?,
        keys: access.keys().list().await?,
        sessions,
        networks: access.networks().get().await?,
        doors: DOORS.to_vec(),
        done,
        error,
    })
}

/// What the last form has done, or why it was refused.
fn outcome(parameters: &str) -> (Option<AccessDone>, Option<String>) {
    let (mut action, mut name, mut error) = (None, String::new(), None);
    for (key, value) in url::form_urlencoded::parse(parameters.trim_start_matches('?').as_bytes()) {
        let text = || value.chars().take(TEXT).collect::<String>();
        match &*key {
            "done" => action = AccessAction::read(&value),
            "name" => name = text(),
            "error" => error = Some(text()),
            _ => {}
        }
    }
    (action.map(|action| AccessDone { action, name }), error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_the_page_has_the_outcome() {
        let (done, error) = outcome("?done=key-revoked&name=lb_ab12cd34&x=y");
        assert_eq!(done, Some(AccessDone { action: AccessAction::KeyRevoked, name: "lb_ab12cd34".to_owned() }));
        assert_eq!(error, None);
        assert_eq!(outcome(""), (None, None));
        assert_eq!(outcome("done=anything&name=kim"), (None, None));
        let (done, error) = outcome(&format!("?error={}", "x".repeat(2_000)));
        assert_eq!((done, error.map(|error| error.len())), (None, Some(TEXT)));
    }
}
