//! From a caller's address and credentials to a principal, from memory alone.

use model::Nanos;

use crate::{
    Caller, Posture, Principal, PrincipalKind, Refusal, State,
    key_document::{KnownKey, id_of},
    known::Known,
    principal::{Doors, Powers},
    secret,
    session_document::RENEW_AFTER,
    shared::Shared,
    times::nanos,
};

/// How often the renewal of one session is asked for.
const ASK_EVERY: Nanos = 60_000_000_000;

/// What a text is, where a key is expected.
enum Given<'k> {
    Valid(&'k KnownKey),
    /// A key of a process without documents.
    Fixed(&'k Principal),
    Expired(&'k str),
    /// It has the form of a key, and is none.
    Wrong(&'k str),
    /// It has another form.
    Other,
}

impl Known {
    fn given<'k>(&'k self, secret: &'k str, now: Nanos) -> Given<'k> {
        if let Some(principal) = (!self.fixed.is_empty()).then(|| self.fixed(secret)).flatten() {
            return Given::Fixed(principal);
        }
        let Some(public) = secret::public_part(secret) else { return Given::Other };
        let key = id_of(public).and_then(|id| self.keys.get(&id));
        match key.filter(|key| secret::is_same(&key.hash, &secret::hash(secret))) {
            Some(key) if key.expires.is_some_and(|expires| expires <= now) => Given::Expired(public),
            Some(key) => Given::Valid(key),
            None => Given::Wrong(public),
        }
    }
}

impl Shared {
    pub(crate) fn decide(&self, caller: &Caller<'_>) -> Result<Principal, Refusal> {
        self.with_known(|known| match known.state() {
            State::Open => self.decide_open(known, caller),
            State::Closed if self.is_agent() => Err(Refusal::closed_agent()),
            State::Closed => Err(Refusal::closed()),
            State::Guarded => self.decide_guarded(known, caller),
        })
    }

    fn decide_open(&self, known: &Known, caller: &Caller<'_>) -> Result<Principal, Refusal> {
        if caller.forwarded && self.posture == Posture::Loopback {
            return Err(Refusal::closed_because(if self.is_agent() {
                "this call came through a proxy, so the network can reach this agent, and everybody could send; give it \
                 keys by --accept-key-file, or start it with --open"
            } else {
                "this call came through a proxy, so the network can reach this server, and everybody would be admin; \
                 add an admin with `logboom user add NAME --role admin`, or start with --open"
            }));
        }
        // Clients send any credentials to an open server.
        let now = self.clock.now();
        Ok(match caller.secret.map(|secret| known.given(secret, now)) {
            Some(Given::Valid(key)) => {
                self.note_use(key, caller, now);
                key.open.clone()
            }
            _ => known.open.clone(),
        })
    }

    fn decide_guarded(&self, known: &Known, caller: &Caller<'_>) -> Result<Principal, Refusal> {
        let now = self.clock.now();
        if let Some(principal) = caller.session.and_then(|token| self.session(known, token, now)) {
            return Ok(principal);
        }
        if let Some(secret) = caller.secret {
            match known.given(secret, now) {
                Given::Valid(key) => {
                    self.note_use(key, caller, now);
                    return Ok(key.principal.clone());
                }
                Given::Fixed(principal) => return Ok(principal.clone()),
                Given::Expired(public) => {
                    return Err(Refusal::unknown(format!(
                        "the key lb_{public} has expired; ask an admin for another one"
                    )));
                }
                Given::Wrong(public) if self.is_agent() => {
                    return Err(Refusal::unknown(format!(
                        "the key lb_{public} is none that this agent accepts; use one of its --accept-key-file"
                    )));
                }
                Given::Wrong(public) => {
                    return Err(Refusal::unknown(format!(
                        "the key lb_{public} is unknown: it is wrong or was revoked; ask an admin for another one"
                    )));
                }
                // Clients and proxies send secrets of others. The caller may have another way in.
                Given::Other => {}
            }
        }
        if let Some(name) = caller.certificate {
            let powers = Powers { write: Doors::All, ..Powers::NONE };
            return Ok(Principal::new(format!("certificate {name}"), PrincipalKind::Certificate, powers));
        }
        // Behind a proxy the address is that of the proxy.
        if !caller.forwarded
            && let Some(principal) = known.anonymous.principal(caller.address)
        {
            return Ok(principal.clone());
        }
        Err(Refusal::unknown(match (caller.secret, caller.session) {
            (Some(_), _) if self.is_agent() => {
                "the given secret is no key that this agent accepts; use one of its --accept-key-file"
            }
            (Some(_), _) => {
                "the given secret is no key of this server, which begins with lb_ and has 44 characters; ask an admin \
                 for one"
            }
            (None, Some(_)) => "the session has ended; log in again",
            (None, None) if caller.forwarded && known.anonymous.has_rules() => {
                "the call came through a proxy, so its address is not known, and no rule about networks lets it in; log \
                 in, or send a key as `Authorization: Bearer lb_…`"
            }
            (None, None) => "who calls is not known; log in, or send a key as `Authorization: Bearer lb_…`",
        }))
    }

    /// Notes that a key was used. The use is stored soon after.
    fn note_use(&self, key: &KnownKey, caller: &Caller<'_>, now: Nanos) {
        if key.used.note(now, caller.address) {
            self.used.notify_one();
        }
    }

    fn session(&self, known: &Known, token: &str, now: Nanos) -> Option<Principal> {
        let session = known.session(token)?;
        let principal = session.principal.as_ref()?;
        if session.stored.expires() <= now {
            return None;
        }
        let unwritten = now.saturating_sub(nanos(session.stored.renewed));
        if u128::from(unwritten.max(0).unsigned_abs()) >= RENEW_AFTER.as_nanos()
            && session.ask_for_renewal(now, ASK_EVERY)
        {
            self.renewals.lock().insert(session.id.clone());
            self.work.notify_one();
        }
        Some(principal.clone())
    }
}
