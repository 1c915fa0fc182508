//! The time range: live, relative, or absolute.

use leptos::{html::Input, prelude::*};

use crate::{
    state::{
        clock,
        explorer::Explorer,
        view::{BETWEEN, LIVE, Range, Span},
    },
    texts::texts,
};

/// A select; its last entry shows two date fields. They are hidden by CSS only, so they also work as plain form
/// fields.
#[component]
pub(super) fn RangeSelect() -> impl IntoView {
    let t = texts();
    let explorer = Explorer::expect();
    let (from, to) = (NodeRef::<Input>::new(), NodeRef::<Input>::new());
    let code = move || explorer.search.with(|search| search.range.code());
    let go = move |range| explorer.go(&explorer.view.get_untracked().with_range(range));
    let go_between = move || {
        let time = |input: NodeRef<Input>| input.get_untracked().and_then(|input| utc(&input.value()));
        let (from, to) = (time(from), time(to));
        if from.is_some() || to.is_some() {
            go(Range::Between { from, to });
        }
    };
    let option = move |value: &'static str, text: &'static str| {
        view! { <option value=value selected=move || code() == value>{text}</option> }
    };
    let bound = move |start: bool| {
        let text = explorer.search.with(|search| match &search.range {
            Range::Between { from, to } => {
                if start {
                    from.clone()
                } else {
                    to.clone()
                }
            }
            _ => None,
        });
        text.map(|text| field_value(&text, explorer.local_time.get())).unwrap_or_default()
    };
    view! {
        <div class="range">
            <select
                name="range"
                aria-label=t.range_label
                data-testid="range-select"
                prop:value=move || code()
                on:change=move |event| {
                    let value = event_target_value(&event);
                    if value != BETWEEN {
                        go(Range::read(&value, None, None));
                    }
                }
            >
                {option(LIVE, t.range_live)}
                {Span::ALL.into_iter().zip(t.range_spans).map(|(span, text)| option(span.code(), text)).collect_view()}
                {option(BETWEEN, t.range_between)}
            </select>
            <span class="between">
                <input
                    node_ref=from
                    type="datetime-local"
                    step="1"
                    name="from"
                    aria-label=t.range_from
                    data-testid="range-from"
                    value=bound_untracked(explorer, true)
                    prop:value=move || bound(true)
                    on:change=move |_| go_between()
                />
                <span aria-hidden="true">"–"</span>
                <input
                    node_ref=to
                    type="datetime-local"
                    step="1"
                    name="to"
                    aria-label=t.range_to
                    data-testid="range-to"
                    value=bound_untracked(explorer, false)
                    prop:value=move || bound(false)
                    on:change=move |_| go_between()
                />
            </span>
        </div>
    }
    .into_any()
}

/// The initial value of the field from the server, in UTC.
fn bound_untracked(explorer: Explorer, start: bool) -> String {
    explorer.search.with_untracked(|search| match &search.range {
        Range::Between { from, to } => {
            let time = if start { from } else { to };
            time.as_deref().map(|time| field_value(time, false)).unwrap_or_default()
        }
        _ => String::new(),
    })
}

/// Formats a time for a date field: no zone, whole seconds.
fn field_value(rfc3339: &str, local: bool) -> String {
    if clock::epoch_millis(rfc3339).is_none() {
        return String::new();
    }
    let full = clock::full(rfc3339, local).replace(' ', "T");
    full.get(..19).map(str::to_owned).unwrap_or_default()
}

/// Converts the local time of a field to RFC 3339 in UTC.
fn utc(local: &str) -> Option<String> {
    let millis = js_sys::Date::new(&local.into()).get_time();
    (!local.is_empty() && millis.is_finite()).then(|| clock::rfc3339(millis as i64))
}
