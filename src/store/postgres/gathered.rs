//! Rotations that wait at the same time share a statement.

use std::collections::HashSet;
use std::time::Duration;

use sqlx::Connection as _;
use tokio::time::timeout;

use super::error::{broken_for_all, is_conflict, is_refused, retried};
use super::pool::{Conn, PATIENCE, Pool, limited};
use super::swap::{self, Rotation};
use super::together::together;
use crate::store::gather::{Carrier, Lane, Waiting};
use crate::store::{StoreError, StoreErrorKind, Swapped};

#[derive(Clone)]
pub(super) struct Rotations {
    pub(super) pool: Pool,
    pub(super) relaxed: bool,
}

type Call = Waiting<Rotations>;

impl Carrier for Rotations {
    type Call = Rotation;
    type Answer = Swapped;

    async fn serve(self, mut lane: Lane<Self>) {
        let (mut calls, mut held, mut are_many) = (Vec::new(), None, false);
        loop {
            lane.take(&mut calls);
            if calls.is_empty() {
                // With a connection at hand, which is soon given back if nobody comes.
                if !lane.idles(if held.is_some() { MOMENT } else { Duration::ZERO }).await {
                    break;
                }
                held = self.tested(&mut lane, held).await;
                continue;
            }
            let acquired = match held.take() {
                Some(held) => Ok(held),
                None => lane.during(self.pool.acquire()).await.map(|conn| (conn, 0)),
            };
            match acquired {
                Ok((conn, used)) => {
                    // Who came while there was no connection comes along.
                    lane.take(&mut calls);
                    are_many = calls.len() > 1;
                    let conn = self.send(&mut lane, conn, std::mem::take(&mut calls)).await;
                    // A connection is kept while there is work: giving it back is a round trip of its own. Not where others
                    // wait for one, and not for ever: the pool looks at its age when it is given back.
                    held = conn.filter(|_| used < USES && !self.pool.is_dry()).map(|conn| (conn, used + 1));
                }
                Err(error) => fail(std::mem::take(&mut calls), broken_for_all(error)),
            }
            // Where many come at once, those who have something to do just now come first, and then go together.
            if are_many {
                tokio::task::yield_now().await;
            }
        }
    }
}

impl Rotations {
    /// A connection that nobody used for a moment, if it still lives: as the pool would test it, if that is what it does.
    async fn tested(&self, lane: &mut Lane<Self>, held: Option<(Conn, u32)>) -> Option<(Conn, u32)> {
        let (mut conn, used) = held?;
        if self.pool.tests() && !matches!(lane.during(timeout(PATIENCE, conn.ping())).await, Ok(Ok(()))) {
            conn.close();
            return None;
        }
        Some((conn, used))
    }

    /// Sends the calls and answers them. Gives the connection back if it is still good.
    async fn send(&self, lane: &mut Lane<Self>, mut conn: Conn, calls: Vec<Call>) -> Option<Conn> {
        let mut parts = vec![apart(lane, calls)];
        while let Some(mut part) = parts.pop() {
            let made = timeout(PATIENCE, self.made(&mut conn, &part));
            let error = match lane.statement(part.len(), made).await {
                Ok(Ok(swapped)) => {
                    self.answer(part, swapped);
                    continue;
                }
                // Nothing of it was written, and whose fault it was is not known: each half is tried without the other.
                Ok(Err(error)) if is_refused(&error) && part.len() > 1 => {
                    parts.push(part.split_off(part.len() / 2));
                    parts.push(part);
                    continue;
                }
                Ok(Err(error)) if is_conflict(&error) => {
                    part.into_iter().for_each(|call| self.send_alone(call));
                    continue;
                }
                Ok(Err(error)) if is_refused(&error) => {
                    fail(part, broken_for_all(error));
                    continue;
                }
                Ok(Err(error)) => Some(error),
                Err(_) => None,
            };
            // It may have been written or not. What was not sent is sent by another connection.
            match error {
                Some(error) => fail(part, broken_for_all(error)),
                None => fail(part, || StoreError::new(StoreErrorKind::Timeout)),
            }
            parts.into_iter().flatten().for_each(|call| lane.put_back(call));
            conn.close();
            return None;
        }
        Some(conn)
    }

    /// What came of each; nothing where a row is somebody else's at the moment, or not there.
    async fn made(&self, conn: &mut Conn, part: &[Call]) -> sqlx::Result<Vec<Option<Swapped>>> {
        match part {
            [] => Ok(Vec::new()),
            // Cheaper, and it waits for the row.
            [call] => Ok(vec![Some(swap::rotate(conn, &call.call, self.relaxed).await?)]),
            part => together(conn, part.iter().map(|call| &call.call), self.relaxed).await,
        }
    }

    fn answer(&self, part: Vec<Call>, swapped: Vec<Option<Swapped>>) {
        for (call, swapped) in part.into_iter().zip(swapped) {
            match swapped {
                Some(swapped) => call.answer(Ok(swapped)),
                None => self.send_alone(call),
            }
        }
    }

    /// On a connection of its own, where it may wait for its row and holds up nobody.
    fn send_alone(&self, call: Call) {
        let pool = self.pool.clone();
        tokio::spawn(async move {
            let swap = || async { swap::behind_a_lock(&mut *pool.acquire().await?, &call.call).await };
            if !call.is_abandoned() {
                let answer = limited(retried(swap)).await;
                call.answer(answer);
            }
        });
    }
}

/// One call of each session. The others wait for the next statement, which sees what this one wrote.
fn apart(lane: &mut Lane<Rotations>, calls: Vec<Call>) -> Vec<Call> {
    let mut sessions = HashSet::with_capacity(calls.len());
    let (first, again): (Vec<_>, Vec<_>) = calls.into_iter().partition(|call| sessions.insert(call.call.id));
    again.into_iter().rev().for_each(|call| lane.put_back(call));
    first
}

fn fail(calls: Vec<Call>, error: impl Fn() -> StoreError) {
    calls.into_iter().for_each(|call| call.answer(Err(error())));
}

/// How many statements a connection is kept for.
const USES: u32 = 1000;
/// How long it is kept when nobody comes.
const MOMENT: Duration = Duration::from_millis(5);
