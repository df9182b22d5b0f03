use std::time::Duration;

use super::suite::{HOUR, MILLISECOND, PATIENCE, Suite, answered, promised, same, sorted};
use crate::store::{Created, Cursor, Ends, NewSession, Revocation, RevokeReason, Row, SessionStore};
use crate::token::Timestamp;

impl<S: SessionStore> Suite<S> {
    /// [`revoke`](SessionStore::revoke) ends a session once; when and why stay what they were first.
    pub async fn the_first_reason_stays(&self) {
        let session = self.session(&self.subject("reason"));
        let row = self.open(&session).await;
        self.pass(&session, row.created_at).await;
        let revoked = self.store.revoke(&session.subject, session.id, RevokeReason::Device).await;
        promised(answered("revoke", revoked), "the first revocation ends a living session");
        let ended = self.row(&session).await;
        let at = self.revoked_at(&session).await;
        promised(at > row.created_at, "a revocation has the moment at which it was made");
        let revoked = Some(Revocation::new(at, RevokeReason::Device));
        same(&Row { revoked, ..row }, &ended, "a revocation changes nothing else");

        self.pass(&session, at).await;
        let again = self.store.revoke(&session.subject, session.id, RevokeReason::Reused).await;
        promised(!answered("revoke", again), "what was ended before was not living");
        let all = self.store.revoke_subject(&session.subject, None, RevokeReason::LogoutAll).await;
        promised(answered("revoke_subject", all).is_empty(), "what was ended before is not answered again");
        same(&ended, &self.row(&session).await, "the first reason and its moment stay");
    }

    /// Every reason comes back as it was written.
    pub async fn every_reason_is_kept(&self) {
        let subject = self.subject("reasons");
        for reason in RevokeReason::ALL {
            let session = self.session(&subject);
            self.open(&session).await;
            answered("revoke", self.store.revoke(&subject, session.id, reason).await);
            let kept = self.row(&session).await.revoked.map(|revoked| revoked.reason);
            promised(kept == Some(reason), "a reason comes back as it was written");
        }
    }

    /// [`revoke_subject`](SessionStore::revoke_subject) ends all living sessions of a subject, or all but one.
    pub async fn a_subjects_sessions_end_together(&self) {
        let subject = self.subject("together");
        let sessions = [(); 4].map(|()| self.session(&subject));
        for session in &sessions {
            self.open(session).await;
        }
        let [kept, second, third, logged_out] = &sessions;
        let bystander = self.session(&self.subject("bystander"));
        let untouched = self.open(&bystander).await;
        answered("revoke", self.store.revoke(&subject, logged_out.id, RevokeReason::Logout).await);
        let before = self.row(kept).await;

        let reason = RevokeReason::PasswordChanged;
        let ended = answered("revoke_subject", self.store.revoke_subject(&subject, Some(kept.id), reason).await);
        promised(sorted(ended) == sorted(vec![second.id, third.id]), "all living sessions but one are answered");
        same(&before, &self.row(kept).await, "the one that is excepted goes on");
        for session in [second, third] {
            let ended = self.row(session).await.revoked.map(|revoked| revoked.reason);
            promised(ended == Some(reason), "all but one are ended, with the reason");
        }
        let ended =
            answered("revoke_subject", self.store.revoke_subject(&subject, None, RevokeReason::LogoutAll).await);
        promised(ended == [kept.id], "the last one is ended when none is excepted");
        same(&untouched, &self.row(&bystander).await, "another subject's session goes on");
    }

    /// After [`revoke_subject`](SessionStore::revoke_subject), logins whose credentials were read up to then are refused, also
    /// where no session was living; later ones are not.
    pub async fn a_login_in_flight_does_not_survive(&self) {
        for had_sessions in [true, false] {
            let subject = self.subject("in-flight");
            // Ended by the same call in another subject's place, to learn the store's present without a session here.
            let probe = self.session(&self.subject("probe"));
            let mut at = self.open(&probe).await.created_at;
            let session = self.session(&subject);
            if had_sessions {
                self.open(&session).await;
            }
            let ended =
                answered("revoke_subject", self.store.revoke_subject(&subject, None, RevokeReason::Account).await);
            promised(ended.len() == usize::from(had_sessions), "all living sessions are answered");
            if had_sessions {
                at = self.revoked_at(&session).await;
            }
            for read_at in [at, at.before(MILLISECOND)] {
                let late = NewSession { credentials_read_at: read_at, ..self.session(&subject) };
                let created = answered("create", self.store.create(&late).await);
                promised(matches!(created, Created::TooLate), "a login in flight does not survive a logout of all");
                let loaded = answered("load", self.store.load(&subject, late.id).await);
                promised(loaded.is_none(), "a login that was refused writes nothing");
            }
            self.pass(&probe, at).await;
            let past = self.loaded(&probe).await.now;
            if had_sessions {
                let read_at = at.after(MILLISECOND);
                self.open(&NewSession { credentials_read_at: read_at, ..self.session(&subject) }).await;
            }
            self.pass(&probe, past).await;
            let read_at = self.loaded(&probe).await.now;
            self.open(&NewSession { credentials_read_at: read_at, ..self.session(&subject) }).await;
            let other = NewSession { credentials_read_at: at.before(MILLISECOND), ..self.session(&probe.subject) };
            let created = answered("create", self.store.create(&other).await);
            promised(matches!(created, Created::Opened { .. }), "another subject's login is not refused");
        }
    }

