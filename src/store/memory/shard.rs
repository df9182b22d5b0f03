use std::cmp::Reverse;
use std::collections::HashMap;
use std::hash::RandomState;

use super::sessions::{Key, Sessions};
use super::slab::Handle;
use crate::store::{
    Listed, Loaded, NOTED_FOR, NewSession, REVOKED_FOR, Revocation, RevokeReason, Row, Seen, Swap, Swapped,
};
use crate::token::{SecretHash, SessionId, Timestamp};

/// Some of the subjects, with all that is known of them.
pub(super) struct Shard {
    sessions: Sessions,
    /// When all sessions of a subject were last ended: logins whose credentials were read up to then are refused.
    not_before: HashMap<Box<str>, Timestamp>,
    /// What `revoke_all` left, the same in every shard: logins whose credentials were read before are refused.
    revoked_before: Option<Timestamp>,
}

impl Shard {
    pub(super) fn new(keyed: RandomState) -> Self {
        Self { sessions: Sessions::new(keyed), not_before: HashMap::new(), revoked_before: None }
    }

    pub(super) fn is_too_late(&self, session: &NewSession) -> bool {
        let read = session.credentials_read_at;
        let ended = self.not_before.get(session.subject.as_str());
        ended.is_some_and(|ended| *ended >= read) || self.revoked_before.is_some_and(|before| before > read)
    }

    /// Opens a session whose id the subject does not have yet, and ends those beyond the limit; nothing where there is no
    /// room for it.
    pub(super) fn open(
        &mut self,
        key: &Key<'_>,
        session: &NewSession,
        now: Timestamp,
    ) -> Option<(Row, Vec<SessionId>)> {
        let row = Row::opened(session, now);
        let mut others = self.living(key, now);
        if !self.sessions.insert(key, &row, &session.device) {
            return None;
        }
        others.sort_by_key(newest_first);
        let beyond = others.into_iter().skip(session.limit.saturating_sub(1)).map(|row| row.id).collect();
        Some((row, self.end(key, beyond, RevokeReason::Limit, now)))
    }

    pub(super) fn row(&self, key: &Key<'_>, id: SessionId) -> Option<Row> {
        self.sessions.row(self.sessions.find(key, id)?)
    }

    pub(super) fn swap(
        &mut self,
        key: &Key<'_>,
        id: SessionId,
        secret_hash: &SecretHash,
        swap: &Swap,
        now: Timestamp,
    ) -> Swapped {
        let Some((at, row)) = self.found(key, id) else { return Swapped::Lost(None) };
        let swapped = swap.apply(&row, now).filter(|_| row.secret_hash.matches(secret_hash));
        match swapped.filter(|swapped| self.sessions.write(at, swapped)) {
            Some(swapped) => Swapped::Won(Loaded::new(swapped, now)),
            None => Swapped::Lost(Some(Loaded::new(row, now))),
        }
    }

    /// Whether what was seen is an orphan.
    pub(super) fn confirm(&mut self, key: &Key<'_>, seen: &Seen, now: Timestamp) -> bool {
        let Some((at, row)) = self.found(key, seen.session).filter(|(_, row)| row.is_living(now)) else {
            return false;
        };
        if seen.generation == row.generation && row.seen != row.generation {
            self.sessions.write(at, &Row { seen: row.generation, ..row });
        }
        row.previous < seen.generation && seen.generation < row.generation && row.cut <= seen.generation
    }

    pub(super) fn revoke(&mut self, key: &Key<'_>, id: SessionId, reason: RevokeReason, now: Timestamp) -> bool {
        let found = self.found(key, id).filter(|(_, row)| row.is_living(now));
        found.is_some_and(|(at, row)| self.sessions.write(at, &revoked(row, reason, now)))
    }

    pub(super) fn revoke_subject(
        &mut self,
        key: &Key<'_>,
        except: Option<SessionId>,
        reason: RevokeReason,
        now: Timestamp,
    ) -> Vec<SessionId> {
        // A clock that was set back never takes back a refusal.
        let noted = self.not_before.entry(key.subject.into()).or_insert(now);
        *noted = now.max(*noted);
        let living = self.living(key, now).into_iter().map(|row| row.id);
        let ended = living.filter(|id| Some(*id) != except).collect();
        self.end(key, ended, reason, now)
    }

