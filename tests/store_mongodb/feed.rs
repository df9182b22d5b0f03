//! Nothing is missed in the feed, whenever it was committed.

use std::collections::HashSet;

use jwt_sessions::store::{Cursor, Ends, RevokeReason, SessionStore};
use jwt_sessions::token::{SessionId, Timestamp};
use mongodb::bson::{Document, doc};

use super::{open, read, session, store, system_millis};
use crate::servers::mongodb::Mongo;

#[tokio::test]
async fn an_entry_that_is_committed_late_is_read() {
    let mongo = Mongo::start().await;
    let store = store(&mongo, "late").await;
    let (late, other) = (session(1, "alice"), session(2, "alice"));
    open(&store, &late).await;
    open(&store, &other).await;
    store.revoke("alice", other.id, RevokeReason::Logout).await.unwrap();
    let (ends, cursor) = read(&store, Cursor::default()).await;
    assert_eq!(ends, [Ends::Session(other.id)]);
    // What a slow writer does: it says that it was before what is read already.
    let before = system_millis() - 8_000;
    let sessions = mongo.database("late").await.collection::<Document>("jwt_sessions");
    let end = doc! { "$set": { "revoked_at": before, "revoke_reason": "logout", "fed_at": before } };
    sessions.update_one(doc! { "_id": late.id.to_string() }, end).await.unwrap();
    let (ends, _) = read(&store, cursor).await;
    assert!(ends.contains(&Ends::Session(late.id)), "{ends:?}");
}

#[tokio::test]
async fn the_feed_comes_in_pages_and_whole() {
    let mongo = Mongo::start().await;
    let store = store(&mongo, "pages").await;
    open(&store, &session(0, "alice")).await;
    let sessions = mongo.database("pages").await.collection::<Document>("jwt_sessions");
    let row = sessions.find_one(doc! {}).await.unwrap().unwrap();
    let now = system_millis();
    let ended: Vec<_> = (0..10_500_u16)
        .map(|n| {
            let mut ended = row.clone();
            let mut id = [0xee_u8; 16];
            id[..2].copy_from_slice(&n.to_be_bytes());
            ended.insert("_id", SessionId::from_bytes(id).to_string());
            // Many at the same moment, as when all of a subject's are ended.
            let at = now - 60_000 + i64::from(n / 100);
            ended.extend(doc! { "revoked_at": at, "revoke_reason": "logout", "fed_at": at });
            ended
        })
        .collect();
    for some in ended.chunks(2000) {
        sessions.insert_many(some).await.unwrap();
    }
    let first = store.feed(&Cursor::default()).await.unwrap();
    assert!(first.more && (10_000..10_200).contains(&first.entries.len()), "{}", first.entries.len());
    let second = store.feed(&first.cursor).await.unwrap();
    assert!(!second.more);
    let read: Vec<_> = first.entries.iter().chain(&second.entries).map(|entry| entry.ends).collect();
    assert_eq!(read.len(), 10_500, "nothing twice in one reading");
    assert_eq!(read.into_iter().collect::<HashSet<_>>().len(), 10_500);
}

#[tokio::test]
async fn the_end_of_all_sessions_is_in_the_feed() {
    let mongo = Mongo::start().await;
    let store = store(&mongo, "all").await;
    open(&store, &session(1, "alice")).await;
    let (_, cursor) = read(&store, Cursor::default()).await;
    let before = Timestamp::from_millis(system_millis() + 60_000);
    assert_eq!(store.revoke_all(before).await.unwrap(), 1);
    assert_eq!(read(&store, cursor).await.0, [Ends::All]);
    assert_eq!(read(&store, Cursor::default()).await.0, [Ends::All]);
}

#[tokio::test]
async fn after_the_clock_was_set_back_an_end_of_all_is_told_once() {
    let mongo = Mongo::start().await;
    let store = store(&mongo, "back").await;
    open(&store, &session(1, "alice")).await;
    let (_, quiet) = read(&store, Cursor::default()).await;
    // What an end of all left that was when the clock was an hour ahead; the version before did not count them.
    let meta = mongo.database("back").await.collection::<Document>("jwt_sessions_meta");
    let ahead = doc! { "$set": { "all_at": system_millis() + 3_600_000 } };
    meta.update_one(doc! { "_id": "schema" }, ahead).await.unwrap();
    let (ends, told) = read(&store, Cursor::default()).await;
    assert_eq!(ends, [Ends::All]);
    assert_eq!(read(&store, quiet).await.0, [Ends::All], "each reader is told");
    let (ends, told) = read(&store, told).await;
    assert!(ends.is_empty(), "and once: it would go on to refuse every token there is");
    // The next one is another one, although its moment is before.
    store.revoke_all(Timestamp::from_millis(system_millis())).await.unwrap();
    let (ends, told) = read(&store, told).await;
    assert_eq!(ends, [Ends::All]);
    assert!(read(&store, told).await.0.is_empty());
}
