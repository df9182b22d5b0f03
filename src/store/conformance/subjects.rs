use super::suite::{Suite, answered, promised, same};
use crate::store::{NewSession, RevokeReason, SessionStore};

impl<S: SessionStore> Suite<S> {
    /// Subjects are bytes: no collation folds them, nothing is trimmed, 1,024 of them are not too many.
    pub async fn subjects_are_compared_byte_for_byte(&self) {
        let base = self.subject("s");
        let subjects: Vec<String> = ENDINGS.iter().map(|ending| format!("{base}{ending}")).collect();
        let mut sessions = Vec::new();
        for subject in subjects.into_iter().chain([long(&base, 'a'), long(&base, 'b')]) {
            let session = self.session(&subject);
            let row = self.open(&session).await;
            sessions.push((session, row));
        }
        for (session, row) in &sessions {
            let listed = answered("list", self.store.list(&session.subject).await);
            let ids: Vec<_> = listed.iter().map(|listed| listed.row.id).collect();
            promised(ids == [session.id], "a subject's list has its own sessions and no look-alike's");
            same(row, &self.row(session).await, "a session is found by the bytes of its subject");
            for (other, _) in sessions.iter().filter(|(other, _)| other.id != session.id) {
                let found = answered("load", self.store.load(&other.subject, session.id).await);
                promised(found.is_none(), "a session is not found by a look-alike of its subject");
            }
        }
        // One is ended; all others, and their logins, go on.
        let Some((ended, _)) = sessions.first() else { return };
        let answer = self.store.revoke_subject(&ended.subject, None, RevokeReason::LogoutAll).await;
        promised(answered("revoke_subject", answer) == [ended.id], "a subject's sessions end without a look-alike's");
        for (session, row) in sessions.iter().skip(1) {
            same(row, &self.row(session).await, "a look-alike's session goes on");
            let early = NewSession { credentials_read_at: row.created_at, ..self.session(&session.subject) };
            self.open(&early).await;
        }
    }
}

/// A subject of 1,024 bytes that differs from another in the last one.
fn long(base: &str, last: char) -> String {
    let mut subject = base.to_owned();
    while subject.len() < 1023 {
        subject.push('x');
    }
    subject.push(last);
    subject
}

/// What collations, padded comparisons, patterns, normalisation and naive keys take for one another.
const ENDINGS: [&str; 24] = [
    "",
    "a",
    "A",
    "a ",
    "a  ",
    "a\t",
    "\u{e4}",
    "a\u{308}",
    "\u{c4}",
    "\u{df}",
    "ss",
    "\u{1e9e}",
    "\u{131}",
    "i",
    "I",
    "\u{130}",
    "\u{ff41}",
    "a\u{200b}",
    "a\u{ad}",
    "%",
    "_",
    "{a}",
    ":*",
    "'\"\\`$\u{1f980}",
];
