//! A clock that is another one, a server that does not answer, and one that is killed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use jwt_sessions::store::{MongoStore, SessionStore, StoreErrorKind, Swap, Swapped};
use mongodb::Client;
use tokio::task::JoinSet;

use super::{only, open, session, store, swap, system_millis};
use crate::servers::mongodb::Mongo;
use crate::servers::until;

#[tokio::test]
async fn the_time_is_the_servers() {
    let mongo = Mongo::start_ahead(Duration::from_secs(7200)).await;
    let store = store(&mongo, "ahead").await;
    let session = session(1, "alice");
    let row = open(&store, &session).await.0;
    let ahead = row.created_at.as_millis() - system_millis();
    assert!((7_190_000..7_210_000).contains(&ahead), "the server's clock is two hours ahead, this is {ahead} ms");
    let Swapped::Won(won) = swap(&store, &session, &Swap::new((1, 1), 2, 1)).await else { panic!("lost") };
    assert!(won.now >= row.created_at && won.row.rotated_at == won.now);
    // A second instance, which measures for itself, agrees.
    let other = self::store(&mongo, "ahead").await;
    let loaded = other.load("alice", session.id).await.unwrap().unwrap();
    assert!(loaded.now >= won.now && loaded.now.since(won.now) < Duration::from_secs(10));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stands_still_and_a_full_pool_are_errors_in_time() {
    let mongo = Mongo::start().await;
    let mut options = mongo.options().await;
    options.max_pool_size = Some(1);
    let limit = Duration::from_millis(500);
    let store = MongoStore::new(Client::with_options(options).unwrap().database("frozen"));
    store.migrate().await.unwrap();
    let alice = session(1, "alice");
    open(&store.clone().time_limit(Duration::from_secs(60)), &alice).await;

    let hasty = store.clone().time_limit(limit);
    mongo.process().freeze();
    let begun = Instant::now();
    let mut waiting = JoinSet::new();
    for _ in 0..32 {
        let (store, alice) = (hasty.clone(), alice.clone());
        waiting.spawn(async move { store.load("alice", alice.id).await });
    }
    while let Some(answer) = waiting.join_next().await {
        // One has the only connection, and the others wait for it.
        assert_eq!(answer.unwrap().unwrap_err().kind(), StoreErrorKind::Timeout);
    }
    assert!(begun.elapsed() < 10 * limit, "{:?}", begun.elapsed());
    mongo.process().thaw();
    let patient = store.time_limit(Duration::from_secs(60));
    assert!(patient.load("alice", alice.id).await.unwrap().is_some(), "service is back");
}

/// As many logins of one subject as there are calls under way at most, and more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logins_of_one_subject_do_not_hold_up_all_others() {
    let mongo = Mongo::start().await;
    let store = store(&mongo, "crowd").await;
    let bob = session(1, "bob");
    open(&store, &bob).await;
    let (begun, done) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let mut logins = JoinSet::new();
    for n in 2..1502 {
        let (store, begun, done) = (store.clone(), Arc::clone(&begun), Arc::clone(&done));
        logins.spawn(async move {
            begun.fetch_add(1, SeqCst);
            let opened = store.create(&only(n, "alice")).await;
            done.fetch_add(1, SeqCst);
            opened
        });
    }
    until("logins", async || if begun.load(SeqCst) == 1500 { Ok(()) } else { Err("too few") }).await;
    let before = done.load(SeqCst);
    assert!(store.load("bob", bob.id).await.unwrap().is_some());
    let meanwhile = done.load(SeqCst) - before;
    assert!(meanwhile < 50, "{meanwhile} logins of another were first");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_under_load_loses_nothing_that_was_answered() {
    const CLIENTS: u16 = 32;
    let mut mongo = Mongo::start().await;
    let store = store(&mongo, "killed").await.time_limit(Duration::from_secs(5));
    for n in 0..CLIENTS {
        open(&store, &session(n, &format!("user {n}"))).await;
    }
    let answered = Arc::new(AtomicU64::new(0));
    let is_back = Arc::new(AtomicBool::new(false));
    let mut clients = JoinSet::new();
    for n in 0..CLIENTS {
        let (store, answered, is_back) = (store.clone(), Arc::clone(&answered), Arc::clone(&is_back));
        clients.spawn(async move {
            let session = session(n, &format!("user {n}"));
            let (mut generation, mut errors, mut since) = (1, 0_u64, 0);
            while since < 5 {
                let swap = Swap::new((generation, generation), generation + 1, generation + 1);
                match store.swap(&session.subject, session.id, &session.secret_hash, &swap).await {
                    Ok(Swapped::Won(won)) => {
                        generation = won.row.generation;
                        answered.fetch_add(1, SeqCst);
                        since += u64::from(is_back.load(SeqCst));
                    }
                    // Written, and the answer was lost.
                    Ok(Swapped::Lost(Some(lost))) if errors > 0 && lost.row.generation == generation + 1 => {
                        generation += 1;
                    }
                    Ok(other) => panic!("{generation}: {other:?}"),
                    Err(error) => {
                        let is_down = matches!(error.kind(), StoreErrorKind::Unavailable | StoreErrorKind::Timeout);
                        assert!(is_down, "{error:?}");
                        errors += 1;
                    }
                }
            }
            (n, generation, errors)
        });
    }
    until("rotations", async || if answered.load(SeqCst) > 100 { Ok(()) } else { Err("too few") }).await;
    mongo.kill();
    mongo.start_again().await;
    is_back.store(true, SeqCst);
    let mut failed = 0;
    while let Some(done) = clients.join_next().await {
        let (n, generation, errors) = done.unwrap();
        failed += errors;
        let loaded = store.load(&format!("user {n}"), session(n, "").id).await.unwrap().unwrap();
        assert_eq!(loaded.row.generation, generation, "what was answered is there, and nothing else");
    }
    assert!(failed > 0, "nobody noticed");
}
