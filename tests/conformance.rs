//! The conformance suite finds a store that breaks the contract, and says which promise it breaks.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper of a test fails the test, as the test itself would")]

use std::time::Duration;

use jwt_sessions::clock::Clock;
use jwt_sessions::store::conformance::Suite;
use jwt_sessions::store::{
    Created, Cursor, Ends, Feed, Listed, Loaded, MemoryStore, NewSession, RevokeReason, Seen, SessionStore, StoreError,
    Swap, Swapped,
};
use jwt_sessions::token::{SecretHash, SessionId, Timestamp};

/// What is wrong with a store.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// Reads, decides and writes in three steps.
    RacySwap,
    AnySecret,
    IgnoresSeen,
    IgnoresQuiet,
    LosesWithoutRow,
    /// Subjects are folded as a case-insensitive collation does.
    FoldsCase,
    /// Subjects are trimmed as a padded comparison does.
    Trims,
    LetsLateLoginsIn,
    /// Makes room in a step of its own: who stops waiting in between has ended a session for nothing.
    EndsBeforeItOpens,
    /// The present is an instance's, not the store's.
    IsAhead,
    IsBehind,
    ForgetsExcept,
    ForgetsTheDevice,
    /// The moment of opening is taken for that at which credentials were shown.
    ForgetsAuthTime,
    NoOrphans,
    /// Only what was revoked has none, not what has expired or was idle for too long.
    OrphansOfTheDead,
    ListsBackward,
    PurgesTooMuch,
    /// Only the ends of single sessions come to the feed.
    ForgetsCuts,
    /// Its numbers are given before they are committed: what is committed late is behind the cursor.
    LosesLateEntries,
    TakesStrangeCursors,
    KeepsOldEntries,
}

struct Broken(MemoryStore, Fault);

impl Broken {
    fn subject(&self, subject: &str) -> String {
        match self.1 {
            Fault::FoldsCase => subject.to_lowercase(),
            Fault::Trims => subject.trim_end().to_owned(),
            _ => subject.to_owned(),
        }
    }

    /// What it ends for a session before it opens it.
    async fn room(&self, session: &NewSession) -> Result<Vec<SessionId>, StoreError> {
        let is_known = self.0.load(&session.subject, session.id).await?.is_some();
        if !matches!(self.1, Fault::EndsBeforeItOpens) || is_known {
            return Ok(Vec::new());
        }
        let mut ended = Vec::new();
        for listed in self.0.list(&session.subject).await?.iter().skip(session.limit - 1) {
            if self.0.revoke(&session.subject, listed.row.id, RevokeReason::Limit).await? {
                ended.push(listed.row.id);
            }
        }
        tokio::task::yield_now().await;
        Ok(ended)
    }
}

impl SessionStore for Broken {
    async fn now(&self) -> Result<Timestamp, StoreError> {
        let now = self.0.now().await?;
        Ok(match self.1 {
            Fault::IsAhead => now.after(Duration::from_secs(60)),
            Fault::IsBehind => now.before(Duration::from_secs(60)),
            _ => now,
        })
    }

    async fn create(&self, session: &NewSession) -> Result<Created, StoreError> {
        let mut session = session.clone();
        session.subject = self.subject(&session.subject);
        match self.1 {
            Fault::LetsLateLoginsIn => {
                session.credentials_read_at = session.credentials_read_at.after(Duration::from_secs(1))
            }
            Fault::ForgetsTheDevice => session.device.label = None,
            // A moment to come becomes the present.
            Fault::ForgetsAuthTime => session.auth_time = Timestamp::from_secs(7_258_118_400),
            _ => {}
        }
        let room = self.room(&session).await?;
        let mut created = self.0.create(&session).await?;
        if let Created::Opened { ended, .. } = &mut created {
            ended.extend(room);
        }
        Ok(created)
    }

    async fn load(&self, subject: &str, id: SessionId) -> Result<Option<Loaded>, StoreError> {
        self.0.load(&self.subject(subject), id).await
    }

    async fn swap(&self, subject: &str, id: SessionId, hash: &SecretHash, swap: &Swap) -> Result<Swapped, StoreError> {
        let subject = &self.subject(subject);
        let (mut swap, mut hash) = (*swap, *hash);
        let found = self.0.load(subject, id).await?;
        match (self.1, found) {
            (Fault::RacySwap, Some(found)) if swap.apply(&found.row, found.now).is_some() => {
                tokio::task::yield_now().await;
                let now = self.0.load(subject, id).await?.unwrap_or(found);
                swap.expected = (now.row.generation, now.row.previous);
            }
            (Fault::AnySecret, Some(found)) => hash = found.row.secret_hash,
            (Fault::IgnoresSeen, _) => swap.unless_seen = false,
            (Fault::IgnoresQuiet, _) => swap.quiet_for = None,
            _ => {}
        }
        let swapped = self.0.swap(subject, id, &hash, &swap).await?;
        Ok(match (self.1, swapped) {
            (Fault::LosesWithoutRow, Swapped::Lost(_)) => Swapped::Lost(None),
            (_, swapped) => swapped,
        })
    }

