//! `/login`, `/logout` and `/setup`: how people come in, by plain forms that work without JavaScript.
//!
//! A form answers with a redirect: to the page that the user wanted, or back to its own page with the reason. `callers`
//! has refused forms of other sites before. A GET changes nothing.

use access::{
    NewUser, Principal, ReadTerms, Refusal, RefusalClass, Role, Secret, State, is_user_name, presented::local_path,
};
use app::{
    external::ExternalFailure,
    pages::{LoginFailure, LoginPage, SetupFailure, SetupPage, Visit, login_page, setup_page},
};
use axum::{
    extract::{DefaultBodyLimit, RawQuery, State as Group},
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse as _, Response},
};
use pipeline::ErrorClass;

use super::form::{FORM_BYTES, Fields, Visitor, list, see_other, shortened, url_of};
use crate::{
    audit::{self, Action},
    gate::Routes,
    oidc::Oidc,
    state::EntranceState,
};

/// How long a browser keeps the cookie, in seconds: 30 days, the life of a session.
const COOKIE_SECONDS: u64 = access::SESSION_LIFE.as_secs();
/// The choice of the set-up to let in networks without a key.
const NETWORKS: &str = "networks";
/// Where a user goes who wanted no other page.
pub(super) const HOME: &str = "/";

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
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    pub(super) fn of(query: &str) -> Self {
        Self(url::form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    pub(super) fn get(&self, name: &str) -> &str {
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
    let external = ExternalFailure::read(parameters.get("error"));
    match state.access.state() {
        // Without an admin, one can log in by a provider, and the attempt may have failed.
        _ if external.is_some() => {}
        State::Open => return see_other(next),
        State::Closed => return see_other("/setup"),
        State::Guarded => {}
    }
    let failure = match parameters.get("error") {
        "wrong" => Some(LoginFailure::Wrong),
        "slow" => Some(LoginFailure::Slow { seconds: parameters.get("wait").parse().unwrap_or(1) }),
        "unavailable" => Some(LoginFailure::Unavailable),
        _ => external.map(LoginFailure::External),
    };
    let visit = Visit { headers: &headers, query: &query, site: &state.site };
    let provider = state.oidc.as_ref().map(Oidc::name);
    login_page(&visit, &LoginPage { next, failure, user: visitor.principal.label(), provider }).into_response()
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
            note_refused(state, visitor, name, &refusal);
            return failed(&[("error", "slow"), ("wait", &seconds_of(&refusal))]);
        }
        Err(refusal) => {
            note_refused(state, visitor, name, &refusal);
            return failed(&[("error", "wrong")]);
        }
    };
    let token = match state.access.sessions().begin(&user, visitor.address, &visitor.agent).await {
        Ok(token) => token,
        Err(error) => {
            tracing::warn!(user = user.name(), %error, "a session could not begin");
            return failed(&[("error", "unavailable")]);
        }
    };
    end(state, visitor).await;
    audit::note_user(&state.audit, user.name(), visitor.source(), Action::LogIn, "");
    let mut response = see_other(next);
    set_cookie(&mut response, visitor, visitor.is_secure, &token, COOKIE_SECONDS);
    response
}

/// How long somebody has to wait, for the log-in page.
pub(super) fn seconds_of(refusal: &Refusal) -> String {
    refusal.retry_after.unwrap_or_default().as_millis().div_ceil(1_000).max(1).to_string()
}

/// Notes a failed log-in. What cannot be the name of a user is left out: it may be a password in the wrong field. The
/// waiting time changes with each attempt, and is left out so that attempts are counted together.
pub(super) fn note_refused(state: &EntranceState, visitor: &Visitor, name: &str, refusal: &Refusal) {
    let message = match refusal.class {
        RefusalClass::TooMany => "too many attempts, or the log-in could not be checked".to_owned(),
        _ => refusal.message.clone(),
    };
    let refusal = Refusal { message, ..refusal.clone() };
    let name = if is_user_name(name) { name } else { "" };
    state.audit.refused(&Principal::nobody(), visitor.source(), Action::LogIn, name, &refusal);
}

