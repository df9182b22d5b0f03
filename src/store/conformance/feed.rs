use std::collections::HashSet;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use super::races::RACERS;
use super::suite::{MILLISECOND, Suite, answered, promised};
use crate::store::{Cursor, Ends, Entry, NewSession, REVOKED_FOR, RevokeReason, SessionStore, Swap};
use crate::token::SessionId;

impl<S: SessionStore> Suite<S> {
    /// Whatever ends a session or cuts its tokens off is in the feed, once it is answered.
    pub async fn what_is_ended_is_in_the_feed(&self) {
        let (_, begin) = self.read(Cursor::default()).await;
        let subject = self.subject("feed");
        let sessions = [(); 4].map(|()| NewSession { limit: 4, ..self.session(&subject) });
        for session in &sessions {
            let row = self.open(session).await;
            // The present is another one for each, so that it is known which was used longest ago.
            self.pass(session, row.rotated_at).await;
        }
        let fifth = NewSession { limit: 4, ..self.session(&subject) };
        let (_, ended) = self.open_with(&fifth).await;
        promised(ended == [sessions[0].id], "the longest unused session is ended for the next");
        answered("revoke", self.store.revoke(&subject, sessions[1].id, RevokeReason::Logout).await);
        self.swap_wins(&sessions[2], &Swap { cut: 2, ..Swap::new((1, 1), 2, 2) }).await;
        let (entries, middle) = self.read(begin).await;
        let expected = [Ends::Session(sessions[0].id), Ends::Session(sessions[1].id), Ends::Below(sessions[2].id, 2)];
        let ours = ours(&entries, sessions.each_ref().map(|session| session.id));
        promised(ours == expected, "what is ended, for the limit too, and what is cut is in the feed, in order");

        let ended = self.store.revoke_subject(&subject, Some(fifth.id), RevokeReason::LogoutAll).await;
        promised(answered("revoke_subject", ended).len() == 2, "all living sessions but one are ended");
        let (entries, _) = self.read(middle.clone()).await;
        let ended: HashSet<_> = entries.iter().map(|entry| entry.ends).collect();
        for session in &sessions[2..] {
            promised(ended.contains(&Ends::Session(session.id)), "what is ended together is in the feed one by one");
        }
        promised(!ended.contains(&Ends::Session(fifth.id)), "what is not ended is not in the feed");
        promised(
            entries.iter().all(|entry| entry.age < REVOKED_FOR),
            "an entry says how long ago it was, by the store's clock",
        );
        let (entries, _) = self.read(Cursor::default()).await;
        promised(
            sessions.iter().all(|session| entries.iter().any(|entry| entry.ends == Ends::Session(session.id))),
            "who begins reads everything that is of use",
        );
    }

    /// What changes nothing, and what cuts nothing, is not in the feed.
    pub async fn what_ends_nothing_is_not_in_the_feed(&self) {
        let session = self.session(&self.subject("quiet"));
        self.open(&session).await;
        let (_, begin) = self.read(Cursor::default()).await;
        self.swap_wins(&session, &Swap::new((1, 1), 2, 1)).await;
        self.swap_loses(&session, &Swap { cut: 9, ..Swap::new((1, 1), 9, 9) }, "it expected another row").await;
        let (other, id) = (self.subject("other"), session.id);
        promised(
            !answered("revoke", self.store.revoke(&other, id, RevokeReason::Logout).await),
            "another's session cannot be ended",
        );
        let (entries, _) = self.read(begin).await;
        promised(
            ours(&entries, [id]).is_empty(),
            "a rotation, a lost swap and the end of nobody's session leave no trace in the feed",
        );
    }

