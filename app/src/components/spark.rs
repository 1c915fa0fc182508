//! Sparklines: inline counts over time.

use leptos::prelude::*;

/// Bars without axes; the numbers are shown beside them.
pub(crate) fn spark(counts: &[u64]) -> AnyView {
    let highest = counts.iter().copied().max().unwrap_or(0).max(1) as f64;
    let mut path = String::new();
    for (place, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        let height = (*count as f64 / highest * 16.0).max(1.0);
        path.push_str(&format!("M{} 16v-{height:.1}h.8v{height:.1}z", place as f64 + 0.1));
    }
    view! {
        <svg class="spark" viewBox=format!("0 0 {} 16", counts.len().max(1)) preserveAspectRatio="none" aria-hidden="true">
            <path d=path />
        </svg>
    }
    .into_any()
}
