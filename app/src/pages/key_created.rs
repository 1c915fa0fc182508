//! The page that answers the form of a new key: it shows the secret, once.

use leptos::prelude::*;

use super::quiet::{QuietPage, Visit, document};
use crate::texts::access::of;

/// A new key.
#[derive(Clone, Copy)]
pub struct KeyCreated<'a> {
    pub name: &'a str,
    /// The whole key.
    pub secret: &'a str,
}

/// Renders the page of a new key.
pub fn key_created_page(visit: &Visit<'_>, key: &KeyCreated<'_>) -> QuietPage {
    let t = of(visit.preferences().language);
    let example = format!("Authorization: Bearer {}", key.secret);
    let content = view! {
        <h1>{t.key_created}</h1>
        <p>{key.name.to_owned()}</p>
        <pre class="secret" tabindex="0" data-testid="secret">{key.secret.to_owned()}</pre>
        <p role="alert">{t.key_created_text}</p>
        <p class="quiet">{t.key_use}</p>
        <pre class="secret" tabindex="0">{example}</pre>
        <p><a class="button" href="/system/access#keys">{t.back}</a></p>
    };
    document(visit, t.key_created, None, false, content.into_any())
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;
    use http::{HeaderMap, header};

    use super::*;
    use crate::SitePath;

    #[test]
    fn the_secret_is_shown_and_no_cache_keeps_it() {
        let (headers, site) = (HeaderMap::new(), SitePath::default());
        let visit = Visit { headers: &headers, query: "", site: &site };
        let page = key_created_page(&visit, &KeyCreated { name: "<b>", secret: "lb_ab12cd34_secret" });
        assert!(page.html().contains(">lb_ab12cd34_secret<"), "{}", page.html());
        assert!(!page.html().contains("<b>"), "{}", page.html());
        let response = page.into_response();
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
        let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{policy}");
    }
}
