//! The feed. Numbers are given before a commit and not in its order, so that a reader keeps a snapshot: whatever was not
//! visible in it is new, however early it was begun.

use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};

use super::error::{is_unreadable, retried};
use super::pool::Pool;
use super::row::{at, count, int, millis};
use crate::store::{Cursor, Ends, Entry, Feed, REVOKED_FOR, StoreError};
use crate::token::{SessionId, Timestamp};

pub(super) async fn read(pool: &Pool, cursor: &Cursor) -> Result<Feed, StoreError> {
    let place = Place::parse(cursor).unwrap_or_default();
    let page = match retried(|| async { page(&mut *pool.acquire().await?, &place).await }).await? {
        Some(page) => Some(page),
        None => retried(|| async { page_of_the_beginning(&mut *pool.acquire().await?).await }).await?,
    };
    page.ok_or_else(|| super::error::foreign("the feed's epoch cannot be kept"))
}

async fn page_of_the_beginning(conn: &mut PgConnection) -> sqlx::Result<Option<Feed>> {
    // Usually there is one, and it was the cursor that did not fit.
    sqlx::query(BEGIN_EPOCH).execute(&mut *conn).await?;
    page(conn, &Place::default()).await
}

/// None where the place is not one in this feed: the server lost what it promised, or is another one.
async fn page(conn: &mut PgConnection, place: &Place) -> sqlx::Result<Option<Feed>> {
    let (xid, n) = place.walk.as_ref().map_or((0, 0), |walk| (walk.xid, walk.n));
    let records = sqlx::query(READ)
        .bind(place.epoch)
        .bind(place.read.as_str())
        .bind(xid)
        .bind(n)
        .bind(int(PAGE))
        .bind(millis(REVOKED_FOR))
        .fetch_all(conn)
        .await;
    let records = match records {
        Err(error) if is_unreadable(&error) && place.epoch.is_some() => return Ok(None),
        records => records?,
    };
    let Some(head) = records.first().filter(|head| head.try_get(3).unwrap_or(false)) else { return Ok(None) };
    let (epoch, now) = (head.try_get(0)?, at(head, 2)?);
    // A walk ends at what was there when it began: what was committed behind its back is after that.
    let end = place.walk.as_ref().map_or_else(|| head.try_get(1), |walk| Ok(walk.end.clone()))?;
    let (mut entries, mut last) = (Vec::new(), None);
    for record in &records {
        let Some(xid) = record.try_get::<Option<i64>, _>(4)? else { continue };
        last = Some((xid, record.try_get(5)?));
        entries.push(entry(record, now)?);
    }
    let more = entries.len() == PAGE;
    let next = match last.filter(|_| more) {
        Some((xid, n)) => Place { epoch: Some(epoch), read: place.read.clone(), walk: Some(Walk { end, xid, n }) },
        None => Place { epoch: Some(epoch), read: end, walk: None },
    };
    Ok(Some(Feed::new(entries, next.cursor(), more)))
}

fn entry(record: &PgRow, now: Timestamp) -> sqlx::Result<Entry> {
    let session: Option<[u8; 16]> = record.try_get(7)?;
    let below: Option<i64> = record.try_get(8)?;
    let ends = match (session.map(SessionId::from_bytes), below) {
        (None, _) => Ends::All,
        (Some(session), None) => Ends::Session(session),
        (Some(session), Some(_)) => Ends::Below(session, count(record, 8)?),
    };
    Ok(Entry::new(ends, now.since(at(record, 6)?)))
}

/// How far a reader has come.
struct Place {
    /// The epoch that its numbers are of; none at the beginning.
    epoch: Option<i64>,
    /// A snapshot: whatever is visible in it was read.
    read: String,
    /// Where it is in what is not.
    walk: Option<Walk>,
}

struct Walk {
    /// The snapshot when it began.
    end: String,
    /// The entry that was read last.
    xid: i64,
    n: i64,
}

impl Default for Place {
    fn default() -> Self {
        Self { epoch: None, read: NOTHING.to_owned(), walk: None }
    }
}

impl Place {
    fn parse(cursor: &Cursor) -> Option<Self> {
        let text = std::str::from_utf8(cursor.as_bytes()).ok()?;
        let parts: Vec<_> = text.split(' ').collect();
        let (epoch, read, walk) = match *parts.as_slice() {
            [epoch, read] => (epoch, read, None),
            [epoch, read, end, xid, n] => {
                let end = end.to_owned();
                (epoch, read, Some(Walk { end, xid: xid.parse().ok()?, n: n.parse().ok()? }))
            }
            _ => return None,
        };
        Some(Self { epoch: Some(epoch.parse().ok()?), read: read.to_owned(), walk })
    }

    fn cursor(&self) -> Cursor {
        let epoch = self.epoch.unwrap_or_default();
        let text = match &self.walk {
            None => format!("{epoch} {}", self.read),
            Some(walk) => format!("{epoch} {} {} {} {}", self.read, walk.end, walk.xid, walk.n),
        };
        Cursor::new(text.into_bytes())
    }
}

/// How many entries are read at once.
const PAGE: usize = 10_000;
/// The snapshot before the first transaction.
const NOTHING: &str = "1:1:";

// What is not visible in a snapshot is what began after it, and what was under way. Not `pg_visible_in_snapshot`, which no index
// helps: as long as one old transaction is open, anywhere on the server, everything since would be looked at each time.
//
// The epoch is of the tables' server and of its last crash, promotion or restart: a number that was lost in one of these may
// be given out twice. That a cursor is ahead is asked all the same.
#[rustfmt::skip]
const READ: &str = concat!(
    "WITH head AS MATERIALIZED (
        SELECT epoch # (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint AS epoch,
            pg_current_snapshot() AS present, ", now!(), " AS now
        FROM jwt_sessions_epoch
    ), fit AS MATERIALIZED (
        SELECT *, $1::bigint IS NULL
            OR ($1 = epoch AND pg_snapshot_xmax($2::pg_snapshot) <= pg_snapshot_xmax(present)) AS fits
        FROM head
    )
    SELECT epoch, present::text, now, fits, xid::text::bigint, n, at, session, below
    FROM fit LEFT JOIN LATERAL (
        (SELECT * FROM jwt_sessions_feed
         WHERE fits AND at >= now - $6 AND xid >= pg_snapshot_xmax($2::pg_snapshot) AND (xid, n) > ($3::bigint::text::xid8, $4)
         ORDER BY xid, n LIMIT $5)
        UNION ALL
        (SELECT * FROM jwt_sessions_feed
         WHERE fits AND at >= now - $6 AND xid = ANY (ARRAY(SELECT pg_snapshot_xip($2::pg_snapshot)))
            AND (xid, n) > ($3::bigint::text::xid8, $4)
         ORDER BY xid, n LIMIT $5)
        ORDER BY xid, n LIMIT $5
    ) AS entries ON TRUE
    ORDER BY xid, n"
);

const BEGIN_EPOCH: &str = "
    INSERT INTO jwt_sessions_epoch (only_row, epoch)
    VALUES (TRUE, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint) ON CONFLICT DO NOTHING";
