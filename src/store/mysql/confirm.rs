use std::collections::HashMap;

use sqlx::mysql::MySqlConnection;

use super::row::{BATCH, COLUMNS, columns, int, loaded, present, sixteen};
use super::work::Work;
use crate::store::{Row, Seen};
use crate::token::SessionId;

pub(super) struct Confirm(pub(super) Vec<Seen>);

impl Work for Confirm {
    type Answer = Vec<Seen>;

    async fn run(&self, conn: &mut MySqlConnection) -> sqlx::Result<Vec<Seen>> {
        let mut seen: Vec<&Seen> = self.0.iter().collect();
        // In the order of the key, in which every batch locks its rows.
        seen.sort_unstable_by(|a, b| (a.subject.as_bytes(), a.session).cmp(&(b.subject.as_bytes(), b.session)));
        let mut orphans = Vec::new();
        for batch in seen.chunks(BATCH) {
            let living = living(conn, batch).await?;
            let mut newest = Vec::new();
            for &seen in batch {
                let Some(row) = living.get(&(seen.subject.as_bytes().to_vec(), seen.session)) else { continue };
                let generation = seen.generation;
                if generation == row.generation && row.seen < generation {
                    newest.push(seen);
                }
                if row.previous < generation && generation < row.generation && row.cut <= generation {
                    orphans.push(seen.clone());
                }
            }
            note(conn, &newest).await?;
        }
        Ok(orphans)
    }
}

async fn living(conn: &mut MySqlConnection, batch: &[&Seen]) -> sqlx::Result<HashMap<(Vec<u8>, SessionId), Row>> {
    use sqlx::Row as _;
    let mut query = sqlx::query(FIND);
    for seen in filled(batch) {
        query = query.bind(seen.subject.as_bytes()).bind(seen.session.as_bytes().as_slice());
    }
    let mut living = HashMap::new();
    for record in query.fetch_all(conn).await? {
        let found = loaded(&record)?;
        if found.row.is_living(found.now) {
            living.insert((record.try_get(COLUMNS)?, found.row.id), found.row);
        }
    }
    Ok(living)
}

async fn note(conn: &mut MySqlConnection, newest: &[&Seen]) -> sqlx::Result<()> {
    if newest.is_empty() {
        return Ok(());
    }
    let mut query = sqlx::query(NOTE);
    for seen in filled(newest) {
        query = query.bind(seen.subject.as_bytes()).bind(seen.session.as_bytes().as_slice()).bind(int(seen.generation));
    }
    query.execute(conn).await.map(drop)
}

/// A full batch: the last one again and again.
fn filled<'a>(batch: &'a [&'a Seen]) -> impl Iterator<Item = &'a Seen> {
    let rest = batch.last().into_iter().cycle();
    batch.iter().chain(rest).take(BATCH).copied()
}

const FIND: &str =
    concat!("SELECT ", columns!(), ", subject FROM jwt_sessions WHERE ", sixteen!("(subject = ? AND id = ?)"));

// What was rotated or ended since it was read is left alone.
const NOTE: &str = concat!(
    "UPDATE jwt_sessions SET seen = generation WHERE (",
    sixteen!("(subject = ? AND id = ? AND generation = ?)"),
    ") AND seen < generation AND revoked_at IS NULL AND expires_at > ",
    present!(),
    " AND ",
    present!(),
    " - rotated_at < idle"
);
