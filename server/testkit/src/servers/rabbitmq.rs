//! A private RabbitMQ broker.
//!
//! Debian's launcher is run directly, as any user, with every path, port and name set: an installed broker is not used
//! or changed. The broker has its own `epmd`, because the machine's would be shared and would outlive the test.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use super::{TIMEOUT, accepts, find_program, free_port, fresh_name, loopback, output_of, process::Process};

const PACKAGE: &str = "rabbitmq-server";

/// A RabbitMQ broker.
///
/// It takes seconds to start, so tests share one, with a queue each; virtual hosts would start an Erlang VM each.
#[derive(Debug)]
pub struct RabbitMq {
    url: String,
    /// `None` for an external broker.
    private: Option<Private>,
}

/// The state of a private broker.
#[derive(Debug)]
struct Private {
    address: SocketAddr,
    distribution_port: u16,
    epmd_port: u16,
    programs: Programs,
    // Declared before the folder: fields are dropped in order, so the processes end first.
    running: Option<Process>,
    _epmd: Process,
    folder: TempDir,
}

impl RabbitMq {
    /// The shared broker of this test process, started by the first call; or that of `LOGBOOM_TEST_AMQP_URL`.
    ///
    /// # Panics
    /// If it cannot be started; the message contains the reason and the command to install it.
    pub async fn shared() -> &'static Self {
        static SHARED: OnceCell<RabbitMq> = OnceCell::const_new();
        let broker = SHARED.get_or_try_init(|| async {
            match std::env::var("LOGBOOM_TEST_AMQP_URL") {
                Ok(url) if !url.is_empty() => Ok(Self { url, private: None }),
                _ => Self::start().await,
            }
        });
        broker.await.unwrap_or_else(|error| panic!("no RabbitMQ for the tests: {error:?}"))
    }

    /// Starts a broker for a single test that stops or kills it. It ends when dropped.
    pub async fn start() -> Result<Self> {
        let programs = Programs::find()?;
        let folder = tempfile::Builder::new().prefix("logboom-rabbitmq-").tempdir();
        let folder = folder.context("cannot make a temporary folder")?;
        // Empty files: without them the launcher would read /etc/rabbitmq.
        std::fs::write(folder.path().join("enabled_plugins"), "[].\n").context("cannot write the list of plugins")?;
        std::fs::write(folder.path().join("rabbitmq.conf"), "").context("cannot write the configuration")?;

        let address = loopback(free_port()?);
        let epmd_port = free_port()?;
        let mut command = Command::new(&programs.epmd);
        command.args(["-address", "127.0.0.1", "-port", &epmd_port.to_string()]);
        let mut epmd = Process::start(&mut command, &folder.path().join("epmd.log"), &folder.path().join("epmd"))?;
        epmd.ready(async || accepts(loopback(epmd_port)).await).await?;

        let url = format!("amqp://guest:guest@{address}/%2f");
        let distribution_port = free_port()?;
        let private = Private { address, distribution_port, epmd_port, programs, running: None, _epmd: epmd, folder };
        let mut broker = Self { url, private: Some(private) };
        broker.restart().await?;
        Ok(broker)
    }

    /// The URL of the broker, with user, password and virtual host.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The URL with a unique queue name, in the engine's format.
    pub fn fresh_queue(&self) -> String {
        with_queue(&self.url, &fresh_name("logboom.test."))
    }

    /// The address of a private broker, for a proxy in front of it.
    pub fn address(&self) -> Option<SocketAddr> {
        self.private.as_ref().map(|private| private.address)
    }

    /// Stops the broker cleanly.
    pub async fn stop(&mut self) -> Result<()> {
        self.end("TERM").await
    }

    /// Kills the broker with `SIGKILL`, as a crash would.
    pub async fn kill(&mut self) -> Result<()> {
        self.end("KILL").await
    }

    /// Restarts the broker on the same port with the same data, after [`RabbitMq::stop`] or [`RabbitMq::kill`]; returns
    /// when it accepts connections.
    pub async fn restart(&mut self) -> Result<()> {
        let private = self.private()?;
        if private.running.is_some() {
            bail!("the broker is already running");
        }
        let mut command = private.command(&private.programs.server);
        // With this the launcher execs the broker instead of staying its parent, so that a signal to the child reaches
        // the broker.
        command.env("RABBITMQ_ALLOW_INPUT", "true").arg("-noinput");
        let log = private.folder.path().join("server.log");
        let address = private.address;
        let running = private.running.insert(Process::start(&mut command, &log, private.folder.path())?);
        running.ready(async || accepts(address).await).await
    }

    /// Adds a TLS listener to a private broker, with these PEM files; restarts it, and returns the port.
    pub async fn add_tls_listener(&mut self, authority: &str, certificate: &str, key: &str) -> Result<u16> {
        let port = free_port()?;
        let configuration = format!(
            "listeners.ssl.default = 127.0.0.1:{port}\nssl_options.cacertfile = {authority}\n\
             ssl_options.certfile = {certificate}\nssl_options.keyfile = {key}\n"
        );
        let path = self.private()?.folder.path().join("rabbitmq.conf");
        std::fs::write(path, configuration).context("cannot write the configuration")?;
        self.stop().await?;
        self.restart().await?;
        Ok(port)
    }

    /// Runs `rabbitmqctl` on a private broker, for instance to raise an alarm; returns its output.
    pub async fn control(&self, arguments: &[&str]) -> Result<String> {
        let private = self.private.as_ref().context("a test cannot control an external broker")?;
        let mut command = private.command(&private.programs.control);
        command.args(arguments);
        tokio::time::timeout(TIMEOUT, output_of(command)).await.context("rabbitmqctl did not end")?
    }

    async fn end(&mut self, signal: &str) -> Result<()> {
        let Some(running) = self.private()?.running.take() else { bail!("the broker is not running") };
        running.end(signal).await
    }

    fn private(&mut self) -> Result<&mut Private> {
        self.private.as_mut().context("a test can neither stop nor start an external broker")
    }
}

