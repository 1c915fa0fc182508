//! The long-running tasks of this process, for the API and the page System.

use model::{api::TaskView, time};
use pipeline::{
    Supervisor,
    supervisor::{TaskState, TaskStatus},
};

/// All tasks, those that do not run first.
pub(crate) fn tasks(supervisor: &Supervisor) -> Vec<TaskView> {
    let mut tasks = supervisor.tasks();
    tasks.sort_by_key(|task| task.state == TaskState::Running);
    tasks.into_iter().map(view).collect()
}

fn view(task: TaskStatus) -> TaskView {
    TaskView {
        name: task.name,
        state: task.state.name().to_owned(),
        since: time::format_rfc3339(task.since),
        restarts: task.restarts,
        last_error: task.last_error,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use metrics_exporter_prometheus::PrometheusBuilder;
    use tokio::time::sleep;
    use tokio_util::sync::CancellationToken;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn restarts_are_counted_by_task_and_what_does_not_run_is_listed_first() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let metrics = recorder.handle();
        let _recorder = metrics::set_default_local_recorder(&recorder);
        let supervisor = Supervisor::default();
        for name in ["one", "two"] {
            supervisor.spawn(name, CancellationToken::new(), std::future::pending::<()>);
        }
        let seen = |task: &str| {
            let text = metrics.render();
            let value = |name: &str| {
                let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name}{{task=\"{task}\"}} ")));
                line.map(str::to_owned)
            };
            (value("logboom_task_up"), value("logboom_task_restarts_total"))
        };
        let are = |up: &str, restarts: &str| (Some(up.to_owned()), Some(restarts.to_owned()));
        sleep(Duration::from_millis(1)).await;
        assert!(supervisor.panic_in("two"));
        sleep(Duration::from_millis(1)).await;
        assert_eq!((seen("one"), seen("two")), (are("1", "0"), are("0", "1")));
        let listed: Vec<_> = tasks(&supervisor).into_iter().map(|task| (task.name, task.state)).collect();
        assert_eq!(listed, [("two", "waiting"), ("one", "running")].map(|(name, state)| (name.into(), state.into())));
        sleep(Duration::from_secs(1)).await;
        assert_eq!((seen("one"), seen("two")), (are("1", "0"), are("1", "1")));
    }
}
