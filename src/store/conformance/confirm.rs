use super::suite::{Suite, answered, promised, same};
use crate::store::{NewSession, RevokeReason, Row, Seen, SessionStore, Swap};

impl<S: SessionStore> Suite<S> {
    /// [`confirm`](SessionStore::confirm) notes the newest generation, in many sessions at once, and changes nothing else.
    pub async fn what_is_seen_is_noted(&self) {
        let (one, other) = (self.session(&self.subject("seen")), self.session(&self.subject("seen")));
        let (first, second) = (self.open(&one).await, self.open(&other).await);
        let orphans = self.confirmed(&[(&one, 1), (&other, 1), (&one, 1)]).await;
        promised(orphans.is_empty(), "the newest generation is no orphan");
        same(&Row { seen: 1, ..first }, &self.row(&one).await, "its newest generation was seen");
        same(&Row { seen: 1, ..second }, &self.row(&other).await, "its newest generation was seen, too");

        self.swap_wins(&one, &Swap::new((1, 1), 2, 1)).await;
        let before = self.row(&one).await;
        for ignored in [0, 1, 3, u64::from(u32::MAX), u64::MAX] {
            let orphans = self.confirmed(&[(&one, ignored)]).await;
            promised(orphans.is_empty(), "neither the predecessor nor what was never issued is an orphan");
            same(&before, &self.row(&one).await, "what is not the newest generation is not noted");
        }
        self.confirmed(&[(&one, 2)]).await;
        let forbids = Swap { unless_seen: true, ..Swap::new((2, 1), 3, 2) };
        self.swap_loses(&one, &forbids, "its generation was confirmed").await;
    }

    /// [`confirm`](SessionStore::confirm) answers generations between previous and the newest that were not cut off, in
    /// living sessions.
    pub async fn orphans_are_answered(&self) {
        let session = self.session(&self.subject("orphan"));
        self.open(&session).await;
        for generation in 1..5 {
            self.swap_wins(&session, &Swap::new((generation, 1), generation + 1, 1)).await;
        }
        let orphans = self.confirmed(&[(&session, 1), (&session, 2), (&session, 4), (&session, 5)]).await;
        let mut found: Vec<_> = orphans.iter().map(|orphan| orphan.generation).collect();
        found.sort_unstable();
        promised(found == [2, 4], "what lies between previous and generation is an orphan, and nothing else");
        let is_ours = |orphan: &Seen| orphan.session == session.id && orphan.subject == session.subject;
        promised(orphans.iter().all(is_ours), "an orphan is answered with its session and subject");

        // Not what the rotation table ever writes, but the order of the three is not the store's to know.
        self.swap_wins(&session, &Swap { cut: 4, ..Swap::new((5, 1), 6, 1) }).await;
        let orphans = self.confirmed(&[(&session, 3), (&session, 4)]).await;
        let found: Vec<_> = orphans.iter().map(|orphan| orphan.generation).collect();
        promised(found == [4], "what was cut off on purpose is no orphan");

        let revoked = self.store.revoke(&session.subject, session.id, RevokeReason::Reused).await;
        promised(answered("revoke", revoked), "a living session is revoked");
        promised(self.confirmed(&[(&session, 4)]).await.is_empty(), "an ended session has no orphans");
    }

    async fn confirmed(&self, seen: &[(&NewSession, u64)]) -> Vec<Seen> {
        let seen: Vec<_> =
            seen.iter().map(|(session, generation)| Seen::new(&session.subject, session.id, *generation)).collect();
        answered("confirm", self.store.confirm(&seen).await)
    }
}
