use super::suite::{MILLISECOND, Suite, answered, promised, same};
use crate::store::{NewSession, RevokeReason, Row, Seen, SessionStore, Swap, Swapped};

impl<S: SessionStore> Suite<S> {
    /// [`create`](SessionStore::create) writes [`Row::opened`], and [`load`](SessionStore::load) reads it.
    pub async fn what_is_created_is_loaded(&self) {
        let session = self.session(&self.subject("created"));
        let row = self.open(&session).await;
        same(&Row::opened(&session, row.created_at), &row, "a session is created as it is opened");
        promised(row.auth_time == row.created_at, "credentials are never shown later than the session is opened");

        // Identified elsewhere, a minute ago by the store's clock: `auth_time` is not the moment of opening.
        let auth_time = row.created_at.before(MILLISECOND * 60_000);
        let session = NewSession { auth_time, ..self.session(&session.subject) };
        let row = self.open(&session).await;
        promised(
            row.auth_time == auth_time,
            "auth_time is when credentials were shown, and not when a session was opened",
        );
        same(&Row::opened(&session, row.created_at), &row, "a session is created as it is opened");
        let loaded = self.loaded(&session).await;
        same(&row, &loaded.row, "what was created is what is loaded");
        promised(loaded.now >= row.created_at, "the store's present does not run backward");
    }

    /// A second session of the same subject and id is an error, and leaves the first as it is, also where it is one too many.
    pub async fn an_id_is_never_taken_over(&self) {
        let session = self.session(&self.subject("twice"));
        let row = self.open(&session).await;
        let mut other = self.session(&session.subject);
        other.id = session.id;
        other.limit = 1;
        promised(self.store.create(&other).await.is_err(), "a second session of the same id is an error");
        same(&row, &self.row(&session).await, "a second create of its id leaves a session alone");
    }

    /// What does not exist is an answer and no error, in every verb.
    pub async fn unknown_is_an_answer(&self) {
        let session = self.session(&self.subject("unknown"));
        let reason = RevokeReason::Logout;
        let loaded = answered("load", self.store.load(&session.subject, session.id).await);
        promised(loaded.is_none(), "an unknown session is not found");
        let swapped = self.swap(&session, &Swap::new((1, 1), 2, 1)).await;
        promised(matches!(swapped, Swapped::Lost(None)), "a swap of an unknown session loses without a row");
        let revoked = answered("revoke", self.store.revoke(&session.subject, session.id, reason).await);
        promised(!revoked, "an unknown session was not living");
        let listed = answered("list", self.store.list(&session.subject).await);
        promised(listed.is_empty(), "an unknown subject has no sessions");
        let seen = [Seen::new(&session.subject, session.id, 1)];
        promised(answered("confirm", self.store.confirm(&seen).await).is_empty(), "what is unknown is no orphan");
        promised(answered("confirm", self.store.confirm(&[]).await).is_empty(), "nothing is confirmed as nothing");
        let loaded = answered("load", self.store.load(&session.subject, session.id).await);
        promised(loaded.is_none(), "no verb but create makes a session");
    }

    /// With another's subject a session does not exist, in every verb.
    pub async fn anothers_session_does_not_exist(&self) {
        let session = self.session(&self.subject("mine"));
        let row = self.open(&session).await;
        let mut theirs = session.clone();
        theirs.subject = self.subject("theirs");
        let loaded = answered("load", self.store.load(&theirs.subject, session.id).await);
        promised(loaded.is_none(), "another's session is not loaded");
        let swapped = self.swap(&theirs, &Swap::new((1, 1), 2, 1)).await;
        promised(matches!(swapped, Swapped::Lost(None)), "another's session is not swapped");
        let reason = RevokeReason::Device;
        let revoked = answered("revoke", self.store.revoke(&theirs.subject, session.id, reason).await);
        promised(!revoked, "another's session is not revoked");
        let seen = [Seen::new(&theirs.subject, session.id, 1)];
        answered("confirm", self.store.confirm(&seen).await);
        let ended = answered("revoke_subject", self.store.revoke_subject(&theirs.subject, None, reason).await);
        promised(ended.is_empty(), "another's session is not ended with all of one's own");
        same(&row, &self.row(&session).await, "nothing done to another subject shows");
    }
}
