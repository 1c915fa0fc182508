//! What all parts share. Loads the documents and swaps the picture in memory.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use parking_lot::{Mutex, RwLock};
use pipeline::{Documents, Error, Kind, Result, Version, clock::Clock};
use tokio::sync::Notify;

use crate::{
    AnonymousRule, Options, Posture,
    anonymous::Anonymous,
    anonymous_document::{ANONYMOUS, AnonymousDocument},
    key_document::{KEY, KnownKey, id_of},
    known::{Known, KnownUser},
    passwords::Passwords,
    secret,
    session_document::{SESSION, SessionDocument},
    slow::Slow,
    sought::Looks,
    user_document::USER,
};

/// The state of one [`Access`](crate::Access).
pub(crate) struct Shared {
    documents: Option<Arc<dyn Documents>>,
    pub(crate) posture: Posture,
    /// The rules of `--anonymous`.
    pub(crate) rules: Vec<AnonymousRule>,
    /// The issuer of the identity provider by which people can log in.
    pub(crate) issuer: Option<String>,
    pub(crate) clock: Clock,
    known: RwLock<Arc<Known>>,
    /// Held while documents are loaded, so that an older list never replaces a newer one.
    loading: tokio::sync::Mutex<()>,
    /// Held while an admin may be removed.
    pub(crate) changing: tokio::sync::Mutex<()>,
    /// Callers who are not known, and are looked for in the documents.
    pub(crate) looks: Looks,
    /// The sessions whose use should be written.
    pub(crate) renewals: Mutex<BTreeSet<String>>,
    /// Wakes the task `access`.
    pub(crate) work: Notify,
    /// Wakes its part that stores the uses of keys.
    pub(crate) used: Notify,
    pub(crate) passwords: Passwords,
    pub(crate) slow: Slow,
}

impl Shared {
    pub(crate) fn new(documents: Option<Arc<dyn Documents>>, options: Options) -> Self {
        let Options { posture, anonymous, issuer, clock } = options;
        Self {
            documents,
            posture,
            known: RwLock::new(Arc::new(Known::new(posture, Anonymous::new(anonymous.clone())))),
            rules: anonymous,
            issuer,
            clock,
            loading: tokio::sync::Mutex::default(),
            changing: tokio::sync::Mutex::default(),
            looks: Looks::default(),
            renewals: Mutex::default(),
            work: Notify::new(),
            used: Notify::new(),
            passwords: Passwords::new(),
            slow: Slow::new(),
        }
    }

    /// The store of documents.
    ///
    /// # Errors
    /// `Invalid` for a process without one.
    pub(crate) fn documents(&self) -> Result<&Arc<dyn Documents>> {
        self.documents.as_ref().ok_or_else(|| {
            Error::invalid(
                "an agent keeps no users and keys; manage them on the server, and give the agent keys by flags",
            )
        })
    }

    /// Whether this process has no documents: its keys are fixed.
    pub(crate) fn is_agent(&self) -> bool {
        self.documents.is_none()
    }

    pub(crate) fn known(&self) -> Arc<Known> {
        Arc::clone(&self.known.read())
    }

    /// Runs `read` on the picture, without a clone of it.
    pub(crate) fn with_known<T>(&self, read: impl FnOnce(&Known) -> T) -> T {
        read(&self.known.read())
    }

    /// Replaces the picture, and then ends the calls of principals that are gone.
    pub(crate) fn swap(&self, mut after: Known) {
        let before = self.known();
        after.settle(&before, self.posture);
        let after = Arc::new(after);
        *self.known.write() = Arc::clone(&after);
        before.end_calls_missing_in(&after);
        if before.state() != after.state() {
            tracing::info!("access is {:?} now, it was {:?}", after.state(), before.state());
        }
        self.work.notify_one();
    }

    /// Loads all kinds.
    pub(crate) async fn refresh_all(&self) -> Result<()> {
        for kind in [&KEY, &USER, &SESSION, &ANONYMOUS] {
            self.refresh(kind).await?;
        }
        Ok(())
    }

