//! Users: people with a password and a role.
//!
//! A user has a *generation*, which changes with the password, the role and the terms. A session belongs to one
//! generation, so a change ends all sessions of the user, on all nodes, with the one document that is written.

use std::{net::IpAddr, sync::Arc};

use model::access_views::UserView;
use pipeline::{Document, Documents, Error, ErrorClass, Expected, Json, Result};

use crate::{
    ReadTerms, Refusal, Role, Secret,
    key_document::{milliseconds, rfc3339},
    secret,
    sessions::end_sessions,
    shared::Shared,
    user_document::{LoggedIn, USER, UserDocument},
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
    shared: Arc<Shared>,
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

    /// Adds an admin of this name if no user is an admin, for `LOGBOOM_ADMIN_PASSWORD_FILE`. Returns whether it was
    /// added; otherwise nothing is changed.
    ///
    /// # Errors
    /// `Invalid` for the name or password; `Conflict` if a user who is no admin has the name.
    pub async fn ensure_admin(&self, name: &str, password: Secret) -> Result<bool> {
        if self.shared.users_of(Role::Admin).await?.next().is_some() {
            return Ok(false);
        }
        let new = NewUser { name: name.to_owned(), password, role: Role::Admin, read: ReadTerms::default() };
        match self.add(new).await {
            Ok(()) => Ok(true),
            // Another node that starts now may have been first.
            Err(error) if error.class == ErrorClass::Conflict => {
                let mut admins = self.shared.users_of(Role::Admin).await?;
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
        };
        Ok(users.map(view).collect())
    }

    /// Sets a password, and ends the user's sessions.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` for the password; `Conflict` if another change came between.
    pub async fn set_password(&self, name: &str, password: Secret) -> Result<()> {
        let (document, user) = self.find(name).await?;
        let password = self.shared.passwords.hash(&password).await?;
        self.put(&document, UserDocument { password, ..user }).await
    }

    /// Sets what is given of role, filter and hidden fields, and ends the user's sessions. `None` leaves a field as it
    /// is, `Some(None)` takes the filter away.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` for the terms; `Conflict` for the last admin, or if other changes came between.
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
            let (document, user) = self.find(name).await?;
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
                Ok(()) if is_demoted => return self.keep_an_admin(name, &user).await,
                Ok(()) => return Ok(()),
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
    /// password is refused too. An unknown name takes the same work. The address slows, and gives no trust: it may be one
    /// that a proxy names.
    ///
    /// # Errors
    /// `Unknown`, with the same message for an unknown name and a wrong password. `TooMany` if it has to wait, or if too
    /// many others log in, or the users cannot be read now.
    pub async fn log_in(&self, name: &str, password: &str, address: IpAddr) -> Result<LoggedIn, Refusal> {
        let account = if is_name(name) { name } else { NO_ACCOUNT };
        self.shared.slow.attempt(account, address, self.shared.clock.now())?;
        match self.check(account, password).await {
            Ok(Some(user)) => {
                self.shared.slow.succeeded(account, address);
                Ok(user)
            }
            Ok(None) => Err(Refusal::unknown("the name or the password is wrong; check both")),
            Err(error) => {
                self.shared.slow.not_tried(account, address);
                tracing::warn!(%error, "a log-in could not be checked");
                Err(Refusal::too_many(
                    "the log-in cannot be checked now; try again later",
                    error.retry_after.unwrap_or(std::time::Duration::from_secs(1)),
                ))
            }
        }
    }

    async fn check(&self, account: &str, password: &str) -> Result<Option<LoggedIn>> {
        let document = match account {
            NO_ACCOUNT => None,
            _ => self.shared.documents()?.get(&USER, account).await?,
        };
        let user = document.as_ref().map(UserDocument::read).transpose()?;
        let stored = user.as_ref().map(|user| user.password.clone());
        let is_right = self.shared.passwords.verify(password, stored).await?;
        let user = user.filter(|_| is_right);
        Ok(user.map(|user| LoggedIn { name: account.to_owned(), generation: user.generation }))
    }

    async fn get(&self, name: &str) -> Result<Document> {
        let missing = || Error::not_found(format!("there is no user {name:?}"));
        if !is_name(name) {
            return Err(missing());
        }
        self.shared.documents()?.get(&USER, name).await?.ok_or_else(missing)
    }

    async fn find(&self, name: &str) -> Result<(Document, UserDocument)> {
        let document = self.get(name).await?;
        let user = UserDocument::read(&document)?;
        Ok((document, user))
    }

    /// Stores a changed user as a new generation.
    async fn put(&self, document: &Document, user: UserDocument) -> Result<()> {
        let user = UserDocument { generation: secret::new_token(), ..user };
        let (body, expected) = (Json::from_value(&user)?, Expected::Version(document.version));
        self.shared.documents()?.put(&USER, &document.name, &body, expected, None).await?;
        self.changed(&document.name).await;
        Ok(())
    }

    /// Ends the sessions of a changed user. They are void already.
    async fn changed(&self, name: &str) {
        self.shared.refresh_after_change(&USER).await;
        if let Err(error) = end_sessions(&self.shared, name).await {
            tracing::warn!(user = name, %error, "void sessions are left until they expire");
        }
    }

    async fn check_other_admin(&self, name: &str) -> Result<()> {
        let mut admins = self.shared.users_of(Role::Admin).await?;
        if admins.any(|other| other != name) {
            return Ok(());
        }
        Err(Error::conflict(format!("{name} is the last admin; give another user the role admin first")))
    }

    /// Another node may have removed or demoted another admin at the same time. Then this change is taken back.
    async fn keep_an_admin(&self, name: &str, admin: &UserDocument) -> Result<()> {
        if self.shared.users_of(Role::Admin).await?.next().is_some() {
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

    /// The names of the users with a role.
    pub(crate) async fn users_of(&self, role: Role) -> Result<impl Iterator<Item = String> + Send + use<>> {
        let users = self.users().await?;
        Ok(users.filter(move |(_, user)| user.role == role).map(|(name, _)| name))
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
        Ok((name, UserDocument { role, password, generation: secret::new_token(), read, created }))
    }
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

async fn check_terms(role: Role, read: &ReadTerms) -> Result<()> {
    if role != Role::Viewer && !read.is_empty() {
        return Err(Error::invalid(format!(
            "filter and hidden are for the role viewer, and the role is {role}; take them away: --no-filter and \
             --hide-nothing (API: filter null, hidden [])"
        )));
    }
    read.sight().await.map(drop)
}

fn is_name(name: &str) -> bool {
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
