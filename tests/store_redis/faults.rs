//! What happens to the server, and what users see of it.
#![allow(clippy::print_stdout, reason = "what was measured is the result")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jwt_sessions::store::{
    Cursor, Ends, NewSession, RedisStore, RevokeReason, Row, SessionStore, StoreError, StoreErrorKind, Swap, Swapped,
};
use redis::cmd;
use tokio::task::JoinSet;

use crate::servers::redis::{Redis, Watched, replica_of};
use crate::servers::{PATIENCE, until};
use crate::{ready, session, swap, with, won, words};

const LIMIT: Duration = Duration::from_secs(5);

/// The same as `call`, which must be answered, if only with an error, within five seconds.
async fn in_time<T>(call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    tokio::time::timeout(LIMIT, call).await.unwrap()
}

#[tokio::test]
async fn a_frozen_server_is_an_error_in_time_and_comes_back() {
    let server = Redis::start(&[]).await;
    // However patient the connection is.
    let config = redis::aio::ConnectionManagerConfig::new().set_response_timeout(None).set_connection_timeout(None);
    let manager = redis::aio::ConnectionManager::new_with_config(server.client(), config).await.unwrap();
    for store in [RedisStore::new(manager), ready(&server).await] {
        let alice = session("alice", u32::from(store.list("alice").await.unwrap().is_empty()));
        store.create(&alice).await.unwrap();
        server.process().freeze();
        let rotate = Swap::new((1, 1), 2, 1);
        let frozen = in_time(store.swap("alice", alice.id, &alice.secret_hash, &rotate)).await.unwrap_err();
        assert_eq!(frozen.kind(), StoreErrorKind::Timeout, "{}", words(&frozen));
        assert!(in_time(store.feed(&Cursor::default())).await.is_err());
        let impatient = store.clone().timeout(Duration::from_millis(50));
        assert_eq!(in_time(impatient.load("alice", alice.id)).await.unwrap_err().kind(), StoreErrorKind::Timeout);
        server.process().thaw();
        let back = until("the thawed server", async || in_time(store.load("alice", alice.id)).await).await.unwrap();
        // What was sent and not answered was made, or not.
        assert!([(1, 1), (2, 1)].contains(&(back.row.generation, back.row.previous)));
        in_time(store.create(&session("alice", 9))).await.unwrap();
        in_time(store.revoke("alice", session("alice", 9).id, RevokeReason::Logout)).await.unwrap();
        server_forgets(&server).await;
    }
}

/// The row, once the server answers again.
async fn found(store: &RedisStore, session: &NewSession) -> Row {
    let begun = Instant::now();
    loop {
        match in_time(store.load(&session.subject, session.id)).await {
            Ok(found) => return found.unwrap().row,
            Err(error) if begun.elapsed() > PATIENCE => panic!("{}", words(&error)),
            Err(_) => tokio::task::yield_now().await,
        }
    }
}

async fn server_forgets(server: &Redis) {
    cmd("FLUSHALL").exec_async(&mut server.connection().await).await.unwrap();
}

#[tokio::test]
async fn a_server_that_comes_back_empty_is_a_clean_end_of_the_sessions() {
    let mut server = Redis::start(&[]).await;
    let store = ready(&server).await;
    let (alice, bob) = (session("alice", 1), session("bob", 2));
    for session in [&alice, &bob] {
        store.create(session).await.unwrap();
    }
    store.revoke("bob", bob.id, RevokeReason::Logout).await.unwrap();
    let feed = store.feed(&Cursor::default()).await.unwrap();
    assert_eq!(feed.entries.len(), 1);
    server.kill();
    let down = in_time(store.load("alice", alice.id)).await.unwrap_err();
    assert!([StoreErrorKind::Unavailable, StoreErrorKind::Timeout].contains(&down.kind()));
    server.restart().await;

    let found = until("the new connection", async || in_time(store.load("alice", alice.id)).await).await;
    assert!(found.is_none());
    assert!(matches!(swap(&store, &alice, Swap::new((1, 1), 2, 1)).await, Swapped::Lost(None)));
    let empty = store.feed(&feed.cursor).await.unwrap();
    assert!(empty.entries.is_empty() && !empty.more);
    // The next login, and its end, which the reader of before sees.
    store.create(&alice).await.unwrap();
    store.revoke("alice", alice.id, RevokeReason::Logout).await.unwrap();
    for cursor in [&feed.cursor, &empty.cursor] {
        let entries = store.feed(cursor).await.unwrap().entries;
        assert_eq!(entries.iter().map(|entry| entry.ends).collect::<Vec<_>>(), [Ends::Session(alice.id)]);
    }
}

