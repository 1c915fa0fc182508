//! The state of the inputs: for the status page, `/healthz` and `/metrics`.

use std::sync::Arc;

use metrics::{counter, describe_counter, describe_gauge, gauge};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

/// One input.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct InputView {
    /// The name of its option without dashes, such as `file`.
    pub input: String,
    /// Files or containers that are followed.
    pub sources: u64,
    /// Records since the program started.
    pub records: u64,
    /// What is there and was not read yet; `None` if it is not known.
    pub lag_bytes: Option<u64>,
    /// The age of the newest record that was read, while there are more; `None` if it is not known.
    pub lag_seconds: Option<f64>,
    /// Why it reads nothing now.
    #[serde(default)]
    pub error: Option<String>,
    /// The state of the metadata from the API server of Kubernetes; `None` if there is none.
    #[serde(default)]
    pub metadata: Option<MetadataView>,
}

/// The metadata of pods.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct MetadataView {
    /// `up`, `failing` or `connecting`.
    pub state: String,
    /// The pods whose metadata is known.
    pub pods: u64,
    /// Why records of new pods get no metadata, and the way out.
    pub error: Option<String>,
}

impl MetadataView {
    /// For people.
    pub(super) fn text(&self) -> String {
        let error = self.error.as_deref().map(|error| format!(": {error}")).unwrap_or_default();
        format!("metadata of {} pods, API server {}{error}", self.pods, self.state)
    }
}

/// All inputs. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Inputs(Arc<Mutex<Vec<Arc<Input>>>>);

/// The state of one input, which the input updates.
#[derive(Debug)]
pub(super) struct Input {
    name: &'static str,
    view: Mutex<InputView>,
}

impl Inputs {
    /// Registers an input.
    pub(super) fn add(&self, name: &'static str) -> Arc<Input> {
        describe_gauge!("logboom_agent_input_sources", "Files or containers that an input follows.");
        describe_gauge!("logboom_agent_input_lag_bytes", "Bytes of an input that were not read yet.");
        describe_gauge!("logboom_agent_input_lag_seconds", "How far an input is behind.");
        describe_counter!("logboom_agent_input_records_total", "Records that an input made durable.");
        let view = InputView { input: name.to_owned(), ..InputView::default() };
        let input = Arc::new(Input { name, view: Mutex::new(view) });
        self.0.lock().push(Arc::clone(&input));
        input
    }

    pub(super) fn views(&self) -> Vec<InputView> {
        self.0.lock().iter().map(|input| input.view.lock().clone()).collect()
    }
}

impl Input {
    pub(super) fn followed(&self, sources: usize) {
        self.view.lock().sources = sources as u64;
        gauge!("logboom_agent_input_sources", "input" => self.name).set(sources as f64);
    }

    /// Counts records that the queue has confirmed.
    pub(super) fn delivered(&self, records: usize) {
        self.view.lock().records += records as u64;
        counter!("logboom_agent_input_records_total", "input" => self.name).increment(records as u64);
    }

    pub(super) fn lag_bytes(&self, bytes: u64) {
        self.view.lock().lag_bytes = Some(bytes);
        gauge!("logboom_agent_input_lag_bytes", "input" => self.name).set(bytes as f64);
    }

    pub(super) fn lag_seconds(&self, seconds: f64) {
        self.view.lock().lag_seconds = Some(seconds);
        gauge!("logboom_agent_input_lag_seconds", "input" => self.name).set(seconds);
    }

    pub(super) fn metadata(&self, view: MetadataView) {
        self.view.lock().metadata = Some(view);
    }

    /// Notes why the input reads nothing, or that it reads again. Returns whether that is new.
    pub(super) fn failed(&self, error: Option<&str>) -> bool {
        let mut view = self.view.lock();
        let is_new = view.error.as_deref() != error;
        view.error = error.map(str::to_owned);
        is_new
    }
}
