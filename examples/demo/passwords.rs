//! Passwords: hashed with Argon2id, checked in the same time whether or not there is such an account.

use std::fmt;
use std::sync::Arc;
use std::thread::available_parallelism;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use serde::{Deserialize, Deserializer};
use tokio::sync::{Semaphore, TryAcquireError};
use zeroize::Zeroizing;

use crate::answers::Refusal;

/// A password as it was typed. Only a string is one: `{"$ne": null}` is refused before anything looks at it.
pub(crate) struct Password(Zeroizing<String>);

impl Password {
    /// Whether it may become an account's password: 8 to 256 bytes, whatever they are.
    pub(crate) fn is_acceptable(&self) -> bool {
        (8..=256).contains(&self.0.len())
    }
}

impl<'de> Deserialize<'de> for Password {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Zeroizing::new(text)))
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// Hashes and checks passwords, at most one a processor at a time: each takes 19 MiB, and a crowd must not take it all. Some
/// more may wait for their turn; who comes after them is told to come again, and not to wait for minutes.
#[derive(Clone)]
pub(crate) struct Passwords {
    /// For those who work and those who wait.
    places: Arc<Semaphore>,
    /// For those who work.
    room: Arc<Semaphore>,
    /// Of a password that nobody has, with the parameters that all hashes have.
    nobodys: Arc<str>,
}

impl Passwords {
    /// # Errors
    ///
    /// When the system gives no randomness.
    pub(crate) fn new() -> Result<Self, argon2::password_hash::Error> {
        let mut unknown = Zeroizing::new([0; 32]);
        getrandom::fill(unknown.as_mut()).map_err(|_| argon2::password_hash::Error::Crypto)?;
        let nobodys = hash(unknown.as_ref())?;
        let processors = available_parallelism().map_or(1, usize::from);
        let semaphore = |permits| Arc::new(Semaphore::new(permits));
        Ok(Self { places: semaphore(processors + WAITING), room: semaphore(processors), nobodys: nobodys.into() })
    }

    /// The hash to keep, as a PHC string.
    ///
    /// # Errors
    ///
    /// When too many wait, or the system gives no randomness or no memory.
    pub(crate) async fn hash(&self, password: Password) -> Result<String, Undone> {
        self.run(move || hash(password.0.as_bytes())).await?.map_err(|_| Undone::Broken)
    }

    /// Whether `password` is the one of `hash`. Without a hash it is not, after the same work: how long an answer takes does
    /// not tell who has an account.
    ///
    /// # Errors
    ///
    /// When too many wait, or the check could not be made.
    pub(crate) async fn check(&self, password: Password, hash: Option<String>) -> Result<bool, Undone> {
        let nobodys = Arc::clone(&self.nobodys);
        self.run(move || {
            let known = hash.is_some();
            let hash = hash.as_deref().unwrap_or(&nobodys);
            let right = PasswordHash::new(hash)
                .is_ok_and(|hash| Argon2::default().verify_password(password.0.as_bytes(), &hash).is_ok());
            right && known
        })
        .await
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Undone> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|error| match error {
            TryAcquireError::NoPermits => Undone::Busy,
            TryAcquireError::Closed => Undone::Broken,
        })?;
        let permit = Arc::clone(&self.room).acquire_owned().await.map_err(|_| Undone::Broken)?;
        let done = tokio::task::spawn_blocking(move || {
            // Held by the work and not by the request: a client that hangs up does not make room for another.
            let _held = (place, permit);
            work()
        });
        done.await.map_err(|_| Undone::Broken)
    }
}

/// Why a password was neither hashed nor checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Undone {
    /// Too many wait already.
    Busy,
    /// The system gave no randomness, or the work panicked.
    Broken,
}

impl fmt::Display for Undone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Busy => "too many passwords wait to be checked",
            Self::Broken => "a password could not be hashed",
        })
    }
}

impl std::error::Error for Undone {}

impl From<Undone> for Refusal {
    fn from(undone: Undone) -> Self {
        tracing::warn!(error = %undone, "a registration was put off");
        Self::unavailable()
    }
}

/// How many may wait beside those who work: a few seconds on a slow machine.
const WAITING: usize = 32;

/// Argon2id with 19 MiB, two passes, one lane: the crate's default, and the least that OWASP's cheat sheet names.
fn hash(password: &[u8]) -> Result<String, argon2::password_hash::Error> {
    Argon2::default().hash_password(password).map(|hash: PasswordHash| hash.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Password {
        Password(Zeroizing::new(text.to_owned()))
    }

    #[tokio::test]
    async fn only_the_right_password_of_an_account_passes() {
        let passwords = Passwords::new().unwrap();
        let hash = passwords.hash(password("correct horse")).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(passwords.check(password("correct horse"), Some(hash.clone())).await.unwrap());
        assert!(!passwords.check(password("Correct horse"), Some(hash)).await.unwrap());
        assert!(!passwords.check(password("correct horse"), None).await.unwrap());
        assert!(!passwords.check(password("correct horse"), Some("not a hash".into())).await.unwrap());
    }

    #[tokio::test]
    async fn who_finds_too_many_waiting_is_told_at_once_and_who_stops_waiting_makes_room() {
        let passwords = Passwords::new().unwrap();
        let held = passwords.room.acquire_many(passwords.room.available_permits() as u32).await.unwrap();
        let mut waiting = tokio::task::JoinSet::new();
        while passwords.places.available_permits() > 0 {
            let passwords = passwords.clone();
            waiting.spawn(async move { passwords.check(password("correct horse"), None).await });
            tokio::task::yield_now().await;
        }
        assert!(waiting.len() > WAITING);
        assert_eq!(passwords.check(password("correct horse"), None).await, Err(Undone::Busy));
        assert_eq!(passwords.hash(password("correct horse")).await, Err(Undone::Busy));
        waiting.shutdown().await;
        drop(held);
        assert_eq!(passwords.check(password("correct horse"), None).await, Ok(false));
    }

    #[tokio::test]
    async fn an_unknown_name_costs_the_same_work() {
        let passwords = Passwords::new().unwrap();
        let real = passwords.hash(password("correct horse")).await.unwrap();
        let parameters = |hash: &str| hash.split('$').take(4).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(parameters(&passwords.nobodys), parameters(&real));
    }

    #[test]
    fn passwords_have_8_to_256_bytes_and_are_strings() {
        for (text, acceptable) in [("1234567", false), ("12345678", true), ("ééé", false), ("éééé", true)] {
            assert_eq!(password(text).is_acceptable(), acceptable, "{text}");
        }
        assert!(password(&"x".repeat(256)).is_acceptable());
        assert!(!password(&"x".repeat(257)).is_acceptable());
        for bad in ["null", "12345678", "true", r#"["12345678"]"#, r#"{"$ne":null}"#] {
            assert!(serde_json::from_str::<Password>(bad).is_err(), "{bad}");
        }
        assert_eq!(format!("{:?}", password("correct horse")), "Password(..)");
    }
}
