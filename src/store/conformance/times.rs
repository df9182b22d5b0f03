use std::time::Duration;

use super::suite::{HOUR, MILLISECOND, Suite, answered, promised};
use crate::store::{Created, Loaded, NewSession, RevokeReason, Seen, SessionStore, Swap, Swapped};
use crate::token::Timestamp;

impl<S: SessionStore> Suite<S> {
    /// A session ends at `expires_at`, however often it was rotated.
    pub async fn sessions_expire(&self) {
        let session = NewSession { lifetime: SHORT, ..self.session(&self.subject("expires")) };
        let expires_at = self.open(&session).await.expires_at;
        if let Some(clock) = &self.clock {
            clock.set(expires_at.before(MILLISECOND));
            self.swap_wins(&session, &Swap::new((1, 1), 2, 1)).await;
            clock.set(expires_at);
            self.has_ended(&session, (2, 1), "the session is expired").await;
            return;
        }
        self.pass(&session, expires_at).await;
        self.has_ended(&session, (1, 1), "the session is expired").await;
    }

    /// A session ends when it was not rotated for its `idle`, and a rotation starts that anew.
    pub async fn idle_sessions_end(&self) {
        let session = NewSession { idle: SHORT, ..self.session(&self.subject("idle")) };
        let opened = self.open(&session).await;
        let Some(clock) = &self.clock else {
            self.pass(&session, opened.idle_until()).await;
            return self.has_ended(&session, (1, 1), "the session was idle for too long").await;
        };
        clock.set(opened.idle_until().before(MILLISECOND));
        let rotated = self.swap_wins(&session, &Swap::new((1, 1), 2, 1)).await.row;
        clock.set(opened.idle_until().after(MILLISECOND));
        promised(self.is_listed(&session).await, "a rotation starts idleness anew");
        clock.set(rotated.idle_until());
        self.has_ended(&session, (2, 1), "the session was idle for too long").await;
    }

    /// What lies between previous and the newest generation is an orphan for as long as the session lives, and no longer.
    pub async fn the_dead_have_no_orphans(&self) {
        let subject = self.subject("dead-orphan");
        for is_idle in [true, false] {
            let mut life = SHORT;
            let (session, dies) = loop {
                let mut session = self.session(&subject);
                *(if is_idle { &mut session.idle } else { &mut session.lifetime }) = life;
                if let Some(dies) = self.dies_with_an_orphan(&session).await {
                    break (session, dies);
                }
                // It was dead before it had been rotated twice.
                life *= 2;
            };
            if let Some(clock) = &self.clock {
                clock.set(dies.before(MILLISECOND));
                promised(self.has_an_orphan(&session).await, "what is an orphan is one until its session ends");
                clock.set(dies);
            } else {
                self.pass(&session, dies).await;
            }
            promised(!self.has_an_orphan(&session).await, "what has ended by itself has no orphans");
        }
    }

    /// The dead do not count for the limit, and are neither answered nor revoked by anything that ends the living.
    pub async fn the_dead_make_no_room_and_are_not_ended(&self) {
        let subject = self.subject("dead");
        let living = NewSession { limit: 2, ..self.session(&subject) };
        self.open(&living).await;
        let dead = NewSession { idle: SHORT, limit: 2, ..self.session(&subject) };
        let dies = self.open(&dead).await.idle_until();
        self.pass(&dead, dies).await;

        let (_, ended) = self.open_with(&NewSession { limit: 2, ..self.session(&subject) }).await;
        promised(ended.is_empty(), "the dead do not count for the limit");
        let ended = answered("revoke_subject", self.store.revoke_subject(&subject, None, RevokeReason::Account).await);
        promised(ended.len() == 2 && !ended.contains(&dead.id), "the dead are not ended again");
        promised(self.row(&dead).await.revoked.is_none(), "the dead are not revoked");
    }

