//! Keys: secrets of programs that send or read, `lb_<8 public characters>_<32 secret ones>`.

use std::{fmt, sync::Arc};

use model::access_views::KeyView;
use pipeline::{Error, ErrorClass, Expected, Json, Result};

pub(crate) use crate::key_document::KEY;
use crate::{
    ReadTerms, Role, Scope, WriteTerms, key_document::KeyDocument, secret, shared::Shared, terms::check_text,
    times::milliseconds,
};

/// The maximum size of a name in bytes.
const NAME_BYTES: usize = 64;
/// The maximum number of further tries if the public part of a new key is taken.
const DRAWS: usize = 5;

/// A key to create.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// For people: 1 to 64 bytes.
    pub name: String,
    pub scopes: Vec<Scope>,
    /// Needs the scope `write`.
    pub write: WriteTerms,
    /// Needs the scope `read`.
    pub read: ReadTerms,
    /// Milliseconds since the Unix epoch.
    pub expires: Option<i64>,
}

/// A created key. The secret is shown once and stored nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Created {
    /// The public part.
    pub id: String,
    /// The whole key.
    pub secret: String,
}

impl fmt::Debug for Created {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Created").field("id", &self.id).finish_non_exhaustive()
    }
}

impl NewKey {
    /// Checks all but the filter.
    fn check(&self, now: i64) -> Result<()> {
        check_text("name", &self.name, NAME_BYTES)?;
        let has = |scope| self.scopes.contains(&scope);
        if self.scopes.is_empty() {
            return Err(Error::invalid("scopes is empty; give some of write, read, admin"));
        }
        if has(Scope::Admin) && !(self.read.is_empty() && self.write.doors.is_empty()) {
            return Err(Error::invalid(
                "filter, hidden and doors cannot bind a key with the scope admin, which may do everything; leave them \
                 out, or the scope",
            ));
        }
        if self.write != WriteTerms::default() && !has(Scope::Write) {
            return Err(Error::invalid(
                "service, fields, doors, records_per_second and bytes_per_day need the scope write; add it, or leave \
                 them out",
            ));
        }
        if !self.read.is_empty() && !has(Scope::Read) {
            return Err(Error::invalid("filter and hidden need the scope read; add it, or leave them out"));
        }
        if self.expires.is_some_and(|expires| expires <= now) {
            return Err(Error::invalid("expires is in the past; give a later time, or none"));
        }
        self.write.check()
    }
}

/// The keys.
#[derive(Clone)]
pub struct Keys {
    shared: Arc<Shared>,
}

