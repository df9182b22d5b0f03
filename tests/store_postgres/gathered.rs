//! Rotations that wait at the same time share a statement, and nothing else.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use jwt_sessions::store::{NewSession, PostgresStore, RevokeReason, SessionStore, StoreError, Swap, Swapped};
use sqlx::postgres::PgPool;
use tokio::task::JoinSet;

use super::servers::postgres::Postgres;
use super::servers::until;
use super::statements::{Logged, undisturbed, updates};
use super::{fresh, number, open, ready, rotation, run, session, swap, wins};

async fn opened(store: &PostgresStore, count: u64) -> Vec<NewSession> {
    let sessions: Vec<_> = (0..count).map(|n| session(n, &format!("subject {n}"))).collect();
    for session in &sessions {
        open(store, session).await;
    }
    sessions
}

type Swaps = JoinSet<(usize, Result<Swapped, StoreError>)>;

/// All swaps at the same time. In a runtime of one thread all of them are there before the first is sent.
fn at_once(store: &PostgresStore, swaps: impl IntoIterator<Item = (NewSession, Swap)>) -> Swaps {
    let mut tasks = JoinSet::new();
    for (n, (session, swap)) in swaps.into_iter().enumerate() {
        let store = store.clone();
        tasks.spawn(async move { (n, store.swap(&session.subject, session.id, &session.secret_hash, &swap).await) });
    }
    tasks
}

/// What came of them, in the order in which they were named.
async fn all(mut tasks: Swaps) -> Vec<Result<Swapped, StoreError>> {
    let mut done = Vec::new();
    while let Some(answer) = tasks.join_next().await {
        done.push(answer.unwrap());
    }
    done.sort_by_key(|(n, _)| *n);
    done.into_iter().map(|(_, answer)| answer).collect()
}

fn each(sessions: &[NewSession], swap: Swap) -> impl Iterator<Item = (NewSession, Swap)> {
    sessions.iter().map(move |session| (session.clone(), swap))
}

