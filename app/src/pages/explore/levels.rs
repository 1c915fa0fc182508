//! Level chips: counts per level, and a filter by click.

use leptos::prelude::*;
use model::{LevelClass, query::Field};

use crate::{
    backend::FacetsRequest,
    effect::{effect, until_cleanup},
    server_functions,
    state::{
        explorer::Explorer,
        filter,
        histogram::{Counts, grouped, short},
        view::View,
    },
    texts::texts,
};

/// Links, so that they work without JavaScript and open in a new tab. Without numbers while nothing is counted.
pub(super) fn levels(view: &View, totals: Option<Counts>) -> AnyView {
    let t = texts();
    let chosen = filter::levels(&view.search.query);
    let chip = |level: LevelClass| {
        let count = totals.map(|totals| totals[level.index()]);
        let url = view.with_query(filter::toggle_level(&view.search.query, level)).url();
        view! {
            <a
                class=format!("chip level-{level}")
                href=url
                role="button"
                aria-pressed=chosen.contains(&level).to_string()
                data-testid=format!("level-chip-{level}")
                title=count.map(grouped).unwrap_or_default()
            >
                <span class="shape" aria-hidden="true"></span>
                {level.name()}
                <span class="chip-count">{count.map(short).unwrap_or_default()}</span>
            </a>
        }
    };
    // The most severe first, because users look for it.
    let chips = LevelClass::ALL.into_iter().rev().map(chip).collect_view();
    view! {
        <nav class="levels" aria-label=t.levels_label data-any=(!chosen.is_empty()).to_string()>
            {chips}
        </nav>
    }
    .into_any()
}

/// The counts per level without the level filter, if there is one. Requested only in the browser.
pub(super) fn counts_without_filter(explorer: Explorer) -> RwSignal<Option<Counts>> {
    let counts = RwSignal::new(None);
    effect(move |_| {
        let search = explorer.search.get();
        let (query, true) = filter::without(&search.query, &Field::Level) else {
            counts.set(None);
            return;
        };
        let (from, to) = search.counted();
        let request = FacetsRequest { query, from, to, fields: vec!["level".into()], limit: LevelClass::ALL.len() };
        until_cleanup(async move {
            let Ok(facets) = server_functions::facets(request).await else { return };
            let mut found = Counts::default();
            for value in facets.into_values().flatten() {
                if let Ok(class) = value.value.parse::<LevelClass>() {
                    found[class.index()] = value.count;
                }
            }
            counts.set(Some(found));
        });
    });
    counts
}
