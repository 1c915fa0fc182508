//! `/login`, `/logout` and `/setup`: how people come in, by plain forms that work without JavaScript.
//!
//! A form answers with a redirect: to the page that the user wanted, or back to its own page with the reason. `callers`
//! has refused forms of other sites before. A GET changes nothing.

use access::{NewUser, ReadTerms, RefusalClass, Role, Secret, State};
use app::pages::{LoginFailure, LoginPage, SetupFailure, SetupPage, Visit, login_page, setup_page};
use axum::{
    extract::{DefaultBodyLimit, RawQuery, State as Group},
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse as _, Response},
};
use pipeline::ErrorClass;

use super::form::{FORM_BYTES, Fields, Visitor, see_other, shortened, url_of};
use crate::{
    gate::{Routes, cookie},
    state::EntranceState,
};

/// How long a browser keeps the cookie, in seconds: 30 days, the life of a session.
const COOKIE_SECONDS: u64 = access::SESSION_LIFE.as_secs();
/// The limit of the address to go to after the log-in, in bytes.
const NEXT_BYTES: usize = 2_000;
/// Where a user goes who wanted no other page.
const HOME: &str = "/";

pub(super) fn routes() -> Routes<EntranceState> {
    use access::Need::Nothing;
    Routes::new()
        .get("/login", Nothing, show_login)
        .post("/login", Nothing, log_in)
        .post("/logout", Nothing, log_out)
        .get("/setup", Nothing, show_setup)
        .post("/setup", Nothing, set_up)
        .layer(DefaultBodyLimit::max(FORM_BYTES))
}

/// The parameters of a page's URL, decoded.
struct Parameters(Vec<(String, String)>);