fn won(answer: &Result<Swapped, StoreError>) -> u64 {
    match answer {
        Ok(Swapped::Won(won)) => won.row.generation,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn rotations_that_wait_share_a_statement_and_each_is_decided_alone() {
    let logged = Logged::new().await;
    let sessions = opened(&logged.store, 100).await;
    logged.store.revoke(&sessions[3].subject, sessions[3].id, RevokeReason::Logout).await.unwrap();
    let mut swaps: Vec<_> = each(&sessions, rotation(1)).collect();
    swaps[0].1 = rotation(7);
    swaps[1].0.secret_hash = jwt_sessions::token::SecretHash::from_bytes([8; 32]);
    swaps[2].1.unless_seen = true;
    swaps[4].1.quiet_for = Some(Duration::from_secs(90));
    swaps[5].1.seen = 9;

    let before = logged.statements();
    let answers = all(at_once(&logged.store, swaps)).await;
    assert_eq!(logged.statements() - before, 1, "losers too are answered by it");
    for (n, (answer, session)) in answers.iter().zip(&sessions).enumerate() {
        let (found, has_won) = match answer {
            Ok(Swapped::Won(found)) => (found, true),
            Ok(Swapped::Lost(Some(found))) => (found, false),
            other => panic!("{n}: {other:?}"),
        };
        assert_eq!(has_won, ![0, 1, 3].contains(&n), "{n}");
        let row = found.row;
        assert_eq!((row.id, row.generation), (session.id, if has_won { 2 } else { 1 }), "{n}");
        assert_eq!(row.revoked.is_some(), n == 3);
        assert_eq!(row.seen, if n == 5 { 9 } else { 0 });
        let is_stored = logged.store.load(&session.subject, session.id).await.unwrap().unwrap();
        assert_eq!(format!("{:?}", is_stored.row), format!("{row:?}"), "{n}");
        if has_won {
            assert_eq!(found.now, row.rotated_at);
        }
    }
    // Not within 90 seconds of the last rotation.
    let mut swaps: Vec<_> = each(&sessions[10..20], rotation(2)).collect();
    swaps[4].1.quiet_for = Some(Duration::from_secs(90));
    let answers = all(at_once(&logged.store, swaps)).await;
    assert!(matches!(answers[4], Ok(Swapped::Lost(Some(_)))));
    assert_eq!(answers.iter().filter(|answer| matches!(answer, Ok(Swapped::Won(_)))).count(), 9);
}

#[tokio::test]
async fn a_session_that_is_there_twice_is_decided_twice() {
    let server = Postgres::shared();
    let (store, _) = fresh(&server).await;
    let sessions = opened(&store, 10).await;
    let twice = |swap: [Swap; 2]| sessions.iter().flat_map(move |session| swap.map(|swap| (session.clone(), swap)));
    for pair in all(at_once(&store, twice([rotation(1), rotation(1)]))).await.chunks(2) {
        let winners =
            pair.iter().filter(|answer| matches!(answer, Ok(Swapped::Won(found)) if found.row.generation == 2));
        let losers =
            pair.iter().filter(|answer| matches!(answer, Ok(Swapped::Lost(Some(found))) if found.row.generation == 2));
        assert_eq!((winners.count(), losers.count()), (1, 1), "{pair:?}");
    }
    // The second is the first one's successor, and wins if it comes second.
    for pair in all(at_once(&store, twice([rotation(2), rotation(3)]))).await.chunks(2) {
        assert_eq!(won(&pair[0]), 3);
        assert!(matches!(pair[1], Ok(Swapped::Won(_)) | Ok(Swapped::Lost(Some(_)))), "{pair:?}");
    }
    let mut mixed = Vec::new();
    for session in &sessions {
        let row = store.load(&session.subject, session.id).await.unwrap().unwrap().row;
        assert!(row.generation == 3 || row.generation == 4);
        mixed.push((session.clone(), Swap::new((row.generation, row.previous), 5, row.generation)));
    }
    mixed.push((session(99, "nobody"), rotation(4)));
    let answers = all(at_once(&store, mixed)).await;
    assert!(matches!(answers[10], Ok(Swapped::Lost(None))), "{:?}", answers[10]);
    assert!(answers[..10].iter().all(|answer| won(answer) == 5));
}

/// Whoever has the row, and whatever he does with it: the others are answered while he has it.
#[tokio::test]
async fn a_row_that_another_transaction_has_holds_up_nobody_else() {
    let server = Postgres::shared();
    let (store, pool) = fresh(&server).await;
    let sessions = opened(&store, 32).await;
    for (n, holder) in
        ["SELECT FROM jwt_sessions", "UPDATE jwt_sessions SET label = 'x'", "UPDATE jwt_sessions SET cut = 0"]
            .into_iter()
            .enumerate()
    {
        let mut holding = pool.begin().await.unwrap();
        let lock = if n == 0 { "FOR UPDATE" } else { "" };
        let holder = sqlx::AssertSqlSafe(format!("{holder} WHERE subject = 'subject 7' {lock}"));
        sqlx::query(holder).execute(&mut *holding).await.unwrap();
        let mut tasks = at_once(&store, each(&sessions, rotation(n as u64 + 1)));
        for _ in 0..31 {
            let (who, answer) = tasks.join_next().await.unwrap().unwrap();
            assert_ne!(who, 7);
            won(&answer);
        }
        // And the next ones too, also where they come alone.
        wins(&store, &sessions[8], &rotation(n as u64 + 2)).await;
        store
            .swap(
                "subject 8",
                sessions[8].id,
                &sessions[8].secret_hash,
                &Swap::new((n as u64 + 3, n as u64 + 2), n as u64 + 2, n as u64 + 1),
            )
            .await
            .unwrap();
        let begun = number(&pool, "SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint").await;
        holding.commit().await.unwrap();
        let (_, answer) = tasks.join_next().await.unwrap().unwrap();
        let Ok(Swapped::Won(won)) = answer else { panic!("{answer:?}") };
        assert!(won.now.as_millis() >= begun, "time is read after the wait");
    }
}

/// Has rotations of one subject raise an error.
async fn break_rows(pool: &PgPool, how: &str) {
    run(
        pool,
        format!(
            "CREATE SEQUENCE tries;
            CREATE FUNCTION fails() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {how} RETURN new; END $$;
            CREATE TRIGGER fails BEFORE UPDATE ON jwt_sessions FOR EACH ROW
                WHEN (old.subject = 'subject 20') EXECUTE FUNCTION fails()"
        ),
    )
    .await;
}

#[tokio::test]
async fn an_error_of_one_is_nobody_elses() {
    let server = Postgres::shared();
    let (store, pool) = fresh(&server).await;
    let sessions = opened(&store, 33).await;
    break_rows(&pool, "RAISE EXCEPTION 'broken';").await;
    for generation in 1..4 {
        let mut swaps: Vec<_> = each(&sessions, rotation(generation)).collect();
        swaps[20].1 = rotation(1);
        for (n, answer) in all(at_once(&store, swaps)).await.iter().enumerate() {
            match n {
                20 => assert!(answer.is_err()),
                _ => assert_eq!(won(answer), generation + 1, "{n}"),
            }
        }
    }
}

#[tokio::test]
async fn a_statement_that_lost_a_deadlock_is_made_again() {
    let server = Postgres::shared();
    let (store, pool) = fresh(&server).await;
    let sessions = opened(&store, 33).await;
    let deadlock = "IF nextval('tries') < 9 THEN RAISE EXCEPTION 'x' USING ERRCODE = 'deadlock_detected'; END IF;";
    break_rows(&pool, deadlock).await;
    let answers = all(at_once(&store, each(&sessions, rotation(1)))).await;
    assert!(answers.iter().all(|answer| won(answer) == 2));
    assert!(number(&pool, "SELECT last_value FROM tries").await >= 9, "it was tried");
}

/// Rotations, confirmations and ends of the same sessions from two instances: nobody waits for one another in a circle.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_deadlocks() {
    let server = Postgres::shared();
    let (store, pool) = fresh(&server).await;
    let database: String = sqlx::query_scalar("SELECT current_database()::text").fetch_one(&pool).await.unwrap();
    let other = PostgresStore::new(server.pool(&database, 10));
    for round in 0..20 {
        let sessions: Vec<_> = (0..40).map(|n| session(100 * round + n, "alice")).collect();
        for session in &sessions {
            open(&store, session).await;
        }
        let backwards: Vec<_> = sessions.iter().rev().cloned().collect();
        let (one, two) =
            (at_once(&store, each(&sessions, rotation(1))), at_once(&other, each(&backwards, rotation(1))));
        let seen: Vec<_> =
            sessions.iter().map(|session| jwt_sessions::store::Seen::new("alice", session.id, 1)).collect();
        let (ended, noted) =
            tokio::join!(other.revoke_subject("alice", None, RevokeReason::LogoutAll), store.confirm(&seen));
        ended.unwrap();
        noted.unwrap();
        let (one, two) = (all(one).await, all(two).await);
        for (n, (one, two)) in one.iter().zip(two.iter().rev()).enumerate() {
            let winners = [one, two].into_iter().filter(|answer| matches!(answer, Ok(Swapped::Won(_)))).count();
            assert!(winners <= 1 && one.is_ok() && two.is_ok(), "{round}, {n}: {one:?} {two:?}");
        }
    }
    run(&pool, "SELECT pg_stat_force_next_flush()").await;
    let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    assert_eq!(number(&pool, deadlocks).await, 0);
}

/// Whoever ends all sessions has b's row, which a confirmation waits for, and comes to a's, which that has.
#[tokio::test(flavor = "multi_thread")]
async fn ending_all_waits_for_no_confirmation_in_a_circle() {
    let server = Postgres::shared();
    let (store, pool) = fresh(&server).await;
    // As they lie in the table. The middle one takes its time.
    let sessions = ["b", "c", "a"].map(|subject| session(1, subject));
    for session in &sessions {
        open(&store, session).await;
    }
    run(
        &pool,
        "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN IF NEW.revoked_at IS NOT NULL THEN PERFORM pg_sleep(3); END IF; RETURN NEW; END $$",
    )
    .await;
    run(
        &pool,
        "CREATE TRIGGER dawdle BEFORE UPDATE ON jwt_sessions FOR EACH ROW WHEN (NEW.subject = 'c') EXECUTE FUNCTION dawdle()",
    )
    .await;
    let ending = tokio::spawn({
        let store = store.clone();
        async move { store.revoke_all(super::LATER).await }
    });
    let sleeps = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()";
    until("the end of c", async || if number(&pool, sleeps).await > 0 { Ok(()) } else { Err("not yet") }).await;
    let seen = ["a", "b"].map(|subject| jwt_sessions::store::Seen::new(subject, sessions[0].id, 1));
    store.confirm(&seen).await.unwrap();
    assert_eq!(ending.await.unwrap().unwrap(), 3);
    run(&pool, "SELECT pg_stat_force_next_flush()").await;
    let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    assert_eq!(number(&pool, deadlocks).await, 0);
}

/// Of callers that stop waiting, wherever that is, each rotation is made once or not at all.
#[tokio::test(flavor = "multi_thread")]
async fn dropped_callers_lose_and_double_nothing() {
    let server = Postgres::shared();
    let (store, _) = fresh(&server).await;
    let sessions = opened(&store, 64).await;
    let mut generations = vec![1; 64];
    for round in 0..50 {
        let mut tasks = JoinSet::new();
        for (n, (session, generation)) in sessions.iter().zip(&generations).enumerate() {
            let (store, session, generation) = (store.clone(), session.clone(), *generation);
            let patience =
                Duration::from_micros(if n % 2 == 0 { 10_000_000 } else { (round * 97 + n as u64 * 31) % 4000 });
            tasks.spawn(async move {
                let swap =
                    Swap::new((generation, generation - 1 + u64::from(generation == 1)), generation + 1, generation);
                let call = store.swap(&session.subject, session.id, &session.secret_hash, &swap);
                (n, tokio::time::timeout(patience, call).await.ok())
            });
        }
        while let Some(done) = tasks.join_next().await {
            let (n, answer) = done.unwrap();
            let before = generations[n];
            match answer {
                Some(answer) => generations[n] = won(&answer),
                // Asked until it is decided: a statement that is under way may still write.
                None => {
                    let row = store.load(&sessions[n].subject, sessions[n].id).await.unwrap().unwrap().row;
                    let swap = Swap::new((row.generation, row.previous), row.generation + 1, row.generation);
                    generations[n] = match super::swap(&store, &sessions[n], &swap).await {
                        Swapped::Won(won) => won.row.generation,
                        Swapped::Lost(lost) => lost.unwrap().row.generation,
                        other => panic!("{other:?}"),
                    };
                    assert!((before + 1..=before + 2).contains(&generations[n]));
                }
            }
        }
        for (session, generation) in sessions.iter().zip(&generations) {
            let row = store.load(&session.subject, session.id).await.unwrap().unwrap().row;
            assert_eq!((row.generation, row.previous), (*generation, generation - 1), "round {round}");
        }
    }
}

#[tokio::test]
async fn what_was_not_yet_sent_is_left_out_when_its_caller_is_gone() {
    let logged = Logged::new().await;
    let alice = session(1, "alice");
    open(&logged.store, &alice).await;
    let before = logged.statements();
    {
        let swap = rotation(1);
        let mut call = pin!(logged.store.swap("alice", alice.id, &alice.secret_hash, &swap));
        assert!(std::future::poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx).is_pending())).await);
    }
    wins(&logged.store, &alice, &rotation(1)).await;
    assert_eq!(logged.statements() - before, 1);
}

