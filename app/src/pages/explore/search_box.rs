//! The search box: highlighting and completion.

use std::collections::HashMap;

use leptos::{
    ev::{Event, KeyboardEvent},
    html::Input,
    prelude::*,
    task::spawn_local,
};
use model::{api::FacetValue, query::highlight};

use crate::{
    backend::FacetsRequest,
    components::{Icon, IconName},
    effect::effect,
    server_functions,
    state::{
        complete::{self, Suggestion, Word, WordKind},
        explorer::Explorer,
        histogram::short,
        shown::shown,
    },
    texts::texts,
};

/// The number of values requested per field.
const VALUES: usize = 50;
/// The storage key of the search history, and its length.
const HISTORY: &str = "logboom_history";
const REMEMBERED: usize = 50;

/// The state of the box.
#[derive(Clone, Copy)]
struct Typing {
    input: NodeRef<Input>,
    text: RwSignal<String>,
    caret: RwSignal<usize>,
    /// Whether suggestions are open: after typing, until Escape.
    open: RwSignal<bool>,
    chosen: RwSignal<Option<usize>>,
    values: RwSignal<HashMap<String, Vec<FacetValue>>>,
    history: RwSignal<Vec<String>>,
}

impl Typing {
    fn word(self) -> Option<Word> {
        self.text.with(|text| complete::word(text, self.caret.get()))
    }

    /// Reads the input after the browser has changed it.
    fn read(self) {
        let Some(input) = self.input.get_untracked() else { return };
        let text = input.value();
        let caret = input.selection_start().ok().flatten().unwrap_or_default() as usize;
        self.caret.set(bytes(&text, caret));
        self.text.set(text);
        self.chosen.set(None);
    }

    fn write(self, text: &str, caret: usize) {
        let Some(input) = self.input.get_untracked() else { return };
        input.set_value(text);
        let caret = text.get(..caret).unwrap_or(text).encode_utf16().count() as u32;
        // A removed input has no caret.
        let _ = input.set_selection_range(caret, caret);
        self.read();
    }
}

/// Converts an offset in UTF-16 code units, as used by browsers, to bytes.
fn bytes(text: &str, units: usize) -> usize {
    let mut left = units;
    text.char_indices()
        .find(|(_, letter)| {
            let here = left == 0;
            left = left.saturating_sub(letter.len_utf16());
            here
        })
        .map_or(text.len(), |(place, _)| place)
}

/// The input of the search form; a plain one without JavaScript.
#[component]
pub(super) fn SearchBox(input: NodeRef<Input>) -> impl IntoView {
    let t = texts();
    let explorer = Explorer::expect();
    let typing = Typing {
        input,
        text: RwSignal::new(explorer.search.with_untracked(|search| search.query.clone())),
        caret: RwSignal::default(),
        open: RwSignal::default(),
        chosen: RwSignal::default(),
        values: RwSignal::default(),
        history: RwSignal::default(),
    };
    effect(move |_| {
        typing.text.set(explorer.search.with(|search| search.query.clone()));
        typing.open.set(false);
        remember(&explorer.search.with_untracked(|search| search.query.clone()), typing.history);
    });
    load_values(explorer, typing);
    let suggestions = Memo::new(move |_| suggested(explorer, typing));
    let is_open = Memo::new(move |_| typing.open.get() && suggestions.with(|found| !found.is_empty()));

    let painted = move || {
        typing.text.with(|text| {
            let mut at = 0;
            let mut pieces = Vec::new();
            // An empty text node would be rendered as a blank.
            let plain = |pieces: &mut Vec<AnyView>, piece: &str| {
                if !piece.is_empty() {
                    pieces.push(view! { <span>{piece.to_owned()}</span> }.into_any());
                }
            };
            for span in highlight(text) {
                plain(&mut pieces, text.get(at..span.start).unwrap_or_default());
                let class = format!("q-{}", span.kind.name());
                let piece = text.get(span.range()).unwrap_or_default().to_owned();
                pieces.push(view! { <span class=class>{piece}</span> }.into_any());
                at = span.end;
            }
            plain(&mut pieces, text.get(at..).unwrap_or_default());
            pieces.collect_view()
        })
    };
    let scrolled = RwSignal::new(0);
    let on_scroll = move |_: Event| scrolled.set(input.get_untracked().map_or(0, |input| input.scroll_left()));
    view! {
        <div class="search-box">
            <Icon name=IconName::Search />
            <label class="unseen" for="search">{t.search_label}</label>
            <div class="painted" aria-hidden="true">
                <div style=move || format!("transform:translateX({}px)", -scrolled.get())>{move || painted()}</div>
            </div>
            <input
                node_ref=input
                type="search"
                name="q"
                id="search"
                value=explorer.search.with_untracked(|search| search.query.clone())
                prop:value=move || explorer.search.with(|search| search.query.clone())
                placeholder=t.search_hint
                autocomplete="off"
                autocapitalize="off"
                spellcheck="false"
                maxlength=model::limits::QUERY_BYTES.to_string()
                data-testid="search-input"
                role="combobox"
                aria-autocomplete="list"
                aria-controls="suggestions"
                aria-expanded=move || is_open.get().to_string()
                aria-activedescendant=move || typing.chosen.get().map(|place| format!("suggestion-{place}"))
                on:input=move |_| {
                    typing.read();
                    typing.open.set(true);
                    scrolled.set(input.get_untracked().map_or(0, |input| input.scroll_left()));
                }
                on:scroll=on_scroll
                on:focus=move |_| {
                    typing.read();
                    typing.history.set(history());
                }
                on:blur=move |_| typing.open.set(false)
                on:keydown=move |event| on_key(typing, suggestions, is_open.get_untracked(), &event)
            />
            <kbd aria-hidden="true">"/"</kbd>
            <Suggestions typing suggestions is_open />
        </div>
    }
    .into_any()
}

