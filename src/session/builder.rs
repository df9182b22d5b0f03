use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::accounts::Accounts;
use super::core::{Core, Lives};
use super::ended::Ended;
use super::erased::ErasedAccounts;
use super::error::BuildError;
use super::events::{Events, Reporter};
use super::feed::{Heard, Stance};
use super::keys::Keys;
use super::legacy::LegacyTokens;
use super::rotation::Rotation;
use super::sessions::Sessions;
use super::tokens::Mint;
use crate::auth::Verifier;
use crate::clock::Clock;
use crate::site::Site;
use crate::store::SessionStore;
use crate::token::{RESERVED, RESERVED_IN_REFRESH, SUBJECT_CLAIM};

/// Builds [`Sessions`]: what must be decided is given to [`Sessions::builder`], the rest has safe defaults.
///
/// Lives and windows outside their bounds are refused by [`build`](Self::build), which names the setting.
#[must_use]
pub struct SessionsBuilder<S> {
    keys: Keys,
    store: S,
    accounts: Box<dyn ErasedAccounts>,
    site: Site,
    issuer: Option<String>,
    audience: Option<String>,
    subject_claim: Option<String>,
    access_life: Option<Duration>,
    idle: Option<Duration>,
    idle_unremembered: Option<Duration>,
    absolute: Option<Duration>,
    rotation: Rotation,
    limit: usize,
    store_timeout: Duration,
    stance: Stance,
    cached_tokens: Option<usize>,
    reporter: Reporter,
    legacy: Option<LegacyTokens>,
    clock: Clock,
}

impl<S: SessionStore> SessionsBuilder<S> {
    pub(super) fn new(keys: Keys, store: S, accounts: impl Accounts) -> Self {
        Self {
            keys,
            store,
            accounts: Box::new(accounts),
            site: Site::without_cookies(),
            issuer: None,
            audience: None,
            subject_claim: None,
            access_life: None,
            idle: None,
            idle_unremembered: None,
            absolute: None,
            rotation: Rotation::balanced(),
            limit: 100,
            store_timeout: Duration::from_secs(5),
            stance: Stance::default(),
            cached_tokens: None,
            reporter: Reporter::default(),
            legacy: None,
            clock: Clock::system(),
        }
    }

    /// Where the application is served, and so its cookies; without it, tokens travel in headers and bodies alone.
    pub fn site(mut self, site: Site) -> Self {
        self.site = site;
        self
    }

    /// The issuer (`iss`) of all tokens; the site's public origin unless it is set.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// The audience (`aud`) of access tokens; the issuer unless it is set. Refresh tokens have another one made of it.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// The claim of both tokens that the subject stands in, for a system that is migrating and calls it `_id`, say; `sub`
    /// unless it is set. Tokens that were issued under another name are refused: set it once.
    pub fn subject_claim(mut self, name: impl Into<String>) -> Self {
        self.subject_claim = Some(name.into());
        self
    }

    /// How long an access token lives, at most one hour; 15 minutes unless it is set.
    pub fn access_life(mut self, life: Duration) -> Self {
        self.access_life = Some(life);
        self
    }

    /// How long a session may go without a rotation; 7 days unless it is set.
    pub fn idle(mut self, idle: Duration) -> Self {
        self.idle = Some(idle);
        self
    }

    /// The same for sessions whose login did not ask to be remembered; 12 hours unless it is set, and never more than
    /// [`idle`](Self::idle).
    pub fn idle_unremembered(mut self, idle: Duration) -> Self {
        self.idle_unremembered = Some(idle);
        self
    }

    /// How long a session may live at all, at most 400 days; 90 days unless it is set.
    pub fn absolute(mut self, absolute: Duration) -> Self {
        self.absolute = Some(absolute);
        self
    }

    /// When refresh tokens are replaced; [`Rotation::balanced`] unless it is set.
    pub fn rotation(mut self, rotation: Rotation) -> Self {
        self.rotation = rotation;
        self
    }

    /// How many living sessions a subject may have; the longest unused is ended for the next. 100 unless it is set.
    pub fn session_limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// How long an operation waits for the store, in all its calls together; 5 seconds unless it is set. What the accounts take
    /// does not count.
    pub fn store_timeout(mut self, timeout: Duration) -> Self {
        self.store_timeout = timeout;
        self
    }

    /// What the layer does while this instance may not know what others have ended; [`Stance::Serve`] unless it is set.
    pub fn stance(mut self, stance: Stance) -> Self {
        self.stance = stance;
        self
    }

    /// How many verified access tokens are kept at most, in as many KiB, so that the next request with one costs no signature check;
    /// 10,000 unless it is set, and none with 0. See [*What is kept*](crate::auth#what-is-kept).
    pub fn cached_tokens(mut self, tokens: usize) -> Self {
        self.cached_tokens = Some(tokens);
        self
    }

    /// Who watches what happens to sessions.
    pub fn events(mut self, events: impl Events) -> Self {
        self.reporter = Reporter::new(Arc::new(events));
        self
    }

    /// Takes the refresh tokens of the system before, each once; none unless it is set.
    pub fn legacy_refresh_tokens(mut self, legacy: LegacyTokens) -> Self {
        self.legacy = Some(legacy);
        self
    }