/// Ends the session of the call, if any.
pub(super) async fn end(state: &EntranceState, visitor: &Visitor) {
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
    if visitor.principal.session().is_some() {
        audit::note(&state.audit, &visitor.principal, visitor.source(), Action::LogOut, "");
    }
    let mut response = see_other("/login");
    for is_secure in [false, true] {
        // A browser without encryption ignores the second one, and has none of that name.
        set_cookie(&mut response, &visitor, is_secure, "", 0);
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
        "networks" => Some(SetupFailure::NoNetworks),
        "unavailable" => Some(SetupFailure::Unavailable),
        _ => Some(SetupFailure::Refused(shortened(parameters.get("reason")))),
    };
    let are_chosen = parameters.get("without-key") == NETWORKS;
    let page = SetupPage {
        failure,
        provider: state.oidc.as_ref().map(|oidc| oidc.name().to_owned()),
        name: parameters.get("name").to_owned(),
        networks: are_chosen.then(|| shortened(parameters.get("write"))),
    };
    setup_page(&Visit { headers: &headers, query: &query, site: &state.site }, &page).into_response()
}

async fn set_up(Group(state): Group<EntranceState>, visitor: Visitor, form: Fields) -> Response {
    if state.access.state() != State::Closed {
        return see_other("/login");
    }
    let name = form.get("name").trim();
    let are_chosen = form.get("without-key") == NETWORKS;
    let write = if are_chosen { list(form.get("write")) } else { Vec::new() };
    let failed = |parameters: &[(&str, &str)]| {
        let written = shortened(form.get("write"));
        let mut parameters = [parameters, &[("name", name)]].concat();
        if are_chosen {
            parameters.extend([("without-key", NETWORKS), ("write", written.as_str())]);
        }
        see_other(&url_of("/setup", &parameters))
    };
    let password = form.get("password");
    if password != form.get("repeat") {
        return failed(&[("error", "repeat")]);
    }
    if are_chosen && write.is_empty() {
        return failed(&[("error", "networks")]);
    }
    let admin = NewUser {
        name: name.to_owned(),
        password: Secret(password.to_owned()),
        role: Role::Admin,
        read: ReadTerms::default(),
    };
    match state.access.setup().finish(form.get("token").trim(), admin, &write).await {
        Ok(are_stored) => {
            audit::note_user(&state.audit, name, visitor.source(), Action::SetupCompleted, "");
            if are_chosen && are_stored {
                audit::note_user(&state.audit, name, visitor.source(), Action::NetworksChanged, &write.join(", "));
            }
            begin(&state, &visitor, name, password, HOME).await
        }
        Err(error) if matches!(error.class, ErrorClass::Invalid | ErrorClass::Conflict) => {
            let refusal = Refusal { class: RefusalClass::Unknown, message: error.message.clone(), retry_after: None };
            state.audit.refused(&Principal::nobody(), visitor.source(), Action::Refused, "the set-up", &refusal);
            failed(&[("error", "refused"), ("reason", &shortened(&error.message))])
        }
        Err(error) => {
            tracing::warn!(%error, "the set-up could not be finished");
            failed(&[("error", "unavailable")])
        }
    }
}

pub(super) fn set_cookie(response: &mut Response, visitor: &Visitor, is_secure: bool, token: &str, seconds: u64) {
    let (name, secure) = (visitor.cookies.get(is_secure), if is_secure { "; Secure" } else { "" });
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
    use std::net::{IpAddr, Ipv4Addr};

    use access::{Principal, presented::cookie};
    use axum::http::Request;

    use super::*;

    #[test]
    fn the_cookie_is_for_this_site_alone_and_out_of_reach_of_scripts() {
        let call = Request::post("/login").header(header::HOST, "logs:3000").body(()).unwrap().into_parts().0;
        let visitor = Visitor {
            principal: Principal::nobody(),
            address: Ipv4Addr::LOCALHOST.into(),
            named: Ipv4Addr::LOCALHOST.into(),
            slowed: IpAddr::from(Ipv4Addr::LOCALHOST).into(),
            agent: String::new(),
            is_secure: false,
            cookies: cookie::Names::of(&call),
        };
        let cookie = |is_secure| {
            let mut response = see_other(HOME);
            set_cookie(&mut response, &visitor, is_secure, "token", COOKIE_SECONDS);
            response.headers()[header::SET_COOKIE].to_str().unwrap().to_owned()
        };
        let plain = "logboom-3000=token; Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax";
        assert_eq!((cookie(false), cookie(true)), (plain.to_owned(), format!("__Host-{plain}; Secure")));
    }
}
