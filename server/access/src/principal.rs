//! A principal: who calls, what it may, what it sees, and what its records get.

use std::{
    fmt,
    str::FromStr,
    sync::{Arc, LazyLock},
};

use model::Sight;
use pipeline::Sender;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

use crate::Refusal;

/// The names of the doors, for [`Need::Write`] and the terms of keys. OTLP is `otlp`, over gRPC too.
pub const DOORS: [&str; 10] = ["json", "put", "otlp", "loki", "elastic", "grpc", "tcp", "syslog", "gelf", "fluent"];

/// What a call needs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Need {
    /// Health, the log-in page, files of the site.
    Nothing,
    /// To send records through the door of this name, one of [`DOORS`].
    Write(&'static str),
    Read,
    /// Saved views, replays of dead letters, pausing sinks, export and import.
    Edit,
    Admin,
}

/// What a user may.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Read.
    Viewer,
    /// Read and edit.
    Editor,
    /// Everything.
    Admin,
}

/// What a key may.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    Write,
    Read,
    /// Everything.
    Admin,
}

/// The kind of a principal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PrincipalKind {
    /// Anybody while everything is open.
    Open,
    /// Without credentials: let in by address, or [`Principal::nobody`].
    Anonymous,
    User,
    Key,
    Certificate,
    /// Whoever reached the data itself: [`Principal::operator`].
    Operator,
}

impl PrincipalKind {
    /// The name in the API and in the audit.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Anonymous => "anonymous",
            Self::User => "user",
            Self::Key => "key",
            Self::Certificate => "certificate",
            Self::Operator => "command line",
        }
    }
}

/// The doors that a principal may write through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Doors {
    None,
    All,
    Only(Vec<String>),
}

/// What a principal may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Powers {
    pub(crate) write: Doors,
    pub(crate) read: bool,
    pub(crate) edit: bool,
    pub(crate) admin: bool,
}

impl Powers {
    pub(crate) const NONE: Self = Self { write: Doors::None, read: false, edit: false, admin: false };
    pub(crate) const ALL: Self = Self { write: Doors::All, read: true, edit: true, admin: true };

    fn allow(&self, need: Need) -> bool {
        match need {
            Need::Nothing => true,
            Need::Write(door) => match &self.write {
                Doors::None => false,
                Doors::All => true,
                Doors::Only(doors) => doors.iter().any(|allowed| allowed == door),
            },
            Need::Read => self.read,
            Need::Edit => self.edit,
            Need::Admin => self.admin,
        }
    }
}

impl From<Role> for Powers {
    fn from(role: Role) -> Self {
        match role {
            Role::Viewer => Self { read: true, ..Self::NONE },
            Role::Editor => Self { read: true, edit: true, ..Self::NONE },
            Role::Admin => Self::ALL,
        }
    }
}

impl fmt::Display for Powers {
    /// Writes what follows "may", such as `read and write (json, otlp)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.admin {
            return f.write_str("do everything");
        }
        let write = match &self.write {
            Doors::None => None,
            Doors::All => Some("write".to_owned()),
            Doors::Only(doors) => Some(format!("write through {}", doors.join(", "))),
        };
        let words = [self.read.then(|| "read".to_owned()), self.edit.then(|| "edit".to_owned()), write];
        let words: Vec<String> = words.into_iter().flatten().collect();
        f.write_str(&if words.is_empty() { "do nothing".to_owned() } else { words.join(" and ") })
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("nothing"),
            Self::Write(door) => write!(f, "write through {door}"),
            Self::Read => f.write_str("read"),
            Self::Edit => f.write_str("edit"),
            Self::Admin => f.write_str("admin"),
        }
    }
}

/// Makes the names of an enum for people, files and flags.
macro_rules! names {
    ($type:ident, $what:literal, $($variant:ident = $name:literal),+) => {
        impl $type {
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.name())
            }
        }
        impl FromStr for $type {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $($name => Ok(Self::$variant),)+
                    _ => Err(format!(concat!("{:?} is no ", $what, "; use one of: {}"), text, [$($name),+].join(", "))),
                }
            }
        }
    };
}

names!(Role, "role", Viewer = "viewer", Editor = "editor", Admin = "admin");
names!(Scope, "scope", Write = "write", Read = "read", Admin = "admin");

/// Who calls. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Principal {
    inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) name: String,
    pub(crate) kind: PrincipalKind,
    pub(crate) powers: Powers,
    pub(crate) sight: Sight,
    pub(crate) sender: Sender,
    pub(crate) revoked: CancellationToken,
    pub(crate) user: Option<String>,
    pub(crate) label: Option<String>,
    pub(crate) session: Option<String>,
}

impl Principal {
    /// With the whole sight and no terms.
    pub(crate) fn new(name: impl Into<String>, kind: PrincipalKind, powers: Powers) -> Self {
        Self::of(Inner {
            name: name.into(),
            kind,
            powers,
            sight: Sight::default(),
            sender: Sender::default(),
            revoked: CancellationToken::new(),
            user: None,
            label: None,
            session: None,
        })
    }

    /// Audit records are left out of the sight of everybody who is no admin.
    pub(crate) fn of(mut inner: Inner) -> Self {
        if !inner.powers.admin {
            inner.sight = inner.sight.without_audit();
        }
        Self { inner: Arc::new(inner) }
    }

    /// May everything.
    pub fn everybody() -> Self {
        static EVERYBODY: LazyLock<Principal> =
            LazyLock::new(|| Principal::new("open", PrincipalKind::Open, Powers::ALL));
        EVERYBODY.clone()
    }

