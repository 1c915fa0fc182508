//! The documents in memory, as decisions need them: one picture, which is replaced as a whole.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use model::{Nanos, Sight};
use pipeline::{Document, Result, Version};
use tokio_util::sync::CancellationToken;

use crate::{
    Posture, Principal, PrincipalKind, Role, State,
    anonymous::Anonymous,
    key_document::KnownKey,
    principal::{Inner, Powers},
    secret::{self, Hash, PUBLIC},
    session_document::SessionDocument,
    user_document::{UserDocument, named},
};

/// The beginning of a hash, by which a session or a fixed key is found. The whole hash is compared afterwards.
pub(crate) type Start = [u8; 8];

/// Everything that decisions read.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) keys: HashMap<[u8; PUBLIC], Arc<KnownKey>>,
    /// The keys of a process without documents.
    pub(crate) fixed: HashMap<Start, (Hash, Principal)>,
    pub(crate) users: HashMap<String, Arc<KnownUser>>,
    pub(crate) sessions: HashMap<Start, Arc<KnownSession>>,
    /// The documents of keys and users that do not read. Each may be an admin.
    pub(crate) unreadable_keys: usize,
    pub(crate) unreadable_users: usize,
    /// Callers without credentials, by their addresses.
    pub(crate) anonymous: Arc<Anonymous>,
    /// Anybody, while everything is open.
    pub(crate) open: Principal,
    pub(crate) state: State,
}

/// A user in memory.
#[derive(Debug)]
pub(crate) struct KnownUser {
    pub(crate) version: Version,
    pub(crate) role: Role,
    pub(crate) generation: String,
    /// The name for people of a user of an identity provider.
    pub(crate) label: Option<String>,
    /// Whether its sessions count. Those of a provider that is not configured any more do not.
    is_let_in: bool,
    sight: Sight,
}

/// A session in memory.
#[derive(Debug)]
pub(crate) struct KnownSession {
    pub(crate) id: String,
    pub(crate) version: Version,
    pub(crate) hash: Hash,
    pub(crate) stored: SessionDocument,
    /// `None` if the user is not known, cannot log in any more, or has changed since the log-in.
    pub(crate) principal: Option<Principal>,
    /// When its renewal was last asked for.
    asked: AtomicI64,
}

impl Known {
    pub(crate) fn new(posture: Posture, anonymous: Anonymous) -> Self {
        let mut known = Self {
            keys: HashMap::new(),
            fixed: HashMap::new(),
            users: HashMap::new(),
            sessions: HashMap::new(),
            unreadable_keys: 0,
            unreadable_users: 0,
            anonymous: Arc::new(anonymous),
            open: Principal::new("open", PrincipalKind::Open, Powers::ALL),
            state: State::Closed,
        };
        known.state = known.state_now(posture);
        known
    }

    pub(crate) fn state(&self) -> State {
        self.state
    }

    /// The state that follows from the picture. A document that does not read counts as an admin, and so do a key that
    /// has expired and a user of a provider that is not configured any more: neither a damage, nor the passing of time,
    /// nor an option that is left out may open a server.
    fn state_now(&self, posture: Posture) -> State {
        let has_admin = !self.fixed.is_empty()
            || self.unreadable_keys + self.unreadable_users > 0
            || self.keys.values().any(|key| key.is_admin)
            || self.users.values().any(|user| user.role == Role::Admin);
        match posture {
            Posture::Open => State::Open,
            _ if has_admin => State::Guarded,
            Posture::Loopback => State::Open,
            Posture::Network => State::Closed,
        }
    }

    /// Sets the state, as the successor of `before`. Once guarded, a process stays guarded: the last admin cannot be
    /// removed, so a picture without one has another cause, and must not open the server.
    pub(crate) fn settle(&mut self, before: &Self, posture: Posture) {
        self.state = match before.state {
            State::Guarded => State::Guarded,
            State::Open | State::Closed => self.state_now(posture),
        };
    }

    /// The principals by which calls may run.
    fn principals(&self) -> impl Iterator<Item = &Principal> {
        let keys = self.keys.values().flat_map(|key| [&key.principal, &key.open]);
        let sessions = self.sessions.values().filter_map(|session| session.principal.as_ref());
        let open = (self.state == State::Open).then_some(&self.open);
        keys.chain(sessions).chain(self.anonymous.principals()).chain(open)
    }

