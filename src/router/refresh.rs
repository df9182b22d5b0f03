use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::Request;

use super::context::Context;
use super::cookies;
use super::presented::{Channel, Presented};
use super::refusal::RouterRefusal;
use crate::session::Operation;
use crate::store::SessionStore;

/// `POST /refresh`: a new access token; the refresh token is replaced when it is time.
pub(super) async fn refresh<S: SessionStore>(
    State(context): State<Arc<Context<S>>>,
    request: Request<Body>,
) -> Response {
    let answer = context.renew(request, Operation::Refresh).await;
    context.answer(answer)
}

/// `POST /rotate`: both tokens at once, everything earlier cut off.
pub(super) async fn rotate<S: SessionStore>(
    State(context): State<Arc<Context<S>>>,
    request: Request<Body>,
) -> Response {
    let answer = context.renew(request, Operation::Rotate).await;
    context.answer(answer)
}

impl<S: SessionStore> Context<S> {
    /// How many bytes an access token may have, where that is less than a token may have at all.
    pub(super) fn longest(&self, channel: Channel) -> Option<usize> {
        if channel == Channel::Body { None } else { cookies::longest(self.sessions().site()) }
    }

    async fn renew(&self, request: Request<Body>, operation: Operation) -> Result<Response, RouterRefusal> {
        let incoming = self.receive(request).await?;
        let Presented { token, channel } = self.presented(&incoming)?;
        let device = self.device(&incoming.head);
        let refreshed = self.sessions().present(&token, operation, &device, self.longest(channel)).await?;
        Ok(self.refreshed(refreshed, channel).await)
    }
}
