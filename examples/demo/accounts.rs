//! Who has an account, and what the account may do.
//!
//! Usernames and email addresses are unique without regard to letter case. Usernames are 1 to 64 of the ASCII letters and
//! digits, `.`, `_` and `-`, so that no two of them look alike to a reader and differ to the machine, and begin with a letter
//! or digit, so that each can stand in a path. Email addresses are compared whole in lower case; nothing else about them is
//! normalised: whether `a.b@` is `ab@` is their provider's affair. Neither is trimmed. A username has no `@` and an address has
//! one, so that none can stand for another's.

use rusqlite::{Connection, ErrorCode, OptionalExtension, Row, named_params};

use crate::database::{Broken, Database};

/// An account, without its password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    /// Random and never used again: sessions and notes hang on it, and a new account is not an old one of that name.
    pub(crate) id: String,
    pub(crate) username: String,
    pub(crate) email: String,
    pub(crate) admin: bool,
    pub(crate) disabled: bool,
}

/// What became of a registration.
#[derive(Debug)]
pub(crate) enum Registered {
    Created(Account),
    /// The username or the address is somebody's.
    Taken,
}

/// The accounts in a [`Database`]. Each call is one statement, so that instances which share the file cannot come between.
#[derive(Clone)]
pub(crate) struct Accounts(Database);

impl Accounts {
    pub(crate) fn new(database: Database) -> Self {
        Self(database)
    }

    /// Makes an account of a username and an address that [`is_username`] and [`is_email`] took. The first one of all is an
    /// admin, whoever else registers at that moment.
    pub(crate) async fn register(
        &self,
        username: String,
        email: String,
        password_hash: String,
    ) -> Result<Registered, Broken> {
        let mut id = [0; 16];
        getrandom::fill(&mut id).map_err(|_| Broken)?;
        let id = format!("{:032x}", u128::from_be_bytes(id));
        self.0
            .run(move |database| {
                let values = named_params! {
                    ":id": id, ":username": username, ":username_key": key(&username),
                    ":email": email, ":email_key": key(&email), ":password_hash": password_hash,
                };
                match database.query_row(REGISTER, values, account) {
                    Ok(account) => Ok(Registered::Created(account)),
                    Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
                        Ok(Registered::Taken)
                    }
                    Err(error) => Err(error),
                }
            })
            .await
    }

    /// The account of that id.
    pub(crate) async fn by_id(&self, id: &str) -> Result<Option<Account>, Broken> {
        let id = id.to_owned();
        self.0.run(move |database| database.query_row(BY_ID, [id], account).optional()).await
    }

    /// The account that a person means by a username or an address, with its password's hash.
    pub(crate) async fn by_name(&self, name: &str) -> Result<Option<(Account, String)>, Broken> {
        let key = key(name);
        let found = |row: &Row<'_>| Ok((account(row)?, row.get("password_hash")?));
        self.0.run(move |database| database.query_row(BY_NAME, [key], found).optional()).await
    }

    /// All accounts, the oldest first, at most 1,000.
    pub(crate) async fn all(&self) -> Result<Vec<Account>, Broken> {
        self.0.run(|database| database.prepare(ALL)?.query_map([], account)?.collect()).await
    }

    /// Changes what is not `None`; the account as it is then, or none of that username.
    pub(crate) async fn change(
        &self,
        username: &str,
        admin: Option<bool>,
        disabled: Option<bool>,
    ) -> Result<Option<Account>, Broken> {
        let key = key(username);
        self.0
            .run(move |database: &Connection| {
                let values = named_params! { ":key": key, ":admin": admin, ":disabled": disabled };
                database.query_row(CHANGE, values, account).optional()
            })
            .await
    }

    /// Deletes the account of that username with its notes; whether there was one.
    pub(crate) async fn delete(&self, username: &str) -> Result<bool, Broken> {
        let key = key(username);
        self.0.run(move |database| database.execute(DELETE, [key]).map(|rows| rows > 0)).await
    }
}

/// Whether `text` may be a username. It stands in paths, where `.` and `..` mean something else to every client; a rule for
/// the first character is easier to say than one for names of dots alone.
pub(crate) fn is_username(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    text.len() <= 64 && text.starts_with(|first: char| first.is_ascii_alphanumeric()) && text.bytes().all(allowed)
}

/// Whether `text` looks like an email address, which is as much as can be told without sending a message to it.
pub(crate) fn is_email(text: &str) -> bool {
    let (local, domain) = text.split_once('@').unwrap_or_default();
    let plain =
        |part: &str| !part.is_empty() && !part.contains(|c: char| c == '@' || c.is_whitespace() || c.is_control());
    text.len() <= 254 && plain(local) && plain(domain)
}

/// What two names have in common when they are the same to a person.
pub(crate) fn key(name: &str) -> String {
    name.to_lowercase()
}