    /// [`now`](SessionStore::now) is the clock that the other verbs decide with: a login that asked for it before a logout
    /// everywhere is refused, and one that asks afterwards is not.
    pub async fn the_present_is_that_of_the_decisions(&self) {
        let (subject, probe) = (self.subject("present"), self.session(&self.subject("present-probe")));
        let opened_at = self.open(&probe).await.created_at;
        let asked = [self.present_of(&self.store).await, self.present_of(&self.other).await];
        let loaded_at = self.loaded(&probe).await.now;
        for asked in asked {
            // Equal, where the clock stands still. A store that only estimates it may be off by a little.
            let allowed = if self.clock.is_some() { Duration::ZERO } else { MILLISECOND * 1000 };
            let is_near = opened_at.since(asked) <= allowed && asked.since(loaded_at) <= allowed;
            promised(is_near, "the present is that of the store's clock");
        }
        let ended = self.store.revoke_subject(&subject, None, RevokeReason::LogoutAll).await;
        answered("revoke_subject", ended);
        for read_at in asked {
            let late = NewSession { credentials_read_at: read_at, ..self.session(&subject) };
            let created = answered("create", self.store.create(&late).await);
            let is_refused = matches!(created, Created::TooLate);
            promised(is_refused, "a login that asked for the present before a logout of all does not survive it");
        }

        let ended_by = self.loaded(&probe).await.now.max(self.present_of(&self.store).await);
        self.pass(&probe, ended_by).await;
        for store in [&self.store, &self.other] {
            let (mut read_at, mut tries) = (self.present_of(store).await, 0..PATIENCE);
            while read_at <= ended_by {
                promised(tries.next().is_some(), "the present goes on with the store's clock");
                tokio::task::yield_now().await;
                read_at = self.present_of(store).await;
            }
            self.open(&NewSession { credentials_read_at: read_at, ..self.session(&subject) }).await;
        }
    }

    async fn present_of(&self, store: &S) -> Timestamp {
        answered("now", store.now().await)
    }

    /// [`revoke_all`](SessionStore::revoke_all) ends what was opened before a moment, of all subjects, and refuses logins whose
    /// credentials were read before it. Ends every session in the store: only tried by [`run`](Self::run) when the suite is
    /// [`alone`](Self::alone).
    pub async fn all_sessions_can_be_ended(&self) {
        let (old, older) = (self.session(&self.subject("old")), self.session(&self.subject("older")));
        self.open(&older).await;
        let ended_before = self.session(&older.subject);
        self.open(&ended_before).await;
        answered("revoke", self.store.revoke(&older.subject, ended_before.id, RevokeReason::Logout).await);
        let last = self.open(&old).await.created_at;
        self.pass(&old, last).await;
        let new = self.session(&old.subject);
        let opened = self.open(&new).await;

        let before = last.after(MILLISECOND);
        let (_, begin) = self.read(Cursor::default()).await;
        let ended = answered("revoke_all", self.store.revoke_all(before).await);
        promised(ended >= 2, "all that was living and opened before is counted");
        let (entries, _) = self.read(begin).await;
        promised(entries.iter().any(|entry| entry.ends == Ends::All), "that all were ended is in the feed");
        for session in [&old, &older] {
            let reason = self.row(session).await.revoked.map(|revoked| revoked.reason);
            promised(reason == Some(RevokeReason::Revoked), "what was opened before is ended, of every subject");
        }
        let reason = self.row(&ended_before).await.revoked.map(|revoked| revoked.reason);
        promised(reason == Some(RevokeReason::Logout), "the first reason stays");
        same(&opened, &self.row(&new).await, "what was opened at that moment or later goes on");
        promised(
            answered("revoke_all", self.store.revoke_all(before).await) == 0,
            "a second time there is nothing left",
        );

        // An earlier moment afterwards takes nothing back.
        answered("revoke_all", self.store.revoke_all(before.before(HOUR)).await);
        let late = NewSession { credentials_read_at: last, ..self.session(&self.subject("late")) };
        let created = answered("create", self.store.create(&late).await);
        promised(matches!(created, Created::TooLate), "logins whose credentials were read before are refused");
        let later = NewSession { credentials_read_at: before, ..late };
        self.open(&later).await;
    }

    async fn revoked_at(&self, session: &NewSession) -> Timestamp {
        let revoked = self.row(session).await.revoked;
        revoked.map_or_else(|| panic!("revoke: a session that was ended is not"), |revoked| revoked.at)
    }
}
