use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, Uri};
use serde::Serialize;

use super::context::Context;
use super::refusal::{RouterRefusal, RouterRefusalKind as Kind};
use crate::auth::Authenticated;
use crate::session::SessionInfo;
use crate::store::{RevokeReason, SessionStore};
use crate::token::SessionId;

/// A session in the list of devices. Times are seconds since the Unix epoch.
#[derive(Serialize)]
struct Shown {
    id: String,
    current: bool,
    created_at: i64,
    last_used_at: i64,
    user_agent: Option<String>,
    ip: Option<String>,
    label: Option<String>,
}

/// `GET /sessions`: the living sessions of the subject.
pub(super) async fn list<S: SessionStore>(State(context): State<Arc<Context<S>>>, user: Authenticated) -> Response {
    let answer = context.list(&user).await;
    context.answer(answer)
}

/// `DELETE /sessions/{id}`: ends one of them; unknown or another's is 404.
pub(super) async fn end<S: SessionStore>(
    State(context): State<Arc<Context<S>>>,
    user: Authenticated,
    uri: Uri,
) -> Response {
    let answer = context.end_one(&user, &uri).await;
    context.answer(answer)
}

impl<S: SessionStore> Context<S> {
    async fn list(&self, user: &Authenticated) -> Result<Response, RouterRefusal> {
        let listed = self.sessions().list(user.subject()).await?;
        let current = user.session_id();
        let sessions: Vec<_> = listed.into_iter().map(|session| shown(session, current)).collect();
        Ok(Json(serde_json::json!({ "sessions": sessions })).into_response())
    }

    async fn end_one(&self, user: &Authenticated, uri: &Uri) -> Result<Response, RouterRefusal> {
        // axum's own extractor would answer a bad path with its own words.
        let last = uri.path().rsplit('/').next().unwrap_or_default();
        let session = SessionId::parse(last).ok_or(Kind::NotFound)?;
        let others = user.session_id() != Some(session);
        if let Some(refusal) = self.stale(user.auth_time(), user.session_id()).filter(|_| others) {
            // The layer around writes it, in the application's words if it has some.
            return Ok(refusal.into_response());
        }
        let patience = self.sessions().patience();
        let ended = self.sessions().end(user.subject(), session, RevokeReason::Device, &patience).await?;
        if ended { Ok(StatusCode::NO_CONTENT.into_response()) } else { Err(Kind::NotFound.into()) }
    }
}

fn shown(session: SessionInfo, current: Option<SessionId>) -> Shown {
    Shown {
        id: session.id.to_string(),
        current: current == Some(session.id),
        created_at: session.created_at.as_secs(),
        last_used_at: session.last_used_at.as_secs(),
        user_agent: session.device.user_agent,
        ip: session.device.ip.map(|ip| ip.to_string()),
        label: session.device.label,
    }
}
