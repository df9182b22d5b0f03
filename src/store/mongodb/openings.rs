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
//!    dies in between leaves an opening that the next one carries out. Nobody has a token of such a session: they are given
//!    out when it has been taken out.

use mongodb::bson::{Document, doc};

use super::collections::Call;
use super::documents::{all_of, living, opened};
use super::error::{broken, foreign, is_duplicate};
use super::feed;
use super::sessions::{end, ids};
use crate::store::{NewSession, RevokeReason, StoreError};
use crate::token::{SessionId, Timestamp};

/// What is to be done.
pub(super) fn opening(session: &NewSession, room: &[SessionId], now: Timestamp) -> Document {
    let room: Vec<_> = room.iter().map(SessionId::to_string).collect();
    doc! { "id": session.id.to_string(), "room": room, "session": opened(session, now) }
}

/// Carries it out, and answers those that were ended to make room: by whomever, but for this one.
pub(super) async fn carry_out(at: &Call, subject: &str, opening: &Document) -> Result<Vec<SessionId>, StoreError> {
    let (Ok(id), Ok(session), Ok(room)) =
        (opening.get_str("id"), opening.get_document("session"), opening.get_array("room"))
    else {
        return Err(foreign("a subject's `opening` is not what this crate writes"));
    };
    let mut ended = Vec::new();
    if !room.is_empty() {
        let now = at.now_for_the_rest().await?;
        let those = doc! { "_id": { "$in": room.clone() }, "subject": subject };
        let mut end = end(RevokeReason::Limit, now);
        if let Ok(set) = end.get_document_mut("$set") {
            set.insert("ended_by", id);
        }
        at.sessions.update_many(all_of([those, living(now)]), end).await.map_err(broken)?;
        ended = ids(&at.sessions, doc! { "_id": { "$in": room.clone() }, "subject": subject, "ended_by": id }).await?;
        feed::stamp_again(at, &ended, now).await?;
    }
    match at.sessions.insert_one(session).await {
        Err(error) if !is_duplicate(&error) => return Err(broken(error)),
        _ => {}
    }
    let done = at.subjects.update_one(doc! { "_id": subject, "opening.id": id }, doc! { "$unset": { "opening": "" } });
    done.await.map_err(broken)?;
    Ok(ended)
}
