//! Which names and calls the sources of a part of the program may contain.
//!
//! The dependencies of a package allow all its public names. These rules forbid some of them: a database in the other
//! engine, a port in a door, the clock in the model. A rule sees paths, so it holds for names and calls in the text of a
//! file, and not for what a value of another file can do.

use super::paths::resolved;

/// Forbids names of packages in some folders.
pub(crate) struct Rule {
    /// The folders of sources, as seen from `server/`.
    pub(crate) folders: &'static [&'static str],
    /// The packages: the first name of a path.
    of: &'static [&'static str],
    /// The forbidden names, anywhere after the package. `Pg*` forbids all names that begin with `Pg`.
    not: &'static [&'static str],
    /// The files that need a forbidden name, as seen from `server/`, with the entry of `not`.
    pub(crate) but: &'static [(&'static str, &'static str)],
    pub(crate) reason: &'static str,
}

/// Forbids calls of a port's methods in some folders.
pub(crate) struct Calls {
    /// The folders of sources, as seen from `server/`.
    pub(crate) folders: &'static [&'static str],
    /// What stands before the method.
    on: &'static [&'static str],
    methods: &'static [&'static str],
    pub(crate) reason: &'static str,
}

/// The listeners of the doors in the program.
const DOORS: [&str; 3] = ["src/grpc", "src/http/write", "src/streams"];
/// How the program holds a store.
const STORE: [&str; 3] = ["store.", "store().", "Log::"];

pub(crate) const RULES: [Rule; 9] = [
    Rule {
        folders: &["engine-embedded"],
        of: &["sqlx"],
        not: &["Pg*", "Postgres*", "postgres"],
        but: &[],
        reason: "PostgreSQL stays in engine-timescale",
    },
    Rule {
        folders: &["engine-timescale"],
        of: &["sqlx"],
        not: &["Sqlite*", "sqlite"],
        but: &[],
        reason: "SQLite stays in engine-embedded",
    },
    Rule {
        folders: &["doors", "parts", "sinks", "archive", "src/grpc", "src/http/write", "src/streams"],
        of: &["pipeline"],
        not: &["Queue", "Log", "LogStore", "Ask", "ask", "DeadLetters", "Documents", "Leases", "consume", "LiveHub"],
        but: &[],
        reason: "records go through the stages, so doors, destinations and file formats hold no port",
    },
    Rule {
        folders: &DOORS,
        of: &["engine_embedded", "engine_rabbitmq", "engine_timescale"],
        not: &["*"],
        but: &[],
        reason: "a door writes to no engine",
    },
    Rule { folders: &DOORS, of: &["crate"], not: &["engines"], but: &[], reason: "a door writes to no engine" },
    Rule {
        folders: &["reading"],
        of: &["pipeline"],
        not: &["Queue", "consume"],
        // The status, for the figures.
        but: &[("reading/src/figures.rs", "Queue")],
        reason: "a reader reads the store and not the queue",
    },
    Rule {
        folders: &["src"],
        of: &["pipeline"],
        not: &["LogStore", "Log", "Ask", "ask", "DeadLetters", "Documents", "Leases"],
        // The file that opens a store, the notes for the audit, the status for health and metrics, and the lease of the
        // archive.
        but: &[
            ("src/engines.rs", "LogStore"),
            ("src/engines.rs", "Documents"),
            ("src/audit/notes/mod.rs", "Documents"),
            ("src/http/state.rs", "Log"),
            ("src/archiving/mod.rs", "Leases"),
            ("src/archiving/removals.rs", "Leases"),
        ],
        reason: "take the answer from package reading",
    },
    Rule {
        folders: &[
            "pipeline",
            "doors",
            "parts",
            "sinks",
            "archive",
            "engine-embedded",
            "engine-rabbitmq",
            "engine-timescale",
        ],
        of: &["model"],
        not: &["api"],
        but: &[],
        reason: "model::api is the JSON of one transport, and these serve all of them",
    },
    Rule {
        folders: &["../app/model"],
        of: &["std"],
        not: &[
            "SystemTime",
            "Instant",
            "RandomState",
            "fs",
            "io",
            "env",
            "os",
            "process",
            "thread",
            "net",
            "TcpStream",
            "TcpListener",
            "UdpSocket",
            "ToSocketAddrs",
        ],
        // An address as a value.
        but: &[("../app/model/src/query/pasted.rs", "net")],
        reason: "the model has no I/O, no clock and no randomness",
    },
];

