use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::sentinel::SentinelClient;
use ::redis::{AsyncConnectionConfig, Cmd, ErrorKind, FromRedisValue, RedisResult, ServerErrorKind};
use tokio::sync::Mutex;

/// A connection to whom the sentinels call the master.
pub(super) struct Sentinel(Mutex<State>);

struct State {
    client: SentinelClient,
    master: Option<MultiplexedConnection>,
    /// Which master that is, counted: so that of many that failed with it only the first asks for the next.
    turn: u64,
}

impl Sentinel {
    pub(super) fn new(client: SentinelClient) -> Self {
        Self(Mutex::new(State { client, master: None, turn: 0 }))
    }

    pub(super) async fn send<T: FromRedisValue>(&self, cmd: &Cmd) -> RedisResult<T> {
        let (mut master, turn) = self.master().await?;
        let answer = cmd.query_async(&mut master).await;
        if answer.as_ref().is_err_and(is_another) {
            let mut state = self.0.lock().await;
            if state.turn == turn {
                state.master = None;
            }
        }
        answer
    }

    /// Has the sentinels asked again by the next call. Not where somebody asks them already.
    pub(super) fn forget(&self) {
        if let Ok(mut state) = self.0.try_lock() {
            state.master = None;
        }
    }

    /// Another connection to the master.
    pub(super) async fn connect(&self, config: &AsyncConnectionConfig) -> RedisResult<MultiplexedConnection> {
        let mut state = self.0.lock().await;
        Box::pin(state.client.get_async_connection_with_config(config)).await
    }

    async fn master(&self) -> RedisResult<(MultiplexedConnection, u64)> {
        let mut state = self.0.lock().await;
        if let Some(master) = &state.master {
            return Ok((master.clone(), state.turn));
        }
        let config =
            AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECT)).set_response_timeout(Some(ANSWER));
        let master = Box::pin(state.client.get_async_connection_with_config(&config)).await?;
        state.turn += 1;
        state.master = Some(master.clone());
        Ok((master, state.turn))
    }
}

/// Whether the sentinels may know of another master by now. Also after a time-out: of a machine that is gone no word comes.
fn is_another(error: &::redis::RedisError) -> bool {
    let demoted = [ServerErrorKind::ReadOnly, ServerErrorKind::MasterDown, ServerErrorKind::BusyLoading];
    match error.kind() {
        ErrorKind::Server(kind) => demoted.contains(&kind),
        _ => error.is_io_error() || error.is_unrecoverable_error(),
    }
}

const CONNECT: Duration = Duration::from_secs(1);
const ANSWER: Duration = Duration::from_secs(2);
