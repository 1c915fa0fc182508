//! Users: people with a password and a role.
//!
//! A user has a *generation*, which changes with the password, the role and the terms. A session belongs to one
//! generation, so a change ends all sessions of the user, on all nodes, with the one document that is written.

use std::sync::Arc;

use model::access_views::{ExternalView, UserView};
use pipeline::{Document, Documents, Error, ErrorClass, Expected, Json, Result};
use tokio::sync::OwnedSemaphorePermit;

use crate::{
    ReadTerms, Refusal, Role, Secret,
    passwords::{Passwords, Turn},
    presented::Slowed,
    secret,
    sessions::end_sessions,
    shared::Shared,
    times::{milliseconds, rfc3339},
    user_document::{External, LoggedIn, USER, UserDocument, is_external},
};

/// The maximum size of a name in bytes.
const NAME_BYTES: usize = 64;
/// The account under which log-ins with impossible names are slowed.
const NO_ACCOUNT: &str = "";

/// A user to add.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// 1 to 64 of letters, digits, `.`, `-`, `_` and `@`.
    pub name: String,
    /// 10 to 1024 bytes.
    pub password: Secret,
    pub role: Role,
    /// For the role `viewer` alone.
    pub read: ReadTerms,
}

/// The users.
#[derive(Clone)]
pub struct Users {
    pub(crate) shared: Arc<Shared>,
}

impl Users {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Adds a user.
    ///
    /// # Errors
    /// `Invalid`, naming the field; `Conflict` if the name is taken, or if there is no admin yet and this is none.
    pub async fn add(&self, new: NewUser) -> Result<()> {
        let documents = self.shared.documents()?;
        if new.role != Role::Admin && !self.shared.has_admin(None).await? {
            // The server would stay open, or closed, and the role would count for nothing.
            return Err(Error::conflict(
                "there is no admin yet; add an admin first: logboom user add NAME --role admin",
            ));
        }
        let (name, user) = self.shared.make_user(new).await?;
        put_new(&**documents, &name, &user).await?;
        self.shared.refresh_after_change(&USER).await;
        Ok(())
    }

    /// Adds an admin of this name if no user who can log in is an admin, for `LOGBOOM_ADMIN_PASSWORD_FILE`. Returns whether
    /// it was added; otherwise nothing is changed.
    ///
    /// # Errors
    /// `Invalid` for the name or password; `Conflict` if a user who is no admin has the name.
    pub async fn ensure_admin(&self, name: &str, password: Secret) -> Result<bool> {
        if self.shared.admins().await?.next().is_some() {
            return Ok(false);
        }
        let new = NewUser { name: name.to_owned(), password, role: Role::Admin, read: ReadTerms::default() };
        match self.add(new).await {
            Ok(()) => Ok(true),
            // Another node that starts now may have been first.
            Err(error) if error.class == ErrorClass::Conflict => {
                let mut admins = self.shared.admins().await?;
                if admins.next().is_some() { Ok(false) } else { Err(error) }
            }
            Err(error) => Err(error),
        }
    }

    /// The users, sorted by name.
    ///
    /// # Errors
    /// Those of the store of documents.
    pub async fn list(&self) -> Result<Vec<UserView>> {
        let users = self.shared.users().await?;
        let view = |(name, user): (String, UserDocument)| UserView {
            name,
            role: user.role.to_string(),
            filter: user.read.filter,
            hidden: user.read.hidden,
            created: rfc3339(user.created),
            external: user.external.map(|External { issuer, subject, label }| ExternalView { label, issuer, subject }),
        };
        Ok(users.map(view).collect())
    }

    /// Sets a password, and ends the user's sessions.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` for the password, or for a user who has none here; `Conflict` if another change came between.
    pub async fn set_password(&self, name: &str, password: Secret) -> Result<()> {
        let (document, user) = self.find_own(name).await?;
        let password = self.shared.passwords.hash(&password).await?;
        self.put(&document, UserDocument { password, ..user }).await.map(drop)
    }

    /// Sets what is given of role, filter and hidden fields, and ends the user's sessions. `None` leaves a field as it
    /// is, `Some(None)` takes the filter away.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` for the terms, or for a user whose rights follow from groups; `Conflict` for the last admin,
    /// or if other changes came between.
    pub async fn change(
        &self,
        name: &str,
        role: Option<Role>,
        filter: Option<Option<String>>,
        hidden: Option<Vec<String>>,
    ) -> Result<()> {
        let _turn = self.shared.changing.lock().await;
        let mut is_last_try = false;
        loop {
            let (document, user) = self.find_own(name).await?;
            let role = role.unwrap_or(user.role);
            let read = ReadTerms {
                filter: filter.clone().unwrap_or_else(|| user.read.filter.clone()),
                hidden: hidden.clone().unwrap_or_else(|| user.read.hidden.clone()),
            };
            check_terms(role, &read).await?;
            let is_demoted = user.role == Role::Admin && role != Role::Admin;
            if is_demoted {
                self.check_other_admin(name).await?;
            }
            match self.put(&document, UserDocument { role, read, ..user.clone() }).await {
                // Another node has changed the user meanwhile.
                Err(error) if error.class == ErrorClass::Conflict && !is_last_try => is_last_try = true,
                Err(error) => return Err(error),
                Ok(_) if is_demoted => return self.keep_an_admin(name, &user).await,
                Ok(_) => return Ok(()),
            }
        }
    }

