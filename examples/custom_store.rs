//! A session store of one's own: it passes the conformance suite, then keeps real sessions. `cargo run --example
//! custom_store`.
//!
//! The map stands where your database would. What it shows is the contract: each verb is one step that nobody gets between
//! (here a lock, there a transaction or a single statement), and `now` is read inside of that step, after any wait.
//! A map forgets with the process; a database has written what a verb answers.
#![allow(clippy::print_stdout, reason = "what it prints is what it shows")]

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jwt_sessions::clock::Clock;
use jwt_sessions::store::conformance::Suite;
use jwt_sessions::store::{
    Created, Cursor, Device, Ends, Entry, Feed, Listed, Loaded, NOTED_FOR, NewSession, REVOKED_FOR, Revocation,
    RevokeReason, Row, Seen, SessionStore, StoreError, StoreErrorKind, Swap, Swapped,
};
use jwt_sessions::token::{SecretHash, SessionId, Timestamp};
use jwt_sessions::{Client, Grant, Keys, Opened, Refreshed, Sessions, accounts_elsewhere};

/// Sessions in one map behind one lock.
struct MapStore {
    tables: Mutex<Tables>,
    clock: Clock,
}

#[derive(Default)]
struct Tables {
    /// The primary key is subject and id: with another's subject, a session does not exist.
    sessions: HashMap<(String, SessionId), (Row, Device)>,
    /// When all sessions of a subject were last ended: a login that began before must not survive it.
    ended: HashMap<String, Timestamp>,
    /// The same for all subjects: what `revoke_all` was told.
    all_ended: Option<Timestamp>,
    /// What was ended, for the other instances: a table of its own that they read twice a second. A database deletes
    /// here what is older than [`REVOKED_FOR`].
    feed: Vec<(Timestamp, Ends)>,
}

impl MapStore {
    fn new(clock: Clock) -> Self {
        Self { tables: Mutex::default(), clock }
    }

    /// The lock first and then the time: a decision is made at its own moment and not at that of the question.
    fn begin(&self) -> (MutexGuard<'_, Tables>, Timestamp) {
        let tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        (tables, self.clock.now())
    }
}

impl SessionStore for MapStore {
    async fn now(&self) -> Result<Timestamp, StoreError> {
        Ok(self.clock.now())
    }

    async fn create(&self, session: &NewSession) -> Result<Created, StoreError> {
        let (mut tables, now) = self.begin();
        let read = session.credentials_read_at;
        let too_late = tables.ended.get(&session.subject).is_some_and(|ended| read <= *ended)
            || tables.all_ended.is_some_and(|before| read < before);
        if too_late {
            return Ok(Created::TooLate);
        }
        let key = (session.subject.clone(), session.id);
        if tables.sessions.contains_key(&key) {
            // What a primary key refuses. Ids are random: it does not happen by chance.
            return Err(StoreError::new(StoreErrorKind::Unavailable).because("there is a session of this id"));
        }
        // The longest unused make room, in the same step: the limit holds also for logins at one moment.
        let mut living: Vec<_> =
            tables.living(&session.subject, now).map(|(row, _)| (row.rotated_at, row.id)).collect();
        living.sort_unstable();
        let surplus = (living.len() + 1).saturating_sub(session.limit.max(1));
        let ended: Vec<_> = living.into_iter().take(surplus).map(|(_, id)| id).collect();
        for id in &ended {
            tables.end(&session.subject, *id, RevokeReason::Limit, now);
        }
        let row = Row::opened(session, now);
        tables.sessions.insert(key, (row, session.device.clone()));
        Ok(Created::Opened { row, ended })
    }

    async fn load(&self, subject: &str, id: SessionId) -> Result<Option<Loaded>, StoreError> {
        let (mut tables, now) = self.begin();
        Ok(tables.row(subject, id).map(|row| Loaded::new(*row, now)))
    }

    async fn swap(
        &self,
        subject: &str,
        id: SessionId,
        secret_hash: &SecretHash,
        swap: &Swap,
    ) -> Result<Swapped, StoreError> {
        let (mut tables, now) = self.begin();
        let Some(row) = tables.row(subject, id) else { return Ok(Swapped::Lost(None)) };
        // In SQL: one `UPDATE … WHERE` with every demand of `Swap::apply`, and a `SELECT` for the loser.
        Ok(match swap.apply(row, now).filter(|_| row.secret_hash.matches(secret_hash)) {
            Some(swapped) => {
                *row = swapped;
                if swap.cut > 0 {
                    tables.feed.push((now, Ends::Below(id, swap.cut)));
                }
                Swapped::Won(Loaded::new(swapped, now))
            }
            None => Swapped::Lost(Some(Loaded::new(*row, now))),
        })
    }

    async fn confirm(&self, seen: &[Seen]) -> Result<Vec<Seen>, StoreError> {
        let (mut tables, now) = self.begin();
        let mut orphans = Vec::new();
        for sight in seen {
            let row = tables.row(&sight.subject, sight.session).filter(|row| row.is_living(now));
            let Some(row) = row else { continue };
            if sight.generation == row.generation {
                row.seen = row.generation;
            }
            if row.previous < sight.generation && sight.generation < row.generation && row.cut <= sight.generation {
                orphans.push(sight.clone());
            }
        }
        Ok(orphans)
    }

    async fn revoke(&self, subject: &str, id: SessionId, reason: RevokeReason) -> Result<bool, StoreError> {
        let (mut tables, now) = self.begin();
        Ok(tables.end(subject, id, reason, now))
    }

