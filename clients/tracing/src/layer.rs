//! The layer: takes events and spans from `tracing`, and copies them.

use std::sync::Arc;

use tracing::{
    Event, Subscriber,
    span::{Attributes, Id, Record},
};
use tracing_log::NormalizeEvent as _;
use tracing_subscriber::{Layer, layer::Context, registry::LookupSpan};

use crate::{
    entry::{self, Entry, Place, SpanFields},
    fields::{Fields, Reader},
    own_thread,
    shared::Shared,
};

/// Hands events to the sender; made by [`Builder::build`](crate::Builder::build).
///
/// An event costs its caller a copy and never waits for the server. Filters are those of
/// tracing-subscriber: `layer.with_filter(LevelFilter::INFO)`.
#[derive(Debug)]
pub struct LogboomLayer {
    shared: Arc<Shared>,
}

impl LogboomLayer {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }
}

impl<S> Layer<S> for LogboomLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if own_thread::is_current() {
            return;
        }
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut Reader::of_span(&mut fields));
        // Replaced and not inserted: another layer of this kind has put there the same.
        span.extensions_mut().replace(Arc::new(SpanFields { name: span.name(), fields }));
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        // Read before the span is locked: a `Debug` may make events in this very span.
        let mut fields = Fields::default();
        values.record(&mut Reader::of_span(&mut fields));
        if let Some(span) = span.extensions_mut().get_mut::<Arc<SpanFields>>() {
            // Events that wait keep the span as it was when they happened.
            let span = Arc::make_mut(span);
            fields.into_iter().for_each(|(name, value)| span.fields.set(name, value));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        if own_thread::is_current() {
            return;
        }
        let normalized = event.normalized_metadata();
        let place = normalized.as_ref().map_or_else(|| Place::of_event(event.metadata()), Place::of_log);
        let (mut fields, mut message) = (Fields::default(), String::new());
        event.record(&mut Reader::of_event(&mut fields, &mut message, normalized.is_some()));
        let mut spans = Vec::new();
        for span in context.event_scope(event).into_iter().flatten() {
            spans.extend(span.extensions().get::<Arc<SpanFields>>().cloned());
        }
        let level = *event.metadata().level();
        self.shared.take(Entry { time: entry::now(), level, place, message, fields, spans });
    }
}
