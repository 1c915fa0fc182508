//! Passwords: their limits, and hashing with argon2id on blocking threads, a bounded number at once.

use std::{sync::Arc, time::Duration};

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString},
};
use pipeline::{Error, Result};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::Secret;

/// The limits of a password in bytes.
const LEAST_BYTES: usize = 10;
const MOST_BYTES: usize = 1024;

/// The memory of one hash in KiB, and the passes over it: about 250 ms of one core of a server of 2025, measured by the
/// test `a_hash_takes_at_least_200_ms`.
#[cfg(not(test))]
const COST: (u32, u32) = STRONG;
/// Tests of this package hash often.
#[cfg(test)]
const COST: (u32, u32) = (64, 1);
const STRONG: (u32, u32) = (64 << 10, 6);

/// The hashes computed at once: each takes a core and 64 MiB. Log-ins of admins have a turn of their own.
const AT_ONCE: usize = 2;
const AT_ONCE_OF_ADMINS: usize = 1;
/// The further ones of each kind that wait for their turn. More are refused at once.
const WAITING: usize = 16;
/// How long one waits for its turn.
const WAIT: Duration = Duration::from_secs(10);

/// Whose turn a check takes. Strangers can make any number of attempts under names that they invent; those under the
/// name of an admin are slowed for the account. So a flood of log-ins does not keep admins out.
///
/// During such a flood, an answer under an admin's name comes sooner, which tells that it is one. That admins get in is
/// worth more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Turn {
    /// The log-in of a user who is an admin.
    Admin,
    Other,
}

/// Hashes passwords and checks them.
pub(crate) struct Passwords {
    admins: Lane,
    others: Lane,
}

/// The turns of one kind.
struct Lane {
    at_once: usize,
    turns: Arc<Semaphore>,
    waiting: Semaphore,
}

impl Lane {
    fn new(at_once: usize) -> Self {
        Self { at_once, turns: Arc::new(Semaphore::new(at_once)), waiting: Semaphore::new(WAITING) }
    }

    async fn turn(&self) -> Result<OwnedSemaphorePermit> {
        let overloaded = || {
            let reason = format!("passwords are checked {} at once, and others wait; try again later", self.at_once);
            Error::overloaded(reason, WAIT)
        };
        let _place = self.waiting.try_acquire().map_err(|_| overloaded())?;
        match timeout(WAIT, Arc::clone(&self.turns).acquire_owned()).await {
            Ok(turn) => turn.map_err(|error| Error::internal(error.to_string())),
            Err(_) => Err(overloaded()),
        }
    }
}

impl Passwords {
    pub(crate) fn new() -> Self {
        Self { admins: Lane::new(AT_ONCE_OF_ADMINS), others: Lane::new(AT_ONCE) }
    }

    /// Hashes a new password. The text contains salt and parameters.
    ///
    /// # Errors
    /// `Invalid` outside the limits, `Overloaded` if too many others wait.
    pub(crate) async fn hash(&self, password: &Secret) -> Result<String> {
        let bytes = password.0.len();
        if !(LEAST_BYTES..=MOST_BYTES).contains(&bytes) {
            return Err(Error::invalid(format!(
                "password has {bytes} bytes; it may have {LEAST_BYTES} to {MOST_BYTES}"
            )));
        }
        let password = password.clone();
        blocking(self.turn(Turn::Other).await?, move || hash_with(COST, &password.0)).await?
    }

    /// Waits for a turn to check a password.
    ///
    /// # Errors
    /// `Overloaded` if too many others wait.
    pub(crate) async fn turn(&self, turn: Turn) -> Result<OwnedSemaphorePermit> {
        let lane = if turn == Turn::Admin { &self.admins } else { &self.others };
        lane.turn().await
    }

    /// Checks a password in a [turn](Self::turn). Without a `stored` hash the answer is no, after the same work.
    ///
    /// # Errors
    /// `Corrupt` for a stored hash that does not read.
    pub(crate) async fn verify(turn: OwnedSemaphorePermit, password: &str, stored: Option<String>) -> Result<bool> {
        // A longer one is never right, and costs no more than others.
        let password = if password.len() > MOST_BYTES { String::new() } else { password.to_owned() };
        blocking(turn, move || match stored.as_deref().map(PasswordHash::new) {
            Some(Ok(stored)) => Ok(Argon2::default().verify_password(password.as_bytes(), &stored).is_ok()),
            Some(Err(error)) => Err(Error::corrupt(format!("the stored password does not read: {error}"))),
            None => hash_with(COST, &password).map(|_| false),
        })
        .await?
    }
}

async fn blocking<T: Send + 'static>(
    turn: OwnedSemaphorePermit,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T> {
    let work = move || {
        // Released when the work ends, not when its caller is dropped.
        let _turn = turn;
        work()
    };
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Error::internal(format!("hashing a password failed: {error}")))
}