    async fn revoke_subject(
        &self,
        subject: &str,
        except: Option<SessionId>,
        reason: RevokeReason,
    ) -> Result<Vec<SessionId>, StoreError> {
        let (mut tables, now) = self.begin();
        // Also where nobody is logged in: somebody may be about to be. A clock that was set back takes nothing back.
        let ended = tables.ended.entry(subject.to_owned()).or_insert(now);
        *ended = now.max(*ended);
        let living: Vec<_> = tables.living(subject, now).map(|(row, _)| row.id).collect();
        Ok(living.into_iter().filter(|id| Some(*id) != except && tables.end(subject, *id, reason, now)).collect())
    }

    async fn list(&self, subject: &str) -> Result<Vec<Listed>, StoreError> {
        let (tables, now) = self.begin();
        let mut listed: Vec<_> =
            tables.living(subject, now).map(|(row, device)| Listed::new(*row, device.clone())).collect();
        listed.sort_by_key(|listed| Reverse((listed.row.rotated_at, listed.row.created_at, listed.row.id)));
        Ok(listed)
    }

    async fn purge(&self, limit: usize) -> Result<usize, StoreError> {
        let (mut tables, now) = self.begin();
        let mut deleted = 0;
        tables.sessions.retain(|_, (row, _)| {
            let needed = match row.revoked {
                // Kept for a while: its access tokens still travel.
                Some(revoked) => now.since(revoked.at) <= REVOKED_FOR && row.expires_at > now && row.idle_until() > now,
                None => row.is_living(now),
            };
            let delete = !needed && deleted < limit;
            deleted += usize::from(delete);
            !delete
        });
        tables.ended.retain(|_, ended| now.since(*ended) <= NOTED_FOR);
        Ok(deleted)
    }

    async fn revoke_all(&self, before: Timestamp) -> Result<u64, StoreError> {
        let (mut tables, now) = self.begin();
        tables.all_ended = tables.all_ended.max(Some(before));
        let mut ended = 0;
        for (row, _) in tables.sessions.values_mut() {
            if row.is_living(now) && row.created_at < before {
                row.revoked = Some(Revocation::new(now, RevokeReason::Revoked));
                ended += 1;
            }
        }
        tables.feed.push((now, Ends::All));
        Ok(ended)
    }

    async fn feed(&self, cursor: &Cursor) -> Result<Feed, StoreError> {
        let (tables, now) = self.begin();
        // A number of eight bytes: how many entries were read. In SQL mind that numbers are given before they are committed.
        let read = cursor.as_bytes().try_into().map_or(0, usize::from_be_bytes);
        let read = if read > tables.feed.len() { 0 } else { read };
        let entries: Vec<_> =
            tables.feed.iter().skip(read).map(|(at, ends)| Entry::new(*ends, now.since(*at))).collect();
        let cursor = Cursor::new(tables.feed.len().to_be_bytes());
        Ok(Feed::new(entries.into_iter().filter(|entry| entry.age <= REVOKED_FOR).collect(), cursor, false))
    }
}

impl Tables {
    fn row(&mut self, subject: &str, id: SessionId) -> Option<&mut Row> {
        self.sessions.get_mut(&(subject.to_owned(), id)).map(|(row, _)| row)
    }

    /// In SQL an index on the subject; here a walk over all, which is too slow for many.
    fn living(&self, subject: &str, now: Timestamp) -> impl Iterator<Item = &(Row, Device)> {
        let of_subject = self.sessions.iter().filter(move |((of, _), _)| of == subject);
        of_subject.map(|(_, session)| session).filter(move |(row, _)| row.is_living(now))
    }

    /// Whether it was living until now; the first reason stays.
    fn end(&mut self, subject: &str, id: SessionId, reason: RevokeReason, now: Timestamp) -> bool {
        let Some(row) = self.row(subject, id).filter(|row| row.is_living(now)) else { return false };
        row.revoked = Some(Revocation::new(now, reason));
        self.feed.push((now, Ends::Session(id)));
        true
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // The suite panics at the first promise that is broken, and names it. With a clock of its own it also tries what
    // needs time to pass. In a real project this is a test.
    let clock = Clock::manual(Clock::system().now());
    Suite::new(MapStore::new(clock.clone())).with_clock(clock).alone().run().await;
    println!("the store keeps its promises");

    async fn grant(subject: String) -> Result<Option<Grant<serde_json::Value>>, std::io::Error> {
        Ok(Some(Grant::new(serde_json::json!({"name": subject}))))
    }
    // In a real application both secrets come from the environment.
    let keys = Keys::secrets(random_secret()?, random_secret()?)?;
    let sessions = Sessions::builder(keys, MapStore::new(Clock::system()), accounts_elsewhere(grant))
        .issuer("https://app.example")
        .build()?;

    let Opened::Tokens(first) = sessions.open("alice", Client::default()).await? else {
        return Err("alice has no account".into());
    };
    println!("alice has {} session", sessions.list("alice").await?.len());
    match sessions.refresh(first.refresh_token()).await? {
        Refreshed::Tokens(second) => println!("renewed: {}", second.refresh_token() != first.refresh_token()),
        other => println!("not renewed: {other:?}"),
    }
    sessions.revoke("alice", first.session_id()).await?;
    match sessions.refresh(first.refresh_token()).await? {
        Refreshed::Refused(refused) => println!("after the end: {refused:?}"),
        other => println!("still renewed: {other:?}"),
    }
    Ok(())
}

fn random_secret() -> Result<[u8; 32], getrandom::Error> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret)?;
    Ok(secret)
}
