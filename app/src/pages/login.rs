//! The page at `/login`: one form, which works without JavaScript.

use leptos::prelude::*;

use super::quiet::{QuietPage, Visit, document};
use crate::texts::entrance::{EntranceTexts, of};

/// What the log-in page shows.
#[derive(Debug, Clone, Copy, Default)]
pub struct LoginPage<'a> {
    /// The address to go to after the log-in.
    pub next: &'a str,
    /// Why the last attempt failed.
    pub failure: Option<LoginFailure>,
    /// The name of the user who has already logged in.
    pub user: Option<&'a str>,
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
    let content = view! {
        <h1>{t.log_in}</h1>
        {user}
        {failure}
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

/// An error above a form.
pub(super) fn alert(text: String) -> AnyView {
    view! { <p class="entrance-error" role="alert" data-testid="entrance-error">{text}</p> }.into_any()
}

pub(super) fn failure_text(t: &EntranceTexts, failure: LoginFailure) -> String {
    match failure {
        LoginFailure::Wrong => t.wrong.to_owned(),
        LoginFailure::Slow { seconds } => (t.slow)(seconds),
        LoginFailure::Unavailable => t.unavailable.to_owned(),
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
    fn each_failure_has_a_sentence_in_both_languages() {
        for (code, language) in [("en", Language::English), ("ko", Language::Korean)] {
            for failure in [LoginFailure::Wrong, LoginFailure::Slow { seconds: 37 }, LoginFailure::Unavailable] {
                let page = LoginPage { failure: Some(failure), ..LoginPage::default() };
                let html = render("", code, &page);
                assert!(html.contains(&failure_text(of(language), failure)), "{html}");
                assert!(html.contains("role=\"alert\""), "{html}");
            }
            assert!(failure_text(of(language), LoginFailure::Slow { seconds: 37 }).contains("37"));
        }
    }
}
