//! What is stored of a key, and what is known of it in memory.

use model::{Nanos, Text, Value, access_views::KeyView};
use pipeline::{Document, Error, Kind, Result, Sender, Terms, Version, documents::unchecked};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::{
    Principal, PrincipalKind, ReadTerms, Scope, WriteTerms,
    key_use::{KeyUse, Used},
    principal::{Doors, Inner, Powers},
    secret::{self, Hash, PUBLIC},
    times::{nanos, rfc3339},
};

/// The kind of keys. A document is named by the public part of its key.
pub(crate) const KEY: Kind =
    Kind { name: "key", format: 1, plural: "keys", most_bytes: 256 << 10, most_documents: 10_000, check: unchecked };

/// A stored key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct KeyDocument {
    pub(crate) name: String,
    /// The SHA-256 of the whole secret, in hexadecimal.
    pub(crate) sha256: String,
    pub(crate) scopes: Vec<Scope>,
    #[serde(default)]
    pub(crate) write: WriteTerms,
    #[serde(default)]
    pub(crate) read: ReadTerms,
    /// Milliseconds since the Unix epoch, like all times here.
    pub(crate) created: i64,
    pub(crate) created_by: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expires: Option<i64>,
}

impl KeyDocument {
    pub(crate) fn read(document: &Document) -> Result<Self> {
        let read: Result<Self> = document.body.read();
        read.map_err(|error| Error::corrupt(format!("the key lb_{} does not read: {error}", document.name)))
    }

    pub(crate) fn is_admin(&self) -> bool {
        self.scopes.contains(&Scope::Admin)
    }

    /// Whether it opens nothing any more.
    pub(crate) fn has_expired(&self, now: Nanos) -> bool {
        self.expires.is_some_and(|expires| nanos(expires) <= now)
    }

    pub(crate) fn view(self, id: String, last: Option<&KeyUse>) -> KeyView {
        KeyView {
            id,
            name: self.name,
            scopes: self.scopes.iter().map(Scope::to_string).collect(),
            service: self.write.service,
            fields: self.write.fields,
            doors: self.write.doors,
            records_per_second: self.write.records_per_second,
            bytes_per_day: self.write.bytes_per_day,
            filter: self.read.filter,
            hidden: self.read.hidden,
            created: rfc3339(self.created),
            created_by: self.created_by,
            expires: self.expires.map(rfc3339),
            last_used: last.map(|last| rfc3339(last.time)),
            last_address: last.map(|last| last.address.to_string()),
        }
    }

    fn powers(&self) -> Powers {
        let has = |scope| self.scopes.contains(&scope);
        if has(Scope::Admin) {
            return Powers::ALL;
        }
        let write = match (has(Scope::Write), self.write.doors.is_empty()) {
            (false, _) => Doors::None,
            (true, true) => Doors::All,
            (true, false) => Doors::Only(self.write.doors.clone()),
        };
        Powers { write, read: has(Scope::Read), ..Powers::NONE }
    }

    fn sender(&self, name: &str) -> Sender {
        let WriteTerms { service, fields, doors: _, records_per_second, bytes_per_day } = &self.write;
        if service.is_none() && fields.is_empty() && records_per_second.is_none() && bytes_per_day.is_none() {
            return Sender::default();
        }
        let fields = fields.iter().map(|(key, value)| (Text::from(key), Value::Text(Text::from(value))));
        Sender::with_terms(Terms {
            name: name.into(),
            service: service.as_ref().map(Text::from),
            fields: fields.collect(),
            records_per_second: *records_per_second,
            bytes_per_day: *bytes_per_day,
        })
    }
}

/// A key in memory.
#[derive(Debug)]
pub(crate) struct KnownKey {
    pub(crate) version: Version,
    pub(crate) is_admin: bool,
    pub(crate) hash: Hash,
    pub(crate) expires: Option<Nanos>,
    /// What it may by its scopes.
    pub(crate) principal: Principal,
    /// While everything is open: everything, within its own sight and terms.
    pub(crate) open: Principal,
    /// Its last use by a call to this process.
    pub(crate) used: Used,
}

impl KnownKey {
    /// Reads a key, and compiles its filter.
    ///
    /// # Errors
    /// `Corrupt` if the document does not read.
    pub(crate) async fn load(document: &Document) -> Result<Self> {
        let stored = KeyDocument::read(document)?;
        let invalid = |what| Error::corrupt(format!("the key lb_{} has no valid {what}", document.name));
        let hash = secret::read_hash(&stored.sha256).ok_or_else(|| invalid("sha256"))?;
        if id_of(&document.name).is_none() {
            return Err(invalid("name"));
        }
        let name = format!("key lb_{} ({})", document.name, stored.name);
        let (sight, sender) = (stored.read.stored_sight(&name).await, stored.sender(&name));
        let principal = |kind, powers| {
            Principal::of(Inner {
                name: name.clone(),
                kind,
                powers,
                sight: sight.clone(),
                sender: sender.clone(),
                revoked: CancellationToken::new(),
                user: None,
                label: None,
                session: None,
            })
        };
        Ok(Self {
            version: document.version,
            is_admin: stored.is_admin(),
            hash,
            expires: stored.expires.map(nanos),
            principal: principal(PrincipalKind::Key, stored.powers()),
            open: principal(PrincipalKind::Open, Powers::ALL),
            used: Used::default(),
        })
    }
}

/// The public part of a key as the map of keys has it.
pub(crate) fn id_of(public: &str) -> Option<[u8; PUBLIC]> {
    public.as_bytes().try_into().ok()
}
