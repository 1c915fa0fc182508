//! Chooses the queue and the store by URL scheme: the one place where engines meet.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::{Context as _, bail};
use pipeline::{
    Document, Documents, LogStore, Queue, Supervisor,
    documents::{Formatted, Overlay, folder::Files},
};

use crate::{
    config::{EngineOptions, RetentionOptions},
    forwarding::SINK,
};

/// A queue and a store that belong together.
pub(crate) struct Engines {
    pub queue: Arc<dyn Queue>,
    pub store: Arc<dyn LogStore>,
    /// Those of the store, and those of the configuration's files in front of them.
    pub documents: Arc<dyn Documents>,
    /// The sinks of the configuration's files.
    pub sinks: Vec<Document>,
}

impl Engines {
    fn new(queue: Arc<dyn Queue>, store: Arc<dyn LogStore>, files: Files) -> Self {
        let sinks = files.list(&SINK).cloned().collect();
        let documents = Arc::new(Overlay::new(Arc::new(Formatted::new(store.documents())), files));
        Self { queue, store, documents, sinks }
    }
}

/// What a `--queue` or `--store` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Choice {
    Embedded,
    RabbitMq,
    Postgres,
}

impl Choice {
    fn of(option: &str, url: &str) -> anyhow::Result<Self> {
        let scheme = url.split_once("://").map_or(url, |(scheme, _)| scheme);
        Ok(match (option, scheme) {
            (_, "embedded") => Self::Embedded,
            ("--queue", "amqp" | "amqps") => Self::RabbitMq,
            ("--store", "postgres" | "postgresql") => Self::Postgres,
            // The rest of the URL stays unsaid: it may hold a password.
            ("--queue", other) => bail!("--queue {other}…: write embedded, amqp://… or amqps://…"),
            (_, other) => bail!("{option} {other}…: write embedded or postgres://…"),
        })
    }
}

/// Checks that several processes can share the engines.
///
/// # Errors
/// One of them is embedded.
pub(crate) fn check_shared(options: &EngineOptions, workers: u32) -> anyhow::Result<()> {
    for (option, url) in [("--queue", &options.queue), ("--store", &options.store)] {
        if Choice::of(option, url)? == Choice::Embedded {
            bail!(
                "--workers {workers} with {option} embedded: an embedded engine keeps its files in --data for one \
                 process alone. Use --queue amqp://… and --store postgres://…, which workers share, or --workers 1: \
                 one process already uses all cores"
            );
        }
    }
    Ok(())
}

/// How long a queue that seems empty may hide batches which another node has taken and not stored yet. An embedded
/// queue has no other node.
pub(crate) fn queue_slack(options: &EngineOptions) -> anyhow::Result<Duration> {
    Ok(match Choice::of("--queue", &options.queue)? {
        Choice::Embedded => Duration::ZERO,
        _ => Duration::from_secs(10),
    })
}

/// Opens or connects both engines; waits, saying so, for a server that is not there yet.
pub(crate) async fn open(
    options: &EngineOptions,
    retention: &RetentionOptions,
    supervisor: &Supervisor,
) -> anyhow::Result<Engines> {
    let queue = Choice::of("--queue", &options.queue)?;
    let store = Choice::of("--store", &options.store)?;
    let files = files(options)?;
    let embedded = engine_embedded::Options {
        queue_bytes: options.queue_bytes.as_u64(),
        retention: retention.retention,
        retention_bytes: retention.retention_bytes.map(|bytes| bytes.as_u64()),
        retention_services: retention.services.clone(),
        dead_letters: retention.dead_letters(),
        supervisor: supervisor.clone(),
        ..engine_embedded::Options::default()
    };
    let data = &options.data;
    if queue == Choice::Embedded && store == Choice::Embedded {
        // The two share one log: what the queue made durable is the store's journal.
        let (queue, store) = engine_embedded::open_pair(data, embedded).await.context("the embedded engines")?;
        return Ok(Engines::new(queue, store, files));
    }
    let queue = match queue {
        Choice::Embedded => engine_embedded::open_queue(data, embedded.clone()).await.context("the embedded queue")?,
        _ => rabbitmq(&options.queue, supervisor).await.context("the queue")?,
    };
    let store = match store {
        Choice::Embedded => engine_embedded::open_store(data, embedded).await.context("the embedded store")?,
        _ => postgres(&options.store, retention, supervisor).await.context("the store")?,
    };
    Ok(Engines::new(queue, store, files))
}

/// The documents of a store, for commands that work without a server.
pub(crate) struct OpenDocuments {
    pub documents: Arc<dyn Documents>,
    /// Kept open as long as the documents.
    _store: Option<Arc<dyn LogStore>>,
}

/// How long a command waits for the database.
const DATABASE: Duration = Duration::from_secs(30);
/// A command ends long before.
#[cfg(feature = "timescale")]
const NO_UPKEEP: Duration = Duration::from_secs(365 * 86_400);