    async fn confirm(&self, seen: &[Seen]) -> Result<Vec<Seen>, StoreError> {
        let mut seen = seen.to_vec();
        seen.iter_mut().for_each(|seen| seen.subject = self.subject(&seen.subject));
        let mut orphans = self.0.confirm(&seen).await?;
        match self.1 {
            Fault::NoOrphans => orphans.clear(),
            Fault::OrphansOfTheDead => {
                for seen in seen {
                    let Some(Loaded { row, now, .. }) = self.0.load(&seen.subject, seen.session).await? else {
                        continue;
                    };
                    let is_dead = !row.is_living(now) && row.revoked.is_none();
                    if is_dead && (row.previous + 1..row.generation).contains(&seen.generation) {
                        orphans.push(seen);
                    }
                }
            }
            _ => {}
        }
        Ok(orphans)
    }

    async fn revoke(&self, subject: &str, id: SessionId, reason: RevokeReason) -> Result<bool, StoreError> {
        self.0.revoke(&self.subject(subject), id, reason).await
    }

    async fn revoke_subject(
        &self,
        subject: &str,
        except: Option<SessionId>,
        reason: RevokeReason,
    ) -> Result<Vec<SessionId>, StoreError> {
        let except = except.filter(|_| !matches!(self.1, Fault::ForgetsExcept));
        self.0.revoke_subject(&self.subject(subject), except, reason).await
    }

    async fn list(&self, subject: &str) -> Result<Vec<Listed>, StoreError> {
        let mut listed = self.0.list(&self.subject(subject)).await?;
        if matches!(self.1, Fault::ListsBackward) {
            listed.reverse();
        }
        Ok(listed)
    }

    async fn purge(&self, limit: usize) -> Result<usize, StoreError> {
        self.0.purge(if matches!(self.1, Fault::PurgesTooMuch) { usize::MAX } else { limit }).await
    }

    async fn revoke_all(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.0.revoke_all(before).await
    }

    async fn feed(&self, cursor: &Cursor) -> Result<Feed, StoreError> {
        let mut feed = match self.1 {
            Fault::TakesStrangeCursors if !matches!(cursor.as_bytes().len(), 0 | 8) => {
                return Ok(Feed::new(Vec::new(), cursor.clone(), false));
            }
            Fault::KeepsOldEntries => self.0.feed(&Cursor::default()).await?,
            _ => self.0.feed(cursor).await?,
        };
        match self.1 {
            Fault::ForgetsCuts => feed.entries.retain(|entry| !matches!(entry.ends, Ends::Below(..))),
            // The last of a page that others are on is not to be seen yet.
            Fault::LosesLateEntries if !cursor.as_bytes().is_empty() => {
                feed.entries.truncate(feed.entries.len().saturating_sub(1).max(1));
            }
            Fault::KeepsOldEntries => feed.entries.iter_mut().for_each(|entry| entry.age = Duration::ZERO),
            _ => {}
        }
        Ok(feed)
    }
}

#[tokio::test]
async fn a_broken_promise_is_found_and_named() {
    let faults = [
        (Fault::RacySwap, "exactly one wins"),
        (Fault::AnySecret, "secret hash"),
        (Fault::IgnoresSeen, "was seen"),
        (Fault::IgnoresQuiet, "not quiet"),
        (Fault::LosesWithoutRow, "a loser must get the row"),
        (Fault::FoldsCase, "look-alike"),
        (Fault::Trims, "look-alike"),
        (Fault::LetsLateLoginsIn, "a login in flight"),
        (Fault::EndsBeforeItOpens, "ends the one beyond the limit and opens its own, or neither"),
        (Fault::IsAhead, "the present is that of the store's clock"),
        (Fault::IsBehind, "the present is that of the store's clock"),
        (Fault::ForgetsExcept, "all living sessions but one"),
        (Fault::ForgetsTheDevice, "a device comes back"),
        (Fault::ForgetsAuthTime, "when credentials were shown"),
        (Fault::NoOrphans, "is an orphan"),
        (Fault::OrphansOfTheDead, "has ended by itself has no orphans"),
        (Fault::ListsBackward, "rotated last first"),
        (Fault::PurgesTooMuch, "no more than it was asked for"),
        (Fault::ForgetsCuts, "what is cut is in the feed"),
        (Fault::LosesLateEntries, "in the feed"),
        (Fault::TakesStrangeCursors, "is the beginning"),
        (Fault::KeepsOldEntries, "by the store's clock"),
    ];
    for (fault, promise) in faults {
        let clock = Clock::manual(Timestamp::from_secs(1_700_000_000));
        let suite = Suite::new(Broken(MemoryStore::new(clock.clone()), fault)).with_clock(clock);
        let failed = tokio::spawn(async move { suite.run().await }).await.unwrap_err();
        let panic = failed.into_panic();
        let words = panic.downcast_ref::<String>().unwrap();
        assert!(words.contains(promise), "{fault:?}: {words}");
    }
}