#[tokio::test]
async fn a_replica_that_lagged_has_an_older_row_and_takes_the_newer_token() {
    let mut master = Redis::start(&[]).await;
    let store = ready(&master).await;
    let (alice, bob) = (session("alice", 1), session("bob", 2));
    store.create(&alice).await.unwrap();
    store.create(&bob).await.unwrap();
    won(&store, &alice, Swap::new((1, 1), 2, 1)).await;
    let replica = replica_of(&master).await;
    let followed = ready(&replica).await.load("alice", alice.id).await.unwrap().unwrap();
    assert_eq!(followed.row.generation, 2);

    // The replica hears nothing of what is done from here on, and takes over.
    cmd("REPLICAOF").arg("NO").arg("ONE").exec_async(&mut replica.connection().await).await.unwrap();
    won(&store, &alice, Swap::new((2, 1), 3, 2)).await;
    store.revoke("bob", bob.id, RevokeReason::Logout).await.unwrap();
    let (_, cursor) = {
        let feed = store.feed(&Cursor::default()).await.unwrap();
        (feed.entries, feed.cursor)
    };
    master.kill();
    let store = ready(&replica).await;
    let row = store.load("alice", alice.id).await.unwrap().unwrap().row;
    assert_eq!((row.generation, row.previous), (2, 1), "the last rotation is lost");
    // What the rotation table writes for a token that is one ahead of the store.
    let forward = with(Swap::new((2, 1), 3, 2), |swap| swap.seen = 3);
    assert_eq!(won(&store, &alice, forward).await.row.generation, 3);
    won(&store, &alice, Swap::new((3, 2), 4, 3)).await;
    // A reader that had come further goes on.
    assert!(store.feed(&cursor).await.unwrap().entries.is_empty());
    store.revoke("alice", alice.id, RevokeReason::Logout).await.unwrap();
    let entries = store.feed(&cursor).await.unwrap().entries;
    assert_eq!(entries.iter().map(|entry| entry.ends).collect::<Vec<_>>(), [Ends::Session(alice.id)]);
}

#[tokio::test]
async fn a_sentinels_new_master_is_found() {
    let mut watched = Watched::start().await;
    let store = RedisStore::sentinel(watched.client());
    store.migrate().await.unwrap();
    tokio::time::timeout(PATIENCE, store.woken()).await.unwrap();
    let alice = session("alice", 1);
    store.create(&alice).await.unwrap();
    caught_up(&watched.master, &watched.replica).await;
    watched.fail_over().await;
    until("the handover", async || {
        // Its connections are cut meanwhile.
        let info: String = asked(&watched.master, &["INFO", "replication"]).await?;
        if info.contains("role:slave") { Ok(()) } else { Err("still a master".to_owned()) }
    })
    .await;
    // Whoever still speaks with the old one is told so once, and asks the sentinels. Lists are asked for until then: a swap
    // may have been made though it was not answered.
    until("the new master", async || in_time(store.list("alice")).await.map(drop)).await;
    won(&store, &alice, Swap::new((1, 1), 2, 1)).await;

    // Now it dies, and the first one takes over again.
    caught_up(&watched.replica, &watched.master).await;
    watched.replica.kill();
    until("the master after the crash", async || in_time(store.list("alice")).await.map(drop)).await;
    let row = until("the master after the crash", async || {
        // Not yet a master, it answers reading calls, too.
        match in_time(store.swap("alice", alice.id, &alice.secret_hash, &Swap::new((2, 1), 3, 2))).await? {
            Swapped::Won(found) | Swapped::Lost(Some(found)) => Ok::<_, StoreError>(found.row),
            nothing => panic!("{nothing:?}"),
        }
    })
    .await;
    assert_eq!((row.generation, row.previous), (3, 2));
}