    /// [`purge`](SessionStore::purge) deletes the dead and what was revoked long ago, in pages, and nothing else.
    pub async fn a_purge_takes_the_dead_alone(&self) {
        let subject = self.subject("purge");
        let session = || self.session(&subject);
        let living = NewSession { idle: 4 * HOUR, lifetime: 4 * HOUR, ..session() };
        let revoked = NewSession { idle: 4 * HOUR, lifetime: 4 * HOUR, ..session() };
        let idle = [(); 5].map(|()| NewSession { idle: SHORT, ..session() });
        let expired = [(); 5].map(|()| NewSession { lifetime: SHORT, ..session() });
        self.open(&living).await;
        self.open(&revoked).await;
        let mut dies = Timestamp::default();
        for session in idle.iter().chain(&expired) {
            let row = self.open(session).await;
            dies = dies.max(row.expires_at.min(row.idle_until()));
        }
        answered("revoke", self.store.revoke(&subject, revoked.id, RevokeReason::Logout).await);
        let ended = self.session(&self.subject("purge-note"));
        answered("revoke_subject", self.store.revoke_subject(&ended.subject, None, RevokeReason::LogoutAll).await);
        let revoked_at = self.row(&revoked).await.revoked.map_or_else(Timestamp::default, |revoked| revoked.at);
        self.pass(&living, dies).await;

        let page = answered("purge", self.store.purge(3).await);
        promised(page <= 3, "a purge deletes no more than it was asked for");
        self.purge_all().await;
        for session in idle.iter().chain(&expired) {
            let found = answered("load", self.store.load(&subject, session.id).await);
            promised(found.is_none(), "a purge that answered less than its limit left nothing dead");
        }
        promised(self.is_listed(&living).await, "a purge leaves the living");
        promised(self.row(&revoked).await.revoked.is_some(), "a purge leaves what was revoked lately");

        let Some(clock) = &self.clock else { return };
        clock.set(revoked_at.after(crate::store::REVOKED_FOR));
        self.purge_all().await;
        promised(self.row(&revoked).await.revoked.is_some(), "a purge keeps what was revoked for REVOKED_FOR");
        clock.advance(MILLISECOND);
        self.purge_all().await;
        let found = answered("load", self.store.load(&subject, revoked.id).await);
        promised(found.is_none(), "a purge deletes what was revoked long ago");
        let read_at = revoked_at.before(HOUR);
        let created = self.store.create(&NewSession { credentials_read_at: read_at, ..ended }).await;
        promised(
            matches!(answered("create", created), Created::TooLate),
            "a purge leaves the note that all sessions of a subject were ended",
        );
        promised(self.is_listed(&living).await, "a purge leaves the living, whatever else it deletes");
        self.open(&session()).await;
    }

    async fn purge_all(&self) {
        for _ in 0..PAGES {
            if answered("purge", self.store.purge(3).await) < 3 {
                return;
            }
        }
        panic!("purge: it finds ever more to delete");
    }

    async fn is_listed(&self, session: &NewSession) -> bool {
        let listed = answered("list", self.store.list(&session.subject).await);
        listed.iter().any(|listed| listed.row.id == session.id)
    }

    /// Opens a session and rotates it twice behind its first generation. Answers when it dies, or nothing if it is dead by then.
    async fn dies_with_an_orphan(&self, session: &NewSession) -> Option<Timestamp> {
        self.open(session).await;
        for generation in [1, 2] {
            match self.swap(session, &Swap::new((generation, 1), generation + 1, 1)).await {
                Swapped::Won(_) => {}
                Swapped::Lost(Some(lost)) if !lost.row.is_living(lost.now) => return None,
                Swapped::Lost(row) => panic!("swap: lost although every demand was met; the row was {row:?}"),
            }
        }
        let has_an_orphan = self.has_an_orphan(session).await;
        let Loaded { row, now, .. } = self.loaded(session).await;
        promised(has_an_orphan || !row.is_living(now), "what lies between previous and generation is an orphan");
        has_an_orphan.then(|| row.expires_at.min(row.idle_until()))
    }

    async fn has_an_orphan(&self, session: &NewSession) -> bool {
        let seen = [Seen::new(&session.subject, session.id, 2)];
        !answered("confirm", self.store.confirm(&seen).await).is_empty()
    }

    /// That a session is treated as ended, though its row is still there.
    async fn has_ended(&self, session: &NewSession, expected: (u64, u64), because: &str) {
        let swap = Swap::new(expected, expected.0 + 1, expected.0);
        self.swap_loses(session, &swap, because).await;
        promised(!self.is_listed(session).await, "what has ended is not listed");
        let revoked = self.store.revoke(&session.subject, session.id, RevokeReason::Logout).await;
        promised(!answered("revoke", revoked), "what has ended was not living");
        promised(self.row(session).await.revoked.is_none(), "what has ended by itself is not revoked");
    }
}

/// Short enough to wait for, where the clock cannot be set.
const SHORT: Duration = Duration::from_millis(30);
const PAGES: u32 = 1_000_000;
