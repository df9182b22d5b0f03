use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use ::redis::aio::ConnectionManager;
use ::redis::cluster_async::ClusterConnection;
use ::redis::{Cmd, ErrorKind, FromRedisValue, RedisResult, ServerErrorKind};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio::time::{timeout, timeout_at};

use super::error::broken;
use super::scripts::Call;
use super::sentinel::Sentinel;
use crate::store::{StoreError, StoreErrorKind};

/// The way to the server, or servers.
#[derive(Clone)]
pub(super) struct Link {
    pub(super) way: Way,
    /// How long a call may take in all, whatever the connection's own settings are.
    pub(super) patience: Duration,
}

#[derive(Clone)]
pub(super) enum Way {
    One(ConnectionManager),
    Cluster(ClusterConnection),
    Sentinel(Arc<Sentinel>),
}

impl Link {
    /// Whether a script may only have keys of one slot.
    pub(super) const fn has_slots(&self) -> bool {
        matches!(self.way, Way::Cluster(_))
    }

    /// Runs a script by its name; by its text where the server does not know it.
    pub(super) async fn run<T: FromRedisValue>(&self, call: &Call) -> Result<T, StoreError> {
        self.in_time(async {
            match self.send(call.evalsha()).await {
                Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                    self.send(&call.eval()).await
                }
                answer => answer,
            }
        })
        .await
    }

    /// Runs all of them at once, and answers in their order; with an error if one fails.
    pub(super) async fn run_all<T>(&self, calls: Vec<Call>) -> Result<Vec<T>, StoreError>
    where
        T: FromRedisValue + Send + 'static,
    {
        if let [call] = calls.as_slice() {
            return Ok(vec![self.run(call).await?]);
        }
        let mut running = JoinSet::new();
        for (index, call) in calls.into_iter().enumerate() {
            let link = self.clone();
            running.spawn(async move { (index, link.run(&call).await) });
        }
        let mut answers = Vec::with_capacity(running.len());
        while let Some(answer) = running.join_next().await {
            let (index, answer) =
                answer.map_err(|error| StoreError::new(StoreErrorKind::Unavailable).because(error))?;
            answers.push((index, answer?));
        }
        answers.sort_unstable_by_key(|(index, _)| *index);
        Ok(answers.into_iter().map(|(_, answer)| answer).collect())
    }

    /// Runs all of them at once, and answers in their order what each came to. Once one was answered the others have only
    /// [`GRACE`]: who asks for what there is does not wait for a server that is gone without a word.
    pub(super) async fn run_each<T>(&self, calls: Vec<Call>) -> Vec<Result<T, StoreError>>
    where
        T: FromRedisValue + Send + 'static,
    {
        let late = || Err(StoreError::new(StoreErrorKind::Timeout));
        let mut answers: Vec<_> = calls.iter().map(|_| late()).collect();
        let mut running = JoinSet::new();
        for (index, call) in calls.into_iter().enumerate() {
            let link = self.clone();
            running.spawn(async move { (index, link.run(&call).await) });
        }
        let mut until = Instant::now() + self.patience;
        while let Ok(Some(done)) = timeout_at(until, running.join_next()).await {
            let Ok((index, answer)) = done else { continue };
            if answer.is_ok() {
                until = until.min(Instant::now() + GRACE);
            }
            if let Some(place) = answers.get_mut(index) {
                *place = answer;
            }
        }
        answers
    }

    async fn send<T: FromRedisValue>(&self, cmd: &Cmd) -> RedisResult<T> {
        match &self.way {
            Way::One(connection) => cmd.query_async(&mut connection.clone()).await,
            Way::Cluster(connection) => cmd.query_async(&mut connection.clone()).await,
            Way::Sentinel(sentinel) => sentinel.send(cmd).await,
        }
    }

    async fn in_time<T>(&self, answer: impl Future<Output = RedisResult<T>>) -> Result<T, StoreError> {
        match timeout(self.patience, answer).await {
            Ok(answer) => answer.map_err(broken),
            Err(late) => {
                if let Way::Sentinel(sentinel) = &self.way {
                    sentinel.forget();
                }
                Err(StoreError::new(StoreErrorKind::Timeout).because(late))
            }
        }
    }
}

/// With it and half a second between two readings, what the others tell arrives within the second.
const GRACE: Duration = Duration::from_millis(150);
