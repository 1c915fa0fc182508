//! The list of texts; each language defines all of them.

/// The texts of one language.
pub(crate) struct Texts {
    // The head of the page.
    pub(crate) home: &'static str,
    pub(crate) search_label: &'static str,
    pub(crate) search_hint: &'static str,
    pub(crate) search_go: &'static str,
    pub(crate) range_label: &'static str,
    pub(crate) range_live: &'static str,
    /// In the order of [`Span::ALL`](crate::state::view::Span::ALL).
    pub(crate) range_spans: [&'static str; 5],
    pub(crate) range_between: &'static str,
    pub(crate) range_from: &'static str,
    pub(crate) range_to: &'static str,
    pub(crate) theme_toggle: &'static str,
    pub(crate) theme_names: [&'static str; 3],
    /// Written in the other language.
    pub(crate) language_toggle: &'static str,
    pub(crate) language_short: &'static str,
    pub(crate) help: &'static str,

    // Search results.
    /// Takes the position counted from 1, the error and a suggestion.
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
    /// Takes the local time at which the connection was lost.
    pub(crate) server_away: fn(&str) -> String,
    pub(crate) new_records: fn(u64) -> String,
    pub(crate) skipped: fn(u64) -> String,
    pub(crate) skipped_hint: &'static str,
    /// Announced to screen readers at intervals.
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
    pub(crate) search_instead: &'static str,
    pub(crate) clear_query: &'static str,
    pub(crate) failed_invalid: &'static str,
    pub(crate) failed_forbidden: &'static str,
    pub(crate) failed_later: &'static str,
    pub(crate) failed_away: &'static str,
    pub(crate) failed_fault: &'static str,
    pub(crate) try_again: &'static str,
    pub(crate) not_found_title: &'static str,
    pub(crate) not_found_text: &'static str,
    pub(crate) not_found_link: &'static str,

    // Frame.
    pub(crate) navigation: &'static str,
    pub(crate) place_logs: &'static str,
    pub(crate) place_overview: &'static str,
    pub(crate) place_system: &'static str,
    pub(crate) place_connect: &'static str,
    pub(crate) place_access: &'static str,
    pub(crate) log_in: &'static str,
    pub(crate) log_out: &'static str,
    pub(crate) logged_out: &'static str,
    pub(crate) open_to_all: &'static str,

    // Explore: search, fields, columns.
    pub(crate) suggestions: &'static str,
    pub(crate) facets: &'static str,
    pub(crate) facets_hint: &'static str,
    pub(crate) facets_none: &'static str,
    pub(crate) facet_without: fn(&str) -> String,
    pub(crate) columns: &'static str,
    pub(crate) column_add: fn(&str) -> String,
    pub(crate) column_remove: fn(&str) -> String,
    pub(crate) show_records: &'static str,
    pub(crate) show_patterns: &'static str,
    pub(crate) wrap: &'static str,
    pub(crate) export: &'static str,
    pub(crate) context: &'static str,
    pub(crate) context_title: fn(&str, &str) -> String,
    pub(crate) trace_title: fn(usize, &str) -> String,
    pub(crate) beside_missing: &'static str,
    pub(crate) search_trace: &'static str,

    // Saved views.
    pub(crate) views: &'static str,
    pub(crate) views_none: &'static str,
    pub(crate) view_name: &'static str,
    pub(crate) view_save: &'static str,
    pub(crate) view_remove: fn(&str) -> String,
    pub(crate) view_copy: fn(&str) -> String,
    pub(crate) view_read_only: &'static str,
    pub(crate) view_from_file: &'static str,

    // Patterns.
    pub(crate) patterns_of: fn(u64, &str) -> String,
    pub(crate) patterns_of_all: fn(u64) -> String,
    pub(crate) pattern_new: &'static str,
    pub(crate) pattern_new_hint: &'static str,
    pub(crate) pattern_only: &'static str,
    pub(crate) pattern_hide: &'static str,
    pub(crate) pattern_first_seen: &'static str,
    pub(crate) pattern_first: fn(&str) -> String,
    pub(crate) pattern_example: &'static str,
    pub(crate) pattern_more: &'static str,

    // Overview.
    pub(crate) overview_rate: &'static str,
    pub(crate) overview_errors: &'static str,
    pub(crate) overview_lag: &'static str,
    pub(crate) overview_stored: &'static str,
    pub(crate) overview_traffic: &'static str,
    pub(crate) overview_services: &'static str,
    pub(crate) overview_quiet: &'static str,
    pub(crate) service: &'static str,
    pub(crate) records: &'static str,
    pub(crate) errors: &'static str,
    pub(crate) over_time: &'static str,
    pub(crate) last_seen: &'static str,
    pub(crate) seconds_ago: fn(i64) -> String,
    pub(crate) no_figure: &'static str,
    pub(crate) figures_away: &'static str,
    pub(crate) figures_old: fn(&str) -> String,

    // System.
    pub(crate) queue: &'static str,
    pub(crate) store: &'static str,
    pub(crate) process: &'static str,
    pub(crate) retention: &'static str,
    pub(crate) engine: &'static str,
    pub(crate) health: &'static str,
    pub(crate) well: &'static str,
    pub(crate) waiting_batches: &'static str,
    /// All waiting batches, and those that only a newer version reads.
    pub(crate) newer_batches: fn(&str, &str) -> String,
    pub(crate) bytes_on_disk: &'static str,
    pub(crate) bytes_per_record: &'static str,
    pub(crate) kept_for: &'static str,
    pub(crate) kept_bytes: &'static str,
    pub(crate) for_ever: &'static str,
    pub(crate) unbounded: &'static str,
    pub(crate) kept_service: fn(&str) -> String,
    pub(crate) version: &'static str,
    pub(crate) uptime: &'static str,
    pub(crate) memory: &'static str,
    pub(crate) tails: &'static str,

    // Connect.
    pub(crate) connect_title: &'static str,
    pub(crate) connect_text: &'static str,
    pub(crate) connect_needs: &'static str,
    pub(crate) connect_waiting: &'static str,
    pub(crate) connect_came: &'static str,
    pub(crate) connect_look: &'static str,

    // Keys and language, in the help.
    pub(crate) help_keys: &'static str,
    pub(crate) help_language: &'static str,
    /// Pairs of key and effect.
    pub(crate) keys: &'static [(&'static str, &'static str)],
    /// Pairs of example and meaning.
    pub(crate) language: &'static [(&'static str, &'static str)],
}
