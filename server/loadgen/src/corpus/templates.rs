//! The vocabulary of the corpus: services, and messages in two parts.
//!
//! Twenty openings times ten endings make two hundred templates. `{n}` stands for a number, `{h}` for eight
//! hexadecimal digits, `{p}` for a path and `{w}` for a word.

/// In descending order of frequency.
pub(super) const SERVICES: [&str; 20] = [
    "gateway",
    "auth",
    "orders",
    "catalogue",
    "payments",
    "search",
    "inventory",
    "sessions",
    "notifications",
    "recommendations",
    "pricing",
    "shipping",
    "profiles",
    "media",
    "reviews",
    "billing",
    "audit",
    "exports",
    "fraud",
    "scheduler",
];

pub(super) const OPENINGS: [&str; 20] = [
    "request {h} to {p} completed by worker {n} after waiting {n} ms in the accept queue",
    "cache lookup for key {w}:{n} missed in region {w}, falling back to the primary at shard {n}",
    "published event {w}.created with offset {n} to partition {n} of topic {w}-events",
    "database pool checked out connection {h} in {n} µs, {n} idle and {n} busy",
    "user session {h} refreshed, token rotates in {n} seconds, device {w}-{n}",
    "retrying call to {w} service, attempt {n}, previous status {n}, backoff {n} ms",
    "rate limiter admitted client {h} on route {p}, bucket level {n} of {n}",
    "job {w}-{n} picked up by executor {n}, scheduled {n} ms ago, priority {n}",
    "rendered template {p} for locale {w} in {n} ms, {n} partials, {n} bytes",
    "validated payload of {n} bytes against schema {w} version {n}, checksum {h}",
    "flushed segment {h} with {n} entries to disk, {n} bytes, compaction score {n}",
    "health probe of upstream {w}-{n} answered in {n} ms, weight raised to {n}",
    "order {n} moved from state {w} to state {w}, reservation {h} kept",
    "feature flag {w} evaluated for cohort {n}, variant {w}, rule {h} matched",
    "connection {h} from 10.{n}.0.7 upgraded, protocol {w}, {n} streams open",
    "slow query on table {w}: {n} rows scanned, {n} rows returned, plan {h}",
    "webhook delivery {h} to {p} accepted by the receiver with status {n}",
    "search for {w} over index {w}-{n} returned {n} hits, {n} ms in the scorer",
    "configuration reloaded from {p}, generation {n}, {n} keys changed, digest {h}",
    "message {h} acknowledged by consumer {w}-{n}, redelivered {n} times, lag {n}",
];

pub(super) const ENDINGS: [&str; 10] = [
    "; upstream answered after {n} attempts, memory at {n} MiB",
    "; correlation {h} kept for the follow-up call to {w}",
    "; budget left {n} ms, next deadline check in {n} ms, slot {n}",
    "; the circuit to {w} is closed, {n} failures in the last minute",
    "; thread {n} yields, run queue length {n}, steal count {n}",
    "; response compressed from {n} to {n} bytes, etag {h}",
    "; checkpoint {h} written, {n} entries behind the leader",
    "; trace sampled at one in {n}, exporter {w} has {n} spans queued",
    "; connection returned to the pool, {n} waiting, oldest for {n} ms",
    "; quota of tenant {w}-{n} stands at {n} of {n} units",
];

/// One record in a thousand.
pub(super) const RARE: &str =
    "disk quota nearly exhausted on volume {h}: {n} of {n} blocks in use, writes are refused at {n}, owner {w}-{n}";

pub(super) const WORDS: [&str; 24] = [
    "amber", "basalt", "cedar", "delta", "ember", "falcon", "granite", "harbor", "indigo", "juniper", "kestrel",
    "lagoon", "maple", "nickel", "onyx", "pepper", "quartz", "raven", "saffron", "tundra", "umbra", "violet", "willow",
    "zephyr",
];

pub(super) const PATHS: [&str; 10] = [
    "/api/v2/orders",
    "/api/v2/orders/items",
    "/api/v1/users/me",
    "/api/v1/search",
    "/internal/health",
    "/checkout/confirm",
    "/static/app.css",
    "/hooks/payment",
    "/graphql",
    "/etc/service/config.toml",
];
