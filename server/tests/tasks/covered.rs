//! Which test makes which supervised task panic.

use std::{collections::BTreeSet, fs, path::Path};

/// A task, and the test that makes it panic.
struct Covered {
    /// The name of the task; with `*` at its end, the beginning of the names of several.
    task: &'static str,
    /// The programs that have it.
    programs: &'static [&'static str],
    /// As seen from `server/`.
    file: &'static str,
    test: &'static str,
}

const fn covered(
    task: &'static str,
    programs: &'static [&'static str],
    file: &'static str,
    test: &'static str,
) -> Covered {
    Covered { task, programs, file, test }
}

/// On the embedded engines.
const SERVE: &str = "serve";
const AGENT: &str = "agent";
/// `serve` on RabbitMQ and PostgreSQL.
const DISTRIBUTED: &str = "distributed";

const ANY: &[&str] = &[SERVE, AGENT, DISTRIBUTED];
const ANY_SERVE: &[&str] = &[SERVE, DISTRIBUTED];

const STAGES: &str = "testkit/tests/stages/supervision.rs";
const EACH_STAGE: &str = "each_stage_begins_again_and_what_comes_meanwhile_is_stored_and_shown_once";
const LOSSES: &str = "testkit/tests/stages/losses.rs";
const EACH_OF_LOSSES: &str = "a_panic_in_the_keeper_or_the_audit_restarts_it_alone_and_its_work_goes_on";
const FOLLOW: &str = "testkit/tests/stages/follow/panics.rs";
const LISTEN: &str = "src/listen/mod.rs";
const LISTENER: &str = "a_panic_of_the_listener_costs_neither_its_connections_nor_another_listener";
const STREAMS: &str = "src/streams/tests.rs";
const STREAM: &str = "a_panic_of_a_listener_costs_neither_its_connections_nor_another_listener";
const CANARY: &str = "src/canary/tests.rs";
const EACH_OF_CANARY: &str = "a_panic_restarts_one_task_and_no_record_is_counted_as_doubled_or_missing";
const INPUTS: &str = "src/agent/panics.rs";
const INPUT: &str = "a_panic_restarts_one_input_and_no_line_is_lost_or_doubled";
const CERTIFICATES: &str = "src/tls/tests/certificates.rs";
const REDIRECTS: &str = "src/tls/tests/redirects.rs";
const STORE: &str = "engine-embedded/src/store/restart.rs";
const EACH_OF_STORE: &str = "each_task_begins_again_after_a_panic_and_the_other_goes_on";
const TIMESCALE: &str = "engine-timescale/tests/store/faults.rs";
const EACH_OF_TIMESCALE: &str = "a_panic_of_any_background_task_is_outlived";
const RABBITMQ: &str = "engine-rabbitmq/tests/suite/faults.rs";
const EACH_OF_RABBITMQ: &str = "a_panic_of_either_part_is_outlived_and_what_is_unacknowledged_comes_again";