    /// Removes a user, and ends the user's sessions.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` for the last admin, or if another change came between.
    pub async fn remove(&self, name: &str) -> Result<()> {
        let _turn = self.shared.changing.lock().await;
        let document = self.get(name).await?;
        // A user that does not read cannot log in, and may go.
        let admin = UserDocument::read(&document).ok().filter(|user| user.role == Role::Admin);
        if admin.is_some() {
            self.check_other_admin(name).await?;
        }
        self.shared.documents()?.delete(&USER, name, Expected::Version(document.version), None).await?;
        if let Some(admin) = &admin {
            self.keep_an_admin(name, admin).await?;
        }
        self.changed(name).await;
        Ok(())
    }

    /// Checks a password. Failed attempts are slowed for each account and address; while one has to wait, the right
    /// password is refused too. An unknown name takes the same work. An attempt counts once it has a turn: one that is
    /// refused because too many others log in costs its sender nothing, and must not push out failures of others.
    ///
    /// # Errors
    /// `Unknown`, with the same message for an unknown name and a wrong password. `TooMany` if it has to wait, or if too
    /// many others log in, or the users cannot be read now.
    pub async fn log_in(&self, name: &str, password: &str, from: impl Into<Slowed>) -> Result<LoggedIn, Refusal> {
        let from = from.into();
        let account = if is_name(name) { name } else { NO_ACCOUNT };
        self.shared.slow.check(account, from, self.shared.clock.now())?;
        let (user, turn) = self.turn(account).await.map_err(|error| unchecked(&error))?;
        self.shared.slow.attempt(account, from, self.shared.clock.now())?;
        let stored = user.as_ref().map(|user| user.password.clone());
        match Passwords::verify(turn, password, stored).await {
            Ok(is_right) => {
                let user = user.filter(|_| is_right);
                let wrong = || Refusal::unknown("the name or the password is wrong; check both");
                let generation = user.ok_or_else(wrong)?.generation;
                self.shared.slow.succeeded(account, from);
                Ok(LoggedIn { name: account.to_owned(), generation, label: None, life: None })
            }
            Err(error) => {
                self.shared.slow.not_tried(account, from);
                Err(unchecked(&error))
            }
        }
    }

    /// The user of an account, and a turn to check its password.
    async fn turn(&self, account: &str) -> Result<(Option<UserDocument>, OwnedSemaphorePermit)> {
        let document = match account {
            NO_ACCOUNT => None,
            _ => self.shared.documents()?.get(&USER, account).await?,
        };
        let user = document.as_ref().map(UserDocument::read).transpose()?;
        let is_admin = user.as_ref().is_some_and(|user| user.role == Role::Admin);
        let turn = self.shared.passwords.turn(if is_admin { Turn::Admin } else { Turn::Other }).await?;
        Ok((user, turn))
    }

    async fn get(&self, name: &str) -> Result<Document> {
        let missing = || Error::not_found(format!("there is no user {name:?}"));
        if !is_name(name) && !is_external(name) {
            return Err(missing());
        }
        self.shared.documents()?.get(&USER, name).await?.ok_or_else(missing)
    }

    async fn find(&self, name: &str) -> Result<(Document, UserDocument)> {
        let document = self.get(name).await?;
        let user = UserDocument::read(&document)?;
        Ok((document, user))
    }

    /// A user whose password and rights are kept here.
    async fn find_own(&self, name: &str) -> Result<(Document, UserDocument)> {
        let (document, user) = self.find(name).await?;
        match &user.external {
            None => Ok((document, user)),
            Some(External { label, issuer, .. }) => Err(Error::invalid(format!(
                "{label} logs in by {issuer}: the password is kept there, and role and filter follow from the groups \
                 there (--oidc-role)"
            ))),
        }
    }

    /// Stores a changed user as a new generation, and returns it.
    pub(crate) async fn put(&self, document: &Document, user: UserDocument) -> Result<String> {
        let user = UserDocument { generation: secret::new_token(), ..user };
        let (body, expected) = (Json::from_value(&user)?, Expected::Version(document.version));
        self.shared.documents()?.put(&USER, &document.name, &body, expected, None).await?;
        self.changed(&document.name).await;
        Ok(user.generation)
    }

