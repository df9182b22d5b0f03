use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::{delete, get, post};
use http::HeaderValue;
use http::header::CACHE_CONTROL;
use tower_http::set_header::SetResponseHeaderLayer;

use super::context::{Context, Delivery};
use super::express::ExpressRoutes;
use super::refusal::{RouterRefusal, RouterRefusalKind};
use super::{host, login, logout, refresh, sessions};
use crate::auth::{JwtAuthLayer, Refusal};
use crate::session::Sessions;
use crate::store::SessionStore;

/// The routes of a session's life, to be mounted with `.nest("/auth", session_router(sessions))` under any prefix.
///
/// See the [module](crate::router) for the routes, and [`SessionRoutes`] for what can be set.
pub fn session_router<S: SessionStore, T: Clone + Send + Sync + 'static>(sessions: Sessions<S>) -> Router<T> {
    SessionRoutes::new(sessions).router()
}

/// The routes of a session's life, with what can be set about them.
#[must_use]
pub struct SessionRoutes<S> {
    pub(super) context: Context<S>,
}

impl<S: SessionStore> SessionRoutes<S> {
    /// The routes as they are by default.
    pub fn new(sessions: Sessions<S>) -> Self {
        let context = Context {
            sessions,
            delivery: Delivery::default(),
            trusted_proxies: 0,
            keep_ip: true,
            keep_user_agent: true,
            recent: None,
            tells_outcome: false,
            words: None,
            access_words: None,
            express: None,
        };
        Self { context }
    }

    /// How tokens travel; by default as the client chooses. A site without cookies has bodies alone, whatever is said here.
    pub fn delivery(mut self, delivery: Delivery) -> Self {
        self.context.delivery = if self.context.sessions().site().has_cookies() { delivery } else { Delivery::Body };
        self
    }

    /// How many proxies of yours stand between clients and this application, each appending to `X-Forwarded-For`. By default
    /// none: the header is not believed.
    pub fn trusted_proxies(mut self, proxies: usize) -> Self {
        self.context.trusted_proxies = proxies;
        self
    }

    /// Keeps no address of clients.
    pub fn without_ip(mut self) -> Self {
        self.context.keep_ip = false;
        self
    }

    /// Keeps no user agent of clients.
    pub fn without_user_agent(mut self) -> Self {
        self.context.keep_user_agent = false;
        self
    }

    /// Demands that the person showed credentials within `max_age` (15 minutes, say) before ending another device's session, by
    /// `DELETE /sessions/{id}` or `/logout-all`: a stolen token then cannot throw its owner out. The answer is 401
    /// `insufficient_user_authentication` (RFC 9470 section 3); `/reauthenticate` helps.
    pub fn recent_authentication(mut self, max_age: Duration) -> Self {
        self.context.recent = Some(max_age);
        self
    }

    /// Says in the header `Session-Outcome` of every answer to a refresh token what became of it, by the names of
    /// [`Outcome`](crate::session::Outcome): `Session-Outcome: replayed`, or `reused; cause=stale`. For the time of a support case.
    ///
    /// Answers say one `session_ended` otherwise, on purpose. With the header, whoever presents a stolen token hears whether
    /// it was noticed and by what, and from `bridged` that its owner has renewed it less than three windows ago, which is when
    /// a thief is not noticed yet. To tell some requests only (those of your support, say), leave this off and
    /// write a header in a layer of your own: the [`Outcome`](crate::session::Outcome) is in the response's extensions always.
    pub fn dangerous_outcome_header(mut self) -> Self {
        self.context.tells_outcome = true;
        self
    }

    /// Writes refusals in the application's own words; [`RouterRefusal::response`] is a start. Cookies are still set and
    /// cleared by the rules. Those of access tokens, on `/sessions`, are [`access_refusals`](Self::access_refusals).
    pub fn refusals(mut self, words: impl Fn(&RouterRefusal) -> Response + Send + Sync + 'static) -> Self {
        self.context.words = Some(Arc::new(words));
        self
    }

    /// Writes the refusals of access tokens on `/sessions`, and of [credentials that were shown too long
    /// ago](Self::recent_authentication), in the application's own words, as [`JwtAuthLayer::refusals`] does on its own routes.
    pub fn access_refusals(mut self, words: impl Fn(&Refusal) -> Response + Send + Sync + 'static) -> Self {
        self.context.access_words = Some(Arc::new(words));
        self
    }

    /// With the routes, cookies and answers of the widespread Express tutorial, so that its front ends run unchanged.
    pub fn express(self) -> ExpressRoutes<S> {
        ExpressRoutes::new(self.context)
    }

    /// The router.
    pub fn router<T: Clone + Send + Sync + 'static>(self) -> Router<T> {
        let context = Arc::new(self.context);
        let layer = JwtAuthLayer::new(context.sessions().verifier()).refusals(context.access_refusals());
        let authenticated = Router::new()
            .route("/sessions", get(sessions::list::<S>))
            .route("/sessions/{id}", delete(sessions::end::<S>))
            .route_layer(layer);
        let mut routes = Router::new()
            .route("/refresh", post(refresh::refresh::<S>))
            .route("/rotate", post(refresh::rotate::<S>))
            .route("/logout", post(logout::logout::<S>))
            .route("/logout-all", post(logout::logout_all::<S>))
            .merge(authenticated);
        if context.sessions().can_login() {
            routes = routes
                .route("/login", post(login::login::<S>))
                .route("/reauthenticate", post(login::reauthenticate::<S>));
        }
        finished(routes, context)
    }
}

/// What is around the routes, whatever they are called.
pub(super) fn finished<S: SessionStore, T: Clone + Send + Sync + 'static>(
    routes: Router<Arc<Context<S>>>,
    context: Arc<Context<S>>,
) -> Router<T> {
    let words = context.clone();
    // No fallback: axum could then neither nest the router under a parameter nor merge it beside another fallback.
    let mut routes = routes.method_not_allowed_fallback(move || {
        let refused = words.refused(RouterRefusalKind::MethodNotAllowed.into());
        async move { refused }
    });
    if context.sessions().site().is_development() {
        routes = routes.layer(from_fn_with_state(context.clone(), host::only_this_machine::<S>));
    }
    routes
        .layer(SetResponseHeaderLayer::overriding(CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .with_state(context)
}

impl<S> fmt::Debug for SessionRoutes<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionRoutes")
            .field("delivery", &self.context.delivery)
            .field("trusted_proxies", &self.context.trusted_proxies)
            .field("recent", &self.context.recent)
            .field("tells_outcome", &self.context.tells_outcome)
            .finish_non_exhaustive()
    }
}
