//! The sender: a separate thread with a small runtime.
//!
//! The program may have no runtime, or one that it blocks or stops while records wait. [`deliver`] connects and
//! reconnects, [`stream`] handles one connection, and the [`outbox`] holds unacknowledged batches across connections.

mod codec;
mod deliver;
mod denial;
mod outbox;
mod stream;

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread,
    time::Duration,
};

use tokio::{
    runtime::{self, Handle, Runtime},
    sync::oneshot,
    task::JoinHandle,
};
use tonic::{
    metadata::{Ascii, MetadataValue},
    transport::Endpoint,
};

use self::outbox::Outbox;
use crate::{
    own_thread,
    record::record,
    shared::{Cause, Shared},
};

/// The connection timeout.
const CONNECT: Duration = Duration::from_secs(5);
/// HTTP/2 pings detect a vanished peer; a server answers them independently of its load.
const PING_EVERY: Duration = Duration::from_secs(10);
const PING_PATIENCE: Duration = Duration::from_secs(5);

/// Where to send, and as whom.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) endpoint: Endpoint,
    /// The header `authorization`.
    pub(crate) authorization: Option<MetadataValue<Ascii>>,
}

/// The running thread.
#[derive(Debug)]
pub(crate) struct Sender {
    runtime: Handle,
    /// Dropping it stops the thread.
    stop: oneshot::Sender<()>,
    thread: thread::JoinHandle<()>,
}

/// Applies the timeouts to an endpoint.
pub(crate) fn configured(endpoint: Endpoint) -> Endpoint {
    endpoint
        .connect_timeout(CONNECT)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_PATIENCE)
        .keep_alive_while_idle(true)
}

impl Sender {
    /// Starts the thread, which connects at once.
    ///
    /// # Errors
    /// The system cannot create a thread or file handles.
    pub(crate) fn start(shared: Arc<Shared>, target: Target) -> io::Result<Self> {
        // Also marks the runtime's threads for name resolution.
        let runtime = runtime::Builder::new_current_thread().enable_all().on_thread_start(own_thread::mark).build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new().name("logboom".to_owned()).spawn(move || {
            own_thread::mark();
            run(runtime, &shared, &target, stopped);
        })?;
        Ok(Self { runtime: handle, stop, thread })
    }

    /// Runs a future on the sender's thread.
    pub(crate) fn spawn<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
        self.runtime.spawn(future)
    }

    /// Stops the thread, and waits until the remaining records are in the fallback.
    pub(crate) fn stop(self) {
        drop(self.stop);
        // The thread catches its own panics.
        let _ = self.thread.join();
    }
}

/// The thread's main function. The remaining records go to the fallback.
fn run(runtime: Runtime, shared: &Shared, target: &Target, stopped: oneshot::Receiver<()>) {
    let mut outbox = Outbox::default();
    let work = async {
        tokio::select! {
            never = deliver::deliver(shared, target, &mut outbox) => match never {},
            // Its sender is dropped, never used.
            _ = stopped => {}
        }
    };
    // Records must survive a panic, which would be a bug.
    let ended = catch_unwind(AssertUnwindSafe(|| runtime.block_on(work)));
    shared.buffer.close();
    shared.disconnected(if ended.is_ok() { "the guard is gone" } else { "the sender has panicked" }.to_owned());
    outbox.give_up_all(shared);
    while let Some(run) = shared.buffer.drain() {
        let (count, weight) = (run.entries.len(), run.weight);
        let records: Vec<_> = run.entries.into_iter().map(record).collect();
        shared.give_up(Cause::End, records.iter().map(|record| (record, "not sent before the end")));
        shared.buffer.release(count, weight);
    }
    // Dropping it would wait for name resolution.
    runtime.shutdown_background();
}
