//! What the layer sees in use is confirmed in the background, and nobody waits for it.
//!
//! What confirmations are for, that a copied predecessor and an orphan in use are noticed, stands in `sessions.rs`; what a store
//! makes of them in its conformance suite; that one which was down for a moment hears of it all the same in `endings.rs`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers outside of any test function fail their test")]

use std::collections::BTreeSet;
use std::time::Duration;

use jwt_sessions::session::Rotation;
use jwt_sessions::{Client, Opened, Refreshed};
use tokio::time::Instant;

use self::common::store::Mood;
use self::common::{World, session_of};
use self::counted::Counted;
use self::recorded::Recorder;

#[path = "common/world.rs"]
mod common;
#[path = "common/counted.rs"]
mod counted;
#[path = "common/recorded.rs"]
mod recorded;

/// How many wait, by the contract of `lost_sights`.
const QUEUE: usize = 4096;
const HOUR: u64 = 3600;

/// Access tokens of as many people.
async fn access_tokens(world: &World, people: usize) -> Vec<String> {
    let mut tokens = Vec::new();
    for number in 0..people {
        match world.sessions.open(format!("person{number}"), Client::default()).await.unwrap() {
            Opened::Tokens(opened) => tokens.push(opened.access_token().to_owned()),
            other => panic!("{other:?}"),
        }
    }
    tokens
}

fn see(world: &World, tokens: &[String]) {
    let verifier = world.sessions.verifier();
    tokens.iter().for_each(|token| drop(verifier.verify(token).unwrap()));
}

