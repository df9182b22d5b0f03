//! Each account's notes: something worth protecting.

use rusqlite::{OptionalExtension, Row};
use serde::Serialize;

use crate::database::{Broken, Database};

/// A note.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Note {
    pub(crate) id: i64,
    pub(crate) text: String,
    /// Seconds since 1970.
    pub(crate) created_at: i64,
}

/// The notes in a [`Database`].
#[derive(Clone)]
pub(crate) struct Notes(Database);

impl Notes {
    pub(crate) fn new(database: Database) -> Self {
        Self(database)
    }

    /// Writes a note down; none when the account is gone.
    pub(crate) async fn add(&self, account: &str, text: String) -> Result<Option<Note>, Broken> {
        let account = account.to_owned();
        self.0.run(move |database| database.query_row(ADD, [account, text], note).optional()).await
    }

    /// The account's 100 newest notes, the newest first.
    pub(crate) async fn of(&self, account: &str) -> Result<Vec<Note>, Broken> {
        let account = account.to_owned();
        self.0.run(move |database| database.prepare(OF)?.query_map([account], note)?.collect()).await
    }
}

/// Whether `text` may be a note: 1 to 2,000 characters that are not all blank.
pub(crate) fn is_note(text: &str) -> bool {
    !text.trim().is_empty() && text.chars().nth(2000).is_none()
}

fn note(row: &Row<'_>) -> rusqlite::Result<Note> {
    Ok(Note { id: row.get("id")?, text: row.get("text")?, created_at: row.get("created_at")? })
}

const ADD: &str = "INSERT INTO notes (account, text, created_at)
    SELECT id, ?2, unixepoch() FROM accounts WHERE id = ?1
    RETURNING id, text, created_at";
const OF: &str = "SELECT id, text, created_at FROM notes WHERE account = ?1 ORDER BY id DESC LIMIT 100";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::{Accounts, Registered};

    #[tokio::test]
    async fn notes_are_their_writers_alone_and_go_with_the_account() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(&folder.path().join("accounts.db")).unwrap();
        let (accounts, notes) = (Accounts::new(database.clone()), Notes::new(database));
        let mut ids = Vec::new();
        for name in ["alice", "bob"] {
            let email = format!("{name}@example.org");
            match accounts.register(name.into(), email, "hash".into()).await.unwrap() {
                Registered::Created(account) => ids.push(account.id),
                Registered::Taken => panic!("{name} is taken"),
            }
        }
        let first = notes.add(&ids[0], "first".into()).await.unwrap().unwrap();
        let second = notes.add(&ids[0], "'); DROP TABLE notes; --\0".into()).await.unwrap().unwrap();
        assert_eq!(second.text, "'); DROP TABLE notes; --\0");
        assert_eq!(notes.of(&ids[0]).await.unwrap(), [second, first]);
        assert_eq!(notes.of(&ids[1]).await.unwrap(), []);
        accounts.delete("alice").await.unwrap();
        assert_eq!(notes.of(&ids[0]).await.unwrap(), []);
        assert_eq!(notes.add(&ids[0], "late".into()).await.unwrap(), None);
    }

    #[test]
    fn a_note_has_1_to_2000_characters() {
        assert!(is_note(&"é".repeat(2000)));
        for bad in ["", " \n", &"é".repeat(2001)] {
            assert!(!is_note(bad));
        }
    }
}
