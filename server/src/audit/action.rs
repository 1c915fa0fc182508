//! What the audit notes, by name and in words.

/// An action that is noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    LogIn,
    LogOut,
    /// A call or a connection of somebody who may not make it.
    Refused,
    SetupCompleted,
    KeyCreated,
    KeyRevoked,
    UserAdded,
    UserChanged,
    UserRemoved,
    UserPassword,
    SessionRevoked,
    /// The networks that may write without a key.
    NetworksChanged,
    /// Changes of access by commands without a server that found no room for a note of their own.
    AccessChanged,
    ViewSaved,
    ViewRemoved,
    /// Records, saved views or dead letters were downloaded as a file.
    Exported,
    /// Documents were imported.
    Imported,
    ReplayStarted,
    ReplayCancelled,
    DeletionStarted,
    DeletionCancelled,
    /// The job of a deletion has ended, whatever it came to.
    DeletionDone,
    LettersResent,
    LettersDiscarded,
    PartGivenUp,
    SinkPaused,
    SinkResumed,
}

impl Action {
    /// All of them, in the order in which the page offers them.
    pub(crate) const ALL: [Self; 27] = [
        Self::LogIn,
        Self::LogOut,
        Self::Refused,
        Self::SetupCompleted,
        Self::KeyCreated,
        Self::KeyRevoked,
        Self::UserAdded,
        Self::UserChanged,
        Self::UserRemoved,
        Self::UserPassword,
        Self::SessionRevoked,
        Self::NetworksChanged,
        Self::AccessChanged,
        Self::ViewSaved,
        Self::ViewRemoved,
        Self::Exported,
        Self::Imported,
        Self::ReplayStarted,
        Self::ReplayCancelled,
        Self::DeletionStarted,
        Self::DeletionCancelled,
        Self::DeletionDone,
        Self::LettersResent,
        Self::LettersDiscarded,
        Self::PartGivenUp,
        Self::SinkPaused,
        Self::SinkResumed,
    ];

    /// The value of `audit.action`, and what `{actor} … {target}` says of a completed action.
    fn row(self) -> (&'static str, &'static str) {
        match self {
            Self::LogIn => ("log-in", "logged in"),
            Self::LogOut => ("log-out", "logged out"),
            Self::Refused => ("refused", "was refused"),
            Self::SetupCompleted => ("setup.completed", "completed the set-up, as its first admin"),
            Self::KeyCreated => ("key.created", "created the key"),
            Self::KeyRevoked => ("key.revoked", "revoked the key"),
            Self::UserAdded => ("user.added", "added the user"),
            Self::UserChanged => ("user.changed", "changed the user"),
            Self::UserRemoved => ("user.removed", "removed the user"),
            Self::UserPassword => ("user.password", "set the password of the user"),
            Self::SessionRevoked => ("session.revoked", "ended the session"),
            Self::NetworksChanged => ("networks.changed", "changed the networks that may write without a key to"),
            Self::AccessChanged => {
                ("access.changed", "changed access while there was no room for a note of each change")
            }
            Self::ViewSaved => ("view.saved", "saved the view"),
            Self::ViewRemoved => ("view.removed", "removed the view"),
            Self::Exported => ("export", "exported"),
            Self::Imported => ("import", "imported"),
            Self::ReplayStarted => ("replay.started", "started the replay"),
            Self::ReplayCancelled => ("replay.cancelled", "cancelled the replay"),
            Self::DeletionStarted => ("deletion.started", "started the deletion"),
            Self::DeletionCancelled => ("deletion.cancelled", "cancelled the deletion"),
            Self::DeletionDone => ("deletion.done", "had the server end the deletion"),
            Self::LettersResent => ("dead-letters.resent", "sent again the dead letters"),
            Self::LettersDiscarded => ("dead-letters.discarded", "deleted the dead letters"),
            Self::PartGivenUp => ("part.given-up", "gave up the damaged part"),
            Self::SinkPaused => ("sink.paused", "paused the sink"),
            Self::SinkResumed => ("sink.resumed", "resumed the sink"),
        }
    }

    /// The value of `audit.action`.
    pub(crate) fn name(self) -> &'static str {
        self.row().0
    }

    /// The action with this name; `None` for one of a newer version.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.name() == name)
    }

    /// What the actor did, before the target.
    pub(super) fn verb(self) -> &'static str {
        self.row().1
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_action_has_a_name_of_its_own() {
        let names: BTreeSet<&str> = Action::ALL.iter().map(|action| action.name()).collect();
        assert_eq!(names.len(), Action::ALL.len());
        assert!(Action::ALL.into_iter().all(|action| Action::named(action.name()) == Some(action)));
        assert_eq!(Action::named("user.cloned"), None);
    }
}
