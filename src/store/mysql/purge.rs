//! The walk of a purge. What makes a session dead is in no index, because rotations write it: a purge reads the whole table,
//! page by page, without a lock, and deletes what it found in small batches.

use std::time::Duration;

use sqlx::Row as _;
use sqlx::mysql::MySqlConnection;

use super::row::{BATCH, present, sixteen};
use super::work::Work;

/// Where a session stands in the table's order.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    subject: Vec<u8>,
    id: Vec<u8>,
}

/// Deletes the dead of the page after `start`.
pub(super) struct Sessions {
    pub(super) start: Place,
    pub(super) limit: usize,
}

/// What came of a page.
pub(super) struct Page {
    pub(super) deleted: usize,
    /// Where the next page begins; none at the end of the table.
    pub(super) next: Option<Place>,
}

impl Work for Sessions {
    type Answer = Page;

    const PATIENCE: Duration = Duration::from_secs(60);

    async fn run(&self, conn: &mut MySqlConnection) -> sqlx::Result<Page> {
        let start = &self.start;
        let page = sqlx::query(PAGE).bind(start.subject.as_slice()).bind(start.subject.as_slice());
        let records = page.bind(start.id.as_slice()).fetch_all(&mut *conn).await?;
        let (mut dead, mut last) = (Vec::new(), None);
        for record in &records {
            let place = Place { subject: record.try_get(0)?, id: record.try_get(1)? };
            if record.try_get::<i64, _>(2)? != 0 {
                dead.push(place.clone());
            }
            last = Some(place);
            if dead.len() == self.limit {
                return Ok(Page { deleted: delete(conn, &dead).await?, next: last });
            }
        }
        let next = last.filter(|_| records.len() == PAGE_ROWS);
        Ok(Page { deleted: delete(conn, &dead).await?, next })
    }
}

async fn delete(conn: &mut MySqlConnection, dead: &[Place]) -> sqlx::Result<usize> {
    let mut deleted = 0;
    for batch in dead.chunks(BATCH) {
        let rest = batch.last().into_iter().cycle();
        let mut query = sqlx::query(DELETE);
        for place in batch.iter().chain(rest).take(BATCH) {
            query = query.bind(place.subject.as_slice()).bind(place.id.as_slice());
        }
        deleted += query.execute(&mut *conn).await?.rows_affected();
    }
    Ok(usize::try_from(deleted).unwrap_or(usize::MAX))
}

/// Deletes the subjects after `start` that have neither a session nor a note that is still of use, in one page.
pub(super) struct Subjects {
    pub(super) start: Vec<u8>,
}

impl Work for Subjects {
    /// Where the next page begins; none at the end of the table.
    type Answer = Option<Vec<u8>>;

    const PATIENCE: Duration = Duration::from_secs(60);

    async fn run(&self, conn: &mut MySqlConnection) -> sqlx::Result<Option<Vec<u8>>> {
        let records = sqlx::query(SUBJECTS).bind(self.start.as_slice()).fetch_all(&mut *conn).await?;
        let mut last = None;
        for record in &records {
            let subject: Vec<u8> = record.try_get(0)?;
            if record.try_get::<i64, _>(1)? != 0 {
                // One that logs in meanwhile is made again: the row is for locking.
                sqlx::query(FORGET).bind(subject.as_slice()).execute(&mut *conn).await?;
            }
            last = Some(subject);
        }
        Ok(last.filter(|_| records.len() == PAGE_ROWS))
    }
}

/// Rows that one step of a purge reads: a few milliseconds.
const PAGE_ROWS: usize = 1024;

// A comparison of pairs would read the whole table in front of the page.
const PAGE: &str = concat!(
    "SELECT subject, id, expires_at <= ",
    present!(),
    " OR ",
    present!(),
    " - rotated_at >= idle OR COALESCE(revoked_at < ",
    present!(),
    " - 3660000, FALSE) FROM jwt_sessions WHERE subject > ? OR (subject = ? AND id > ?) ORDER BY subject, id LIMIT 1024"
);

const DELETE: &str = concat!(
    "DELETE FROM jwt_sessions WHERE (",
    sixteen!("(subject = ? AND id = ?)"),
    ") AND (expires_at <= ",
    present!(),
    " OR ",
    present!(),
    " - rotated_at >= idle OR revoked_at < ",
    present!(),
    " - 3660000)"
);

const SUBJECTS: &str = concat!(
    "SELECT subject, CASE WHEN not_before IS NULL \
     THEN NOT EXISTS (SELECT 1 FROM jwt_sessions WHERE jwt_sessions.subject = jwt_sessions_subjects.subject) \
     ELSE not_before < ",
    present!(),
    " - 34560000000 END FROM jwt_sessions_subjects WHERE subject > ? ORDER BY subject LIMIT 1024"
);

const FORGET: &str = concat!(
    "DELETE FROM jwt_sessions_subjects WHERE subject = ? AND (not_before IS NULL OR not_before < ",
    present!(),
    " - 34560000000)"
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{NOTED_FOR, REVOKED_FOR};

    #[test]
    fn the_spans_in_the_statements_are_the_contracts() {
        assert!(PAGE.contains(&format!("{}, FALSE", REVOKED_FOR.as_millis())));
        assert!(DELETE.ends_with(&format!(" - {})", REVOKED_FOR.as_millis())));
        assert!(SUBJECTS.contains(&format!(" - {} END", NOTED_FOR.as_millis())));
        assert!(FORGET.ends_with(&format!(" - {})", NOTED_FOR.as_millis())));
        assert!(PAGE.ends_with(&format!(" {PAGE_ROWS}")) && SUBJECTS.ends_with(&format!(" {PAGE_ROWS}")));
    }
}
