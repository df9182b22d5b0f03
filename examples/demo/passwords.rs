//! Passwords: hashed with Argon2id, checked in the same time whether or not there is such an account.

use std::fmt;
use std::sync::Arc;
use std::thread::available_parallelism;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use serde::{Deserialize, Deserializer};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::database::Broken;

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

/// Hashes and checks passwords, at most one a processor at a time: each takes 19 MiB, and a crowd must not take it all.
#[derive(Clone)]
pub(crate) struct Passwords {
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
        Ok(Self { room: Arc::new(Semaphore::new(processors)), nobodys: nobodys.into() })
    }

    /// The hash to keep, as a PHC string.
    ///
    /// # Errors
    ///
    /// When the system gives no randomness or no memory.
    pub(crate) async fn hash(&self, password: Password) -> Result<String, Broken> {
        self.run(move || hash(password.0.as_bytes())).await?.map_err(|_| Broken)
    }

    /// Whether `password` is the one of `hash`. Without a hash it is not, after the same work: how long an answer takes does
    /// not tell who has an account.
    ///
    /// # Errors
    ///
    /// When the check could not be made.
    pub(crate) async fn check(&self, password: Password, hash: Option<String>) -> Result<bool, Broken> {
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

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Broken> {
        let permit = Arc::clone(&self.room).acquire_owned().await.map_err(|_| Broken)?;
        let done = tokio::task::spawn_blocking(move || {
            // Held by the work and not by the request: a client that hangs up does not make room for another.
            let _permit = permit;
            work()
        });
        done.await.map_err(|_| Broken)
    }
}

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
