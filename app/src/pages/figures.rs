//! Common parts of the pages with live figures.

use leptos::prelude::*;
use model::api::FiguresView;

use crate::{
    components::{Page, TopBar, awaited},
    effect::effect,
    live::{self, Figures, LoggedOut},
    preferences::Preferences,
    server_functions::{self, RequestState},
    texts::texts,
};

/// A page of figures: the server renders the first ones, the browser keeps them up to date.
pub(super) fn page<C>(page: Page, content: impl Fn(Figures) -> C + Copy + Send + Sync + 'static) -> AnyView
where
    C: IntoView + 'static,
{
    let theme = RwSignal::new(use_context::<Preferences>().unwrap_or_default().theme);
    let first = RequestState::new(|| (server_functions::figures(()), 0));
    let figures = Figures { view: RwSignal::new(FiguresView::default()), away: RwSignal::new(false) };
    effect(move |first| {
        if first {
            live::watch(figures);
        }
    });
    let begun = StoredValue::new(false);
    let body = move || {
        first.get().map(|first| match first {
            Ok(view) => {
                // Live figures are newer than the first ones.
                if !begun.get_value() {
                    begun.set_value(true);
                    figures.view.set(view);
                }
                view! { <Away figures /> {content(figures)} }.into_any()
            }
            Err(error) => view! { <p class="loading" role="alert">{error.message}</p> }.into_any(),
        })
    };
    view! {
        <div class="page">
            <TopBar page theme />
            <main class="sheet" data-testid="sheet">
                {awaited(|| ().into_any(), move || body().into_any())}
            </main>
        </div>
    }
    .into_any()
}

/// Reports that the figures are out of date.
#[component]
fn Away(figures: Figures) -> impl IntoView {
    let t = texts();
    // Without a session, the top bar shows a banner of its own.
    let logged_out = use_context::<LoggedOut>();
    let is_logged_out = move || logged_out.is_some_and(|LoggedOut(signal)| signal.get());
    let text = move || match figures.view.with(|view| view.trouble.clone()) {
        _ if is_logged_out() => None,
        _ if figures.away.get() => Some(t.figures_away.to_owned()),
        Some(trouble) => Some((t.figures_old)(&trouble)),
        None => None,
    };
    view! {
        {move || {
            text().map(|text| view! { <p class="banner" role="alert" data-testid="figures-away">{text}</p> }.into_any())
        }}
    }
    .into_any()
}

/// A figure of all records and callers, which a caller with a limited sight does not get.
pub(super) fn of_all(view: &FiguresView, figure: String) -> String {
    if view.limited { texts().no_figure.to_owned() } else { figure }
}
