//! Starts the inputs of the options, and looks at what they would read.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use model::Text;
use pipeline::{Error, Result, Supervisor, admit::Ingest};
use tokio::{sync::Mutex, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::{
    docker::{self, Docker},
    files::{Files, Settings},
    journal::{self, Journal},
    pods::{self, Access, Pods},
    records::host_name,
    status::Inputs,
};
use crate::config::{InputOptions, JournalFolder};

/// What every input needs.
pub(super) struct Context<'a> {
    /// The folder of the checkpoints.
    pub(super) data: &'a Path,
    pub(super) ingest: &'a Ingest,
    pub(super) supervisor: &'a Supervisor,
    pub(super) stop: &'a CancellationToken,
}

/// Starts each input as a supervised task of its own.
///
/// # Errors
/// `Corrupt` if checkpoints are damaged, `Unavailable` if they cannot be read or `journalctl` is missing.
pub(super) async fn start(
    options: &InputOptions,
    context: &Context<'_>,
    inputs: &Inputs,
) -> Result<Vec<JoinHandle<()>>> {
    let mut tasks = Vec::new();
    let open = |settings, checkpoints, status| {
        Files::open(settings, context.data.join(checkpoints), context.ingest.clone(), status)
    };
    if !options.files.is_empty() {
        let settings = Settings::files(options.files.clone(), options.lines(), node(options));
        tasks.push(spawn("files", open(settings, "files.json", inputs.add("file"))?, context));
    }
    if let Some(pattern) = &options.kubernetes {
        let status = inputs.add("kubernetes");
        let access = Access::find(options);
        if access.is_none() {
            tracing::info!(
                "--kubernetes: records get no metadata of pods, because no API server is known; see --kubernetes-api"
            );
        }
        let pods = access.map(|access| {
            let pods = Pods::new(Arc::clone(&status));
            tasks.push(pods::start(access, Arc::clone(&pods), context.supervisor, context.stop));
            pods
        });
        let settings = Settings::kubernetes(pattern.clone(), options.containers(), node(options), pods);
        tasks.push(spawn("kubernetes", open(settings, "kubernetes.json", status)?, context));
    }
    if let Some(socket) = &options.docker {
        let settings = docker::Settings {
            socket: socket.clone(),
            excluded: options.docker_exclude.clone(),
            format: options.containers(),
            node: node(options),
        };
        let status = inputs.add("docker");
        let docker = Docker::open(settings, context.data.join("docker.json"), context.ingest.clone(), status)?;
        tasks.push(spawn("docker", docker, context));
    }
    if let Some(JournalFolder(folder)) = &options.journald {
        // A program that is missing is known at the start, and not only on the status page.
        journal::check(folder.as_deref()).await?;
        let settings = journal::Settings { folder: folder.clone(), node: node(options) };
        let status = inputs.add("journald");
        let journal = Journal::open(settings, context.data.join("journal.json"), context.ingest.clone(), status)?;
        tasks.push(spawn("journald", journal, context));
    }
    Ok(tasks)
}

/// Whether each option has an input that heeds it.
///
/// # Errors
/// `Invalid`: an option would have no effect.
pub(super) fn validate(options: &InputOptions) -> Result<()> {
    let has_lines = !options.files.is_empty() || options.kubernetes.is_some() || options.docker.is_some();
    if options.multiline.is_some() && !has_lines {
        return Err(Error::invalid(
            "--multiline joins the lines of --file, --kubernetes and --docker, and none of them is given; give one, or \
             leave --multiline out",
        ));
    }
    if !options.docker_exclude.is_empty() && options.docker.is_none() {
        return Err(Error::invalid(
            "--docker-exclude names containers of --docker, which is not given; give it, or leave --docker-exclude out",
        ));
    }
    Ok(())
}

/// An input that follows its sources. Never ends without an error.
trait Follow: Send + 'static {
    fn follow(&mut self) -> impl Future<Output = Result<()>> + Send;
}

impl Follow for Files {
    fn follow(&mut self) -> impl Future<Output = Result<()>> + Send {
        Self::follow(self)
    }
}

impl Follow for Docker {
    fn follow(&mut self) -> impl Future<Output = Result<()>> + Send {
        Self::follow(self)
    }
}

impl Follow for Journal {
    fn follow(&mut self) -> impl Future<Output = Result<()>> + Send {
        Self::follow(self)
    }
}

