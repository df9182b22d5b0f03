use std::cmp::Reverse;
use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroU16;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::redis::Client;
use ::redis::aio::ConnectionManager;
use ::redis::cluster_async::ClusterConnection;
use ::redis::sentinel::SentinelClient;

use super::codec::{self, Reply, moment, span};
use super::keys::{self, Place};
use super::link::{Link, Way};
use super::scripts;
use super::sentinel::Sentinel;
use super::wake::{Server, Wake};
use super::walk::{self, Step};
use super::{connect, feed, now, schema};
use crate::store::{
    Created, Cursor, Feed, Listed, Loaded, NewSession, RevokeReason, Seen, SessionStore, StoreError, Swap, Swapped,
};
use crate::token::{SecretHash, SessionId, Timestamp};

/// Sessions in Redis: one server, a master that sentinels watch, or a Cluster.
///
/// It takes the application's own connection. Every verb that concerns one subject is one script, and one command: what is
/// compared, written and told to the feed is one step for the server, whose clock decides. The feed is written first and the
/// session after it, so that nothing that is ended goes untold.
///
/// ```no_run
/// use jwt_sessions::store::RedisStore;
/// use redis::{Client, aio::ConnectionManager};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let client = Client::open("redis://127.0.0.1:6379")?;
/// let store = RedisStore::new(ConnectionManager::new(client.clone()).await?).wake_by(client);
/// store.migrate().await?;
/// # Ok(()) }
/// ```
///
/// # Deployment
///
/// 1. **Redis 6.2 or later.** Tried with 7.0. The user of the connection needs the commands `EVALSHA`, `EVAL` and `XREAD`
///    and those that the scripts call, on the keys `jwt_sessions:*` and `{jwt_sessions:*`.
/// 2. **`maxmemory-policy noeviction`.** Every other policy throws out sessions, or the note that a person logged out
///    everywhere, when memory runs short. With it a full server refuses logins
///    ([`Full`](crate::store::StoreErrorKind::Full)) and everything else that writes.
/// 3. **Durability is the server's.** `appendonly yes` with `appendfsync always`: what was answered survives a crash. With
///    `everysec` the last second may be lost, and with a failover what the replica had not heard yet, for replication does
///    not wait. A *rotation* that is lost so logs nobody out: the next refresh token proves that it was made, and the store
///    follows it. A lost *login* has to be made again. A lost *revocation* is the price: that session lives on. Where that
///    is too much, use `appendfsync always` and set `min-replicas-to-write`, or another store. Without persistence a restart
///    ends all sessions, cleanly.
/// 4. **Cluster.** The sessions are spread by a digest of their subject over 16 partitions, each with one hash tag,
///    `{jwt_sessions:07}`, and so one slot: the sessions, and the feed that tells of their end, change in one step there,
///    which with a slot for every subject they could not. For more than a dozen masters take more
///    [`partitions`](Self::partitions) from the start. Reads go to masters, whatever the connection prefers. While a shard is
///    away the others go on, with `cluster-require-full-coverage no` or until the Cluster has noticed: what is ended there is
///    told within the second, and instances are [`Behind`](crate::session::FeedState::Behind). A login asks all masters for
///    their clocks: keep them by NTP, for one that is behind by a minute refuses logins for a minute after a logout everywhere.
/// 5. **Time-outs.** A call ends after 3 seconds ([`timeout`](Self::timeout)), whatever the connection is set to. Set its
///    own, too: a `ConnectionManager` that retries for long keeps all callers waiting for as long, and one to a machine that
///    is gone without a word notices only by a `user_timeout` in its `TcpSettings`. A store opened from a URL has both.
/// 6. **What is kept.** Redis drops all of a subject a minute after its last session ended by itself (up to an eighth of the
///    idle life later, so that not every rotation writes a new moment); ended sessions are kept for
///    [`REVOKED_FOR`](crate::store::REVOKED_FOR), up to a thousand of one subject, the note of a logout everywhere for [`NOTED_FOR`](crate::store::NOTED_FOR).
///    [`purge`](SessionStore::purge) cleans up what is left: dead sessions of people who have others, the index, the feed.
/// 7. **Memory.** `hash-max-listpack-value 512` keeps also those packed that have a user agent of ordinary length: they take
///    a third less.
/// 8. [`revoke_all`](SessionStore::revoke_all) is no single step here: logins are refused first, then the sessions are ended
///    in pages. When it fails on its way, call it again.
#[derive(Clone)]
pub struct RedisStore {
    link: Link,
    partitions: u16,
    /// Where the next page of a purge begins.
    purged_to: Arc<Mutex<Step>>,
    wake: Option<Wake>,
}

