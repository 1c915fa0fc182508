//! What a reader chose once and for all: theme and language.
//!
//! Both live in cookies, because the server must know them before it renders. A
//! visitor without a cookie gets the system's theme and the language his browser
//! asks for. The links `?theme=` and `?language=` set them without JavaScript.

use leptos::prelude::*;

use crate::texts::Language;

const THEME_COOKIE: &str = "logboom_theme";
const LANGUAGE_COOKIE: &str = "logboom_language";

/// The colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Theme {
    /// As the system says.
    #[default]
    System,
    Light,
    Dark,
}

impl Theme {
    pub(crate) fn attribute(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    fn read(text: &str) -> Option<Self> {
        [Self::System, Self::Light, Self::Dark].into_iter().find(|theme| theme.attribute() == text)
    }

    /// The next one that the toggle gives.
    pub(crate) fn next(self) -> Self {
        match self {
            Self::System => Self::Light,
            Self::Light => Self::Dark,
            Self::Dark => Self::System,
        }
    }
}

/// Theme and language of one reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Preferences {
    pub(crate) theme: Theme,
    pub(crate) language: Language,
}

impl Preferences {
    /// Reads them off the request being answered, or off the page being taken over.
    #[cfg(feature = "ssr")]
    pub(crate) fn from_request() -> Self {
        use http::{header, request::Parts};
        let Some(parts) = use_context::<Parts>() else { return Self::default() };
        let text = |name| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let cookies = text(header::COOKIE);
        let asked = parts.uri.query().unwrap_or_default();
        let theme = parameter(asked, "theme").and_then(Theme::read);
        let language = parameter(asked, "language").and_then(Language::read);
        remember(THEME_COOKIE, theme.map(Theme::attribute));
        remember(LANGUAGE_COOKIE, language.map(Language::code));
        Self {
            theme: theme.or_else(|| cookie(cookies, THEME_COOKIE).and_then(Theme::read)).unwrap_or_default(),
            language: language
                .or_else(|| cookie(cookies, LANGUAGE_COOKIE).and_then(Language::read))
                .unwrap_or_else(|| Language::accepted(text(header::ACCEPT_LANGUAGE))),
        }
    }

    #[cfg(not(feature = "ssr"))]
    pub(crate) fn from_request() -> Self {
        let root = document().document_element();
        let attribute = |name| root.as_ref().and_then(|root| root.get_attribute(name)).unwrap_or_default();
        Self {
            theme: Theme::read(&attribute("data-theme")).unwrap_or_default(),
            language: Language::read(&attribute("lang")).unwrap_or_default(),
        }
    }
}

/// Sends the cookie along with the answer.
#[cfg(feature = "ssr")]
fn remember(name: &str, value: Option<&str>) {
    let (Some(value), Some(response)) = (value, use_context::<leptos_axum::ResponseOptions>()) else { return };
    if let Ok(value) = http::HeaderValue::from_str(&cookie_text(name, value)) {
        response.append_header(http::header::SET_COOKIE, value);
    }
}

/// A cookie for a year, for this site only.
fn cookie_text(name: &str, value: &str) -> String {
    format!("{name}={value}; Path=/; Max-Age=31536000; SameSite=Lax")
}

#[cfg(feature = "ssr")]
fn cookie<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    header.split(';').filter_map(|pair| pair.trim().split_once('=')).find(|(key, _)| *key == name).map(|pair| pair.1)
}

#[cfg(feature = "ssr")]
fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name).map(|pair| pair.1)
}

/// Shows the theme at once and remembers it.
#[cfg(target_arch = "wasm32")]
pub(crate) fn apply_theme(theme: Theme) {
    if let Some(root) = document().document_element() {
        // Only an attribute of the document: nothing depends on whether it works.
        let _ = root.set_attribute("data-theme", theme.attribute());
    }
    set_cookie(&cookie_text(THEME_COOKIE, theme.attribute()));
}

/// Remembers the language and loads the page anew: the server renders every text.
#[cfg(target_arch = "wasm32")]
pub(crate) fn apply_language(language: Language) {
    set_cookie(&cookie_text(LANGUAGE_COOKIE, language.code()));
    let _ = window().location().reload();
}

#[cfg(target_arch = "wasm32")]
fn set_cookie(text: &str) {
    use wasm_bindgen::JsCast as _;
    if let Ok(page) = document().dyn_into::<web_sys::HtmlDocument>() {
        let _ = page.set_cookie(text);
    }
}

#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn apply_theme(_: Theme) {}

#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn apply_language(_: Language) {}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_found_among_others() {
        let header = "a=b; logboom_theme=dark;logboom_language=ko";
        assert_eq!(cookie(header, THEME_COOKIE), Some("dark"));
        assert_eq!(cookie(header, LANGUAGE_COOKIE), Some("ko"));
        assert_eq!(cookie(header, "theme"), None);
        assert_eq!(parameter("q=a&theme=light", "theme"), Some("light"));
    }

    #[test]
    fn the_toggle_goes_round_all_themes() {
        assert_eq!(Theme::System.next().next().next(), Theme::System);
        for theme in [Theme::System, Theme::Light, Theme::Dark] {
            assert_eq!(Theme::read(theme.attribute()), Some(theme));
        }
    }
}
