//! Keys on the page Connect: the form for one, and the page that shows the snippets with it, once. Both are plain HTML.

use leptos::prelude::*;
use model::api::SnippetView;

use super::{
    fields::field,
    quiet::{QuietPage, Visit, answer},
};
use crate::texts::{
    Language,
    connect::{ConnectTexts, of},
    texts_of,
};

/// The answer to the form.
#[derive(Clone)]
pub struct ConnectKey<'a> {
    /// The name that was given to the key.
    pub name: &'a str,
    /// The key within the snippets, or why there is none.
    pub outcome: Result<FilledSnippets, String>,
}

/// A new key, and the snippets with it.
#[derive(Clone)]
pub struct FilledSnippets {
    /// The whole key.
    pub secret: String,
    pub snippets: Vec<SnippetView>,
}

/// Renders how a program gets a key: the form for admins, a hint for others.
pub(crate) fn connect_key_html(language: Language, may_admin: bool) -> String {
    let t = of(language);
    let view = if may_admin {
        view! {
            <p class="quiet">{t.for_admins}</p>
            {form(t, "")}
        }
        .into_any()
    } else {
        view! { <p class="quiet" data-testid="ask-for-key">{t.for_others}</p> }.into_any()
    };
    view.to_html()
}

/// Adds a remark to each snippet whose client cannot send a key, or should not.
pub(crate) fn note_without_key(language: Language, snippets: &mut [SnippetView]) {
    let t = of(language);
    for snippet in snippets {
        let note = match (snippet.takes_key, snippet.is_key_left_out) {
            (false, _) => t.without_key,
            (true, true) => t.in_clear,
            (true, false) => continue,
        };
        snippet.note = Some(note.to_owned());
    }
}

fn form(t: &'static ConnectTexts, name: &str) -> AnyView {
    view! {
        <form class="key-form" method="post" action="/connect/key" data-testid="connect-key">
            <div class="acts">
                {field(t.name, view! {
                    <input name="name" value=name.to_owned() required=true autocomplete="off" placeholder="shop-1" />
                })}
                <button class="button">{t.create}</button>
            </div>
        </form>
    }
    .into_any()
}

/// Renders the answer to the form.
pub fn connect_key_page(visit: &Visit<'_>, page: &ConnectKey<'_>) -> QuietPage {
    let language = visit.preferences().language;
    let t = of(language);
    let (title, content) = match &page.outcome {
        Ok(FilledSnippets { secret, snippets }) => {
            let mut snippets = snippets.clone();
            note_without_key(language, &mut snippets);
            let links = snippets.iter().map(|snippet| {
                view! { <a class="link" href=format!("#{}", snippet.name)>{snippet.title.clone()}</a> }
            });
            let links = links.collect_view();
            let content = view! {
                <h1>{t.created}</h1>
                <p>{page.name.to_owned()}</p>
                <pre class="secret" tabindex="0" data-testid="secret">{secret.clone()}</pre>
                <p role="alert">{t.created_text}</p>
                <nav class="index">{links}</nav>
                {snippets.into_iter().map(|snippet| section(language, snippet)).collect_view()}
                <p><a class="button" href="/connect">{t.back}</a></p>
            };
            (t.created, content.into_any())
        }
        Err(reason) => {
            let content = view! {
                <h1>{t.not_created}</h1>
                <p class="banner" role="alert" data-testid="connect-error">{reason.clone()}</p>
                {form(t, page.name)}
                <p><a class="button" href="/connect">{t.back}</a></p>
            };
            (t.not_created, content.into_any())
        }
    };
    answer(visit, title, content)
}

fn section(language: Language, snippet: SnippetView) -> AnyView {
    let SnippetView { name, title, text, needs, note, .. } = snippet;
    let needs = needs.map(|needs| {
        view! { <p class="quiet">{texts_of(language).connect_needs}" "<code>{needs}</code></p> }
    });
    let note = note.map(|note| view! { <p class="quiet">{note}</p> });
    let test_id = format!("snippet-{name}");
    view! {
        <section class="snippet" id=name>
            <h2>{title}</h2>
            {needs}
            {note}
            <pre tabindex="0" data-testid=test_id>{text}</pre>
        </section>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;
    use http::{HeaderMap, header};

    use super::*;
    use crate::SitePath;

    const SECRET: &str = "lb_ab12cd34_secret";

    fn snippet(name: &str, takes_key: bool) -> SnippetView {
        let text = if takes_key { format!("send '{SECRET}' <tag>") } else { "send".to_owned() };
        let (name, title) = (name.to_owned(), name.to_owned());
        SnippetView { name, title, text, needs: None, takes_key, is_key_left_out: false, note: None }
    }

    fn page(outcome: Result<FilledSnippets, String>) -> QuietPage {
        let (headers, site) = (HeaderMap::new(), SitePath::default());
        let visit = Visit { headers: &headers, query: "", site: &site };
        connect_key_page(&visit, &ConnectKey { name: "<b>shop", outcome })
    }

    #[test]
    fn the_key_is_shown_in_the_snippets_and_no_cache_keeps_it() {
        let snippets = vec![snippet("curl", true), snippet("logger", false)];
        let page = page(Ok(FilledSnippets { secret: SECRET.to_owned(), snippets }));
        let html = page.html();
        assert_eq!(html.matches(SECRET).count(), 2, "{html}");
        assert_eq!(html.matches(of(Language::English).without_key).count(), 1, "{html}");
        assert!(!html.contains("<b>") && !html.contains("<tag>"), "{html}");
        assert!(!html.contains(&format!("={SECRET}")) && !html.contains("<form"), "{html}");
        let response = page.into_response();
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
    }

    #[test]
    fn a_snippet_without_its_key_says_why() {
        let open = SnippetView { is_key_left_out: true, ..snippet("winston", true) };
        for language in [Language::English, Language::Korean] {
            let mut snippets = [open.clone(), snippet("curl", true)];
            note_without_key(language, &mut snippets);
            let notes = snippets.map(|snippet| snippet.note);
            assert_eq!(notes, [Some(of(language).in_clear.to_owned()), None]);
        }
    }

    #[test]
    fn a_refused_form_is_shown_again_with_the_reason() {
        let page = page(Err("name has 99 bytes <i>".to_owned()));
        let html = page.html();
        assert!(html.contains("name has 99 bytes") && html.contains("<form"), "{html}");
        assert!(!html.contains("<i>") && !html.contains("<b>"), "{html}");
    }

    #[test]
    fn admins_are_offered_a_form_and_others_are_told_whom_to_ask() {
        for language in [Language::English, Language::Korean] {
            let (admin, other) = (connect_key_html(language, true), connect_key_html(language, false));
            assert!(admin.contains("action=\"/connect/key\"") && admin.contains(of(language).create), "{admin}");
            assert!(!other.contains("<form") && other.contains("lb_…"), "{other}");
        }
    }
}
