use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;

use super::context::Context;
use super::refusal::RouterRefusalKind as Kind;
use crate::store::SessionStore;

/// Stands around every route in development mode. Cookies are not `Secure` then: a request for a name that another machine
/// answers to is refused, so that a name pointed at this machine reads nothing here.
pub(super) async fn only_this_machine<S: SessionStore>(
    State(context): State<Arc<Context<S>>>,
    request: Request,
    next: Next,
) -> Response {
    if context.sessions().verifier().serves(request.uri(), request.headers()) {
        next.run(request).await
    } else {
        context.refused(Kind::ForeignHost.into())
    }
}
