use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Extensions, Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use super::future::{RequireFuture, Verdict};
use super::mark::Mark;
use super::refusal::{Refusal, RefusalKind};
use crate::token::{Registered, Timestamp, is_recent, is_scope};

/// Demands something of those whom a [`JwtAuthLayer`](super::JwtAuthLayer) around it has let pass.
///
/// A request without a credential is 401, one that lacks what is demanded 403 (401 where that is [`fresh`](Self::fresh));
/// without the layer around it, it is 500 and the log says what to do.
///
/// ```
/// use axum::{Router, routing::get};
/// use jwt_sessions::auth::{JwtAuthLayer, Require, Verifier};
///
/// fn app(verifier: Verifier) -> Router {
///     Router::new()
///         .route("/admin", get(|| async { "hello, admin" }).layer(Require::scope("admin")))
///         .route_layer(JwtAuthLayer::new(verifier))
/// }
/// ```
#[derive(Clone)]
#[must_use]
pub struct Require(Rule);

#[derive(Clone)]
enum Rule {
    All(Scopes),
    Any(Scopes),
    Fresh(Duration),
    When(Arc<dyn Fn(&Registered) -> bool + Send + Sync>),
}

impl Require {
    /// The scope `scope`. What is none by RFC 6749 section 3.3 (empty, with a blank, quote, backslash, or beyond ASCII) no
    /// token of this crate has, and no challenge names.
    pub fn scope(scope: impl AsRef<str>) -> Self {
        Self::all([scope])
    }

    /// One of these scopes; where none is named, no token will do.
    pub fn any(scopes: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        Self(Rule::Any(Scopes::new(scopes)))
    }

    /// All of these scopes; where none is named, every valid token will do.
    pub fn all(scopes: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        Self(Rule::All(Scopes::new(scopes)))
    }

    /// That the person showed credentials at most `max_age` ago (`auth_time`): refused with 401 and
    /// `insufficient_user_authentication` (RFC 9470), whereupon the client asks for them again.
    pub fn fresh(max_age: Duration) -> Self {
        Self(Rule::Fresh(max_age))
    }

    /// That `allows` says yes.
    pub fn when(allows: impl Fn(&Registered) -> bool + Send + Sync + 'static) -> Self {
        Self(Rule::When(Arc::new(allows)))
    }
}

impl<S> Layer<S> for Require {
    type Service = Required<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Required { inner, rule: self.0.clone() }
    }
}

impl fmt::Debug for Require {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Require").field(&self.0).finish()
    }
}

/// A service behind a [`Require`] layer.
#[derive(Clone, Debug)]
#[must_use]
pub struct Required<S> {
    inner: S,
    rule: Rule,
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for Required<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ResBody: From<String>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = RequireFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        RequireFuture::new(match self.rule.allows(request.extensions()) {
            Ok(()) => Verdict::Passed { future: self.inner.call(request) },
            Err(refusal) => Verdict::Refused { refusal },
        })
    }
}

impl Rule {
    fn allows(&self, extensions: &Extensions) -> Result<(), Refusal> {
        match Mark::of(extensions)? {
            Mark::Nobody => Err(Refusal::new(RefusalKind::MissingToken)),
            Mark::Somebody { taken, now } => {
                self.judge(taken.registered(), *now).map_err(|refusal| refusal.about(taken.registered().session))
            }
        }
    }

    fn judge(&self, token: &Registered, now: Timestamp) -> Result<(), Refusal> {
        match self {
            Self::All(scopes) if !scopes.names().all(|scope| token.has_scope(scope)) => Err(scopes.refusal()),
            Self::Any(scopes) if !scopes.names().any(|scope| token.has_scope(scope)) => Err(scopes.refusal()),
            Self::Fresh(max_age) if !is_recent(token.auth_time, *max_age, now) => Err(Refusal::stale(*max_age)),
            Self::When(allows) if !allows(token) => Err(Refusal::new(RefusalKind::Forbidden)),
            _ => Ok(()),
        }
    }
}

/// The names, and all of them as the challenge says them. Not one text split at its blanks: of an empty name nothing would be
/// left, and everybody would have it.
#[derive(Clone)]
struct Scopes {
    names: Arc<[Box<str>]>,
    /// None where a challenge must not say it (RFC 6750 section 3): a name that is no scope, or no name at all. Without
    /// what cannot be said it would name another scope than the one that is missing.
    text: Option<Arc<str>>,
}

impl Scopes {
    fn new(scopes: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let names: Arc<[Box<str>]> = scopes.into_iter().map(|scope| Box::from(scope.as_ref())).collect();
        let sayable = !names.is_empty() && names.iter().all(|name| is_scope(name));
        Self { text: sayable.then(|| names.join(" ").into()), names }
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|name| &**name)
    }

    fn refusal(&self) -> Refusal {
        Refusal::insufficient_scope(self.text.clone())
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(scopes) => f.debug_tuple("All").field(&scopes.names).finish(),
            Self::Any(scopes) => f.debug_tuple("Any").field(&scopes.names).finish(),
            Self::Fresh(max_age) => f.debug_tuple("Fresh").field(max_age).finish(),
            Self::When(_) => f.write_str("When(..)"),
        }
    }
}
