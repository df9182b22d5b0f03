//! The application's types end here: behind this, accounts are a pointer.

use std::any::TypeId;
use std::error::Error as StdError;
use std::future::Future;
use std::pin::Pin;

use super::accounts::{Accounts, Login, NoLogin};
use super::error::{SessionError, SessionErrorKind};
use crate::token::{OwnClaims, is_scope};

/// A question to the accounts that is on its way.
pub(crate) type Asked<'a, T> = Pin<Box<dyn Future<Output = Result<Option<T>, SessionError>> + Send + 'a>>;

/// A grant whose claims are serialized and checked.
#[derive(Clone)]
pub(crate) struct Granted {
    pub(crate) claims: OwnClaims,
    /// The scopes, separated by single spaces; none without any.
    pub(crate) scope: Option<String>,
}

/// That the credentials did not have the application's form.
#[derive(Debug)]
pub(crate) struct Unreadable;

pub(crate) trait ErasedAccounts: Send + Sync {
    /// Whether there are credentials at all.
    fn can_login(&self) -> bool;

    /// Reads the credentials at once, and asks whose they are when the future is awaited.
    fn login<'a>(
        &'a self,
        credentials: &mut dyn erased_serde::Deserializer<'_>,
    ) -> Result<Asked<'a, Login>, Unreadable>;

    fn grant<'a>(&'a self, subject: &'a str) -> Asked<'a, Granted>;
}

impl<A: Accounts> ErasedAccounts for A {
    fn can_login(&self) -> bool {
        TypeId::of::<A::Credentials>() != TypeId::of::<NoLogin>()
    }

    fn login<'a>(
        &'a self,
        credentials: &mut dyn erased_serde::Deserializer<'_>,
    ) -> Result<Asked<'a, Login>, Unreadable> {
        // What serde says may quote the body: it goes nowhere.
        let credentials = erased_serde::deserialize(credentials).map_err(|_| Unreadable)?;
        Ok(Box::pin(async move { Accounts::login(self, credentials).await.map_err(broken) }))
    }

    fn grant<'a>(&'a self, subject: &'a str) -> Asked<'a, Granted> {
        Box::pin(async move {
            let Some(grant) = Accounts::grant(self, subject).await.map_err(broken)? else {
                return Ok(None);
            };
            let claims = OwnClaims::new(&grant.claims)
                .map_err(|error| SessionError::because(SessionErrorKind::Claims, error))?;
            if !grant.scopes.iter().all(|scope| is_scope(scope)) {
                tracing::error!("a scope is empty or has a character that RFC 6749 section 3.3 forbids");
                return Err(SessionError::new(SessionErrorKind::Claims));
            }
            let scope = (!grant.scopes.is_empty()).then(|| grant.scopes.join(" "));
            Ok(Some(Granted { claims, scope }))
        })
    }
}

pub(super) fn broken(error: impl Into<Box<dyn StdError + Send + Sync>>) -> SessionError {
    let error = error.into();
    tracing::error!(error = &*error as &dyn StdError, "the accounts failed");
    SessionError::because(SessionErrorKind::Accounts, error)
}
