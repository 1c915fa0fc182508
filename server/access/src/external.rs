//! Log-ins by an identity provider: what it says about a person becomes a user, whose rights are renewed each time.
//!
//! A person is known by issuer and subject, never by a name, so that nobody takes over the user of another provider or
//! one with a password, whatever name the provider sends. A person without rights is no user: the user is removed, and
//! the sessions end. The last admin is the exception, because a server without an admin would be closed, or open.

use std::{net::IpAddr, time::Duration};

use model::limits;
use pipeline::{Document, Error, ErrorClass, Expected, Json, Result};

use crate::{
    ReadTerms, Refusal, Role, secret,
    terms::check_text,
    times::milliseconds,
    user_document::{External, LoggedIn, USER, UserDocument, named},
    users::{Users, check_terms, put_new},
};

/// The maximum size of issuer and subject in bytes. OpenID Connect allows 255 characters for a subject.
const TEXT_BYTES: usize = 1024;

/// A person whom an identity provider has authenticated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalPerson {
    /// The URL of the provider; 1 to 1024 bytes.
    pub issuer: String,
    /// The person's id there; 1 to 1024 bytes.
    pub subject: String,
    /// The name for people. It identifies nobody.
    pub label: String,
}

impl ExternalPerson {
    /// The name for the audit: see [`LoggedIn::unique_name`].
    pub fn unique_name(&self) -> String {
        let external = External::from(self.clone());
        named(&external.document(), Some(&external.label))
    }
}

impl From<ExternalPerson> for External {
    fn from(ExternalPerson { issuer, subject, label }: ExternalPerson) -> Self {
        Self { label: shown(&label, &subject), issuer, subject }
    }
}

/// What a person may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    pub role: Role,
    /// For the role `viewer` alone.
    pub read: ReadTerms,
    /// How long a session lasts. The rights are those of the log-in until then.
    pub life: Duration,
}

/// The outcome of a log-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExternalLogIn {
    Done(LoggedIn, Renewal),
    /// The person has no rights, and is no user any more.
    NoRights {
        /// Whether the person was one.
        was_user: bool,
    },
    /// There is no admin yet, and this person is none.
    NoAdminYet,
    /// The person has lost the role admin, and is the last admin. The sessions have ended; the user stays.
    LastAdmin,
}

/// What a log-in has changed of the user's rights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    Same,
    /// The person is a new user.
    Added,
    Changed,
}

impl Users {
    /// Looks whether a log-in by a provider may be tried from this address now. Counts nothing.
    ///
    /// # Errors
    /// `TooMany` while the address has to wait.
    pub fn check_external(&self, address: IpAddr) -> Result<(), Refusal> {
        self.shared.slow.check_external(address, self.shared.clock.now())
    }

    /// Counts a log-in by a provider as failed until [`Users::not_failed_external`]. Anybody can begin one with a code
    /// that is made up, and each costs a call of the provider.
    ///
    /// # Errors
    /// `TooMany` while the address has to wait.
    pub fn try_external(&self, address: IpAddr) -> Result<(), Refusal> {
        self.shared.slow.attempt_external(address, self.shared.clock.now())
    }

    /// The provider has authenticated somebody, or could not be asked.
    pub fn not_failed_external(&self, address: IpAddr) {
        self.shared.slow.not_failed_external(address);
    }

    /// Logs a person in, as a new user or as the one of the last time. Without `granted` nobody is let in. Other sessions
    /// of the user end if the rights have changed.
    ///
    /// # Errors
    /// `Invalid` for the person or the terms; `Corrupt` if the stored user does not read; those of the store of documents.
    pub async fn log_in_external(&self, person: ExternalPerson, granted: Option<Granted>) -> Result<ExternalLogIn> {
        check_text("issuer", &person.issuer, TEXT_BYTES)?;
        check_text("subject", &person.subject, TEXT_BYTES)?;
        let external = External::from(person);
        if let Some(granted) = &granted {
            check_terms(granted.role, &granted.read).await?;
        }
        let _turn = self.shared.changing.lock().await;
        let mut is_last_try = false;
        loop {
            match self.renew(&external, granted.as_ref()).await {
                // Another node has changed the user meanwhile.
                Err(error) if error.class == ErrorClass::Conflict && !is_last_try => is_last_try = true,
                done => return done,
            }
        }
    }

