//! What goes to the server.

use std::sync::{Arc, Mutex};

use jwt_sessions::store::{Cursor, MongoStore, RevokeReason, SessionStore, Swap, Swapped};
use jwt_sessions::token::Timestamp;
use mongodb::bson::Document;
use mongodb::event::EventHandler;
use mongodb::event::command::CommandEvent;
use mongodb::options::{Acknowledgment, ClientOptions, ReadConcern, ReadPreference, SelectionCriteria, WriteConcern};
use mongodb::{Client, Database};

use super::{cutting, only, open, read, session, swap, system_millis};
use crate::servers::mongodb::Mongo;

/// A database whose commands are noted, over a client whose own defaults are as weak as they can be.
pub(crate) async fn noted(mongo: &Mongo, name: &str) -> (Database, Arc<Mutex<Vec<Document>>>) {
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
