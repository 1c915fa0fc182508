//! The dashboard's backend: its requests, answered by the package `reading`.

mod access_lists;
mod losses;
mod principal;

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use access::{Access, Need, Posture, Principal, State};
use app::backend::{
    AccessLists, AccessNote, Backend, BackendError, BackendErrorClass, ContextRequest, FacetsRequest, FieldsRequest,
    HistogramRequest, LogsRequest, Losses, PatternsRequest, Snippets,
};
use async_trait::async_trait;
use model::{
    Query, Sight,
    api::{ContextView, FacetsView, FieldView, FiguresView, HistogramView, LogsPage, PatternsView, SavedView},
    deletion::DeletionView,
};
use pipeline::{Error, ErrorClass, Supervisor, TimeRange, deletion::Deletions, redact::Redaction};
use reading::{DefaultRange, Figures, RangeText, Reader, compiled, hints, need_whole_sight};

use self::{
    losses::{LossesParameters, letters_page},
    principal::{check, check_noted, note, principal, source},
};
use crate::{
    audit::{self, Action, Source},
    canary::Canary,
    forwarding,
    http::{deletions::deletion_view, redaction::rule_views},
    snippets::{self, DoorAddresses},
    state::{ForwardingState, LossesState, ReadingState},
    tasks::tasks,
};

/// The number of replays, and of deletions, on the page System.
const REPLAYS: usize = 20;

/// How long a page that is being rendered waits for its counts, at most. Most counts take less, and a reader hardly
/// notices this time.
const COUNT_PATIENCE: Duration = Duration::from_millis(80);

/// The reader for the dashboard: an invalid query is searched as text, and a range with a missing end is open.
pub(crate) struct Reading {
    pub(crate) reading: ReadingState,
    pub(crate) figures: Figures,
    pub(crate) losses: LossesState,
    pub(crate) forwarding: ForwardingState,
    pub(crate) deletions: Arc<Deletions>,
    /// `None` without rules.
    pub(crate) redaction: Option<Arc<Redaction>>,
    pub(crate) access: Access,
    pub(crate) supervisor: Supervisor,
    /// The addresses of the doors, once they are bound.
    pub(crate) doors: Arc<OnceLock<DoorAddresses>>,
    /// The time limit of a page of records; after it the page shows the matches so far. Counts have it as well, up to
    /// [`COUNT_PATIENCE`].
    pub(crate) patience: Duration,
}

impl Reading {
    /// What the user of the current request may see. Call it before the first await: the request is known until then.
    ///
    /// # Errors
    /// `Forbidden` for a user who may not read.
    fn sight() -> Result<Sight, BackendError> {
        let principal = principal();
        check(&principal, Need::Read)?;
        Ok(principal.sight().clone())
    }

    /// The principal and the source of a request that changes a view. Call it before the first await.
    fn editor(&self) -> Result<(Principal, Source), BackendError> {
        let principal = principal();
        check_noted(&self.reading.audit, &principal, Need::Edit, "the saved views")?;
        Ok((principal, source()))
    }

    /// The reader for the user of the current request; as [`Reading::sight`].
    fn reader(&self) -> Result<Reader, BackendError> {
        Ok(self.reading.reader.seen_by(&Self::sight()?))
    }

    /// The newest deletions, for an admin.
    async fn newest_deletions(&self) -> Result<Vec<DeletionView>, BackendError> {
        let all = self.deletions.list().await.map_err(to_backend_error)?;
        Ok(all.into_iter().take(REPLAYS).map(deletion_view).collect())
    }

    async fn query(text: &str) -> Result<Query, BackendError> {
        compiled(Query::parse_or_text(text).0).await.map_err(to_backend_error)
    }

    fn range(&self, from: Option<&str>, to: Option<&str>) -> Result<TimeRange, BackendError> {
        self.reading.reader.range(RangeText { from, to }, DefaultRange::All).map_err(to_backend_error)
    }
}

