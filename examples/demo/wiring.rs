//! Where the crate meets the demo.

use std::convert::Infallible;
use std::marker::PhantomData;

use axum::Router;
use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;

use crate::answers::Refusal;
use crate::api::Profile;
use crate::credentials::Credentials;
use crate::database::Broken;
use crate::{BoxError, Demo, admin, api, limits, page};

/// Somebody who is logged in: nobody, as long as there are no sessions.
pub(crate) struct Authenticated<T>(Infallible, PhantomData<T>);

impl<T> Authenticated<T> {
    pub(crate) fn subject(&self) -> &str {
        match self.0 {}
    }

    pub(crate) fn claims(&self) -> &T {
        match self.0 {}
    }

    pub(crate) fn has_scope(&self, _: &str) -> bool {
        match self.0 {}
    }
}

impl<S: Sync, T> FromRequestParts<S> for Authenticated<T> {
    type Rejection = Refusal;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, Refusal> {
        Err(Refusal::unavailable())
    }
}

impl<S: Sync, T> OptionalFromRequestParts<S> for Authenticated<T> {
    type Rejection = Refusal;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Option<Self>, Refusal> {
        Ok(None)
    }
}

/// The whole application. `limited` is whether logins and refreshes are limited.
///
/// # Errors
///
/// None yet.
pub(crate) async fn app(demo: Demo, limited: bool) -> Result<Router, BoxError> {
    let auth = Router::new();
    let auth = if limited { limits::limited(auth, demo.accounts.clone()) } else { auth };
    let _ = (admin::routes(), login, grant);
    Ok(Router::new()
        .merge(api::protected_routes())
        .merge(api::optional_routes())
        .merge(api::open_routes())
        .with_state(demo)
        .merge(page::routes())
        .nest("/auth", auth)
        .fallback(|| async { Refusal::not_found("there is nothing at this path") }))
}

async fn login(demo: Demo, credentials: Credentials) -> Result<Option<(String, bool)>, Broken> {
    let remember = credentials.remember;
    let subject = credentials.subject(&demo.accounts, &demo.passwords).await?;
    Ok(subject.map(|subject| (subject, remember)))
}

async fn grant(demo: Demo, subject: String) -> Result<Option<Profile>, Broken> {
    let account = demo.accounts.by_id(&subject).await?.filter(|account| !account.disabled);
    Ok(account.map(Profile::from))
}
