use sqlx::Row as _;
use sqlx::mysql::MySqlConnection;

use super::row::{COLUMNS, columns, loaded, present, text};
use super::work::Work;
use crate::store::{Device, Listed, Loaded};
use crate::token::{SessionId, Timestamp};

pub(super) struct Now;

impl Work for Now {
    type Answer = Timestamp;

    async fn run(&self, conn: &mut MySqlConnection) -> sqlx::Result<Timestamp> {
        sqlx::query(NOW).fetch_one(conn).await?.try_get(0).map(Timestamp::from_millis)
    }
}

pub(super) struct Load {
    pub(super) subject: String,
    pub(super) id: SessionId,
}

impl Work for Load {
    type Answer = Option<Loaded>;

    async fn run(&self, conn: &mut MySqlConnection) -> sqlx::Result<Option<Loaded>> {
        let load = sqlx::query(LOAD).bind(self.subject.as_bytes()).bind(self.id.as_bytes().as_slice());
        load.fetch_all(conn).await?.first().map(loaded).transpose()
    }
}

pub(super) struct List {
    pub(super) subject: String,
}

impl Work for List {
    type Answer = Vec<Listed>;

    async fn run(&self, conn: &mut MySqlConnection) -> sqlx::Result<Vec<Listed>> {
        let mut listed = Vec::new();
        for record in sqlx::query(LIST).bind(self.subject.as_bytes()).fetch_all(conn).await? {
            let Loaded { row, now, .. } = loaded(&record)?;
            if row.is_living(now) {
                let device = Device {
                    user_agent: text(&record, COLUMNS)?,
                    ip: text(&record, COLUMNS + 1)?.and_then(|ip| ip.parse().ok()),
                    label: text(&record, COLUMNS + 2)?,
                };
                listed.push(Listed::new(row, device));
            }
        }
        Ok(listed)
    }
}

const NOW: &str = concat!("SELECT ", present!());

const LOAD: &str = concat!("SELECT ", columns!(), "FROM jwt_sessions WHERE subject = ? AND id = ?");

const LIST: &str = concat!(
    "SELECT ",
    columns!(),
    ", user_agent, ip, label FROM jwt_sessions WHERE subject = ? AND revoked_at IS NULL \
     ORDER BY rotated_at DESC, created_at DESC, id DESC"
);