#[tokio::test]
async fn no_task_outlives_its_store() {
    let server = Postgres::shared();
    let (store, pool) = fresh(&server).await;
    let sessions = opened(&store, 64).await;
    let mut holding = pool.begin().await.unwrap();
    sqlx::query("SELECT FROM jwt_sessions WHERE subject = 'subject 7' FOR UPDATE")
        .execute(&mut *holding)
        .await
        .unwrap();
    let metrics = tokio::runtime::Handle::current().metrics();
    super::servers::until("the pool to be quiet", async || (metrics.num_alive_tasks() < 8).then_some(()).ok_or("busy"))
        .await;
    let mut tasks = at_once(&store, each(&sessions, rotation(1)));
    for _ in 0..63 {
        won(&tasks.join_next().await.unwrap().unwrap().1);
    }
    drop((tasks, store));
    holding.rollback().await.unwrap();
    pool.close().await;
    super::servers::until("all tasks to end", async || {
        let alive = metrics.num_alive_tasks();
        if alive == 0 { Ok(()) } else { Err(alive) }
    })
    .await;
}

#[tokio::test]
async fn gathered_rotations_write_no_index() {
    let server = undisturbed().await;
    let pool = server.pool("postgres", 1);
    let store = ready(pool.clone()).await;
    let sessions = opened(&store, 1500).await;
    // A few of each page at a time, as those who happen to refresh at the same moment are.
    for generation in 1..=5 {
        for first in 0..50 {
            let some: Vec<_> = sessions.iter().skip(first).step_by(50).cloned().collect();
            assert!(all(at_once(&store, each(&some, rotation(generation)))).await.iter().all(|answer| won(answer) > 1));
        }
    }
    run(&pool, "SELECT pg_stat_force_next_flush()").await;
    let (updated, hot) = updates(&pool).await;
    assert_eq!(updated, 5 * 1500);
    assert_eq!(hot, updated);
}

/// An application whose pool has one connection, which others want too.
#[tokio::test(flavor = "multi_thread")]
async fn a_pool_of_one_connection_is_shared() {
    let server = Postgres::shared();
    let (_, pool) = fresh(&server).await;
    let database: String = sqlx::query_scalar("SELECT current_database()::text").fetch_one(&pool).await.unwrap();
    let store = Arc::new(PostgresStore::new(server.pool(&database, 1)));
    let sessions = opened(&store, 16).await;
    let mut rotating = JoinSet::new();
    for session in sessions.clone() {
        let store = Arc::clone(&store);
        rotating.spawn(async move {
            for generation in 1.. {
                wins(&store, &session, &rotation(generation)).await;
            }
        });
    }
    for _ in 0..50 {
        let list = tokio::time::timeout(Duration::from_secs(5), store.list("subject 3"));
        assert_eq!(list.await.expect("its turn").unwrap().len(), 1);
    }
    rotating.abort_all();
    while rotating.join_next().await.is_some() {}
    let row = store.load("subject 3", sessions[3].id).await.unwrap().unwrap().row;
    assert!(row.generation > 1);
    swap(&store, &sessions[3], &Swap::new((row.generation, row.previous), row.generation + 1, row.generation)).await;
}
