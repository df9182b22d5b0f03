//! Sessions that are being opened.
//!
//! To open one takes several steps (end those that must make room, insert it), and no step may be missing from what others
//! see. So what is to be done is written down first, whole, in the subject's document, where there is room for one:
//!
//! 1. It is written by a compare-and-swap on that document's `version`, which every opening and every logout of all changes.
//!    What it was decided on (no logout of all since the credentials were read; these sessions are one too many) is therefore
//!    still so at that moment, and openings of one subject come one after the other.
//! 2. Whoever finds it there, whether it is the one who wrote it, another login or a logout of all, carries it out before
//!    anything else: each step may be done twice, by several at once, and the last one takes it out.
//! 3. A logout of all writes its note into the same document. Either the note was first: then the compare-and-swap fails, and
//!    the login, deciding again, is too late. Or the opening was first: then the logout finds it, or the session that came of
//!    it, and ends that.
//! 4. Those that make room are ended before the session is there: whoever sees it does not see one too many. A process that
//!    dies in between leaves an opening that the next one carries out. Nobody has a token of such a session, for they are
//!    given out when it has been taken out, unless it is the session of a token of the system before.
//! 5. An end of all sessions of all subjects writes its note elsewhere, and finds sessions, not openings. So whoever puts the
//!    session there looks for that note afterwards, and ends the session that it refuses, before the opening is taken out:
//!    whichever of the two came first, the session is found by that or the note by this. It is ended and not deleted, or one
//!    that was slow could put it there again, and nobody would hear of it in the feed. What another login left is looked at
//!    before as well, so that a session that was refused long ago never lives. What is left is a login that such an end
//!    overtakes and that dies, or whose store fails, before it looks: its session lives until the subject's next login or
//!    logout of all.

use mongodb::bson::{Bson, Document, doc};

use super::collections::{COMMAND, Call};
use super::documents::{all_of, living, number, opened, optional};
use super::error::{broken, foreign, is_duplicate};
use super::feed;
use super::schema::SCHEMA;
use super::sessions::{end, ids};
use crate::store::{NewSession, RevokeReason, StoreError};
use crate::token::{SessionId, Timestamp};

/// What is to be done.
pub(super) fn opening(session: &NewSession, room: &[SessionId], now: Timestamp) -> Document {
    let room: Vec<_> = room.iter().map(SessionId::to_string).collect();
    doc! {
        "id": session.id.to_string(),
        "room": room,
        "session": opened(session, now),
        "read_at": session.credentials_read_at.as_millis(),
    }
}

/// Carries out what this login has just written down, and answers those that were ended to make room, by whomever, but for
/// this one; none where all sessions of all subjects were ended in between, and this one with them.
pub(super) async fn carry_out(
    at: &Call,
    subject: &str,
    opening: &Document,
) -> Result<Option<Vec<SessionId>>, StoreError> {
    let opening = Opening::read(subject, opening)?;
    let ended = opening.make_room(at, None).await?;
    Ok(opening.put(at).await?.then_some(ended))
}

/// Carries out what another login wrote down: it may be about to do so itself, or have been left undone long ago. So nothing
/// makes room that was rotated since, nor `spared`: who comes next counts anew, and a login that goes on itself ends them.
pub(super) async fn carry_out_anothers(
    at: &Call,
    subject: &str,
    opening: &Document,
    spared: Option<SessionId>,
) -> Result<(), StoreError> {
    let mut opening = Opening::read(subject, opening)?;
    let spared = spared.map(|id| id.to_string());
    opening.room.retain(|id| id.as_str() != spared.as_deref());
    if is_refused(at, opening.read_at).await? {
        // It may have been put there by one that got no further.
        opening.end(at).await?;
        return opening.take_out(at).await;
    }
    let unused = doc! { "rotated_at": { "$lte": number(opening.session, "created_at")? } };
    opening.make_room(at, Some(unused)).await?;
    opening.put(at).await.map(drop)
}

