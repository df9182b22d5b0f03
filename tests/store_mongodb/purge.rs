//! What is over is deleted, and nothing else.

use std::future::Future as _;
use std::time::Duration;

use jwt_sessions::store::{Cursor, Ends, MongoStore, RevokeReason, SessionStore};
use jwt_sessions::token::SessionId;
use mongodb::bson::{Document, doc};

use super::commands::noted;
use super::{cutting, only, open, read, session, store, swap, system_millis};
use crate::servers::mongodb::Mongo;

/// The collection of sessions with so many dead ones beside what is there.
async fn littered(mongo: &Mongo, name: &str, dead: u16) -> mongodb::Collection<Document> {
    let sessions = mongo.database(name).await.collection::<Document>("jwt_sessions");
    let row = sessions.find_one(doc! {}).await.unwrap().unwrap();
    let dead: Vec<_> = (0..dead)
        .map(|n| {
            let mut dead = row.clone();
            let mut id = [0xff_u8; 16];
            id[..2].copy_from_slice(&n.to_be_bytes());
            dead.insert("_id", SessionId::from_bytes(id).to_string());
            dead.insert("subject", "dead");
            dead.insert(if n % 2 == 0 { "expires_at" } else { "idle" }, 1_i64);
            dead
        })
        .collect();
    sessions.insert_many(dead).await.unwrap();
    sessions
}

#[tokio::test]
async fn a_purge_goes_through_pages() {
    let mongo = Mongo::start().await;
    let store = store(&mongo, "purge").await;
    let living = session(1, "alice");
    open(&store, &living).await;
    let sessions = littered(&mongo, "purge", 2500).await;
    let mut pages = Vec::new();
    loop {
        let page = store.purge(1100).await.unwrap();
        pages.push(page);
        if page < 1100 {
            break;
        }
    }
    assert_eq!(pages, [1100, 1100, 300]);
    assert_eq!(sessions.count_documents(doc! {}).await.unwrap(), 1);
    assert!(store.load("alice", living.id).await.unwrap().is_some());
}

#[tokio::test]
async fn a_purge_ends_where_others_put_a_page_of_documents() {
    let mongo = Mongo::start().await;
    let store = store(&mongo, "strangers").await;
    let subjects = mongo.database("strangers").await.collection::<Document>("jwt_sessions_subjects");
    let theirs: Vec<_> = (0..1000_i64).map(|n| doc! { "_id": n, "forget_at": 1_i64 }).collect();
    subjects.insert_many(theirs).await.unwrap();
    assert_eq!(tokio::time::timeout(Duration::from_secs(30), store.purge(10)).await.unwrap().unwrap(), 0);
    assert_eq!(subjects.count_documents(doc! {}).await.unwrap(), 1000, "what is not ours stays");
}

/// Those of one handle take turns, and one that nobody waits for any more ends with the page that is under way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn purges_do_not_overlap() {
    let mongo = Mongo::start().await;
    let (database, noted) = noted(&mongo, "turns").await;
    let store = MongoStore::new(database).time_limit(Duration::from_secs(60));
    store.migrate().await.unwrap();
    open(&store, &session(1, "alice")).await;
    let sessions = littered(&mongo, "turns", 5000).await;
    let deletes = || {
        let commands = std::mem::take(&mut *noted.lock().unwrap());
        commands.iter().filter(|command| command.get_str("delete") == Ok("jwt_sessions")).count()
    };
    deletes();
    let clone = store.clone();
    let (one, other) = tokio::join!(store.purge(usize::MAX), clone.purge(usize::MAX));
    assert_eq!(one.unwrap() + other.unwrap(), 5000);
    assert!(deletes() <= 6, "nothing is deleted by both");
    assert_eq!(sessions.count_documents(doc! {}).await.unwrap(), 1);

    littered(&mongo, "turns", 5000).await;
    deletes();
    {
        let mut given_up = std::pin::pin!(store.purge(usize::MAX));
        let is_ready = given_up.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())).is_ready();
        assert!(!is_ready);
    }
    let rest = store.purge(usize::MAX).await.unwrap();
    assert!(rest >= 4000, "{rest}: the first one went on for more than a page");
    assert_eq!(sessions.count_documents(doc! {}).await.unwrap(), 1);
}

#[tokio::test]
async fn what_the_feed_needs_is_not_purged() {
    let mongo = Mongo::start().await;
    let store = store(&mongo, "kept").await;
    let (cut, ended) = (session(1, "alice"), session(2, "alice"));
    open(&store, &cut).await;
    open(&store, &ended).await;
    swap(&store, &cut, &cutting((1, 1), 2)).await;
    store.revoke("alice", ended.id, RevokeReason::Logout).await.unwrap();
    let sessions = mongo.database("kept").await.collection::<Document>("jwt_sessions");
    sessions.update_many(doc! {}, doc! { "$set": { "idle": 1_i64 } }).await.unwrap();
    assert_eq!(store.purge(10).await.unwrap(), 0, "idle, but other instances must still hear of them");
    let (ends, _) = read(&store, Cursor::default()).await;
    assert_eq!(ends, [Ends::Below(cut.id, 2), Ends::Session(ended.id)]);
    sessions.update_many(doc! {}, doc! { "$set": { "fed_at": system_millis() - 3_730_000 } }).await.unwrap();
    assert_eq!(store.purge(10).await.unwrap(), 2);
}

#[tokio::test]
async fn a_subject_of_the_day_before_is_forgotten_and_a_logout_of_all_is_not() {
    let mongo = Mongo::start().await;
    let store = store(&mongo, "forget").await;
    open(&store, &session(1, "alice")).await;
    open(&store, &session(2, "bob")).await;
    store.revoke_subject("bob", None, RevokeReason::LogoutAll).await.unwrap();
    let subjects = mongo.database("forget").await.collection::<Document>("jwt_sessions_subjects");
    let day_after = system_millis() + 25 * 3600 * 1000;
    assert_eq!(subjects.count_documents(doc! { "forget_at": { "$lt": day_after } }).await.unwrap(), 1);
    subjects.update_one(doc! { "_id": "alice" }, doc! { "$set": { "forget_at": 1_i64 } }).await.unwrap();
    store.purge(10).await.unwrap();
    assert_eq!(subjects.count_documents(doc! {}).await.unwrap(), 1, "only the note on bob is left");
    // Alice's next login finds her sessions all the same.
    let (_, ended) = open(&store, &only(3, "alice")).await;
    assert_eq!(ended, [session(1, "alice").id]);
}
