//! The supervisor of long-running tasks.
//!
//! Tasks that run as long as the program (a listener, a stage, the upkeep of an engine) run under the supervisor. A
//! task that fails or panics is restarted after a backoff; other tasks are not affected. Restarts are counted and the
//! last error is kept; [`Supervisor::tasks`] lists them for the page System, `/api/v1/tasks` and `/readyz`.
//!
//! Only the future of a task is recreated. State that must survive a panic (a bound port, open connections, waiting
//! records) stays with the caller, mostly in a `tokio::sync::Mutex`, which a panic does not poison. A task whose state
//! may be inconsistent after a panic checks it on restart, and ends with [`End::Broken`] if it cannot continue.
//!
//! The supervisor takes no part in shutdown: a task ends when its own stop token is cancelled.

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

/// Backoff before a restart.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// A run of this length resets the backoff.
const STABLE_AFTER: Duration = Duration::from_secs(60);

/// Runs long tasks and records their state. Cheap to clone; the clones share one list.
#[derive(Debug, Clone, Default)]
pub struct Supervisor {
    tasks: Arc<Mutex<Vec<Arc<Task>>>>,
}

/// How the future of a task ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// Normally: the task is not restarted.
    Done,
    /// With an error: the task is restarted.
    Failed(String),
    /// With an error that only a restart of the program can resolve.
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

/// The state of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskState {
    Running,
    /// It failed, and waits for its restart.
    Waiting,
    Ended,
    /// It needs a restart of the program.
    Broken,
}

impl TaskState {
    /// The name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Ended => "ended",
            Self::Broken => "broken",
        }
    }
}

/// The status of one task, for display.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskStatus {
    pub name: String,
    pub state: TaskState,
    /// When it entered the state.
    pub since: Nanos,
    pub restarts: u64,
    /// The error of its last failure; `None` if it never failed.
    pub last_error: Option<String>,
}

#[derive(Debug)]
struct Task {
    status: Mutex<TaskStatus>,
    /// Makes the task panic, in tests.
    #[cfg(any(test, feature = "failpoints"))]
    panic: tokio::sync::Notify,
}

impl Supervisor {
    /// Runs `make`'s future in a new task, as [`Supervisor::run`] does.
    pub fn spawn<F>(
        &self,
        name: impl Into<String>,
        stop: CancellationToken,
        make: impl FnMut() -> F + Send + 'static,
    ) -> JoinHandle<()>
    where
        F: Future<Output: Into<End>> + Send + 'static,
    {
        // Registered here: the list has the task before the runtime first polls it.
        let task = self.register(name.into());
        tokio::spawn(async move { task.run(&stop, make).await })
    }

    /// Runs the future of `make` until it ends normally. After a failure or a panic, makes a new one after a backoff,
    /// unless `stop` is cancelled.
    pub async fn run<F>(&self, name: impl Into<String>, stop: &CancellationToken, make: impl FnMut() -> F)
    where
        F: Future<Output: Into<End>>,
    {
        self.register(name.into()).run(stop, make).await;
    }

    /// Every task that was ever started, in start order.
    pub fn tasks(&self) -> Vec<TaskStatus> {
        self.tasks.lock().iter().map(|task| task.status.lock().clone()).collect()
    }

    /// Makes the tasks with this name panic at their next await. Returns whether there are any.
    #[cfg(any(test, feature = "failpoints"))]
    pub fn panic_in(&self, name: &str) -> bool {
        let tasks = self.tasks.lock();
        let named = || tasks.iter().filter(|task| task.status.lock().name == name);
        named().for_each(|task| task.panic.notify_one());
        named().next().is_some()
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

/// A task on the list. Dropping it marks the task as ended.
struct Registered(Arc<Task>);

impl Registered {
    /// Runs the task until it ends normally or is broken. Restarts it after each failure, until `stop` is cancelled.
    async fn run<F>(&self, stop: &CancellationToken, mut make: impl FnMut() -> F)
    where
        F: Future<Output: Into<End>>,
    {
        let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
        loop {
            let started = Instant::now();
            let reason = match self.run_once(&mut make).await {
                End::Done => return,
                End::Broken(reason) => return self.broken(reason),
                End::Failed(reason) => reason,
            };
            if started.elapsed() >= STABLE_AFTER {
                backoff.reset();
            }
            let wait = backoff.next();
            self.failed(reason, wait);
            if stop.run_until_cancelled(sleep(wait)).await.is_none() {
                return;
            }
            self.restarted();
        }
    }

    /// Runs one future to its end. A panic in it, or in `make`, is a failure.
    async fn run_once<F>(&self, make: &mut impl FnMut() -> F) -> End
    where
        F: Future<Output: Into<End>>,
    {
        let run = async { make().await.into() };
        #[cfg(any(test, feature = "failpoints"))]
        let run = async {
            tokio::select! {
                biased;
                () = self.0.panic.notified() => panic!("injected panic"),
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

/// The message of a panic, if any.
fn message_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a message")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    fn stop() -> CancellationToken {
        CancellationToken::new()
    }

    /// The status of the task with this name.
    fn status(supervisor: &Supervisor, name: &str) -> TaskStatus {
        supervisor.tasks().into_iter().find(|task| task.name == name).unwrap()
    }

    /// Advances the paused clock and runs all tasks that become ready.
    async fn advance(time: Duration) {
        sleep(time).await;
    }

    /// A task that counts its starts and then waits forever.
    fn spawn_counted(supervisor: &Supervisor, name: &str) -> Arc<AtomicU32> {
        let starts = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&starts);
        supervisor.spawn(name, stop(), move || {
            count.fetch_add(1, Ordering::SeqCst);
            std::future::pending::<()>()
        });
        starts
    }

    #[tokio::test]
    async fn a_task_is_on_the_list_before_the_runtime_first_polls_it() {
        let supervisor = Supervisor::default();
        let starts = spawn_counted(&supervisor, "one");
        assert_eq!(status(&supervisor, "one").state, TaskState::Running);
        assert_eq!(starts.load(Ordering::SeqCst), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_panics_is_started_again_and_the_others_go_on() {
        let supervisor = Supervisor::default();
        let (one, other) = (spawn_counted(&supervisor, "one"), spawn_counted(&supervisor, "other"));
        advance(Duration::from_millis(1)).await;
        assert!(supervisor.panic_in("one"));
        advance(Duration::from_millis(1)).await;
        let waiting = status(&supervisor, "one");
        assert_eq!((waiting.state, waiting.restarts), (TaskState::Waiting, 0));
        advance(FIRST_WAIT).await;
        let running = status(&supervisor, "one");
        assert_eq!((running.state, running.restarts), (TaskState::Running, 1));
        assert_eq!(running.last_error.as_deref(), Some("panicked: injected panic"));
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
        advance(Duration::from_secs(3600)).await;
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
        spawn_counted(&supervisor, "well");
        for round in 1..=20 {
            advance(STABLE_AFTER).await;
            assert!(supervisor.panic_in("well"));
            advance(FIRST_WAIT + Duration::from_millis(1)).await;
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
        advance(Duration::from_secs(60)).await;
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
