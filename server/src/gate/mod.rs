//! The gate: who may do what, decided in front of every HTTP and gRPC call, before its body is read (C9).
//!
//! | file | content |
//! |---|---|
//! | `routes` | a router whose routes declare what they need |
//! | `table` | the declared calls of all listeners |
//! | `pages` | what the routes of the dashboard need |
//! | `answer` | a refusal, in the protocol of the call |
//! | `caller` | from where a call comes, for the audit |
//! | `entrance` | the same for the doors of streams, which have connections and datagrams instead of calls |
//!
//! The package `access` reads what the head of a call presents (`access::presented`), knows keys, users and sessions,
//! and decides. A call that may go on carries its [`Principal`] as an extension.

mod answer;
mod caller;
#[cfg(test)]
mod covered;
pub(crate) mod entrance;
mod pages;
mod routes;
mod table;

pub(crate) use access::presented::{Peer, slowed, source};
use access::{Access, Need, Principal, Refusal, RefusalClass, State, presented::Credentials};
use axum::{
    http::{Method, request::Parts},
    response::Response,
};

use self::caller::source_of;
pub(crate) use self::{
    caller::source_of_call,
    entrance::Logged,
    pages::pages,
    routes::Routes,
    table::{Declared, Table},
};
use crate::audit::{Action, Audit};

/// The most characters of a path in the audit.
const PATH_CHARS: usize = 200;

/// Decides about calls.
pub(crate) struct Gate {
    access: Access,
    table: Table,
    /// The origins of `--public-url`.
    public: Vec<String>,
    /// Whether other machines reach a listener.
    is_exposed: bool,
    audit: Audit,
}

/// The outcome of what can be decided at once.
pub(crate) enum Decision {
    /// The call may go on.
    Admitted,
    Refused(Box<Response>),
    /// The credentials are not known here. Another node may have made them just now.
    Unsure,
}

impl Gate {
    /// `public` are the origins of `--public-url`.
    pub(crate) fn new(access: Access, table: Table, public: Vec<String>, is_exposed: bool) -> Self {
        Self { access, table, public, is_exposed, audit: Audit::default() }
    }

    /// Notes refusals.
    pub(crate) fn with_audit(mut self, audit: Audit) -> Self {
        self.audit = audit;
        self
    }

    /// Admits every call.
    #[cfg(test)]
    pub(crate) fn open() -> Self {
        Self::new(Access::everybody(), Table::default(), Vec::new(), false)
    }

    /// Whether other machines reach a listener.
    pub(crate) fn is_exposed(&self) -> bool {
        self.is_exposed
    }

    /// Whether everybody may do everything.
    pub(crate) fn is_open(&self) -> bool {
        self.access.state() == State::Open
    }

    /// Whether everybody who reaches a listener from another machine may do everything.
    pub(crate) fn is_open_to_network(&self) -> bool {
        self.is_exposed && self.is_open()
    }

    /// Decides about a call from what is in memory. An admitted one gets its principal.
    pub(crate) fn decide(&self, call: &mut Parts, peer: &Peer) -> Decision {
        let need = self.table.need(call);
        let (decided, is_worth_a_look) = {
            let credentials = Credentials::of(call, peer.is_tls, &self.public);
            // Who logs out is who has logged in, perhaps on another node.
            let is_worth_a_look = match need {
                Need::Nothing => call.method == Method::POST && credentials.has_session(),
                _ => !credentials.is_empty(),
            };
            (self.access.decide(&credentials.caller(peer)), is_worth_a_look)
        };
        match allowed(decided, need) {
            Err((_, refusal)) if refusal.class == RefusalClass::Unknown && is_worth_a_look => Decision::Unsure,
            decided => self.settle(call, peer, need, decided).map_or_else(Decision::Refused, |()| Decision::Admitted),
        }
    }

    /// Decides about a call that [`Gate::decide`] is unsure of.
    ///
    /// # Errors
    /// The answer to a call that may not go on.
    pub(crate) async fn decide_fresh(&self, call: &mut Parts, peer: &Peer) -> Result<(), Box<Response>> {
        let need = self.table.need(call);
        let decided = {
            let credentials = Credentials::of(call, peer.is_tls, &self.public);
            self.access.decide_fresh(&credentials.caller(peer)).await
        };
        self.settle(call, peer, need, allowed(decided, need))
    }

