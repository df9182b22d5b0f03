use std::fmt;
use std::sync::Arc;

use serde::Deserializer;

use super::accounts::Login;
use super::core::{Core, through};
use super::erased::{Asked, Granted, Unreadable};
use super::error::{SessionError, SessionErrorKind};
use super::events::EventKind;
use super::patience::Patience;
use super::sessions::Sessions;
use super::tokens::{AccessGrant, Room, Tokens, random};
use crate::store::{Created, Device, NOTED_FOR, NewSession, RevokeReason, Row, SessionStore, StoreError};
use crate::token::{SessionId, SessionSecret, Timestamp, is_subject};

/// What came of a login.
#[derive(Debug)]
#[non_exhaustive]
pub enum Opened {
    /// A session is open.
    Tokens(Tokens),
    /// The credentials are wrong, or the account is gone or disabled: nobody outside hears which.
    BadCredentials,
    /// The credentials do not have the application's form.
    Unreadable,
    /// The application's [`Events`](super::Events) refused.
    Denied,
}

/// Where a session is opened from.
#[derive(Clone, Default)]
#[must_use]
pub struct Client<'a> {
    device: Device,
    replaces: Option<&'a str>,
    identified_at: Option<Timestamp>,
    longest: Option<usize>,
}

impl<'a> Client<'a> {
    /// From a device that the list of devices will show.
    pub fn new(device: Device) -> Self {
        Self { device, ..Self::default() }
    }

    /// From a client that already has a session: it is ended first, if this refresh token is one of it.
    pub fn replacing(mut self, refresh_token: &'a str) -> Self {
        self.replaces = Some(refresh_token);
        self
    }

    /// When the person's credentials were read, where that was some time ago: at an identity provider, say. A logout
    /// everywhere that came since then counts; without it, only one that comes while the session is opened. Credentials that
    /// were read longer ago than [`NOTED_FOR`] open nothing.
    ///
    /// It may be the clock of [`SessionsBuilder::clock`](super::SessionsBuilder::clock) or a better one: where that clock is
    /// ahead of the store's, it is taken to be so much earlier.
    pub fn identified_at(mut self, at: Timestamp) -> Self {
        self.identified_at = Some(at);
        self
    }

    /// One that takes an access token of so many bytes at most.
    #[cfg(feature = "axum")]
    pub(crate) fn taking_at_most(mut self, longest: Option<usize>) -> Self {
        self.longest = longest;
        self
    }
}

// The token is a secret until its session has ended.
impl fmt::Debug for Client<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("device", &self.device).field("replaces", &self.replaces.is_some()).finish()
    }
}

impl<S: SessionStore> Sessions<S> {
    /// Opens a session for somebody who logged in elsewhere, and whom the application has therefore identified itself.
    ///
    /// ```no_run
    /// # async fn example(sessions: jwt_sessions::Sessions<jwt_sessions::store::MemoryStore>) -> Result<(), Box<dyn std::error::Error>> {
    /// use jwt_sessions::{Client, Opened};
    ///
    /// if let Opened::Tokens(tokens) = sessions.open("alice", Client::default()).await? {
    ///     println!("good for {:?}", tokens.expires_in());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When the store or the accounts break, the claims cannot be signed, or the subject is empty, longer than 1,024 bytes, or
    /// has U+0000.
    pub async fn open(&self, login: impl Into<Login>, from: Client<'_>) -> Result<Opened, SessionError> {
        let patience = self.patience();
        let read_at = self.read_at(from.identified_at, &patience).await?;
        self.open_for(login.into(), from, read_at, patience).await
    }

