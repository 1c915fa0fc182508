//! The side panel: the context of a record, or its trace. The list and its filters stay unchanged.

use leptos::prelude::*;
use model::api::{ContextView, LogsPage, RecordView};

use crate::{
    backend::{BackendError, ContextRequest, LogsRequest},
    components::{Icon, IconName, awaited, loading, notice},
    server_functions::{self, RequestState},
    state::{
        clock::{self, clock, epoch_millis},
        explorer::Explorer,
        filter,
        shown::shown,
        view::{BEGINNING, Beside},
    },
    texts::texts,
};

/// The number of neighbours on each side, and the maximum number of records of a trace.
const NEIGHBOURS: usize = 40;
const TRACE: usize = 1_000;

/// Records in time order, and the selected one.
struct Timeline {
    title: String,
    records: Vec<RecordView>,
    about: Option<String>,
    /// The query that finds the same records.
    query: Option<String>,
}

/// The panel of what the view names when the panel is created.
#[component]
pub(super) fn BesidePanel() -> impl IntoView {
    let explorer = Explorer::expect();
    explorer.view.with_untracked(|view| view.beside.clone()).map(|beside| panel(explorer, beside))
}

fn panel(explorer: Explorer, beside: Beside) -> AnyView {
    let t = texts();
    let found = request_records(beside);
    let close = move || explorer.view.with(|view| view.with_beside(None).url());
    let content = move || {
        found().map(|answer| match answer {
            Ok(found) => {
                let timeline = to_timeline(found);
                let search = timeline.query.clone().map(|query| {
                    let url = explorer.view.with_untracked(|view| view.with_query(query).url());
                    view! { <a class="link" href=url>{t.search_trace}</a> }
                });
                view! {
                    <h2>{timeline.title.clone()} {search}</h2>
                    {list(explorer, timeline)}
                }
                .into_any()
            }
            Err(error) if error.class == crate::backend::BackendErrorClass::NotFound => {
                notice("loading", "beside-missing", t.beside_missing.to_owned())
            }
            Err(error) => notice("loading", "beside-error", error.message),
        })
    };
    view! {
        <aside class="beside" aria-label=t.context data-testid="beside">
            <a class="tool beside-close" href=move || close() title=format!("{} (Esc)", t.close) aria-label=t.close data-testid="beside-close">
                <Icon name=IconName::Close />
            </a>
            {awaited(loading, move || content().into_any())}
        </aside>
    }
    .into_any()
}

/// The records, oldest first, and the selected record.
type Found = (Vec<RecordView>, Option<RecordView>);

/// Requests the records.
fn request_records(beside: Beside) -> Box<dyn Fn() -> Option<Result<Found, BackendError>> + Send + Sync> {
    match beside {
        Beside::Context(id) => {
            let context = RequestState::new(move || {
                (server_functions::context(ContextRequest { id: id.clone(), before: NEIGHBOURS, after: NEIGHBOURS }), 0)
            });
            let found = |ContextView { mut before, record, after }| {
                before.push(RecordView::clone(&record));
                before.extend(after);
                (before, Some(record))
            };
            Box::new(move || context.get().map(|answer| answer.map(found)))
        }
        Beside::Trace(trace) => {
            let page = RequestState::new(move || {
                let query = format!("trace_id:{trace}");
                let from = Some(BEGINNING.into());
                (server_functions::logs(LogsRequest { query, from, to: None, limit: Some(TRACE), cursor: None }), 0)
            });
            let found = |mut page: LogsPage| {
                page.records.reverse();
                (page.records, None)
            };
            Box::new(move || page.get().map(|answer| answer.map(found)))
        }
    }
}

fn to_timeline((records, about): Found) -> Timeline {
    let t = texts();
    match about {
        Some(record) => Timeline {
            title: (t.context_title)(&shown(&record.service), &shown(&record.node)),
            records,
            about: Some(record.id),
            query: None,
        },
        None => {
            let trace = records.first().and_then(|record| record.trace_id.clone());
            let part = trace.and_then(|trace| filter::value_part(model::query::Field::TraceId, &trace));
            Timeline {
                title: (t.trace_title)(records.len(), offset(length(&records)).trim_start_matches('+')),
                query: part.map(|part| filter::with("", &part, false)),
                records,
                about: None,
            }
        }
    }
}

fn length(records: &[RecordView]) -> i64 {
    let millis = |record: Option<&RecordView>| record.and_then(|record| epoch_millis(&record.time)).unwrap_or(0);
    millis(records.last()) - millis(records.first())
}

fn list(explorer: Explorer, timeline: Timeline) -> AnyView {
    let begin = match &timeline.about {
        Some(about) => timeline.records.iter().find(|record| record.id == *about),
        None => timeline.records.first(),
    };
    let begin = begin.and_then(|record| epoch_millis(&record.time)).unwrap_or(0);
    let length = length(&timeline.records).max(1);
    let first = timeline.records.first().and_then(|record| epoch_millis(&record.time)).unwrap_or(0);
    let line = |record: &RecordView| {
        let millis = epoch_millis(&record.time).unwrap_or(0);
        let is_about = timeline.about.as_deref() == Some(record.id.as_str());
        let share = format!("--at:{:.1}%", (millis - first) as f64 / length as f64 * 100.0);
        let time = record.time.clone();
        let full = move || clock::full(&time, explorer.local_time.get());
        let url = explorer.view.with_untracked(|view| view.with_at(Some(record.id.clone())).url());
        let short = clock(&record.time, false).fraction;
        view! {
            <li class=format!("level-{}", record.class()) class:about=is_about style=share data-testid="beside-row">
                <a href=url title=move || full() data-fraction=short>
                    <span class="offset">{offset(millis - begin)}</span>
                    <span class="shape" role="img" aria-label=shown(&record.level)></span>
                    <span class="service">{shown(&record.service)}</span>
                    <span class="message">{shown(&record.message)}</span>
                </a>
            </li>
        }
    };
    let lines = timeline.records.iter().map(line).collect_view();
    view! { <ol>{lines}</ol> }.into_any()
}

/// `+12 ms`, `-3.4 s`, `+2:03 min`.
fn offset(millis: i64) -> String {
    let sign = if millis < 0 { "-" } else { "+" };
    match millis.abs() {
        0..1_000 => format!("{sign}{} ms", millis.abs()),
        1_000..60_000 => format!("{sign}{:.1} s", millis.abs() as f64 / 1000.0),
        minutes => format!("{sign}{}:{:02} min", minutes / 60_000, minutes / 1000 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_short_and_signed() {
        assert_eq!([0, -12, 3_400, -123_000].map(offset), ["+0 ms", "-12 ms", "+3.4 s", "-2:03 min"]);
    }
}
