//! The document of the pages outside of the dashboard: log-in, set-up, a new key, and the audit.
//!
//! They are plain HTML without WebAssembly, so they load nothing that needs a right, and work without JavaScript.

use axum::response::{Html, IntoResponse, Response};
use http::{HeaderMap, HeaderValue, header};
use leptos::prelude::*;

use crate::{
    SitePath,
    components::{Icon, IconName, Logo},
    preferences::Preferences,
    state::{
        shown::shown_in_html,
        url::{append, pairs},
    },
    texts::texts_of,
};

/// Scripts and styles of this site alone, and no inline script.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; \
     frame-ancestors 'none'",
);
/// The page may hold a secret, or an error that is over by the next visit.
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// The request that a page answers.
#[derive(Debug, Clone, Copy)]
pub struct Visit<'a> {
    pub headers: &'a HeaderMap,
    /// The query of the URL; empty if a form was sent.
    pub query: &'a str,
    pub site: &'a SitePath,
}

impl Visit<'_> {
    pub(super) fn preferences(&self) -> Preferences {
        Preferences::of(self.headers, self.query).0
    }
}

/// A page, ready to be sent.
#[derive(Debug, Clone)]
pub struct QuietPage {
    html: String,
    /// Keep a theme or language that was chosen on the page.
    cookies: Vec<HeaderValue>,
}

impl IntoResponse for QuietPage {
    fn into_response(self) -> Response {
        let mut response = Html(self.html).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_SECURITY_POLICY, POLICY);
        headers.insert(header::CACHE_CONTROL, NO_STORE);
        for cookie in self.cookies {
            headers.append(header::SET_COOKIE, cookie);
        }
        response
    }
}

#[cfg(test)]
impl QuietPage {
    pub(super) fn html(&self) -> &str {
        &self.html
    }
}

/// Renders the document around `content`. `script` is the name of a file of the site. A page that answers a form has
/// no links for theme and language, because they would ask for the page again.
pub(super) fn document(
    visit: &Visit<'_>,
    title: &str,
    script: Option<&'static str>,
    has_tools: bool,
    content: AnyView,
) -> QuietPage {
    page(visit, title, script, has_tools, "entrance", content)
}

/// As [`document`], as wide as the pages of the dashboard.
pub(super) fn sheet(visit: &Visit<'_>, title: &str, script: &'static str, content: AnyView) -> QuietPage {
    page(visit, title, Some(script), true, "sheet", content)
}

/// As wide as the pages of the dashboard, to answer a form: without links that would ask for the page again.
pub(super) fn answer(visit: &Visit<'_>, title: &str, content: AnyView) -> QuietPage {
    page(visit, title, None, false, "sheet", content)
}

fn page(
    visit: &Visit<'_>,
    title: &str,
    script: Option<&'static str>,
    has_tools: bool,
    class: &'static str,
    content: AnyView,
) -> QuietPage {
    let (preferences, cookies) = Preferences::of(visit.headers, visit.query);
    let SitePath(root) = visit.site;
    let script = script.map(|name| view! { <script src=format!("{root}/{name}") defer=true></script> });
    let tools = has_tools.then(|| tools(preferences, visit.query));
    let html = view! {
        <!DOCTYPE html>
        <html lang=preferences.language.code() data-theme=preferences.theme.attribute()>
            <head>
                <meta charset="utf-8" />
                <meta name="viewport" content="width=device-width, initial-scale=1" />
                <meta name="color-scheme" content="light dark" />
                <meta name="robots" content="noindex" />
                <link rel="icon" href=format!("{root}/favicon.svg") type="image/svg+xml" />
                <link rel="stylesheet" href=format!("{root}/pkg/logboom.css") />
                {script}
                <title>{format!("{title} · Logboom")}</title>
            </head>
            <body>
                <main class=class>
                    <p class="entrance-name"><Logo /><span class="wordmark">"logboom"</span></p>
                    {content}
                    {tools}
                </main>
            </body>
        </html>
    }
    .into_any()
    .to_html();
    QuietPage { html: shown_in_html(&html), cookies }
}

/// Links that choose theme and language and keep the rest of the query.
fn tools(preferences: Preferences, query: &str) -> AnyView {
    let t = texts_of(preferences.language);
    let link = |key: &str, value: &str| {
        let mut link = String::new();
        for (name, value) in pairs(query).filter(|(name, _)| name != "theme" && name != "language") {
            append(&mut link, &name, &value);
        }
        append(&mut link, key, value);
        link
    };
    let theme = format!("{}: {}", t.theme_toggle, t.theme_names[preferences.theme as usize]);
    let language = preferences.language.other();
    view! {
        <nav class="entrance-tools">
            <a
                class="tool"
                href=link("language", language.code())
                hreflang=language.code()
                lang=language.code()
                title=t.language_toggle
                aria-label=t.language_toggle
                data-testid="language-toggle"
            >
                {t.language_short}
            </a>
            <a
                class="tool"
                href=link("theme", preferences.theme.next().attribute())
                title=theme.clone()
                aria-label=theme
                data-testid="theme-toggle"
            >
                <Icon name=IconName::Theme />
            </a>
        </nav>
    }
    .into_any()
}
