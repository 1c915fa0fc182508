//! Access: who calls, and what a caller may (C9).
//!
//! A transport asks [`Access::decide`] before it reads a body, and gets a [`Principal`] or a [`Refusal`]. The principal
//! is carried along: [`Principal::may`] answers whether a call is allowed, [`Principal::sight`] which records it may
//! read, [`Principal::sender`] what its records get and how many it may send.
//!
//! | file | content |
//! |---|---|
//! | `presented/` | what the head of an HTTP call presents: secrets, the session cookie, its host; read before anybody is known |
//! | `principal` | who calls: powers, sight and terms; the needs of a call |
//! | `decide` | from a caller's address and credentials to a principal |
//! | `refusal` | why a call is refused, by class |
//! | `keys` | keys of senders and readers: creation, list, revocation |
//! | `key_document` | what is stored of a key |
//! | `key_use`, `key_uses` | when keys were last used: in memory and as documents |
//! | `users` | people: creation, change, log-in |
//! | `user_document`, `session_document` | what is stored of a user and a session |
//! | `sessions` | sessions of browsers |
//! | `setup` | the one-time token by which the first admin is made |
//! | `external` | log-ins by an identity provider: the user, whose rights are renewed each time |
//! | `passwords` | hashing with argon2id, a bounded number at once |
//! | `slow` | failed log-ins are slowed, for each account and each address |
//! | `sought` | what is looked for, and whose turn it is |
//! | `look` | looks in the documents for callers who are not known |
//! | `anonymous` | rules for callers without credentials, by address |
//! | `anonymous_document` | what is stored of these rules: the networks that may write |
//! | `networks` | these networks: list and change |
//! | `terms` | the terms of a key or user: their checks, and the sight that they make |
//! | `known` | the documents in memory, as decisions need them |
//! | `shared` | what all parts share; swaps the picture in memory |
//! | `follow` | the task `access`: follows changes of the documents, ends what expires |
//! | `times` | times as documents have them |
//! | `fixed` | keys of an agent, which has no documents |
//! | `internal` | the secret by which the program calls its own doors |
//!
//! Decisions read memory alone. A secret is never stored: a key and a session are documents with the SHA-256 of their
//! secret, which has at least 160 random bits; a password is stored as its argon2id hash.

mod anonymous;
mod anonymous_document;
mod decide;
mod external;
mod fixed;
mod follow;
mod internal;
mod key_document;
mod key_use;
mod key_uses;
pub mod keys;
mod known;
mod look;
mod networks;
mod passwords;
pub mod presented;
mod principal;
mod refusal;
mod secret;
mod session_document;
pub mod sessions;
pub mod setup;
mod shared;
mod slow;
mod sought;
mod terms;
#[cfg(test)]
mod tests;
mod times;
mod user_document;
pub mod users;

use std::{net::IpAddr, sync::Arc};

use pipeline::{Documents, Result, Supervisor, clock::Clock};
use tokio_util::sync::CancellationToken;

pub use self::{
    anonymous::{AnonymousGrant, AnonymousRule, InvalidRule},
    external::{ExternalLogIn, ExternalPerson, Granted, Renewal},
    internal::{INTERNAL_VARIABLE, internal_secret},
    keys::{Created, Keys, NewKey},
    networks::Networks,
    principal::{DOORS, Need, Principal, PrincipalKind, Role, Scope},
    refusal::{CLOSED_RETRY, Refusal, RefusalClass},
    secret::Secret,
    session_document::SESSION_LIFE,
    sessions::Sessions,
    setup::{Setup, SetupToken},
    terms::{ReadTerms, WriteTerms},
    user_document::LoggedIn,
    users::{NewUser, Users, is_name as is_user_name},
};
use self::{
    anonymous_document::ANONYMOUS, key_use::KEY_USE, session_document::SESSION, setup::SETUP, shared::Shared,
    user_document::USER,
};
use crate::keys::KEY;

/// The kinds of documents of this package. They hold hashes of secrets, or are about who may call, so no export may
/// contain them.
pub const KINDS: &[&pipeline::Kind] = &[&ANONYMOUS, &KEY, &KEY_USE, &SESSION, &SETUP, &USER];

/// Whom the listeners can be reached by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Posture {
    /// Programs of this machine: every listener is on loopback.
    Loopback,
    /// Beyond this machine.
    Network,
    /// Anyone, and everybody may do everything (`--open`).
    Open,
}

/// Who may do what at present.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// Everybody may do everything.
    Open,
    /// Nobody may do anything: there is no admin, and the network can reach the listeners.
    Closed,
    /// A principal is needed.
    Guarded,
}