    /// Ends the sessions of a changed user. They are void already.
    pub(crate) async fn changed(&self, name: &str) {
        self.shared.refresh_after_change(&USER).await;
        if let Err(error) = end_sessions(&self.shared, name).await {
            tracing::warn!(user = name, %error, "void sessions are left until they expire");
        }
    }

    async fn check_other_admin(&self, name: &str) -> Result<()> {
        let mut admins = self.shared.admins().await?;
        if admins.any(|other| other != name) {
            return Ok(());
        }
        Err(Error::conflict(format!("{name} is the last admin; give another user the role admin first")))
    }

    /// Another node may have removed or demoted another admin at the same time. Then this change is taken back.
    pub(crate) async fn keep_an_admin(&self, name: &str, admin: &UserDocument) -> Result<()> {
        if self.shared.admins().await?.next().is_some() {
            return Ok(());
        }
        let body = Json::from_value(admin)?;
        self.shared.documents()?.put(&USER, name, &body, Expected::Any, None).await?;
        self.shared.refresh_after_change(&USER).await;
        Err(Error::conflict(format!(
            "another admin was removed at the same time, and {name} is the last one now; read the users again"
        )))
    }
}

impl Shared {
    /// The users that read.
    pub(crate) async fn users(&self) -> Result<impl Iterator<Item = (String, UserDocument)> + Send + use<>> {
        let listing = self.documents()?.list(&USER).await?;
        Ok(listing.documents.into_iter().filter_map(|document| match UserDocument::read(&document) {
            Ok(user) => Some((document.name, user)),
            Err(error) => {
                tracing::warn!("{error}; it is left out");
                None
            }
        }))
    }

    /// The names of the admins who can log in.
    pub(crate) async fn admins(&self) -> Result<impl Iterator<Item = String> + Send + use<>> {
        let (users, issuer) = (self.users().await?, self.issuer.clone());
        let is_admin = move |user: &UserDocument| user.role == Role::Admin && user.is_let_in(issuer.as_deref());
        Ok(users.filter(move |(_, user)| is_admin(user)).map(|(name, _)| name))
    }

    /// Checks a new user, and hashes the password.
    pub(crate) async fn make_user(&self, new: NewUser) -> Result<(String, UserDocument)> {
        let NewUser { name, password, role, read } = new;
        if !is_name(&name) {
            return Err(Error::invalid(format!(
                "name: {name:?} is no name of a user; use 1 to {NAME_BYTES} of letters, digits, `.`, `-`, `_` and `@`"
            )));
        }
        check_terms(role, &read).await?;
        let password = self.passwords.hash(&password).await?;
        let created = milliseconds(self.clock.now());
        let generation = secret::new_token();
        Ok((name, UserDocument { role, password, generation, read, created, external: None }))
    }
}

/// The refusal of a log-in that could not be checked.
fn unchecked(error: &Error) -> Refusal {
    tracing::warn!(%error, "a log-in could not be checked");
    let wait = error.retry_after.unwrap_or(std::time::Duration::from_secs(1));
    Refusal::too_many("the log-in cannot be checked now; try again later", wait)
}

/// Stores a user whose name must be free.
pub(crate) async fn put_new(documents: &dyn Documents, name: &str, user: &UserDocument) -> Result<()> {
    let body = Json::from_value(user)?;
    match documents.put(&USER, name, &body, Expected::Absent, None).await {
        Err(error) if error.class == ErrorClass::Conflict => {
            Err(Error::conflict(format!("name: there is a user {name} already; choose another name")))
        }
        other => other.map(drop),
    }
}

pub(crate) async fn check_terms(role: Role, read: &ReadTerms) -> Result<()> {
    if role != Role::Viewer && !read.is_empty() {
        return Err(Error::invalid(format!(
            "filter and hidden are for the role viewer, and the role is {role}; take them away: --no-filter and \
             --hide-nothing (API: filter null, hidden [])"
        )));
    }
    read.sight().await.map(drop)
}

/// Whether a user may have this name.
pub fn is_name(name: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || ".-_@".contains(c);
    (1..=NAME_BYTES).contains(&name.len()) && name.chars().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_users() {
        for name in ["k", "kim", "Kim.Lee-2_x@example.com", &"x".repeat(64)] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "a b", "a/b", "kim\n", "김", "a:b", "<b>", &"x".repeat(65)] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[tokio::test]
    async fn terms_are_for_viewers() {
        let read = ReadTerms { filter: Some("service:shop".into()), ..ReadTerms::default() };
        check_terms(Role::Viewer, &read).await.unwrap();
        for role in [Role::Editor, Role::Admin] {
            check_terms(role, &ReadTerms::default()).await.unwrap();
            let error = check_terms(role, &read).await.unwrap_err();
            assert!(error.message.contains(&format!("the role is {role}")), "{error}");
        }
    }
}