    /// Reads credentials, asks the accounts whose they are, and opens a session.
    ///
    /// # Errors
    ///
    /// When the store or the accounts break, the claims cannot be signed, or the subject is empty, longer than 1,024 bytes, or
    /// has U+0000.
    pub async fn login<'de>(
        &self,
        credentials: impl Deserializer<'de> + Send,
        from: Client<'_>,
    ) -> Result<Opened, SessionError> {
        let Ok(whose) = self.whose(credentials) else { return Ok(Opened::Unreadable) };
        // Before the accounts are asked: a logout-all that comes between must win.
        let patience = self.patience();
        let read_at = self.read_at(None, &patience).await?;
        match whose.await? {
            Some(login) => self.open_for(login, from, read_at, patience).await,
            None => Ok(Opened::BadCredentials),
        }
    }

    /// When the credentials are read, by the store's clock, and its present: it is the store that compares this with logouts
    /// everywhere, and this instance's clock may be ahead of it or behind.
    async fn read_at(&self, identified_at: Option<Timestamp>, patience: &Patience) -> Result<ReadAt, SessionError> {
        let core = self.core();
        let now = patience.wait(core.store.now()).await?;
        // Nobody knows by which clock that was: by this instance's, or by one that agrees with the store's.
        let ahead = core.clock.now().since(now);
        Ok(ReadAt { now, at: identified_at.map_or(now, |at| at.before(ahead).min(now)) })
    }

    /// Reads the credentials at once; the answer asks whose they are.
    pub(super) fn whose<'de>(&self, credentials: impl Deserializer<'de>) -> Result<Asked<'_, Login>, Unreadable> {
        self.core().accounts.login(&mut <dyn erased_serde::Deserializer<'_>>::erase(credentials))
    }

    #[tracing::instrument(level = "debug", name = "open_session", skip_all, fields(subject = login.subject))]
    async fn open_for(
        &self,
        login: Login,
        from: Client<'_>,
        read_at: ReadAt,
        patience: Patience,
    ) -> Result<Opened, SessionError> {
        let core = self.core();
        let subject = login.subject.as_str();
        if !is_subject(subject) {
            return Err(SessionError::new(SessionErrorKind::Subject));
        }
        let device = bounded(from.device, login.label.as_deref());
        if core.reporter.before_open(subject, &device).is_err() {
            return Ok(Opened::Denied);
        }
        let Some(granted) = core.accounts.grant(subject).await? else {
            return Ok(Opened::BadCredentials);
        };
        core.mint.check(subject, &granted, core.clock.now(), Room { generation: 1, longest: from.longest })?;
        if let Some(token) = from.replaces {
            self.replace(token, subject, &patience).await?;
        }
        let secret = SessionSecret::from_bytes(random()?);
        let (idle, lifetime) = self.lives(&login);
        let mut session =
            NewSession::new(SessionId::from_bytes(random()?), subject, secret.hash()?, idle, lifetime, read_at.at);
        session.device = device;
        session.limit = core.limit;
        let created = create(Arc::clone(core), session, read_at.now, EventKind::Login, patience);
        match through(async { Ok(created.await?) }).await? {
            Some(row) => self.both(&row, subject, &granted, &secret, !login.remember).map(Opened::Tokens),
            None => Ok(Opened::BadCredentials),
        }
    }

    /// An access token and the refresh token of the row's generation.
    pub(super) fn both(
        &self,
        row: &Row,
        subject: &str,
        granted: &Granted,
        secret: &SessionSecret,
        transient: bool,
    ) -> Result<Tokens, SessionError> {
        let core = self.core();
        let now = core.clock.now();
        let (access, expires_in) =
            core.mint.access(&AccessGrant { row, subject, generation: row.generation, granted }, now)?;
        Ok(Tokens {
            session: row.id,
            subject: subject.to_owned(),
            access,
            expires_in,
            refresh: core.mint.refresh(row, subject, secret, transient)?,
            refresh_is_new: true,
            refresh_for: row.idle_until().min(row.expires_at).since(now),
            transient,
            outcome: None,
        })
    }

    /// Idle and absolute life of a new session: what the login asks for, within the settings.
    pub(super) fn lives(&self, login: &Login) -> (std::time::Duration, std::time::Duration) {
        let core = self.core();
        let configured = if login.remember { core.lives.idle } else { core.lives.idle_unremembered };
        let shortest = core.rotation.window.saturating_mul(6);
        let idle = login.idle.unwrap_or(configured).min(configured.min(core.lives.idle)).max(shortest);
        let absolute = login.absolute.unwrap_or(core.lives.absolute).min(core.lives.absolute);
        (idle.min(absolute), absolute)
    }
}

/// By the store's clock.
#[derive(Clone, Copy)]
struct ReadAt {
    /// What time it was then.
    now: Timestamp,
    /// When the credentials were read, or earlier.
    at: Timestamp,
}

/// Opens a session, unless it is too late for it by the store's present `now`; notes and reports those that made room.
///
/// Whether all sessions were ended since the credentials were read, a store remembers for so long and no longer.
pub(super) async fn create<S: SessionStore>(
    core: Arc<Core<S>>,
    session: NewSession,
    now: Timestamp,
    how: EventKind,
    patience: Patience,
) -> Result<Option<Row>, StoreError> {
    if now.since(session.credentials_read_at) > NOTED_FOR {
        return Ok(None);
    }
    let (row, ended) = match patience.wait(core.store.create(&session)).await? {
        Created::Opened { row, ended } => (row, ended),
        Created::TooLate => return Ok(None),
    };
    for other in ended {
        core.ended.end(other);
        core.reporter.report(other, &session.subject, EventKind::Revoked(RevokeReason::Limit));
    }
    core.reporter.report(row.id, &session.subject, how);
    Ok(Some(row))
}

/// What is kept of a device is bounded: it is shown to people, and comes from the client.
pub(super) fn bounded(device: Device, label: Option<&str>) -> Device {
    let cut = |text: &str, most: usize| {
        let shown: String = text.chars().filter(|char| !char.is_control()).collect();
        let end = (0..=most.min(shown.len())).rev().find(|end| shown.is_char_boundary(*end)).unwrap_or(0);
        shown.get(..end).unwrap_or_default().to_owned()
    };
    Device {
        user_agent: device.user_agent.as_deref().map(|text| cut(text, 256)),
        ip: device.ip,
        label: label.or(device.label.as_deref()).map(|text| cut(text, 128)),
    }
}