    async fn renew(&self, external: &External, granted: Option<&Granted>) -> Result<ExternalLogIn> {
        let name = external.document();
        let stored = self.shared.documents()?.get(&USER, &name).await?;
        let stored = match stored {
            Some(document) => Some((UserDocument::read(&document)?, document)),
            None => None,
        };
        let Some((user, document)) = stored else {
            return match granted {
                Some(granted) => self.add_external(name, external, granted).await,
                None => Ok(ExternalLogIn::NoRights { was_user: false }),
            };
        };
        let is_same = |known: &External| known.issuer == external.issuer && known.subject == external.subject;
        if !user.external.as_ref().is_some_and(is_same) {
            return Err(Error::corrupt(format!("the user {name} is another person than its name says; remove it")));
        }
        let is_admin = granted.is_some_and(|granted| granted.role == Role::Admin);
        let loses_admin = user.role == Role::Admin && !is_admin;
        if loses_admin && !self.has_other_admin(&name).await? {
            // A new generation: the sessions are void.
            self.put(&document, user).await?;
            return Ok(ExternalLogIn::LastAdmin);
        }
        let Some(granted) = granted else {
            self.shared.documents()?.delete(&USER, &name, Expected::Version(document.version), None).await?;
            if loses_admin {
                self.keep_an_admin(&name, &user).await?;
            }
            self.changed(&name).await;
            return Ok(ExternalLogIn::NoRights { was_user: true });
        };
        let (generation, renewal) = self.renew_terms(&document, &user, external, granted).await?;
        if loses_admin {
            self.keep_an_admin(&name, &user).await?;
        }
        Ok(ExternalLogIn::Done(logged_in(name, generation, external, granted), renewal))
    }

    async fn add_external(&self, name: String, external: &External, granted: &Granted) -> Result<ExternalLogIn> {
        if granted.role != Role::Admin && !self.shared.has_admin(None).await? {
            return Ok(ExternalLogIn::NoAdminYet);
        }
        let generation = secret::new_token();
        let user = UserDocument {
            role: granted.role,
            password: String::new(),
            generation: generation.clone(),
            read: granted.read.clone(),
            created: milliseconds(self.shared.clock.now()),
            external: Some(external.clone()),
        };
        put_new(&**self.shared.documents()?, &name, &user).await?;
        self.shared.refresh_after_change(&USER).await;
        Ok(ExternalLogIn::Done(logged_in(name, generation, external, granted), Renewal::Added))
    }

    /// Writes what has changed of a user. Returns the generation, which is a new one if the rights have changed.
    async fn renew_terms(
        &self,
        document: &Document,
        user: &UserDocument,
        external: &External,
        granted: &Granted,
    ) -> Result<(String, Renewal)> {
        let new = UserDocument {
            role: granted.role,
            read: granted.read.clone(),
            external: Some(external.clone()),
            ..user.clone()
        };
        if (user.role, &user.read) != (new.role, &new.read) {
            return Ok((self.put(document, new).await?, Renewal::Changed));
        }
        if user.external != new.external {
            let (body, expected) = (Json::from_value(&new)?, Expected::Version(document.version));
            self.shared.documents()?.put(&USER, &document.name, &body, expected, None).await?;
            self.shared.refresh_after_change(&USER).await;
        }
        Ok((new.generation, Renewal::Same))
    }

    async fn has_other_admin(&self, name: &str) -> Result<bool> {
        Ok(self.shared.admins().await?.any(|other| other != name))
    }
}

fn logged_in(name: String, generation: String, external: &External, granted: &Granted) -> LoggedIn {
    LoggedIn { name, generation, label: Some(external.label.clone()), life: Some(granted.life) }
}

/// A name for lists and logs: one short line.
fn shown(label: &str, subject: &str) -> String {
    let clean =
        |text: &str| -> String { text.chars().filter(|c| !c.is_control()).collect::<String>().trim().to_owned() };
    let label = Some(clean(label)).filter(|label| !label.is_empty()).unwrap_or_else(|| clean(subject));
    label[..label.floor_char_boundary(limits::NAME_BYTES)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_for_people_is_one_short_line() {
        assert_eq!(shown(" kim\n@example.com ", "1"), "kim@example.com");
        assert_eq!(shown("\t", "248289761001"), "248289761001");
        assert_eq!(shown(&"김".repeat(1_000), "1").len(), limits::NAME_BYTES / 3 * 3);
    }

    #[test]
    fn a_document_follows_from_issuer_and_subject_alone() {
        let external = |issuer: &str, subject: &str, label: &str| {
            let [issuer, subject, label] = [issuer, subject, label].map(str::to_owned);
            External { issuer, subject, label }.document()
        };
        let kim = external("https://a.example", "1", "kim");
        assert!(crate::user_document::is_external(&kim) && kim.len() == 21, "{kim}");
        assert_eq!(external("https://a.example", "1", "kim.lee"), kim);
        assert_ne!(external("https://a.example", "2", "kim"), kim);
        assert_ne!(external("https://b.example", "1", "kim"), kim);
    }
}