fn to_backend_error(error: Error) -> BackendError {
    let class = match error.class {
        ErrorClass::Invalid | ErrorClass::Conflict => BackendErrorClass::Invalid,
        ErrorClass::Forbidden => BackendErrorClass::Forbidden,
        ErrorClass::NotFound => BackendErrorClass::NotFound,
        ErrorClass::Overloaded => BackendErrorClass::Overloaded,
        ErrorClass::Unavailable => BackendErrorClass::Unavailable,
        ErrorClass::Corrupt | ErrorClass::Internal => BackendErrorClass::Internal,
    };
    BackendError::new(class, error.message)
}

#[async_trait]
impl Backend for Reading {
    async fn logs(&self, request: LogsRequest) -> Result<LogsPage, BackendError> {
        let reader = self.reader()?;
        let range = self.range(request.from.as_deref(), request.to.as_deref())?;
        let limit = request.limit.unwrap_or(self.reading.recent);
        let mut page = reader
            .logs(Self::query(&request.query).await?, range, limit, request.cursor.as_deref(), self.patience)
            .await
            .map_err(to_backend_error)?;
        if request.limit.is_none() && request.cursor.is_none() {
            // A tail continues a live page from the page's position. In PostgreSQL a search may already see newer
            // records, which the tail will deliver.
            let newest = page.position.parse().unwrap_or(i64::MAX);
            page.records.retain(|record| record.position.parse().is_ok_and(|position: i64| position <= newest));
        }
        page.hints = hints(&request.query, page.records.is_empty());
        Ok(page)
    }

    async fn histogram(&self, request: HistogramRequest) -> Result<HistogramView, BackendError> {
        let reader = self.reader()?;
        let range = self.range(request.from.as_deref(), request.to.as_deref())?;
        let query = Self::query(&request.query).await?;
        reader.histogram(&query, range, request.buckets).await.map_err(to_backend_error)
    }

    async fn facets(&self, mut request: FacetsRequest) -> Result<FacetsView, BackendError> {
        let reader = self.reader()?;
        let asked = request.fields.len();
        // The page asks for service and node unseen. The API refuses hidden fields by name.
        request.fields.retain(|name| reader.shows_field(name));
        if request.fields.is_empty() && asked > 0 {
            return Ok(FacetsView::default());
        }
        let range = self.range(request.from.as_deref(), request.to.as_deref())?;
        let query = Self::query(&request.query).await?;
        reader.facets(&query, range, &request.fields, request.limit).await.map_err(to_backend_error)
    }

    async fn context(&self, request: ContextRequest) -> Result<ContextView, BackendError> {
        self.reader()?.context(&request.id, request.before, request.after).await.map_err(to_backend_error)
    }

    async fn fields(&self, request: FieldsRequest) -> Result<Vec<FieldView>, BackendError> {
        let reader = self.reader()?;
        let range = self.range(request.from.as_deref(), request.to.as_deref())?;
        reader.fields(&Self::query(&request.query).await?, range).await.map_err(to_backend_error)
    }

    async fn patterns(&self, request: PatternsRequest) -> Result<PatternsView, BackendError> {
        let reader = self.reader()?;
        let range = self.range(request.from.as_deref(), request.to.as_deref())?;
        let compare = RangeText { from: request.compare_from.as_deref(), to: request.compare_to.as_deref() };
        let compare = reader.compared(compare).map_err(to_backend_error)?;
        let query = Self::query(&request.query).await?;
        reader.patterns(&query, range, compare).await.map_err(to_backend_error)
    }

    async fn first_seen(&self, query: String) -> Result<Option<String>, BackendError> {
        let reader = self.reader()?;
        reader.first_seen(&Self::query(&query).await?).await.map_err(to_backend_error)
    }

