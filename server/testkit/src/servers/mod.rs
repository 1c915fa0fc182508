//! Private servers for tests: real PostgreSQL and RabbitMQ, started on free loopback ports in temporary folders. Their
//! programs are the installed ones, or those unpacked by `scripts/setup.sh test`.
//!
//! A suite shares one server per test process (`shared()`) and creates its own database or queue; a test that stops or
//! kills its server starts its own (`start()`). A whole run can share existing servers, given by
//! `LOGBOOM_TEST_POSTGRES_URL` and `LOGBOOM_TEST_AMQP_URL`. A missing program is an error that names the command to
//! install it, never a skipped test.
//!
//! Servers end with the test process, even if it is killed: see [`watchdog`].

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail};

pub mod postgres;
mod process;
pub mod rabbitmq;
mod watchdog;

/// The timeout for a server to start or stop. Far above the time on an idle machine: tests run in parallel with a
/// compiler.
const TIMEOUT: Duration = Duration::from_secs(180);

/// Finds an unused port.
///
/// It is below the kernel's range of ephemeral ports. Otherwise a client that reconnects to a stopped server could be
/// assigned the server's own port, connect to itself, and block the server.
pub fn free_port() -> Result<u16> {
    const RANGE: std::ops::Range<u16> = 20_000..32_000;
    for _ in 0..1_000 {
        let port = rand::random_range(RANGE);
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("found no free port on 127.0.0.1 between {} and {}", RANGE.start, RANGE.end)
}

/// The loopback address of a port.
fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// Searches a program in the given folders, then on `PATH`, then among the tools of `scripts/setup.sh test`.
///
/// # Errors
/// The program is in none of these folders. The message contains the command that installs it.
pub fn find_program(name: &str, folders: &[PathBuf], package: &str) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    folders
        .iter()
        .cloned()
        .chain(std::env::split_paths(&path))
        .chain(tools())
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
        .with_context(|| {
            format!("no program `{name}`: run `scripts/setup.sh test`, or install the Debian package {package}")
        })
}

/// The folder of the tools (see `scripts/lib/common.sh`).
fn tools() -> Option<PathBuf> {
    let folder = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = folder("XDG_CACHE_HOME").or_else(|| Some(folder("HOME")?.join(".cache")))?;
    Some(cache.join("logboom/tools/bin"))
}

/// Whether something accepts connections at the address.
async fn accepts(address: SocketAddr) -> bool {
    matches!(tokio::time::timeout(Duration::from_secs(1), tokio::net::TcpStream::connect(address)).await, Ok(Ok(_)))
}

/// Runs a program and returns its output.
async fn output_of(command: Command) -> Result<String> {
    let name = command.get_program().display().to_string();
    let mut command = tokio::process::Command::from(command);
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await;
    let output = output.with_context(|| format!("cannot run {name}"))?;
    if !output.status.success() {
        bail!("{name} failed: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr).trim_end());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A unique name.
fn fresh_name(prefix: &str) -> String {
    format!("{prefix}{:016x}", rand::random::<u64>())
}
