//! A store whose replica takes over, and has not heard of a session's last rotation.
//!
//! It does what a run needs and no more: the secrets that it would compare are all their sessions' own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use jwt_sessions::clock::Clock;
use jwt_sessions::store::{
    Created, Cursor, Feed, Listed, Loaded, NewSession, Revocation, RevokeReason, Row, Seen, SessionStore, StoreError,
    Swap, Swapped,
};
use jwt_sessions::token::{SecretHash, SessionId, Timestamp};

#[derive(Clone)]
pub(crate) struct Replicated {
    clock: Clock,
    rows: Rows,
}

type Rows = Arc<Mutex<HashMap<SessionId, Copies>>>;

struct Copies {
    row: Row,
    /// The row without its last write, if that was a rotation.
    before: Option<Row>,
}

impl Replicated {
    pub(crate) fn new(clock: Clock) -> Self {
        Self { clock, rows: Rows::default() }
    }

    /// Loses the session's last write, and whether there was one.
    pub(crate) fn fail_over(&self, id: SessionId) -> bool {
        let mut rows = self.rows.lock().unwrap();
        let copies = rows.get_mut(&id).unwrap();
        let before = copies.before.take();
        copies.row = before.unwrap_or(copies.row);
        before.is_some()
    }
}

impl SessionStore for Replicated {
    async fn now(&self) -> Result<Timestamp, StoreError> {
        Ok(self.clock.now())
    }

    async fn create(&self, session: &NewSession) -> Result<Created, StoreError> {
        let row = Row::opened(session, self.clock.now());
        self.rows.lock().unwrap().insert(session.id, Copies { row, before: None });
        Ok(Created::Opened { row, ended: Vec::new() })
    }

    async fn load(&self, _: &str, id: SessionId) -> Result<Option<Loaded>, StoreError> {
        Ok(self.rows.lock().unwrap().get(&id).map(|copies| Loaded::new(copies.row, self.clock.now())))
    }

    async fn swap(&self, _: &str, id: SessionId, _: &SecretHash, swap: &Swap) -> Result<Swapped, StoreError> {
        let (mut rows, now) = (self.rows.lock().unwrap(), self.clock.now());
        let Some(copies) = rows.get_mut(&id) else { return Ok(Swapped::Lost(None)) };
        Ok(match swap.apply(&copies.row, now) {
            Some(row) => {
                copies.before = Some(std::mem::replace(&mut copies.row, row));
                Swapped::Won(Loaded::new(row, now))
            }
            None => Swapped::Lost(Some(Loaded::new(copies.row, now))),
        })
    }

    async fn confirm(&self, seen: &[Seen]) -> Result<Vec<Seen>, StoreError> {
        let (mut rows, now) = (self.rows.lock().unwrap(), self.clock.now());
        let mut orphans = Vec::new();
        for one in seen {
            let Some(copies) = rows.get_mut(&one.session).filter(|copies| copies.row.is_living(now)) else { continue };
            let row = &mut copies.row;
            if one.generation == row.generation {
                row.seen = row.generation;
                copies.before = None;
            } else if row.previous < one.generation && one.generation < row.generation && row.cut <= one.generation {
                orphans.push(one.clone());
            }
        }
        Ok(orphans)
    }

    async fn revoke(&self, _: &str, id: SessionId, reason: RevokeReason) -> Result<bool, StoreError> {
        let (mut rows, now) = (self.rows.lock().unwrap(), self.clock.now());
        let Some(copies) = rows.get_mut(&id).filter(|copies| copies.row.is_living(now)) else { return Ok(false) };
        copies.row.revoked = Some(Revocation::new(now, reason));
        copies.before = None;
        Ok(true)
    }

    async fn revoke_subject(
        &self,
        _: &str,
        _: Option<SessionId>,
        _: RevokeReason,
    ) -> Result<Vec<SessionId>, StoreError> {
        Ok(Vec::new())
    }

    async fn list(&self, _: &str) -> Result<Vec<Listed>, StoreError> {
        Ok(Vec::new())
    }

    async fn purge(&self, _: usize) -> Result<usize, StoreError> {
        Ok(0)
    }

    async fn revoke_all(&self, _: Timestamp) -> Result<u64, StoreError> {
        Ok(0)
    }

    async fn feed(&self, cursor: &Cursor) -> Result<Feed, StoreError> {
        Ok(Feed::new(Vec::new(), cursor.clone(), false))
    }
}
