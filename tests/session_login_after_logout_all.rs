//! Whoever logged out everywhere, or changed the password, may log in again at once.

use jwt_sessions::clock::Clock;
use jwt_sessions::store::MemoryStore;
use jwt_sessions::{Client, Grant, Keys, Opened, Sessions, accounts_elsewhere};
use serde_json::json;

#[tokio::test]
async fn a_login_that_begins_after_the_answer_is_never_too_early() {
    let grant = async |_: String| Ok::<_, std::io::Error>(Some(Grant::new(json!({}))));
    let keys = Keys::secrets("access-secret-0123456789-abcdefghij", "refresh-secret-0123456789-abcdefghij").unwrap();
    let store = MemoryStore::new(Clock::system());
    let sessions = Sessions::builder(keys, store, accounts_elsewhere(grant)).issuer("id").build().unwrap();
    for _ in 0..20 {
        sessions.revoke_subject("alice", None).await.unwrap();
        let opened = sessions.open("alice", Client::default()).await.unwrap();
        assert!(matches!(opened, Opened::Tokens(_)), "{opened:?}");
    }
}
