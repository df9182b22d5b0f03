use http::HeaderMap;
use zeroize::Zeroizing;

use super::context::{Context, Delivery, Incoming};
use super::refusal::{RouterRefusal, RouterRefusalKind as Kind};
use crate::auth::{MOST_COOKIES, cookies_named};
use crate::session::Sessions;
use crate::store::SessionStore;
use crate::token::SessionId;

/// How a token came, and so how its successor goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Channel {
    Cookie,
    Body,
    /// In both places at once: only where an Express front end needs it.
    Both,
}

/// The refresh token of a request.
pub(super) struct Presented {
    pub(super) token: Zeroizing<String>,
    pub(super) channel: Channel,
}

/// A refresh cookie, and what its signature says of it.
pub(super) struct Candidate<'a> {
    token: &'a str,
    claimed: Option<(SessionId, u64)>,
}

impl Candidate<'_> {
    pub(super) fn token(&self) -> &str {
        self.token
    }
}

impl<S: SessionStore> Context<S> {
    /// The refresh token that a request presents: the body's, else the cookie's.
    pub(super) fn presented(&self, incoming: &Incoming) -> Result<Presented, RouterRefusal> {
        let cookie = self.cookie(&incoming.head.headers)?;
        if self.is_both() {
            let token = self.newer(cookie, incoming.token.clone()).ok_or(Kind::MissingToken)?;
            return Ok(Presented { token, channel: Channel::Both });
        }
        let Some(token) = &incoming.token else {
            let token = cookie.ok_or(Kind::MissingToken)?;
            return Ok(Presented { token, channel: Channel::Cookie });
        };
        let claimed = |token: &str| self.sessions().claimed_by(token).map(|(session, _)| session);
        let of_cookie = cookie.and_then(|cookie| claimed(&cookie));
        if let (Some(one), Some(two)) = (of_cookie, claimed(token))
            && one != two
        {
            return Err(Kind::InvalidRequest.into());
        }
        Ok(Presented { token: token.clone(), channel: Channel::Body })
    }

    /// Where a client keeps its tokens in both places: the cookie, as Express tutorials have it, unless it is no token or the
    /// body has a newer one of the same session.
    pub(super) fn newer(
        &self,
        cookie: Option<Zeroizing<String>>,
        body: Option<Zeroizing<String>>,
    ) -> Option<Zeroizing<String>> {
        let claimed = |token: &Option<Zeroizing<String>>| self.sessions().claimed_by(token.as_deref()?);
        match (claimed(&cookie), claimed(&body)) {
            (Some((one, old)), Some((other, new))) if one == other && new > old => body,
            (Some(_), _) => cookie,
            (None, _) => body.or(cookie),
        }
    }

    /// The one refresh cookie that counts.
    pub(super) fn cookie(&self, headers: &HeaderMap) -> Result<Option<Zeroizing<String>>, RouterRefusal> {
        let one = the_one(&self.candidates(headers)?)?;
        Ok(one.map(|token| Zeroizing::new(token.to_owned())))
    }

    /// All refresh cookies of a request.
    pub(super) fn candidates<'a>(&self, headers: &'a HeaderMap) -> Result<Vec<Candidate<'a>>, RouterRefusal> {
        if self.delivery == Delivery::Body { Ok(Vec::new()) } else { candidates(self.sessions(), headers) }
    }
}

/// All refresh cookies of a request; a sibling subdomain can toss some of our name into the jar, but no more than four are
/// looked at.
pub(super) fn candidates<'a, S: SessionStore>(
    sessions: &Sessions<S>,
    headers: &'a HeaderMap,
) -> Result<Vec<Candidate<'a>>, RouterRefusal> {
    let Some(name) = sessions.site().refresh_cookie_name() else { return Ok(Vec::new()) };
    let mut candidates = Vec::new();
    for value in cookies_named(headers, name.as_bytes()) {
        if candidates.len() == MOST_COOKIES {
            return Err(Kind::InvalidRequest.into());
        }
        // No token has a byte above ASCII, and the empty text is no token either.
        let token = std::str::from_utf8(value).unwrap_or_default();
        candidates.push(Candidate { token, claimed: sessions.claimed_by(token) });
    }
    Ok(candidates)
}

/// The one that counts: what does not verify is ignored, of one session the highest generation counts, valid ones of two
/// sessions are refused. Where none verifies, the first, to be refused for what it is.
pub(super) fn the_one<'a>(candidates: &[Candidate<'a>]) -> Result<Option<&'a str>, RouterRefusal> {
    let mut valid = candidates.iter().filter_map(|one| Some((one.claimed?, one.token)));
    let Some(mut best) = valid.next() else { return Ok(candidates.first().map(|one| one.token)) };
    for other in valid {
        let ((session, generation), _) = other;
        if session != best.0.0 {
            return Err(Kind::InvalidRequest.into());
        }
        if generation > best.0.1 {
            best = other;
        }
    }
    Ok(Some(best.1))
}
