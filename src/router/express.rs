//! The wire format of the widespread Express tutorial.

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use http::StatusCode;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::answer::Occasion;
use super::context::Context;
use super::refusal::{RouterRefusal, RouterRefusalKind as Kind};
use super::routes::finished;
use super::{login, logout, refresh};
use crate::auth::{Refusal, RefusalKind};
use crate::session::{Sessions, Tokens};
use crate::store::SessionStore;
use crate::token::RESERVED;

/// The routes of the widespread Express tutorial (Express, `jsonwebtoken`, mongoose), for front ends that were written
/// against it: `POST /login`, `/refresh-token` and `/logout`.
///
/// Answers are `{"statusCode", "data", "message", "success"}`, with `data: {user, accessToken, refreshToken}` and the tutorial's
/// texts. The refresh token is taken from the cookie or from `refreshToken` in the JSON body. Everything else is as in the
/// [module](crate::router): the rotation table, the check against other sites, `no-store`, one answer for unknown users and bad
/// passwords.
///
/// The rest of the set-up stands beside it: [`Site::express_cookies`](crate::Site::express_cookies), the claim `_id`
/// ([`subject_claim`](crate::SessionsBuilder::subject_claim)), refresh tokens that are already out there
/// ([`LegacyTokens`](crate::session::LegacyTokens)), and [`express_refusal`] for the protected routes. The example `express`
/// has it all; `docs/migrating-from-express.md` says what changes.
///
/// ```no_run
/// # use axum::Router;
/// # use jwt_sessions::{JwtAuthLayer, SessionRoutes, Sessions, store::MemoryStore};
/// # fn app(sessions: Sessions<MemoryStore>, protected: Router) -> Router {
/// use jwt_sessions::router::express_refusal;
///
/// Router::new().nest(
///     "/api/v1/users",
///     protected
///         .route_layer(JwtAuthLayer::new(sessions.verifier()).refusals(express_refusal))
///         .merge(SessionRoutes::new(sessions).express().dangerous_tokens_in_cookies_and_body().router()),
/// )
/// # }
/// ```
#[must_use]
pub struct ExpressRoutes<S> {
    context: Context<S>,
    express: Express,
}

impl<S: SessionStore> ExpressRoutes<S> {
    pub(super) fn new(context: Context<S>) -> Self {
        Self { context, express: Express { both: false, user: None } }
    }

    /// What `data.user` is: `user(subject) -> Result<Option<User>, _>`, asked after a login and a refresh. Unless it is set: the
    /// subject as `_id`, and the application's own claims. Where it fails, a login is 503, and a refresh goes on without it.
    ///
    /// Leave out what no script should read; the tutorial leaves out the password and the refresh token.
    pub fn user<F, FF, U, E>(mut self, user: F) -> Self
    where
        F: Fn(String) -> FF + Send + Sync + 'static,
        FF: Future<Output = Result<Option<U>, E>> + Send + 'static,
        U: Serialize + 'static,
        E: Into<BoxError> + 'static,
    {
        self.express.user = Some(Box::new(move |subject| {
            let user = user(subject);
            Box::pin(async move { Ok(serde_json::to_value(user.await.map_err(Into::into)?)?) })
        }));
        self
    }

    /// Delivers the tokens in cookies *and* in the body, as the tutorial does, for front ends that keep them where a script can
    /// read them. Any script that gets into the page can then take the refresh token away and use it elsewhere; in cookies
    /// alone it can only act while the page is open. Without it, a token answers in the channel that it came by.
    pub fn dangerous_tokens_in_cookies_and_body(mut self) -> Self {
        self.express.both = true;
        self
    }

    /// The router.
    pub fn router<T: Clone + Send + Sync + 'static>(self) -> Router<T> {
        let Self { mut context, express } = self;
        context.express = Some(express);
        context.words.get_or_insert_with(|| Arc::new(in_words));
        let mut routes = Router::new()
            .route("/refresh-token", post(refresh::refresh::<S>))
            .route("/logout", post(logout::logout::<S>));
        if context.sessions().can_login() {
            routes = routes.route("/login", post(login::login::<S>));
        }
        finished(routes, Arc::new(context))
    }
}

impl<S> fmt::Debug for ExpressRoutes<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExpressRoutes").field("both", &self.express.both).finish_non_exhaustive()
    }
}

