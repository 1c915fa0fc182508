//! Explore: every log, searched and live. The page at `/`.
//!
//! ```text
//! ┌ head:     search box · time range · live status · tools
//! ├ overview: levels · histogram
//! └ records:  newest last, following the tail unless the reader looks at something
//! ```

mod detail;
mod failure;
mod head;
mod help;
mod histogram;
mod keys;
mod levels;
mod linked;
mod nothing;
mod older;
mod range;
mod row;
mod status;
mod stream;

use std::time::Duration;

use leptos::prelude::*;
use leptos_meta::Title;

use crate::{
    preferences::Preferences,
    server_functions,
    state::{explorer::Explorer, histogram::Bars},
    texts::texts,
};
use failure::Failure;
use head::Head;
use help::Help;
use histogram::{Histogram, Pointer};
use levels::Levels;
use linked::Linked;
use stream::Stream;

/// How often the counts follow a tail, at most.
const RECOUNT: Duration = Duration::from_secs(3);

/// The page.
#[component]
pub(super) fn Explore() -> impl IntoView {
    let t = texts();
    let explorer = Explorer::provide();
    let theme = RwSignal::new(use_context::<Preferences>().unwrap_or_default().theme);
    keys::listen(explorer, theme);

    let asked = Memo::new(move |_| (explorer.search.get(), explorer.reload.get()));
    let page = Resource::new(
        move || asked.get(),
        |(search, _)| async move {
            let page = server_functions::logs(search.page()).await;
            (search, page)
        },
    );
    let counts = Resource::new(move || asked.get(), |(search, _)| server_functions::histogram(search.histogram()));
    recount(explorer, move || counts.refetch());
    // Counts that are not answered leave those that are shown.
    let kept = StoredValue::new(Bars::default());
    let bars = move || {
        if let Some(Ok(view)) = counts.get() {
            kept.set_value(Bars::new(&view));
        }
        kept.get_value()
    };

    let pointer = Pointer::default();

    let title = move || {
        explorer.search.with(|search| match search.query.as_str() {
            "" => "Logboom".to_owned(),
            query => format!("{query} · Logboom"),
        })
    };

    view! {
        <Title text=title />
        <div class="explore" class:wrap=move || explorer.wrap.get()>
            <Head theme />
            <section class="overview">
                <Transition fallback=|| view! { <div class="histogram-space"></div> }>
                    {move || {
                        let bars = bars();
                        view! {
                            <Levels totals=bars.totals() />
                            <Histogram bars pointer />
                        }
                    }}
                </Transition>
            </section>
            <main class="records" aria-label=t.list_label>
                <Transition fallback=move || view! { <p class="loading" role="status">{t.loading}</p> }>
                    {move || {
                        page.get().map(|(search, page)| match page {
                            Ok(page) => view! {
                                <Linked page=page.clone() />
                                <Stream page search />
                            }.into_any(),
                            Err(error) => view! { <Failure error /> }.into_any(),
                        })
                    }}
                </Transition>
            </main>
            <Help />
        </div>
    }
    .into_any()
}

/// Has the counts asked for again when new records have come, but not often. Without
/// new records nothing is asked.
fn recount(explorer: Explorer, refetch: impl Fn() + 'static) {
    let stale = explorer.counts_are_stale;
    Effect::new({
        let refetch = std::rc::Rc::new(refetch);
        move |_| {
            let refetch = refetch.clone();
            let timer = set_interval_with_handle(
                move || {
                    if stale.get_untracked() {
                        stale.set(false);
                        refetch();
                    }
                },
                RECOUNT,
            );
            on_cleanup(move || {
                if let Ok(timer) = timer {
                    timer.clear();
                }
            });
        }
    });
}
