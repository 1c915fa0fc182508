//! The layer: receives events and spans from `tracing` and copies them.

use std::sync::Arc;

use tracing::{
    Event, Subscriber,
    span::{Attributes, Id, Record},
};
use tracing_log::NormalizeEvent as _;
use tracing_subscriber::{Layer, layer::Context, registry::LookupSpan};

use crate::{
    entry::{self, Entry, Origin, SpanFields},
    fields::{Fields, Reader},
    own_thread,
    shared::Shared,
};

/// Passes events to the sender; returned by [`Builder::build`](crate::Builder::build).
///
/// An event costs its caller a copy and never waits for the server. Filter with tracing-subscriber:
/// `layer.with_filter(LevelFilter::INFO)`.
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
        // Replaces, because another layer of this type may have stored the same.
        span.extensions_mut().replace(Arc::new(SpanFields { name: span.name(), fields }));
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        // Reads before locking the span, because a `Debug` may log within this span.
        let mut fields = Fields::default();
        values.record(&mut Reader::of_span(&mut fields));
        if let Some(span) = span.extensions_mut().get_mut::<Arc<SpanFields>>() {
            // Buffered events keep the span's fields of their time.
            let span = Arc::make_mut(span);
            fields.into_iter().for_each(|(name, value)| span.fields.set(name, value));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        if own_thread::is_current() {
            return;
        }
        let normalized = event.normalized_metadata();
        let place = normalized.as_ref().map_or_else(|| Origin::of_event(event.metadata()), Origin::of_log);
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
