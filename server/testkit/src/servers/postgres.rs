//! A private PostgreSQL, with TimescaleDB if it is installed.

use std::{
    net::SocketAddr,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use super::{TIMEOUT, accepts, find_program, free_port, fresh_name, loopback, output_of, process::Process};

const PACKAGE: &str = "postgresql";
const USER: &str = "logboom";

/// A PostgreSQL server.
///
/// Durability is as in production (`fsync` on), so that a killed server recovers its committed data.
#[derive(Debug)]
pub struct Postgres {
    /// Of the database `postgres`, with user and password.
    url: String,
    has_timescale: bool,
    programs: Programs,
    /// `None` for an external server.
    private: Option<Private>,
}

/// The state of a private server.
#[derive(Debug)]
struct Private {
    address: SocketAddr,
    account: Account,
    // Declared before the folder: fields are dropped in order, so the server ends first.
    running: Option<Process>,
    folder: TempDir,
}

impl Postgres {
    /// The shared server of this test process, started by the first call; or that of `LOGBOOM_TEST_POSTGRES_URL` (a
    /// superuser's).
    ///
    /// # Panics
    /// If it cannot be started; the message contains the reason and the command to install it.
    pub async fn shared() -> &'static Self {
        static SHARED: OnceCell<Postgres> = OnceCell::const_new();
        let server = SHARED.get_or_try_init(|| async {
            match std::env::var("LOGBOOM_TEST_POSTGRES_URL") {
                Ok(url) if !url.is_empty() => Self::external(url).await,
                _ => Self::start().await,
            }
        });
        server.await.unwrap_or_else(|error| panic!("no PostgreSQL for the tests: {error:?}"))
    }

    /// Starts a server for a single test that stops or kills it. It ends when dropped.
    pub async fn start() -> Result<Self> {
        let programs = Programs::find()?;
        let folder = tempfile::Builder::new().prefix("logboom-postgres-").tempdir();
        let folder = folder.context("cannot make a temporary folder")?;
        let account = Account::choose(folder.path()).await?;
        let password = fresh_name("secret-");
        let data = folder.path().join("data");

        let password_file = folder.path().join("password");
        std::fs::write(&password_file, &password).context("cannot write the password file")?;
        account.own(&password_file)?;
        let mut initdb = account.command(&programs.at("initdb"));
        initdb.arg("--pgdata").arg(&data).arg("--pwfile").arg(&password_file);
        initdb.args(["--username", USER, "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C.UTF-8"]);
        initdb.args(["--no-sync", "--no-instructions"]);
        initdb.current_dir(folder.path());
        output_of(initdb).await?;

        let has_timescale = programs.have_timescale().await?;
        let address = loopback(free_port()?);
        let private = Private { address, account, running: None, folder };
        let url = format!("postgres://{USER}:{password}@{address}/postgres");
        let mut server = Self { url, has_timescale, programs, private: Some(private) };
        server.restart().await?;
        Ok(server)
    }

    /// Uses an external server.
    async fn external(url: String) -> Result<Self> {
        let mut server = Self { url, has_timescale: false, programs: Programs::find()?, private: None };
        let loaded = server.sql("show shared_preload_libraries").await?;
        server.has_timescale = loaded.contains("timescaledb");
        Ok(server)
    }

    /// Whether the `timescaledb` extension is installed and loaded.
    pub fn has_timescale(&self) -> bool {
        self.has_timescale
    }

    /// The URL of the database `postgres`, with a superuser's name and password.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The address of a private server, for a proxy in front of it.
    pub fn address(&self) -> Option<SocketAddr> {
        self.private.as_ref().map(|private| private.address)
    }

    /// Creates an empty database and returns its URL.
    ///
    /// # Panics
    /// If the server refuses.
    pub async fn fresh_database(&self) -> String {
        let name = fresh_name("test_");
        // `template0`: copying `template1` fails while another session is connected to it.
        let created = self.sql(&format!("create database {name} template template0")).await;
        created.unwrap_or_else(|error| panic!("cannot create a database for the test: {error:?}"));
        self.url_of(&name)
    }

    /// Creates an empty database with the `timescaledb` extension and returns its URL.
    ///
    /// # Panics
    /// If the extension is not installed: check [`Postgres::has_timescale`] first.
    pub async fn fresh_database_with_timescale(&self) -> String {
        assert!(self.has_timescale, "the extension timescaledb is not installed in this PostgreSQL");
        let url = self.fresh_database().await;
        let created = self.psql(&url, "create extension timescaledb").await;
        created.unwrap_or_else(|error| panic!("cannot create the extension timescaledb: {error:?}"));
        url
    }

    /// Runs a statement in the database `postgres` and returns the rows as text.
    pub async fn sql(&self, statement: &str) -> Result<String> {
        self.psql(&self.url, statement).await
    }

    /// Runs a statement in the database at this URL and returns the rows as text.
    pub async fn sql_in(&self, url: &str, statement: &str) -> Result<String> {
        self.psql(url, statement).await
    }

    /// Makes the account of a private server the owner of a folder, for a tablespace.
    pub fn own(&self, folder: &Path) -> Result<()> {
        self.private.as_ref().context("an external server has its own folders")?.account.own(folder)
    }

    /// Stops the server cleanly: sessions are ended, all data is written.
    pub async fn stop(&mut self) -> Result<()> {
        self.end("INT").await
    }

    /// Kills the server with `SIGKILL`, as a crash would.
    pub async fn kill(&mut self) -> Result<()> {
        self.end("KILL").await
    }

    /// Restarts the server on the same port with the same data, after [`Postgres::stop`] or [`Postgres::kill`]; returns
    /// when it accepts queries.
    pub async fn restart(&mut self) -> Result<()> {
        let programs = self.programs.clone();
        let private = self.private()?;
        if private.running.is_some() {
            bail!("the server is already running");
        }
        let log = private.folder.path().join("server.log");
        let mut command = private.account.command(&programs.at("postgres"));
        command.arg("-D").arg(private.folder.path().join("data"));
        command.current_dir(private.folder.path());
        let port = private.address.port();
        for setting in [
            "listen_addresses=127.0.0.1",
            &format!("port={port}"),
            "unix_socket_directories=",
            "fsync=on",
            "max_connections=200",
            "shared_buffers=64MB",
            "max_worker_processes=16",
        ] {
            command.args(["-c", setting]);
        }
        if self.has_timescale {
            command.args(["-c", "shared_preload_libraries=timescaledb", "-c", "timescaledb.telemetry_level=off"]);
        }
        let private = self.private()?;
        let server = Process::start(&mut command, &log, private.folder.path())?;
        let address = private.address;
        let mut ready = Command::new(programs.at("pg_isready"));
        ready.args(["--quiet", "--host", "127.0.0.1", "--port", &port.to_string(), "--dbname", "postgres"]);
        let mut ready = tokio::process::Command::from(ready);
        let running = private.running.insert(server);
        running
            .ready(async || accepts(address).await && ready.status().await.is_ok_and(|status| status.success()))
            .await
    }

    async fn end(&mut self, name: &str) -> Result<()> {
        let Some(running) = self.private()?.running.take() else { bail!("the server is not running") };
        running.end(name).await
    }

    fn private(&mut self) -> Result<&mut Private> {
        self.private.as_mut().context("a test can neither stop nor start an external server")
    }

    fn url_of(&self, database: &str) -> String {
        let (base, parameters) = self.url.split_once('?').unwrap_or((&self.url, ""));
        // The path starts at the first slash after the authority.
        let authority = base.find("://").map_or(0, |at| at + 3);
        let end = base[authority..].find('/').map_or(base.len(), |at| authority + at);
        let separator = if parameters.is_empty() { "" } else { "?" };
        format!("{}/{database}{separator}{parameters}", &base[..end])
    }

    async fn psql(&self, url: &str, statement: &str) -> Result<String> {
        let mut command = Command::new(self.programs.at("psql"));
        command.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"]);
        command.args(["--set", "ON_ERROR_STOP=1", "--dbname", url, "--command", statement]);
        tokio::time::timeout(TIMEOUT, output_of(command)).await.context("psql did not end")?
    }
}