/// The options of [`Access::open`] and [`Access::fixed`].
#[derive(Clone, Debug)]
pub struct Options {
    pub posture: Posture,
    /// What callers without credentials may, by address. They apply in [`State::Guarded`].
    pub anonymous: Vec<AnonymousRule>,
    /// The issuer of the identity provider by which people can log in. The sessions of another one's people do not count,
    /// and its admins are not there to be the last ones; but they keep a server guarded.
    pub issuer: Option<String>,
    pub clock: Clock,
}

/// What a transport knows about a caller before the body is read.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'a> {
    /// The address of the connection's other end.
    pub address: IpAddr,
    /// A whole key, wherever the protocol carries secrets.
    pub secret: Option<&'a str>,
    /// The value of the session cookie.
    pub session: Option<&'a str>,
    /// The common name of a verified client certificate.
    pub certificate: Option<&'a str>,
    /// Whether the call has a header that only proxies add: it came through one.
    pub forwarded: bool,
}

/// Decides who may do what. Cheap to clone.
#[derive(Clone)]
pub struct Access {
    parts: Arc<Parts>,
}

struct Parts {
    shared: Arc<Shared>,
    keys: Keys,
    networks: Networks,
    users: Users,
    sessions: Sessions,
    setup: Setup,
}

impl Access {
    /// Reads keys, users and sessions, and keeps them in memory. The supervised task `access` follows changes, also
    /// those of other nodes, until `stop` is cancelled.
    ///
    /// # Errors
    /// Those of the store of documents.
    pub async fn open(
        documents: Arc<dyn Documents>,
        options: Options,
        supervisor: &Supervisor,
        stop: CancellationToken,
    ) -> Result<Self> {
        let shared = Arc::new(Shared::new(Some(documents), options));
        shared.refresh_all().await?;
        follow::start(&shared, supervisor, stop);
        Ok(Self::of(shared))
    }

    /// Without documents: an agent. `keys` are whole secrets, each of which may write. Without one, the posture decides:
    /// open on loopback, closed beyond it.
    ///
    /// # Errors
    /// `Invalid` for a key that is too short, too long or has characters that a header cannot carry.
    pub fn fixed(keys: &[String], options: Options) -> Result<Self> {
        let shared = Shared::new(None, options);
        shared.install_fixed(keys)?;
        Ok(Self::of(Arc::new(shared)))
    }

    /// Everybody may do everything.
    pub fn everybody() -> Self {
        let options = Options { posture: Posture::Open, anonymous: Vec::new(), issuer: None, clock: Clock::system() };
        Self::of(Arc::new(Shared::new(None, options)))
    }

    fn of(shared: Arc<Shared>) -> Self {
        let parts = Parts {
            keys: Keys::new(Arc::clone(&shared)),
            networks: Networks::new(Arc::clone(&shared)),
            users: Users::new(Arc::clone(&shared)),
            sessions: Sessions::new(Arc::clone(&shared)),
            setup: Setup::new(Arc::clone(&shared)),
            shared,
        };
        Self { parts: Arc::new(parts) }
    }

    pub fn state(&self) -> State {
        self.parts.shared.known().state()
    }

    pub fn posture(&self) -> Posture {
        self.parts.shared.posture
    }

    /// Finds out who calls, from memory alone. Allocates nothing for a known key.
    ///
    /// # Errors
    /// A refusal for the caller. A call with [`Need::Nothing`] may go on after one, as [`Principal::nobody`].
    pub fn decide(&self, caller: &Caller<'_>) -> Result<Principal, Refusal> {
        match internal::decide(caller) {
            Some(principal) if self.state() == State::Guarded => Ok(principal),
            _ => self.parts.shared.decide(caller),
        }
    }

    /// The secret by which this process calls its own doors. It counts in [`State::Guarded`], on this machine, to write
    /// and to read.
    pub fn internal(&self) -> &str {
        internal_secret()
    }

    /// As [`Access::decide`], and if the key or session is not known, looks in the documents whether another node has
    /// made it just now. One caller at a time looks, ten times a second, and for all that wait. Meant for calls that
    /// [`Access::decide`] has refused.
    ///
    /// # Errors
    /// As [`Access::decide`]; `Closed` if the documents do not answer within 2 s.
    pub async fn decide_fresh(&self, caller: &Caller<'_>) -> Result<Principal, Refusal> {
        self.parts.shared.decide_fresh(caller).await
    }

    pub fn keys(&self) -> &Keys {
        &self.parts.keys
    }

    /// The networks that may write without a key.
    pub fn networks(&self) -> &Networks {
        &self.parts.networks
    }

    pub fn users(&self) -> &Users {
        &self.parts.users
    }

    pub fn sessions(&self) -> &Sessions {
        &self.parts.sessions
    }

    pub fn setup(&self) -> &Setup {
        &self.parts.setup
    }
}