impl OpenDocuments {
    /// Those in a data folder that no server uses.
    ///
    /// # Errors
    /// As [`engine_embedded::open_documents`].
    pub(crate) async fn in_folder(data: &Path) -> pipeline::Result<Self> {
        let documents = engine_embedded::open_documents(data).await?;
        Ok(Self { documents: Arc::new(Formatted::new(documents)), _store: None })
    }

    /// Those in the database of a `--store`. Servers may be using it.
    ///
    /// # Errors
    /// The database does not answer, or refuses the connection.
    pub(crate) async fn in_database(url: &str) -> anyhow::Result<Self> {
        if Choice::of("--store", url)? != Choice::Postgres {
            bail!("--store embedded is in the data folder; name it by --data");
        }
        let Ok(opened) = tokio::time::timeout(DATABASE, database(url)).await else {
            bail!("--store: the database does not answer within {} s; check its address", DATABASE.as_secs());
        };
        let store = opened.context("--store")?;
        Ok(Self { documents: Arc::new(Formatted::new(store.documents())), _store: Some(store) })
    }
}

/// A store that changes nothing by itself.
#[cfg(feature = "timescale")]
async fn database(url: &str) -> anyhow::Result<Arc<dyn LogStore>> {
    let options = engine_timescale::Options { upkeep_pause: NO_UPKEEP, ..engine_timescale::Options::default() };
    Ok(engine_timescale::connect(url, options).await?)
}

#[cfg(not(feature = "timescale"))]
async fn database(_: &str) -> anyhow::Result<Arc<dyn LogStore>> {
    bail!("this program was built without PostgreSQL; build it with --features timescale, or use --data")
}

/// Reads the documents of `--config-dir`.
fn files(options: &EngineOptions) -> anyhow::Result<Files> {
    let Some(folder) = &options.config_dir else { return Ok(Files::default()) };
    let kinds = [reading::KINDS, &[&SINK]].concat();
    let files = Files::read(folder, &kinds).context("--config-dir")?;
    tracing::info!(documents = files.count(), "documents read from {}", folder.display());
    Ok(files)
}

#[cfg(feature = "rabbitmq")]
async fn rabbitmq(url: &str, supervisor: &Supervisor) -> anyhow::Result<Arc<dyn Queue>> {
    let options = engine_rabbitmq::Options { supervisor: supervisor.clone(), ..engine_rabbitmq::Options::default() };
    Ok(engine_rabbitmq::connect(url, options).await?)
}

#[cfg(not(feature = "rabbitmq"))]
async fn rabbitmq(_: &str, _: &Supervisor) -> anyhow::Result<Arc<dyn Queue>> {
    bail!("this program was built without RabbitMQ; build it with --features rabbitmq, or use --queue embedded")
}

#[cfg(feature = "timescale")]
async fn postgres(
    url: &str,
    retention: &RetentionOptions,
    supervisor: &Supervisor,
) -> anyhow::Result<Arc<dyn LogStore>> {
    let options = engine_timescale::Options {
        retention: retention.retention,
        retention_bytes: retention.retention_bytes.map(|bytes| bytes.as_u64()),
        retention_services: retention.services.clone(),
        dead_letters: retention.dead_letters(),
        supervisor: supervisor.clone(),
        ..engine_timescale::Options::default()
    };
    Ok(engine_timescale::connect(url, options).await?)
}

#[cfg(not(feature = "timescale"))]
async fn postgres(_: &str, _: &RetentionOptions, _: &Supervisor) -> anyhow::Result<Arc<dyn LogStore>> {
    bail!("this program was built without PostgreSQL; build it with --features timescale, or use --store embedded")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_share_no_embedded_engine() {
        #[derive(clap::Parser)]
        struct Options {
            #[command(flatten)]
            engines: EngineOptions,
        }
        let check = |queue: &str, store: &str| {
            let options = <Options as clap::Parser>::parse_from(["logboom", "--queue", queue, "--store", store]);
            check_shared(&options.engines, 2).map_err(|error| error.to_string())
        };
        assert_eq!(check("amqp://a", "postgres://b"), Ok(()));
        for (queue, store, option) in [
            ("embedded", "embedded", "--queue"),
            ("embedded", "postgres://b", "--queue"),
            ("amqp://a", "embedded", "--store"),
        ] {
            let error = check(queue, store).unwrap_err();
            assert!(error.starts_with(&format!("--workers 2 with {option} embedded")), "{error}");
            assert!(error.contains("amqp://") && error.contains("--workers 1"), "{error}");
        }
    }

    #[test]
    fn schemes_choose_engines_and_secrets_stay_unsaid() {
        assert_eq!(Choice::of("--queue", "embedded").ok(), Some(Choice::Embedded));
        assert_eq!(Choice::of("--queue", "amqps://a:b@c/").ok(), Some(Choice::RabbitMq));
        assert_eq!(Choice::of("--store", "postgresql://a:b@c/d").ok(), Some(Choice::Postgres));
        let error = Choice::of("--store", "amqp://user:secret@host").unwrap_err().to_string();
        assert!(error.contains("postgres://") && !error.contains("secret"), "{error}");
    }
}
