//! Events of the supervisor.

use std::time::Duration;

use metrics::{counter, gauge};

/// Records whether a task runs.
pub(crate) fn task_up(task: &str, up: bool) {
    gauge!("logboom_task_up", "task" => task.to_owned()).set(f64::from(u8::from(up)));
    // Creates the counter at 0, before the first restart.
    counter!("logboom_task_restarts_total", "task" => task.to_owned()).increment(0);
}

/// A task failed and will be restarted.
pub(crate) struct TaskFailed<'a> {
    pub(crate) task: &'a str,
    pub(crate) reason: &'a str,
    pub(crate) wait: Duration,
}

impl TaskFailed<'_> {
    pub(crate) fn emit(self) {
        let Self { task, reason, wait } = self;
        tracing::error!(task, reason, ?wait, "a task failed and will be restarted");
        task_up(task, false);
        counter!("logboom_task_restarts_total", "task" => task.to_owned()).increment(1);
    }
}

/// A task failed and must not be restarted.
pub(crate) struct TaskBroken<'a> {
    pub(crate) task: &'a str,
    pub(crate) reason: &'a str,
}

impl TaskBroken<'_> {
    pub(crate) fn emit(self) {
        let Self { task, reason } = self;
        tracing::error!(task, reason, "a task failed permanently, restart the program");
        task_up(task, false);
    }
}
