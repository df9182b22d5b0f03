//! What walks all subjects, in pages.

use super::codec::Reply;
use super::keys::{self, Digest};
use super::link::Link;
use super::scripts::{PAGE, PURGE, REVOKE_PAGE, TRIM};
use crate::store::{RevokeReason, StoreError};

/// Where a walk is: behind this subject of this partition.
#[derive(Clone, Debug, Default)]
pub(super) struct Step {
    pub(super) partition: u16,
    /// None at the beginning of the partition.
    pub(super) behind: Option<Digest>,
}

/// The subjects that come next in the partition, in the order of their digests.
async fn page(link: &Link, step: &Step) -> Result<Vec<Digest>, StoreError> {
    let from = step.behind.map_or_else(|| b"-".to_vec(), |digest| [b"(".as_slice(), &digest].concat());
    let found: Reply = link.run(&PAGE.call(&[keys::index(step.partition)]).arg(from).arg(SUBJECTS)).await?;
    Ok(found.iter().filter_map(|digest| digest.as_slice().try_into().ok()).collect())
}

/// Deletes at most `limit` sessions of the page behind `step`, and moves it; answers how many. At the end of a partition the
/// feed is trimmed and `step` has no subject.
pub(super) async fn purge(link: &Link, step: &mut Step, limit: usize) -> Result<usize, StoreError> {
    let partition = step.partition;
    let digests = page(link, step).await?;
    if digests.is_empty() {
        step.behind = None;
        trim(link, partition).await?;
        return Ok(0);
    }
    let mut names = vec![keys::index(partition)];
    names.extend(of_subjects(partition, &digests));
    let call = digests.iter().fold(PURGE.call(&names).arg(limit), |call, digest| call.arg(digest));
    let (deleted, seen): (usize, usize) = link.run(&call).await?;
    // One that was not finished is looked at again.
    if let Some(last) = seen.checked_sub(1).and_then(|last| digests.get(last)) {
        step.behind = Some(*last);
    }
    Ok(deleted)
}

fn of_subjects(partition: u16, digests: &[Digest]) -> impl Iterator<Item = String> {
    digests.iter().flat_map(move |digest| [keys::subject(partition, digest), keys::ended(partition, digest)])
}

async fn trim(link: &Link, partition: u16) -> Result<(), StoreError> {
    while link.run::<usize>(&TRIM.call(&[keys::feed(partition)]).arg(TRIMMED)).await? > 0 {}
    Ok(())
}

/// Ends all sessions of a partition that were opened before `before`, and answers how many.
pub(super) async fn revoke(link: &Link, partition: u16, before: i64) -> Result<u64, StoreError> {
    let (mut step, mut ended) = (Step { partition, behind: None }, 0_u64);
    loop {
        let digests = page(link, &step).await?;
        let Some(last) = digests.last() else { return Ok(ended) };
        let names: Vec<_> = of_subjects(partition, &digests).collect();
        let call = REVOKE_PAGE.call(&names).arg(before).arg(RevokeReason::Revoked.name());
        ended = ended.saturating_add(link.run(&call).await?);
        step.behind = Some(*last);
    }
}

/// Subjects that a script looks at: few, for all else waits meanwhile.
const SUBJECTS: usize = 100;
/// Entries that one call takes from a feed.
const TRIMMED: usize = 10_000;
