use super::suite::{Suite, promised, sorted};
use crate::store::{NewSession, RevokeReason, SessionStore, Swap};

impl<S: SessionStore> Suite<S> {
    /// A session beyond the limit ends those of the subject that were rotated longest ago, never itself.
    pub async fn the_longest_unused_makes_room(&self) {
        let subject = self.subject("limit");
        let session = || NewSession { limit: 3, ..self.session(&subject) };
        let [first, second, third, fourth, only] = [(); 5].map(|()| session());
        for session in [&first, &second, &third] {
            let (row, ended) = self.open_with(session).await;
            promised(ended.is_empty(), "below the limit no session ends");
            self.pass(session, row.created_at).await;
        }
        // The first is now the one used last.
        let rotated = self.swap_wins(&first, &Swap::new((1, 1), 2, 1)).await.now;
        self.pass(&first, rotated).await;

        let (_, ended) = self.open_with(&fourth).await;
        promised(ended == [second.id], "the session that was rotated longest ago makes room");
        let reason = self.row(&second).await.revoked.map(|revoked| revoked.reason);
        promised(reason == Some(RevokeReason::Limit), "it is ended because of the limit");

        let (row, ended) = self.open_with(&NewSession { limit: 1, ..only.clone() }).await;
        promised(sorted(ended) == sorted(vec![first.id, third.id, fourth.id]), "a limit of one leaves the new one");
        promised(row.revoked.is_none(), "the new one lives");
        promised(self.row(&only).await.revoked.is_none(), "the new one is never the one that ends");
    }
}