impl RedisStore {
    /// Over a connection to one server.
    #[must_use]
    pub fn new(connection: ConnectionManager) -> Self {
        Self::over(Way::One(connection))
    }

    /// Over a connection to a Cluster.
    #[must_use]
    pub fn cluster(connection: ClusterConnection) -> Self {
        Self::over(Way::Cluster(connection))
    }

    /// Over the master that the sentinels name; they are asked again whenever it fails or is no master any more. The client
    /// must be one for masters.
    #[must_use]
    pub fn sentinel(client: SentinelClient) -> Self {
        let sentinel = Arc::new(Sentinel::new(client));
        let wake = Wake::new(Server::Sentinel(Arc::clone(&sentinel)));
        Self { wake: Some(wake), ..Self::over(Way::Sentinel(sentinel)) }
    }

    /// Has new entries of the feed told by the server, over one more connection that this client opens: a session that was
    /// ended by another instance is then refused at once, and not half a second later. Over sentinels, and in a store opened
    /// from a URL, it is so in any case; in a Cluster the feed is only asked for.
    #[must_use]
    pub fn wake_by(mut self, client: Client) -> Self {
        self.wake = Some(Wake::new(Server::One(client)));
        self
    }

    /// Over how many partitions the sessions are spread, if not 16. It is settled by the first [`migrate`](Self::migrate).
    #[must_use]
    pub fn partitions(mut self, partitions: NonZeroU16) -> Self {
        self.partitions = partitions.get();
        self
    }

    /// How long a call may take before it is a [`Timeout`](crate::store::StoreErrorKind::Timeout), if not 3 seconds; whatever
    /// the connection's own limits are.
    #[must_use]
    pub fn timeout(mut self, patience: Duration) -> Self {
        self.link.patience = patience;
        self
    }

    /// Notes how the sessions are laid out, or compares it with what was noted. May be called at every start, also by many
    /// processes at once.
    ///
    /// # Errors
    ///
    /// [`Foreign`](crate::store::StoreErrorKind::Foreign) when another program's key has the name of ours, or a newer version
    /// of this crate was here; [`Configuration`](crate::store::StoreErrorKind::Configuration) when the sessions are spread
    /// over another number of partitions. All is then left as it was.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        schema::migrate(&self.link, self.partitions).await
    }

    /// Opens a connection to the one server at `url`.
    pub(in crate::store) async fn connect(url: &str) -> Result<Self, StoreError> {
        // Boxed: of all the driver's futures in one another the compiler would compute the size, and give up.
        let (connection, client) = Box::pin(connect::connect(url)).await?;
        Ok(Self::new(connection).wake_by(client))
    }

    fn over(way: Way) -> Self {
        Self { link: Link { way, patience: PATIENCE }, partitions: PARTITIONS, purged_to: Arc::default(), wake: None }
    }

    fn place(&self, subject: &str) -> Result<Place, StoreError> {
        Place::of(subject, self.partitions)
    }

    fn purged_to(&self) -> Step {
        let step = self.purged_to.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if step.partition < self.partitions { step } else { Step::default() }
    }

    fn set_purged_to(&self, step: &Step) {
        *self.purged_to.lock().unwrap_or_else(PoisonError::into_inner) = step.clone();
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").field("partitions", &self.partitions).finish_non_exhaustive()
    }
}

impl SessionStore for RedisStore {
    async fn migrate(&self) -> Result<(), StoreError> {
        Self::migrate(self).await
    }

