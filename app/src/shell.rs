//! The HTML document around the pages.

use http::{HeaderValue, header};
use leptos::prelude::*;
use leptos_axum::ResponseOptions;

use crate::{backend::AccessNote, pages::App, preferences::Preferences, texts::texts_of, title::title_of};

/// The base path of the dashboard's files, without a trailing slash; provided by the server in the context. It
/// contains a hash of the files, so that browsers can cache them forever. Empty: the files have their plain names.
#[derive(Debug, Clone, Default)]
pub struct SitePath(pub String);

/// Renders the document, with theme and language of the request, so that the first paint is correct, and with what the
/// user may do.
pub fn shell(options: LeptosOptions) -> impl IntoView {
    restrict_content();
    let preferences = Preferences::from_request();
    let note = AccessNote::from_request();
    let SitePath(root) = use_context().unwrap_or_default();
    let address = use_context::<http::request::Parts>().map(|parts| parts.uri).unwrap_or_default();
    let title = title_of(address.path(), address.query().unwrap_or_default(), texts_of(preferences.language));
    let style = format!("{root}/{}/{}.css", options.site_pkg_dir, options.output_name);
    view! {
        <!DOCTYPE html>
        <html
            lang=preferences.language.code()
            data-theme=preferences.theme.attribute()
            data-user=note.user.clone()
            data-may=note.rights()
        >
            <head>
                <meta charset="utf-8" />
                <meta name="viewport" content="width=device-width, initial-scale=1" />
                <meta name="color-scheme" content="light dark" />
                <meta name="description" content="Logboom: every log of your services, live and searchable." />
                <link rel="icon" href=format!("{root}/favicon.svg") type="image/svg+xml" />
                <link rel="stylesheet" id="style" href=style />
                <AutoReload options=options.clone() />
                <HydrationScripts options root />
                <title>{title}</title>
            </head>
            <body>
                <App />
            </body>
        </html>
    }
}

/// Sets the content security policy of the page. Inline scripts need the nonce of this response. Style attributes are
/// allowed, because bars and columns are sized by them; `<style>` elements are not.
fn restrict_content() {
    let (Some(nonce), Some(response)) = (use_nonce(), use_context::<ResponseOptions>()) else { return };
    // `cargo leptos watch` announces new builds on a port of its own.
    let reload = if std::env::var_os("LEPTOS_WATCH").is_some() { " ws:" } else { "" };
    let policy = format!(
        "default-src 'none'; script-src 'self' 'nonce-{nonce}' 'wasm-unsafe-eval'; style-src 'self'; \
         style-src-attr 'unsafe-inline'; img-src 'self'; font-src 'self'; connect-src 'self'{reload}; \
         base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    );
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        response.insert_header(header::CONTENT_SECURITY_POLICY, policy);
    }
}