fn hash_with((memory, passes): (u32, u32), password: &str) -> Result<String> {
    let failed = |error: &dyn std::fmt::Display| Error::internal(format!("a password cannot be hashed: {error}"));
    let parameters = Params::new(memory, passes, 1, None).map_err(|error| failed(&error))?;
    let salt = SaltString::encode_b64(&rand::random::<[u8; 16]>()).map_err(|error| failed(&error))?;
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters);
    let hash = argon.hash_password(password.as_bytes(), &salt).map_err(|error| failed(&error))?;
    Ok(hash.to_string())
}

#[cfg(test)]
mod tests {
    use pipeline::ErrorClass;

    use super::*;

    fn secret(text: &str) -> Secret {
        Secret(text.to_owned())
    }

    async fn verify(passwords: &Passwords, turn: Turn, password: &str, stored: Option<String>) -> Result<bool> {
        Passwords::verify(passwords.turn(turn).await?, password, stored).await
    }

    #[tokio::test]
    async fn only_the_password_itself_is_right_and_two_hashes_of_it_differ() {
        let passwords = Passwords::new();
        let hash = passwords.hash(&secret("correct horse")).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$") && !hash.contains("correct"), "{hash}");
        assert_ne!(passwords.hash(&secret("correct horse")).await.unwrap(), hash);
        let long = "x".repeat(MOST_BYTES + 1);
        for (password, right) in [("correct horse", true), ("correct horsE", false), ("", false), (&*long, false)] {
            assert_eq!(
                verify(&passwords, Turn::Other, password, Some(hash.clone())).await.unwrap(),
                right,
                "{password:.20}"
            );
        }
        assert!(!verify(&passwords, Turn::Other, "correct horse", None).await.unwrap());
        let error = verify(&passwords, Turn::Other, "correct horse", Some("plain".to_owned())).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Corrupt);
    }

    #[tokio::test]
    async fn the_limits_are_named() {
        let passwords = Passwords::new();
        for bytes in [0, 9, 1025] {
            let error = passwords.hash(&secret(&"x".repeat(bytes))).await.unwrap_err();
            assert_eq!(error.class, ErrorClass::Invalid);
            assert_eq!(error.message, format!("password has {bytes} bytes; it may have 10 to 1024"));
        }
        passwords.hash(&secret(&"x".repeat(1024))).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_third_at_once_waits_ten_seconds_and_is_refused() {
        let passwords = Passwords::new();
        let _turns = (passwords.others.turn().await.unwrap(), passwords.others.turn().await.unwrap());
        let before = tokio::time::Instant::now();
        let error = verify(&passwords, Turn::Other, "correct horse", None).await.unwrap_err();
        assert_eq!((error.class, before.elapsed()), (ErrorClass::Overloaded, WAIT));
        assert_eq!(error.retry_after, Some(WAIT));
    }

    #[tokio::test(start_paused = true)]
    async fn the_seventeenth_that_would_wait_is_refused_at_once() {
        let passwords = Passwords::new();
        let turns = (passwords.others.turn().await.unwrap(), passwords.others.turn().await.unwrap());
        let before = tokio::time::Instant::now();
        let mut waiting: Vec<_> = (0..WAITING).map(|_| Box::pin(passwords.others.turn())).collect();
        for turn in &mut waiting {
            assert!(tokio::time::timeout(Duration::ZERO, turn).await.is_err(), "it waits");
        }
        let error = verify(&passwords, Turn::Other, "correct horse", None).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Overloaded);
        assert!(before.elapsed() < Duration::from_secs(1));
        drop((turns, waiting));
        assert!(!verify(&passwords, Turn::Other, "correct horse", None).await.unwrap());
    }

    #[tokio::test]
    async fn admins_have_a_turn_that_a_flood_of_others_does_not_take() {
        let passwords = Passwords::new();
        let _turns = (passwords.others.turn().await.unwrap(), passwords.others.turn().await.unwrap());
        let mut waiting: Vec<_> = (0..WAITING).map(|_| Box::pin(passwords.others.turn())).collect();
        for turn in &mut waiting {
            assert!(tokio::time::timeout(Duration::ZERO, turn).await.is_err(), "it waits");
        }
        let error = verify(&passwords, Turn::Other, "correct horse", None).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Overloaded);
        let hash = hash_with(COST, "correct horse").unwrap();
        assert!(verify(&passwords, Turn::Admin, "correct horse", Some(hash)).await.unwrap());
    }

    #[test]
    #[ignore = "it measures; run it alone, optimised: cargo test -p access --release -- --ignored"]
    fn a_hash_takes_at_least_200_ms() {
        // The time on a core, which other work of the machine does not make longer.
        let on_core = || {
            let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
            Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
        };
        let rounds = (0..5).map(|_| {
            let before = on_core();
            hash_with(STRONG, "correct horse battery").unwrap();
            on_core() - before
        });
        let least = rounds.min().unwrap();
        eprintln!("one hash takes {least:?} of a core");
        assert!(least >= Duration::from_millis(200), "{least:?}");
    }
}
