use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use http::request::Parts;
use http::{HeaderMap, Request};
use zeroize::Zeroizing;

use super::body::Sent;
use super::express::Express;
use super::refusal::{RouterRefusal, RouterRefusalKind as Kind};
use crate::auth::Refusal;
use crate::session::Sessions;
use crate::store::SessionStore;
use crate::token::{SessionId, Timestamp, is_recent};

/// How a login gets its tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Delivery {
    /// In cookies, unless the request says `?delivery=body`. Without cookies in the site: in the body alone.
    #[default]
    Either,
    /// In cookies alone; tokens in bodies are not looked at.
    Cookies,
    /// In the body alone; no refresh cookie is read, and no cookie is written.
    Body,
}

/// The application's words for a refusal.
pub(super) type Words = Arc<dyn Fn(&RouterRefusal) -> Response + Send + Sync>;

/// The application's words for a refusal of an access token.
pub(super) type AccessWords = Arc<dyn Fn(&Refusal) -> Response + Send + Sync>;

/// What every route works with.
pub(super) struct Context<S> {
    pub(super) sessions: Sessions<S>,
    pub(super) delivery: Delivery,
    pub(super) trusted_proxies: usize,
    pub(super) keep_ip: bool,
    pub(super) keep_user_agent: bool,
    pub(super) recent: Option<Duration>,
    pub(super) tells_outcome: bool,
    pub(super) words: Option<Words>,
    pub(super) access_words: Option<AccessWords>,
    pub(super) express: Option<Express>,
}

/// A request that may be acted on: its body read, and not another site's doing.
pub(super) struct Incoming {
    pub(super) head: Parts,
    /// What is left of the body without the token.
    pub(super) sent: Sent,
    /// The refresh token of the body.
    pub(super) token: Option<Zeroizing<String>>,
    /// Whether the check against other sites was made. Otherwise no cookie may be acted on.
    pub(super) guarded: bool,
}

impl<S: SessionStore> Context<S> {
    pub(super) fn sessions(&self) -> &Sessions<S> {
        &self.sessions
    }

    /// How refusals of access tokens are written.
    pub(super) fn access_refusals(&self) -> impl Fn(&Refusal) -> Response + Clone + Send + Sync + use<S> {
        let words = self.access_words.clone();
        move |refusal| words.as_ref().map_or_else(|| refusal.response(), |words| words(refusal))
    }

    /// That the person has to show credentials again before other devices are logged out; none where that is not demanded, or
    /// they were shown lately.
    pub(super) fn stale(&self, auth_time: Option<Timestamp>, session: Option<SessionId>) -> Option<Refusal> {
        let max_age = self.recent?;
        let now = self.sessions().clock().now();
        (!is_recent(auth_time, max_age, now)).then(|| Refusal::stale(max_age).about(session))
    }

    /// Whether tokens are in cookies and bodies at once.
    pub(super) fn is_both(&self) -> bool {
        self.express.as_ref().is_some_and(Express::is_both)
            && self.delivery == Delivery::Either
            && self.sessions().site().has_cookies()
    }

    /// Reads a request, and refuses it where another site may have sent it: every one without a `Bearer` header and
    /// without a token in its body.
    pub(super) async fn receive(&self, request: Request<Body>) -> Result<Incoming, RouterRefusal> {
        let (head, mut sent) = self.read(request).await?;
        let token = sent.take_token()?.filter(|_| self.delivery != Delivery::Cookies);
        // A token in the body is the sender's own. Where the answer to it sets cookies, another site's own would do harm.
        let guarded = token.is_none() || self.is_both();
        let head = if guarded { self.guarded(head)? } else { head };
        Ok(Incoming { head, sent, token, guarded })
    }

    /// The same for a login, which another site may never start, whatever is in the body: it would log people in as
    /// somebody else.
    pub(super) async fn receive_login(&self, request: Request<Body>) -> Result<Incoming, RouterRefusal> {
        let (head, mut sent) = self.read(request).await?;
        let head = self.guarded(head)?;
        let token = sent.take_token()?;
        Ok(Incoming { head, sent, token, guarded: true })
    }

    async fn read(&self, request: Request<Body>) -> Result<(Parts, Sent), RouterRefusal> {
        let (head, body) = request.into_parts();
        let sent = Sent::read(&head.headers, body).await?;
        Ok((head, sent))
    }

    fn guarded(&self, head: Parts) -> Result<Parts, RouterRefusal> {
        if has_bearer(&head.headers) {
            return Ok(head);
        }
        self.sessions.verifier().csrf().pass(head).ok_or(Kind::Csrf.into())
    }
}

/// Whether a `Bearer` credential came: no other site can send one without a preflight.
fn has_bearer(headers: &HeaderMap) -> bool {
    headers
        .get_all(http::header::AUTHORIZATION)
        .iter()
        .any(|value| value.as_bytes().get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"bearer ")))
}
