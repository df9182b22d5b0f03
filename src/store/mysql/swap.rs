use sqlx::Row as _;
use sqlx::mysql::MySqlConnection;

use super::row::{COLUMNS, int, loaded, millis};
use super::work::Work;
use crate::store::{Swap, Swapped};
use crate::token::{SecretHash, SessionId};

pub(super) struct Exchange {
    pub(super) subject: String,
    pub(super) id: SessionId,
    pub(super) secret_hash: SecretHash,
    pub(super) swap: Swap,
}

impl Work for Exchange {
    type Answer = Swapped;

    async fn run(&self, conn: &mut MySqlConnection) -> sqlx::Result<Swapped> {
        let swap = &self.swap;
        let call = sqlx::query(CALL)
            .bind(self.subject.as_bytes())
            .bind(self.id.as_bytes().as_slice())
            .bind(self.secret_hash.as_bytes().as_slice())
            .bind(int(swap.expected.0))
            .bind(int(swap.expected.1))
            .bind(i64::from(swap.unless_seen))
            .bind(swap.quiet_for.map(millis))
            .bind(int(swap.generation))
            .bind(int(swap.previous))
            .bind(int(swap.seen))
            .bind(int(swap.cut))
            .bind(i64::from(swap.authenticated));
        // To the end of the answer: an error behind the row is one.
        let records = call.fetch_all(conn).await?;
        let Some(record) = records.first() else { return Ok(Swapped::Lost(None)) };
        let (found, won) = (loaded(record)?, record.try_get::<i64, _>(COLUMNS)?);
        Ok(if won == 1 { Swapped::Won(found) } else { Swapped::Lost(Some(found)) })
    }
}

const CALL: &str = "CALL jwt_sessions_swap_1(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
