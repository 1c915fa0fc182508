//! `/login/oidc` and `/login/oidc/callback`: log-in by an identity provider, without JavaScript.
//!
//! The first call sends the browser to the provider, with a cookie that the second one asks for: an answer counts in the
//! browser that has asked, once. What fails leads to the log-in page with the reason. A page of another site begins no
//! log-in: its link leads to the log-in page, so that nobody's session is replaced without a click here.
//!
//! The cookie is the browser's own, so a stranger can have the provider asked about codes that are made up. Such attempts
//! are counted by address, as failed passwords are.

use access::{ExternalLogIn, Posture, Principal, Refusal, RefusalClass, Renewal, presented::local_path};
use app::external::ExternalFailure;
use axum::{
    extract::{RawQuery, State as Group},
    http::{HeaderMap, HeaderValue, Uri, header},
    response::Response,
};
use url::Url;

use super::{
    form::{Visitor, see_other, url_of},
    session::{HOME, Parameters, end, note_refused, seconds_of, set_cookie},
};
use crate::{
    audit::{self, Action},
    gate::Routes,
    oidc::{ATTEMPT_SECONDS, Attempt, Authenticated, CALLBACK, Failure, Oidc, own_address},
    state::EntranceState,
};

/// The limit of a code, in bytes. Those of providers have up to some 2 KiB.
const CODE_BYTES: usize = 8 << 10;

pub(super) fn routes() -> Routes<EntranceState> {
    use access::Need::Nothing;
    Routes::new().get("/login/oidc", Nothing, begin).get(CALLBACK, Nothing, answer)
}

/// Sends the browser to the provider.
async fn begin(
    Group(state): Group<EntranceState>,
    visitor: Visitor,
    RawQuery(query): RawQuery,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let parameters = Parameters::of(&query.unwrap_or_default());
    let next = local_path(parameters.get("next")).unwrap_or(HOME);
    let Some(oidc) = provider_of(&state) else { return see_other(next) };
    if is_of_another_site(&headers) {
        return see_other(&url_of("/login", &[("next", next)]));
    }
    let begun = match address(oidc, &visitor, &uri, &headers) {
        Ok(own) => oidc.begin(&own, next).await,
        Err(failure) => Err(failure),
    };
    match begun {
        Ok((url, attempt)) => {
            let mut response = see_other(url.as_str());
            set_attempt(&mut response, &visitor, visitor.is_secure, &attempt.write(), ATTEMPT_SECONDS);
            response
        }
        Err(failure) => failed(&state, &visitor, &failure, next, ""),
    }
}

/// Takes the answer of the provider.
async fn answer(
    Group(state): Group<EntranceState>,
    visitor: Visitor,
    RawQuery(query): RawQuery,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let Some(oidc) = provider_of(&state) else { return see_other("/login") };
    let parameters = Parameters::of(&query.unwrap_or_default());
    let attempt = attempt(&headers, &visitor).and_then(|text| Attempt::read(text, oidc.now()));
    let attempt = attempt.filter(|attempt| attempt.state == parameters.get("state"));
    let mut response = match attempt {
        None => failed(&state, &visitor, &stale(), HOME, ""),
        Some(attempt) => {
            let own = address(oidc, &visitor, &uri, &headers);
            match code(oidc, &parameters).and_then(|code| Ok((code, own?))) {
                Ok((code, own)) => redeem(&state, oidc, &visitor, &own, &attempt, code).await,
                Err(failure) => {
                    let next = local_path(&attempt.next).unwrap_or(HOME);
                    failed(&state, &visitor, &failure, next, "")
                }
            }
        }
    };
    // It counts once.
    for is_secure in [false, true] {
        set_attempt(&mut response, &visitor, is_secure, "", 0);
    }
    response
}

/// The provider, where a log-in means something: not on a server on which everybody may do everything.
fn provider_of(state: &EntranceState) -> Option<&Oidc> {
    state.oidc.as_ref().filter(|_| state.access.posture() != Posture::Open)
}

/// Whether a page of another site leads here. A browser says so over HTTPS and on its own machine.
fn is_of_another_site(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    site.is_some_and(|site| !matches!(site, b"same-origin" | b"none"))
}

