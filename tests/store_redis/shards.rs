//! A Cluster of which one shard is away: what the others end is told all the same.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use jwt_sessions::auth::RefusalKind;
use jwt_sessions::session::{FeedState, Stance};
use jwt_sessions::store::{RedisStore, SessionStore};
use jwt_sessions::{Client, Grant, Keys, Opened, Sessions, Tokens, accounts_elsewhere};
use serde_json::json;
use tokio::task::JoinSet;

use crate::lateness::Lateness;
use crate::servers::redis::Cluster;
use crate::servers::until;

const SECOND: Duration = Duration::from_secs(1);
/// Those that are left go on, as they also do by default until a failure was noticed.
const GOES_ON: [&str; 2] = ["--cluster-require-full-coverage", "no"];

async fn instance(cluster: &Cluster, stance: Stance) -> Sessions<RedisStore> {
    let store = RedisStore::cluster(cluster.connection().await);
    store.migrate().await.unwrap();
    let grant = async |_: String| Ok::<_, Infallible>(Some(Grant::new(json!({}))));
    let keys = Keys::secrets("access-secret-0123456789-abcdefghij", "refresh-secret-0123456789-abcdefghij").unwrap();
    let builder = Sessions::builder(keys, store, accounts_elsewhere(grant)).issuer("id").stance(stance);
    builder.build().unwrap()
}

async fn open(sessions: &Sessions<RedisStore>, subject: &str) -> Option<Tokens> {
    match sessions.open(subject, Client::default()).await {
        Ok(Opened::Tokens(tokens)) => Some(tokens),
        _ => None,
    }
}

async fn comes_to(sessions: &Sessions<RedisStore>, state: FeedState) {
    let found = async || if sessions.feed_state() == state { Ok(()) } else { Err(sessions.feed_state()) };
    until("the state of the feed", found).await;
}

/// Those of whose partition the master answers.
async fn living(store: &RedisStore, opened: Vec<(String, Tokens)>) -> Vec<(String, Tokens)> {
    let mut asking = JoinSet::new();
    for (subject, tokens) in opened {
        let store = store.clone();
        asking
            .spawn(async move { store.load(&subject, tokens.session_id()).await.is_ok().then_some((subject, tokens)) });
    }
    asking.join_all().await.into_iter().flatten().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_shards_that_are_left_tell_what_was_ended() {
    for freezes in [false, true] {
        let mut cluster = Cluster::start_with(&GOES_ON).await;
        let (one, other) = (instance(&cluster, Stance::Serve).await, instance(&cluster, Stance::Serve).await);
        let strict = instance(&cluster, Stance::Refuse).await;
        let store = RedisStore::cluster(cluster.connection().await);
        let mut opened = Vec::new();
        for n in 0..24 {
            let subject = format!("subject {n}");
            let tokens = open(&one, &subject).await.unwrap();
            opened.push((subject, tokens));
        }
        other.ready().await;
        strict.ready().await;
        let all = opened.len();

        if freezes {
            cluster.0[2].process().freeze();
        } else {
            cluster.0[2].kill();
        }
        comes_to(&other, FeedState::Behind).await;
        let living = living(&store, opened).await;
        assert!(living.len() > all / 3 && living.len() < all, "{} of {all}", living.len());
        let (mut slowest, lateness) = (Duration::ZERO, Lateness::begin());
        for (subject, tokens) in &living {
            let access = tokens.access_token();
            assert!(other.verifier().verify(access).is_ok());
            one.revoke(subject, tokens.session_id()).await.unwrap();
            let begun = Instant::now();
            until("the end at the other instance", async || match other.verifier().verify(access) {
                Err(refused) if refused.kind() == RefusalKind::SessionEnded => Ok(()),
                other => Err(other.map(drop)),
            })
            .await;
            slowest = slowest.max(begun.elapsed());
            // It does not know of all: one that must, refuses.
            assert_eq!(other.feed_state(), FeedState::Behind);
            let refused = strict.verifier().verify(access).unwrap_err();
            assert!([RefusalKind::SessionEnded, RefusalKind::Unready].contains(&refused.kind()), "{refused:?}");
        }
        eprintln!("frozen: {freezes}; {} ends, the slowest after {slowest:?}", living.len());
        assert!(slowest < SECOND + lateness.most(), "{slowest:?}");
        // Nor do those wait who log in there, or are told at once.
        let begun = Instant::now();
        let (subject, _) = living.first().unwrap();
        let tokens = open(&one, subject).await.unwrap();
        let took = begun.elapsed();
        assert!(took < SECOND + lateness.most(), "{took:?}");
        assert!(other.verifier().verify(tokens.access_token()).is_ok());

        if freezes {
            cluster.0[2].process().thaw();
        } else {
            cluster.0[2].restart().await;
        }
        comes_to(&other, FeedState::Current).await;
        comes_to(&strict, FeedState::Current).await;
        assert!(strict.verifier().verify(tokens.access_token()).is_ok());
    }
}
