use std::cmp::Reverse;
use std::collections::HashMap;

use crate::store::{
    Device, Listed, Loaded, NOTED_FOR, NewSession, REVOKED_FOR, Revocation, RevokeReason, Row, Seen, Swap, Swapped,
};
use crate::token::{SecretHash, SessionId, Timestamp};

/// Some of the subjects, with all that is known of them.
#[derive(Default)]
pub(super) struct Shard {
    subjects: HashMap<Box<str>, Subject>,
    /// What `revoke_all` left, the same in every shard: logins whose credentials were read before are refused.
    revoked_before: Option<Timestamp>,
}

#[derive(Default)]
struct Subject {
    /// When all sessions were last ended: logins whose credentials were read up to then are refused.
    not_before: Option<Timestamp>,
    /// Sorted by id. A sorted list and not a map of its own: most subjects have one or two sessions.
    sessions: Vec<Entry>,
}

struct Entry {
    row: Row,
    /// Boxed, and only when there is something to show: most of the memory would be its empty fields.
    device: Option<Box<Device>>,
}

impl Shard {
    pub(super) fn is_too_late(&self, session: &NewSession) -> bool {
        let read = session.credentials_read_at;
        let ended = self.subjects.get(session.subject.as_str()).and_then(|subject| subject.not_before);
        ended.is_some_and(|ended| ended >= read) || self.revoked_before.is_some_and(|before| before > read)
    }

    /// Opens a session whose id the subject does not have yet, and ends those beyond the limit.
    pub(super) fn open(&mut self, session: &NewSession, now: Timestamp) -> (Row, Vec<SessionId>) {
        let subject = self.subjects.entry(session.subject.as_str().into()).or_default();
        let others = session.limit.saturating_sub(1);
        let mut living: Vec<_> = subject.living(now).collect();
        living.sort_by_key(|entry| Reverse((entry.row.rotated_at, entry.row.created_at, entry.row.id)));
        let mut ended = Vec::new();
        for entry in living.into_iter().skip(others) {
            entry.row.revoked = Some(Revocation::new(now, RevokeReason::Limit));
            ended.push(entry.row.id);
        }
        let row = Row::opened(session, now);
        let device = (session.device != Device::default()).then(|| Box::new(session.device.clone()));
        subject.insert(Entry { row, device });
        (row, ended)
    }

    pub(super) fn row(&self, subject: &str, id: SessionId) -> Option<Row> {
        let subject = self.subjects.get(subject)?;
        let index = subject.position(id).ok()?;
        subject.sessions.get(index).map(|entry| entry.row)
    }

    pub(super) fn swap(
        &mut self,
        subject: &str,
        id: SessionId,
        secret_hash: &SecretHash,
        swap: &Swap,
        now: Timestamp,
    ) -> Swapped {
        let Some(row) = self.row_mut(subject, id) else { return Swapped::Lost(None) };
        let swapped = swap.apply(row, now).filter(|_| row.secret_hash.matches(secret_hash));
        match swapped {
            Some(swapped) => {
                *row = swapped;
                Swapped::Won(Loaded::new(swapped, now))
            }
            None => Swapped::Lost(Some(Loaded::new(*row, now))),
        }
    }

    /// Whether what was seen is an orphan.
    pub(super) fn confirm(&mut self, seen: &Seen, now: Timestamp) -> bool {
        let Some(row) = self.row_mut(&seen.subject, seen.session).filter(|row| row.is_living(now)) else {
            return false;
        };
        if seen.generation == row.generation {
            row.seen = row.generation;
        }
        row.previous < seen.generation && seen.generation < row.generation && row.cut <= seen.generation
    }

    pub(super) fn revoke(&mut self, subject: &str, id: SessionId, reason: RevokeReason, now: Timestamp) -> bool {
        let Some(row) = self.row_mut(subject, id).filter(|row| row.is_living(now)) else { return false };
        row.revoked = Some(Revocation::new(now, reason));
        true
    }

