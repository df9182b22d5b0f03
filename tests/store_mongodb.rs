//! What the MongoDB store promises beside the contract, against a server of MongoDB's protocol.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers outside of the test functions fail their test"
)]

#[path = "servers/mod.rs"]
mod servers;

use std::collections::HashSet;
use std::error::Error as _;
use std::future::Future as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use jwt_sessions::store::conformance::Suite;
use jwt_sessions::store::{
    Created, Cursor, Ends, MongoStore, NewSession, RevokeReason, Row, SessionStore, StoreError, StoreErrorKind, Swap,
    Swapped, connect,
};
use jwt_sessions::token::{SecretHash, SessionId, Timestamp};
use mongodb::bson::{Bson, Document, doc};
use mongodb::event::EventHandler;
use mongodb::event::command::CommandEvent;
use mongodb::options::{
    Acknowledgment, ClientOptions, ReadConcern, ReadPreference, ReturnDocument, SelectionCriteria, WriteConcern,
};
use mongodb::{Client, Database};
use tokio::task::JoinSet;

use crate::servers::mongodb::Mongo;

/// A store that is ready for use, through a client of its own, and patient: other tests run on the same machine.
async fn store(mongo: &Mongo, database: &str) -> MongoStore {
    let store = MongoStore::new(mongo.database(database).await).time_limit(Duration::from_secs(60));
    store.migrate().await.unwrap();
    store
}

fn session(n: u16, subject: &str) -> NewSession {
    let mut id = [7; 16];
    id[..2].copy_from_slice(&n.to_be_bytes());
    let (id, hash) = (SessionId::from_bytes(id), SecretHash::from_bytes([9; 32]));
    let hour = Duration::from_secs(3600);
    NewSession::new(id, subject, hash, hour, 2 * hour, Timestamp::from_secs(7_258_118_400))
}

/// A session that leaves no room for another.
fn only(n: u16, subject: &str) -> NewSession {
    let mut only = session(n, subject);
    only.limit = 1;
    only
}

/// A swap that cuts off everything before.
fn cutting(expected: (u64, u64), generation: u64) -> Swap {
    let mut swap = Swap::new(expected, generation, generation);
    swap.cut = generation;
    swap
}

async fn open(store: &MongoStore, session: &NewSession) -> (Row, Vec<SessionId>) {
    match store.create(session).await.unwrap() {
        Created::Opened { row, ended } => (row, ended),
        other => panic!("{other:?}"),
    }
}

async fn swap(store: &MongoStore, session: &NewSession, swap: &Swap) -> Swapped {
    store.swap(&session.subject, session.id, &session.secret_hash, swap).await.unwrap()
}

async fn read(store: &MongoStore, mut cursor: Cursor) -> (Vec<Ends>, Cursor) {
    let mut ends = Vec::new();
    loop {
        let page = store.feed(&cursor).await.unwrap();
        ends.extend(page.entries.iter().map(|entry| entry.ends));
        cursor = page.cursor;
        if !page.more {
            return (ends, cursor);
        }
    }
}

fn system_millis() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

