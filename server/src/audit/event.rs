//! One event, and the record that it becomes.

use access::{Principal, PrincipalKind};
use model::{Nanos, Text, Value, audit::SERVICE};
use pipeline::normalise::{RawRecord, RawTime};

use super::{action::Action, source::Source};

/// The most bytes of a text of an event. Callers choose some of them.
const TEXT_BYTES: usize = 1000;

/// Who did something.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Actor {
    /// As [`Principal::name`].
    pub(super) name: String,
    /// The value of `audit.kind`.
    kind: &'static str,
}

impl Actor {
    pub(super) fn user(name: &str) -> Self {
        Self { name: format!("user {name}"), kind: PrincipalKind::User.name() }
    }

    /// Whoever reached the data itself. `name`: how, and who.
    pub(super) fn operator(name: &str) -> Self {
        Self { name: shortened(name.to_owned()), kind: PrincipalKind::Operator.name() }
    }

    /// The server itself, for somebody who has begun what it ends. `name`: as [`Principal::name`].
    pub(super) fn job_of(name: &str) -> Self {
        Self { name: name.to_owned(), kind: "server" }
    }
}

impl From<&Principal> for Actor {
    fn from(principal: &Principal) -> Self {
        Self { name: principal.name().to_owned(), kind: principal.kind().name() }
    }
}

/// What somebody did, or was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    pub(super) time: Nanos,
    pub(super) action: Action,
    pub(super) actor: Actor,
    pub(super) source: Source,
    pub(super) target: String,
    /// Why it was refused; `None` if it was done.
    pub(super) refused: Option<String>,
    /// The number of equal events that this one stands for: refusals and changes are counted together.
    pub(super) count: u64,
    /// The host on which it was done; `None` for this one.
    pub(super) node: Option<String>,
}

impl Event {
    pub(super) fn done(time: Nanos, actor: Actor, source: Source, action: Action, target: String) -> Self {
        Self { time, action, actor, source, target: shortened(target), refused: None, count: 1, node: None }
    }

    pub(super) fn refused(
        time: Nanos,
        actor: Actor,
        source: Source,
        action: Action,
        target: String,
        reason: &str,
    ) -> Self {
        let refused = Some(shortened(reason.to_owned()));
        Self { time, action, actor, source, target: shortened(target), refused, count: 1, node: None }
    }

    /// Of a caller whose refusals are too many to be told apart. Who it was and from where stays.
    pub(super) fn of_network(self) -> Self {
        let reason = "it was refused for many reasons within a minute; these were not noted one by one".to_owned();
        Self { target: String::new(), refused: Some(reason), ..self }
    }

    /// Of callers that are too many to be counted one by one.
    pub(super) fn of_others(self) -> Self {
        let actor = Actor { name: "others".to_owned(), kind: PrincipalKind::Anonymous.name() };
        let reason = "many callers were refused within a minute; these were not noted one by one".to_owned();
        let (source, target) = (Source::default(), String::new());
        Self { action: Action::Refused, actor, source, target, refused: Some(reason), ..self }
    }

    /// What tells refusals from each other that are not counted together, besides the source: the reason, the caller, and
    /// for a log-in the account.
    pub(super) fn subject(&self) -> (Action, Actor, String, String) {
        let account = if self.action == Action::LogIn { self.target.clone() } else { String::new() };
        (self.action, self.actor.clone(), account, self.refused.clone().unwrap_or_default())
    }

    /// One sentence for people.
    fn message(&self) -> String {
        let Self { action, actor, target, refused, count, .. } = self;
        let times = if *count > 1 { format!(" ({count} times)") } else { String::new() };
        let sentence = match refused {
            None if target.is_empty() => format!("{} {}", actor.name, action.verb()),
            None => format!("{} {} {target}", actor.name, action.verb()),
            Some(reason) if *action == Action::LogIn && target.is_empty() => format!("a log-in was refused: {reason}"),
            Some(reason) if *action == Action::LogIn => format!("a log-in as {target} was refused: {reason}"),
            Some(reason) if target.is_empty() => format!("{} was refused: {reason}", actor.name),
            Some(reason) => format!("{} was refused at {target}: {reason}", actor.name),
        };
        sentence + &times
    }

    /// The record. `node`: the name of this host.
    pub(super) fn record(&self, node: &Text) -> RawRecord {
        let text = |key: &'static str, value: &str| (Text::const_new(key), Value::Text(value.into()));
        let outcome = if self.refused.is_some() { "refused" } else { "done" };
        let mut attributes = vec![
            (Text::const_new(model::audit::ATTRIBUTE), Value::Bool(true)),
            text("audit.action", self.action.name()),
            text("audit.actor", &self.actor.name),
            text("audit.kind", self.actor.kind),
            text("audit.outcome", outcome),
            (Text::const_new("audit.count"), Value::Int(i64::try_from(self.count).unwrap_or(i64::MAX))),
        ];
        let some = [
            ("audit.source", self.source.address.map(|address| address.to_string())),
            ("audit.forwarded", self.source.forwarded.map(|address| address.to_string())),
            ("audit.target", Some(self.target.clone()).filter(|target| !target.is_empty())),
            ("audit.reason", self.refused.clone()),
        ];
        attributes.extend(some.into_iter().filter_map(|(key, value)| Some(text(key, &value?))));
        RawRecord {
            time: RawTime::Nanos(self.time),
            level: Text::const_new(if self.refused.is_some() { "warn" } else { "info" }),
            service: Text::const_new(SERVICE),
            node: self.node.as_deref().map_or_else(|| node.clone(), Text::from),
            message: self.message(),
            attributes,
            ..RawRecord::default()
        }
    }
}

/// The text within the limit. A cut is shown.
fn shortened(mut text: String) -> String {
    if text.len() > TEXT_BYTES {
        text.truncate(text.floor_char_boundary(TEXT_BYTES));
        text.push('…');
    }
    text
}