    /// The clock of access tokens; the system's unless it is set. A store has its own: give both the same.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Builds the sessions, and starts their background task if this is called in a tokio runtime; otherwise their first call
    /// there starts it. A verifier alone does not: an instance that only verifies has to call [`Sessions::ready`].
    ///
    /// # Errors
    ///
    /// The first setting that is out of its bounds.
    pub fn build(self) -> Result<Sessions<S>, BuildError> {
        let (access_life, mut lives) = lives(self.access_life, self.idle, self.absolute);
        if let Some(idle) = self.idle_unremembered {
            lives.idle_unremembered = idle.min(lives.idle);
        }
        check_lives(access_life, &lives, &self.rotation)?;
        if self.limit == 0 {
            return Err(BuildError::new("session_limit", "zero"));
        }
        if self.store_timeout.is_zero() {
            return Err(BuildError::new("store_timeout", "zero"));
        }
        let issuer = self.issuer.or_else(|| self.site.origin().map(str::to_owned)).filter(|issuer| !issuer.is_empty());
        let issuer =
            issuer.ok_or_else(|| BuildError::new("issuer", "needed where there is no site to take it from"))?;
        let audience = self.audience.unwrap_or_else(|| issuer.clone());
        if audience.is_empty() {
            return Err(BuildError::new("audience", "empty"));
        }
        let subject_claim = self.subject_claim.unwrap_or_else(|| SUBJECT_CLAIM.to_owned());
        let taken = |names: &[&str]| names.contains(&subject_claim.as_str());
        if subject_claim.is_empty()
            || subject_claim != SUBJECT_CLAIM && (taken(&RESERVED) || taken(&RESERVED_IN_REFRESH))
        {
            return Err(BuildError::new("subject_claim", "empty, or the name of another claim"));
        }
        let mint = Mint::new(&self.keys, issuer.clone(), audience.clone(), subject_claim.clone(), access_life)
            .ok_or_else(|| BuildError::new("keys", "no key signs"))?;
        let legacy = self.legacy.map(LegacyTokens::build).transpose()?;
        let ended = Arc::new(Ended::new(self.clock.clone()));
        let heard = Arc::new(Heard::new(self.clock.clone(), self.stance));
        let verifier = Verifier::builder(self.keys.access.clone())
            .issuer(issuer)
            .audience(audience)
            .subject_claim(subject_claim)
            .site(self.site.clone())
            .clock(self.clock.clone())
            .session();
        let verifier = match self.cached_tokens {
            Some(tokens) => verifier.cached_tokens(tokens),
            None => verifier,
        };
        let core = Core {
            store: self.store,
            accounts: self.accounts,
            mint,
            legacy,
            rotation: self.rotation,
            lives,
            limit: self.limit,
            store_timeout: self.store_timeout,
            ended,
            heard,
            reporter: self.reporter,
            clock: self.clock,
        };
        Sessions::new(core, verifier, self.site, &self.keys)
    }
}

/// The lives as they are set, with the defaults for what is not.
pub(crate) fn lives(
    access_life: Option<Duration>,
    idle: Option<Duration>,
    absolute: Option<Duration>,
) -> (Duration, Lives) {
    let idle = idle.unwrap_or(7 * DAY);
    let lives = Lives { idle, idle_unremembered: idle.min(DAY / 2), absolute: absolute.unwrap_or(90 * DAY) };
    (access_life.unwrap_or(Duration::from_secs(15 * 60)), lives)
}

/// The bounds of everything that is a span of time; the error names the setting.
pub(crate) fn check_lives(access_life: Duration, lives: &Lives, rotation: &Rotation) -> Result<(), BuildError> {
    let refuse = |setting, reason: &str| Err(BuildError::new(setting, reason));
    let (window, quiet) = (rotation.window, rotation.quiet());
    let one_second = Duration::from_secs(1);
    if access_life < one_second || access_life > Duration::from_secs(3600) {
        return refuse("access_life", "below one second or above one hour");
    }
    if window < one_second || window > Duration::from_secs(60) {
        return refuse("rotation", "below 1 second or above 60 seconds");
    }
    for (setting, idle) in [("idle", lives.idle), ("idle_unremembered", lives.idle_unremembered)] {
        if idle < access_life {
            return refuse("access_life", "above the idle life of a session");
        }
        // A refresh that is held does not renew the session.
        if idle < window.saturating_mul(6) {
            return refuse(setting, "below six rotation windows");
        }
        if idle > lives.absolute {
            return refuse(setting, "above the absolute life of a session");
        }
    }
    if lives.absolute > 400 * DAY {
        return refuse("absolute", "above 400 days, the longest life of a cookie");
    }
    if rotation.horizon.is_some_and(|horizon| horizon < quiet) {
        return refuse("lost_response_horizon", "below three rotation windows");
    }
    if rotation.horizon.is_some_and(|horizon| horizon > lives.idle) {
        return refuse("lost_response_horizon", "above the idle life of a session");
    }
    Ok(())
}

impl<S> fmt::Debug for SessionsBuilder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionsBuilder")
            .field("site", &self.site)
            .field("issuer", &self.issuer)
            .field("audience", &self.audience)
            .field("access_life", &self.access_life)
            .field("idle", &self.idle)
            .field("absolute", &self.absolute)
            .field("rotation", &self.rotation)
            .field("limit", &self.limit)
            .field("store_timeout", &self.store_timeout)
            .field("stance", &self.stance)
            .finish_non_exhaustive()
    }
}

const DAY: Duration = Duration::from_secs(24 * 3600);
