//! The server dies, or stands still, under 32 clients that rotate as fast as they can. At the end every session is where its
//! client's last answer left it, or one rotation further, which the client was not told of.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use jwt_sessions::store::{MySqlStore, SessionStore, Swap, Swapped, connect};
use sqlx::mysql::MySqlPoolOptions;
use tokio::task::JoinSet;

use crate::proxy::{Gone, Proxy};
use crate::servers::mysql::MySql;
use crate::servers::until;
use crate::{HASH, id, session};

const CLIENTS: u128 = 32;
const CONNECTIONS: u32 = 8;
/// What a session waits for its store.
const GIVE_UP: Duration = Duration::from_secs(5);
/// What the store itself waits for an answer, and a moment more.
const LONGER: Duration = Duration::from_secs(18);

#[derive(Default)]
struct Counts {
    rotations: AtomicU32,
    errors: AtomicU32,
    /// Rotations that were made although the client was told of an error.
    unanswered: AtomicU32,
    stop: AtomicBool,
}

/// Rotates one session until it is told to stop, and goes on from the row after an error, as a client's next request does.
async fn rotate(store: impl SessionStore, n: u128, counts: Arc<Counts>) {
    let mut generation = 1;
    while !counts.stop.load(Ordering::SeqCst) {
        let swap = Swap::new((generation, (generation - 1).max(1)), generation + 1, generation);
        let begun = Instant::now();
        let answer = tokio::time::timeout(GIVE_UP, store.swap("client", id(n), &HASH, &swap)).await;
        assert!(begun.elapsed() < GIVE_UP + Duration::from_secs(1), "an answer in time");
        match answer {
            Ok(Ok(Swapped::Won(won))) => {
                assert_eq!(won.row.generation, generation + 1);
                generation += 1;
                counts.rotations.fetch_add(1, Ordering::SeqCst);
            }
            Ok(Ok(Swapped::Lost(Some(lost)))) => {
                assert_eq!(lost.row.generation, generation + 1, "only the write without an answer, and nothing lost");
                assert_eq!(lost.row.revoked, None);
                generation += 1;
                counts.unanswered.fetch_add(1, Ordering::SeqCst);
            }
            Ok(Ok(other)) => panic!("{other:?}"),
            Ok(Err(_)) | Err(_) => {
                counts.errors.fetch_add(1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
    let row = store.load("client", id(n)).await.unwrap().unwrap().row;
    assert!(row.generation == generation || row.generation == generation + 1, "{row:?}, not {generation}");
}

/// Runs the clients, does `fault` to the server in their midst, and answers how long the service was gone.
async fn under_load(server: &mut MySql, fault: impl AsyncFnOnce(&mut MySql)) -> Duration {
    let database = server.database().await;
    let store = connect(&format!("mysql://root@127.0.0.1:{}/{database}", server.port)).await.unwrap();
    around(store, async || fault(server).await).await
}

/// The same over that store.
async fn around<S: SessionStore + Clone + 'static>(store: S, fault: impl AsyncFnOnce()) -> Duration {
    store.migrate().await.unwrap();
    let (counts, mut clients) = (Arc::new(Counts::default()), JoinSet::new());
    for n in 0..CLIENTS {
        store.create(&session(n, "client")).await.unwrap();
    }
    for n in 0..CLIENTS {
        clients.spawn(rotate(store.clone(), n, Arc::clone(&counts)));
    }
    let more = async |rotations: u32| {
        let target = counts.rotations.load(Ordering::SeqCst) + rotations;
        let reached = async || if counts.rotations.load(Ordering::SeqCst) >= target { Ok(()) } else { Err("too few") };
        until("rotations", reached).await;
    };
    more(500).await;
    fault().await;
    let begun = Instant::now();
    more(1).await;
    let gone = begun.elapsed();
    more(500).await;
    counts.stop.store(true, Ordering::SeqCst);
    while let Some(client) = clients.join_next().await {
        client.unwrap();
    }
    let [rotations, errors, unanswered] =
        [&counts.rotations, &counts.errors, &counts.unanswered].map(|count| count.load(Ordering::SeqCst));
    eprintln!("{rotations} rotations, {errors} errors, {unanswered} writes without an answer, back after {gone:?}");
    gone
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_loses_nothing_that_was_answered() {
    let mut server = MySql::start("UTC", &[]);
    let gone = under_load(&mut server, async |server| {
        server.kill();
        server.restart();
        drop(server.connection("").await);
    });
    assert!(gone.await < Duration::from_secs(5));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stands_still_is_an_error_in_time_and_comes_back() {
    let mut server = MySql::start("UTC", &[]);
    let gone = under_load(&mut server, async |server| {
        server.process().freeze();
        tokio::time::sleep(GIVE_UP + Duration::from_secs(3)).await;
        server.process().thaw();
    });
    assert!(gone.await < Duration::from_secs(5));
}

/// So long that connections were closed by this side; none of them comes back, and no pool runs dry.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stands_still_for_longer_costs_no_connection() {
    let mut server = MySql::start("UTC", &[]);
    let gone = under_load(&mut server, async |server| {
        server.process().freeze();
        tokio::time::sleep(Duration::from_secs(20)).await;
        server.process().thaw();
    });
    assert!(gone.await < Duration::from_secs(5));
}

/// Its connections never say anything again, those that were being given back least of all; another server has the address.
#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_vanished_has_cost_no_connection() {
    let server = MySql::start("UTC", &[]);
    let database = server.database().await;
    let proxy = Proxy::start(server.port, b"").await;
    let options = MySqlPoolOptions::new().max_connections(CONNECTIONS);
    let pool = options.connect_lazy(&format!("mysql://root@127.0.0.1:{}/{database}", proxy.port)).unwrap();
    let vanished = Instant::now();
    let gone = around(MySqlStore::new(pool.clone()), async || proxy.forget(Gone::Host)).await;
    assert!(gone < LONGER, "{gone:?}");
    tokio::time::sleep(LONGER.saturating_sub(vanished.elapsed())).await;
    let mut conns = Vec::new();
    for _ in 0..CONNECTIONS {
        let conn = tokio::time::timeout(GIVE_UP, pool.acquire()).await;
        conns.push(conn.expect("no connection is lost").unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_becomes_read_only_reads_and_comes_back() {
    use jwt_sessions::store::StoreErrorKind;
    use sqlx::Executor;
    let server = MySql::start("UTC", &[]);
    let database = server.database().await;
    let mut root = server.connection(&database).await;
    for step in
        ["CREATE USER app@'%'", "GRANT ALL ON *.* TO app@'%'", "REVOKE SUPER, READ_ONLY ADMIN ON *.* FROM app@'%'"]
    {
        root.execute(step).await.unwrap();
    }
    let store = connect(&format!("mysql://app@127.0.0.1:{}/{database}", server.port)).await.unwrap();
    store.migrate().await.unwrap();
    store.create(&session(1, "client")).await.unwrap();
    root.execute("SET GLOBAL read_only = 1").await.unwrap();
    let error = store.swap("client", id(1), &HASH, &Swap::new((1, 1), 2, 1)).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert_eq!(store.create(&session(2, "client")).await.unwrap_err().kind(), StoreErrorKind::Unavailable);
    assert_eq!(store.list("client").await.unwrap().len(), 1, "what is there can be read");
    root.execute("SET GLOBAL read_only = 0").await.unwrap();
    let swapped = store.swap("client", id(1), &HASH, &Swap::new((1, 1), 2, 1)).await.unwrap();
    assert!(matches!(swapped, Swapped::Won(_)));
}
