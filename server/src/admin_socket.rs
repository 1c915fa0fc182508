//! The admin socket: a Unix socket in the data folder, with the calls about keys, users, sessions and networks.
//!
//! It is how `logboom user add` makes the first admin of a running server: whoever may use the data folder may
//! do everything. The socket has mode 0600, and connections of other users of the machine are refused.

use std::{
    fs, io,
    os::unix::{
        ffi::OsStrExt as _,
        fs::{FileTypeExt as _, PermissionsExt as _},
    },
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use access::Principal;
use anyhow::{Context as _, bail, ensure};
use axum::{Extension, Router, serve::Listener};
use pipeline::Supervisor;
use tokio::{
    net::{UnixListener, UnixStream, unix::SocketAddr},
    task::JoinHandle,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::{http, state::AccessState};

/// The name of the supervised task.
const TASK: &str = "admin socket";
/// The most bytes of a socket's path: `sun_path` of unix(7) has 108, with the zero at its end.
const PATH_BYTES: usize = 107;
/// How long open calls may take after the stop.
const LAST: Duration = Duration::from_secs(1);
/// The pause after a connection that could not be accepted.
const PAUSE: Duration = Duration::from_millis(100);

/// The path of the socket in a data folder.
pub(crate) fn path(data: &Path) -> PathBuf {
    data.join("admin.sock")
}

/// Whether a server listens on the socket.
///
/// # Errors
/// This user may not use the socket.
pub(crate) async fn is_live(path: &Path) -> io::Result<bool> {
    match UnixStream::connect(path).await {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(error),
        // It is missing, or was left by a process that was killed, or its path is too long for a socket.
        Err(_) => Ok(false),
    }
}

/// The calls about keys, users and sessions, for somebody who may do everything. `way`: how that one came.
pub(crate) fn calls(state: impl Into<AccessState>, way: &str) -> Router {
    http::access_calls(state.into()).layer(Extension(Principal::operator(way)))
}

/// The running listener.
pub(crate) struct AdminSocket {
    path: PathBuf,
    task: JoinHandle<()>,
}

impl AdminSocket {
    /// Listens until `stop`. The caller holds the lock of the data folder, so a socket that is there already was left
    /// by a process that was killed, and is replaced. `None`, after a warning, if there can be no socket: the server
    /// works without it.
    pub(crate) fn start(
        data: &Path,
        state: impl Into<AccessState>,
        supervisor: &Supervisor,
        stop: CancellationToken,
    ) -> Option<Self> {
        let path = path(data);
        let listener = match bind(&path) {
            Ok(listener) => Connections(Arc::new(listener)),
            Err(error) => {
                tracing::warn!(
                    "no admin socket: {error:#}; `logboom key`, `user`, `session` and `anonymous` need --server and an \
                     admin's key"
                );
                return None;
            }
        };
        let (calls, end) = (calls(state, TASK), stop.clone());
        let task = supervisor.spawn(TASK, stop, move || serve(listener.clone(), calls.clone(), end.clone()));
        Some(Self { path, task })
    }

    /// Waits at most 1 s for the end of the calls after the stop, and removes the socket. The lock of the data folder
    /// must still be held: else the socket could be that of another process.
    pub(crate) async fn close(mut self) {
        if timeout(LAST, &mut self.task).await.is_err() {
            self.task.abort();
        }
        let _ = fs::remove_file(&self.path);
    }
}

async fn serve(listener: Connections, calls: Router, end: CancellationToken) -> io::Result<()> {
    axum::serve(listener, calls).with_graceful_shutdown(end.cancelled_owned()).await
}

fn bind(path: &Path) -> anyhow::Result<UnixListener> {
    let (shown, bytes) = (path.display(), path.as_os_str().as_bytes().len());
    ensure!(
        bytes <= PATH_BYTES,
        "the path {shown} has {bytes} bytes, and that of a Unix socket at most {PATH_BYTES}; name a shorter --data"
    );
    match fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => {
            fs::remove_file(path).with_context(|| format!("{shown} cannot be replaced"))?;
        }
        Ok(_) => bail!("{shown} is no socket; remove it"),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error).with_context(|| format!("{shown} cannot be read")),
    }
    let listener = UnixListener::bind(path).with_context(|| format!("cannot listen on {shown}"))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))
        .with_context(|| format!("the mode of {shown} cannot be set"))?;
    Ok(listener)
}