async fn renewed(world: &World, token: &str) -> (String, String) {
    match world.sessions.refresh(token).await.unwrap() {
        Refreshed::Tokens(tokens) => (tokens.access_token().to_owned(), tokens.refresh_token().to_owned()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_seen_within_a_second_is_one_write_with_each_sight_once() {
    let world = World::new();
    let tokens = access_tokens(&world, 50).await;
    let began = Instant::now();
    for _ in 0..3 {
        see(&world, &tokens);
        tokio::time::advance(Duration::from_millis(300)).await;
    }
    let batches = world.store.batches().await;
    assert!(began.elapsed() < Duration::from_millis(1500), "{:?}", began.elapsed());
    let [batch] = &batches[..] else { panic!("{} batches", batches.len()) };
    let seen: BTreeSet<_> = batch.iter().map(|seen| seen.session).collect();
    assert_eq!((batch.len(), seen.len()), (50, 50));
    assert!(batch.iter().all(|seen| seen.generation == 1 && seen.subject.starts_with("person")));
    assert_eq!(world.sessions.lost_sights(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_request_never_waits_for_a_confirmation() {
    let world = World::new();
    let jar = world.login("alice").await;
    world.store.is(Mood::Hanging);
    let began = Instant::now();
    for _ in 0..100 {
        assert!(world.takes(jar.get(common::ACCESS)).await);
    }
    assert_eq!(began.elapsed(), Duration::ZERO);
}

// On one thread, so that nothing is written between the sights, and the metrics recorder is this thread's own.
#[tokio::test]
async fn what_finds_no_room_is_lost_counted_and_sent_again_by_the_next_request() {
    let counted = Counted::default();
    let _here = metrics::set_default_local_recorder(&counted);
    let world = World::new();
    let tokens = access_tokens(&world, QUEUE + 10).await;
    see(&world, &tokens);
    assert_eq!(world.sessions.lost_sights(), 10);
    assert_eq!(counted.of("jwt_sessions_lost_sights_total "), 10);
    let (kept, lost) = tokens.split_at(QUEUE);
    world.sessions.flush().await;
    assert_eq!(world.store.batches().await.concat().len(), kept.len());

    see(&world, lost);
    world.sessions.flush().await;
    let confirmed: BTreeSet<_> = world.store.batches().await.concat().into_iter().map(|seen| seen.session).collect();
    let lost: BTreeSet<_> = lost.iter().map(|token| session_of(token)).collect();
    assert!(lost.is_subset(&confirmed), "{} of {}", confirmed.intersection(&lost).count(), lost.len());
    assert_eq!(world.sessions.lost_sights(), 10);
}

#[tokio::test]
async fn what_waits_for_a_store_that_is_down_is_bounded_and_the_rest_counted() {
    let world = World::new();
    let tokens = access_tokens(&world, 2 * QUEUE).await;
    world.store.is(Mood::Failing);
    let (first, second) = tokens.split_at(QUEUE - 100);
    see(&world, first);
    world.sessions.flush().await;
    see(&world, &second[..300]);
    world.sessions.flush().await;
    assert_eq!(world.sessions.lost_sights(), 200);
    world.store.is(Mood::Well);
    world.sessions.flush().await;
    assert_eq!(world.store.batches().await.concat().len(), QUEUE);
}

#[tokio::test]
async fn what_waited_for_a_store_is_confirmed_in_calls_that_it_can_answer_in_time() {
    let world = World::new();
    let tokens = access_tokens(&world, 1000).await;
    world.store.is(Mood::Failing);
    see(&world, &tokens);
    world.sessions.flush().await;
    world.store.is(Mood::Well);
    world.sessions.flush().await;
    let batches = world.store.batches().await;
    assert!(batches.iter().all(|batch| batch.len() <= 256), "{} batches", batches.len());
    let confirmed: BTreeSet<_> = batches.concat().into_iter().map(|seen| seen.session).collect();
    assert_eq!((batches.concat().len(), confirmed.len()), (1000, 1000));
    world.sessions.flush().await;
    assert!(world.store.batches_so_far().is_empty(), "each once");
}

#[tokio::test]
async fn a_full_batch_is_not_kept_waiting() {
    let world = World::new();
    let tokens = access_tokens(&world, QUEUE).await;
    // From here on: logins take real time, in which a paused clock runs away.
    tokio::time::pause();
    let began = Instant::now();
    see(&world, &tokens);
    assert_eq!(world.store.batches().await.concat().len(), QUEUE);
    assert!(began.elapsed() < Duration::from_millis(10), "{:?}", began.elapsed());
}

/// A session whose lost answer was issued anew, and the lost answer's access token.
async fn orphan(world: &World) -> (jwt_sessions::token::SessionId, String) {
    let held = world.login_by_body("alice").await;
    world.wait(HOUR);
    let (orphan, _) = renewed(world, &held.refresh).await;
    world.wait(HOUR / 6);
    let _ = renewed(world, &held.refresh).await;
    (session_of(&orphan), orphan)
}

#[tokio::test]
async fn an_orphan_in_use_ends_its_session_also_when_the_store_fails_to_at_first() {
    let recorder = Recorder::default();
    let world = World::built(|builder| builder.events(recorder.clone()));
    let (session, orphan) = orphan(&world).await;
    world.store.is(Mood::Unending);
    assert!(world.takes(&orphan).await);
    world.sessions.flush().await;
    assert!(world.lives("alice", session).await);
    recorder.take();
    world.store.is(Mood::Well);
    world.sessions.flush().await;
    assert!(!world.lives("alice", session).await);
    assert!(!world.takes(&orphan).await);
    assert_eq!(recorder.take(), ["revoked:reused", "reused:orphan"]);
}

#[tokio::test]
async fn with_the_lenient_preset_an_orphan_in_use_is_an_event_and_no_more() {
    let recorder = Recorder::default();
    let world = World::built(|builder| builder.events(recorder.clone()).rotation(Rotation::lenient()));
    let (session, orphan) = orphan(&world).await;
    recorder.take();
    assert!(world.takes(&orphan).await);
    world.sessions.flush().await;
    assert_eq!(recorder.take(), ["orphan_seen"]);
    assert!(world.lives("alice", session).await && world.takes(&orphan).await);
}

#[tokio::test(start_paused = true)]
async fn what_stays_in_use_is_confirmed_again_every_five_minutes() {
    let world = World::new();
    let tokens = access_tokens(&world, 1).await;
    let used_for = async |seconds: u64| {
        let mut written = 0;
        for _ in 0..seconds {
            see(&world, &tokens);
            // As long as the task has something to do at this moment.
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
            tokio::time::advance(Duration::from_secs(1)).await;
            written += world.store.batches_so_far().concat().len();
        }
        written
    };
    assert_eq!(used_for(5).await, 1);
    assert_eq!(used_for(290).await, 0);
    assert_eq!(used_for(10).await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_confirmation_does_not_wait_for_a_long_purge() {
    let world = World::new();
    let tokens = access_tokens(&world, 1).await;
    world.store.is(Mood::Littered);
    // The purge has begun by then, and never ends.
    tokio::time::sleep(Duration::from_secs(310)).await;
    let began = Instant::now();
    see(&world, &tokens);
    assert_eq!(world.store.batches().await.concat().len(), 1);
    assert!(began.elapsed() < Duration::from_millis(1500), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn the_last_handle_that_goes_has_everything_written_and_the_task_ended() {
    let world = World::new();
    let tokens = access_tokens(&world, 3).await;
    see(&world, &tokens);
    let World { store, sessions, app, .. } = world;
    let (began, verifier) = (Instant::now(), sessions.verifier());
    drop((sessions, app));
    // A layer elsewhere still sees what is in use.
    tokio::task::yield_now().await;
    assert!(store.holders() > 1);
    drop(verifier);
    assert_eq!(store.batches().await.concat().len(), 3);
    assert_eq!(began.elapsed(), Duration::ZERO, "it does not wait for the second to end");
    tokio::task::yield_now().await;
    assert_eq!(store.holders(), 1, "the task has ended, and with it all that it held");
}

#[test]
fn what_a_runtime_that_ended_had_not_written_is_written_in_the_next() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let first = runtime();
    let (world, tokens) = first.block_on(async {
        let world = World::new();
        let tokens = access_tokens(&world, 3).await;
        see(&world, &tokens);
        // The task takes them from the queue, and begins to gather.
        tokio::task::yield_now().await;
        (world, tokens)
    });
    drop(first);
    runtime().block_on(async {
        world.sessions.flush().await;
        assert_eq!(world.store.batches().await.concat().len(), tokens.len());
        assert_eq!(world.sessions.lost_sights(), 0);
    });
}