    /// May nothing but [`Need::Nothing`]: a refused caller of a call that needs nothing.
    pub fn nobody() -> Self {
        static NOBODY: LazyLock<Principal> =
            LazyLock::new(|| Principal::new("nobody", PrincipalKind::Anonymous, Powers::NONE));
        NOBODY.clone()
    }

    /// May everything, because it reached the data itself: through the admin socket, the data folder or the database.
    /// `name`: the way.
    pub fn operator(name: &str) -> Self {
        Self::new(name, PrincipalKind::Operator, Powers::ALL)
    }

    /// For logs and the audit: `user kim`, `user kim@example.com (OIDC 0123456789abcdef)`, `key lb_ab12cd34 (shop)`,
    /// `anonymous`, `open`, `certificate web-1`.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    pub fn kind(&self) -> PrincipalKind {
        self.inner.kind
    }

    /// Checks whether the call is allowed.
    ///
    /// # Errors
    /// `Unknown` for a caller without credentials, who can give some. `Forbidden` for others.
    pub fn may(&self, need: Need) -> Result<(), Refusal> {
        if self.inner.powers.allow(need) {
            return Ok(());
        }
        let (name, powers) = (&self.inner.name, &self.inner.powers);
        if self.inner.kind == PrincipalKind::Anonymous {
            return Err(Refusal::unknown(format!(
                "this call needs the right to {need}, and without credentials a caller may {powers}; log in, or send a \
                 key as `Authorization: Bearer lb_…`"
            )));
        }
        Err(Refusal::forbidden(format!(
            "{name} may {powers}, and this call needs the right to {need}; ask an admin for it"
        )))
    }

    /// Which records it may read, and which of their fields.
    pub fn sight(&self) -> &Sight {
        &self.inner.sight
    }

    /// What its records get, and how many it may send.
    pub fn sender(&self) -> &Sender {
        &self.inner.sender
    }

    /// Cancelled when the key, session or user is revoked or changed, or expires. Open tails and streams end then.
    pub fn revoked(&self) -> &CancellationToken {
        &self.inner.revoked
    }

    /// The name of the user.
    pub fn user(&self) -> Option<&str> {
        self.inner.user.as_deref()
    }

    /// The name of the user for people: that of the identity provider, if the user logs in by one.
    pub fn label(&self) -> Option<&str> {
        self.inner.label.as_deref().or(self.user())
    }

    /// The public id of the session.
    pub fn session(&self) -> Option<&str> {
        self.inner.session.as_deref()
    }

    /// Tells whether two are clones of one.
    pub(crate) fn place(&self) -> *const () {
        Arc::as_ptr(&self.inner).cast()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RefusalClass;

    #[test]
    fn roles_may_what_their_names_say() {
        let needs = [Need::Nothing, Need::Read, Need::Edit, Need::Admin, Need::Write("json")];
        for (role, allowed) in [
            (Role::Viewer, [true, true, false, false, false]),
            (Role::Editor, [true, true, true, false, false]),
            (Role::Admin, [true; 5]),
        ] {
            let user = Principal::new("user kim", PrincipalKind::User, role.into());
            assert_eq!(needs.map(|need| user.may(need).is_ok()), allowed, "{role}");
        }
        assert_eq!(needs.map(|need| Principal::everybody().may(need).is_ok()), [true; 5]);
        assert_eq!(needs.map(|need| Principal::nobody().may(need).is_ok()), [true, false, false, false, false]);
    }

    #[test]
    fn admins_alone_see_audit_records() {
        for (powers, expected) in [
            (Powers::ALL, true),
            (Role::Admin.into(), true),
            (Role::Editor.into(), false),
            (Role::Viewer.into(), false),
            (Powers { read: true, ..Powers::NONE }, false),
            (Powers::NONE, false),
        ] {
            let user = Principal::new("user kim", PrincipalKind::User, powers.clone());
            assert_eq!(user.sight().sees_audit(), expected, "{powers:?}");
        }
        assert!(Principal::everybody().sight().sees_everything() && !Principal::nobody().sight().sees_audit());
        assert!(Principal::operator("command line").sight().sees_everything());
    }

    #[test]
    fn a_refusal_names_the_principal_what_it_may_and_what_is_needed() {
        let powers = Powers { write: Doors::Only(vec!["otlp".into(), "json".into()]), ..Powers::NONE };
        let key = Principal::new("key lb_ab12cd34 (shop)", PrincipalKind::Key, powers);
        key.may(Need::Write("json")).unwrap();
        for need in [Need::Write("put"), Need::Read] {
            let refusal = key.may(need).unwrap_err();
            assert_eq!(refusal.class, RefusalClass::Forbidden);
            let parts = ["key lb_ab12cd34 (shop) may write through otlp, json", &need.to_string(), "ask an admin"];
            assert!(parts.iter().all(|part| refusal.message.contains(part)), "{refusal}");
        }
        let refusal = Principal::nobody().may(Need::Read).unwrap_err();
        assert_eq!(refusal.class, RefusalClass::Unknown);
        assert!(refusal.message.contains("log in"), "{refusal}");
    }

    #[test]
    fn names_are_read_back_and_others_refused_with_the_choices() {
        for role in [Role::Viewer, Role::Editor, Role::Admin] {
            assert_eq!(role.to_string().parse(), Ok(role));
        }
        for scope in [Scope::Write, Scope::Read, Scope::Admin] {
            assert_eq!(scope.to_string().parse(), Ok(scope));
        }
        assert_eq!("root".parse::<Role>().unwrap_err(), "\"root\" is no role; use one of: viewer, editor, admin");
    }
}
