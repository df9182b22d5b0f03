//! A thief: somebody who copied the jar once.

use super::draw::{Draws, Of};
use super::rule::{ACCESS_LIFE, Access, Millis, Rule, SECOND, Token};

/// When a thief uses what was stolen. All know when access tokens end, and so when the page asks for the next one, but
/// not how it jitters its timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Behaviour {
    /// 100 to 400 seconds before the page does, each time.
    Before,
    /// 200 to 600 seconds after the page may, each time.
    After,
    /// At the moment at which the page's timers begin to fire, each time.
    LockStep,
    /// 1 to 30 seconds after that moment, each time.
    InsideWindow,
    /// At once and, unseen, not again before 2 to 12 periods have passed.
    SitStill,
    /// Not before 2 to 12 periods have passed.
    OldToken,
}

impl Behaviour {
    pub(crate) const ALL: [Self; 6] =
        [Self::Before, Self::After, Self::LockStep, Self::InsideWindow, Self::SitStill, Self::OldToken];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Before => "before the victim",
            Self::After => "after the victim",
            Self::LockStep => "in lock-step",
            Self::InsideWindow => "inside the window",
            Self::SitStill => "refresh and sit still",
            Self::OldToken => "old token",
        }
    }

    /// Which behaviour robs that user.
    pub(crate) fn of(user: usize) -> Self {
        Self::ALL[user % Self::ALL.len()]
    }

    /// How long after the beginning of a period the thief acts in it.
    pub(crate) fn acts_after(self, draws: &Draws, user: usize, period: u64) -> Millis {
        let below = |bound| draws.below(bound, user, Of::ThiefAt, period, 0);
        match self {
            Self::Before => ACCESS_LIFE - 400 * SECOND + below(300 * SECOND),
            Self::After => 200 * SECOND + below(400 * SECOND),
            Self::LockStep => below(SECOND),
            Self::InsideWindow => SECOND + below(29 * SECOND),
            Self::SitStill | Self::OldToken => below(ACCESS_LIFE),
        }
    }

    /// Whether the thief acts in the period that is so many after the theft.
    pub(crate) fn acts_in(self, draws: &Draws, user: usize, since: u64) -> bool {
        match self {
            Self::Before => true,
            Self::After | Self::LockStep | Self::InsideWindow => since > 0,
            Self::SitStill | Self::OldToken => {
                u64::try_from(draws.below(11, user, Of::ThiefPeriod, 0, 0)).is_ok_and(|wait| since >= 2 + wait)
            }
        }
    }
}

/// What a thief has, and for how long it was good.
///
/// **A thief holds access** at a moment if the last of his access tokens is not over, or if one of his refresh tokens
/// would get him another at that moment, whether he tries or not. **The time** is from the theft to the last moment of
/// that, or to the end of the run. Every refresh token counts that he ever got.
///
/// An access token is over when its session ends ([`held`](Self::held)): so it is in this crate, on the instance that
/// ends it at once. Or it is over when its 15 minutes are, whatever becomes of its session
/// ([`held_to_expiry`](Self::held_to_expiry)): so it is with servers that only look at the token, which the other
/// rules' descriptions leave open. A thief has each of them for its full 15 minutes.
pub(crate) struct Thief {
    pub(crate) behaviour: Behaviour,
    pub(crate) stolen_at: Millis,
    pub(crate) period: u64,
    pub(crate) session: usize,
    /// The newest last; those that were given out twice once.
    tokens: Vec<Token>,
    /// The newest.
    pub(crate) access: Access,
    /// The last moment at which a refresh token would have been answered.
    answered: Millis,
    /// Up to when one would be, if nothing else happens.
    answered_until: Option<Millis>,
    /// When the session ended.
    pub(crate) ended_at: Option<Millis>,
    /// Whether the victim has no network at the theft, or loses it in one of the two periods after.
    pub(crate) alone: bool,
    /// Refused once, nobody tries again.
    pub(crate) refused: bool,
}

impl Thief {
    pub(crate) fn new(behaviour: Behaviour, now: Millis, period: u64, refresh: Token, access: Access) -> Self {
        Self {
            behaviour,
            stolen_at: now,
            period,
            session: refresh.session,
            tokens: vec![refresh],
            access,
            answered: now,
            answered_until: None,
            ended_at: None,
            alone: false,
            refused: false,
        }
    }

    /// The refresh token to use.
    pub(crate) fn token(&self) -> Option<&Token> {
        self.tokens.last()
    }

    pub(crate) fn got(&mut self, access: Access, refresh: Option<Token>) {
        self.access = access;
        if let Some(refresh) = refresh {
            self.tokens.retain(|token| !token.is(&refresh));
            self.tokens.push(refresh);
        }
    }

    /// Before something happens to the session: up to now, things were as they were.
    pub(crate) fn look_back(&mut self, now: Millis) {
        if let Some(until) = self.answered_until {
            self.answered = self.answered.max(until.min(now));
        }
    }

    /// After something happened to the session.
    pub(crate) async fn look_ahead(&mut self, rule: &impl Rule, now: Millis) {
        self.answered_until = None;
        if self.ended_at.is_none() && !rule.is_alive(self.session, now).await {
            self.ended_at = Some(now);
        }
        if self.ended_at.is_some() {
            return;
        }
        for token in self.tokens.iter().rev() {
            self.answered_until = self.answered_until.max(rule.answered_until(token, now).await);
        }
    }

    /// For how long, with access tokens that end with their session.
    pub(crate) fn held(&self, end: Millis) -> Millis {
        let access = self.access.expires_at().min(self.ended_at.unwrap_or(Millis::MAX));
        self.answered.max(access).min(end) - self.stolen_at
    }

    /// For how long, with access tokens that live until they expire.
    pub(crate) fn held_to_expiry(&self, end: Millis) -> Millis {
        self.answered.max(self.access.expires_at()).min(end) - self.stolen_at
    }
}
