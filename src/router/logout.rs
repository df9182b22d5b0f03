use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::AUTHORIZATION;
use http::{HeaderMap, Request};
use serde_json::json;

use super::context::{Context, Delivery, Incoming};
use super::cookies;
use super::express;
use super::refusal::{RouterRefusal, RouterRefusalKind as Kind};
use crate::auth::{cookies_named, write_refusal};
use crate::session::{Named, Patience};
use crate::store::{RevokeReason, SessionStore};

/// `POST /logout`: ends the session that a refresh token of it or a valid access token names. 200 in every case that is not
/// another site's doing: whoever logs out is logged out.
pub(super) async fn logout<S: SessionStore>(
    State(context): State<Arc<Context<S>>>,
    request: Request<Body>,
) -> Response {
    let answer = context.logout(request).await;
    context.answer(answer)
}

/// `POST /logout-all`: ends all sessions of the subject, or all but this one with `{"keep_current": true}`.
pub(super) async fn logout_all<S: SessionStore>(
    State(context): State<Arc<Context<S>>>,
    request: Request<Body>,
) -> Response {
    let answer = context.logout_all(request).await;
    context.answer(answer)
}

impl<S: SessionStore> Context<S> {
    async fn logout(&self, request: Request<Body>) -> Result<Response, RouterRefusal> {
        let incoming = self.receive(request).await?;
        let patience = self.sessions().patience();
        for Named { subject, session, .. } in self.named(&incoming, &patience).await? {
            self.sessions().end(&subject, session, RevokeReason::Logout, &patience).await?;
        }
        Ok(self.logged_out(&incoming))
    }

    async fn logout_all(&self, request: Request<Body>) -> Result<Response, RouterRefusal> {
        let incoming = self.receive(request).await?;
        let keep_current = incoming.sent.flag("keep_current", false)?;
        let patience = self.sessions().patience();
        let named = self.named(&incoming, &patience).await?;
        // Whose sessions, and which is the current one, must be said without a doubt.
        if let [_, _, ..] = &*named {
            return Err(Kind::InvalidRequest.into());
        }
        if let Some(Named { subject, session, auth_time }) = named.first() {
            if let Some(refusal) = self.stale(*auth_time, Some(*session)) {
                // No layer is around that would.
                let realm = self.sessions().verifier().realm();
                return Ok(write_refusal(&refusal, &self.access_refusals(), &realm));
            }
            let except = keep_current.then_some(*session);
            self.sessions().end_subject(subject, except, RevokeReason::LogoutAll, &patience).await?;
        }
        if keep_current {
            return Ok(self.done());
        }
        Ok(self.logged_out(&incoming))
    }

    /// The living sessions that a request names: by refresh tokens, which are the stronger proof, else by an access token.
    async fn named(&self, incoming: &Incoming, patience: &Patience) -> Result<Vec<Named>, RouterRefusal> {
        let headers = &incoming.head.headers;
        let mut all = Vec::new();
        if let Some(token) = &incoming.token {
            all.extend(self.sessions().named_by(token, patience).await?);
            if !incoming.guarded {
                // No cookie: beside a token in the body, the check against other sites was not made.
                if all.is_empty() {
                    all.extend(self.living_by_access(&without_cookies(headers), patience).await?);
                }
                return Ok(all);
            }
        }
        for candidate in self.candidates(headers)? {
            let named = self.sessions().named_by(candidate.token(), patience).await?;
            all.extend(named.filter(|named| !all.iter().any(|other: &Named| other.is_same(named))));
        }
        if all.is_empty() {
            all.extend(self.living_by_access(headers, patience).await?);
        }
        Ok(all)
    }

    async fn living_by_access(&self, headers: &HeaderMap, patience: &Patience) -> Result<Option<Named>, RouterRefusal> {
        let Some(token) = self.sessions().verifier().taken(headers) else { return Ok(None) };
        let (Some(subject), Some(session)) = (token.subject, token.session) else { return Ok(None) };
        let is_living = self.sessions().is_living(&subject, session, token.generation, patience).await?;
        Ok(is_living.then_some(Named { subject, session, auth_time: token.auth_time }))
    }

    fn done(&self) -> Response {
        match &self.express {
            Some(_) => express::logged_out(),
            None => Json(json!({})).into_response(),
        }
    }

    /// Takes the cookies away where some of ours came, and the check against other sites was made.
    fn logged_out(&self, incoming: &Incoming) -> Response {
        let mut response = self.done();
        let site = self.sessions().site();
        let names = [site.access_cookie_name(), site.refresh_cookie_name()];
        let headers = &incoming.head.headers;
        let came = names.into_iter().flatten().any(|name| cookies_named(headers, name.as_bytes()).next().is_some());
        if came && incoming.guarded && self.delivery != Delivery::Body {
            cookies::clear(response.headers_mut(), site);
        }
        response
    }
}

fn without_cookies(headers: &HeaderMap) -> HeaderMap {
    headers.get_all(AUTHORIZATION).iter().map(|value| (AUTHORIZATION, value.clone())).collect()
}