fn chain(error: &StoreError) -> String {
    let (mut text, mut source) = (format!("{error} {error:?}"), error.source());
    while let Some(error) = source {
        text += &format!(" {error} {error:?}");
        source = error.source();
    }
    text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_keeps_the_contract() {
    let mongo = Mongo::start().await;
    Suite::new(store(&mongo, "suite").await).alone().run().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_instances_behave_as_one() {
    let mongo = Mongo::start().await;
    let (one, other) = (store(&mongo, "shared").await, store(&mongo, "shared").await);
    let suite = Suite::new(one).shared_with(other);
    suite.one_swap_wins().await;
    suite.ended_is_ended_during_a_race().await;
    suite.the_limit_holds_in_a_race().await;
    suite.a_login_and_a_logout_of_all_agree().await;
    suite.what_is_ended_is_in_the_feed().await;
    suite.a_reader_misses_nothing_in_a_race().await;
}

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

/// A database whose commands are noted, over a client whose own defaults are as weak as they can be.
async fn noted(mongo: &Mongo, name: &str) -> (Database, Arc<Mutex<Vec<Document>>>) {
    let noted = Arc::new(Mutex::new(Vec::new()));
    let mut options: ClientOptions = mongo.options().await;
    options.write_concern = Some(WriteConcern::builder().w(Acknowledgment::Nodes(1)).build());
    options.selection_criteria =
        Some(SelectionCriteria::ReadPreference(ReadPreference::SecondaryPreferred { options: None }));
    options.read_concern = Some(ReadConcern::available());
    let notes = Arc::clone(&noted);
    options.command_event_handler = Some(EventHandler::callback(move |event| {
        if let CommandEvent::Started(started) = event {
            notes.lock().unwrap().push(started.command);
        }
    }));
    (Client::with_options(options).unwrap().database(name), noted)
}

#[tokio::test]
async fn a_rotation_that_wins_is_one_command() {
    let mongo = Mongo::start().await;
    let (database, noted) = noted(&mongo, "counted").await;
    let store = MongoStore::new(database);
    store.migrate().await.unwrap();
    let session = session(1, "alice");
    open(&store, &session).await;
    noted.lock().unwrap().clear();
    store.now().await.unwrap();
    let asked = std::mem::take(&mut *noted.lock().unwrap());
    assert_eq!((asked.len(), asked[0].contains_key("hello")), (1, true), "the server's clock, before each login");
    open(&store, &self::session(2, "bob")).await;
    assert_eq!(std::mem::take(&mut *noted.lock().unwrap()).len(), 8, "a login");

    for generation in 1..50 {
        let won = swap(&store, &session, &Swap::new((generation, generation), generation + 1, generation + 1)).await;
        assert!(matches!(won, Swapped::Won(_)));
    }
    let commands = std::mem::take(&mut *noted.lock().unwrap());
    assert_eq!(commands.len(), 49, "one command a rotation, however many there were");
    for command in &commands {
        assert!(command.contains_key("findAndModify"));
        let concern = command.get_document("writeConcern").unwrap();
        assert_eq!(concern.get_str("w"), Ok("majority"), "whatever the client's own default is");
        assert_eq!(concern.get_bool("j"), Ok(true));
    }

    let lost = swap(&store, &session, &Swap::new((1, 1), 2, 1)).await;
    assert!(matches!(lost, Swapped::Lost(Some(_))));
    let cut = swap(&store, &session, &cutting((50, 50), 51)).await;
    assert!(matches!(cut, Swapped::Won(_)));
    assert!(store.revoke("alice", session.id, RevokeReason::Logout).await.unwrap());
    let names: Vec<_> = noted.lock().unwrap().iter().map(|command| command.keys().next().unwrap().clone()).collect();
    assert_eq!(
        names,
        ["findAndModify", "find", "findAndModify", "update"],
        "two where it is lost, one for a cut, one for an end"
    );
}

#[tokio::test]
async fn every_write_but_a_confirmation_waits_for_a_majority_and_not_for_ever() {
    let mongo = Mongo::start().await;
    let (database, noted) = noted(&mongo, "concerned").await;
    let store = MongoStore::new(database);
    store.migrate().await.unwrap();
    let session = session(1, "alice");
    for n in 1..4 {
        open(&store, &only(n, "alice")).await;
    }
    store.revoke_subject("alice", None, RevokeReason::LogoutAll).await.unwrap();
    store.list("alice").await.unwrap();
    store.load("alice", session.id).await.unwrap();
    store.revoke_all(Timestamp::from_millis(system_millis())).await.unwrap();
    read(&store, Cursor::default()).await;
    store.purge(10).await.unwrap();
    let commands = std::mem::take(&mut *noted.lock().unwrap());
    let mut whole = 0;
    for command in &commands {
        let name = command.keys().next().unwrap().as_str();
        if matches!(name, "insert" | "update" | "delete" | "findAndModify") {
            let concern = command.get_document("writeConcern").unwrap();
            assert_eq!((concern.get_str("w"), concern.get_bool("j")), (Ok("majority"), Ok(true)), "{command}");
            let limit = concern.get("wtimeout").and_then(|limit| limit.as_i64().or(limit.as_i32().map(i64::from)));
            whole += usize::from(limit.is_none());
            assert!(matches!(limit, None | Some(5000)), "{command}");
        }
        // A page of a purge takes its time.
        if name == "findAndModify" || name == "find" && command.get_i64("limit") != Ok(1000) {
            assert_eq!(command.get_i32("maxTimeMS"), Ok(5000), "{command}");
        }
        if name == "find" {
            let level = command.get_document("readConcern").and_then(|concern| concern.get_str("level"));
            assert_eq!(level, Ok("local"), "{command}");
        }
        let preference = command.get_document("$readPreference").ok().and_then(|read| read.get_str("mode").ok());
        assert!(matches!(preference, None | Some("primary" | "primaryPreferred")), "{command}");
    }
    assert_eq!(whole, 1, "an end of all may take as long as there are sessions");
    assert!(commands.len() > 20);
}

#[tokio::test]
async fn a_quiet_feed_costs_two_small_reads() {
    let mongo = Mongo::start().await;
    let (database, noted) = noted(&mongo, "quiet").await;
    let store = MongoStore::new(database);
    store.migrate().await.unwrap();
    let (_, cursor) = read(&store, Cursor::default()).await;
    noted.lock().unwrap().clear();
    let (ends, _) = read(&store, cursor).await;
    assert!(ends.is_empty());
    assert_eq!(noted.lock().unwrap().len(), 2);
}

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

#[tokio::test]
async fn no_error_shows_a_password() {
    let nobody = servers::free_port();
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
    servers::until("logins", async || if begun.load(SeqCst) == 1500 { Ok(()) } else { Err("too few") }).await;
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
    servers::until("rotations", async || if answered.load(SeqCst) > 100 { Ok(()) } else { Err("too few") }).await;
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