/// Runs an input as a supervised task. What it holds survives a failure.
fn spawn(task: &'static str, input: impl Follow, context: &Context<'_>) -> JoinHandle<()> {
    let input = Arc::new(Mutex::new(input));
    let ended = context.stop.clone();
    let follow = move || {
        let (input, stop) = (Arc::clone(&input), ended.clone());
        async move { stop.run_until_cancelled(async { input.lock().await.follow().await }).await.unwrap_or(Ok(())) }
    };
    context.supervisor.spawn(task, context.stop.clone(), follow)
}

fn node(options: &InputOptions) -> Text {
    options.node.as_deref().map_or_else(host_name, Into::into)
}

/// What was found out about one input.
pub(super) struct Finding {
    pub(super) text: String,
    pub(super) is_well: bool,
}

/// Looks at what each input of the options would read.
pub(super) async fn check(options: &InputOptions) -> Vec<Finding> {
    let patterns = options.files.iter().map(|pattern| ("file", pattern));
    let patterns = patterns.chain(options.kubernetes.iter().map(|pattern| ("kubernetes", pattern)));
    let mut findings: Vec<Finding> = patterns.map(|(name, pattern)| check_files(name, pattern)).collect();
    if options.kubernetes.is_some()
        && let Some(access) = Access::find(options)
    {
        findings.push(match pods::check(&access).await {
            Ok(()) => Finding { text: format!("--kubernetes: {} lists pods", access.name()), is_well: true },
            Err(error) => Finding { text: format!("--kubernetes: {error}"), is_well: false },
        });
    }
    if let Some(socket) = &options.docker {
        findings.push(match docker::version(socket).await {
            Ok(version) => {
                Finding { text: format!("--docker {}: Docker {version} answers", socket.display()), is_well: true }
            }
            Err(error) => Finding { text: format!("--docker: {}", error.message), is_well: false },
        });
    }
    if let Some(JournalFolder(folder)) = &options.journald {
        findings.push(match journal::check(folder.as_deref()).await {
            Ok(()) => Finding { text: "--journald: the journal can be read".to_owned(), is_well: true },
            Err(error) => Finding { text: format!("--journald: {}", error.message), is_well: false },
        });
    }
    findings
}

fn check_files(name: &str, pattern: &glob::Pattern) -> Finding {
    let found = glob::glob(pattern.as_str()).into_iter().flatten();
    // A folder that cannot be read is an error of the search.
    let (mut readable, mut first): (usize, Option<(PathBuf, io::Error)>) = (0, None);
    for path in found {
        let opened = match path {
            Ok(path) if path.is_dir() => continue,
            Ok(path) => File::open(&path).map(drop).map_err(|error| (path, error)),
            Err(error) => Err((error.path().to_owned(), error.into())),
        };
        match opened {
            Ok(()) => readable += 1,
            Err(error) => first = first.or(Some(error)),
        }
    }
    let text = match &first {
        Some((path, error)) => format!("--{name} {pattern}: {} cannot be read: {error}", path.display()),
        None if readable == 0 => format!("--{name} {pattern}: no file matches yet"),
        None => format!("--{name} {pattern}: {readable} files can be read"),
    };
    Finding { text, is_well: first.is_none() }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use pipeline::ErrorClass;

    use super::*;

    #[derive(clap::Parser)]
    struct Options {
        #[command(flatten)]
        inputs: InputOptions,
    }

    #[test]
    fn an_option_without_an_input_that_heeds_it_is_refused() {
        for (options, refused) in [
            ("", None),
            ("--multiline java", Some("--multiline joins the lines of --file, --kubernetes and --docker")),
            ("--multiline java --journald", Some("--multiline joins")),
            ("--multiline java --file /log/*", None),
            ("--multiline java --kubernetes", None),
            ("--multiline java --docker", None),
            ("--docker-exclude shop --file /log/*", Some("--docker-exclude names containers of --docker")),
            ("--docker-exclude shop --docker", None),
        ] {
            let words = std::iter::once("agent").chain(options.split_whitespace());
            let found = validate(&Options::try_parse_from(words).unwrap().inputs);
            match refused {
                None => found.unwrap(),
                Some(text) => {
                    let error = found.unwrap_err();
                    assert_eq!(error.class, ErrorClass::Invalid);
                    assert!(error.message.starts_with(text), "{options}: {error}");
                }
            }
        }
    }
}
