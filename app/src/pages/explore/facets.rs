//! The fields of the matches, with their most frequent values. A click requires a value, Alt+click excludes it, and
//! another click removes the filter.

use std::time::Duration;

use leptos::{ev::MouseEvent, prelude::*};
use model::{
    api::{FacetValue, FieldView},
    query::Field,
};

use crate::{
    backend::FacetsRequest,
    components::{Icon, IconName, loading, notice},
    effect::{effect, every, until_cleanup},
    server_functions,
    state::{
        explorer::Explorer,
        filter,
        histogram::{grouped, short},
        shown::shown,
        view::{Search, View},
    },
    texts::texts,
};

/// The number of attributes shown besides service and node, and the values per field.
const ATTRIBUTES: usize = 8;
const VALUES: usize = 8;
/// An attribute is shown only if its values repeat.
const REPEATS: u64 = 3;
/// The interval at which counts are refreshed during a tail.
const RECOUNT: Duration = Duration::from_secs(15);
/// The interval while there are no counts yet.
const FIRST: Duration = Duration::from_secs(3);
/// The storage key of the panel's visibility, and the window width from which it is open by default.
const SHOWN: &str = "logboom_facets";
const WIDE: f64 = 1_200.0;

/// One field and its values.
#[derive(Debug, Clone, PartialEq)]
struct Panel {
    name: String,
    field: Field,
    values: Vec<FacetValue>,
}

#[component]
pub(super) fn Facets() -> impl IntoView {
    let t = texts();
    let explorer = Explorer::expect();
    let panels = RwSignal::new(None::<Vec<Panel>>);
    persist_visibility(explorer);
    load(explorer, panels);
    let content = move || match panels.get() {
        None => loading(),
        Some(panels) if panels.is_empty() => notice("loading", "no-facets", t.facets_none.to_owned()),
        Some(panels) => {
            // Subscribes once here. Panels are recreated every few seconds, and signals remember all their
            // subscribers.
            let view = explorer.view.get();
            panels.into_iter().map(|panel| section(explorer, &view, panel)).collect_view().into_any()
        }
    };
    let content = StoredValue::new(content);
    view! {
        {move || {
            explorer.facets.get().then(|| {
                view! {
                    <aside class="facets" aria-label=t.facets data-testid="facets">
                        {move || content.with_value(|content| content())}
                    </aside>
                }
                .into_any()
            })
        }}
    }
    .into_any()
}

fn section(explorer: Explorer, view: &View, panel: Panel) -> AnyView {
    let t = texts();
    let Panel { name, field, values } = panel;
    let highest = values.iter().map(|value| value.count).max().unwrap_or(1).max(1);
    let title = shown(&name);
    let column = (t.column_add)(&title);
    let as_column = view.toggle_column(&name).url();
    let can_be_column = !matches!(field, Field::Service | Field::Level);
    let lines = values.into_iter().map(|value| line(explorer, view, &field, value, highest)).collect_view();
    view! {
        <section data-testid="facet" data-field=name>
            <h2>
                {title}
                {can_be_column.then(|| view! {
                    <a class="act" href=as_column title=column.clone() aria-label=column><Icon name=IconName::Column /></a>
                })}
            </h2>
            <ul>{lines}</ul>
        </section>
    }
    .into_any()
}

fn line(explorer: Explorer, view: &View, field: &Field, value: FacetValue, highest: u64) -> AnyView {
    let t = texts();
    let Some(part) = filter::value_part(field.clone(), &value.value) else { return ().into_any() };
    let query = &view.search.query;
    let stance = filter::filter_state(query, &part);
    let to = |out: bool| {
        let query =
            if stance == Some(!out) { filter::drop_part(query, &part) } else { filter::with(query, &part, out) };
        view.with_query(query)
    };
    let (within, without) = (to(false).url(), to(true));
    let without_url = without.url();
    let click = move |event: MouseEvent| {
        if event.alt_key() {
            event.prevent_default();
            explorer.go(&without);
        }
    };
    let (text, name) = (shown(&value.value), value.value);
    let refuse = (t.facet_without)(&text);
    let title = format!("{text}: {}", grouped(value.count));
    let state = match stance {
        Some(true) => "in",
        Some(false) => "out",
        None => "",
    };
    let share = format!("--share:{:.3}", value.count as f64 / highest as f64);
    view! {
        <li data-stance=state style=share>
            <a
                href=within
                title=title
                aria-pressed=(stance == Some(true)).to_string()
                role="button"
                data-testid="facet-value"
                data-value=name
                on:click=click
            >
                <span>{text}</span>
                <small>{short(value.count)}</small>
            </a>
            <a class="act" href=without_url title=refuse.clone() aria-label=refuse data-testid="facet-out">
                <Icon name=IconName::Minus />
            </a>
        </li>
    }
    .into_any()
}