#[component]
fn Suggestions(typing: Typing, suggestions: Memo<Vec<Suggestion>>, is_open: Memo<bool>) -> impl IntoView {
    let t = texts();
    let entry = move |(place, suggestion): (usize, Suggestion)| {
        let text = shown(&suggestion.text);
        view! {
            <li
                id=format!("suggestion-{place}")
                role="option"
                aria-selected=move || (typing.chosen.get() == Some(place)).to_string()
                data-testid="suggestion"
                // Runs before the input loses the focus.
                on:mousedown=move |event| {
                    event.prevent_default();
                    accept(typing, &suggestion);
                }
            >
                <span>{text}</span>
                <small>{suggestion.count.map(short)}</small>
            </li>
        }
    };
    let entries = move || is_open.get().then(|| suggestions.get().into_iter().enumerate().map(entry).collect_view());
    view! {
        <ul id="suggestions" class="suggestions" role="listbox" aria-label=t.suggestions hidden=move || !is_open.get()>
            {move || entries()}
        </ul>
    }
    .into_any()
}

fn suggested(explorer: Explorer, typing: Typing) -> Vec<Suggestion> {
    if typing.text.with(|text| text.trim().is_empty()) {
        return typing.history.with(|history| complete::earlier(history));
    }
    match typing.word().map(|word| word.kind) {
        Some(WordKind::Name(begin)) => explorer.fields.with(|fields| complete::names(&begin, fields)),
        Some(WordKind::Value { field, begin }) => {
            { typing.values.with(|values| values.get(&field).map(|values| complete::values(&field, &begin, values))) }
                .unwrap_or_default()
        }
        None => Vec::new(),
    }
}

/// Requests the values of the field being typed, once per field.
fn load_values(explorer: Explorer, typing: Typing) {
    let field = Memo::new(move |_| match typing.word().map(|word| word.kind) {
        Some(WordKind::Value { field, .. }) if typing.open.get() => Some(field),
        _ => None,
    });
    effect(move |_| {
        let Some(field) = field.get().filter(|field| typing.values.with_untracked(|known| !known.contains_key(field)))
        else {
            return;
        };
        let (from, to) = explorer.search.with_untracked(|search| search.counted());
        let request = FacetsRequest { query: String::new(), from, to, fields: vec![field.clone()], limit: VALUES };
        spawn_local(async move {
            if let Ok(facets) = server_functions::facets(request).await {
                let _ = typing.values.try_update(|known| known.extend(facets));
            }
        });
    });
}

/// Keys of the suggestion list; the input handles all others.
fn on_key(typing: Typing, suggestions: Memo<Vec<Suggestion>>, is_open: bool, event: &KeyboardEvent) {
    let count = suggestions.with_untracked(Vec::len);
    let chosen = typing.chosen.get_untracked();
    match event.key().as_str() {
        "ArrowDown" if !is_open && count > 0 => typing.open.set(true),
        "ArrowDown" if is_open => typing.chosen.set(Some(chosen.map_or(0, |place| (place + 1) % count))),
        "ArrowUp" if is_open => typing.chosen.set(Some(chosen.map_or(count - 1, |place| (place + count - 1) % count))),
        "Escape" if is_open => {
            typing.open.set(false);
            // Escape closes the list; a second one leaves the input.
            event.stop_propagation();
        }
        "Enter" | "Tab" if is_open => {
            let place = match (chosen, event.key().as_str()) {
                (Some(place), _) => place,
                (None, "Tab") => 0,
                // Enter searches the typed text.
                (None, _) => return,
            };
            if let Some(suggestion) = suggestions.with_untracked(|found| found.get(place).cloned()) {
                accept(typing, &suggestion);
            }
        }
        _ => {
            request_animation_frame(move || {
                if let Some(input) = typing.input.get_untracked() {
                    let caret = input.selection_start().ok().flatten().unwrap_or_default() as usize;
                    typing.caret.set(bytes(&typing.text.get_untracked(), caret));
                }
            });
            return;
        }
    }
    event.prevent_default();
}

fn accept(typing: Typing, suggestion: &Suggestion) {
    let text = typing.text.get_untracked();
    let word = if text.trim().is_empty() { None } else { complete::word(&text, typing.caret.get_untracked()) };
    let (text, caret) = complete::accept(&text, word.as_ref(), suggestion);
    typing.write(&text, caret);
    typing.open.set(suggestion.open);
}

/// The search history of this browser, newest first; empty without storage.
fn history() -> Vec<String> {
    let stored = window().local_storage().ok().flatten().and_then(|storage| storage.get_item(HISTORY).ok().flatten());
    stored.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}

fn remember(query: &str, shown: RwSignal<Vec<String>>) {
    let mut queries = history();
    if !query.is_empty() {
        queries.retain(|other| other != query);
        queries.insert(0, query.to_owned());
        queries.truncate(REMEMBERED);
        if let (Ok(Some(storage)), Ok(text)) = (window().local_storage(), serde_json::to_string(&queries)) {
            // If the storage is full or forbidden, the history is not saved.
            let _ = storage.set_item(HISTORY, &text);
        }
    }
    shown.set(queries);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caret_is_counted_in_bytes() {
        for (text, units, expected) in [("abc", 2, 2), ("한글 a", 3, 7), ("😀b", 2, 4), ("ab", 9, 2), ("", 0, 0)] {
            assert_eq!(bytes(text, units), expected, "{text}");
        }
    }
}
