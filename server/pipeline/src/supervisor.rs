//! The supervisor of long tasks.
//!
//! What runs as long as the program does (a listener, a stage, the upkeep of an engine) runs
//! under it. A task that fails or panics is started again after a wait; other tasks do not
//! notice. Restarts are counted, the last cause is kept, and [`Supervisor::tasks`] lists all of it
//! for the page System, `/api/v1/tasks` and `/readyz`.
//!
//! Only the future of a task is made anew. State that has to outlive a panic (a bound port, open
//! connections, records that wait) stays with the caller, mostly in a `tokio::sync::Mutex`,
//! which a panic does not poison. A task whose state may be inconsistent after a panic checks it
//! when it begins again, and ends with [`End::Broken`] where going on would be wrong.
//!
//! The supervisor has no part in shutdown: a task ends in order because its own stop token is
//! cancelled, as it would without a supervisor.

use std::{any::Any, fmt, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures::FutureExt as _;
use model::Nanos;
use parking_lot::Mutex;
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use crate::{
    backoff::Backoff,
    clock::Clock,
    events::{TaskBroken, TaskFailed, task_up},
};

/// The waits before a task is started again.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// A task that ran for so long was well: the waits begin anew.
const WELL_AFTER: Duration = Duration::from_secs(60);

/// Runs long tasks and knows how they are. Cheap to clone; the clones share one list.
#[derive(Debug, Clone, Default)]
pub struct Supervisor {
    tasks: Arc<Mutex<Vec<Arc<Task>>>>,
}

/// How the future of a task ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// In order: it is not started again.
    Done,
    /// It is started again.
    Failed(String),
    /// It cannot go on before the program is started again.
    Broken(String),
}

impl From<()> for End {
    fn from((): ()) -> Self {
        Self::Done
    }
}

impl<E: fmt::Display> From<Result<(), E>> for End {
    fn from(result: Result<(), E>) -> Self {
        result.map_or_else(|error| Self::Failed(error.to_string()), |()| Self::Done)
    }
}

/// What a task does now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskState {
    Running,
    /// It failed, and is about to be started again.
    Waiting,
    Ended,
    /// It needs a restart of the program.
    Broken,
}

impl TaskState {
    /// As in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Ended => "ended",
            Self::Broken => "broken",
        }
    }
}

/// One task, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskStatus {
    pub name: String,
    pub state: TaskState,
    /// When the state began.
    pub since: Nanos,
    pub restarts: u64,
    /// Why it failed last; `None` where it never did.
    pub last_error: Option<String>,
}

#[derive(Debug)]
struct Task {
    status: Mutex<TaskStatus>,
    /// Tells the task to panic, in tests.
    #[cfg(any(test, feature = "failpoints"))]
    panic: tokio::sync::Notify,
}

impl Supervisor {
    /// Runs `make`'s future in a task of its own, as [`Supervisor::run`] does.
    pub fn spawn<F>(
        &self,
        name: impl Into<String>,
        stop: CancellationToken,
        make: impl FnMut() -> F + Send + 'static,
    ) -> JoinHandle<()>
    where
        F: Future<Output: Into<End>> + Send + 'static,
    {
        let (supervisor, name) = (self.clone(), name.into());
        tokio::spawn(async move { supervisor.run(name, &stop, make).await })
    }

    /// Runs the future that `make` gives until it ends in order. Where it fails or panics, makes
    /// another one after a wait; after `stop` none is made any more.
    pub async fn run<F>(&self, name: impl Into<String>, stop: &CancellationToken, mut make: impl FnMut() -> F)
    where
        F: Future<Output: Into<End>>,
    {
        let task = self.register(name.into());
        let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
        loop {
            let started = Instant::now();
            let reason = match task.once(&mut make).await {
                End::Done => return,
                End::Broken(reason) => return task.broken(reason),
                End::Failed(reason) => reason,
            };
            if started.elapsed() >= WELL_AFTER {
                backoff.reset();
            }
            let wait = backoff.next();
            task.failed(reason, wait);
            if stop.run_until_cancelled(sleep(wait)).await.is_none() {
                return;
            }
            task.restarted();
        }
    }

    /// Every task that was ever started, in the order of their start.
    pub fn tasks(&self) -> Vec<TaskStatus> {
        self.tasks.lock().iter().map(|task| task.status.lock().clone()).collect()
    }

    /// Makes the tasks of this name panic at their next await. Returns whether there are any.
    #[cfg(any(test, feature = "failpoints"))]
    pub fn panic_in(&self, name: &str) -> bool {
        let tasks = self.tasks.lock();
        let meant = || tasks.iter().filter(|task| task.status.lock().name == name);
        meant().for_each(|task| task.panic.notify_one());
        meant().next().is_some()
    }

    fn register(&self, name: String) -> Registered {
        task_up(&name, true);
        let status =
            TaskStatus { name, state: TaskState::Running, since: Clock::system().now(), restarts: 0, last_error: None };
        let task = Arc::new(Task {
            status: Mutex::new(status),
            #[cfg(any(test, feature = "failpoints"))]
            panic: tokio::sync::Notify::new(),
        });
        self.tasks.lock().push(Arc::clone(&task));
        Registered(task)
    }
}

/// A task on the list; it has ended when this is dropped.
struct Registered(Arc<Task>);

impl Registered {
    /// Runs one future to its end. A panic in it, or in making it, is a failure.
    async fn once<F>(&self, make: &mut impl FnMut() -> F) -> End
    where
        F: Future<Output: Into<End>>,
    {
        let run = async { make().await.into() };
        #[cfg(any(test, feature = "failpoints"))]
        let run = async {
            tokio::select! {
                biased;
                () = self.0.panic.notified() => panic!("told to panic"),
                end = run => end,
            }
        };
        let panicked = |panic: Box<dyn Any + Send>| End::Failed(format!("panicked: {}", message_of(&*panic)));
        AssertUnwindSafe(run).catch_unwind().await.unwrap_or_else(panicked)
    }