/// How the tutorial's answers are written.
pub(super) struct Express {
    both: bool,
    user: Option<UserOf>,
}

/// The user of a subject, for `data.user`.
type UserOf = Box<dyn Fn(String) -> Pin<Box<dyn Future<Output = Result<Value, BoxError>> + Send>> + Send + Sync>;
type BoxError = Box<dyn StdError + Send + Sync>;

impl Express {
    pub(super) fn is_both(&self) -> bool {
        self.both
    }

    pub(super) async fn success<S: SessionStore>(
        &self,
        sessions: &Sessions<S>,
        tokens: &Tokens,
        in_body: bool,
        occasion: Occasion,
    ) -> Result<Response, RouterRefusal> {
        let user = match &self.user {
            Some(user) => match user(tokens.subject().to_owned()).await {
                Ok(user) => user,
                Err(error) => {
                    tracing::error!(error = &*error as &dyn StdError, "the application's user cannot be had");
                    match occasion {
                        Occasion::Login => return Err(Kind::Unavailable.into()),
                        // What has been replaced must not be kept from its owner.
                        Occasion::Refresh => Value::Null,
                    }
                }
            },
            None => user_of_claims(sessions, tokens),
        };
        let message = match occasion {
            Occasion::Login => "User logged in successfully",
            Occasion::Refresh => "Access token refreshed",
        };
        let data = Data {
            user,
            access_token: in_body.then_some(tokens.access_token()),
            refresh_token: in_body.then_some(tokens.refresh_token()),
        };
        Ok(Json(Envelope::new(StatusCode::OK, data, message)).into_response())
    }
}

/// The tutorial's `ApiResponse`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a, D> {
    status_code: u16,
    data: D,
    message: &'a str,
    success: bool,
}

/// What it holds after a login and a refresh.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    user: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
}

impl<'a, D> Envelope<'a, D> {
    fn new(status: StatusCode, data: D, message: &'a str) -> Self {
        Self { status_code: status.as_u16(), data, message, success: status.is_success() }
    }
}

pub(super) fn logged_out() -> Response {
    Json(Envelope::new(StatusCode::OK, json!({}), "User logged out")).into_response()
}

/// A refusal of an access token in the tutorial's words, for [`JwtAuthLayer::refusals`](crate::JwtAuthLayer::refusals):
/// "Unauthorized request" without a token, "jwt expired", "Invalid Access Token".
pub fn express_refusal(refusal: &Refusal) -> Response {
    let message = match refusal.kind() {
        RefusalKind::MissingToken => "Unauthorized request",
        RefusalKind::TokenExpired => "jwt expired",
        RefusalKind::InvalidToken | RefusalKind::SessionEnded => "Invalid Access Token",
        _ => refusal.description(),
    };
    reworded(refusal.response(), message)
}

fn in_words(refusal: &RouterRefusal) -> Response {
    let message = match refusal.kind() {
        Kind::MissingToken => "Unauthorized request",
        Kind::SessionEnded => "Refresh token is expired or used",
        Kind::InvalidToken if refusal.is_of_expired_token() => "Refresh token is expired or used",
        Kind::InvalidToken => "Invalid refresh token",
        Kind::InvalidCredentials => "Invalid user credentials",
        _ => refusal.description(),
    };
    reworded(refusal.response(), message)
}

/// The same status and headers, the tutorial's body.
fn reworded(response: Response, message: &str) -> Response {
    let status = response.status();
    let mut reworded = (status, Json(Envelope::new(status, Value::Null, message))).into_response();
    for (name, value) in response.headers() {
        reworded.headers_mut().insert(name, value.clone());
    }
    reworded
}

/// The subject and the application's own claims, as they stand in the access token that was just signed.
fn user_of_claims<S: SessionStore>(sessions: &Sessions<S>, tokens: &Tokens) -> Value {
    let verified = sessions.verifier().read_own(tokens.access_token()).ok();
    let claims = verified.and_then(|verified| serde_json::from_str(verified.claims().as_str()).ok());
    let mut user: Map<String, Value> = claims.unwrap_or_default();
    user.retain(|name, _| !RESERVED.contains(&name.as_str()));
    user.insert("_id".to_owned(), tokens.subject().into());
    Value::Object(user)
}