    /// A reader that follows while 64 tasks end sessions misses none, whichever was committed first.
    pub async fn a_reader_misses_nothing_in_a_race(&self) {
        let (_, begin) = self.read(Cursor::default()).await;
        let subject = self.subject("stream");
        let sessions: Vec<_> = (0..RACERS).map(|_| self.session(&subject)).collect();
        for session in &sessions {
            self.open(session).await;
        }
        let ending = self.at_once(RACERS, |store, racer| {
            let session = sessions.get(racer).cloned();
            async move {
                let Some(session) = session else { return };
                answered("revoke", store.revoke(&session.subject, session.id, RevokeReason::Device).await);
            }
        });
        let mut ending = pin!(ending);
        let (mut read, mut cursor) = (HashSet::new(), begin);
        loop {
            // Asked before it is read: what ends in between is in the feed.
            let is_over = poll_fn(|cx| Poll::Ready(ending.as_mut().poll(cx).is_ready())).await;
            let (entries, next) = self.read(cursor).await;
            read.extend(entries.iter().map(|entry| entry.ends));
            cursor = next;
            if is_over {
                break;
            }
            tokio::task::yield_now().await;
        }
        let missed = sessions.iter().filter(|session| !read.contains(&Ends::Session(session.id))).count();
        promised(missed == 0, "a reader that goes from cursor to cursor misses nothing");
    }

    /// A cursor of another store, or of nobody, is the beginning.
    pub async fn a_strange_cursor_is_the_beginning(&self) {
        let session = self.session(&self.subject("cursor"));
        self.open(&session).await;
        answered("revoke", self.store.revoke(&session.subject, session.id, RevokeReason::Logout).await);
        for strange in [&b"?"[..], &[0x7f; 8], &[0xff; 200], b"{\0}\"'", b"18446744073709551615"] {
            let (entries, _) = self.read(Cursor::new(strange)).await;
            promised(
                !ours(&entries, [session.id]).is_empty(),
                "a cursor that the store did not make, or that is ahead of it, is the beginning",
            );
        }
    }

    /// What is of no use any more is not read, and a purge does not disturb who reads on.
    pub async fn old_entries_are_not_read(&self) {
        let Some(clock) = &self.clock else { return };
        let (old, new) = (self.session(&self.subject("old")), self.session(&self.subject("new")));
        self.open(&old).await;
        answered("revoke", self.store.revoke(&old.subject, old.id, RevokeReason::Logout).await);
        clock.advance(REVOKED_FOR / 2);
        let (entries, cursor) = self.read(Cursor::default()).await;
        let age = entries.iter().find(|entry| entry.ends == Ends::Session(old.id)).map(|entry| entry.age);
        promised(age == Some(REVOKED_FOR / 2), "an entry says how long ago it was, by the store's clock");
        clock.advance(REVOKED_FOR / 2 + MILLISECOND);
        let (entries, _) = self.read(Cursor::default()).await;
        promised(ours(&entries, [old.id]).is_empty(), "an entry is read as long as it is of use");
        clock.advance(REVOKED_FOR);
        while answered("purge", self.store.purge(1000).await) == 1000 {}
        self.open(&new).await;
        answered("revoke", self.store.revoke(&new.subject, new.id, RevokeReason::Logout).await);
        let (entries, _) = self.read(cursor).await;
        promised(ours(&entries, [new.id]).len() == 1, "a purge takes nothing from who reads on");
    }

    /// Everything from `cursor` on, and where it ends.
    pub(super) async fn read(&self, mut cursor: Cursor) -> (Vec<Entry>, Cursor) {
        let mut entries = Vec::new();
        loop {
            let feed = answered("feed", self.other.feed(&cursor).await);
            entries.extend(feed.entries);
            if feed.partial {
                // What was not read is read from the same place.
                cursor = feed.cursor;
                continue;
            }
            if !feed.more {
                return (entries, feed.cursor);
            }
            promised(feed.cursor != cursor, "a page that is not the last moves the cursor");
            cursor = feed.cursor;
        }
    }
}

/// What is said of these sessions, each once.
fn ours<const N: usize>(entries: &[Entry], sessions: [SessionId; N]) -> Vec<Ends> {
    let mut said = Vec::new();
    for entry in entries {
        let of_ours = match entry.ends {
            Ends::Session(session) | Ends::Below(session, _) => sessions.contains(&session),
            Ends::All => false,
        };
        if of_ours && !said.contains(&entry.ends) {
            said.push(entry.ends);
        }
    }
    said
}
