use std::sync::Arc;
use std::sync::mpsc::Receiver;

use rusqlite::Connection;

use super::error::kind;
use super::queue::{Order, Task};
use crate::clock::Clock;
use crate::store::StoreError;
use crate::token::Timestamp;

/// Serves reads, one after the other.
pub(super) fn read(conn: &mut Connection, clock: &Clock, orders: &Receiver<Order>) {
    for order in orders {
        match order {
            Order::Alone(work) => work(conn),
            Order::Shared(task) if task.is_abandoned() => {}
            Order::Shared(mut task) => {
                task.run(conn, clock.now());
                task.answer();
            }
        }
    }
}

/// Serves writes. What waits while one commit reaches the disk shares the next.
pub(super) fn write(conn: &mut Connection, clock: &Clock, orders: &Receiver<Order>) {
    let mut next = None;
    while let Some(order) = next.take().or_else(|| orders.recv().ok()) {
        match order {
            Order::Alone(work) => work(conn),
            Order::Shared(task) if task.is_abandoned() => {}
            Order::Shared(task) => next = Shared::new(conn, clock).write(task, orders),
        }
    }
}

/// One transaction for all that waits.
struct Shared<'a> {
    conn: &'a Connection,
    clock: &'a Clock,
    now: Timestamp,
    tasks: Vec<Box<dyn Task>>,
}

impl<'a> Shared<'a> {
    fn new(conn: &'a Connection, clock: &'a Clock) -> Self {
        Self { conn, clock, now: Timestamp::from_millis(i64::MIN), tasks: Vec::new() }
    }

    /// Writes `first` and what waits behind it. Gives back what cannot share.
    fn write(mut self, first: Box<dyn Task>, orders: &Receiver<Order>) -> Option<Order> {
        if let Err(error) = run(self.conn, BEGIN) {
            first.fail(shared(&Arc::new(error)));
            return None;
        }
        let mut next = Some(Order::Shared(first));
        while let Some(Order::Shared(task)) = next {
            if !task.is_abandoned() {
                let stepped = self.step(task);
                if self.conn.is_autocommit() {
                    // A full disk, among others, takes back the whole transaction: each on its own then, so that the
                    // error of one is not another's.
                    self.one_by_one();
                    return None;
                }
                if let Err(error) = stepped {
                    self.abandon(error);
                    return None;
                }
            }
            // Drained after the wait for the lock, in which most of a batch comes together.
            next = if self.tasks.len() < TOGETHER { orders.try_recv().ok() } else { None };
        }
        match run(self.conn, COMMIT) {
            Ok(()) => self.tasks.into_iter().for_each(Task::answer),
            Err(error) => self.abandon(error),
        }
        next
    }

    /// Runs one task so that its error leaves no trace of it. An error here is the connection's own.
    fn step(&mut self, mut task: Box<dyn Task>) -> rusqlite::Result<()> {
        // A clock that is set back within a batch does not turn the order of its rows around.
        self.now = self.now.max(self.clock.now());
        let began = run(self.conn, SAVEPOINT);
        let done = began.is_ok() && task.run(self.conn, self.now);
        self.tasks.push(task);
        began?;
        if self.conn.is_autocommit() {
            return Ok(());
        }
        if !done {
            run(self.conn, ROLLBACK_TO)?;
        }
        run(self.conn, RELEASE)
    }

    fn one_by_one(self) {
        for mut task in self.tasks {
            let written = run(self.conn, BEGIN).and_then(|()| {
                let done = task.run(self.conn, self.clock.now());
                if done { run(self.conn, COMMIT) } else { Ok(()) }
            });
            rollback(self.conn);
            match written {
                Ok(()) => task.answer(),
                Err(error) => task.fail(shared(&Arc::new(error))),
            }
        }
    }

    fn abandon(self, error: rusqlite::Error) {
        rollback(self.conn);
        let error = Arc::new(error);
        for task in self.tasks {
            task.fail(shared(&error));
        }
    }
}

fn run(conn: &Connection, sql: &str) -> rusqlite::Result<()> {
    conn.prepare_cached(sql)?.execute([]).map(drop)
}

/// Ends whatever transaction is left.
fn rollback(conn: &Connection) {
    if !conn.is_autocommit() {
        // If even this fails, the next BEGIN says so.
        let _ = run(conn, ROLLBACK);
    }
}

/// One error for several callers.
fn shared(error: &Arc<rusqlite::Error>) -> StoreError {
    StoreError::new(kind(error)).because(Arc::clone(error))
}

/// How many writes share a commit at most: the first of them waits for the last.
const TOGETHER: usize = 256;

const BEGIN: &str = "BEGIN IMMEDIATE";
const COMMIT: &str = "COMMIT";
const ROLLBACK: &str = "ROLLBACK";
const SAVEPOINT: &str = "SAVEPOINT task";
const ROLLBACK_TO: &str = "ROLLBACK TO task";
const RELEASE: &str = "RELEASE task";
