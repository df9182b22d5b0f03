//! A server that says nothing more, as a host does that vanishes: its callers give up, and no connection is lost for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jwt_sessions::store::{Created, NewSession, PostgresStore, RevokeReason, Seen, SessionStore, Swap, Swapped};
use sqlx::Executor as _;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use tokio::task::JoinSet;

use super::proxy::{Gone, Proxy};
use super::servers::postgres::Postgres;
use super::servers::tree::signal_all;
use super::servers::until;
use super::{open, session};

const CONNECTIONS: u32 = 8;
/// What a caller waits for the store.
const GIVE_UP: Duration = Duration::from_secs(1);
/// What the store itself waits for an answer, and a moment more.
const LONGER: Duration = Duration::from_secs(18);

#[derive(Default)]
struct Counts {
    done: AtomicU64,
    given_up: AtomicU64,
    stop: AtomicBool,
}

struct Load {
    store: PostgresStore,
    pool: PgPool,
    counts: Arc<Counts>,
    clients: JoinSet<()>,
}

impl Load {
    /// Clients of every verb, each of which stops waiting when that takes too long.
    async fn start(options: PgConnectOptions) -> Self {
        let pool = PgPoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(2 * GIVE_UP);
        let pool = pool.connect_lazy_with(options);
        let store = super::ready(pool.clone()).await;
        let (counts, mut clients) = (Arc::new(Counts::default()), JoinSet::new());
        for n in 0..32 {
            let session = session(n, &format!("client {n}"));
            open(&store, &session).await;
            clients.spawn(client(store.clone(), session, Arc::clone(&counts)));
        }
        let load = Self { store, pool, counts, clients };
        load.goes_on().await;
        load
    }

    async fn goes_on(&self) {
        let target = self.counts.done.load(Ordering::SeqCst) + 500;
        let reached = async || if self.counts.done.load(Ordering::SeqCst) >= target { Ok(()) } else { Err("too few") };
        until("answers", reached).await;
    }

    /// All connections that the pool may have, at the same time.
    async fn ends_with_a_full_pool(mut self) {
        self.counts.stop.store(true, Ordering::SeqCst);
        while let Some(client) = self.clients.join_next().await {
            client.unwrap();
        }
        assert!(self.counts.given_up.load(Ordering::SeqCst) > 0, "nobody noticed");
        let mut conns = Vec::new();
        for _ in 0..CONNECTIONS {
            let conn = tokio::time::timeout(GIVE_UP, self.pool.acquire()).await;
            conns.push(conn.expect("no connection is lost").unwrap());
        }
        for conn in &mut conns {
            sqlx::query("SELECT 1").execute(&mut **conn).await.unwrap();
        }
        drop(conns);
        self.store.list("client 1").await.unwrap();
    }
}

async fn client(store: PostgresStore, session: NewSession, counts: Arc<Counts>) {
    let (subject, id) = (session.subject.as_str(), session.id);
    let mut generation = 1;
    for round in 0_u64.. {
        if counts.stop.load(Ordering::SeqCst) {
            return;
        }
        let call = async {
            match round % 16 {
                0 => store.list(subject).await.map(drop),
                1 => store.confirm(&[Seen::new(subject, id, generation)]).await.map(drop),
                2 => store.load(subject, id).await.map(drop),
                3 => {
                    let another = super::session(1_000_000 + 32 * round + u64::from(id.as_bytes()[15]), subject);
                    let created = store.create(&another).await?;
                    assert!(matches!(created, Created::Opened { .. }));
                    store.revoke(subject, another.id, RevokeReason::Logout).await.map(drop)
                }
                4 => store.revoke_subject("nobody", None, RevokeReason::LogoutAll).await.map(drop),
                5 => store.purge(1).await.map(drop),
                6 => store.feed(&jwt_sessions::store::Cursor::default()).await.map(drop),
                _ => {
                    let swap = Swap::new((generation, (generation - 1).max(1)), generation + 1, generation);
                    match store.swap(subject, id, &session.secret_hash, &swap).await? {
                        Swapped::Won(won) => assert_eq!(won.row.generation, generation + 1),
                        // The write that nobody was told of, and nothing else.
                        Swapped::Lost(lost) => assert_eq!(lost.unwrap().row.generation, generation + 1),
                        other => panic!("{other:?}"),
                    }
                    generation += 1;
                    Ok(())
                }
            }
        };
        match tokio::time::timeout(GIVE_UP, call).await {
            Ok(Ok(())) => counts.done.fetch_add(1, Ordering::SeqCst),
            Ok(Err(_)) | Err(_) => counts.given_up.fetch_add(1, Ordering::SeqCst),
        };
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stood_still_has_cost_no_connection() {
    let server = Postgres::start();
    drop(server.connect("postgres").await);
    let load = Load::start(server.options("postgres")).await;
    signal_all("STOP", server.process().pid());
    tokio::time::sleep(LONGER).await;
    signal_all("CONT", server.process().pid());
    load.goes_on().await;
    load.ends_with_a_full_pool().await;
}

/// The old connections never say anything again; another server, say, has the address.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_vanished_has_cost_no_connection() {
    goes_on_without(Gone::Host).await;
}

/// The server knows nothing of it: transactions that were under way wait for their next statement, with all their locks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_that_vanished_has_left_nothing_locked() {
    goes_on_without(Gone::Network).await;
}

/// What the server was asked last, it has done, and waits for more: the turn of the subject is that login's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_that_is_cut_off_holds_up_the_next_one_for_seconds() {
    let server = Postgres::start();
    let options = server.options("postgres");
    let (mut beside, mut watcher) = (server.connect("postgres").await, server.connect("postgres").await);
    let proxy = Proxy::start(options.get_port(), b"").await;
    super::ready(server.pool("postgres", 1)).await;
    // With no connection in it yet: the next login has one that was not cut off.
    let pool = PgPoolOptions::new().max_connections(CONNECTIONS).connect_lazy_with(options.port(proxy.port));
    let store = PostgresStore::new(pool);
    beside.execute("BEGIN; LOCK TABLE jwt_sessions IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let cut_off = tokio::spawn({
        let store = store.clone();
        async move { store.create(&session(1, "alice")).await }
    });
    let waits = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
    until("a login that waits for the table", async || watcher.fetch_one(waits).await).await;
    proxy.forget(Gone::Network);
    beside.execute("COMMIT").await.unwrap();

    let begun = Instant::now();
    let next = store.create(&session(2, "alice")).await.unwrap();
    assert!(matches!(next, Created::Opened { .. }), "{next:?}");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    cut_off.abort();
}

async fn goes_on_without(gone: Gone) {
    let server = Postgres::start();
    let options = server.options("postgres");
    drop(server.connect("postgres").await);
    let proxy = Proxy::start(options.get_port(), b"").await;
    let load = Load::start(options.port(proxy.port)).await;
    proxy.forget(gone);
    let begun = Instant::now();
    load.goes_on().await;
    assert!(begun.elapsed() < LONGER + Duration::from_secs(5), "{:?}", begun.elapsed());
    // Those who came back to the pool just before are found, too.
    tokio::time::sleep(LONGER.saturating_sub(begun.elapsed())).await;
    load.ends_with_a_full_pool().await;
}
