//! The set-up: a one-time token by which a closed server gets its first admin.
//!
//! All nodes print the same token, so it is a document, stored as it is. It is valid for an hour and used once.

use std::{sync::Arc, time::Duration};

use pipeline::{Document, Error, ErrorClass, Expected, Json, Kind, Result, documents::unchecked};
use serde::{Deserialize, Serialize};

use crate::{
    NewUser, ReadTerms, Role, State,
    anonymous_document::parse_networks,
    secret,
    shared::Shared,
    times::{milliseconds, nanos},
    user_document::USER,
    users::put_new,
};

/// The kind of the token.
pub(crate) const SETUP: Kind =
    Kind { name: "setup", format: 1, plural: "set-ups", most_bytes: 1024, most_documents: 1, check: unchecked };

/// The name of the only document.
const TOKEN: &str = "token";
/// How long a token is valid.
const LIFE: Duration = Duration::from_secs(3600);
/// How often it is tried again to agree with another node.
const TRIES: usize = 5;

#[derive(Serialize, Deserialize)]
struct SetupDocument {
    token: String,
    /// Milliseconds since the Unix epoch.
    created: i64,
}

/// A token that is valid.
#[derive(Clone)]
pub struct SetupToken {
    pub token: String,
    /// How long it is still valid.
    pub left: Duration,
}

/// The set-up.
#[derive(Clone)]
pub struct Setup {
    shared: Arc<Shared>,
}

impl Setup {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// The token while the server is closed; makes one if there is none, or it has expired. `None` otherwise, and for a
    /// process without documents.
    ///
    /// # Errors
    /// Those of the store of documents.
    pub async fn token(&self) -> Result<Option<SetupToken>> {
        let Ok(documents) = self.shared.documents() else { return Ok(None) };
        if self.shared.known().state() != State::Closed {
            return Ok(None);
        }
        for _ in 0..TRIES {
            let stored = self.stored().await?;
            let expected = match stored {
                Some((document, setup)) => match self.left(&setup) {
                    Some(left) => return Ok(Some(SetupToken { token: setup.token, left })),
                    None => Expected::Version(document.version),
                },
                None => Expected::Absent,
            };
            let setup = SetupDocument { token: secret::new_token(), created: milliseconds(self.shared.clock.now()) };
            match documents.put(&SETUP, TOKEN, &Json::from_value(&setup)?, expected, None).await {
                Ok(_) => return Ok(Some(SetupToken { token: setup.token, left: LIFE })),
                // Another node was first: its token is the one.
                Err(error) if error.class == ErrorClass::Conflict => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::unavailable("other nodes change the set-up token all the time; try again"))
    }

    /// Adds the first admin, whatever role is given, and deletes the token. `write`: the networks that may write without
    /// a key from now on, as in [`Networks::set`](crate::Networks::set). Returns whether they are stored: if only that
    /// fails, there is an admin, who can set them again.
    ///
    /// # Errors
    /// `Invalid` for a wrong or expired token, a field of the user or a network; `Conflict` if there is an admin by now.
    pub async fn finish(&self, token: &str, admin: NewUser, write: &[String]) -> Result<bool> {
        let documents = self.shared.documents()?;
        let wrong = || {
            Error::invalid(
                "token: it is wrong, used or older than an hour; open the address that the server printed last",
            )
        };
        let check = |setup: &SetupDocument| {
            self.left(setup).is_some() && secret::is_same(setup.token.as_bytes(), token.as_bytes())
        };
        let (document, _) = self.stored().await?.filter(|(_, setup)| check(setup)).ok_or_else(wrong)?;
        // Before the token is used up, so that a password that is too short can be corrected.
        let networks = parse_networks(write)?;
        let (name, user) =
            self.shared.make_user(NewUser { role: Role::Admin, read: ReadTerms::default(), ..admin }).await?;
        if self.shared.has_admin(None).await? {
            return Err(Error::conflict("there is an admin already; log in, or ask the admin for an account"));
        }
        // Of several at once, one deletes it.
        match documents.delete(&SETUP, TOKEN, Expected::Version(document.version), None).await {
            Ok(true) => {}
            Ok(false) => return Err(wrong()),
            Err(error) if error.class == ErrorClass::Conflict => return Err(wrong()),
            Err(error) => return Err(error),
        }
        // The admin first: a set-up that fails must not leave networks that let somebody in.
        if let Err(error) = put_new(&**documents, &name, &user).await {
            // The token is given back: the set-up is not finished.
            let back = documents.put(&SETUP, TOKEN, &document.body, Expected::Absent, None).await;
            if let Err(error) = back {
                tracing::warn!(%error, "the set-up token is lost, the next start prints another one");
            }
            return Err(error);
        }
        self.shared.refresh_after_change(&USER).await;
        let stored = self.shared.put_networks(&networks).await;
        if let Err(error) = &stored {
            tracing::warn!(
                %error,
                "the server is set up, but the networks that may write without a key were not stored; set them by \
                 `logboom anonymous set` or at System → Access"
            );
        }
        Ok(stored.is_ok())
    }

    async fn stored(&self) -> Result<Option<(Document, SetupDocument)>> {
        let Some(document) = self.shared.documents()?.get(&SETUP, TOKEN).await? else { return Ok(None) };
        // One that does not read is as one that has expired.
        let setup = document.body.read().unwrap_or(SetupDocument { token: String::new(), created: 0 });
        Ok(Some((document, setup)))
    }

    /// How long a token is still valid, if it is. A clock that was set back makes no life longer.
    fn left(&self, setup: &SetupDocument) -> Option<Duration> {
        let age = self.shared.clock.now().saturating_sub(nanos(setup.created)).max(0).unsigned_abs();
        let left = LIFE.checked_sub(Duration::from_nanos(age)).filter(|left| !left.is_zero());
        left.filter(|_| !setup.token.is_empty())
    }
}
