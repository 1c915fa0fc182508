//! Overview: the current traffic by level and service.

use leptos::prelude::*;
use model::{
    LevelClass,
    api::{FiguresView, ServiceView},
};

use super::figures::{of_all, page};
use crate::{
    components::{Page, chart, spark},
    live::Figures,
    state::{
        clock::epoch_millis,
        filter,
        histogram::{Bars, grouped, short},
        shown::shown,
        view::View,
    },
    texts::texts,
};

/// The page at `/overview`.
#[component]
pub(super) fn Overview() -> impl IntoView {
    page(Page::Overview, content)
}

fn content(figures: Figures) -> impl IntoView {
    let t = texts();
    let view = figures.view;
    let tile = move |label: &'static str, name: &'static str, value: fn(&FiguresView) -> String| {
        view! {
            <div class="tile" data-testid=name>
                <dt>{label}</dt>
                <dd>{move || view.with(value)}</dd>
            </div>
        }
    };
    let traffic = move || view.with(|view| chart(&Bars::new(&view.traffic)));
    let services = move || view.with(|view| services(view));
    view! {
        <h1 class="unseen">{t.place_overview}</h1>
        <dl class="tiles">
            {tile(t.overview_rate, "tile-rate", |view| of_all(view, grouped(view.stored_per_second.round() as u64)))}
            {tile(t.overview_errors, "tile-errors", error_share)}
            {tile(t.overview_lag, "tile-lag", |view| match view.lag_ms {
                Some(lag) => format!("{lag:.0} ms"),
                None => texts().no_figure.to_owned(),
            })}
            {tile(t.overview_stored, "tile-stored", |view| of_all(view, grouped(view.store.records)))}
        </dl>
        <h2>{t.overview_traffic}</h2>
        <div class="chart" data-testid="traffic">{move || traffic()}</div>
        <h2>{t.overview_services}</h2>
        {move || services()}
    }
}

fn error_share(view: &FiguresView) -> String {
    let totals = Bars::new(&view.traffic).totals();
    let all: u64 = totals.iter().sum();
    let errors = totals[LevelClass::Error.index()] + totals[LevelClass::Fatal.index()];
    if all == 0 { texts().no_figure.to_owned() } else { percent(errors, all) }
}

fn percent(part: u64, all: u64) -> String {
    let percent = part as f64 / all.max(1) as f64 * 100.0;
    if percent > 0.0 && percent < 0.1 { "<0.1 %".to_owned() } else { format!("{percent:.1} %") }
}

fn services(view: &FiguresView) -> AnyView {
    let t = texts();
    if view.services.is_empty() {
        return view! { <p class="quiet">{t.overview_quiet}</p> }.into_any();
    }
    let now = epoch_millis(&view.time).unwrap_or(0);
    let row = |service: &ServiceView| {
        let seen =
            epoch_millis(&service.last_seen).map_or(String::new(), |seen| (t.seconds_ago)((now - seen).max(0) / 1000));
        let query = filter::value_part(model::query::Field::Service, &service.service)
            .map(|part| filter::with("", &part, false))
            .unwrap_or_default();
        let url = View::default().with_query(query.clone()).url();
        let errors_url = View::default().with_query(format!("{query} level>=error")).url();
        view! {
            <tr data-testid="service-row" data-service=service.service.clone()>
                <th scope="row"><a href=url>{shown(&service.service)}</a></th>
                <td class="wide">{spark(&service.spark)}</td>
                <td title=grouped(service.count)>{short(service.count)}</td>
                <td class:bad=service.errors.gt(&0)>
                    <a href=errors_url title=grouped(service.errors)>{percent(service.errors, service.count)}</a>
                </td>
                <td>{seen}</td>
            </tr>
        }
    };
    view! {
        <table class="table">
            <thead>
                <tr>
                    <th scope="col">{t.service}</th>
                    <th scope="col" class="wide">{t.over_time}</th>
                    <th scope="col">{t.records}</th>
                    <th scope="col">{t.errors}</th>
                    <th scope="col">{t.last_seen}</th>
                </tr>
            </thead>
            <tbody>{view.services.iter().map(row).collect_view()}</tbody>
        </table>
    }
    .into_any()
}
