//! Beginning: the indexes, what others wrote, and the address.

use std::time::Duration;

use jwt_sessions::store::{Cursor, MongoStore, SessionStore, StoreErrorKind, connect};
use mongodb::Client;
use mongodb::bson::{Document, doc};
use tokio::task::JoinSet;

use super::{chain, open, session, store};
use crate::servers::free_port;
use crate::servers::mongodb::Mongo;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_that_start_at_once_migrate() {
    let mongo = Mongo::start().await;
    let mut starting = JoinSet::new();
    for _ in 0..10 {
        let store = MongoStore::new(mongo.database("young").await).time_limit(Duration::from_secs(60));
        starting.spawn(async move { (store.migrate().await, store) });
    }
    let mut stores = Vec::new();
    while let Some(started) = starting.join_next().await {
        let (migrated, store) = started.unwrap();
        migrated.unwrap();
        stores.push(store);
    }
    let database = mongo.database("young").await;
    let meta = database.collection::<Document>("jwt_sessions_meta");
    assert_eq!(meta.count_documents(doc! {}).await.unwrap(), 1, "the version is written down once");
    // And once more, with sessions in it.
    let session = session(1, "alice");
    open(&stores[0], &session).await;
    stores[1].migrate().await.unwrap();
    assert!(stores[9].load("alice", session.id).await.unwrap().is_some());
}

#[tokio::test]
async fn what_others_wrote_is_refused_and_left_alone() {
    let mongo = Mongo::start().await;
    let theirs = [
        ("jwt_sessions", doc! { "_id": "theirs", "basket": 3 }),
        ("jwt_sessions_subjects", doc! { "_id": "theirs", "basket": 3 }),
        ("jwt_sessions_meta", doc! { "_id": "theirs", "basket": 3 }),
        ("jwt_sessions_meta", doc! { "_id": "schema", "basket": 3 }),
        ("jwt_sessions_meta", doc! { "_id": "schema", "version": 2_i64 }),
    ];
    for (n, (name, document)) in theirs.into_iter().enumerate() {
        let database = mongo.database(&format!("theirs{n}")).await;
        database.collection::<Document>(name).insert_one(&document).await.unwrap();
        let store = MongoStore::new(database.clone());
        let refused = store.migrate().await.unwrap_err();
        assert_eq!(refused.kind(), StoreErrorKind::Foreign, "{name} {document}");
        assert!(store.create(&session(1, "alice")).await.is_err(), "nothing is written to what is not ours");
        let found = database.collection::<Document>(name).find_one(doc! {}).await.unwrap();
        assert_eq!(found.unwrap().len(), document.len(), "what is not ours stays as it was");
        let collections = database.list_collection_names().await.unwrap();
        assert_eq!(collections, [name], "nothing is made beside what is not ours");
        let newer = document.contains_key("version");
        assert_eq!(chain(&refused).contains("newer version"), newer, "{}", chain(&refused));
    }
}

#[tokio::test]
async fn without_a_migration_nothing_is_written() {
    let mongo = Mongo::start().await;
    let store = MongoStore::new(mongo.database("bare").await);
    let refused = store.create(&session(1, "alice")).await.unwrap_err();
    assert_eq!(refused.kind(), StoreErrorKind::Configuration);
    assert!(chain(&refused).contains("migrate"), "the error says what to do: {}", chain(&refused));
    assert!(mongo.database("bare").await.list_collection_names().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_url_is_enough() {
    let mongo = Mongo::start().await;
    let alice = session(1, "alice");
    let by_url = connect(&format!("{}/by_url", mongo.url())).await.unwrap();
    by_url.migrate().await.unwrap();
    by_url.create(&alice).await.unwrap();
    let other = store(&mongo, "by_url").await;
    assert!(other.load("alice", alice.id).await.unwrap().is_some());
    // Without a name the database is ours.
    let ours = store(&mongo, "jwt_sessions").await;
    connect(&mongo.url()).await.unwrap().create(&alice).await.unwrap();
    assert!(ours.load("alice", alice.id).await.unwrap().is_some());
}

#[tokio::test]
async fn no_error_shows_a_password() {
    let nobody = free_port();
    let url = format!("mongodb://root:hunter2@127.0.0.1:{nobody}/app?serverSelectionTimeoutMS=200");
    let store = MongoStore::new(Client::with_uri_str(&url).await.unwrap().database("app"));
    let alice = session(1, "alice");
    let errors = [
        store.migrate().await.unwrap_err(),
        store.create(&alice).await.unwrap_err(),
        store.feed(&Cursor::default()).await.unwrap_err(),
        connect(&url).await.unwrap().migrate().await.unwrap_err(),
    ];
    for error in &errors {
        assert_eq!(error.kind(), StoreErrorKind::Unavailable);
        assert!(!chain(error).contains("hunter2"), "{}", chain(error));
    }
    for unreadable in
        ["mongodb://root:hunter2%@localhost", "mongodb://hunter2@", "mongodb://root:hunter2@h/a?tls=hunter2"]
    {
        let error = connect(unreadable).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Configuration, "{unreadable}");
        assert!(!chain(&error).contains("hunter2"), "{}", chain(&error));
    }
    assert!(!format!("{store:?}").contains("hunter2"));
}
