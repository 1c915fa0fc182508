//! The HTTP doors: the API, S1's two calls, health and metrics.
//!
//! The folder is the URL space: one file per call or group of calls.

mod access;
mod access_forms;
mod audit_page;
mod canary;
mod connect;
mod dead_letter_forms;
mod dead_letters;
pub(crate) mod deletions;
mod documents;
mod export;
mod figures;
mod form;
mod health;
mod ledger;
mod logs;
mod metrics;
mod oidc;
mod openapi;
mod parameters;
mod parts;
pub(crate) mod problem;
pub(crate) mod redaction;
mod replays;
mod s1;
mod session;
mod sinks;
mod state;
mod summaries;
mod tail;
mod tasks;
mod views;
pub(crate) mod write;

use ::access::Need;
use axum::{Router, http::StatusCode, response::Response};

pub(crate) use self::{
    state::{FiguresState, HealthState, State},
    write::IngestState,
};
use crate::{
    gate::Routes,
    state::{AccessState, DeletionsState, EntranceState, ForwardingState, LossesState, ReadingState, RedactionState},
};

/// The doors as routes. Each router has the state of its group alone.
pub(crate) fn routes(
    State { ingest, reading, figures, losses, forwarding, deletions, access, audit, entrance, redaction, health }: State,
) -> Routes {
    let routes = write_routes(ingest)
        .merge(reading_routes().with_state(reading))
        .merge(figures::routes().with_state(figures))
        .merge(losses_routes().with_state(losses))
        .merge(forwarding_routes().with_state(forwarding))
        .merge(deletion_routes().with_state(deletions))
        .merge(access::routes().with_state(access))
        .merge(audit_page::routes().with_state(audit))
        .merge(entrance_routes().with_state(entrance))
        .merge(redaction_routes().with_state(redaction))
        .merge(health_routes().with_state(health))
        .merge(others());
    openapi::add(routes)
}

/// What the calls of [`routes`] need, without their state.
#[cfg(test)]
pub(crate) fn declared() -> Vec<crate::gate::Declared> {
    let mut all = write::routes().merge(write::put()).into_parts().1;
    all.extend(reading_routes().into_parts().1);
    all.extend(figures::routes().into_parts().1);
    all.extend(losses_routes().into_parts().1);
    all.extend(forwarding_routes().into_parts().1);
    all.extend(deletion_routes().into_parts().1);
    all.extend(access::routes().into_parts().1);
    all.extend(audit_page::routes().into_parts().1);
    all.extend(entrance_routes().into_parts().1);
    all.extend(redaction_routes().into_parts().1);
    all.extend(health_routes().into_parts().1);
    all.extend(others().into_parts().1);
    all.extend(openapi::declared());
    all
}

fn reading_routes() -> Routes<ReadingState> {
    Routes::new()
        .merge(logs::routes())
        .merge(summaries::routes())
        .merge(export::routes())
        .merge(tail::routes())
        .merge(documents::routes())
        .merge(views::routes())
        .merge(views::links())
        .merge(s1::routes())
}

fn losses_routes() -> Routes<LossesState> {
    Routes::new()
        .merge(dead_letters::routes())
        .merge(dead_letter_forms::routes())
        .merge(parts::routes())
        .merge(parts::forms())
        .merge(canary::routes())
        .merge(ledger::routes())
}

fn forwarding_routes() -> Routes<ForwardingState> {
    Routes::new().merge(sinks::routes()).merge(sinks::forms()).merge(replays::routes()).merge(replays::forms())
}

fn deletion_routes() -> Routes<DeletionsState> {
    Routes::new().merge(deletions::routes()).merge(deletions::forms())
}

fn entrance_routes() -> Routes<EntranceState> {
    Routes::new().merge(session::routes()).merge(oidc::routes()).merge(access_forms::routes()).merge(connect::routes())
}

fn redaction_routes() -> Routes<RedactionState> {
    Routes::new().merge(redaction::routes()).merge(redaction::forms())
}

fn health_routes() -> Routes<HealthState> {
    Routes::new().merge(health::routes()).merge(tasks::routes()).merge(metrics::routes())
}

fn others() -> Routes {
    Routes::new().any("/api/{*path}", Need::Read, no_such_call)
}

/// The doors for records alone.
pub(crate) fn write_routes(state: IngestState) -> Routes {
    write::routes().merge(write::put()).with_state(state)
}

/// The calls about keys, users and sessions alone, for callers that may do everything: nothing checks what they may.
pub(crate) fn access_calls(state: AccessState) -> Router {
    access::routes().with_state(state).into_parts().0
}

/// What answers where OpenTelemetry looks for HTTP.
pub(crate) fn otlp_routes(state: IngestState) -> Routes {
    write::otlp_alone().with_state(state)
}

async fn no_such_call(uri: axum::http::Uri) -> Response {
    problem::document(StatusCode::NOT_FOUND, &format!("there is no call {}", uri.path()))
}
