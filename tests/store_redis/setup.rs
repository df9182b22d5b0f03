//! Beginning: what is found, what is refused, what is said.

use std::num::NonZeroU16;

use jwt_sessions::store::{RedisStore, SessionStore, StoreErrorKind, connect};
use redis::cmd;

use crate::servers::free_port;
use crate::servers::redis::{Cluster, Redis};
use crate::{ready, session, words};

const META: &str = "jwt_sessions:meta";

#[tokio::test]
async fn ten_instances_may_start_at_once() {
    let server = Redis::start(&[]).await;
    let mut starting = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let store = RedisStore::new(server.manager().await);
        starting.spawn(async move { store.migrate().await });
    }
    while let Some(started) = starting.join_next().await {
        started.unwrap().unwrap();
    }
    ready(&server).await.create(&session("alice", 1)).await.unwrap();
}

#[tokio::test]
async fn a_foreign_key_is_refused_and_left_alone() {
    let server = Redis::start(&[]).await;
    let mut connection = server.connection().await;
    let store = RedisStore::new(server.manager().await);
    for command in [&["SET", META, "theirs"][..], &["HSET", META, "theirs", "1"], &["RPUSH", META, "1"]] {
        cmd("DEL").arg(META).exec_async(&mut connection).await.unwrap();
        cmd(command[0]).arg(&command[1..]).exec_async(&mut connection).await.unwrap();
        let before: Vec<u8> = cmd("DUMP").arg(META).query_async(&mut connection).await.unwrap();
        let refused = store.migrate().await.unwrap_err();
        assert_eq!(refused.kind(), StoreErrorKind::Foreign);
        assert!(words(&refused).contains(META), "it says which");
        let after: Vec<u8> = cmd("DUMP").arg(META).query_async(&mut connection).await.unwrap();
        assert_eq!(before, after);
    }
}

#[tokio::test]
async fn another_programs_key_in_the_place_of_a_subject_is_refused_and_left_alone() {
    let server = Redis::start(&[]).await;
    let store = ready(&server).await;
    let mut connection = server.connection().await;
    let alice = session("alice", 1);
    store.create(&alice).await.unwrap();
    let key = subject_key(&server).await;
    cmd("SET").arg(&key).arg("theirs").exec_async(&mut connection).await.unwrap();
    assert_eq!(store.create(&alice).await.unwrap_err().kind(), StoreErrorKind::Foreign);
    assert_eq!(store.load("alice", alice.id).await.unwrap_err().kind(), StoreErrorKind::Foreign);
    let theirs: String = cmd("GET").arg(&key).query_async(&mut connection).await.unwrap();
    assert_eq!(theirs, "theirs");
}

#[tokio::test]
async fn a_newer_versions_sessions_are_refused() {
    let server = Redis::start(&[]).await;
    ready(&server).await;
    cmd("HSET").arg(META).arg("schema").arg(2).exec_async(&mut server.connection().await).await.unwrap();
    let refused = RedisStore::new(server.manager().await).migrate().await.unwrap_err();
    assert_eq!(refused.kind(), StoreErrorKind::Foreign);
    assert!(words(&refused).contains("newer"), "{}", words(&refused));
}

#[tokio::test]
async fn another_number_of_partitions_is_refused() {
    let server = Redis::start(&[]).await;
    let (few, many) = (NonZeroU16::new(4).unwrap(), NonZeroU16::new(300).unwrap());
    let store = RedisStore::new(server.manager().await).partitions(many);
    store.migrate().await.unwrap();
    store.create(&session("alice", 1)).await.unwrap();
    let refused = RedisStore::new(server.manager().await).partitions(few).migrate().await.unwrap_err();
    assert_eq!(refused.kind(), StoreErrorKind::Configuration);
    assert!(words(&refused).contains("300") && words(&refused).contains('4'), "{}", words(&refused));
    RedisStore::new(server.manager().await).partitions(many).migrate().await.unwrap();
}

#[tokio::test]
async fn a_url_is_enough() {
    let server = Redis::start(&[]).await;
    let store = connect(&server.url()).await.unwrap();
    let alice = session("alice", 1);
    store.create(&alice).await.unwrap();
    assert!(store.load("alice", alice.id).await.unwrap().is_some());
}

#[tokio::test]
async fn no_error_shows_a_password_or_a_url() {
    let server = Redis::start(&["--requirepass", "correct-horse"]).await;
    let port = server.port;
    let wrong = [
        (format!("redis://:PLANTED@127.0.0.1:{port}"), StoreErrorKind::Configuration),
        (format!("redis://user:PLANTED@127.0.0.1:{port}/0"), StoreErrorKind::Configuration),
        (format!("redis://:PLANTED@127.0.0.1:{port}/PLANTED"), StoreErrorKind::Configuration),
        ("redis://:PLANTED@127.0.0.1:PLANTED".to_owned(), StoreErrorKind::Configuration),
        (format!("rediss://:PLANTED@127.0.0.1:{port}"), StoreErrorKind::Configuration),
        (format!("redis://:PLANTED@127.0.0.1:{}", free_port()), StoreErrorKind::Unavailable),
    ];
    for (url, kind) in wrong {
        let refused = connect(&url).await.unwrap_err();
        assert_eq!(refused.kind(), kind, "{}", words(&refused));
        assert!(!words(&refused).contains("PLANTED") && !words(&refused).contains("redis://:"), "{}", words(&refused));
    }
    let store = connect(&format!("redis://:correct-horse@127.0.0.1:{port}")).await.unwrap();
    let shown = format!("{:?}", ready(&Redis::start(&[]).await).await);
    assert!(!shown.contains("127.0.0.1"), "{shown}");
    store.create(&session("alice", 1)).await.unwrap();
}

#[tokio::test]
async fn encryption_that_was_not_compiled_in_is_said() {
    // A build with TLS tries to connect.
    let refused = connect(&format!("rediss://127.0.0.1:{}", free_port())).await.unwrap_err();
    assert!(words(&refused).contains("tokio-rustls-comp"), "{}", words(&refused));
}

#[tokio::test]
async fn a_node_of_a_cluster_is_not_taken_for_a_server() {
    let cluster = Cluster::start().await;
    let mut kinds = Vec::new();
    for node in &cluster.0 {
        let store = RedisStore::new(node.manager().await);
        kinds.push(store.migrate().await.map_err(|error| error.kind()));
    }
    // One of the three has the slot.
    assert_eq!(kinds.iter().filter(|kind| **kind == Err(StoreErrorKind::Configuration)).count(), 2, "{kinds:?}");
}

/// The key of the only subject there is.
pub(crate) async fn subject_key(server: &Redis) -> String {
    let keys: Vec<String> = cmd("KEYS").arg("*:u:*").query_async(&mut server.connection().await).await.unwrap();
    assert_eq!(keys.len(), 1);
    keys.concat()
}
