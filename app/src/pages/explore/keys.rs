//! Keyboard shortcuts. The texts of the help list the same keys.

use leptos::{
    ev::{self, KeyboardEvent},
    prelude::*,
};
use model::{LevelClass, query::Field};
use wasm_bindgen::JsCast as _;
use web_sys::{Element, HtmlElement, HtmlInputElement};

use super::stream::toggle_row;
use crate::{
    components::{copy_text, next_theme},
    effect::effect,
    preferences::Theme,
    state::{explorer::Explorer, filter, view::Beside},
};

/// Handles keys until the page is left.
pub(super) fn listen(explorer: Explorer, theme: RwSignal<Theme>) {
    effect(move |_| {
        let listener = window_event_listener(ev::keydown, move |event| on_key(explorer, theme, &event));
        on_cleanup(move || listener.remove());
    });
}

fn on_key(explorer: Explorer, theme: RwSignal<Theme>, event: &KeyboardEvent) {
    if event.ctrl_key() || event.meta_key() || event.alt_key() || event.is_composing() {
        return;
    }
    let focused = document().active_element();
    let key = event.key();
    if let Some(field) = focused.as_ref().filter(|element| is_field(element)) {
        if key == "Escape" {
            blur(field);
        }
        return;
    }
    if explorer.help.get_untracked() {
        if key == "?" {
            explorer.help.set(false);
        }
        return;
    }
    // A focused control handles Space and Enter itself.
    let is_control = focused.as_ref().is_some_and(|element| matches!(element.tag_name().as_str(), "A" | "BUTTON"));
    match key.as_str() {
        "/" => focus_search(),
        "Escape" => escape(explorer, focused.as_ref()),
        "j" | "ArrowDown" => step(explorer, focused.as_ref(), true),
        "k" | "ArrowUp" => step(explorer, focused.as_ref(), false),
        "Enter" if !is_control => {
            let Some(row) = focused.and_then(|element| element.closest(".row").ok().flatten()) else { return };
            toggle_row(explorer, &row);
        }
        " " if !is_control => {
            if explorer.search.with_untracked(|search| search.is_live()) {
                explorer.toggle_follow();
            }
        }
        "End" | "G" => explorer.resume(),
        "e" => toggle_errors(explorer),
        "f" | "F" => filter_by(explorer, focused.as_ref(), key == "F"),
        "c" => beside(explorer, focused.as_ref(), "data-id", Beside::Context),
        "t" => beside(explorer, focused.as_ref(), "data-trace", Beside::Trace),
        "[" => shift(explorer, -1),
        "]" => shift(explorer, 1),
        "b" => explorer.facets.update(|shown| *shown = !*shown),
        "w" => explorer.wrap.update(|wrap| *wrap = !*wrap),
        "y" => copy_text(&location().href().unwrap_or_default()),
        "d" => next_theme(theme),
        "?" => explorer.help.set(true),
        _ => return,
    }
    event.prevent_default();
}

fn is_field(element: &Element) -> bool {
    matches!(element.tag_name().as_str(), "INPUT" | "SELECT" | "TEXTAREA")
}

fn blur(element: &Element) {
    if let Some(element) = element.dyn_ref::<HtmlElement>() {
        // An element that cannot be blurred has no focus.
        let _ = element.blur();
    }
}

fn focus_search() {
    let input = document().get_element_by_id("search").and_then(|input| input.dyn_into::<HtmlInputElement>().ok());
    if let Some(input) = input {
        let _ = input.focus();
        input.select();
    }
}

/// Closes the innermost open element.
fn escape(explorer: Explorer, focused: Option<&Element>) {
    let view = explorer.view.get_untracked();
    match focused {
        _ if view.beside.is_some() => explorer.go(&view.with_beside(None)),
        _ if view.at.is_some() => explorer.go(&view.with_at(None)),
        Some(element) => blur(element),
        None => {}
    }
}

/// Moves the focus to the next or previous row; without a focused row, to the newest.
fn step(explorer: Explorer, focused: Option<&Element>, down: bool) {
    let Ok(rows) = document().query_selector_all(".list .row") else { return };
    let current = focused.and_then(|element| element.closest(".row").ok().flatten());
    let place = |row: &Element| (0..rows.length()).find(|place| rows.item(*place).is_some_and(|node| node == **row));
    let next = match current.as_ref().and_then(place) {
        Some(place) if down => place + 1,
        Some(place) => place.saturating_sub(1),
        None => rows.length().saturating_sub(1),
    };
    let row = rows.item(next.min(rows.length().saturating_sub(1)));
    if let Some(row) = row.and_then(|row| row.dyn_into::<HtmlElement>().ok()) {
        explorer.freeze();
        let _ = row.focus();
    }
}

/// Requires or excludes the focused field; on a row, its service.
fn filter_by(explorer: Explorer, focused: Option<&Element>, out: bool) {
    let closest = |selector| focused.and_then(|element| element.closest(selector).ok().flatten());
    let part = closest("[data-part]").and_then(|field| field.get_attribute("data-part")).or_else(|| {
        let service = closest(".row")?.get_attribute("data-service")?;
        Some(filter::with("", &filter::value_part(Field::Service, &service)?, false))
    });
    if let Some(part) = part {
        let view = explorer.view.get_untracked();
        explorer.go(&view.with_query(filter::with_text(&view.search.query, &part, out)));
    }
}

/// Shows the side panel for an attribute of the focused row, or closes it if already shown.
fn beside(explorer: Explorer, focused: Option<&Element>, attribute: &str, make: fn(String) -> Beside) {
    let view = explorer.view.get_untracked();
    let row = focused.and_then(|element| element.closest(".row").ok().flatten());
    let row = row.or_else(|| document().query_selector(".row:has(.detail)").ok().flatten());
    let Some(id) = row.and_then(|row| row.get_attribute(attribute)) else { return };
    let wanted = Some(make(id));
    explorer.freeze();
    explorer.go(&view.with_beside(if view.beside == wanted { None } else { wanted }));
}

/// Moves the time range by its own length.
fn shift(explorer: Explorer, by: i64) {
    let view = explorer.view.get_untracked();
    if let Some(range) = view.search.range.shifted(by, js_sys::Date::now() as i64) {
        explorer.go(&view.with_range(range));
    }
}

/// Toggles the filter by errors and fatal records.
fn toggle_errors(explorer: Explorer) {
    let view = explorer.view.get_untracked();
    let errors = vec![LevelClass::Error, LevelClass::Fatal];
    let wanted = if filter::levels(&view.search.query) == errors { Vec::new() } else { errors };
    explorer.go(&view.with_query(filter::set_levels(&view.search.query, wanted)));
}