const ALL: [Covered; 43] = [
    covered(
        "access",
        ANY_SERVE,
        "access/src/tests/nodes.rs",
        "a_panic_of_the_task_that_follows_changes_restarts_it_alone",
    ),
    covered("admin socket", &[SERVE], "src/admin_socket.rs", "a_panic_of_the_admin_socket_closes_it_for_nobody"),
    covered("audit", ANY_SERVE, "src/audit/tests.rs", "a_panic_of_the_writer_stores_each_record_once"),
    covered(
        "audit-notes",
        ANY_SERVE,
        "src/audit/notes/tests.rs",
        "a_panic_in_the_task_of_the_notes_restarts_it_and_each_note_becomes_one_record",
    ),
    covered("enqueue", ANY, STAGES, EACH_STAGE),
    covered("enqueue-streams", ANY, STAGES, EACH_STAGE),
    covered("consume", ANY_SERVE, STAGES, EACH_STAGE),
    covered("live", ANY_SERVE, STAGES, EACH_STAGE),
    covered("loss-ledger", ANY_SERVE, LOSSES, EACH_OF_LOSSES),
    covered("loss-audit", ANY_SERVE, LOSSES, EACH_OF_LOSSES),
    covered(
        "replays *",
        ANY_SERVE,
        FOLLOW,
        "a_panic_in_a_task_of_the_replays_restarts_it_alone_and_its_replay_goes_on",
    ),
    covered(
        "deletions",
        ANY_SERVE,
        "testkit/tests/stages/deletion.rs",
        "a_panic_in_the_task_of_the_deletions_restarts_it_alone_and_its_deletion_goes_on",
    ),
    covered(
        "sinks: pauses",
        ANY_SERVE,
        FOLLOW,
        "a_panic_in_the_task_of_the_pauses_leaves_the_sinks_alone_and_pauses_still_count",
    ),
    covered(
        "sink *",
        ANY_SERVE,
        "testkit/tests/stages/follow/faults.rs",
        "a_panic_in_a_sink_restarts_its_follower_and_the_batch_is_sent_again",
    ),
    covered("relay", &[AGENT], FOLLOW, "a_panic_in_the_relay_repeats_the_batch_in_flight_and_the_relay_goes_on"),
    covered(
        "archive",
        ANY_SERVE,
        "src/archiving/tests.rs",
        "a_panic_restarts_the_task_which_archives_what_comes_later",
    ),
    covered("canary", ANY_SERVE, CANARY, EACH_OF_CANARY),
    covered("canary-tail", ANY_SERVE, CANARY, EACH_OF_CANARY),
    covered(
        "distributor",
        ANY,
        "src/workers/tests.rs",
        "a_panic_in_the_registration_with_the_distributor_is_followed_by_another_registration",
    ),
    covered("http *", ANY, LISTEN, LISTENER),
    covered("grpc *", ANY, LISTEN, LISTENER),
    covered("otlp over http *", ANY, LISTEN, LISTENER),
    covered("tls", &[SERVE, AGENT], CERTIFICATES, "a_panic_of_the_task_restarts_it_and_changes_are_followed"),
    covered("redirect *", &[SERVE, AGENT], REDIRECTS, "a_panic_of_the_listener_that_redirects_is_outlived"),
    covered("tcp *", ANY, STREAMS, STREAM),
    covered("syslog *", ANY, STREAMS, STREAM),
    covered("gelf *", ANY, STREAMS, STREAM),
    covered("fluent *", ANY, STREAMS, STREAM),
    covered("files", &[AGENT], INPUTS, INPUT),
    covered("kubernetes", &[AGENT], INPUTS, INPUT),
    covered(
        "kubernetes pods",
        &[AGENT],
        "src/agent/pods/panics.rs",
        "a_panic_keeps_the_known_pods_and_new_ones_become_known",
    ),
    covered("docker", &[AGENT], INPUTS, INPUT),
    covered("journald", &[AGENT], INPUTS, INPUT),
    covered("store-flush", &[SERVE], STORE, EACH_OF_STORE),
    covered("store-upkeep", &[SERVE], STORE, EACH_OF_STORE),
    covered(
        "queue-cursor",
        &[AGENT],
        "engine-embedded/src/queue/tests.rs",
        "the_cursor_is_written_also_after_a_panic_of_its_task",
    ),
    covered("postgresql-upkeep", &[DISTRIBUTED], TIMESCALE, EACH_OF_TIMESCALE),
    covered("postgresql-summaries", &[DISTRIBUTED], TIMESCALE, EACH_OF_TIMESCALE),
    covered("postgresql-sizes", &[DISTRIBUTED], TIMESCALE, EACH_OF_TIMESCALE),
    covered("postgresql-horizon", &[DISTRIBUTED], TIMESCALE, EACH_OF_TIMESCALE),
    covered("postgresql-listen", &[DISTRIBUTED], TIMESCALE, EACH_OF_TIMESCALE),
    covered("rabbitmq-consume", &[DISTRIBUTED], RABBITMQ, EACH_OF_RABBITMQ),
    covered("rabbitmq-publish", &[DISTRIBUTED], RABBITMQ, EACH_OF_RABBITMQ),
];

impl Covered {
    fn is(&self, task: &str) -> bool {
        match self.task.strip_suffix('*') {
            Some(beginning) => task.starts_with(beginning),
            None => task == self.task,
        }
    }
}

/// The tasks that a program lists in its metrics. Returns whether all of its tasks in the table are there, so that a
/// program that still starts is asked again.
///
/// # Panics
/// A task is not in the table: no test makes it panic.
pub(crate) fn are_all_there(program: &str, metrics: &str) -> bool {
    let tasks: BTreeSet<&str> =
        metrics.lines().filter_map(|line| line.strip_prefix("logboom_task_up{task=\"")?.split('"').next()).collect();
    let of_program = || ALL.iter().filter(|covered| covered.programs.contains(&program));
    let unknown: Vec<_> = tasks.iter().filter(|task| !of_program().any(|covered| covered.is(task))).collect();
    assert!(
        unknown.is_empty(),
        "no test of {program} makes these tasks panic: {unknown:?}; write one, and name it in tests/tasks/covered.rs"
    );
    of_program().all(|covered| tasks.iter().any(|task| covered.is(task)))
}

/// Checks that the tests of the table exist.
///
/// # Panics
/// One does not.
pub(crate) fn check_tests() {
    let server = Path::new(env!("CARGO_MANIFEST_DIR"));
    for Covered { task, file, test, .. } in &ALL {
        let text = fs::read_to_string(server.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(text.contains(&format!("async fn {test}(")), "{file} has no test {test}, which makes {task} panic");
    }
}
