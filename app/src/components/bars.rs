//! Stacked bars, with the most severe level at the base, where heights can be compared.

use leptos::prelude::*;
use model::LevelClass;

use crate::state::histogram::{Bars, Counts};

/// The height of a drawing in its own units.
pub(crate) const HEIGHT: f64 = 100.0;

/// One bar: a rectangle for each level with records, always high enough to be visible.
pub(crate) fn bar(place: usize, counts: &Counts, highest: u64) -> AnyView {
    let mut base = HEIGHT;
    let mut rectangles = Vec::new();
    for level in LevelClass::ALL.into_iter().rev() {
        let count = counts[level.index()];
        if count == 0 {
            continue;
        }
        let height = (count as f64 / highest as f64 * HEIGHT).max(1.5).min(base);
        base -= height;
        let (x, y, height) = (format!("{:.2}", place as f64 + 0.08), format!("{base:.2}"), format!("{height:.2}"));
        let class = format!("bar level-{level}");
        rectangles.push(view! { <rect class=class x=x y=y width="0.84" height=height /> });
    }
    rectangles.collect_view().into_any()
}

/// All bars, without interaction.
pub(crate) fn chart(bars: &Bars) -> AnyView {
    let highest = bars.highest();
    let drawing = bars.bars.iter().enumerate().map(|(place, counts)| bar(place, counts, highest)).collect_view();
    view! {
        <svg viewBox=format!("0 0 {} {HEIGHT}", bars.bars.len().max(1)) preserveAspectRatio="none" aria-hidden="true">
            {drawing}
        </svg>
    }
    .into_any()
}
