//! Shared signals of the Explore page.

use std::collections::BTreeMap;

use leptos::prelude::*;
use leptos_router::{
    NavigateOptions,
    hooks::{use_location, use_navigate},
};

use model::api::FieldView;

use super::view::{Search, View};
use crate::effect::effect;

/// Whether new records are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Follow {
    #[default]
    Following,
    /// The user looks at a record; scrolling to the end resumes.
    Frozen,
    /// Paused by the user; only the user resumes.
    Paused,
}

/// The state of the tail's connection.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Connection {
    #[default]
    Connecting,
    Open,
    /// No connection; milliseconds since the Unix epoch.
    Away {
        since: i64,
    },
}

/// The state of one Explore page. `view` is the part that links carry.
#[derive(Clone, Copy)]
pub(crate) struct Explorer {
    pub(crate) view: Memo<View>,
    /// The part of the view that selects the listed records.
    pub(crate) search: Memo<Search>,
    pub(crate) follow: RwSignal<Follow>,
    pub(crate) connection: RwSignal<Connection>,
    /// The number of records held back while the view is still.
    pub(crate) waiting: RwSignal<u64>,
    /// The number of records that this tail has skipped.
    pub(crate) skipped: RwSignal<u64>,
    /// Set by new records, reset when the counts are requested again.
    pub(crate) counts_are_stale: RwSignal<bool>,
    /// Incremented to reload everything.
    pub(crate) reload: RwSignal<u32>,
    /// The search whose records are shown, and its reload count, as text. Requests of lower priority wait for it, so
    /// that records load first.
    pub(crate) listed: RwSignal<Option<String>>,
    pub(crate) wrap: RwSignal<bool>,
    /// Whether times are in the browser's zone; only after hydration.
    pub(crate) local_time: RwSignal<bool>,
    pub(crate) help: RwSignal<bool>,
    /// Whether the list was scrolled away from its end.
    pub(crate) scrolled: RwSignal<bool>,
    /// The fields with a column.
    pub(crate) columns: Memo<Vec<String>>,
    /// Whether the facets are shown.
    pub(crate) facets: RwSignal<bool>,
    /// The fields of the newest matches; also used for completion.
    pub(crate) fields: RwSignal<Vec<FieldView>>,
    navigate: StoredValue<Navigate>,
    /// The signals of all rendered blocks, by increasing numbers.
    rows: StoredValue<BTreeMap<u64, RowSignals>>,
}

/// The signals of the rows of one block, alive as long as the rows. Signals remember every subscriber, so rows that
/// come and go for days would leak. Rows subscribe to these signals instead, which [`Explorer`] updates.
#[derive(Clone, Copy)]
pub(crate) struct RowSignals {
    /// The id of the expanded record.
    pub(crate) open: RwSignal<Option<String>>,
    pub(crate) columns: RwSignal<Vec<String>>,
    pub(crate) local_time: RwSignal<bool>,
}

impl RowSignals {
    fn update(self, open: &Option<String>, columns: &Vec<String>, local_time: bool) {
        if self.open.with_untracked(|now| now != open) {
            self.open.set(open.clone());
        }
        if self.columns.with_untracked(|now| now != columns) {
            self.columns.set(columns.clone());
        }
        if self.local_time.get_untracked() != local_time {
            self.local_time.set(local_time);
        }
    }
}

type Navigate = Box<dyn Fn(&str, NavigateOptions) + Send + Sync>;

impl Explorer {
    /// Reads the URL, and provides the state in the context.
    pub(crate) fn provide() -> Self {
        let location = use_location().search;
        let view = Memo::new(move |_| location.with(|search| View::read(search)));
        let navigate: Navigate = Box::new(use_navigate());
        let explorer = Self {
            view,
            search: Memo::new(move |_| view.with(|view| view.search.clone())),
            follow: RwSignal::default(),
            connection: RwSignal::default(),
            waiting: RwSignal::default(),
            skipped: RwSignal::default(),
            counts_are_stale: RwSignal::default(),
            reload: RwSignal::default(),
            listed: RwSignal::default(),
            wrap: RwSignal::default(),
            local_time: RwSignal::default(),
            help: RwSignal::default(),
            scrolled: RwSignal::default(),
            columns: Memo::new(move |_| view.with(|view| view.columns.clone())),
            facets: RwSignal::default(),
            fields: RwSignal::default(),
            navigate: StoredValue::new(navigate),
            rows: StoredValue::default(),
        };
        effect(move |_| {
            let open = view.with(|view| view.at.clone());
            let (columns, local_time) = (explorer.columns.get(), explorer.local_time.get());
            let rows: Vec<RowSignals> = explorer.rows.with_value(|rows| rows.values().copied().collect());
            rows.into_iter().for_each(|rows| rows.update(&open, &columns, local_time));
        });
        effect(move |_| explorer.local_time.set(true));
        provide_context(explorer);
        explorer
    }

    pub(crate) fn expect() -> Self {
        expect_context()
    }

    /// Creates signals for some rows, until the current owner is cleaned up.
    pub(crate) fn row_signals(&self) -> RowSignals {
        let signals = RowSignals {
            open: RwSignal::new(self.view.with_untracked(|view| view.at.clone())),
            columns: RwSignal::new(self.columns.get_untracked()),
            local_time: RwSignal::new(self.local_time.get_untracked()),
        };
        let rows = self.rows;
        let number = rows.try_update_value(|rows| {
            let number = rows.last_key_value().map_or(0, |(last, _)| last + 1);
            rows.insert(number, signals);
            number
        });
        on_cleanup(move || {
            // The page may already be gone.
            let _ = rows.try_update_value(|rows| number.and_then(|number| rows.remove(&number)));
        });
        signals
    }

    /// Navigates to another view, like a click on its link.
    pub(crate) fn go(&self, view: &View) {
        let options = NavigateOptions { scroll: false, ..NavigateOptions::default() };
        self.navigate.with_value(|navigate| navigate(&view.url(), options));
    }

    /// Expands a record, or collapses it.
    pub(crate) fn toggle(&self, id: &str) {
        let view = self.view.get_untracked();
        let at = (view.at.as_deref() != Some(id)).then(|| id.to_owned());
        self.go(&view.with_at(at));
    }

    /// Stops showing new records while the user looks at something.
    pub(crate) fn freeze(&self) {
        if self.follow.get_untracked() == Follow::Following {
            self.follow.set(Follow::Frozen);
        }
    }

    /// Shows new records again, from the newest.
    pub(crate) fn resume(&self) {
        self.follow.set(Follow::Following);
    }

    /// Pauses a tail that follows; resumes it otherwise.
    pub(crate) fn toggle_follow(&self) {
        match self.follow.get_untracked() {
            Follow::Following => self.follow.set(Follow::Paused),
            Follow::Frozen | Follow::Paused => self.resume(),
        }
    }
}
