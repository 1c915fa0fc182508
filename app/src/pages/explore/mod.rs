//! Explore: every log, searched and live. The page at `/`.
//!
//! ```text
//! ┌ top:      pages · tools
//! ├ head:     search box · time range · live status · saved views
//! ├ overview: levels · histogram
//! ├ bar:      records or patterns · columns · wrap · export
//! └ facets ┬ records: newest last, following the tail  ┬ beside: context or trace
//!          └ patterns: the kinds of messages            ┘
//! ```

mod bar;
mod beside;
mod blocks;
mod detail;
mod facets;
mod failure;
mod head;
mod help;
mod histogram;
mod keys;
mod levels;
mod linked;
mod near;
mod nothing;
mod older;
mod panels;
mod patterns;
mod range;
mod row;
mod search_box;
mod status;
mod stream;
mod views;

use std::time::Duration;

use leptos::prelude::*;
use model::api::HistogramView;

use crate::{
    components::{Page, TopBar, awaited, loading},
    effect::{effect, every},
    preferences::Preferences,
    server_functions::{self, RequestState},
    state::{
        explorer::Explorer,
        histogram::Bars,
        view::{Search, Show, View},
    },
    texts::texts,
};
use bar::Bar;
use facets::Facets;
use failure::Failure;
use head::Head;
use help::Help;
use histogram::Histogram;
use linked::Linked;
#[cfg(feature = "split")]
pub(super) use panels::load_panels;
use stream::Stream;

/// The minimum interval between refreshes of the counts during a tail.
const RECOUNT: Duration = Duration::from_secs(3);

/// The page.
#[component]
pub(super) fn Explore() -> impl IntoView {
    let t = texts();
    let explorer = Explorer::provide();
    let theme = RwSignal::new(use_context::<Preferences>().unwrap_or_default().theme);
    keys::listen(explorer, theme);

    let page = RequestState::new(move || {
        let search = explorer.search.get();
        (server_functions::logs(search.page()), (search, explorer.reload.get()))
    });
    effect(move |_| explorer.listed.set(page.about()));
    let counts = RequestState::new(move || {
        (server_functions::histogram(explorer.search.with(Search::histogram)), explorer.reload.get())
    });
    counts.complete_page();
    recount(explorer, counts);
    let others = levels::counts_without_filter(explorer);

    let show = Memo::new(move |_| explorer.view.with(|view: &View| view.show));
    let beside = Memo::new(move |_| explorer.view.with(|view: &View| view.beside.clone()));
    let columns = move || match explorer.columns.with(Vec::len) {
        0 => String::new(),
        count => format!("--columns:repeat({count},minmax(6ch,16ch))"),
    };
    let records = move || {
        page.get_with().map(|((search, _), page)| match page {
            Ok(page) => view! {
                <Linked page=page.clone() />
                <Stream page search />
            }
            .into_any(),
            Err(error) => view! { <Failure error /> }.into_any(),
        })
    };
    // Created once: signals remember all their subscribers, so views recreated every few seconds would leak.
    let overview = move || {
        counts.wait();
        // A failed request keeps the current counts.
        let bars = Memo::new(move |shown: Option<&Bars>| match counts.get() {
            Some(Ok(view)) => Bars::new(&view),
            _ => shown.cloned().unwrap_or_default(),
        });
        // With a level filter, the totals of other levels come from a separate request.
        let totals = move || others.get().or_else(|| bars.with(Bars::counted_totals));
        view! {
            {move || explorer.view.with(|view| levels::levels(view, totals()))}
            <Histogram bars />
        }
    };

    view! {
        <div class="explore" class:wrap=move || explorer.wrap.get() style=move || columns()>
            <TopBar page=Page::Logs theme help=explorer.help />
            <Head />
            <section class="overview">
                {awaited(|| view! { <div class="histogram-space"></div> }.into_any(), move || overview().into_any())}
            </section>
            <Bar />
            <div class="sides">
                <Facets />
                <main class="records" aria-label=t.list_label>
                    {move || match show.get() {
                        Show::Records => awaited(loading, move || records().into_any()),
                        Show::Patterns => panels::patterns(),
                    }}
                </main>
                {move || beside.get().map(|_| panels::beside())}
            </div>
            <Help />
        </div>
    }
    .into_any()
}

/// Refreshes the counts after new records, and counts again what the server had no room for, at a limited rate.
fn recount(explorer: Explorer, counts: RequestState<HistogramView>) {
    let stale = explorer.counts_are_stale;
    every(RECOUNT, move || {
        // Records that arrive during a request may be missing in its response.
        if (stale.get_untracked() || counts.is_refused()) && counts.refetch() {
            stale.set(false);
        }
    });
}