/// Restores the visibility from the last visit; by default open on wide windows.
fn persist_visibility(explorer: Explorer) {
    effect(move |first| {
        let shown = explorer.facets.get();
        let storage = window().local_storage().ok().flatten();
        if !first {
            if let Some(storage) = storage {
                let _ = storage.set_item(SHOWN, if shown { "1" } else { "0" });
            }
            return;
        }
        let wide = || window().inner_width().ok().and_then(|width| width.as_f64()).is_some_and(|width| width >= WIDE);
        let kept = storage.and_then(|storage| storage.get_item(SHOWN).ok().flatten());
        // On a narrow window the panel covers the list, so it starts closed.
        explorer.facets.set(wide() && kept.is_none_or(|kept| kept == "1"));
    });
}

/// Loads the panels whenever the search changes, and periodically while it is live.
fn load(explorer: Explorer, panels: RwSignal<Option<Vec<Panel>>>) {
    let tick = RwSignal::new(0u32);
    let again = move || {
        let _ = tick.try_update(|tick| *tick += 1);
    };
    every(RECOUNT, move || {
        let live = explorer.search.with_untracked(|search| search.is_live());
        if live && explorer.facets.get_untracked() && !document().hidden() {
            again();
        }
    });
    effect(move |_| {
        let search = explorer.search.get();
        tick.track();
        let shown = explorer.facets.get();
        // Records load first. A request for the previous search is aborted.
        let about = server_functions::to_json(&(&search, explorer.reload.get()));
        if explorer.listed.get() != Some(about) {
            return;
        }
        until_cleanup(async move {
            let Ok(fields) = server_functions::fields(search.fields()).await else { return };
            explorer.fields.set(fields.clone());
            if shown {
                let found = load_values(&search, &fields).await;
                if found.is_empty() && search.is_live() {
                    set_timeout(again, FIRST);
                }
                panels.set(Some(found));
            }
        });
    });
}

/// Whether a field is worth showing: all its values fit, or they repeat.
fn is_worth(field: &FieldView) -> bool {
    field.values <= VALUES as u64 || field.values * REPEATS <= field.count
}

async fn load_values(search: &Search, fields: &[FieldView]) -> Vec<Panel> {
    let worth = fields.iter().filter(|field| is_worth(field)).take(ATTRIBUTES);
    let names = ["service", "node"].into_iter().chain(worth.map(|field| field.name.as_str()));
    // A field in the filter also shows its other values, so it is requested without that filter.
    let mut requests: Vec<(String, Vec<String>)> = vec![(search.query.clone(), Vec::new())];
    for name in names {
        let Some(field) = Field::parse_name(name) else { continue };
        match filter::without(&search.query, &field) {
            (query, true) => requests.push((query, vec![name.to_owned()])),
            (_, false) => requests.iter_mut().take(1).for_each(|(_, names)| names.push(name.to_owned())),
        }
    }
    let (from, to) = search.counted();
    let mut panels = Vec::new();
    for (query, names) in requests.into_iter().filter(|(_, names)| !names.is_empty()) {
        let request = FacetsRequest { query, from: from.clone(), to: to.clone(), fields: names, limit: VALUES };
        let Ok(facets) = server_functions::facets(request).await else { continue };
        panels.extend(facets.into_iter().filter_map(|(name, values)| {
            let field = Field::parse_name(&name)?;
            (!values.is_empty()).then_some(Panel { name, field, values })
        }));
    }
    // Service and node first, then by name, for a stable order.
    panels.sort_by_key(|panel| (panel.field != Field::Service, panel.field != Field::Node, panel.name.clone()));
    panels
}