    /// Loads the kind again after a change of this process. If that fails, the change is made nevertheless, and the task
    /// `access` loads it.
    pub(crate) async fn refresh_after_change(&self, kind: &Kind) {
        if let Err(error) = self.refresh(kind).await {
            tracing::warn!(kind = kind.name, %error, "a change of access takes effect once the documents can be read");
        }
    }

    /// Loads the documents of a kind. Returns the version of the list.
    ///
    /// # Errors
    /// Those of the store of documents.
    pub(crate) async fn refresh(&self, kind: &Kind) -> Result<Version> {
        let _turn = self.loading.lock().await;
        let documents = self.documents()?;
        let listing = documents.list(kind).await?;
        let before = self.known();
        if *kind == KEY {
            self.load_keys(&before, &listing.documents).await;
        } else if *kind == USER {
            self.load_users(&before, &listing.documents).await;
        } else if *kind == ANONYMOUS {
            self.load_networks(&before, &listing.documents);
        } else {
            self.load_sessions(&before, &listing.documents);
        }
        Ok(listing.version)
    }

    async fn load_keys(&self, before: &Known, documents: &[pipeline::Document]) {
        let mut keys = HashMap::with_capacity(documents.len());
        let mut unreadable_keys = 0;
        for document in documents {
            let old = id_of(&document.name).and_then(|id| before.keys.get(&id));
            // A key that has not changed keeps its rates and its open calls.
            let key = match old.filter(|old| old.version == document.version) {
                Some(old) => Ok(Arc::clone(old)),
                None => KnownKey::load(document).await.map(Arc::new),
            };
            match (key, id_of(&document.name)) {
                (Ok(key), Some(id)) => drop(keys.insert(id, key)),
                (Ok(_), None) => {}
                (Err(error), _) => {
                    unreadable_keys += 1;
                    tracing::warn!("{error}; it opens nothing: revoke it, and create another one");
                }
            }
        }
        self.swap(Known { keys, unreadable_keys, ..before.clone() });
    }

    async fn load_users(&self, before: &Known, documents: &[pipeline::Document]) {
        let mut users = HashMap::with_capacity(documents.len());
        let mut unreadable_users = 0;
        for document in documents {
            let old = before.users.get(&document.name).filter(|old| old.version == document.version);
            let user = match old {
                Some(old) => Ok(Arc::clone(old)),
                None => KnownUser::load(document, self.issuer.as_deref()).await.map(Arc::new),
            };
            match user {
                Ok(user) => drop(users.insert(document.name.clone(), user)),
                Err(error) => {
                    unreadable_users += 1;
                    tracing::warn!("{error}; the user cannot log in: remove it, and add it again");
                }
            }
        }
        // Which sessions count depends on the users.
        let stored = before.sessions.values();
        let stored = stored.map(|old| (old.id.clone(), old.version, old.hash, old.stored.clone()));
        let sessions = Known::sessions_of(stored, &users, &before.sessions);
        self.swap(Known { users, sessions, unreadable_users, ..before.clone() });
    }

    fn load_networks(&self, before: &Known, documents: &[pipeline::Document]) {
        let mut rules = self.rules.clone();
        for document in documents {
            match AnonymousDocument::read(document) {
                Ok(stored) => rules.extend(stored.rules()),
                Err(error) => tracing::warn!("{error}; it lets nobody in: set it again"),
            }
        }
        // Rules that have not changed keep their principals, and with them the open calls.
        if !before.anonymous.has(&rules) {
            self.swap(Known { anonymous: Arc::new(Anonymous::new(rules)), ..before.clone() });
        }
    }

    fn load_sessions(&self, before: &Known, documents: &[pipeline::Document]) {
        let stored = documents.iter().filter_map(|document| {
            let session = SessionDocument::read(document);
            let session = session.inspect_err(|error| tracing::warn!("{error}; it opens nothing")).ok()?;
            let hash = secret::read_hash(&session.sha256)?;
            Some((document.name.clone(), document.version, hash, session))
        });
        let sessions = Known::sessions_of(stored, &before.users, &before.sessions);
        self.swap(Known { sessions, ..before.clone() });
    }
}