/// Asks the provider about a code, and lets the person in.
async fn redeem(
    state: &EntranceState,
    oidc: &Oidc,
    visitor: &Visitor,
    own: &Url,
    attempt: &Attempt,
    code: &str,
) -> Response {
    let (users, from) = (state.access.users(), visitor.slowed.address);
    let next = local_path(&attempt.next).unwrap_or(HOME);
    let slow = |refusal: Refusal| {
        note_refused(state, visitor, "", &refusal);
        see_other(&url_of("/login", &[("error", "slow"), ("wait", &seconds_of(&refusal)), ("next", next)]))
    };
    if let Err(refusal) = users.check_external(from) {
        return slow(refusal);
    }
    let turn = match oidc.turn().await {
        Ok(turn) => turn,
        Err(failure) => return failed(state, visitor, &failure, next, ""),
    };
    if let Err(refusal) = users.try_external(from) {
        return slow(refusal);
    }
    let authenticated = oidc.finish(&turn, own, attempt, code).await;
    drop(turn);
    let counts = authenticated.as_ref().is_err_and(|failure| failure.kind != ExternalFailure::Unreachable);
    if !counts {
        users.not_failed_external(from);
    }
    match authenticated {
        Ok(authenticated) => enter(state, visitor, authenticated, next).await,
        Err(failure) => failed(state, visitor, &failure, next, ""),
    }
}

/// Renews the user, and begins a session, which is always a new one. The session of the cookie that came along ends.
async fn enter(state: &EntranceState, visitor: &Visitor, authenticated: Authenticated, next: &str) -> Response {
    let Authenticated { person, granted } = authenticated;
    let (name, subject) = (person.unique_name(), person.subject.clone());
    let role = granted.as_ref().map(|granted| granted.role);
    // The rights follow from the groups, so it is the log-in that changes the user.
    let note = |action| {
        let target = role.map_or_else(|| name.clone(), |role| format!("{name} ({role})"));
        audit::note_user(&state.audit, &name, visitor.source(), action, &target);
    };
    let refused = |kind, why: &str| {
        let failure = Failure::new(kind, format!("{why} (subject {subject:?})"));
        failed(state, visitor, &failure, next, &name)
    };
    let user = match state.access.users().log_in_external(person, granted).await {
        Ok(ExternalLogIn::Done(user, renewal)) => {
            match renewal {
                Renewal::Same => {}
                Renewal::Added => note(Action::UserAdded),
                Renewal::Changed => note(Action::UserChanged),
            }
            user
        }
        Ok(ExternalLogIn::NoRights { was_user }) => {
            if was_user {
                note(Action::UserRemoved);
            }
            return refused(ExternalFailure::NoRole, "no group of the person has a role");
        }
        Ok(ExternalLogIn::NoAdminYet) => return refused(ExternalFailure::NoAdmin, "there is no admin yet"),
        Ok(ExternalLogIn::LastAdmin) => return refused(ExternalFailure::LastAdmin, "the last admin has lost the role"),
        Err(error) => return refused(ExternalFailure::Unavailable, &error.message),
    };
    let token = match state.access.sessions().begin(&user, visitor.address, &visitor.agent).await {
        Ok(token) => token,
        Err(error) => return refused(ExternalFailure::Unavailable, &error.message),
    };
    end(state, visitor).await;
    audit::note_user(&state.audit, &user.unique_name(), visitor.source(), Action::LogIn, "");
    let mut response = see_other(next);
    let seconds = user.life().unwrap_or(access::SESSION_LIFE).as_secs();
    set_cookie(&mut response, visitor, visitor.is_secure, &token, seconds);
    response
}

/// The code of an answer.
fn code<'p>(oidc: &Oidc, parameters: &'p Parameters) -> Result<&'p str, Failure> {
    // RFC 9207: the provider says who it is.
    let issuer = parameters.get("iss");
    if !issuer.is_empty() && issuer != oidc.issuer() {
        return Err(Failure::new(ExternalFailure::Issuer, format!("the answer is of {:?}", short(issuer))));
    }
    let error = parameters.get("error");
    let kind = match error {
        "" => None,
        "access_denied" => Some(ExternalFailure::Denied),
        "server_error" | "temporarily_unavailable" => Some(ExternalFailure::Unreachable),
        _ => Some(ExternalFailure::Refused),
    };
    if let Some(kind) = kind {
        let why = parameters.get("error_description");
        return Err(Failure::new(kind, format!("the provider answered {:?}: {:?}", short(error), short(why))));
    }
    match parameters.get("code") {
        code if code.is_empty() || code.len() > CODE_BYTES => {
            let detail = format!("the code has {} bytes; it may have 1 to {CODE_BYTES}", code.len());
            Err(Failure::new(ExternalFailure::Refused, detail))
        }
        code => Ok(code),
    }
}