impl Keys {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Creates a key. `by`: the name of the principal, for the list.
    ///
    /// # Errors
    /// `Invalid`, naming the field.
    pub async fn create(&self, new: NewKey, by: &str) -> Result<Created> {
        let documents = self.shared.documents()?;
        let now = milliseconds(self.shared.clock.now());
        new.check(now)?;
        new.read.sight().await?;
        let mut scopes = new.scopes;
        scopes.sort_unstable();
        scopes.dedup();
        let mut key = KeyDocument {
            name: new.name,
            sha256: String::new(),
            scopes,
            write: new.write,
            read: new.read,
            created: now,
            created_by: by.to_owned(),
            expires: new.expires,
        };
        let mut draws = 1..=DRAWS;
        loop {
            let (id, secret) = secret::new_key();
            key.sha256 = model::hex::encode(&secret::hash(&secret));
            let body = Json::from_value(&key)?;
            match documents.put(&KEY, &id, &body, Expected::Absent, None).await {
                Ok(_) => {
                    self.shared.refresh_after_change(&KEY).await;
                    return Ok(Created { id, secret });
                }
                Err(error) if error.class == ErrorClass::Conflict && draws.next().is_some() => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The keys with their last uses, sorted by name.
    ///
    /// # Errors
    /// Those of the store of documents.
    pub async fn list(&self) -> Result<Vec<KeyView>> {
        let listing = self.shared.documents()?.list(&KEY).await?;
        let uses = self.shared.uses().await?;
        let views = listing.documents.into_iter().filter_map(|document| match KeyDocument::read(&document) {
            Ok(key) => {
                let last = uses.get(&document.name);
                Some(key.view(document.name, last))
            }
            Err(error) => {
                tracing::warn!("{error}; it is left out");
                None
            }
        });
        let mut views: Vec<KeyView> = views.collect();
        views.sort_by(|one, other| (&one.name, &one.id).cmp(&(&other.name, &other.id)));
        Ok(views)
    }

    /// Revokes a key, given by its public part with or without `lb_`. Its open calls end.
    ///
    /// # Errors
    /// `NotFound` if there is no such key. `Conflict` for the last key of an admin while no user is an admin: without
    /// one, the server would be open or closed to everybody.
    pub async fn revoke(&self, id: &str) -> Result<()> {
        let documents = self.shared.documents()?;
        // Else two changes at once could each find the admin that the other one removes.
        let _turn = self.shared.changing.lock().await;
        let id = id.strip_prefix("lb_").unwrap_or(id);
        let missing = || Error::not_found(format!("there is no key lb_{id}"));
        let document = match pipeline::documents::is_name(id) {
            true => documents.get(&KEY, id).await?.ok_or_else(missing)?,
            false => return Err(missing()),
        };
        // A key that does not read opens nothing, and may go.
        if KeyDocument::read(&document).is_ok_and(|key| key.is_admin()) && !self.shared.has_admin(Some(id)).await? {
            return Err(Error::conflict(format!(
                "lb_{id} is the last admin; run `logboom user add NAME --role admin` first, or create another key with \
                 the scope admin"
            )));
        }
        documents.delete(&KEY, id, Expected::Any, None).await?;
        self.shared.refresh_after_change(&KEY).await;
        if let Err(error) = self.shared.forget_uses().await {
            tracing::debug!(key = id, %error, "the last use of a revoked key was not deleted");
        }
        Ok(())
    }
}

impl Shared {
    /// Whether a user or a key is an admin. `except`: the key that is about to go. Users who cannot log in any more do not
    /// stand in for it.
    pub(crate) async fn has_admin(&self, except: Option<&str>) -> Result<bool> {
        let has_user = match except {
            Some(_) => self.admins().await?.next().is_some(),
            None => self.users().await?.any(|(_, user)| user.role == Role::Admin),
        };
        if has_user {
            return Ok(true);
        }
        let now = self.clock.now();
        let listing = self.documents()?.list(&KEY).await?;
        Ok(listing
            .documents
            .iter()
            .filter(|document| Some(&*document.name) != except)
            .any(|document| KeyDocument::read(document).is_ok_and(|key| key.is_admin() && !key.has_expired(now))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new_key(scopes: &[Scope]) -> NewKey {
        NewKey {
            name: "shop".into(),
            scopes: scopes.to_vec(),
            write: WriteTerms::default(),
            read: ReadTerms::default(),
            expires: None,
        }
    }

    #[test]
    fn errors_name_the_field_and_the_way_out() {
        let write = WriteTerms { service: Some("shop".into()), ..WriteTerms::default() };
        let read = ReadTerms { hidden: vec!["user".into()], ..ReadTerms::default() };
        let with = |scope| new_key(&[scope]);
        for (key, part) in [
            (NewKey { name: String::new(), ..with(Scope::Write) }, "name has 0 bytes; it may have 1 to 64"),
            (NewKey { name: "x".repeat(65), ..with(Scope::Write) }, "name has 65 bytes"),
            (new_key(&[]), "scopes is empty; give some of write, read, admin"),
            (
                NewKey { read: read.clone(), ..new_key(&[Scope::Admin, Scope::Read]) },
                "cannot bind a key with the scope admin",
            ),
            (NewKey { write: write.clone(), ..with(Scope::Read) }, "need the scope write"),
            (NewKey { write, ..with(Scope::Admin) }, "need the scope write"),
            (NewKey { read, ..with(Scope::Write) }, "need the scope read"),
            (NewKey { expires: Some(1000), ..with(Scope::Read) }, "expires is in the past"),
        ] {
            let error = key.check(1000).unwrap_err();
            assert!(error.class == ErrorClass::Invalid && error.message.contains(part), "{error}");
        }
        NewKey { expires: Some(1001), ..new_key(&[Scope::Write, Scope::Read]) }.check(1000).unwrap();
    }

    #[test]
    fn debug_of_a_created_key_hides_the_secret() {
        let created = Created { id: "ab12cd34".into(), secret: "lb_ab12cd34_verysecret".into() };
        let text = format!("{created:?}");
        assert!(text.contains("ab12cd34") && !text.contains("verysecret"), "{text}");
    }
}