    fn failed(&self, reason: String, wait: Duration) {
        let mut status = self.0.status.lock();
        TaskFailed { task: &status.name, reason: &reason, wait }.emit();
        status.enter(TaskState::Waiting);
        status.last_error = Some(reason);
    }

    fn restarted(&self) {
        let mut status = self.0.status.lock();
        task_up(&status.name, true);
        status.enter(TaskState::Running);
        status.restarts += 1;
    }

    fn broken(&self, reason: String) {
        let mut status = self.0.status.lock();
        TaskBroken { task: &status.name, reason: &reason }.emit();
        status.enter(TaskState::Broken);
        status.last_error = Some(reason);
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        let mut status = self.0.status.lock();
        if status.state != TaskState::Broken {
            task_up(&status.name, false);
            status.enter(TaskState::Ended);
        }
    }
}

impl TaskStatus {
    fn enter(&mut self, state: TaskState) {
        (self.state, self.since) = (state, Clock::system().now());
    }
}

/// The text of a panic, where it has one.
fn message_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a text")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    fn stop() -> CancellationToken {
        CancellationToken::new()
    }

    /// How the task of this name is.
    fn status(supervisor: &Supervisor, name: &str) -> TaskStatus {
        supervisor.tasks().into_iter().find(|task| task.name == name).unwrap()
    }

    /// Lets everything happen that is due within this time. The clock is paused.
    async fn pass(time: Duration) {
        sleep(time).await;
    }

    /// A task that counts its starts and then waits for ever.
    fn counted(supervisor: &Supervisor, name: &str) -> Arc<AtomicU32> {
        let starts = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&starts);
        supervisor.spawn(name, stop(), move || {
            count.fetch_add(1, Ordering::SeqCst);
            std::future::pending::<()>()
        });
        starts
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_panics_is_started_again_and_the_others_go_on() {
        let supervisor = Supervisor::default();
        let (one, other) = (counted(&supervisor, "one"), counted(&supervisor, "other"));
        pass(Duration::from_millis(1)).await;
        assert!(supervisor.panic_in("one"));
        pass(Duration::from_millis(1)).await;
        let waiting = status(&supervisor, "one");
        assert_eq!((waiting.state, waiting.restarts), (TaskState::Waiting, 0));
        pass(FIRST_WAIT).await;
        let running = status(&supervisor, "one");
        assert_eq!((running.state, running.restarts), (TaskState::Running, 1));
        assert_eq!(running.last_error.as_deref(), Some("panicked: told to panic"));
        assert_eq!((one.load(Ordering::SeqCst), other.load(Ordering::SeqCst)), (2, 1));
        let untouched = status(&supervisor, "other");
        assert_eq!((untouched.state, untouched.restarts, untouched.last_error), (TaskState::Running, 0, None));
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_always_fails_is_tried_ever_less_often() {
        let supervisor = Supervisor::default();
        let starts = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&starts);
        supervisor.spawn("hopeless", stop(), move || {
            count.fetch_add(1, Ordering::SeqCst);
            std::future::ready(Err::<(), _>("no port"))
        });
        pass(Duration::from_secs(3600)).await;
        // Every 5 to 10 s, after the first ten seconds.
        let starts = starts.load(Ordering::SeqCst);
        assert!((360..=740).contains(&starts), "{starts}");
        let task = status(&supervisor, "hopeless");
        assert_eq!(task.last_error.as_deref(), Some("no port"));
        assert_eq!(task.restarts, u64::from(starts) - 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_ran_well_is_started_again_at_once() {
        let supervisor = Supervisor::default();
        counted(&supervisor, "well");
        for round in 1..=20 {
            pass(WELL_AFTER).await;
            assert!(supervisor.panic_in("well"));
            pass(FIRST_WAIT + Duration::from_millis(1)).await;
            assert_eq!(status(&supervisor, "well").restarts, round);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_broken_task_is_left_alone_and_stays_on_the_list() {
        let supervisor = Supervisor::default();
        let broken = || std::future::ready(End::Broken("half of it is written".to_owned()));
        supervisor.spawn("flush", stop(), broken).await.unwrap();
        let task = status(&supervisor, "flush");
        assert_eq!((task.state, task.restarts), (TaskState::Broken, 0));
        assert_eq!(task.last_error.as_deref(), Some("half of it is written"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_ends_the_wait_before_a_restart() {
        let (supervisor, stop) = (Supervisor::default(), stop());
        let task = supervisor.spawn("door", stop.clone(), || std::future::ready(Err::<(), _>("gone")));
        pass(Duration::from_secs(60)).await;
        stop.cancel();
        let before = Instant::now();
        task.await.unwrap();
        assert_eq!(before.elapsed(), Duration::ZERO);
        assert_eq!(status(&supervisor, "door").state, TaskState::Ended);
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_ends_in_order_after_the_stop_is_waited_for() {
        let (supervisor, stop) = (Supervisor::default(), stop());
        let token = stop.clone();
        let task = supervisor.spawn("stage", stop.clone(), move || {
            let token = token.clone();
            async move {
                token.cancelled().await;
                sleep(Duration::from_secs(3)).await;
            }
        });
        stop.cancel();
        let before = Instant::now();
        task.await.unwrap();
        assert_eq!(before.elapsed(), Duration::from_secs(3));
        assert_eq!((status(&supervisor, "stage").state, status(&supervisor, "stage").restarts), (TaskState::Ended, 0));
    }
}