pub(crate) const CALLS: [Calls; 4] = [
    Calls {
        folders: &["src"],
        on: &STORE,
        methods: &["search", "aggregate", "get", "context", "read_after", "newest", "follow"],
        reason: "take the answer from package reading",
    },
    Calls {
        folders: &["src"],
        on: &STORE,
        methods: &["append", "give_up_part", "put_dead_letters", "remove_dead_letters"],
        reason: "the consume stage alone stores records, and package reading removes them",
    },
    Calls {
        folders: &["reading/src", "src/http", "src/dashboard", "src/grpc"],
        on: &["queue.", "queue().", "Queue::"],
        methods: &["publish", "receive", "acknowledge", "release"],
        reason: "batches enter the queue by the enqueue stage and leave it by the consume stage",
    },
    Calls {
        folders: &["src/http", "src/dashboard"],
        on: &[
            "state.reader.",
            "reading.reader.",
            "state.letters.",
            "state.transfer.",
            "views.",
            "figures.",
            "parts.",
            "ledger.",
            "live.",
        ],
        methods: &[
            "logs",
            "search",
            "recent",
            "cursor_at",
            "pages",
            "count",
            "histogram",
            "facets",
            "fields",
            "patterns",
            "first_seen",
            "preview_redaction",
            "preview_deletion",
            "record",
            "context",
            "tail",
            "subscribe",
            "list",
            "page",
            "show",
            "payload",
            "lines",
            "replay",
            "replay_all",
            "delete",
            "delete_all",
            "address",
            "save",
            "remove",
            "now",
            "watch",
            "aside",
            "give_up",
            "rows",
            "summary",
            "export",
            "import",
        ],
        reason: "a caller sees what its sight shows: ask what `seen_by(principal.sight())` gives",
    },
];

impl Rule {
    /// The forbidden paths that a file names.
    pub(crate) fn broken_by(&self, file: &str, source: &str) -> Vec<String> {
        let is_excused = |name: &str| self.but.contains(&(file, name));
        let forbidden = self.forbidden(source).into_iter().filter(|(_, name)| !is_excused(name));
        forbidden.map(|(path, _)| path.join("::")).collect()
    }

    /// Whether a file names what this entry of `not` forbids.
    pub(crate) fn forbids(&self, name: &str, source: &str) -> bool {
        self.forbidden(source).iter().any(|(_, entry)| *entry == name)
    }

    /// The forbidden paths, each with the entry of `not`.
    fn forbidden(&self, source: &str) -> Vec<(Vec<String>, &'static str)> {
        let mut forbidden = Vec::new();
        for path in resolved(source) {
            let Some((first, names)) = path.split_first().filter(|(first, _)| self.of.contains(&first.as_str())) else {
                continue;
            };
            // A package or a module as a whole gives all its names.
            if names.is_empty() || names.iter().any(|name| name == "*") {
                forbidden.push((vec![first.clone(), "*".to_owned()], "*"));
            }
            let entries = self.not.iter().filter(|entry| names.iter().any(|name| is_meant(entry, name)));
            forbidden.extend(entries.map(|entry| (path.clone(), *entry)));
        }
        forbidden
    }
}

/// Whether an entry of `not` stands for this name.
fn is_meant(entry: &str, name: &str) -> bool {
    entry.strip_suffix('*').map_or(entry == name, |beginning| name.starts_with(beginning))
}

impl Calls {
    /// The forbidden calls in a source; a call may be spread over lines.
    pub(crate) fn made_in(&self, source: &str) -> Vec<String> {
        let joined: String = source.split_whitespace().collect();
        let calls = self.on.iter().flat_map(|on| self.methods.iter().map(move |method| format!("{on}{method}(")));
        calls.filter(|call| joined.contains(call)).collect()
    }
}

/// Whether one of the folders contains the file.
fn is_within(folders: &[&str], file: &str) -> bool {
    folders.iter().any(|folder| std::path::Path::new(file).starts_with(folder))
}

