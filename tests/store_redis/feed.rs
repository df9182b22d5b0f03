//! The feed, where only a stream can go wrong.

use std::collections::HashSet;

use jwt_sessions::store::{Cursor, Ends, RedisStore, RevokeReason, SessionStore, Swap};
use redis::cmd;

use crate::servers::redis::Redis;
use crate::{ready, session, with, won};

async fn read(store: &RedisStore, mut cursor: Cursor) -> (Vec<Ends>, Cursor) {
    let mut ends = Vec::new();
    loop {
        let feed = store.feed(&cursor).await.unwrap();
        ends.extend(feed.entries.iter().map(|entry| entry.ends));
        cursor = feed.cursor;
        if !feed.more {
            return (ends, cursor);
        }
    }
}

/// The only feed that has something.
async fn stream(server: &Redis) -> String {
    let keys: Vec<String> = cmd("KEYS").arg("*:feed").query_async(&mut server.connection().await).await.unwrap();
    assert_eq!(keys.len(), 1, "{keys:?}");
    keys.concat()
}

#[tokio::test]
async fn many_pages_are_read_whole_and_in_order() {
    let server = Redis::start(&[]).await;
    let store = ready(&server).await;
    let mut expected = Vec::new();
    for n in 0..1500 {
        let alice = session("alice", n);
        store.create(&alice).await.unwrap();
        store.revoke("alice", alice.id, RevokeReason::Logout).await.unwrap();
        expected.push(Ends::Session(alice.id));
    }
    let page = store.feed(&Cursor::default()).await.unwrap();
    assert!(page.more && page.entries.len() < 1000);
    let (ends, cursor) = read(&store, Cursor::default()).await;
    assert_eq!(ends, expected);
    assert!(read(&store, cursor).await.0.is_empty());
}

#[tokio::test]
async fn a_stream_that_is_lost_or_put_back_is_read_from_its_beginning() {
    let server = Redis::start(&[]).await;
    let store = ready(&server).await;
    let mut connection = server.connection().await;
    let sessions: Vec<_> = (0..4).map(|n| session("alice", n)).collect();
    for session in &sessions {
        store.create(session).await.unwrap();
    }
    let revoke = async |n: usize| {
        store.revoke("alice", sessions[n].id, RevokeReason::Logout).await.unwrap();
        Ends::Session(sessions[n].id)
    };
    let first = revoke(0).await;
    let key = stream(&server).await;
    let backup: Vec<u8> = cmd("DUMP").arg(&key).query_async(&mut connection).await.unwrap();
    let second = revoke(1).await;
    let (ends, cursor) = read(&store, Cursor::default()).await;
    assert_eq!(ends, [first, second]);

    // Put back as it was before the second; a reader that was further is behind nothing.
    cmd("RESTORE").arg(&key).arg(0).arg(&backup).arg("REPLACE").exec_async(&mut connection).await.unwrap();
    let (ends, behind) = read(&store, cursor.clone()).await;
    assert_eq!(ends, [first]);
    // It has gone on beyond where the reader was, before the reader came back.
    let third = revoke(2).await;
    assert_eq!(read(&store, cursor.clone()).await.0, [first, third]);
    assert_eq!(read(&store, behind).await.0, [third]);

    // Gone, and begun anew.
    cmd("DEL").arg(&key).exec_async(&mut connection).await.unwrap();
    let (ends, _) = read(&store, cursor.clone()).await;
    assert!(ends.is_empty());
    let fourth = revoke(3).await;
    assert_eq!(read(&store, cursor.clone()).await.0, [fourth]);

    // A server whose clock is behind took over, and has passed the place of the reader before it came back.
    cmd("DEL").arg(&key).exec_async(&mut connection).await.unwrap();
    let place = String::from_utf8(cursor.as_bytes().to_vec()).unwrap();
    let place = place.split(' ').find(|place| place.len() > 1).unwrap().split_once(':').unwrap().0.to_owned();
    let (millis, number) = place.split_once('-').unwrap();
    let at = |after: i64| format!("{}-{number}", millis.parse::<i64>().unwrap() + after);
    for (id, session) in [(at(-50), &sessions[0]), (at(50), &sessions[1])] {
        let add = [key.as_str(), &id, "s"];
        cmd("XADD").arg(&add).arg(session.id.as_bytes()).exec_async(&mut connection).await.unwrap();
    }
    assert_eq!(read(&store, cursor.clone()).await.0, [first, second]);

    // It even gave the id of what was read to something else.
    cmd("DEL").arg(&key).exec_async(&mut connection).await.unwrap();
    for (id, session) in [(at(-50), &sessions[2]), (at(0), &sessions[3])] {
        let add = [key.as_str(), &id, "s"];
        cmd("XADD").arg(&add).arg(session.id.as_bytes()).exec_async(&mut connection).await.unwrap();
    }
    assert_eq!(read(&store, cursor).await.0, [third, fourth]);
}