    pub(super) fn list(&self, key: &Key<'_>, now: Timestamp) -> Vec<Listed> {
        let rows = self.sessions.of(key).filter_map(|at| Some((at, self.sessions.row(at)?)));
        let living = rows.filter(|(_, row)| row.is_living(now));
        let mut listed: Vec<_> = living.map(|(at, row)| Listed::new(row, self.sessions.device(at))).collect();
        listed.sort_by_key(|listed| newest_first(&listed.row));
        listed
    }

    /// Drops at most `limit` rows that nobody needs any more, and the notes that outlived whatever they refuse.
    pub(super) fn sweep(&mut self, now: Timestamp, limit: usize) -> usize {
        let (mut dropped, mut next) = (0, self.sessions.next(None));
        while let Some(at) = next.filter(|_| dropped < limit) {
            if self.sessions.row(at).is_none_or(|row| is_droppable(&row, now)) {
                self.sessions.remove(at);
                dropped += 1;
            }
            next = self.sessions.next(Some(at));
        }
        self.sessions.shrink();
        self.not_before.retain(|_, at| now.since(*at) <= NOTED_FOR);
        dropped
    }

    /// The first moment at which a row of this shard may be dropped, if nothing happens before.
    pub(super) fn earliest_drop(&self) -> Timestamp {
        let rows = self.all().filter_map(|at| self.sessions.row(at));
        let drops = rows.map(|row| {
            let dies = row.expires_at.min(row.idle_until());
            row.revoked.map_or(dies, |revoked| dies.min(revoked.at.after(REVOKED_FOR)))
        });
        drops.min().unwrap_or(Timestamp::from_millis(i64::MAX))
    }

    pub(super) fn revoke_all(&mut self, before: Timestamp, now: Timestamp) -> u64 {
        self.revoked_before = self.revoked_before.max(Some(before));
        let (mut ended, mut next) = (0, self.sessions.next(None));
        while let Some(at) = next {
            let row = self.sessions.row(at).filter(|row| row.is_living(now) && row.created_at < before);
            let written = row.is_some_and(|row| self.sessions.write(at, &revoked(row, RevokeReason::Revoked, now)));
            ended += u64::from(written);
            next = self.sessions.next(Some(at));
        }
        ended
    }

    fn all(&self) -> impl Iterator<Item = Handle> {
        std::iter::successors(self.sessions.next(None), |at| self.sessions.next(Some(*at)))
    }

    fn found(&self, key: &Key<'_>, id: SessionId) -> Option<(Handle, Row)> {
        let at = self.sessions.find(key, id)?;
        Some((at, self.sessions.row(at)?))
    }

    fn living(&self, key: &Key<'_>, now: Timestamp) -> Vec<Row> {
        let rows = self.sessions.of(key).filter_map(|at| self.sessions.row(at));
        rows.filter(|row| row.is_living(now)).collect()
    }

    /// Ends them by their ids and not by where they are: each that is ended may move another.
    fn end(&mut self, key: &Key<'_>, ids: Vec<SessionId>, reason: RevokeReason, now: Timestamp) -> Vec<SessionId> {
        ids.into_iter().filter(|id| self.revoke(key, *id, reason, now)).collect()
    }
}

fn newest_first(row: &Row) -> impl Ord + use<> {
    Reverse((row.rotated_at, row.created_at, row.id))
}

fn revoked(row: Row, reason: RevokeReason, now: Timestamp) -> Row {
    Row { revoked: Some(Revocation::new(now, reason)), ..row }
}

fn is_droppable(row: &Row, now: Timestamp) -> bool {
    let revoked_long_ago = row.revoked.is_some_and(|revoked| now.since(revoked.at) > REVOKED_FOR);
    row.expires_at <= now || row.idle_until() <= now || revoked_long_ago
}
