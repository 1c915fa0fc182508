//! The user's preferences: theme and language.
//!
//! Both are stored in cookies, because the server needs them for rendering. Without a cookie, the system's theme and
//! the browser's language apply. The links `?theme=` and `?language=` set them without JavaScript.

use leptos::prelude::*;

use crate::texts::Language;

const THEME_COOKIE: &str = "logboom_theme";
const LANGUAGE_COOKIE: &str = "logboom_language";

/// The colour scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Theme {
    /// Follows the system.
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

    /// The next theme of the toggle.
    pub(crate) fn next(self) -> Self {
        match self {
            Self::System => Self::Light,
            Self::Light => Self::Dark,
            Self::Dark => Self::System,
        }
    }
}

/// Theme and language of one user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Preferences {
    pub(crate) theme: Theme,
    pub(crate) language: Language,
}

impl Preferences {
    /// Reads them from the current request, or from the page during hydration.
    #[cfg(feature = "ssr")]
    pub(crate) fn from_request() -> Self {
        let Some(parts) = use_context::<http::request::Parts>() else { return Self::default() };
        let (preferences, changed) = Self::of(&parts.headers, parts.uri.query().unwrap_or_default());
        if let Some(response) = use_context::<leptos_axum::ResponseOptions>() {
            changed.into_iter().for_each(|cookie| response.append_header(http::header::SET_COOKIE, cookie));
        }
        preferences
    }

    /// Reads them from a request. Also returns the cookies that keep a choice made by its query.
    #[cfg(feature = "ssr")]
    pub(crate) fn of(headers: &http::HeaderMap, query: &str) -> (Self, Vec<http::HeaderValue>) {
        use http::header;
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let cookies = text(header::COOKIE);
        let theme = parameter(query, "theme").and_then(Theme::read);
        let language = parameter(query, "language").and_then(Language::read);
        let preferences = Self {
            theme: theme.or_else(|| cookie(cookies, THEME_COOKIE).and_then(Theme::read)).unwrap_or_default(),
            language: language
                .or_else(|| cookie(cookies, LANGUAGE_COOKIE).and_then(Language::read))
                .unwrap_or_else(|| Language::accepted(text(header::ACCEPT_LANGUAGE))),
        };
        let chosen = [(THEME_COOKIE, theme.map(Theme::attribute)), (LANGUAGE_COOKIE, language.map(Language::code))];
        let changed = chosen.into_iter().filter_map(|(name, value)| {
            let text = cookie_text(name, value?);
            http::HeaderValue::from_str(&text).ok()
        });
        (preferences, changed.collect())
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

/// A cookie for one year, for this site only.
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

/// Applies the theme and stores it.
#[cfg(target_arch = "wasm32")]
pub(crate) fn apply_theme(theme: Theme) {
    if let Some(root) = document().document_element() {
        // Best effort: nothing depends on the attribute.
        let _ = root.set_attribute("data-theme", theme.attribute());
    }
    set_cookie(&cookie_text(THEME_COOKIE, theme.attribute()));
}

/// Stores the language and reloads the page, because the server renders every text.
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
