use axum::Json;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::context::Context;
use super::presented::Channel;
use super::refusal::RouterRefusal;
use super::{cookies, outcome};
use crate::session::{Refreshed, Tokens};
use crate::store::SessionStore;

/// The body of a success (RFC 6749 section 5.1). In the cookie channel it has no token: a script could read it.
#[derive(Serialize)]
struct Success<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    access_token: Option<&'a str>,
    token_type: &'static str,
    /// Seconds.
    expires_in: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
}

/// What tokens are answered for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Occasion {
    Login,
    Refresh,
}

impl<S: SessionStore> Context<S> {
    /// The tokens, in the channel of the one that was presented.
    pub(super) async fn tokens(
        &self,
        tokens: &Tokens,
        channel: Channel,
        occasion: Occasion,
    ) -> Result<Response, RouterRefusal> {
        let in_body = channel != Channel::Cookie;
        let mut response = match &self.express {
            Some(express) => express.success(self.sessions(), tokens, in_body, occasion).await?,
            None => Json(Success {
                access_token: in_body.then_some(tokens.access_token()),
                token_type: "Bearer",
                expires_in: tokens.expires_in().as_secs(),
                refresh_token: in_body.then_some(tokens.refresh_token()),
            })
            .into_response(),
        };
        if channel != Channel::Body {
            cookies::set(response.headers_mut(), self.sessions().site(), tokens)?;
        }
        Ok(response)
    }

    /// What came of a refresh token, with its outcome for whoever may know it.
    pub(super) async fn refreshed(&self, refreshed: Refreshed, channel: Channel) -> Response {
        let outcome = refreshed.outcome();
        let answer = self.renewed(refreshed, channel).await;
        let mut response = self.answer(answer);
        if let Some(outcome) = outcome {
            response.extensions_mut().insert(outcome);
            if self.tells_outcome {
                outcome::tell(response.headers_mut(), outcome);
            }
        }
        response
    }

    /// The same, with the cookies taken away where the session is over for whoever sent them.
    async fn renewed(&self, refreshed: Refreshed, channel: Channel) -> Result<Response, RouterRefusal> {
        match refreshed {
            Refreshed::Tokens(tokens) => self.tokens(&tokens, channel, Occasion::Refresh).await,
            Refreshed::Refused(refused) => {
                let refusal = RouterRefusal::from(refused);
                if !refusal.clears_cookies() || channel == Channel::Body {
                    return Err(refusal);
                }
                let mut response = self.refused(refusal);
                cookies::clear(response.headers_mut(), self.sessions().site());
                Ok(response)
            }
        }
    }

    /// A refusal in the application's words, if it has some, with the reason in the response's extensions.
    pub(super) fn refused(&self, refusal: RouterRefusal) -> Response {
        tracing::debug!(kind = ?refusal.kind(), "session request refused");
        let mut response = match &self.words {
            Some(words) => words(&refusal),
            None => refusal.response(),
        };
        response.extensions_mut().insert(refusal);
        response
    }

    pub(super) fn answer(&self, answer: Result<Response, RouterRefusal>) -> Response {
        answer.unwrap_or_else(|refusal| self.refused(refusal))
    }
}
