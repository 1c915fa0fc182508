//! The first page over a backend whose counts are slow, blocked or refused.

#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::{
    collections::BTreeMap,
    future::pending,
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use app::backend::{
    AccessLists, AccessNote, Backend, BackendError, BackendErrorClass, ContextRequest, FacetsRequest, FieldsRequest,
    HistogramRequest, LogsRequest, Losses, PatternsRequest, Snippets,
};
use async_trait::async_trait;
use axum::{
    body::{Body, to_bytes},
    http::{Request, StatusCode, header},
};
use model::api::{
    BucketView, ContextView, FacetsView, FieldView, FiguresView, HistogramView, LogsPage, PatternsView, RecordView,
    SavedView,
};
use serde_json::json;
use tower::ServiceExt as _;

const MESSAGE: &str = "sent before its counts";
/// A part of a bar of the chart, and the text instead of a chart without records.
const BAR: &str = "bar-space";
const NO_RECORDS: &str = "histogram-empty";
/// The class of an answer that the browser asks for, in the page's data.
const LATER: &str = r#"\"class\":\"later\""#;

/// While routes are listed, no page of the process loads its data.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

#[derive(Debug, Clone, Copy)]
enum Counts {
    AtOnce,
    /// Later than the first look.
    Slow,
    Blocked,
    Refused,
}

/// One record, and counts that a page does not wait for.
struct OneRecord(Counts);

impl OneRecord {
    /// Sends one request to the dashboard, and returns the whole answer.
    fn answer(self, request: Request<Body>) -> String {
        let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = async move || {
            let address = "127.0.0.1:0".parse().unwrap();
            let routes = app::dashboard(Arc::new(self), app::SitePath::default(), address).routes;
            let response = routes.oneshot(request).await.unwrap();
            assert_eq!(response.status(), StatusCode::OK);
            let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
            String::from_utf8(body.to_vec()).unwrap()
        };
        // A page is one deep type, and takes more stack than a test has.
        let run =
            move || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(answer());
        thread::Builder::new().stack_size(32 << 20).spawn(run).unwrap().join().unwrap()
    }

    fn page(self) -> String {
        self.answer(Request::get("/").body(Body::empty()).unwrap())
    }
}

fn not_asked<T>() -> Result<T, BackendError> {
    Err(BackendError::new(BackendErrorClass::Internal, "a page does not ask for this"))
}

#[async_trait]
impl Backend for OneRecord {
    async fn logs(&self, _: LogsRequest) -> Result<LogsPage, BackendError> {
        let time = "2026-01-01T00:00:00.000000000Z";
        let record = RecordView {
            id: "019b76da-a800-7000-8000-000000000001".into(),
            position: "1".into(),
            time: time.into(),
            observed_time: time.into(),
            level: "error".into(),
            severity: 17,
            service: "shop".into(),
            node: "n1".into(),
            message: MESSAGE.into(),
            trace_id: None,
            span_id: None,
            attributes: BTreeMap::new(),
        };
        Ok(LogsPage {
            records: vec![record],
            searched_back_to: time.into(),
            complete: true,
            position: "1".into(),
            ..LogsPage::default()
        })
    }

    async fn histogram(&self, _: HistogramRequest) -> Result<HistogramView, BackendError> {
        match self.0 {
            Counts::AtOnce => {}
            Counts::Slow => tokio::task::yield_now().await,
            Counts::Blocked => pending().await,
            Counts::Refused => return Err(BackendError::new(BackendErrorClass::Overloaded, "too many counts")),
        }
        let bucket = BucketView { time: "2026-01-01T00:00:00.000000000Z".into(), counts: [("error".into(), 1)].into() };
        Ok(HistogramView { bucket_seconds: 15.0, buckets: vec![bucket] })
    }

    async fn facets(&self, _: FacetsRequest) -> Result<FacetsView, BackendError> {
        not_asked()
    }

    async fn context(&self, _: ContextRequest) -> Result<ContextView, BackendError> {
        not_asked()
    }

    async fn fields(&self, _: FieldsRequest) -> Result<Vec<FieldView>, BackendError> {
        not_asked()
    }

    async fn patterns(&self, _: PatternsRequest) -> Result<PatternsView, BackendError> {
        not_asked()
    }

    async fn first_seen(&self, _: String) -> Result<Option<String>, BackendError> {
        not_asked()
    }

    async fn figures(&self, (): ()) -> Result<FiguresView, BackendError> {
        not_asked()
    }

    async fn missing(&self, _: &str) -> Result<Losses, BackendError> {
        not_asked()
    }

    async fn views(&self, (): ()) -> Result<Vec<SavedView>, BackendError> {
        not_asked()
    }

    async fn save_view(&self, _: SavedView) -> Result<(), BackendError> {
        not_asked()
    }

    async fn remove_view(&self, _: String) -> Result<(), BackendError> {
        not_asked()
    }

    async fn snippets(&self, _: String) -> Result<Snippets, BackendError> {
        not_asked()
    }

    /// Ends at once, unless the counts are there at once as well: which of the two comes first is not up to the clock.
    async fn patience(&self) {
        if matches!(self.0, Counts::AtOnce) {
            std::future::pending::<()>().await;
        }
    }

    fn recent(&self) -> usize {
        50
    }

    fn access(&self) -> AccessNote {
        AccessNote::default()
    }

    async fn access_lists(&self, _: &str) -> Result<AccessLists, BackendError> {
        not_asked()
    }
}

#[test]
fn a_page_contains_the_counts_that_are_there_in_time() {
    let page = OneRecord(Counts::AtOnce).page();
    assert!(page.contains(MESSAGE) && page.contains(BAR), "{page}");
}

#[test]
fn a_page_is_sent_with_its_records_while_the_counts_are_missing() {
    for counts in [Counts::Slow, Counts::Blocked, Counts::Refused] {
        let page = OneRecord(counts).page();
        assert!(page.contains(MESSAGE), "{counts:?}: {page}");
        assert!(!page.contains(BAR), "{counts:?}: {page}");
        // What is not counted is not zero.
        assert!(!page.contains(NO_RECORDS), "{counts:?}: {page}");
        assert!(page.contains(LATER) && !page.contains("overloaded"), "{counts:?}: {page}");
    }
}

#[test]
fn a_request_of_the_browser_waits_for_its_counts() {
    let question = json!({ "question": { "Histogram": { "query": "", "from": null, "to": null, "buckets": 60 } } });
    let request = Request::post("/api/dashboard/ask").header(header::CONTENT_TYPE, "application/json");
    let answer = OneRecord(Counts::Slow).answer(request.body(Body::from(question.to_string())).unwrap());
    assert!(answer.contains("bucket_seconds"), "{answer}");
}