fn short(text: &str) -> String {
    text.chars().take(200).collect()
}

fn stale() -> Failure {
    Failure::new(ExternalFailure::Stale, "the answer of the provider is for no log-in of this browser")
}

/// The address of this server, as the browser knows it.
fn address(oidc: &Oidc, visitor: &Visitor, uri: &Uri, headers: &HeaderMap) -> Result<Url, Failure> {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.or_else(|| uri.authority().map(|authority| authority.as_str()));
    own_address(oidc.public(), host.unwrap_or_default(), visitor.is_secure)
        .ok_or_else(|| Failure::new(ExternalFailure::Refused, "the call names no host to come back to"))
}

/// Leads to the log-in page with the reason, which is also in the log and the audit. `who`: the name of the person, as
/// the audit has it.
fn failed(state: &EntranceState, visitor: &Visitor, failure: &Failure, next: &str, who: &str) -> Response {
    let (kind, detail) = (failure.kind.code(), failure.detail.as_str());
    match failure.kind {
        // The provider has authenticated somebody.
        ExternalFailure::NoRole
        | ExternalFailure::NoAdmin
        | ExternalFailure::LastAdmin
        | ExternalFailure::Unavailable => tracing::warn!(kind, detail, "a log-in by OIDC failed"),
        ExternalFailure::Stale | ExternalFailure::Denied => tracing::debug!(kind, detail, "a log-in by OIDC failed"),
        // Everybody can cause these at will, so they get few lines.
        _ => {
            let may_log = |oidc: &Oidc| oidc.may_log(visitor.slowed.address);
            let (is_logged, left_out) = state.oidc.as_ref().map_or((false, 0), may_log);
            if left_out > 0 {
                tracing::warn!(left_out, "further failures of log-ins by OIDC were not logged one by one");
            }
            if is_logged {
                tracing::warn!(kind, detail, "a log-in by OIDC failed");
            } else {
                tracing::debug!(kind, detail, "a log-in by OIDC failed");
            }
        }
    }
    let refusal = Refusal { class: RefusalClass::Forbidden, message: format!("OIDC: {kind}"), retry_after: None };
    state.audit.refused(&Principal::nobody(), visitor.source(), Action::LogIn, who, &refusal);
    see_other(&url_of("/login", &[("error", kind), ("next", next)]))
}

/// The name of the cookie of a log-in that has begun.
fn attempt_cookie(visitor: &Visitor, is_secure: bool) -> String {
    format!("{}-oidc", visitor.cookies.get(is_secure))
}

/// The cookie of a log-in that has begun. Over TLS only the one with the prefix counts, as for sessions.
fn attempt<'h>(headers: &'h HeaderMap, visitor: &Visitor) -> Option<&'h str> {
    let named = |is_secure| {
        let wanted = attempt_cookie(visitor, is_secure);
        let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs = all.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(name, _)| *name == wanted).map(|(_, value)| value)
    };
    named(true).or_else(|| if visitor.is_secure { None } else { named(false) })
}

