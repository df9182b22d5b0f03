//! Logins that were written down and not carried out.

use std::collections::HashSet;

use jwt_sessions::store::{MongoStore, NewSession, RevokeReason, SessionStore, Swap, Swapped};
use jwt_sessions::token::{SessionId, Timestamp};
use mongodb::bson::{Bson, Document, doc};
use mongodb::options::ReturnDocument;

use super::{only, open, session, store, swap, system_millis};
use crate::servers::mongodb::Mongo;

/// What a process leaves that dies between two steps of a login: the same as [`MongoStore`] writes first.
async fn left_behind(mongo: &Mongo, name: &str, store: &MongoStore) -> NewSession {
    let (template, lost) = (session(900, "template"), session(901, "alice"));
    open(store, &template).await;
    let database = mongo.database(name).await;
    let sessions = database.collection::<Document>("jwt_sessions");
    let mut row = sessions.find_one(doc! { "_id": template.id.to_string() }).await.unwrap().unwrap();
    row.insert("_id", lost.id.to_string());
    row.insert("subject", "alice");
    let subjects = database.collection::<Document>("jwt_sessions_subjects");
    let room: Vec<Bson> = Vec::new();
    let opening = doc! { "id": lost.id.to_string(), "room": room, "session": row };
    let update = doc! { "$set": { "version": "x", "forget_at": 0_i64, "opening": opening } };
    subjects.update_one(doc! { "_id": "alice" }, update).upsert(true).await.unwrap();
    lost
}

#[tokio::test]
async fn a_login_whose_process_died_does_not_survive_a_logout_of_all() {
    let mongo = Mongo::start().await;
    let store = store(&mongo, "died").await;
    let lost = left_behind(&mongo, "died", &store).await;
    let ended = store.revoke_subject("alice", None, RevokeReason::LogoutAll).await.unwrap();
    assert_eq!(ended, [lost.id], "it is opened, and ended");
    let row = store.load("alice", lost.id).await.unwrap().unwrap().row;
    assert_eq!(row.revoked.unwrap().reason, RevokeReason::LogoutAll);
    // And whoever was only slow comes too late to open it again.
    open(&store, &session(3, "alice")).await;
    assert_eq!(store.list("alice").await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_login_whose_process_died_counts_for_the_next() {
    let mongo = Mongo::start().await;
    let store = store(&mongo, "counts").await;
    let lost = left_behind(&mongo, "counts", &store).await;
    let (_, ended) = open(&store, &only(3, "alice")).await;
    assert_eq!(ended, [lost.id]);
    assert_eq!(store.purge(10).await.unwrap(), 0);
    assert_eq!(store.list("alice").await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_login_whose_process_died_does_not_survive_an_end_of_all() {
    let mongo = Mongo::start().await;
    let store = store(&mongo, "refused").await;
    let database = mongo.database("refused").await;
    let subjects = database.collection::<Document>("jwt_sessions_subjects");
    let sessions = database.collection::<Document>("jwt_sessions");
    let before = system_millis() + 60_000;
    // Whose credentials were read before is refused, whatever the session says; where it is not said, they were read when the
    // session was opened.
    for (read_at, created_at, is_there) in [
        (Some(before - 120_000), before + 1, false),
        (Some(before - 120_000), before + 1, true),
        (Some(before), before + 1, true),
        (None, before - 60_000, false),
    ] {
        let lost = left_behind(&mongo, "refused", &store).await;
        let mut set = doc! { "opening.session.created_at": created_at };
        if let Some(read_at) = read_at {
            set.insert("opening.read_at", read_at);
        }
        let left = subjects.find_one_and_update(doc! { "_id": "alice" }, doc! { "$set": set });
        let left = left.return_document(ReturnDocument::After).await.unwrap().unwrap();
        if is_there {
            // It died only after that step, which a logout of all that was under way did not see.
            let session = left.get_document("opening").unwrap().get_document("session").unwrap();
            sessions.insert_one(session).await.unwrap();
        }
        store.revoke_all(Timestamp::from_millis(before)).await.unwrap();
        // A logout of all others that spares it, and the next login, both carry it out.
        if is_there {
            open(&store, &session(3, "alice")).await;
        } else {
            store.revoke_subject("alice", Some(lost.id), RevokeReason::LogoutAll).await.unwrap();
        }
        let is_kept = read_at == Some(before);
        let loaded = store.load("alice", lost.id).await.unwrap();
        assert_eq!(loaded.is_some(), is_there, "one that was refused before it was there never is");
        let is_living = loaded.as_ref().is_some_and(|loaded| loaded.row.is_living(loaded.now));
        assert_eq!(is_living, is_kept, "read at {read_at:?}, opened at {created_at}, {is_there}: {loaded:?}");
        let left = subjects.find_one(doc! { "_id": "alice" }).await.unwrap().unwrap();
        assert!(!left.contains_key("opening"), "it is done with");
        sessions.delete_many(doc! {}).await.unwrap();
        subjects.delete_many(doc! {}).await.unwrap();
    }
}

#[tokio::test]
async fn a_login_whose_process_died_ends_nothing_that_is_in_use_or_spared() {
    let mongo = Mongo::start().await;
    let store = store(&mongo, "spared").await;
    let subjects = mongo.database("spared").await.collection::<Document>("jwt_sessions_subjects");
    let left = async |room: SessionId, created_at: i64| {
        let lost = left_behind(&mongo, "spared", &store).await;
        let left = doc! { "opening.room": [room.to_string()], "opening.session.created_at": created_at };
        subjects.update_one(doc! { "_id": "alice" }, doc! { "$set": left }).await.unwrap();
        lost.id
    };
    let living = async || {
        let listed = store.list("alice").await.unwrap();
        listed.iter().map(|listed| listed.row.id).collect::<HashSet<_>>()
    };
    let (used, unused) = (session(1, "alice"), session(2, "alice"));
    open(&store, &used).await;
    open(&store, &unused).await;
    let hour_ago = system_millis() - 3_600_000;
    let lost = left(used.id, hour_ago).await;
    assert!(matches!(swap(&store, &used, &Swap::new((1, 1), 2, 2)).await, Swapped::Won(_)));
    let mut third = session(3, "alice");
    third.limit = 3;
    let (_, ended) = open(&store, &third).await;
    assert_eq!(ended, [unused.id], "the longest unused makes room, and not what was that once");
    assert_eq!(living().await, [used.id, lost, third.id].into());

    // One that was not rotated since makes room, unless it is what a logout of all others spares.
    store.revoke_subject("alice", Some(third.id), RevokeReason::LogoutAll).await.unwrap();
    let sessions = mongo.database("spared").await.collection::<Document>("jwt_sessions");
    for spares in [true, false] {
        sessions.delete_many(doc! { "_id": { "$ne": third.id.to_string() } }).await.unwrap();
        left(third.id, system_millis() + 60_000).await;
        if spares {
            let ended = store.revoke_subject("alice", Some(third.id), RevokeReason::LogoutAll).await.unwrap();
            assert_eq!(ended, [lost]);
            assert_eq!(living().await, [third.id].into());
        } else {
            let fourth = session(4, "alice");
            open(&store, &fourth).await;
            assert_eq!(living().await, [lost, fourth.id].into());
        }
    }
}