    /// Marks an admitted call with its principal, or answers it. A call that needs nothing is always admitted.
    fn settle(&self, call: &mut Parts, peer: &Peer, need: Need, decided: Allowed) -> Result<(), Box<Response>> {
        match decided {
            Err((who, refusal)) if need != Need::Nothing => {
                let answer = answer::refused(call, need, &refusal, self.access.state());
                // Who is led to the log-in has not been refused yet.
                if !answer.status().is_redirection() {
                    let path: String = call.uri.path().chars().take(PATH_CHARS).collect();
                    let target = format!("{} {path}", call.method);
                    let source = source_of(peer.source, &call.headers);
                    self.audit.refused(&who, source, Action::Refused, target, &refusal);
                }
                Err(Box::new(answer))
            }
            decided => {
                call.extensions.insert(decided.unwrap_or_else(|_| Principal::nobody()));
                Ok(())
            }
        }
    }
}

/// Who may make a call; or who has been refused, as far as that is known, and why.
type Allowed = Result<Principal, (Principal, Refusal)>;

fn allowed(decided: Result<Principal, Refusal>, need: Need) -> Allowed {
    let principal = decided.map_err(|refusal| (Principal::nobody(), refusal))?;
    match principal.may(need) {
        Ok(()) => Ok(principal),
        Err(refusal) => Err((principal, refusal)),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        net::{IpAddr, Ipv4Addr},
        sync::Arc,
    };

    use access::{NewUser, Options, Posture, ReadTerms, Role, Secret};
    use axum::http::Request;
    use pipeline::{Documents, LogStore as _, Supervisor, clock::Clock};
    use testkit::memory::MemoryStore;
    use tokio_util::sync::CancellationToken;

    use super::*;

    /// A node that learns of changes of others only where it looks for them.
    async fn node(documents: &Arc<dyn Documents>) -> Access {
        let stop = CancellationToken::new();
        stop.cancel();
        let options =
            Options { posture: Posture::Network, anonymous: Vec::new(), issuer: None, clock: Clock::system() };
        Access::open(Arc::clone(documents), options, &Supervisor::default(), stop).await.unwrap()
    }

    #[tokio::test]
    async fn a_log_out_ends_the_session_of_another_node_too() {
        let documents = MemoryStore::default().documents();
        let one = node(&documents).await;
        let (name, password) = ("kim".to_owned(), "correct horse battery");
        let secret = Secret(password.to_owned());
        one.users()
            .add(NewUser { name, password: secret, role: Role::Admin, read: ReadTerms::default() })
            .await
            .unwrap();
        let two = node(&documents).await;
        let user = one.users().log_in("kim", password, IpAddr::from(Ipv4Addr::LOCALHOST)).await.unwrap();
        let token = one.sessions().begin(&user, Ipv4Addr::LOCALHOST.into(), "").await.unwrap();
        let declared = [Declared::new(Some(Method::POST), "/logout", Need::Nothing)];
        let gate = Gate::new(two, Table::new(declared), Vec::new(), true);
        let peer = Peer { source: Ipv4Addr::LOCALHOST.into(), certificate: None, is_tls: false };
        let call = |method: &str, cookie: String| {
            Request::builder().method(method).uri("/logout").header("cookie", cookie).body(()).unwrap().into_parts().0
        };
        let mut log_out = call("POST", format!("logboom={token}"));
        assert!(matches!(gate.decide(&mut log_out, &peer), Decision::Unsure));
        gate.decide_fresh(&mut log_out, &peer).await.unwrap();
        assert_eq!(log_out.extensions.get::<Principal>().unwrap().user(), Some("kim"));
        // A call that needs nothing goes on whatever it presents.
        let mut unknown = call("POST", "logboom=unknown".to_owned());
        gate.decide_fresh(&mut unknown, &peer).await.unwrap();
        assert!(unknown.extensions.get::<Principal>().unwrap().session().is_none());
        assert!(matches!(gate.decide(&mut call("POST", String::new()), &peer), Decision::Admitted));
    }
}
