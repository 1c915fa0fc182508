//! The document title: the page, or the query.

use leptos::prelude::*;
use leptos_router::hooks::use_location;

use crate::{
    effect::effect,
    state::{shown::shown, view::View},
    texts::{Texts, texts},
};

/// The title of the page at this address; `query` is the part after the question mark.
pub(crate) fn title_of(path: &str, query: &str, t: &Texts) -> String {
    let search = shown(&View::read(query).search.query);
    let name = match path {
        "/" | "/dashboard" if search.is_empty() => return "Logboom".to_owned(),
        "/" | "/dashboard" => &search,
        "/overview" => t.place_overview,
        "/system" => t.place_system,
        "/system/access" => t.place_access,
        "/connect" => t.place_connect,
        _ => t.not_found_title,
    };
    format!("{name} · Logboom")
}

/// Keeps the title up to date in the browser; the server renders the first one.
#[component]
pub(crate) fn PageTitle() -> impl IntoView {
    let location = use_location();
    effect(move |is_first| {
        let title = title_of(&location.pathname.get(), &location.search.get(), texts());
        if !is_first {
            document().set_title(&title);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts::{Language, texts_of};

    #[test]
    fn a_search_is_its_own_title_and_a_page_has_its_name() {
        let title = |path, query| title_of(path, query, texts_of(Language::English));
        assert_eq!(title("/", ""), "Logboom");
        assert_eq!(title("/", "q=level%3Aerror&range=1h"), "level:error · Logboom");
        assert_eq!(title("/", "q=%E2%80%AEa"), "\\u{202e}a · Logboom");
        assert_eq!(title("/system", "q=x"), "System · Logboom");
        assert_eq!(title("/system/access", ""), "Access · Logboom");
        assert_eq!(title("/nowhere", ""), format!("{} · Logboom", texts_of(Language::English).not_found_title));
    }
}
