use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::header::HOST;
use http::{HeaderMap, Uri};

use super::context::Context;
use super::refusal::RouterRefusalKind as Kind;
use crate::site::{is_loopback, split_port};
use crate::store::SessionStore;

/// Stands around every route in development mode. Cookies are not `Secure` then: a request for a name that another machine
/// answers to is refused, so that a name pointed at this machine reads nothing here.
pub(super) async fn only_this_machine<S: SessionStore>(
    State(context): State<Arc<Context<S>>>,
    request: Request,
    next: Next,
) -> Response {
    if is_for_this_machine(request.uri(), request.headers()) {
        next.run(request).await
    } else {
        context.refused(Kind::ForeignHost.into())
    }
}

fn is_for_this_machine(uri: &Uri, headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    let host = match (uri.authority(), hosts.next(), hosts.next()) {
        // HTTP/2 and absolute targets, which count before the header (RFC 9112 section 3.2.2).
        (Some(authority), ..) => authority.as_str(),
        (None, Some(host), None) => host.to_str().unwrap_or_default(),
        _ => return false,
    };
    let host = host.to_ascii_lowercase();
    split_port(&host).is_ok_and(|(host, _)| is_loopback(host))
}
