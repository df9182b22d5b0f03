use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;

use super::accounts::Accounts;
use super::builder::SessionsBuilder;
use super::core::{Core, through};
use super::error::{BuildError, SessionError};
use super::feed::{self, FeedState};
use super::keys::Keys;
use super::patience::Patience;
use super::sights::Sights;
use super::watch::Watch;
use super::worker::{self, Job, Work};
use crate::auth::{Verifier, VerifierBuilder};
use crate::clock::Clock;
use crate::site::Site;
use crate::store::{Device, Listed, RevokeReason, SessionStore};
use crate::token::{SessionId, Timestamp};

/// The sessions of an application: opened at login, kept by refresh tokens, ended by logout, theft or time.
///
/// Cloning it shares the sessions. The background task ends with the last clone and the last [`verifier`](Self::verifier) of
/// them (a layer holds one), and first writes what it holds.
pub struct Sessions<S> {
    inner: Arc<Inner<S>>,
}

struct Inner<S> {
    core: Arc<Core<S>>,
    watch: Arc<Watch>,
    verifier: Verifier,
    site: Site,
    public_jwks: String,
    /// What the background task works on, while there is no such task.
    idle_work: Mutex<Option<Work>>,
}

impl<S: SessionStore> Sessions<S> {
    /// Starts building: the keys, the store and the accounts must be decided, the rest has safe defaults.
    pub fn builder(keys: Keys, store: S, accounts: impl Accounts) -> SessionsBuilder<S> {
        SessionsBuilder::new(keys, store, accounts)
    }

    pub(super) fn new(core: Core<S>, verifier: VerifierBuilder, site: Site, keys: &Keys) -> Result<Self, BuildError> {
        let (sender, receiver) = mpsc::channel(worker::QUEUE);
        let sights = Arc::new(Sights::new());
        let watch = Arc::new(Watch::new(core.ended.clone(), core.heard.clone(), sender, sights.clone()));
        let verifier =
            verifier.watch(watch.clone()).build().map_err(|error| BuildError::new("verifier", error.to_string()))?;
        let inner = Inner {
            core: Arc::new(core),
            watch,
            verifier,
            site,
            public_jwks: keys.access.public_jwks(),
            idle_work: Mutex::new(Some(Work::new(receiver, sights))),
        };
        let sessions = Self { inner: Arc::new(inner) };
        sessions.start();
        Ok(sessions)
    }

    /// What the layer verifies access tokens with: the same keys, clock, cookie and revocations.
    pub fn verifier(&self) -> Verifier {
        self.inner.verifier.clone()
    }

    /// Where the application is served.
    pub fn site(&self) -> &Site {
        &self.inner.site
    }

    /// The clock of access tokens.
    pub fn clock(&self) -> &Clock {
        &self.core().clock
    }

    /// The public keys of access tokens as a JWK Set (RFC 7517 section 5); empty for HMAC.
    pub fn public_jwks(&self) -> &str {
        &self.inner.public_jwks
    }

    /// Whether people log in here, and not elsewhere.
    pub fn can_login(&self) -> bool {
        self.core().accounts.can_login()
    }

    /// Waits until this instance knows which sessions the others have ended: the last thing to do before it serves.
    ///
    /// It takes as long as the store does not answer, or has no tables yet ([`SessionStore::migrate`]); a WARN says why. Put
    /// [`tokio::time::timeout`] around it where starting without is better than not starting.
    pub async fn ready(&self) {
        self.start();
        self.core().heard.loaded().await;
    }

    /// Whether this instance knows which sessions the others have ended; for a readiness probe.
    pub fn feed_state(&self) -> FeedState {
        self.start();
        self.core().heard.state()
    }

    /// Ends one session of a subject; whether it was living until now. This instance refuses its access tokens at once, others
    /// within a second.
    ///
    /// # Errors
    ///
    /// When the store breaks.
    pub async fn revoke(&self, subject: &str, session: SessionId) -> Result<bool, SessionError> {
        self.end(subject, session, RevokeReason::Revoked, &self.patience()).await
    }

