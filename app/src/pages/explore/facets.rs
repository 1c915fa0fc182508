//! The fields of what matches, with their most frequent values: a click demands one,
//! with Alt it refuses it, and once more takes that back.

use std::time::Duration;

use leptos::{ev::MouseEvent, prelude::*};
use model::{
    api::{FacetValue, FieldView},
    query::Field,
};

use crate::{
    backend::FacetsRequest,
    components::{Icon, IconName},
    effect::{effect, every, until_cleanup},
    server_functions,
    state::{
        explorer::Explorer,
        filter,
        histogram::{grouped, short},
        view::{Search, View},
    },
    texts::texts,
};

/// The attributes that are shown beside service and node, and the values of each.
const ATTRIBUTES: usize = 8;
const VALUES: usize = 8;
/// An attribute is worth showing while its values repeat.
const REPEATS: u64 = 3;
/// How often the counts follow a tail.
const RECOUNT: Duration = Duration::from_secs(15);
/// The same where there are none yet: they are waited for.
const FIRST: Duration = Duration::from_secs(3);
/// Where the browser keeps whether they are shown, and the width from which they are at first.
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
    keep_choice(explorer);
    load(explorer, panels);
    let content = move || match panels.get() {
        None => view! { <p class="loading">{t.loading}</p> }.into_any(),
        Some(panels) if panels.is_empty() => view! { <p class="loading">{t.facets_none}</p> }.into_any(),
        Some(panels) => {
            // Followed here once: panels come every few seconds, and would leave a trace in
            // each signal that they followed.
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
    let column = (t.column_add)(&name);
    let as_column = view.toggle_column(&name).url();
    let can_be_column = !matches!(field, Field::Service | Field::Level);
    let lines = values.into_iter().map(|value| line(explorer, view, &field, value, highest)).collect_view();
    let title = name.clone();
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
    let stance = filter::stance(query, &part);
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
    let refuse = (t.facet_without)(&value.value);
    let title = format!("{}: {}", value.value, grouped(value.count));
    let (text, name) = (value.value.clone(), value.value);
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

/// Shown as it was the last time in this browser; at first where there is room.
fn keep_choice(explorer: Explorer) {
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
        // Where there is no room they cover the list, and nobody wants that to begin with.
        explorer.facets.set(wide() && kept.is_none_or(|kept| kept == "1"));
    });
}

/// Asks for them whenever the search changes, and now and then while it is live.
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
        // Records come first. What is under way for the search before is given up.
        let about = server_functions::written(&(&search, explorer.reload.get()));
        if explorer.listed.get() != Some(about) {
            return;
        }
        until_cleanup(async move {
            let Ok(fields) = server_functions::fields(search.fields()).await else { return };
            explorer.fields.set(fields.clone());
            if shown {
                let found = ask(&search, &fields).await;
                if found.is_empty() && search.is_live() {
                    set_timeout(again, FIRST);
                }
                panels.set(Some(found));
            }
        });
    });
}

/// All its values are shown, or they repeat.
fn is_worth(field: &FieldView) -> bool {
    field.values <= VALUES as u64 || field.values * REPEATS <= field.count
}

async fn ask(search: &Search, fields: &[FieldView]) -> Vec<Panel> {
    let worth = fields.iter().filter(|field| is_worth(field)).take(ATTRIBUTES);
    let names = ["service", "node"].into_iter().chain(worth.map(|field| field.name.as_str()));
    // A field that is filtered by shows its other values as well, so it is asked for without.
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
    // Service and node first, then by name, so that nothing jumps about.
    panels.sort_by_key(|panel| (panel.field != Field::Service, panel.field != Field::Node, panel.name.clone()));
    panels
}