fn set_attempt(response: &mut Response, visitor: &Visitor, is_secure: bool, value: &str, seconds: u64) {
    let (name, secure) = (attempt_cookie(visitor, is_secure), if is_secure { "; Secure" } else { "" });
    let cookie = format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
    if let Ok(value) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        net::{IpAddr, Ipv4Addr},
        time::Duration,
    };

    use access::presented::cookie;
    use axum::http::{HeaderName, Request};
    use pipeline::clock::Clock;

    use super::*;
    use crate::oidc::{Roles, Settings};

    async fn oidc() -> Oidc {
        let settings = Settings {
            issuer: "https://id.example".to_owned(),
            client_id: "logboom".to_owned(),
            client_secret: None,
            scopes: Vec::new(),
            groups_claim: "groups".to_owned(),
            roles: Roles::default(),
            name: "Acme".to_owned(),
            ca: None,
            session: Duration::from_secs(3600),
            public: Vec::new(),
        };
        Oidc::new(settings, Clock::system()).await.unwrap()
    }

    fn visitor(is_secure: bool) -> Visitor {
        let call = Request::get("/login/oidc").header(header::HOST, "logs:3000").body(()).unwrap().into_parts().0;
        Visitor {
            principal: Principal::nobody(),
            address: Ipv4Addr::LOCALHOST.into(),
            named: Ipv4Addr::LOCALHOST.into(),
            slowed: IpAddr::from(Ipv4Addr::LOCALHOST).into(),
            agent: String::new(),
            is_secure,
            cookies: cookie::Names::of(&call),
        }
    }

    #[tokio::test]
    async fn an_answer_has_a_code_or_the_reason_why_there_is_none() {
        let oidc = oidc().await;
        let long = format!("code={}", "x".repeat(CODE_BYTES + 1));
        for (query, expected) in [
            ("code=abc&state=s", Ok("abc")),
            ("code=abc&iss=https%3A%2F%2Fid.example", Ok("abc")),
            ("code=abc&iss=https%3A%2F%2Fother.example", Err(ExternalFailure::Issuer)),
            ("error=access_denied&code=abc", Err(ExternalFailure::Denied)),
            ("error=server_error", Err(ExternalFailure::Unreachable)),
            ("error=login_required", Err(ExternalFailure::Refused)),
            ("state=s", Err(ExternalFailure::Refused)),
            (long.as_str(), Err(ExternalFailure::Refused)),
        ] {
            let parameters = Parameters::of(query);
            assert_eq!(code(&oidc, &parameters).map_err(|failure| failure.kind), expected, "{query:.60}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_log_in_waits_for_its_turn_and_not_for_ever() {
        let oidc = oidc().await;
        let mut turns = Vec::new();
        for _ in 0..16 {
            turns.push(oidc.turn().await.unwrap());
        }
        let before = tokio::time::Instant::now();
        assert_eq!(oidc.turn().await.err().unwrap().kind, ExternalFailure::Unreachable);
        assert_eq!(before.elapsed().as_secs(), 5);
        let ending = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            drop(turns.pop());
        };
        let (turn, ()) = tokio::join!(oidc.turn(), ending);
        assert!(turn.is_ok());
    }

    #[tokio::test]
    async fn strangers_cannot_fill_the_log_with_failures() {
        let oidc = oidc().await;
        let addresses = (0..50_u32).map(|number| IpAddr::from(number.to_be_bytes()));
        assert_eq!(addresses.filter(|address| oidc.may_log(*address).0).count(), 10);
    }

    #[test]
    fn a_link_of_another_site_begins_no_log_in() {
        for (site, is_other) in [
            (None, false),
            (Some("none"), false),
            (Some("same-origin"), false),
            (Some("same-site"), true),
            (Some("cross-site"), true),
        ] {
            let header = site.map(|site| (HeaderName::from_static("sec-fetch-site"), HeaderValue::from_static(site)));
            assert_eq!(is_of_another_site(&HeaderMap::from_iter(header)), is_other, "{site:?}");
        }
    }

    #[test]
    fn the_cookie_of_an_attempt_is_short_lived_and_out_of_reach_of_scripts() {
        let cookie = |is_secure| {
            let mut response = see_other(HOME);
            set_attempt(&mut response, &visitor(is_secure), is_secure, "attempt", ATTEMPT_SECONDS);
            response.headers()[header::SET_COOKIE].to_str().unwrap().to_owned()
        };
        let plain = "logboom-3000-oidc=attempt; Path=/; Max-Age=600; HttpOnly; SameSite=Lax";
        assert_eq!((cookie(false), cookie(true)), (plain.to_owned(), format!("__Host-{plain}; Secure")));
    }

    #[test]
    fn over_tls_only_the_attempt_with_the_prefix_counts() {
        for (line, plain, secure) in [
            ("logboom-3000-oidc=a", Some("a"), None),
            ("logboom-3000-oidc=a; __Host-logboom-3000-oidc=b", Some("b"), Some("b")),
            ("logboom-3000=a; logboom-8080-oidc=b", None, None),
        ] {
            let headers = HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_static(line))]);
            let found = [false, true].map(|is_secure| attempt(&headers, &visitor(is_secure)));
            assert_eq!(found, [plain, secure], "{line}");
        }
    }
}
