//! The page at `/login`: one form, which works without JavaScript.

use leptos::prelude::*;

use super::quiet::{QuietPage, Visit, document};
use crate::{
    external::ExternalFailure,
    state::url::append,
    texts::entrance::{EntranceTexts, of},
};

/// The content of the log-in page.
#[derive(Debug, Clone, Copy, Default)]
pub struct LoginPage<'a> {
    /// The address to go to after the log-in.
    pub next: &'a str,
    /// Why the last attempt failed.
    pub failure: Option<LoginFailure>,
    /// The name of the user who has already logged in.
    pub user: Option<&'a str>,
    /// The name of the identity provider, if users can log in by one.
    pub provider: Option<&'a str>,
}

/// Why a log-in failed. An unknown name and a wrong password are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginFailure {
    Wrong,
    /// There were too many attempts.
    Slow {
        seconds: u64,
    },
    Unavailable,
    /// At the identity provider.
    External(ExternalFailure),
}

/// Renders the log-in page.
pub fn login_page(visit: &Visit<'_>, page: &LoginPage<'_>) -> QuietPage {
    let t = of(visit.preferences().language);
    let failure = page.failure.map(|failure| alert(failure_text(t, failure)));
    let user = page.user.map(|user| {
        view! {
            <p class="quiet" data-testid="logged-in">
                {(t.logged_in)(user)}" "<a class="link" href="/">{t.to_logs}</a>
            </p>
        }
    });
    let provider = page.provider.map(|provider| by_provider(t, provider, page.next));
    let content = view! {
        <h1>{t.log_in}</h1>
        {user}
        {failure}
        {provider}
        <form method="post" action="/login" data-testid="login">
            <input type="hidden" name="next" value=page.next.to_owned() />
            <label>
                <span>{t.name}</span>
                <input
                    name="name"
                    autocomplete="username"
                    autocapitalize="none"
                    spellcheck="false"
                    required=true
                    autofocus=true
                />
            </label>
            <label>
                <span>{t.password}</span>
                <input type="password" name="password" autocomplete="current-password" required=true />
            </label>
            <button class="button main">{t.log_in}</button>
        </form>
        <p class="quiet">{t.forgotten}</p>
    };
    document(visit, t.log_in, None, true, content.into_any())
}

/// A link to the identity provider, above a form for a password.
pub(super) fn by_provider(t: &'static EntranceTexts, provider: &str, next: &str) -> AnyView {
    let (text, mut href) = ((t.log_in_by)(provider), String::new());
    append(&mut href, "next", next);
    href.insert_str(0, "/login/oidc");
    view! {
        <a class="button main" href=href data-testid="login-oidc">{text}</a>
        <p class="quiet">{t.or_password}</p>
    }
    .into_any()
}

/// An error above a form.
pub(super) fn alert(text: String) -> AnyView {
    view! { <p class="entrance-error" role="alert" data-testid="entrance-error">{text}</p> }.into_any()
}

pub(super) fn failure_text(t: &EntranceTexts, failure: LoginFailure) -> String {
    match failure {
        LoginFailure::Wrong => t.wrong.to_owned(),
        LoginFailure::Slow { seconds } => (t.slow)(seconds),
        LoginFailure::Unavailable => t.unavailable.to_owned(),
        LoginFailure::External(failure) => (t.external_failed)(failure).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, header};

    use super::*;
    use crate::{SitePath, texts::Language};

    fn render(query: &str, language: &'static str, page: &LoginPage<'_>) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_static(language));
        let site = SitePath("/v/1".to_owned());
        login_page(&Visit { headers: &headers, query, site: &site }, page).html().to_owned()
    }

    #[test]
    fn the_page_is_whole_without_a_script_and_escapes_its_address() {
        let page = LoginPage { next: "/?q=\"><script>", ..LoginPage::default() };
        let html = render("next=%2F%3Fq%3D%22%3E%3Cscript%3E", "en", &page);
        assert!(html.starts_with("<!DOCTYPE html>"), "{html}");
        assert!(!html.contains("<script"), "{html}");
        for part in ["action=\"/login\"", "method=\"post\"", "name=\"password\"", "href=\"/v/1/pkg/logboom.css\""] {
            assert!(html.contains(part), "{part} in {html}");
        }
        assert!(html.contains("theme=light"), "the links for the theme keep the address: {html}");
        assert!(html.contains("?next=/%3Fq%3D%22%3E%3Cscript%3E&amp;theme=light"), "{html}");
    }

    #[test]
    fn a_provider_has_a_link_with_its_name_that_leads_back() {
        let page = LoginPage { next: "/?q=\"><i>", provider: Some("Acme <b>"), ..LoginPage::default() };
        for (language, name) in [("en", "Log in with Acme &lt;b&gt;"), ("ko", "Acme &lt;b&gt;")] {
            let html = render("", language, &page);
            assert!(html.contains(name) && html.contains("href=\"/login/oidc?next="), "{html}");
            assert!(!html.contains("<b>") && !html.contains("<i>"), "{html}");
        }
        assert!(!render("", "en", &LoginPage::default()).contains("/login/oidc"));
    }

    #[test]
    fn each_failure_has_a_sentence_in_both_languages() {
        for (code, language) in [("en", Language::English), ("ko", Language::Korean)] {
            let external = ExternalFailure::ALL.iter().map(|failure| LoginFailure::External(*failure));
            let own = [LoginFailure::Wrong, LoginFailure::Slow { seconds: 37 }, LoginFailure::Unavailable];
            for failure in own.into_iter().chain(external) {
                let page = LoginPage { failure: Some(failure), ..LoginPage::default() };
                let html = render("", code, &page);
                assert!(html.contains(&failure_text(of(language), failure)), "{html}");
                assert!(html.contains("role=\"alert\""), "{html}");
            }
            assert!(failure_text(of(language), LoginFailure::Slow { seconds: 37 }).contains("37"));
        }
    }
}