    pub(super) fn revoke_subject(
        &mut self,
        subject: &str,
        except: Option<SessionId>,
        reason: RevokeReason,
        now: Timestamp,
    ) -> Vec<SessionId> {
        let subject = self.subjects.entry(subject.into()).or_default();
        // A clock that was set back never takes back a refusal.
        subject.not_before = subject.not_before.max(Some(now));
        let mut ended = Vec::new();
        for entry in subject.living(now).filter(|entry| Some(entry.row.id) != except) {
            entry.row.revoked = Some(Revocation::new(now, reason));
            ended.push(entry.row.id);
        }
        ended
    }

    pub(super) fn list(&self, subject: &str, now: Timestamp) -> Vec<Listed> {
        let sessions = self.subjects.get(subject).map(|subject| subject.sessions.as_slice()).unwrap_or_default();
        let living = sessions.iter().filter(|entry| entry.row.is_living(now));
        let mut listed: Vec<_> =
            living.map(|entry| Listed::new(entry.row, entry.device.as_deref().cloned().unwrap_or_default())).collect();
        listed.sort_by_key(|listed| Reverse((listed.row.rotated_at, listed.row.created_at, listed.row.id)));
        listed
    }

    /// Drops at most `limit` rows that nobody needs any more, and the notes that outlived whatever they refuse.
    pub(super) fn sweep(&mut self, now: Timestamp, limit: usize) -> usize {
        let mut dropped = 0;
        self.subjects.retain(|_, subject| {
            subject.sessions.retain(|entry| {
                let drop = dropped < limit && is_droppable(&entry.row, now);
                dropped += usize::from(drop);
                !drop
            });
            subject.not_before = subject.not_before.filter(|at| now.since(*at) <= NOTED_FOR);
            subject.not_before.is_some() || !subject.sessions.is_empty()
        });
        dropped
    }

    /// The first moment at which a row of this shard may be dropped, if nothing happens before.
    pub(super) fn earliest_drop(&self) -> Timestamp {
        let rows = self.subjects.values().flat_map(|subject| &subject.sessions).map(|entry| &entry.row);
        let drops = rows.map(|row| {
            let dies = row.expires_at.min(row.idle_until());
            row.revoked.map_or(dies, |revoked| dies.min(revoked.at.after(REVOKED_FOR)))
        });
        drops.min().unwrap_or(Timestamp::from_millis(i64::MAX))
    }

    pub(super) fn revoke_all(&mut self, before: Timestamp, now: Timestamp) -> u64 {
        self.revoked_before = self.revoked_before.max(Some(before));
        let living = self.subjects.values_mut().flat_map(|subject| subject.living(now));
        let mut ended = 0;
        for entry in living.filter(|entry| entry.row.created_at < before) {
            entry.row.revoked = Some(Revocation::new(now, RevokeReason::Revoked));
            ended += 1;
        }
        ended
    }

    fn row_mut(&mut self, subject: &str, id: SessionId) -> Option<&mut Row> {
        let subject = self.subjects.get_mut(subject)?;
        let index = subject.position(id).ok()?;
        subject.sessions.get_mut(index).map(|entry| &mut entry.row)
    }
}

impl Subject {
    fn position(&self, id: SessionId) -> Result<usize, usize> {
        self.sessions.binary_search_by_key(&id, |entry| entry.row.id)
    }

    fn living(&mut self, now: Timestamp) -> impl Iterator<Item = &mut Entry> {
        self.sessions.iter_mut().filter(move |entry| entry.row.is_living(now))
    }

    fn insert(&mut self, entry: Entry) {
        let (Ok(index) | Err(index)) = self.position(entry.row.id);
        // By half and not, as a Vec grows by itself, to four at once: most subjects never have a second session.
        if self.sessions.len() == self.sessions.capacity() {
            self.sessions.reserve_exact((self.sessions.len() / 2).max(1));
        }
        self.sessions.insert(index, entry);
    }
}

fn is_droppable(row: &Row, now: Timestamp) -> bool {
    let revoked_long_ago = row.revoked.is_some_and(|revoked| now.since(revoked.at) > REVOKED_FOR);
    row.expires_at <= now || row.idle_until() <= now || revoked_long_ago
}