    async fn now(&self) -> Result<Timestamp, StoreError> {
        now::now(&self.link, self.partitions).await
    }

    async fn create(&self, session: &NewSession) -> Result<Created, StoreError> {
        let place = self.place(&session.subject)?;
        let call = scripts::CREATE
            .call(&[place.subject(), place.ended(), place.feed(), place.index(), place.before()])
            .arg(&session.subject)
            .arg(&place.digest)
            .arg(session.id.as_bytes())
            .arg(session.secret_hash.as_bytes())
            .arg(span(session.idle))
            .arg(span(session.lifetime))
            .arg(moment(session.credentials_read_at))
            .arg(moment(session.auth_time))
            .arg(u32::try_from(session.limit.saturating_sub(1)).unwrap_or(u32::MAX))
            .arg(codec::device(&session.device))
            .arg(RevokeReason::Limit.name());
        let reply: Reply = self.link.run(&call).await?;
        let [_, hot, cold, ended @ ..] = reply.as_slice() else { return Ok(Created::TooLate) };
        let row = codec::row(session.id, hot, cold)?;
        let ended = ended.iter().map(|id| codec::session_id(id)).collect::<Result<_, _>>()?;
        Ok(Created::Opened { row, ended })
    }

    async fn load(&self, subject: &str, id: SessionId) -> Result<Option<Loaded>, StoreError> {
        let place = self.place(subject)?;
        let call = scripts::LOAD.call(&[place.subject(), place.ended()]).arg(subject).arg(id.as_bytes());
        let reply: Reply = self.link.run(&call).await?;
        let [now, hot, cold] = reply.as_slice() else { return Ok(None) };
        codec::loaded(id, now, hot, cold).map(Some)
    }

    async fn swap(
        &self,
        subject: &str,
        id: SessionId,
        secret_hash: &SecretHash,
        swap: &Swap,
    ) -> Result<Swapped, StoreError> {
        let place = self.place(subject)?;
        let call = scripts::SWAP
            .call(&[place.subject(), place.ended(), place.feed()])
            .arg(subject)
            .arg(id.as_bytes())
            .arg(secret_hash.as_bytes())
            .arg(&pair(swap.expected))
            .arg(flag(swap.unless_seen))
            .arg(swap.quiet_for.map(|quiet| span(quiet).to_string()).unwrap_or_default())
            .arg(&pair((swap.generation, swap.previous)))
            .arg(&swap.seen.to_be_bytes())
            .arg(&swap.cut.to_be_bytes())
            .arg(flag(swap.authenticated));
        let reply: Reply = self.link.run(&call).await?;
        let [now, won, hot, cold] = reply.as_slice() else { return Ok(Swapped::Lost(None)) };
        let loaded = codec::loaded(id, now, hot, cold)?;
        Ok(if won.is_empty() { Swapped::Lost(Some(loaded)) } else { Swapped::Won(loaded) })
    }

    async fn confirm(&self, seen: &[Seen]) -> Result<Vec<Seen>, StoreError> {
        let mut partitions: HashMap<u16, Vec<(&Seen, String)>> = HashMap::new();
        for seen in seen {
            let place = self.place(&seen.subject)?;
            partitions.entry(place.partition).or_default().push((seen, place.subject()));
        }
        let batches: Vec<_> = partitions.values().flat_map(|seen| seen.chunks(CONFIRMED)).collect();
        let calls = batches.iter().map(|batch| {
            let keys: Vec<_> = batch.iter().map(|(_, key)| key).collect();
            batch.iter().fold(scripts::CONFIRM.call(&keys), |call, (seen, _)| {
                call.arg(&seen.subject).arg(seen.session.as_bytes()).arg(&seen.generation.to_be_bytes())
            })
        });
        let orphans: Vec<Vec<usize>> = self.link.run_all(calls.collect()).await?;
        let of = |(batch, orphans): (&&[(&Seen, String)], Vec<usize>)| {
            let batch = *batch;
            orphans.into_iter().filter_map(|at| batch.get(at).map(|(seen, _)| (*seen).clone())).collect::<Vec<_>>()
        };
        Ok(batches.iter().zip(orphans).flat_map(of).collect())
    }