/// Whether all sessions of all subjects were ended after the credentials were read.
pub(super) async fn is_refused(at: &Call, read_at: i64) -> Result<bool, StoreError> {
    let meta = at.meta.find_one(doc! { "_id": SCHEMA }).max_time(COMMAND).await.map_err(broken)?;
    let before = meta.as_ref().and_then(|meta| optional(meta, "revoked_before"));
    Ok(before.is_some_and(|before| before > read_at))
}

/// What is found in a subject's document.
struct Opening<'a> {
    subject: &'a str,
    id: &'a str,
    room: Vec<Bson>,
    session: &'a Document,
    /// When the credentials were read: milliseconds.
    read_at: i64,
}

impl<'a> Opening<'a> {
    fn read(subject: &'a str, opening: &'a Document) -> Result<Self, StoreError> {
        let (Ok(id), Ok(session), Ok(room)) =
            (opening.get_str("id"), opening.get_document("session"), opening.get_array("room"))
        else {
            return Err(foreign("a subject's `opening` is not what this crate writes"));
        };
        // Where it does not say so, no later than the session was opened.
        let read_at = optional(opening, "read_at").map_or_else(|| number(session, "created_at"), Ok)?;
        Ok(Self { subject, id, room: room.clone(), session, read_at })
    }

    /// Ends those that must make room and are what is demanded, and answers those that were ended for this session, by
    /// whomever.
    async fn make_room(&self, at: &Call, demanded: Option<Document>) -> Result<Vec<SessionId>, StoreError> {
        if self.room.is_empty() {
            return Ok(Vec::new());
        }
        let now = at.now_for_the_rest().await?;
        let room = doc! { "_id": { "$in": self.room.clone() }, "subject": self.subject };
        let mut end = end(RevokeReason::Limit, now);
        if let Ok(set) = end.get_document_mut("$set") {
            set.insert("ended_by", self.id);
        }
        let those = [room.clone(), living(now)].into_iter().chain(demanded);
        let done = at.sessions.update_many(all_of(those), end).await;
        let entries: Vec<_> = self.room.iter().filter_map(|id| SessionId::parse(id.as_str()?)).collect();
        feed::written(at, done, &entries, now).await?;
        let mut ended_by = room;
        ended_by.insert("ended_by", self.id);
        let ended = ids(&at.sessions, ended_by).await?;
        feed::stamp_again(at, &ended, now).await?;
        Ok(ended)
    }

    /// Puts the session there, unless it is, and takes the opening out; whether the session may stay.
    async fn put(&self, at: &Call) -> Result<bool, StoreError> {
        match at.sessions.insert_one(self.session).await {
            Err(error) if !is_duplicate(&error) => return Err(broken(error)),
            _ => {}
        }
        let is_refused = is_refused(at, self.read_at).await?;
        if is_refused {
            self.end(at).await?;
        }
        self.take_out(at).await?;
        Ok(!is_refused)
    }

    /// Ends what came of it, if anything did.
    async fn end(&self, at: &Call) -> Result<(), StoreError> {
        let now = at.now_for_the_rest().await?;
        let session = doc! { "_id": self.id, "subject": self.subject, "revoked_at": null };
        let done = at.sessions.update_one(session, end(RevokeReason::Revoked, now)).await;
        let entries: Vec<_> = SessionId::parse(self.id).into_iter().collect();
        let is_ended = feed::written(at, done, &entries, now).await?.modified_count > 0;
        if is_ended { feed::stamp_again(at, &entries, now).await } else { Ok(()) }
    }

    async fn take_out(&self, at: &Call) -> Result<(), StoreError> {
        let opening = doc! { "_id": self.subject, "opening.id": self.id };
        at.subjects.update_one(opening, doc! { "$unset": { "opening": "" } }).await.map_err(broken).map(drop)
    }
}
