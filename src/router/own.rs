//! For handlers of the application's own: where people log in elsewhere, or change their password.

use axum::response::{IntoResponseParts, ResponseParts};
use http::header::CACHE_CONTROL;
use http::{HeaderMap, HeaderValue};
use zeroize::Zeroizing;

use super::cookies;
use super::presented::{candidates, the_one};
use super::refusal::RouterRefusal;
use crate::session::{Sessions, Tokens};
use crate::store::SessionStore;

/// The cookies of new tokens, to go with a response of the application's own.
///
/// ```
/// use axum::response::{IntoResponse, Redirect, Response};
/// use jwt_sessions::router::{RouterRefusal, TokenCookies};
/// use jwt_sessions::store::AnyStore;
/// use jwt_sessions::{Client, Opened, Sessions};
///
/// /// The last step of a login at an identity provider, which has said who it is.
/// async fn callback(sessions: Sessions<AnyStore>, subject: String) -> Result<Response, RouterRefusal> {
///     match sessions.open(subject, Client::default()).await? {
///         Opened::Tokens(tokens) => Ok((TokenCookies::new(&sessions, &tokens)?, Redirect::to("/")).into_response()),
///         _ => Ok(Redirect::to("/login?failed").into_response()),
///     }
/// }
/// ```
///
/// The request was not asked whether another site sent it: a handler that acts on a cookie stands behind the
/// [`JwtAuthLayer`](crate::auth::JwtAuthLayer), which asks.
#[derive(Clone, Debug)]
#[must_use]
pub struct TokenCookies(HeaderMap);

impl TokenCookies {
    /// Sets both cookies; that of the refresh token only where it is a new one.
    ///
    /// # Errors
    ///
    /// [`ServerError`](super::RouterRefusalKind::ServerError) when a cookie is above 4,096 bytes.
    pub fn new<S: SessionStore>(sessions: &Sessions<S>, tokens: &Tokens) -> Result<Self, RouterRefusal> {
        let mut headers = HeaderMap::new();
        cookies::set(&mut headers, sessions.site(), tokens)?;
        Ok(Self(headers))
    }

    /// Takes both cookies away: at a logout, and after a refusal that [clears them](crate::session::Refused::clears_cookies). Any other
    /// refusal may be that of a request that lost a race, and would take what the winner has just got.
    pub fn cleared<S: SessionStore>(sessions: &Sessions<S>) -> Self {
        let mut headers = HeaderMap::new();
        cookies::clear(&mut headers, sessions.site());
        Self(headers)
    }
}

impl IntoResponseParts for TokenCookies {
    type Error = std::convert::Infallible;

    fn into_response_parts(self, mut response: ResponseParts) -> Result<ResponseParts, Self::Error> {
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        // `extend` would replace one cookie with the other.
        for (name, value) in &self.0 {
            response.headers_mut().append(name, value.clone());
        }
        Ok(response)
    }
}

/// The refresh token in a request's cookies, for [`Sessions::password_changed`] and the like; none when there is none.
///
/// # Errors
///
/// [`InvalidRequest`](super::RouterRefusalKind::InvalidRequest) when there are valid ones of two sessions, or more than four.
pub fn refresh_cookie<S: SessionStore>(
    sessions: &Sessions<S>,
    headers: &HeaderMap,
) -> Result<Option<Zeroizing<String>>, RouterRefusal> {
    let one = the_one(&candidates(sessions, headers)?)?;
    Ok(one.map(|token| Zeroizing::new(token.to_owned())))
}