async fn asked<T: redis::FromRedisValue>(server: &Redis, words: &[&str]) -> Result<T, String> {
    let connection = server.client().get_multiplexed_async_connection().await;
    let mut connection = connection.map_err(|error| error.to_string())?;
    let asked = cmd(words.first().unwrap()).arg(words.get(1..).unwrap()).query_async(&mut connection).await;
    asked.map_err(|error| error.to_string())
}

/// Waits until the replica has the only subject as its master has it: nothing else says so, and a failover does not wait.
async fn caught_up(master: &Redis, replica: &Redis) {
    until("the replica", async || {
        let keys: Vec<String> = asked(master, &["KEYS", "*:u:*"]).await?;
        let there: Vec<u8> = asked(master, &["DUMP", &keys.concat()]).await?;
        let here: Option<Vec<u8>> = asked(replica, &["DUMP", &keys.concat()]).await?;
        let info: String = asked(master, &["INFO", "replication"]).await?;
        let is_followed = info.contains("state=online");
        if here == Some(there) && is_followed { Ok(()) } else { Err("it lags".to_owned()) }
    })
    .await;
}

/// 32 clients that rotate without a pause; what each was answered is compared with what is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crashes_and_cut_connections_under_load_lose_nothing_that_was_answered() {
    let mut server = Redis::start(&["--appendonly", "yes", "--appendfsync", "always"]).await;
    let store = ready(&server).await;
    let (is_over, answered, failed) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    let shared = Arc::new((is_over, answered, failed));
    let mut clients = JoinSet::new();
    for n in 0..32 {
        let (store, shared) = (store.clone(), Arc::clone(&shared));
        clients.spawn(async move {
            let session = session(&format!("subject {n}"), n);
            store.create(&session).await.unwrap();
            let (mut last, mut slowest) = ((1, 1), Duration::ZERO);
            while !shared.0.load(Ordering::Relaxed) {
                let next = (last.0 + 1, last.0);
                let begun = Instant::now();
                let rotate = Swap::new(last, next.0, next.1);
                let rotated = in_time(store.swap(&session.subject, session.id, &session.secret_hash, &rotate)).await;
                slowest = slowest.max(begun.elapsed());
                match rotated {
                    Ok(Swapped::Won(_)) => {
                        last = next;
                        shared.1.fetch_add(1, Ordering::Relaxed);
                    }
                    Ok(lost) => panic!("{last:?} was answered, and there is {lost:?}"),
                    Err(_) => {
                        shared.2.fetch_add(1, Ordering::Relaxed);
                        let row = found(&store, &session).await;
                        let found = (row.generation, row.previous);
                        assert!(found == last || found == next, "{last:?} was answered, and there is {found:?}");
                        last = found;
                    }
                }
            }
            slowest
        });
    }
    let goes_on = async || {
        let before = shared.1.load(Ordering::Relaxed);
        let more = async || if shared.1.load(Ordering::Relaxed) > before + 1000 { Ok(()) } else { Err(()) };
        until("rotations", more).await;
    };
    goes_on().await;
    for _ in 0..20 {
        cmd("CLIENT").arg("KILL").arg("TYPE").arg("normal").exec_async(&mut server.connection().await).await.unwrap();
        goes_on().await;
    }
    for _ in 0..3 {
        server.kill();
        server.restart().await;
        goes_on().await;
    }
    server.process().freeze();
    let before = shared.2.load(Ordering::Relaxed);
    until("errors", async || if shared.2.load(Ordering::Relaxed) >= before + 32 { Ok(()) } else { Err(()) }).await;
    server.process().thaw();
    goes_on().await;
    shared.0.store(true, Ordering::Relaxed);
    let mut slowest = Duration::ZERO;
    while let Some(client) = clients.join_next().await {
        slowest = slowest.max(client.unwrap());
    }
    let (answered, failed) = (shared.1.load(Ordering::Relaxed), shared.2.load(Ordering::Relaxed));
    println!("{answered} rotations, {failed} errors, the slowest call {slowest:?}");
    assert!(failed > 32 && slowest < LIMIT);
}
