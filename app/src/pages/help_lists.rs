//! The content of the help dialog. Only the server renders it.

use leptos::prelude::*;

use crate::texts::{Language, help};

/// The lists of keys and of the query language.
pub(crate) fn html(language: Language) -> String {
    let t = help::of(language);
    let list = |title: &'static str, entries: &'static [(&'static str, &'static str)]| {
        let entry = |(name, text): &(&'static str, &'static str)| {
            view! { <div><dt><kbd>{*name}</kbd></dt><dd>{*text}</dd></div> }
        };
        view! {
            <section>
                <h2>{title}</h2>
                <dl>{entries.iter().map(entry).collect_view()}</dl>
            </section>
        }
    };
    view! { {list(t.language_title, t.language)} {list(t.keys_title, t.keys)} }.to_html()
}