    /// Ends the calls of principals that this picture has and `after` does not.
    pub(crate) fn end_calls_missing_in(&self, after: &Self) {
        let kept: HashSet<_> = after.principals().map(Principal::place).collect();
        let gone = self.principals().filter(|principal| !kept.contains(&principal.place()));
        gone.for_each(|principal| principal.revoked().cancel());
        if self.state == State::Open && after.state != State::Open {
            // Keys had every power while it was open.
            self.keys.values().for_each(|key| key.open.revoked().cancel());
        }
    }

    /// A session by its token.
    pub(crate) fn session(&self, token: &str) -> Option<&Arc<KnownSession>> {
        let hash = secret::hash(token);
        let session = self.sessions.get(&start_of(&hash))?;
        secret::is_same(&session.hash, &hash).then_some(session)
    }

    /// A key of a process without documents, by its secret.
    pub(crate) fn fixed(&self, secret: &str) -> Option<&Principal> {
        let hash = secret::hash(secret);
        let (known, principal) = self.fixed.get(&start_of(&hash))?;
        secret::is_same(known, &hash).then_some(principal)
    }

    /// The sessions for the map of users, of which those that have not changed are taken from `before`.
    pub(crate) fn sessions_of<'d>(
        stored: impl Iterator<Item = (String, Version, Hash, SessionDocument)> + 'd,
        users: &'d HashMap<String, Arc<KnownUser>>,
        before: &'d HashMap<Start, Arc<KnownSession>>,
    ) -> HashMap<Start, Arc<KnownSession>> {
        stored
            .map(|(id, version, hash, stored)| {
                let start = start_of(&hash);
                let old = before.get(&start).filter(|old| old.hash == hash);
                (start, Arc::new(KnownSession::new(id, version, hash, stored, users, old)))
            })
            .collect()
    }
}

impl KnownUser {
    /// Reads a user, and compiles the filter. `issuer`: of the identity provider of this server.
    ///
    /// # Errors
    /// `Corrupt` if the document does not read.
    pub(crate) async fn load(document: &Document, issuer: Option<&str>) -> Result<Self> {
        let user = UserDocument::read(document)?;
        let is_let_in = user.is_let_in(issuer);
        let UserDocument { role, generation, read, external, .. } = user;
        let sight = read.stored_sight(&format!("user {}", document.name)).await;
        let label = external.map(|external| external.label);
        Ok(Self { version: document.version, role, generation, label, is_let_in, sight })
    }
}

impl KnownSession {
    fn new(
        id: String,
        version: Version,
        hash: Hash,
        stored: SessionDocument,
        users: &HashMap<String, Arc<KnownUser>>,
        old: Option<&Arc<Self>>,
    ) -> Self {
        let user = users.get(&stored.user).filter(|user| user.is_let_in && user.generation == stored.generation);
        let principal = user.map(|user| {
            // A renewal changes the document, and must not end the open calls.
            let kept = old.filter(|old| old.stored.generation == stored.generation);
            let kept = kept.and_then(|old| old.principal.clone()).filter(|kept| !kept.revoked().is_cancelled());
            kept.unwrap_or_else(|| {
                Principal::of(Inner {
                    name: format!("user {}", named(&stored.user, user.label.as_deref())),
                    kind: PrincipalKind::User,
                    powers: user.role.into(),
                    sight: user.sight.clone(),
                    sender: pipeline::Sender::default(),
                    revoked: CancellationToken::new(),
                    user: Some(stored.user.clone()),
                    label: user.label.clone(),
                    session: Some(id.clone()),
                })
            })
        });
        let asked = old.map_or(0, |old| old.asked.load(Ordering::Relaxed));
        Self { id, version, hash, stored, principal, asked: AtomicI64::new(asked) }
    }

    /// Whether the renewal should be asked for now: at most once in `pause`.
    pub(crate) fn ask_for_renewal(&self, now: Nanos, pause: Nanos) -> bool {
        let asked = self.asked.load(Ordering::Relaxed);
        // A clock that was set back does not stop renewals.
        let is_due = now.saturating_sub(asked) >= pause || asked > now;
        is_due && self.asked.compare_exchange(asked, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

pub(crate) fn start_of(hash: &Hash) -> Start {
    let mut start = Start::default();
    start.copy_from_slice(&hash[..8]);
    start
}
