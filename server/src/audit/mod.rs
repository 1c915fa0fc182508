//! The audit: who did what to this server, as records of Logboom's own service
//! ([decision](../../../docs/decisions/0077-audit-records-are-records.md)).
//!
//! | file | content |
//! |---|---|
//! | `action` | what is noted, by name and in words |
//! | `event` | one event, and the record that it becomes |
//! | `coalesce` | refusals of one caller for one reason become one record a minute |
//! | `source` | from where a call came |
//! | `notes` | what commands without a server have changed: documents, until a server writes them as records |
//! | `writer` | the task `audit`, which sends the records through the pipeline |
//! | `events` | metrics and log lines of the audit itself |
//!
//! Noting never waits: an event goes into a bounded queue, or, if that is full, into the log of the program, and is
//! counted. So a store that is down delays no log-in. The records take the same way as all others: they are durable,
//! forwarded, archived and deleted by retention like them. Admins alone see them (`model::Sight`), and no sender can
//! claim to be the audit (`pipeline::Sender::audit`).

mod action;
mod coalesce;
mod event;
mod events;
mod notes;
mod source;
#[cfg(test)]
mod tests;
mod writer;

use std::{sync::Arc, time::Duration};

use access::{Principal, Refusal, RefusalClass};
use parking_lot::Mutex;
use pipeline::{Supervisor, admit::Ingest, clock::Clock};
use tokio::{
    sync::mpsc::{self, error::TrySendError},
    task::JoinHandle,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

pub(crate) use self::{
    action::Action,
    event::{Actor, Event},
    notes::{Changes, Notes},
    source::{Source, network_of},
};
use self::{
    coalesce::Refusals,
    events::{EventDropped, describe},
    writer::Writer,
};

/// The events that wait for the writer. An event takes about 500 bytes.
const WAITING: usize = 4096;
/// The events of one call of a command. It makes at most one change.
const OF_COMMAND: usize = 16;
/// How long the rest may take at the end. After that, the end of the stages ends the writer.
const LAST: Duration = Duration::from_secs(2);
/// The name of the supervised task.
const TASK: &str = "audit";

/// Notes events. Cheap to clone. The default notes nothing: an agent has no store.
#[derive(Clone, Default)]
pub(crate) struct Audit(Option<Arc<Shared>>);

struct Shared {
    events: mpsc::Sender<Event>,
    refusals: Arc<Mutex<Refusals>>,
    clock: Clock,
}

/// The running writer.
pub(crate) struct Writing {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Audit {
    /// Starts the task `audit`. Its records go through `ingest`.
    pub(crate) fn start(ingest: Ingest, clock: Clock, supervisor: &Supervisor) -> (Self, Writing) {
        Self::with_room(WAITING, ingest, clock, supervisor)
    }

    fn with_room(room: usize, ingest: Ingest, clock: Clock, supervisor: &Supervisor) -> (Self, Writing) {
        describe();
        let (events, received) = mpsc::channel(room);
        let (refusals, stop) = (Arc::<Mutex<Refusals>>::default(), CancellationToken::new());
        let writer = Arc::new(Writer::new(received, Arc::clone(&refusals), ingest, stop.clone()));
        let task = supervisor.spawn(TASK, stop.clone(), move || {
            let writer = Arc::clone(&writer);
            async move { writer.run().await }
        });
        (Self(Some(Arc::new(Shared { events, refusals, clock }))), Writing { stop, task })
    }

    /// For a command that works without a server: no writer is there, and [`Changes`] keeps the events as documents.
    pub(crate) fn for_command(clock: Clock) -> (Self, mpsc::Receiver<Event>) {
        let (events, received) = mpsc::channel(OF_COMMAND);
        (Self(Some(Arc::new(Shared { events, refusals: Arc::default(), clock }))), received)
    }

    /// Notes an event. Never waits.
    pub(crate) fn note(&self, event: Event) {
        if let Some(shared) = &self.0 {
            shared.send(event);
        }
    }

    /// Notes a refusal, at most once a minute for one caller and reason. Returns at once.
    ///
    /// A server that nobody may use yet refuses everybody: that says nothing about the caller, and is not noted.
    pub(crate) fn refused(
        &self,
        who: impl Into<Actor>,
        source: Source,
        action: Action,
        target: impl Into<String>,
        refusal: &Refusal,
    ) {
        let Some(shared) = &self.0 else { return };
        if refusal.class == RefusalClass::Closed {
            return;
        }
        let event = Event::refused(shared.clock.now(), who.into(), source, action, target.into(), &refusal.message);
        let first = shared.refusals.lock().note(event, Instant::now());
        if let Some(event) = first {
            shared.send(event);
        }
    }

    fn now(&self) -> Option<model::Nanos> {
        Some(self.0.as_ref()?.clock.now())
    }
}

/// Notes that somebody has done something. `target`: to what; empty if the action says it all.
pub(crate) fn note(
    audit: &Audit,
    who: &Principal,
    source: impl Into<Source>,
    action: Action,
    target: impl Into<String>,
) {
    if let Some(now) = audit.now() {
        audit.note(Event::done(now, who.into(), source.into(), action, target.into()));
    }
}

/// As [`note`], for somebody who has just proved to be this user.
pub(crate) fn note_user(audit: &Audit, user: &str, source: impl Into<Source>, action: Action, target: &str) {
    if let Some(now) = audit.now() {
        audit.note(Event::done(now, Actor::user(user), source.into(), action, target.to_owned()));
    }
}

/// As [`note`], for a job of the server that has ended what `name` had begun.
pub(crate) fn note_job(audit: &Audit, name: &str, action: Action, target: String) {
    if let Some(now) = audit.now() {
        audit.note(Event::done(now, Actor::job_of(name), Source::default(), action, target));
    }
}

impl Shared {
    fn send(&self, event: Event) {
        match self.events.try_send(event) {
            Ok(()) => {}
            Err(TrySendError::Full(event) | TrySendError::Closed(event)) => EventDropped { event: &event }.emit(),
        }
    }
}

impl Writing {
    /// Writes what waits, also the refusals of the last minute, and ends. The stages must still accept records. Waits at
    /// most 2 s.
    pub(crate) async fn close(self) {
        self.stop.cancel();
        let _ = timeout(LAST, self.task).await;
    }
}
