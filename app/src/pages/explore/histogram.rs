//! Records over time as stacked bars, with the most severe level at the base. A bar is a link to its time range;
//! dragging selects several.

use leptos::{ev::PointerEvent, html::Div, prelude::*};
use model::LevelClass;

use crate::{
    components::{HEIGHT, bar},
    state::{
        clock,
        explorer::Explorer,
        histogram::{Bars, Counts, grouped},
        view::Range,
    },
    texts::texts,
};

/// The histogram with its axis, tooltip and selection.
#[component]
pub(super) fn Histogram(bars: Memo<Bars>) -> impl IntoView {
    let t = texts();
    let explorer = Explorer::expect();
    let plot = NodeRef::<Div>::new();
    // The bar under the pointer, and the bar where a drag started.
    let (hovered, dragged_from) = (RwSignal::new(None::<usize>), RwSignal::new(None::<usize>));
    let count = move || bars.with(|bars| bars.bars.len());
    let is_empty = move || bars.with(|bars| bars.counted_totals() == Some(Counts::default()));

    let place = move |event: &PointerEvent| {
        let area = plot.get_untracked()?.get_bounding_client_rect();
        let share = (f64::from(event.client_x()) - area.left()) / area.width().max(1.0);
        let count = bars.with_untracked(|bars| bars.bars.len());
        (count > 0).then(|| ((share * count as f64).max(0.0) as usize).min(count - 1))
    };
    let release = move |event: PointerEvent| {
        let (Some(from), Some(to)) = (dragged_from.get_untracked(), place(&event)) else { return };
        dragged_from.set(None);
        if from != to {
            explorer.go(&explorer.view.get_untracked().with_range(range(
                &bars.get_untracked(),
                from.min(to),
                from.max(to),
            )));
        }
    };
    let selection = move || {
        let (from, to) = (dragged_from.get()?, hovered.get()?);
        let (first, last) = (from.min(to), from.max(to));
        let share = |place: usize| place as f64 / count().max(1) as f64 * 100.0;
        let style = format!("left:{:.2}%;width:{:.2}%", share(first), share(last + 1 - first));
        (from != to).then(|| view! { <div class="histogram-selection" style=style></div> })
    };
    let drawing = move || {
        let (view, bars) = (explorer.view.get(), bars.get());
        let highest = bars.highest();
        let bar = |(place, counts): (usize, &Counts)| {
            view! {
                <a href=view.with_range(range(&bars, place, place)).url() tabindex="-1" draggable="false">
                    <rect class="bar-space" x=place.to_string() y="0" width="1" height=HEIGHT.to_string() />
                    {bar(place, counts, highest)}
                </a>
            }
        };
        bars.bars.iter().enumerate().map(bar).collect_view()
    };

    view! {
        <div class="histogram" data-testid="histogram" role="group" aria-label=t.histogram_label>
            <div
                class="plot"
                node_ref=plot
                on:pointermove=move |event| hovered.set(place(&event))
                on:pointerleave=move |_| {
                    hovered.set(None);
                    dragged_from.set(None);
                }
                on:pointerdown=move |event| dragged_from.set(place(&event))
                on:pointerup=release
                // Prevents the browser from dragging the links.
                on:dragstart=move |event| event.prevent_default()
            >
                <svg viewBox=move || format!("0 0 {} {HEIGHT}", count().max(1)) preserveAspectRatio="none" aria-hidden="true">
                    {move || drawing()}
                </svg>
                {move || selection()}
                {move || is_empty().then(|| view! { <p class="histogram-empty">{t.histogram_empty}</p> })}
                {move || hovered.get().map(|place| view! { <Tooltip bars place /> })}
            </div>
            <Axis bars />
        </div>
    }
    .into_any()
}

/// The time range from the first bar to the last, inclusive.
fn range(bars: &Bars, first: usize, last: usize) -> Range {
    Range::Between { from: Some(bars.time(first)), to: Some(bars.time(last + 1)) }
}

/// The counts of the bar under the pointer.
#[component]
fn Tooltip(bars: Memo<Bars>, place: usize) -> impl IntoView {
    let explorer = Explorer::expect();
    bars.with(|bars| {
        let counts = bars.bars.get(place).copied().unwrap_or_default();
        let from = clock::clock(&bars.time(place), explorer.local_time.get_untracked());
        let to = clock::clock(&bars.time(place + 1), explorer.local_time.get_untracked());
        let share = (place as f64 + 0.5) / bars.bars.len().max(1) as f64 * 100.0;
        // Near an edge the tooltip opens to the inner side.
        let side = if share > 80.0 {
            "tooltip left"
        } else if share < 20.0 {
            "tooltip right"
        } else {
            "tooltip"
        };
        let lines = LevelClass::ALL.into_iter().rev().filter(|level| counts[level.index()] > 0).map(|level| {
            view! {
                <li class=format!("level-{level}")>
                    <span class="shape" aria-hidden="true"></span>
                    {level.name()}
                    <b>{grouped(counts[level.index()])}</b>
                </li>
            }
        });
        view! {
            <div class=side style=format!("left:{share:.2}%")>
                <p>{from.day}" "{from.time}" – "{to.time}</p>
                <ul>{lines.collect_view()}</ul>
            </div>
        }
    })
}

/// Times at the ends and quarters of the plot.
#[component]
fn Axis(bars: Memo<Bars>) -> impl IntoView {
    let explorer = Explorer::expect();
    let label = move |quarter: usize| {
        let local = explorer.local_time.get();
        bars.with(|bars| {
            if bars.bars.is_empty() {
                return String::new();
            }
            let cut = clock::clock(&bars.time(bars.bars.len() * quarter / 4), local);
            let minutes = cut.time.get(..5).unwrap_or_default();
            if bars.spans_days() { format!("{} {minutes}", cut.day) } else { minutes.to_owned() }
        })
    };
    view! {
        <div class="axis" aria-hidden="true">
            {(0..=4).map(|quarter| view! { <span>{move || label(quarter)}</span> }).collect_view()}
        </div>
    }
    .into_any()
}