#[test]
fn forbidden_names_are_found_however_they_are_written() {
    let (embedded, timescale) = ("engine-embedded/src/catalogue/mod.rs", "engine-timescale/src/store.rs");
    let (call, model) = ("src/http/logs.rs", "../app/model/src/time/mod.rs");
    for (file, source) in [
        (embedded, "use sqlx::{PgPool, Row};"),
        (embedded, "fn row() -> sqlx::postgres::PgRow { read() }"),
        (embedded, "use sqlx::Postgres as Database;"),
        (embedded, "use sqlx as sql;\nfn pool() -> sql::PgPool { open() }"),
        (embedded, "use sqlx::*;"),
        (timescale, "use sqlx::{Row, sqlite::SqliteRow};"),
        (timescale, "use sqlx::SqlitePool;"),
        (call, "use pipeline::LogStore;"),
        (call, "use pipeline::log::Log;"),
        (call, "use pipeline::{Error, store::LogStore};"),
        (call, "use pipeline::log as port;\nfn f(log: &dyn port::Log) {}"),
        (call, "async fn f() { pipeline::ask::count(store, query, range).await }"),
        (call, "use pipeline::{ask, Error};"),
        (call, "use pipeline::documents::*;"),
        ("doors/src/json.rs", "use pipeline::{Error, Queue};"),
        ("sinks/src/file.rs", "use pipeline::store::LogStore;"),
        ("archive/src/write.rs", "use pipeline::lease::Leases;"),
        ("src/grpc/mod.rs", "use pipeline::documents::Documents;"),
        ("src/grpc/mod.rs", "use pipeline::live::LiveHub;"),
        ("src/streams/mod.rs", "use crate::{engines, listen};"),
        ("src/http/write/mod.rs", "async fn f() { engine_embedded::open_store(folder, options).await }"),
        ("reading/src/reader.rs", "use pipeline::queue::Queue;"),
        ("reading/src/figures.rs", "use pipeline::{Queue, consume};"),
        ("pipeline/src/ask.rs", "use model::api::LogsPage;"),
        ("sinks/src/file.rs", "use model::{Record, api};"),
        ("archive/src/write.rs", "fn f(page: model::api::LogsPage) {}"),
        (model, "use std::time::SystemTime;"),
        (model, "fn f() { std::time::Instant::now() }"),
        (model, "use std::time;\nfn f() { time::Instant::now() }"),
        (model, "fn f() { std::fs::read(path) }"),
        ("../app/model/src/query/pasted.rs", "use std::net::UdpSocket;"),
    ] {
        let rules = RULES.iter().filter(|rule| is_within(rule.folders, file));
        assert!(rules.flat_map(|rule| rule.broken_by(file, source)).count() > 0, "{file}: {source}");
    }
}

#[test]
fn names_that_a_file_needs_are_allowed() {
    for (file, source) in [
        ("engine-embedded/src/catalogue/mod.rs", "use sqlx::{Row, SqlitePool, sqlite::SqliteRow};"),
        ("engine-timescale/src/store.rs", "use sqlx::{PgPool, Postgres, Row, postgres::PgRow};"),
        ("src/engines.rs", "use pipeline::{Documents, LogStore, Queue};"),
        ("src/http/state.rs", "use pipeline::{Log, Queue, live::LiveHub};"),
        ("src/http/logs.rs", "use pipeline::{Error, TimeRange}; // Not pipeline::Log."),
        ("doors/src/json.rs", "use pipeline::{Error, normalise::RawRecord};"),
        ("reading/src/figures.rs", "use pipeline::{Log, Queue, Result};"),
        ("sinks/src/file.rs", "use model::Record;"),
        ("../app/model/src/query/pasted.rs", "fn f() -> std::net::Ipv4Addr { read() }"),
        ("../app/model/src/time/mod.rs", "use std::{collections::BTreeMap, time::Duration};"),
    ] {
        let rules = RULES.iter().filter(|rule| is_within(rule.folders, file));
        let broken: Vec<String> = rules.flat_map(|rule| rule.broken_by(file, source)).collect();
        assert!(broken.is_empty(), "{file}: {source}: {broken:?}");
    }
}

#[test]
fn forbidden_calls_are_found_also_over_several_lines() {
    for (file, source, is_forbidden) in [
        ("src/http/logs.rs", "state.store\n    .search(&request)", true),
        ("src/http/logs.rs", "Log::read_after(&*store, after)", true),
        ("src/grpc/mod.rs", "self.store().append(&deliveries)", true),
        ("src/http/parts.rs", "state.store.give_up_part(&name)", true),
        ("src/http/health.rs", "state.store.status()", false),
        ("reading/src/figures.rs", "self.queue.receive(1)", true),
        ("reading/src/figures.rs", "self.queue.status()", false),
        ("src/http/health.rs", "state.queue.publish(batch)", true),
        ("src/http/logs.rs", "state.reader\n    .logs(query)", true),
        ("src/http/logs.rs", "state.reader\n    .seen_by(principal.sight())\n    .logs(query)", false),
        ("src/http/tail.rs", "state.live.subscribe(query, after)", true),
        ("src/dashboard/mod.rs", "parts.aside()", true),
    ] {
        let calls = CALLS.iter().filter(|calls| is_within(calls.folders, file));
        assert_eq!(calls.flat_map(|calls| calls.made_in(source)).count() > 0, is_forbidden, "{file}: {source}");
    }
}