impl Parameters {
    fn of(query: &str) -> Self {
        Self(url::form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }
}

async fn show_login(
    Group(state): Group<EntranceState>,
    visitor: Visitor,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let query = query.unwrap_or_default();
    let parameters = Parameters::of(&query);
    let next = local_path(parameters.get("next")).unwrap_or(HOME);
    match state.access.state() {
        State::Open => return see_other(next),
        State::Closed => return see_other("/setup"),
        State::Guarded => {}
    }
    let failure = match parameters.get("error") {
        "wrong" => Some(LoginFailure::Wrong),
        "slow" => Some(LoginFailure::Slow { seconds: parameters.get("wait").parse().unwrap_or(1) }),
        "unavailable" => Some(LoginFailure::Unavailable),
        _ => None,
    };
    let visit = Visit { headers: &headers, query: &query, site: &state.site };
    login_page(&visit, &LoginPage { next, failure, user: visitor.principal.user() }).into_response()
}

async fn log_in(Group(state): Group<EntranceState>, visitor: Visitor, form: Fields) -> Response {
    let next = local_path(form.get("next")).unwrap_or(HOME);
    match state.access.state() {
        State::Open => return see_other(next),
        State::Closed => return see_other("/setup"),
        State::Guarded => {}
    }
    let name = form.get("name").trim();
    begin(&state, &visitor, name, form.get("password"), next).await
}

/// Checks the password, and begins a session. It is always a new one, so a cookie that somebody has planted before is
/// worth nothing. The session of the cookie that came along ends.
async fn begin(state: &EntranceState, visitor: &Visitor, name: &str, password: &str, next: &str) -> Response {
    let failed = |parameters: &[(&str, &str)]| {
        let parameters = [parameters, &[("next", next)]].concat();
        see_other(&url_of("/login", &parameters))
    };
    let user = match state.access.users().log_in(name, password, visitor.slowed).await {
        Ok(user) => user,
        Err(refusal) if refusal.class == RefusalClass::TooMany => {
            let wait = refusal.retry_after.unwrap_or_default().as_millis().div_ceil(1_000).max(1);
            return failed(&[("error", "slow"), ("wait", &wait.to_string())]);
        }
        Err(_) => return failed(&[("error", "wrong")]),
    };
    let token = match state.access.sessions().begin(&user, visitor.address, &visitor.agent).await {
        Ok(token) => token,
        Err(error) => {
            tracing::warn!(user = user.name(), %error, "a session could not begin");
            return failed(&[("error", "unavailable")]);
        }
    };
    end(state, visitor).await;
    let mut response = see_other(next);
    set_cookie(&mut response, visitor.is_secure, &token, COOKIE_SECONDS);
    response
}

/// Ends the session of the call, if any.
async fn end(state: &EntranceState, visitor: &Visitor) {
    let Some(session) = visitor.principal.session() else { return };
    match state.access.sessions().end(session).await {
        Ok(()) => {}
        // It has ended meanwhile.
        Err(error) if error.class == ErrorClass::NotFound => {}
        Err(error) => tracing::warn!(session, %error, "a session could not be ended"),
    }
}

async fn log_out(Group(state): Group<EntranceState>, visitor: Visitor) -> Response {
    end(&state, &visitor).await;
    let mut response = see_other("/login");
    for is_secure in [false, true] {
        // A browser without encryption ignores the second one, and has none of that name.
        set_cookie(&mut response, is_secure, "", 0);
    }
    response
}

async fn show_setup(Group(state): Group<EntranceState>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    if state.access.state() != State::Closed {
        return see_other("/login");
    }
    let query = query.unwrap_or_default();
    let parameters = Parameters::of(&query);
    let failure = match parameters.get("error") {
        "" => None,
        "repeat" => Some(SetupFailure::NotRepeated),
        "unavailable" => Some(SetupFailure::Unavailable),
        _ => Some(SetupFailure::Refused(shortened(parameters.get("reason")))),
    };
    let page = SetupPage { failure, name: parameters.get("name").to_owned() };
    setup_page(&Visit { headers: &headers, query: &query, site: &state.site }, &page).into_response()
}

async fn set_up(Group(state): Group<EntranceState>, visitor: Visitor, form: Fields) -> Response {
    if state.access.state() != State::Closed {
        return see_other("/login");
    }
    let name = form.get("name").trim();
    let failed = |parameters: &[(&str, &str)]| {
        let parameters = [parameters, &[("name", name)]].concat();
        see_other(&url_of("/setup", &parameters))
    };
    let password = form.get("password");
    if password != form.get("repeat") {
        return failed(&[("error", "repeat")]);
    }
    let admin = NewUser {
        name: name.to_owned(),
        password: Secret(password.to_owned()),
        role: Role::Admin,
        read: ReadTerms::default(),
    };
    match state.access.setup().finish(form.get("token").trim(), admin).await {
        Ok(()) => begin(&state, &visitor, name, password, HOME).await,
        Err(error) if matches!(error.class, ErrorClass::Invalid | ErrorClass::Conflict) => {
            failed(&[("error", "refused"), ("reason", &shortened(&error.message))])
        }
        Err(error) => {
            tracing::warn!(%error, "the set-up could not be finished");
            failed(&[("error", "unavailable")])
        }
    }
}

/// The address, if it is one of this server: a path. A browser reads `//host` and `/\host` as another host.
fn local_path(next: &str) -> Option<&str> {
    let is_path = next.starts_with('/') && !next.starts_with("//");
    let is_plain = next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    (is_path && is_plain && next.len() <= NEXT_BYTES).then_some(next)
}

fn set_cookie(response: &mut Response, is_secure: bool, token: &str, seconds: u64) {
    let (name, secure) = if is_secure { (cookie::SECURE, "; Secure") } else { (cookie::PLAIN, "") };
    let cookie = format!("{name}={token}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
    match HeaderValue::from_str(&cookie) {
        Ok(value) => {
            response.headers_mut().append(header::SET_COOKIE, value);
        }
        Err(error) => tracing::error!(%error, "a session's token is no value of a cookie"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_path_of_this_server_is_followed() {
        for next in ["/", "/system/access", "/?q=level%3Aerror&range=1h", "/view/a%2Fb"] {
            assert_eq!(local_path(next), Some(next), "{next}");
        }
        let long = format!("/{}", "a".repeat(NEXT_BYTES));
        for next in [
            "",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "javascript:alert(1)",
            "/a\r\nb",
            "/a b",
            &long,
        ] {
            assert_eq!(local_path(next), None, "{next}");
        }
    }

    #[test]
    fn the_cookie_is_for_this_site_alone_and_out_of_reach_of_scripts() {
        let cookie = |is_secure| {
            let mut response = see_other(HOME);
            set_cookie(&mut response, is_secure, "token", COOKIE_SECONDS);
            response.headers()[header::SET_COOKIE].to_str().unwrap().to_owned()
        };
        assert_eq!(cookie(false), "logboom=token; Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax");
        assert_eq!(cookie(true), "__Host-logboom=token; Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax; Secure");
    }
}