    async fn revoke(&self, subject: &str, id: SessionId, reason: RevokeReason) -> Result<bool, StoreError> {
        let place = self.place(subject)?;
        let call = scripts::REVOKE.call(&[place.subject(), place.ended(), place.feed()]);
        self.link.run(&call.arg(subject).arg(id.as_bytes()).arg(reason.name())).await
    }

    async fn revoke_subject(
        &self,
        subject: &str,
        except: Option<SessionId>,
        reason: RevokeReason,
    ) -> Result<Vec<SessionId>, StoreError> {
        let place = self.place(subject)?;
        let call = scripts::REVOKE_SUBJECT
            .call(&[place.subject(), place.ended(), place.feed(), place.index()])
            .arg(subject)
            .arg(&place.digest)
            .arg(except.as_ref().map(SessionId::as_bytes).map(<[u8; 16]>::as_slice).unwrap_or_default())
            .arg(reason.name());
        let reply: Reply = self.link.run(&call).await?;
        reply.iter().map(|id| codec::session_id(id)).collect()
    }

    async fn list(&self, subject: &str) -> Result<Vec<Listed>, StoreError> {
        let reply: Reply = self.link.run(&scripts::LIST.call(&[self.place(subject)?.subject()]).arg(subject)).await?;
        let mut listed = codec::listed(&reply)?;
        listed.sort_by_key(|listed| Reverse((listed.row.rotated_at, listed.row.created_at, listed.row.id)));
        Ok(listed)
    }

    async fn purge(&self, limit: usize) -> Result<usize, StoreError> {
        let mut step = self.purged_to();
        let mut deleted = 0;
        // The partition where it begins comes again at the end: what stands before the beginning.
        for turn in 0..=self.partitions {
            loop {
                if deleted >= limit {
                    return Ok(deleted);
                }
                deleted += walk::purge(&self.link, &mut step, limit - deleted).await?;
                self.set_purged_to(&step);
                if step.behind.is_none() {
                    break;
                }
            }
            if turn < self.partitions {
                step.partition = (step.partition + 1) % self.partitions;
            }
            self.set_purged_to(&step);
        }
        Ok(deleted)
    }

    async fn revoke_all(&self, before: Timestamp) -> Result<u64, StoreError> {
        let before = moment(before);
        let note = |partition, told: &str| {
            let keys = [keys::before(partition), keys::feed(partition)];
            scripts::NOTE_ALL.call(&keys).arg(before).arg(told)
        };
        // First the logins: what is opened from now on is not of before.
        let notes = (0..self.partitions).map(|partition| note(partition, flag(partition == 0)));
        let _: Vec<u8> = self.link.run_all(notes.collect()).await?;
        let mut ended = 0_u64;
        for partition in 0..self.partitions {
            ended = ended.saturating_add(walk::revoke(&self.link, partition, before).await?);
        }
        // Again, for what was issued to a session before the walk came to it.
        let _: u8 = self.link.run(&note(0, flag(true))).await?;
        Ok(ended)
    }

    async fn feed(&self, cursor: &Cursor) -> Result<Feed, StoreError> {
        feed::feed(&self.link, self.partitions, cursor).await
    }

    async fn woken(&self) {
        match &self.wake {
            Some(wake) => wake.woken(self.partitions).await,
            None => std::future::pending().await,
        }
    }
}

fn pair((generation, previous): (u64, u64)) -> [u8; 16] {
    (u128::from(generation) << 64 | u128::from(previous)).to_be_bytes()
}

/// As the scripts take it: nothing is no.
const fn flag(is: bool) -> &'static str {
    if is { "1" } else { "" }
}

const PARTITIONS: u16 = 16;
const PATIENCE: Duration = Duration::from_secs(3);
/// What a script confirms: few, for all else waits meanwhile.
const CONFIRMED: usize = 100;