fn account(row: &Row<'_>) -> rusqlite::Result<Account> {
    Ok(Account {
        id: row.get("id")?,
        username: row.get("username")?,
        email: row.get("email")?,
        admin: row.get("admin")?,
        disabled: row.get("disabled")?,
    })
}

const REGISTER: &str = "INSERT INTO accounts
        (id, username, username_key, email, email_key, password_hash, admin, created_at)
    VALUES (:id, :username, :username_key, :email, :email_key, :password_hash,
        NOT EXISTS (SELECT 1 FROM accounts), unixepoch())
    RETURNING id, username, email, admin, disabled";
const BY_ID: &str = "SELECT id, username, email, admin, disabled FROM accounts WHERE id = ?1";
const BY_NAME: &str = "SELECT id, username, email, admin, disabled, password_hash FROM accounts
    WHERE username_key = ?1 OR email_key = ?1";
const ALL: &str = "SELECT id, username, email, admin, disabled FROM accounts ORDER BY created_at, rowid LIMIT 1000";
const CHANGE: &str = "UPDATE accounts SET admin = ifnull(:admin, admin), disabled = ifnull(:disabled, disabled)
    WHERE username_key = :key RETURNING id, username, email, admin, disabled";
const DELETE: &str = "DELETE FROM accounts WHERE username_key = ?1";

#[cfg(test)]
mod tests {
    use super::*;

    fn database() -> (tempfile::TempDir, Database) {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(&folder.path().join("accounts.db")).unwrap();
        (folder, database)
    }

    async fn register(accounts: &Accounts, username: &str, email: &str) -> Option<Account> {
        match accounts.register(username.into(), email.into(), "hash".into()).await.unwrap() {
            Registered::Created(account) => Some(account),
            Registered::Taken => None,
        }
    }

    #[tokio::test]
    async fn names_are_taken_whatever_their_letter_case() {
        let (_folder, database) = database();
        let accounts = Accounts::new(database);
        let alice = register(&accounts, "Alice", "Alice@Example.org").await.unwrap();
        assert_eq!(alice.username, "Alice");
        assert!(register(&accounts, "ALICE", "other@example.org").await.is_none());
        assert!(register(&accounts, "other", "ALICE@EXAMPLE.ORG").await.is_none());
        for name in ["alice", "aLICE", "alice@example.org", "ALICE@example.ORG"] {
            assert_eq!(accounts.by_name(name).await.unwrap().unwrap().0, alice, "{name}");
        }
        assert!(accounts.by_name("alice ").await.unwrap().is_none());
    }

    #[tokio::test]
    async fn of_many_who_register_at_once_exactly_one_is_admin() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("accounts.db");
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..16 {
            // An instance of its own for each.
            let accounts = Accounts::new(Database::open(&path).unwrap());
            let (name, email) = (format!("user{number}"), format!("user{number}@example.org"));
            tasks.spawn(async move { register(&accounts, &name, &email).await.unwrap().admin });
        }
        assert_eq!(tasks.join_all().await.into_iter().filter(|admin| *admin).count(), 1);
    }

    #[tokio::test]
    async fn a_new_account_is_not_the_old_one_of_that_name() {
        let (_folder, database) = database();
        let accounts = Accounts::new(database);
        let old = register(&accounts, "alice", "alice@example.org").await.unwrap();
        assert!(accounts.delete("ALICE").await.unwrap());
        assert!(!accounts.delete("alice").await.unwrap());
        let new = register(&accounts, "alice", "alice@example.org").await.unwrap();
        assert_ne!(old.id, new.id);
        assert_eq!(accounts.by_id(&old.id).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_change_leaves_alone_what_it_does_not_name() {
        let (_folder, database) = database();
        let accounts = Accounts::new(database);
        register(&accounts, "alice", "alice@example.org").await.unwrap();
        let changed = accounts.change("Alice", None, Some(true)).await.unwrap().unwrap();
        assert_eq!((changed.admin, changed.disabled), (true, true));
        let changed = accounts.change("alice", Some(false), None).await.unwrap().unwrap();
        assert_eq!((changed.admin, changed.disabled), (false, true));
        assert_eq!(accounts.change("bob", Some(true), None).await.unwrap(), None);
        assert_eq!(accounts.all().await.unwrap(), [changed]);
    }

    #[test]
    fn a_username_never_reads_as_an_address_and_can_stand_in_a_path() {
        let long = "x".repeat(65);
        for bad in ["", "a@b", "a b", " a", "é", "a/b", "a\0", &long, ".", "..", "...", ".a", "_", "_a", "-", "-a"] {
            assert!(!is_username(bad), "{bad:?}");
        }
        for bad in ["", "@", "a@", "@b", "a@b@c", "a b@c", "a@b\n", "a", &format!("a@{}", "x".repeat(253))] {
            assert!(!is_email(bad), "{bad:?}");
        }
        for good in ["A.b_c-9", "9", "a..", "a-", &long[1..]] {
            assert!(is_username(good), "{good:?}");
        }
        assert!(is_email("a+b@c.example"));
    }
}
