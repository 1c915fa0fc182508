//! The list of texts; each language fills it in.

/// The texts of one language.
pub(crate) struct Texts {
    // The head of the page.
    pub(crate) home: &'static str,
    pub(crate) search_label: &'static str,
    pub(crate) search_hint: &'static str,
    pub(crate) search_go: &'static str,
    pub(crate) range_label: &'static str,
    pub(crate) range_live: &'static str,
    /// By [`Span::ALL`](crate::state::view::Span::ALL).
    pub(crate) range_spans: [&'static str; 5],
    pub(crate) range_between: &'static str,
    pub(crate) range_from: &'static str,
    pub(crate) range_to: &'static str,
    pub(crate) theme_toggle: &'static str,
    pub(crate) theme_names: [&'static str; 3],
    /// In the other language, for those who read only that.
    pub(crate) language_toggle: &'static str,
    pub(crate) language_short: &'static str,
    pub(crate) help: &'static str,

    // What was searched.
    /// Position counted from 1, what is wrong, what to write instead.
    pub(crate) searched_as_text: fn(usize, &str, &str) -> String,
    pub(crate) levels_label: &'static str,
    pub(crate) histogram_label: &'static str,
    pub(crate) histogram_empty: &'static str,
    pub(crate) reset_range: &'static str,

    // The tail.
    pub(crate) live: &'static str,
    pub(crate) connecting: &'static str,
    pub(crate) reconnecting: &'static str,
    pub(crate) paused: &'static str,
    pub(crate) not_live: &'static str,
    pub(crate) pause_hint: &'static str,
    pub(crate) resume_hint: &'static str,
    pub(crate) go_live_hint: &'static str,
    /// With the local time since when.
    pub(crate) server_away: fn(&str) -> String,
    pub(crate) new_records: fn(u64) -> String,
    pub(crate) skipped: fn(u64) -> String,
    pub(crate) skipped_hint: &'static str,
    /// For screen readers, now and then.
    pub(crate) announce_new: fn(u64) -> String,

    // The list.
    pub(crate) list_label: &'static str,
    pub(crate) older: &'static str,
    pub(crate) older_loading: &'static str,
    pub(crate) older_searching: fn(&str, usize) -> String,
    pub(crate) older_searched_to: fn(&str, usize) -> String,
    pub(crate) beginning: &'static str,
    pub(crate) too_many: &'static str,
    pub(crate) loading: &'static str,
    pub(crate) open_record: &'static str,
    pub(crate) linked_record: &'static str,
    pub(crate) linked_missing: &'static str,
    pub(crate) close: &'static str,

    // One record.
    pub(crate) filter_in: fn(&str) -> String,
    pub(crate) filter_out: fn(&str) -> String,
    pub(crate) copy: fn(&str) -> String,
    pub(crate) copy_json: &'static str,
    pub(crate) copy_link: &'static str,
    pub(crate) show_trace: &'static str,
    pub(crate) time: &'static str,
    pub(crate) observed_time: &'static str,

    // Nothing to show.
    pub(crate) no_data_title: &'static str,
    pub(crate) no_data_text: &'static str,
    pub(crate) no_data_http: &'static str,
    pub(crate) no_data_grpc: &'static str,
    pub(crate) no_data_wait: &'static str,
    pub(crate) no_match_title: &'static str,
    pub(crate) no_match_text: &'static str,
    pub(crate) no_match_live: &'static str,
    pub(crate) widen_range: &'static str,
    pub(crate) clear_query: &'static str,
    pub(crate) failed_invalid: &'static str,
    pub(crate) failed_later: &'static str,
    pub(crate) failed_away: &'static str,
    pub(crate) failed_fault: &'static str,
    pub(crate) try_again: &'static str,
    pub(crate) not_found_title: &'static str,
    pub(crate) not_found_text: &'static str,
    pub(crate) not_found_link: &'static str,

    // Keys and language, in the help.
    pub(crate) help_keys: &'static str,
    pub(crate) help_language: &'static str,
    /// Key and what it does.
    pub(crate) keys: &'static [(&'static str, &'static str)],
    /// What to write and what it finds.
    pub(crate) language: &'static [(&'static str, &'static str)],
}
