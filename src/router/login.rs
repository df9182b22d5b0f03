use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::{Request, Uri};

use super::answer::Occasion;
use super::body::Sent;
use super::context::{Context, Delivery};
use super::presented::{Channel, Presented};
use super::refusal::{RouterRefusal, RouterRefusalKind as Kind};
use crate::session::{Client, Opened, SessionError, SessionErrorKind, Tokens};
use crate::store::{RevokeReason, SessionStore};

/// `POST /login`: credentials of the application's type, for a session.
pub(super) async fn login<S: SessionStore>(State(context): State<Arc<Context<S>>>, request: Request<Body>) -> Response {
    let answer = context.login(request).await;
    context.answer(answer)
}

/// `POST /reauthenticate`: the same subject's credentials again; sets `auth_time`, then as `/rotate`.
pub(super) async fn reauthenticate<S: SessionStore>(
    State(context): State<Arc<Context<S>>>,
    request: Request<Body>,
) -> Response {
    let answer = context.reauthenticate(request).await;
    context.answer(answer)
}

impl<S: SessionStore> Context<S> {
    async fn login(&self, request: Request<Body>) -> Result<Response, RouterRefusal> {
        let channel = self.channel_of(request.uri())?;
        let incoming = self.receive_login(request).await?;
        let replaced = match channel {
            Channel::Body => incoming.token,
            Channel::Both => self.newer(self.cookie(&incoming.head.headers).ok().flatten(), incoming.token),
            // Cookies that contradict each other must not keep anybody from logging in.
            Channel::Cookie => self.cookie(&incoming.head.headers).ok().flatten(),
        };
        let mut client = Client::new(self.device(&incoming.head)).taking_at_most(self.longest(channel));
        if let Some(token) = &replaced {
            client = client.replacing(token);
        }
        let opened = match incoming.sent {
            Sent::Nothing => return Err(Kind::InvalidRequest.into()),
            Sent::Json(members) => self.sessions().login(serde_json::Value::Object(members), client).await,
            Sent::Form(pairs) => {
                let form = encoded(&pairs)?;
                self.sessions().login(form_deserializer(&form), client).await
            }
        };
        match opened.or_else(nobody)? {
            Opened::Tokens(tokens) => self.opened(&tokens, channel).await,
            Opened::BadCredentials => Err(Kind::InvalidCredentials.into()),
            Opened::Unreadable => Err(Kind::InvalidRequest.into()),
            Opened::Denied => Err(Kind::AccessDenied.into()),
        }
    }

    /// The tokens of a new session, which does not outlive an answer that cannot be given: nobody would have its tokens.
    async fn opened(&self, tokens: &Tokens, channel: Channel) -> Result<Response, RouterRefusal> {
        let answer = self.tokens(tokens, channel, Occasion::Login).await;
        if answer.is_err() {
            let patience = self.sessions().patience();
            self.sessions().end(tokens.subject(), tokens.session_id(), RevokeReason::Revoked, &patience).await?;
        }
        answer
    }

    async fn reauthenticate(&self, request: Request<Body>) -> Result<Response, RouterRefusal> {
        let incoming = self.receive(request).await?;
        let Presented { token, channel } = self.presented(&incoming)?;
        let longest = self.longest(channel);
        let refreshed = match incoming.sent {
            Sent::Nothing => return Err(Kind::InvalidRequest.into()),
            Sent::Json(members) => {
                let members = serde_json::Value::Object(members);
                self.sessions().reauthenticate_within(&token, members, longest).await?
            }
            Sent::Form(pairs) => {
                let form = encoded(&pairs)?;
                self.sessions().reauthenticate_within(&token, form_deserializer(&form), longest).await?
            }
        };
        Ok(self.refreshed(refreshed, channel).await)
    }

    /// Login has no token to go by: cookies, unless the request asks for the body.
    fn channel_of(&self, uri: &Uri) -> Result<Channel, RouterRefusal> {
        let query = uri.query().unwrap_or_default().as_bytes();
        let mut asked = form_urlencoded::parse(query).filter(|(name, _)| name == "delivery").map(|(_, value)| value);
        let body = match (asked.next().as_deref(), asked.next()) {
            (None, _) => false,
            (Some("body"), None) => true,
            _ => return Err(Kind::InvalidRequest.into()),
        };
        match self.delivery {
            Delivery::Body => Ok(Channel::Body),
            _ if !self.sessions().site().has_cookies() => Ok(Channel::Body),
            Delivery::Cookies if body => Err(Kind::InvalidRequest.into()),
            _ if body => Ok(Channel::Body),
            _ if self.is_both() => Ok(Channel::Both),
            _ => Ok(Channel::Cookie),
        }
    }
}

/// Where accounts make the subject of what was typed, one that cannot be is nobody's: no client causes a 500.
fn nobody(error: SessionError) -> Result<Opened, SessionError> {
    if error.kind() == SessionErrorKind::Subject {
        tracing::error!("the accounts answered a subject that is empty, above 1,024 bytes, or has a null character");
        return Ok(Opened::BadCredentials);
    }
    Err(error)
}

fn encoded(pairs: &[(String, String)]) -> Result<zeroize::Zeroizing<String>, RouterRefusal> {
    serde_urlencoded::to_string(pairs).map(zeroize::Zeroizing::new).map_err(|_| Kind::InvalidRequest.into())
}

fn form_deserializer(form: &str) -> serde_urlencoded::Deserializer<'_> {
    serde_urlencoded::Deserializer::new(form_urlencoded::parse(form.as_bytes()))
}
