//! Events count in `jwt_sessions_events_total`, by its name and cause.

use std::convert::Infallible;
use std::time::Duration;

use jwt_sessions::clock::Clock;
use jwt_sessions::store::MemoryStore;
use jwt_sessions::token::Timestamp;
use jwt_sessions::{Client, Grant, Keys, Opened, Refreshed, Sessions, accounts_elsewhere};

use self::counted::Counted;

#[path = "common/counted.rs"]
mod counted;

// On one thread, as the recorder is this thread's own.
#[tokio::test]
async fn events_are_counted_by_name_and_cause_and_by_nothing_personal() {
    let counted = Counted::default();
    let _here = metrics::set_default_local_recorder(&counted);
    let clock = Clock::manual(Timestamp::from_secs(1_700_000_000));
    let keys = Keys::secrets("an-access-secret-of-at-least-32-bytes", "one-more-refresh-secret-of-32-bytes").unwrap();
    let grant = async |_: String| -> Result<_, Infallible> { Ok(Some(Grant::new(serde_json::json!({})))) };
    let sessions = Sessions::builder(keys, MemoryStore::new(clock.clone()), accounts_elsewhere(grant))
        .issuer("https://app.example")
        .clock(clock.clone())
        .build()
        .unwrap();

    let Opened::Tokens(first) = sessions.open("alice", Client::default()).await.unwrap() else { panic!() };
    let mut tokens = sessions.refresh(first.refresh_token()).await.unwrap();
    for _ in 0..2 {
        clock.advance(Duration::from_secs(3600));
        let Refreshed::Tokens(last) = tokens else { panic!() };
        tokens = sessions.refresh(last.refresh_token()).await.unwrap();
    }
    assert!(matches!(sessions.refresh(first.refresh_token()).await.unwrap(), Refreshed::Refused(_)));

    let expected = [
        ("jwt_sessions_events_total event=login cause=", 1),
        ("jwt_sessions_events_total event=reused cause=stale", 1),
        ("jwt_sessions_events_total event=revoked cause=reused", 1),
        ("jwt_sessions_events_total event=rotated cause=", 3),
    ];
    let counted = counted.all();
    let counted: Vec<_> = counted.iter().map(|(name, count)| (name.as_str(), *count)).collect();
    assert_eq!(counted, expected);
}
