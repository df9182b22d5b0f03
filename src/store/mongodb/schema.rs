use mongodb::bson::{Document, doc};
use mongodb::options::IndexOptions;
use mongodb::{Collection, IndexModel};

use super::collections::{COMMAND, Call, META, SESSIONS, SUBJECTS, majority, primary};
use super::documents::optional;
use super::error::{broken, foreign, is_duplicate};
use super::sessions::all;
use crate::store::{StoreError, StoreErrorKind};

/// What was found in a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    /// No version is written down.
    Nothing,
    /// The version that this crate writes.
    Ours,
}

/// Makes the indexes, and writes the version down, if that was not done.
pub(super) async fn migrate(at: &Call) -> Result<(), StoreError> {
    let names = doc! { "name": { "$in": [META, SESSIONS, SUBJECTS] } };
    // Asked for as documents: the driver's type for a collection demands more than some servers say.
    let made = at.database.run_cursor_command(doc! { "listCollections": 1, "filter": names });
    for made in all(made.selection_criteria(primary()).await.map_err(broken)?).await? {
        if !is_plain(&made) {
            let name = made.get_str("name").unwrap_or(SESSIONS);
            return Err(foreign(format!("`{name}` is no ordinary collection of this crate's")));
        }
    }
    if inspect(at).await? == Found::Nothing {
        claim(at).await?;
    }
    index(&at.sessions, doc! { "subject": 1 }, "jwt_sessions_by_subject", false).await?;
    // Only what was ended or cut is in it: a rotation writes no index.
    index(&at.sessions, doc! { "fed_at": 1 }, "jwt_sessions_feed", true).await?;
    index(&at.subjects, doc! { "forget_at": 1 }, "jwt_sessions_forget", false).await
}

/// That the collections are there and ours.
pub(super) async fn check(at: &Call) -> Result<(), StoreError> {
    match inspect(at).await? {
        Found::Ours => Ok(()),
        Found::Nothing => Err(StoreError::new(StoreErrorKind::Configuration)
            .because("the database has no sessions: `MongoStore::migrate` was not called")),
    }
}

/// Writes the version down, before there is any document. Whoever comes second finds it written.
async fn claim(at: &Call) -> Result<(), StoreError> {
    for collection in [&at.sessions, &at.subjects] {
        let stranger = collection.find_one(doc! {}).max_time(COMMAND).await.map_err(broken)?;
        // Asked again, because another process may have been first, and may have begun to work.
        if stranger.is_some() && inspect(at).await? == Found::Nothing {
            return Err(foreign(format!("`{}` has documents that this crate did not write", collection.name())));
        }
    }
    match at.meta.insert_one(doc! { "_id": SCHEMA, "version": VERSION }).await {
        Err(error) if !is_duplicate(&error) => Err(broken(error)),
        _ => inspect(at).await.map(drop),
    }
}

/// Reads only.
async fn inspect(at: &Call) -> Result<Found, StoreError> {
    let schema = at.meta.find_one(doc! { "_id": SCHEMA }).max_time(COMMAND).await.map_err(broken)?;
    let Some(schema) = schema else {
        let stranger = at.meta.find_one(doc! { "_id": { "$ne": SCHEMA } }).max_time(COMMAND).await.map_err(broken)?;
        return match stranger {
            None => Ok(Found::Nothing),
            Some(_) => Err(foreign(format!("`{META}` has documents that this crate did not write"))),
        };
    };
    match optional(&schema, "version") {
        Some(VERSION) => Ok(Found::Ours),
        Some(newer) if newer > VERSION => {
            Err(foreign(format!("the sessions were written by a newer version (schema {newer}, known is {VERSION})")))
        }
        _ => Err(foreign(format!("`{META}` names no version of this crate's"))),
    }
}

/// No collation, which would fold subjects; nothing that deletes or refuses documents by itself.
fn is_plain(made: &Document) -> bool {
    let options = made.get_document("options");
    made.get_str("type") == Ok("collection")
        && !options.is_ok_and(|options| UNWANTED.iter().any(|unwanted| options.contains_key(unwanted)))
}

async fn index(on: &Collection<Document>, keys: Document, name: &str, sparse: bool) -> Result<(), StoreError> {
    let options = IndexOptions::builder().name(name.to_owned()).sparse(sparse.then_some(true)).build();
    let made = on.create_index(IndexModel::builder().keys(keys).options(options).build());
    made.write_concern(majority()).await.map_err(broken).map(drop)
}

/// The only document of the meta collection.
pub(super) const SCHEMA: &str = "schema";
const VERSION: i64 = 1;
const UNWANTED: [&str; 6] = ["collation", "capped", "validator", "timeseries", "viewOn", "expireAfterSeconds"];
