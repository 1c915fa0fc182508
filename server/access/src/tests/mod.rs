//! The behaviour of the whole package, on documents in memory.

mod deciding;
mod external;
mod keys;
mod networks;
mod nodes;
mod people;
mod sending;
mod setup;
mod uses;

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use model::Nanos;
use pipeline::{Documents, Expected, Json, Kind, LogStore as _, Supervisor, clock::Clock};
use testkit::memory::MemoryStore;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{
    Access, AnonymousRule, Caller, Created, LoggedIn, NewKey, NewUser, Options, Posture, Principal, ReadTerms, Refusal,
    Role, Scope, Secret, WriteTerms,
};

const SECOND: Nanos = 1_000_000_000;
const HOUR: Nanos = 3600 * SECOND;
const DAY: Nanos = 24 * HOUR;
/// Of the identity provider.
const ISSUER: &str = "https://id.example";
const PASSWORD: &str = "correct horse";

/// Nodes on one store, with a clock that is set by hand.
struct World {
    documents: Arc<dyn Documents>,
    time: Arc<AtomicI64>,
    stop: CancellationToken,
    _stopped: DropGuard,
}

impl World {
    fn new() -> Self {
        let stop = CancellationToken::new();
        Self {
            documents: MemoryStore::new().documents(),
            time: Arc::new(AtomicI64::new(1_790_000_000 * SECOND)),
            _stopped: stop.clone().drop_guard(),
            stop,
        }
    }

    fn options(&self, posture: Posture, anonymous: &[&str]) -> Options {
        let time = Arc::clone(&self.time);
        let anonymous = anonymous.iter().map(|text| text.parse::<AnonymousRule>().unwrap()).collect();
        let issuer = Some(ISSUER.to_owned());
        Options { posture, anonymous, issuer, clock: Clock::from_fn(move || time.load(Ordering::SeqCst)) }
    }

    async fn node(&self, posture: Posture) -> Access {
        self.node_with(self.options(posture, &[])).await
    }

    async fn node_with(&self, options: Options) -> Access {
        let documents = Arc::clone(&self.documents);
        Access::open(documents, options, &Supervisor::default(), self.stop.clone()).await.unwrap()
    }

    /// A node with the admin `root`.
    async fn guarded(&self) -> Access {
        let access = self.node(Posture::Loopback).await;
        access.users().add(user("root", Role::Admin)).await.unwrap();
        access
    }

    fn pass(&self, time: Nanos) {
        self.time.fetch_add(time, Ordering::SeqCst);
    }

    fn now(&self) -> Nanos {
        self.time.load(Ordering::SeqCst)
    }

    async fn put(&self, kind: &Kind, name: &str, text: &str) {
        let body = Json::parse(text).unwrap();
        self.documents.put(kind, name, &body, Expected::Any, None).await.unwrap();
    }

    /// The texts of all stored documents.
    async fn stored(&self) -> String {
        let mut all = String::new();
        for kind in crate::KINDS {
            for document in self.documents.list(kind).await.unwrap().documents {
                all.push_str(&document.name);
                all.push_str(document.body.as_str());
            }
        }
        all
    }
}

fn user(name: &str, role: Role) -> NewUser {
    NewUser { name: name.to_owned(), password: password(PASSWORD), role, read: ReadTerms::default() }
}

fn password(text: &str) -> Secret {
    Secret(text.to_owned())
}

fn new_key(scopes: &[Scope]) -> NewKey {
    NewKey {
        name: "shop".to_owned(),
        scopes: scopes.to_vec(),
        write: WriteTerms::default(),
        read: ReadTerms::default(),
        expires: None,
    }
}

async fn key(access: &Access, scopes: &[Scope]) -> Created {
    access.keys().create(new_key(scopes), "user root").await.unwrap()
}

fn address() -> IpAddr {
    IpAddr::from([10, 0, 0, 7])
}

fn caller() -> Caller<'static> {
    Caller { address: address(), secret: None, session: None, certificate: None, forwarded: false }
}

fn with_key(access: &Access, secret: &str) -> Result<Principal, Refusal> {
    access.decide(&Caller { secret: Some(secret), ..caller() })
}

fn with_session(access: &Access, token: &str) -> Result<Principal, Refusal> {
    access.decide(&Caller { session: Some(token), ..caller() })
}

async fn log_in(access: &Access, name: &str) -> LoggedIn {
    access.users().log_in(name, PASSWORD, address()).await.unwrap()
}

/// The token of a new session.
async fn session(access: &Access, name: &str) -> String {
    let user = log_in(access, name).await;
    access.sessions().begin(&user, address(), "Browser/1").await.unwrap()
}

/// Waits for what must come.
async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), what).await.expect("it comes within a minute")
}
