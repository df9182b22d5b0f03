use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::error::{broken, unavailable};
use crate::store::StoreError;
use crate::token::Timestamp;

/// The way to a thread that owns a connection. The thread ends with the last of its queues.
#[derive(Clone)]
pub(super) struct Queue(SyncSender<Order>);

/// What a connection's thread is asked for.
pub(super) enum Order {
    /// May share a transaction with others.
    Shared(Box<dyn Task>),
    /// Needs the connection for itself, outside of any transaction.
    Alone(Box<dyn FnOnce(&mut Connection) + Send>),
}

/// Work whose kind of answer the thread does not know.
pub(super) trait Task: Send {
    /// Whether nobody waits for the answer any more.
    fn is_abandoned(&self) -> bool;
    /// Does the work and keeps the answer back; whether it went well. May be called again.
    fn run(&mut self, conn: &Connection, now: Timestamp) -> bool;
    /// Gives the answer of the last run.
    fn answer(self: Box<Self>);
    /// Answers that it failed, whatever the last run said.
    fn fail(self: Box<Self>, error: StoreError);
}

impl Queue {
    /// Starts a thread that serves `orders` until there is no queue left.
    pub(super) fn serve(name: &str, serve: impl FnOnce(Receiver<Order>) + Send + 'static) -> Result<Self, StoreError> {
        let (sender, orders) = sync_channel(WAITING);
        thread::Builder::new().name(name.to_owned()).spawn(move || serve(orders)).map_err(unavailable)?;
        Ok(Self(sender))
    }

    /// Has `work` done. It is skipped if the caller stops waiting before it begins.
    pub(super) async fn call<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&Connection, Timestamp) -> rusqlite::Result<T> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        self.send(Order::Shared(Box::new(Call { work, outcome: None, answer })))?;
        answered.await.unwrap_or_else(|_| Err(gone()))
    }

    /// The same with a connection in no transaction.
    pub(super) async fn call_alone<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel::<Result<T, StoreError>>();
        self.send(Order::Alone(Box::new(move |conn| {
            if !answer.is_closed() {
                // The caller may be gone by now; then nobody wants to know.
                let _ = answer.send(work(conn));
            }
        })))?;
        answered.await.unwrap_or_else(|_| Err(gone()))
    }

    fn send(&self, order: Order) -> Result<(), StoreError> {
        // Not waited for: a queue this long is a store that does not keep up, and its callers would time out in it.
        self.0.try_send(order).map_err(|_| unavailable("the store's queue is full, or its thread is gone"))
    }
}

struct Call<T, F> {
    work: F,
    outcome: Option<rusqlite::Result<T>>,
    answer: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Task for Call<T, F>
where
    T: Send,
    F: Fn(&Connection, Timestamp) -> rusqlite::Result<T> + Send,
{
    fn is_abandoned(&self) -> bool {
        self.answer.is_closed()
    }

    fn run(&mut self, conn: &Connection, now: Timestamp) -> bool {
        self.outcome.insert((self.work)(conn, now)).is_ok()
    }

    fn answer(self: Box<Self>) {
        let outcome = self.outcome.map_or_else(|| Err(gone()), |outcome| outcome.map_err(broken));
        let _ = self.answer.send(outcome);
    }

    fn fail(self: Box<Self>, error: StoreError) {
        let _ = self.answer.send(Err(error));
    }
}

fn gone() -> StoreError {
    unavailable("the store's thread is gone")
}

/// How many calls may wait for one thread.
const WAITING: usize = 1024;