/// The bound socket, which survives a panic of the task.
#[derive(Clone)]
struct Connections(Arc<UnixListener>);

impl Listener for Connections {
    type Io = UnixStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (UnixStream, SocketAddr) {
        loop {
            match self.0.accept().await {
                Ok((stream, address)) if is_allowed(&stream) => return (stream, address),
                Ok(_) => tracing::warn!("the admin socket refused a connection of another user of this machine"),
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection to the admin socket");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// Whether the other end belongs to the user of this process or to root. The mode of the socket is set only after it is
/// bound, so it is not enough.
fn is_allowed(stream: &UnixStream) -> bool {
    let own = rustix::process::geteuid();
    stream.peer_cred().is_ok_and(|peer| peer.uid() == own.as_raw() || peer.uid() == 0)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener as StdUnixListener;

    use access::Access;

    use super::*;
    use crate::{commands::credentials::install_tls, testing::until};

    async fn me(path: &Path) -> serde_json::Value {
        install_tls();
        let client = reqwest::Client::builder().unix_socket(path).build().unwrap();
        let answer = client.get("http://localhost/api/v1/me").send().await.unwrap();
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
    }

    #[tokio::test]
    async fn whoever_may_use_the_data_folder_may_do_everything() {
        let data = tempfile::tempdir().unwrap();
        let (socket, stop) = (path(data.path()), CancellationToken::new());
        assert!(!is_live(&socket).await.unwrap());
        // Left by a process that was killed.
        drop(StdUnixListener::bind(&socket).unwrap());
        assert!(!is_live(&socket).await.unwrap() && socket.exists());
        let running =
            AdminSocket::start(data.path(), Access::everybody(), &Supervisor::default(), stop.clone()).unwrap();
        assert!(is_live(&socket).await.unwrap());
        assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
        let me = me(&socket).await;
        assert_eq!(me["name"], "admin socket");
        assert!(me["may"].as_array().unwrap().iter().any(|power| power == "admin"), "{me}");
        stop.cancel();
        running.close().await;
        assert!(!socket.exists());
    }

    #[tokio::test]
    async fn a_panic_of_the_admin_socket_closes_it_for_nobody() {
        let data = tempfile::tempdir().unwrap();
        let (supervisor, stop) = (Supervisor::default(), CancellationToken::new());
        let running = AdminSocket::start(data.path(), Access::everybody(), &supervisor, stop.clone()).unwrap();
        assert_eq!(me(&path(data.path())).await["name"], "admin socket");
        assert!(supervisor.panic_in(TASK));
        until("the restart", || supervisor.tasks()[0].restarts == 1).await;
        assert_eq!(me(&path(data.path())).await["name"], "admin socket");
        stop.cancel();
        running.close().await;
    }

    #[tokio::test]
    async fn a_server_goes_without_a_socket_that_cannot_be() {
        let start = |data: &Path| {
            AdminSocket::start(data, Access::everybody(), &Supervisor::default(), CancellationToken::new()).is_some()
        };
        let data = tempfile::tempdir().unwrap();
        let long = data.path().join("x".repeat(PATH_BYTES));
        fs::create_dir(&long).unwrap();
        assert!(!start(&long));
        assert!(bind(&path(&long)).unwrap_err().to_string().contains("at most 107"));
        assert!(!start(&data.path().join("missing")));
        fs::write(path(data.path()), "a file of somebody").unwrap();
        assert!(!start(data.path()));
        assert_eq!(fs::read_to_string(path(data.path())).unwrap(), "a file of somebody");
    }
}
