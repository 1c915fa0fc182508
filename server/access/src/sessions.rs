//! Sessions of browsers: a random token in a cookie.
//!
//! A document is named by the first 16 hexadecimal digits of the token's SHA-256, its public id. A session lives for 30
//! days after its last use; one of a user of an identity provider also ends some hours after the log-in. A use is written
//! at most once an hour.

use std::{net::IpAddr, sync::Arc};

use model::access_views::SessionView;
use pipeline::{Document, Error, ErrorClass, Expected, Json, Result};

use crate::{
    secret,
    session_document::{SESSION, SessionDocument},
    shared::Shared,
    times::{milliseconds, rfc3339},
    user_document::LoggedIn,
};

/// The sessions of one user. The oldest ends with one more.
const OF_USER: usize = 20;
/// The maximum size of a stored `User-Agent` in bytes. A longer one is cut.
const AGENT_BYTES: usize = 256;

/// The sessions.
#[derive(Clone)]
pub struct Sessions {
    shared: Arc<Shared>,
}

impl Sessions {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Begins a session and returns its token, for the cookie. `agent`: the `User-Agent`. The oldest session of a user
    /// who has twenty ends.
    ///
    /// # Errors
    /// Those of the store of documents.
    pub async fn begin(&self, user: &LoggedIn, address: IpAddr, agent: &str) -> Result<String> {
        let documents = self.shared.documents()?;
        self.end_oldest(&user.name).await?;
        let (token, now) = (secret::new_token(), milliseconds(self.shared.clock.now()));
        let agent: String = agent.chars().filter(|c| !c.is_control()).collect();
        let session = SessionDocument {
            user: user.name.clone(),
            generation: user.generation.clone(),
            sha256: model::hex::encode(&secret::hash(&token)),
            created: now,
            renewed: now,
            until: user.life.map(|life| now.saturating_add(i64::try_from(life.as_millis()).unwrap_or(i64::MAX))),
            address: address.to_canonical().to_string(),
            agent: agent[..agent.floor_char_boundary(AGENT_BYTES)].to_owned(),
        };
        let id = &session.sha256[..16];
        documents.put(&SESSION, id, &Json::from_value(&session)?, Expected::Absent, None).await?;
        self.shared.refresh_after_change(&SESSION).await;
        Ok(token)
    }

    /// The sessions that have not ended, newest first. `current` is false: the caller compares the ids with
    /// [`Principal::session`](crate::Principal::session).
    ///
    /// # Errors
    /// Those of the store of documents.
    pub async fn list(&self) -> Result<Vec<SessionView>> {
        let now = self.shared.clock.now();
        let mut sessions = stored(&self.shared).await?;
        sessions.retain(|(_, session)| session.expires() > now);
        sessions.sort_by_key(|(_, session)| std::cmp::Reverse(session.renewed));
        let known = self.shared.known();
        let label = |user: String| known.users.get(&user).and_then(|user| user.label.clone()).unwrap_or(user);
        let view = |(document, session): (Document, SessionDocument)| SessionView {
            id: document.name,
            user: label(session.user),
            address: session.address,
            agent: session.agent,
            created: rfc3339(session.created),
            last_used: rfc3339(session.renewed),
            current: false,
        };
        Ok(sessions.into_iter().map(view).collect())
    }

    /// Ends a session, given by its public id. Its open calls end.
    ///
    /// # Errors
    /// `NotFound` if there is no such session.
    pub async fn end(&self, id: &str) -> Result<()> {
        let documents = self.shared.documents()?;
        let is_gone = pipeline::documents::is_name(id) && documents.delete(&SESSION, id, Expected::Any, None).await?;
        if !is_gone {
            return Err(Error::not_found(format!("there is no session {id:?}; it may have ended")));
        }
        self.shared.refresh_after_change(&SESSION).await;
        Ok(())
    }

    /// Ends all sessions of a user.
    ///
    /// # Errors
    /// Those of the store of documents.
    pub async fn end_of(&self, user: &str) -> Result<()> {
        end_sessions(&self.shared, user).await
    }

    /// Makes room for one more session of the user.
    async fn end_oldest(&self, user: &str) -> Result<()> {
        let mut sessions = stored(&self.shared).await?;
        sessions.retain(|(_, session)| session.user == user);
        sessions.sort_by_key(|(_, session)| session.created);
        let surplus = (sessions.len() + 1).saturating_sub(OF_USER);
        for (document, _) in &sessions[..surplus] {
            self.shared.documents()?.delete(&SESSION, &document.name, Expected::Any, None).await?;
        }
        Ok(())
    }
}

/// Ends all sessions of a user.
pub(crate) async fn end_sessions(shared: &Shared, user: &str) -> Result<()> {
    let mut sessions = stored(shared).await?;
    sessions.retain(|(_, session)| session.user == user);
    for (document, _) in &sessions {
        shared.documents()?.delete(&SESSION, &document.name, Expected::Any, None).await?;
    }
    if !sessions.is_empty() {
        shared.refresh_after_change(&SESSION).await;
    }
    Ok(())
}

/// Writes that a session was used.
///
/// # Errors
/// Those of the store of documents. It is no error if the session has ended or another node has written.
pub(crate) async fn renew(shared: &Shared, id: &str) -> Result<()> {
    let documents = shared.documents()?;
    let Some(document) = documents.get(&SESSION, id).await? else { return Ok(()) };
    let now = milliseconds(shared.clock.now());
    let mut session = SessionDocument::read(&document)?;
    session.renewed = now.max(session.renewed);
    let expected = Expected::Version(document.version);
    match documents.put(&SESSION, id, &Json::from_value(&session)?, expected, None).await {
        Err(error) if error.class == ErrorClass::Conflict => Ok(()),
        other => other.map(drop),
    }
}

/// The sessions that read.
async fn stored(shared: &Shared) -> Result<Vec<(Document, SessionDocument)>> {
    let documents = shared.documents()?.list(&SESSION).await?.documents;
    let read = documents.into_iter().filter_map(|document| match SessionDocument::read(&document) {
        Ok(session) => Some((document, session)),
        Err(error) => {
            tracing::warn!("{error}; it is left out");
            None
        }
    });
    Ok(read.collect())
}