    /// Ends all sessions of a subject, or all but one, and answers how many. Logins whose credentials were read before are
    /// refused.
    ///
    /// # Errors
    ///
    /// When the store breaks.
    pub async fn revoke_subject(&self, subject: &str, except: Option<SessionId>) -> Result<usize, SessionError> {
        self.end_subject(subject, except, RevokeReason::Revoked, &self.patience()).await
    }

    /// Ends all sessions of all subjects that were opened before `before`, and answers how many: for a store restored from
    /// a backup, or a leaked key. Every access token issued so far is refused here at once, and by the others within a second;
    /// clients whose session lives get another.
    ///
    /// When a token was issued, its issuer's clock says: of an instance that is ahead of the one that is asked, tokens of the
    /// last moments are taken until they expire. Where that is too long, take the key away.
    ///
    /// Logins whose credentials were read before that moment are refused, for good. So a moment more than a minute after the
    /// store's present, by which clocks may differ, counts as one minute after it.
    ///
    /// It takes as long as there are sessions: the time set for the store does not count, and it goes on when its caller stops
    /// waiting.
    ///
    /// # Errors
    ///
    /// When the store breaks; some sessions may have been ended, and the call is to be made again.
    pub async fn revoke_all(&self, before: Timestamp) -> Result<u64, SessionError> {
        let core = Arc::clone(self.core());
        through(async move {
            let now = core.store.now().await?;
            let before = before.min(now.after(CLOCKS_DIFFER));
            let ended = core.store.revoke_all(before).await;
            // Also after an error, for it may have happened: whoever's session lives gets another token.
            core.ended.end_all();
            let ended = ended?;
            tracing::warn!(ended, "all sessions opened before a moment were ended");
            Ok(ended)
        })
        .await
    }

    /// The living sessions of a subject, those used last first.
    ///
    /// # Errors
    ///
    /// When the store breaks.
    pub async fn list(&self, subject: &str) -> Result<Vec<SessionInfo>, SessionError> {
        self.start();
        let core = self.core();
        let listed = core.timed(core.store.list(subject)).await?;
        Ok(listed.into_iter().map(SessionInfo::from).collect())
    }

    /// Deletes what is over, in steps, and answers how many sessions. The background task does the same every five minutes.
    ///
    /// # Errors
    ///
    /// When the store breaks; what was deleted before is deleted.
    pub async fn purge(&self) -> Result<usize, SessionError> {
        const PAGE: usize = 1000;
        let core = self.core();
        let mut all = 0;
        loop {
            let deleted = core.timed(core.store.purge(PAGE)).await?;
            all += deleted;
            if deleted < PAGE {
                return Ok(all);
            }
        }
    }

    /// Waits until the background task has written what it holds, or has tried to: the last thing to do before the runtime
    /// ends, after the server's graceful shutdown, because a runtime that ends takes the task with it.
    pub async fn flush(&self) {
        self.start();
        let (done, wait) = oneshot::channel();
        if self.inner.watch.jobs().send(Job::Flush(done)).await.is_ok() {
            // The task has ended with its runtime: there is nothing to wait for.
            let _ = wait.await;
        }
    }

    /// How many first sights of a generation were lost because too many waited to be confirmed. The next request of such a
    /// session is another first sight. With the feature `metrics` it is the counter `jwt_sessions_lost_sights_total`, too.
    pub fn lost_sights(&self) -> u64 {
        self.inner.watch.lost()
    }

    /// How long an operation that begins now may wait for the store in all.
    pub(crate) fn patience(&self) -> Patience {
        self.start();
        self.core().patience()
    }

