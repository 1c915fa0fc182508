//! The sender: a thread of its own with a small runtime in it.
//!
//! A thread of its own, because the program may have no runtime, or one that it blocks or
//! ends while records wait. What it does is in three parts: [`deliver`] connects and
//! connects again, [`stream`] is one connection's conversation, and the [`outbox`] holds
//! what is not acknowledged, from one connection to the next.

mod codec;
mod deliver;
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
use tonic::transport::Endpoint;

use self::outbox::Outbox;
use crate::{
    own_thread,
    record::record,
    shared::{Cause, Shared},
};

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(5);
/// A peer that is gone without a word is found out by pings, which a server answers
/// whatever else it does.
const PING_EVERY: Duration = Duration::from_secs(10);
const PING_PATIENCE: Duration = Duration::from_secs(5);

/// The running thread.
#[derive(Debug)]
pub(crate) struct Sender {
    runtime: Handle,
    /// Its drop ends the thread.
    stop: oneshot::Sender<()>,
    thread: thread::JoinHandle<()>,
}

/// An endpoint with our timeouts.
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
    /// The system has no thread or no file handles to give.
    pub(crate) fn start(shared: Arc<Shared>, endpoint: Endpoint) -> io::Result<Self> {
        // The threads on which the runtime looks up names are ours as well.
        let runtime = runtime::Builder::new_current_thread().enable_all().on_thread_start(own_thread::mark).build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new().name("logboom".to_owned()).spawn(move || {
            own_thread::mark();
            run(runtime, &shared, &endpoint, stopped);
        })?;
        Ok(Self { runtime: handle, stop, thread })
    }

    /// Runs a future on the sender's thread.
    pub(crate) fn spawn<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
        self.runtime.spawn(future)
    }

    /// Ends the thread and waits until the fallback has what was left.
    pub(crate) fn stop(self) {
        drop(self.stop);
        // It catches what its work may panic with; there is nobody to tell the rest.
        let _ = self.thread.join();
    }
}

/// The thread's work, until it is stopped; what is left then goes to the fallback.
fn run(runtime: Runtime, shared: &Shared, endpoint: &Endpoint, stopped: oneshot::Receiver<()>) {
    let mut outbox = Outbox::default();
    let work = async {
        tokio::select! {
            never = deliver::deliver(shared, endpoint, &mut outbox) => match never {},
            // Its sender is dropped, never used.
            _ = stopped => {}
        }
    };
    // A panic would be our fault. Then too the records are not to vanish.
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
    // Not dropped: that would wait for the lookup of a name.
    runtime.shutdown_background();
}