/// The paths of the PostgreSQL programs.
#[derive(Debug, Clone)]
struct Programs {
    folder: PathBuf,
}

impl Programs {
    /// Finds the newest version in Debian's folders, on `PATH`, or among the unpacked tools.
    fn find() -> Result<Self> {
        let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
            .collect();
        versions.sort();
        let folders: Vec<PathBuf> = versions.into_iter().rev().map(|(_, folder)| folder).collect();
        let initdb = find_program("initdb", &folders, PACKAGE)?;
        let initdb = initdb.canonicalize().context("cannot resolve the path of initdb")?;
        let folder = initdb.parent().context("initdb has no folder")?.to_path_buf();
        Ok(Self { folder })
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    async fn have_timescale(&self) -> Result<bool> {
        let mut command = Command::new(self.at("pg_config"));
        command.arg("--sharedir");
        let share = output_of(command).await?;
        Ok(Path::new(share.trim_end()).join("extension/timescaledb.control").is_file())
    }
}

/// The account of the server: PostgreSQL refuses to run as root.
#[derive(Debug)]
enum Account {
    Ours,
    Other { name: String, user: u32, group: u32 },
}

impl Account {
    /// Chooses an account and makes it the owner of the folder.
    async fn choose(folder: &Path) -> Result<Self> {
        // The owner of the new folder is the current user; std has no safe call for it.
        if std::fs::metadata(folder).context("cannot read the temporary folder")?.uid() != 0 {
            return Ok(Self::Ours);
        }
        for name in ["postgres", "nobody"] {
            let (Ok(user), Ok(group)) = (id("-u", name).await, id("-g", name).await) else { continue };
            let account = Self::Other { name: name.to_owned(), user, group };
            account.own(folder)?;
            return Ok(account);
        }
        bail!("PostgreSQL does not run as root, and there is neither an account `postgres` nor `nobody`")
    }

    fn own(&self, path: &Path) -> Result<()> {
        let Self::Other { name, user, group } = self else { return Ok(()) };
        std::os::unix::fs::chown(path, Some(*user), Some(*group))
            .with_context(|| format!("cannot make {name} the owner of {}", path.display()))
    }

    fn command(&self, program: &Path) -> Command {
        match self {
            Self::Ours => Command::new(program),
            Self::Other { user, group, .. } => {
                // `setpriv` (util-linux, always installed) execs the server, so the child's pid is the server's.
                let mut command = Command::new("setpriv");
                command.arg(format!("--reuid={user}")).arg(format!("--regid={group}"));
                command.arg("--clear-groups").arg(program);
                command
            }
        }
    }
}

async fn id(what: &str, name: &str) -> Result<u32> {
    let mut command = Command::new("id");
    command.args([what, name]);
    output_of(command).await?.trim_end().parse().context("the output of id is not a number")
}