#[tokio::test]
async fn a_feed_is_trimmed_by_age_and_never_by_count() {
    let server = Redis::start(&[]).await;
    let store = ready(&server).await;
    let mut connection = server.connection().await;
    let alice = session("alice", 1);
    store.create(&alice).await.unwrap();
    let now = store.load("alice", alice.id).await.unwrap().unwrap().now;
    store.revoke("alice", alice.id, RevokeReason::Logout).await.unwrap();
    let key = stream(&server).await;
    cmd("DEL").arg(&key).exec_async(&mut connection).await.unwrap();
    // 5,000 of two hours ago, one of just within use, one of today.
    let id = [9_u8; 16];
    let mut pipeline = redis::pipe();
    for n in 0..5000 {
        let old = format!("{}-{n}", now.as_millis() - 7_200_000);
        pipeline.cmd("XADD").arg(&key).arg(old).arg("s").arg(id.as_slice()).ignore();
    }
    let late = format!("{}-0", now.as_millis() - 3_600_000);
    pipeline.cmd("XADD").arg(&key).arg(late).arg("s").arg(alice.id.as_bytes()).ignore();
    pipeline.exec_async(&mut connection).await.unwrap();

    let feed = store.feed(&Cursor::default()).await.unwrap();
    assert_eq!(feed.entries.len(), 1, "what is of no use any more is not read");
    assert_eq!(feed.entries[0].ends, Ends::Session(alice.id));
    assert!(feed.entries[0].age.as_millis() >= 3_600_000);
    store.purge(1).await.unwrap();
    let left: u64 = cmd("XLEN").arg(&key).query_async(&mut connection).await.unwrap();
    // Redis lets go of whole nodes, of 100 entries.
    assert!((1..=101).contains(&left), "{left}");
    assert_eq!(read(&store, Cursor::default()).await.0, [Ends::Session(alice.id)]);
}

#[tokio::test]
async fn the_feed_is_told_before_the_row() {
    let server = Redis::start(&[]).await;
    let store = ready(&server).await;
    let (alice, bob) = (session("alice", 1), session("alice", 2));
    store.create(&alice).await.unwrap();
    store.create(&bob).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("monitor");
    let args = ["-p", &server.port.to_string(), "MONITOR"];
    let monitor = crate::servers::process::Process::start("redis-cli", &args, &log);
    let seen = || std::fs::read_to_string(&log).unwrap_or_default();
    crate::servers::until("MONITOR", async || if seen().contains("OK") { Ok(()) } else { Err(()) }).await;

    won(&store, &alice, with(Swap::new((1, 1), 2, 2), |swap| swap.cut = 2)).await;
    store.revoke("alice", alice.id, RevokeReason::Logout).await.unwrap();
    store.revoke_subject("alice", None, RevokeReason::Logout).await.unwrap();
    store.load("alice", session("the end", 1).id).await.unwrap();
    crate::servers::until(
        "the calls",
        async || if seen().matches("lua] \"TIME\"").count() >= 4 { Ok(()) } else { Err(()) },
    )
    .await;
    let said = seen();
    let writes = said.lines().filter_map(|line| {
        let line = line.split_once("lua] \"")?.1;
        ["XADD", "HSET"].into_iter().find(|name| line.starts_with(name))
    });
    let writes: Vec<_> = writes.collect();
    // Of the last, the first HSET is the note of the subject.
    assert_eq!(writes, ["XADD", "HSET", "XADD", "HSET", "XADD", "HSET", "HSET"], "{said}");
    drop(monitor);
}

#[tokio::test]
async fn all_that_was_issued_is_ended_once_more_after_the_walk() {
    let server = Redis::start(&[]).await;
    let store = ready(&server).await;
    let mut last = None;
    for n in 0..700 {
        let session = session(&format!("subject {n}"), n);
        store.create(&session).await.unwrap();
        last = Some(session);
    }
    let last = last.unwrap();
    let now = store.load(&last.subject, last.id).await.unwrap().unwrap().now;
    let before = now.after(std::time::Duration::from_millis(1));
    assert_eq!(store.revoke_all(before).await.unwrap(), 700);
    let (ends, _) = read(&store, Cursor::default()).await;
    assert_eq!(ends.iter().collect::<HashSet<_>>().len(), 1);
    assert_eq!(ends, [Ends::All, Ends::All]);
    assert_eq!(store.revoke_all(before).await.unwrap(), 0);
}
