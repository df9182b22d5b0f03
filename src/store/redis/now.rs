use super::keys;
use super::link::Link;
use super::scripts::NOW;
use crate::store::{StoreError, StoreErrorKind};
use crate::token::Timestamp;

/// The present of the server; in a Cluster, where each partition has the clock of its master, the earliest of all. A master
/// that is away is not waited for: it is the clock of no login that succeeds.
pub(super) async fn now(link: &Link, partitions: u16) -> Result<Timestamp, StoreError> {
    let asked = if link.has_slots() { partitions } else { 1 };
    let calls = (0..asked).map(|partition| NOW.call(&[keys::feed(partition)]));
    let mut earliest = Err(StoreError::new(StoreErrorKind::Unavailable));
    for answer in link.run_each::<i64>(calls.collect()).await {
        earliest = match (earliest, answer) {
            (Ok(one), Ok(other)) => Ok(one.min(other)),
            (Ok(one), Err(_)) | (Err(_), Ok(one)) => Ok(one),
            (Err(_), Err(error)) => Err(error),
        };
    }
    earliest.map(Timestamp::from_millis)
}