    async fn figures(&self, (): ()) -> Result<FiguresView, BackendError> {
        Ok(FiguresView::clone(&*self.figures.seen_by(&Self::sight()?).now().await))
    }

    async fn missing(&self, parameters: &str) -> Result<Losses, BackendError> {
        let (sight, offered) = (Self::sight()?, self.access());
        need_whole_sight(&sight, "losses, sinks, replays and tasks").map_err(to_backend_error)?;
        let LossesParameters { filter, before, done, replay_error, deletion_error } =
            LossesParameters::read(parameters);
        let LossesState { ledger, letters, parts, canary, .. } = &self.losses;
        let ForwardingState { followers, replays, .. } = &self.forwarding;
        let letters = letters.seen_by(&sight).map_err(to_backend_error)?;
        let letters = letters_page(&letters, &filter, before).await.map_err(to_backend_error)?;
        let newest = replays.list().await.map_err(to_backend_error)?.into_iter().take(REPLAYS);
        let deletions = if offered.may_admin { self.newest_deletions().await? } else { Vec::new() };
        Ok(Losses {
            aside: parts.seen_by(&sight).map_err(to_backend_error)?.aside(),
            ledger: ledger.seen_by(&sight).map_err(to_backend_error)?.summary().await.ok(),
            canary: canary.get().map(Canary::views).unwrap_or_default(),
            letters,
            sinks: forwarding::views(followers),
            replays: newest.map(forwarding::replay_view).collect(),
            has_archive: replays.has_archive(),
            replay_error,
            deletions,
            deletion_error,
            redactions: if offered.may_admin { rule_views(self.redaction.as_deref()) } else { Vec::new() },
            tasks: tasks(&self.supervisor),
            may_edit: offered.may_edit,
            may_admin: offered.may_admin,
            done,
        })
    }

    async fn views(&self, (): ()) -> Result<Vec<SavedView>, BackendError> {
        self.reading.views.seen_by(&Self::sight()?).list().await.map_err(to_backend_error)
    }

    async fn save_view(&self, view: SavedView) -> Result<(), BackendError> {
        let (editor, source) = self.editor()?;
        let shown = self.reading.views.seen_by(editor.sight());
        shown.save(&view.name, &view.address).await.map_err(to_backend_error)?;
        audit::note(&self.reading.audit, &editor, source, Action::ViewSaved, view.name);
        Ok(())
    }

    async fn remove_view(&self, name: String) -> Result<(), BackendError> {
        let (editor, source) = self.editor()?;
        self.reading.views.seen_by(editor.sight()).remove(&name).await.map_err(to_backend_error)?;
        audit::note(&self.reading.audit, &editor, source, Action::ViewRemoved, name);
        Ok(())
    }

    async fn snippets(&self, origin: String) -> Result<Snippets, BackendError> {
        check(&principal(), Need::Read)?;
        // There are no requests before the doors are bound.
        let doors = self.doors.get().cloned().unwrap_or_default();
        let needs_key = self.access.state() == State::Guarded;
        let key = needs_key.then_some(snippets::UNKNOWN_KEY);
        Ok(Snippets { needs_key, list: snippets::snippets(&origin, &doors, key) })
    }

    async fn patience(&self) {
        let patience = self.patience.min(COUNT_PATIENCE);
        // A sleep of no time takes up to a millisecond.
        if !patience.is_zero() {
            tokio::time::sleep(patience).await;
        }
    }

    fn recent(&self) -> usize {
        self.reading.recent
    }

    fn access(&self) -> AccessNote {
        let is_open = self.access.state() == State::Open && self.access.posture() != Posture::Loopback;
        note(&principal(), is_open)
    }

    async fn access_lists(&self, parameters: &str) -> Result<AccessLists, BackendError> {
        let principal = principal();
        check_noted(&self.reading.audit, &principal, Need::Admin, "the page Access")?;
        access_lists::lists(&self.access, &principal, parameters).await.map_err(to_backend_error)
    }
}