/// Adds the engine's queue parameter.
fn with_queue(url: &str, queue: &str) -> String {
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}queue={queue}")
}

impl Private {
    /// A command of RabbitMQ in the broker's environment.
    fn command(&self, program: &Path) -> Command {
        let folder = self.folder.path();
        let mut command = Command::new(program);
        command
            .current_dir(folder)
            // The Erlang cookie is kept in the home folder.
            .env("HOME", folder)
            .env("RABBITMQ_CONF_ENV_FILE", "/dev/null")
            .env("RABBITMQ_CONFIG_FILE", folder.join("rabbitmq.conf"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", folder.join("enabled_plugins"))
            .env("RABBITMQ_MNESIA_BASE", folder.join("data"))
            .env("RABBITMQ_LOG_BASE", folder.join("log"))
            .env("RABBITMQ_PID_FILE", folder.join("pid"))
            .env("RABBITMQ_NODENAME", format!("logboom-{}@localhost", self.address.port()))
            .env("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_NODE_PORT", self.address.port().to_string())
            .env("RABBITMQ_DIST_PORT", self.distribution_port.to_string())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("ERL_EPMD_PORT", self.epmd_port.to_string())
            // Loopback only; no busy waiting of Erlang's schedulers, which would slow down a test on a small machine.
            .env(
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
                "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none",
            );
        command
    }
}

/// The paths of the RabbitMQ programs.
#[derive(Debug)]
struct Programs {
    server: PathBuf,
    control: PathBuf,
    epmd: PathBuf,
}

impl Programs {
    fn find() -> Result<Self> {
        // Not the wrappers in /usr/sbin, which switch to the account `rabbitmq`.
        let folders = [PathBuf::from("/usr/lib/rabbitmq/bin")];
        Ok(Self {
            server: find_program("rabbitmq-server", &folders, PACKAGE)?,
            control: find_program("rabbitmqctl", &folders, PACKAGE)?,
            epmd: find_program("epmd", &[PathBuf::from("/usr/bin")], "erlang-base")?,
        })
    }
}
