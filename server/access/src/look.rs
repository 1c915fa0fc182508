//! Looks in the documents for callers who are not known here: another node may have made their key or session just now.
//!
//! One caller at a time looks, and for all that wait. Each notes what it seeks before it waits for its turn, so a look
//! that begins afterwards has it.

use std::{collections::HashSet, time::Duration};

use tokio::time::{Instant, sleep_until, timeout};

use crate::{
    Caller, Principal, Refusal, RefusalClass,
    key_document::{KEY, id_of},
    secret,
    session_document::SESSION,
    shared::Shared,
    sought::{SOUGHT_MOST, Sought},
    user_document::USER,
};

/// The least time between the beginnings of two looks.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// The limit of one look.
const LOOK_MOST: Duration = Duration::from_secs(2);
impl Shared {
    pub(crate) async fn decide_fresh(&self, caller: &Caller<'_>) -> Result<Principal, Refusal> {
        let sought = match self.decide(caller) {
            Err(refusal) => match self.sought(caller, &refusal) {
                sought if sought.is_empty() => return Err(refusal),
                sought => sought,
            },
            decided => return decided,
        };
        let called = Instant::now();
        let number = self.looks.note(sought);
        let mut last = self.looks.turn.lock().await;
        // Who has waited for a look that failed does not wait for another one.
        let has_failed = last.failed.is_some_and(|failed| failed > called);
        if has_failed || self.looks.has_ended_since(number) {
            drop(last);
            return self.decide(caller).map_err(|refusal| if has_failed { unchecked() } else { refusal });
        }
        if let Some(began) = last.began {
            sleep_until(began + LOOK_EVERY).await;
        }
        last.began = Some(Instant::now());
        let mut look = self.looks.begin();
        let looked = timeout(LOOK_MOST, self.look_for(&look.sought)).await;
        look.has_ended = true;
        drop(look);
        let error = match looked {
            Ok(Ok(())) => {
                drop(last);
                return self.decide(caller);
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {} s", LOOK_MOST.as_secs()),
        };
        last.failed = Some(Instant::now());
        tracing::debug!(error, "callers who are not known were not looked for");
        Err(unchecked())
    }

    /// What another node may have made of what the caller has.
    fn sought(&self, caller: &Caller<'_>, refusal: &Refusal) -> Vec<Sought> {
        let can_be_new = matches!(refusal.class, RefusalClass::Unknown | RefusalClass::Closed) && !self.is_agent();
        if !can_be_new {
            return Vec::new();
        }
        let key = caller
            .secret
            .and_then(secret::public_part)
            .filter(|public| id_of(public).is_some_and(|id| self.with_known(|known| !known.keys.contains_key(&id))));
        let session = caller.session.map(|token| model::hex::encode(&secret::hash(token))[..16].to_owned());
        let key = key.map(|public| Sought::Key(public.to_owned()));
        key.into_iter().chain(session.map(Sought::Session)).collect()
    }

    /// Reads the one document of each credential, and all of its kind only if it exists.
    async fn look_for(&self, sought: &HashSet<Sought>) -> pipeline::Result<()> {
        if sought.len() > SOUGHT_MOST {
            return self.refresh_all().await;
        }
        let documents = self.documents()?;
        let (mut has_key, mut has_session) = (false, false);
        for one in sought {
            match one {
                Sought::Key(name) => has_key = has_key || documents.get(&KEY, name).await?.is_some(),
                Sought::Session(name) => has_session = has_session || documents.get(&SESSION, name).await?.is_some(),
            }
        }
        if has_key || has_session {
            self.refresh(&USER).await?;
        }
        if has_key {
            self.refresh(&KEY).await?;
        }
        if has_session {
            self.refresh(&SESSION).await?;
        }
        Ok(())
    }
}

fn unchecked() -> Refusal {
    Refusal::closed_because("the credentials cannot be checked now: the database does not answer; try again later")
}