    pub(crate) async fn end(
        &self,
        subject: &str,
        session: SessionId,
        reason: RevokeReason,
        patience: &Patience,
    ) -> Result<bool, SessionError> {
        self.core().end(subject, session, reason, patience).await
    }

    pub(crate) async fn end_subject(
        &self,
        subject: &str,
        except: Option<SessionId>,
        reason: RevokeReason,
        patience: &Patience,
    ) -> Result<usize, SessionError> {
        let ended = self.core().end_subject(subject, except, reason, patience).await?;
        // Stores keep milliseconds, and refuse a login of the same one: whoever hears this answer may log in at once.
        tokio::time::sleep(Duration::from_millis(2)).await;
        Ok(ended)
    }

    pub(super) fn core(&self) -> &Arc<Core<S>> {
        &self.inner.core
    }

    pub(super) fn watch(&self) -> &Watch {
        &self.inner.watch
    }

    /// Starts the background task once there is a runtime to run it.
    pub(super) fn start(&self) {
        let Ok(runtime) = Handle::try_current() else { return };
        let work = self.inner.idle_work.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(work) = work {
            let following = runtime.spawn(feed::follow(self.inner.core.clone())).abort_handle();
            let core = self.inner.core.clone();
            let mut lent = Lent { work: Some(work), owner: Arc::downgrade(&self.inner), following };
            runtime.spawn(async move {
                if let Some(work) = &mut lent.work {
                    worker::run(core, work).await;
                }
            });
        }
    }
}

/// The work while the background task has it. A task that ends before its sessions, with its runtime or by a panic of the
/// application's store, gives it back. After a panic another task is started a moment later; the next call starts one, too.
struct Lent<S: SessionStore> {
    work: Option<Work>,
    owner: Weak<Inner<S>>,
    /// The other background task, which ends with this one.
    following: AbortHandle,
}

impl<S: SessionStore> Drop for Lent<S> {
    fn drop(&mut self) {
        self.following.abort();
        // A store that panics at a sight would do so again, and nothing would ever be confirmed.
        let panicking = std::thread::panicking();
        if let Some(work) = self.work.as_mut().filter(|_| panicking) {
            work.lose_all();
        }
        let Some(owner) = self.owner.upgrade() else { return };
        *owner.idle_work.lock().unwrap_or_else(PoisonError::into_inner) = self.work.take();
        // An instance that only verifies may not be called for hours, and would hear of no logout.
        if let (true, Ok(runtime)) = (panicking, Handle::try_current()) {
            let owner = Weak::clone(&self.owner);
            runtime.spawn(async move {
                tokio::time::sleep(AFTER_A_PANIC).await;
                if let Some(inner) = owner.upgrade() {
                    Sessions { inner }.start();
                }
            });
        }
    }
}

impl<S> Clone for Sessions<S> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone() }
    }
}

impl<S> fmt::Debug for Sessions<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").field("site", &self.inner.site).finish_non_exhaustive()
    }
}

/// How long the background task stays away after a panic of the application's store.
const AFTER_A_PANIC: Duration = Duration::from_secs(1);
/// What the clocks of instances and of their store may differ by.
const CLOCKS_DIFFER: Duration = Duration::from_secs(60);

/// A session as its owner sees it in the list of devices.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SessionInfo {
    /// The session.
    pub id: SessionId,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When its refresh token was last replaced.
    pub last_used_at: Timestamp,
    /// When the person last showed credentials.
    pub auth_time: Timestamp,
    /// For how long it may go unused.
    pub idle: Duration,
    /// When it ends in any case.
    pub expires_at: Timestamp,
    /// Where it was opened.
    pub device: Device,
}

impl From<Listed> for SessionInfo {
    fn from(Listed { row, device, .. }: Listed) -> Self {
        Self {
            id: row.id,
            created_at: row.created_at,
            last_used_at: row.rotated_at,
            auth_time: row.auth_time,
            idle: row.idle,
            expires_at: row.expires_at,
            device,
        }
    }
}
